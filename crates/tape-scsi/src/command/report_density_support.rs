//! REPORT DENSITY SUPPORT (SSC-5): what the drive, or the cartridge in it, can be recorded with.

use crate::bytes::{u8_at, u16_at, u24_at, u32_at};
use crate::{Command, Malformed, ScsiError, Timeout, Transport};

const NAME: &str = "REPORT DENSITY SUPPORT";
/// Length of one descriptor.
const DESCRIPTOR: usize = 52;
/// Longest answer that is asked for.
const ALLOCATION: u16 = 0x2000;

/// Which densities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// MEDIA = 0: all that the drive knows.
    Drive,
    /// MEDIA = 1: those of the cartridge in it.
    Medium,
}

/// One density.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Density {
    /// PRIMARY DENSITY CODE.
    pub primary: u8,
    /// SECONDARY DENSITY CODE: another name for the same.
    pub secondary: u8,
    /// WRTOK: it can be written.
    pub writable: bool,
    /// DUP: there is another descriptor with this primary code.
    pub duplicate: bool,
    /// DEFLT: what density code 00h means.
    pub default: bool,
    /// BITS PER MM.
    pub bits_per_mm: u32,
    /// MEDIA WIDTH in tenths of a millimetre.
    pub width: u16,
    /// TRACKS.
    pub tracks: u16,
    /// CAPACITY in megabytes (10⁶ bytes), native.
    pub capacity_megabytes: u32,
    /// ASSIGNING ORGANIZATION, such as `LTO-CVE`.
    pub organization: String,
    /// DENSITY NAME, such as `U-916`.
    pub name: String,
    /// DESCRIPTION, such as `Ultrium 9/16T`.
    pub description: String,
}

/// The command.
pub fn command(of: Of, allocation: u16) -> Command {
    let [high, low] = allocation.to_be_bytes();
    Command::new(NAME, Timeout::Short, [0x44, u8::from(of == Of::Medium), 0, 0, 0, 0, 0, high, low, 0])
}

/// Reads the answer. A descriptor that is cut off ends the list.
pub fn decode(answer: &[u8]) -> Result<Vec<Density>, Malformed> {
    // The length counts what follows its own two bytes.
    let length = u16_at(answer, 0).ok_or(Malformed::short(NAME))?;
    let body = answer.get(4..).unwrap_or_default();
    let mut rest = body.get(..usize::from(length).saturating_sub(2)).unwrap_or(body);
    let mut list = Vec::new();
    while let Some(descriptor) = rest.get(..DESCRIPTOR) {
        let number = |at| u16_at(descriptor, at).unwrap_or_default();
        let flags = u8_at(descriptor, 2).unwrap_or_default();
        list.push(Density {
            primary: u8_at(descriptor, 0).unwrap_or_default(),
            secondary: u8_at(descriptor, 1).unwrap_or_default(),
            writable: flags & 0x80 != 0,
            duplicate: flags & 0x40 != 0,
            default: flags & 0x20 != 0,
            bits_per_mm: u24_at(descriptor, 5).unwrap_or_default(),
            width: number(8),
            tracks: number(10),
            capacity_megabytes: u32_at(descriptor, 12).unwrap_or_default(),
            organization: text(descriptor, 16, 24),
            name: text(descriptor, 24, 32),
            description: text(descriptor, 32, 52),
        });
        // DLV: only with it the length is there to be believed.
        let longer = if flags & 0x01 != 0 { 5 + usize::from(number(3)) } else { DESCRIPTOR };
        rest = rest.get(longer.max(DESCRIPTOR)..).unwrap_or_default();
    }
    Ok(list)
}

fn text(bytes: &[u8], from: usize, to: usize) -> String {
    let bytes = bytes.get(from..to).unwrap_or_default();
    let text: String = bytes.iter().filter(|byte| (0x20..0x7f).contains(*byte)).map(|&byte| byte as char).collect();
    text.trim().to_owned()
}

/// Writes the answer, as a device does.
pub fn encode(list: &[Density]) -> Vec<u8> {
    let list = list.get(..1000).unwrap_or(list);
    let mut bytes = ((2 + list.len() * DESCRIPTOR) as u16).to_be_bytes().to_vec();
    bytes.extend([0, 0]);
    for density in list {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(density.writable, 0x80) | flag(density.duplicate, 0x40) | flag(density.default, 0x20);
        bytes.extend([density.primary, density.secondary, flags, 0, 0]);
        bytes.extend(density.bits_per_mm.to_be_bytes().get(1..).unwrap_or_default());
        bytes.extend(density.width.to_be_bytes());
        bytes.extend(density.tracks.to_be_bytes());
        bytes.extend(density.capacity_megabytes.to_be_bytes());
        for (text, width) in [(&density.organization, 8), (&density.name, 8), (&density.description, 20)] {
            let characters = text.bytes().filter(|byte| (0x20..0x7f).contains(byte));
            bytes.extend(characters.chain(std::iter::repeat(b' ')).take(width));
        }
    }
    bytes
}

/// Asks the drive.
pub fn report_density_support(transport: &mut dyn Transport, of: Of) -> Result<Vec<Density>, ScsiError> {
    Ok(decode(&transport.fetch(&command(of, ALLOCATION), usize::from(ALLOCATION))?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};
    use proptest::prelude::*;

    fn lto9() -> Density {
        Density {
            primary: 0x60,
            secondary: 0x60,
            writable: true,
            default: true,
            bits_per_mm: 23031,
            width: 127,
            tracks: 8960,
            capacity_megabytes: 18_000_000,
            organization: "LTO-CVE".into(),
            name: "U-916".into(),
            description: "Ultrium 9/16T".into(),
            ..Density::default()
        }
    }

    #[test]
    fn an_lto_9_drive() {
        let mut bytes = vec![0, 54, 0, 0, 0x60, 0x60, 0xa0, 0, 0, 0x00, 0x59, 0xf7, 0, 0x7f, 0x23, 0x00];
        bytes.extend(18_000_000u32.to_be_bytes());
        bytes.extend(b"LTO-CVE U-916   Ultrium 9/16T       ");
        assert_eq!(encode(&[lto9()]), bytes);
        let script = Scripted::new([Step::on(&[0x44, 1, 0, 0, 0, 0, 0, 0x20, 0, 0]).data(&bytes)]);
        assert_eq!(report_density_support(&mut script.clone(), Of::Medium).unwrap(), [lto9()]);
        script.finished();
        assert_eq!(decode(&bytes[..40]), Ok(vec![]));
        assert!(decode(&bytes[..1]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(list) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&list)), Ok(list));
            }
        }
    }
}
