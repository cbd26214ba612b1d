//! MODE SENSE and MODE SELECT, (6) and (10) (SPC-5, 6.11 to 6.14 and 7.5; the header of tape drives is SSC-5, 8.3.2).

use crate::bytes::{u8_at, u16_at, u24_at};
use crate::{Command, Data, Malformed, ScsiError, Timeout, Transport};

const SENSE: &str = "MODE SENSE";
/// All that one byte of allocation length can ask for; longer than any page of a tape drive.
const CAPACITY_6: u8 = 0xff;
const CAPACITY_10: u16 = 0x1000;

/// Code and subpage code of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageCode(pub u8, pub u8);

/// Which values of a page are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Those in force.
    Current,
    /// A mask of what can be changed.
    Changeable,
    /// Those of a reset.
    Default,
}

/// The block descriptor of a tape drive (SSC-5, 8.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockDescriptor {
    /// Density code of the loaded medium.
    pub density: u8,
    /// Length of a block in bytes; 0 is variable-block mode.
    pub block_length: u32,
}

/// Header, block descriptor and page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeData {
    /// Medium type, the vendor's own.
    pub medium_type: u8,
    /// WP: the loaded medium is protected. Not sent.
    pub write_protected: bool,
    /// Buffered mode: 0 writes through, 1 buffers.
    pub buffered_mode: u8,
    /// The block descriptor, if there is one. Sent only to change it.
    pub block_descriptor: Option<BlockDescriptor>,
    /// The page, with its header; empty if none was asked for.
    pub page: Vec<u8>,
}

/// Which length of CDB is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeForm {
    /// MODE SENSE(6), MODE SELECT(6).
    Six,
    /// MODE SENSE(10), MODE SELECT(10).
    Ten,
}

/// MODE SENSE, with a block descriptor.
pub fn sense_command(form: ModeForm, page: PageCode, values: Values) -> Command {
    let control = match values {
        Values::Current => 0x00,
        Values::Changeable => 0x40,
        Values::Default => 0x80,
    };
    let code = control | (page.0 & 0x3f);
    let [high, low] = CAPACITY_10.to_be_bytes();
    match form {
        ModeForm::Six => Command::new("MODE SENSE(6)", Timeout::Short, [0x1a, 0, code, page.1, CAPACITY_6, 0]),
        ModeForm::Ten => Command::new("MODE SENSE(10)", Timeout::Short, [0x5a, 0, code, page.1, 0, 0, 0, high, low, 0]),
    }
}

/// MODE SENSE for the current values of a page, without block descriptors (DBD).
pub fn page_command(form: ModeForm, page: PageCode) -> Command {
    let [high, low] = CAPACITY_10.to_be_bytes();
    let code = page.0 & 0x3f;
    match form {
        ModeForm::Six => Command::new("MODE SENSE(6)", Timeout::Short, [0x1a, 0x08, code, page.1, CAPACITY_6, 0]),
        ModeForm::Ten => {
            Command::new("MODE SENSE(10)", Timeout::Short, [0x5a, 0x08, code, page.1, 0, 0, 0, high, low, 0])
        }
    }
}

/// MODE SELECT of so many bytes: standard pages (PF = 1), not saved.
pub fn select_command(form: ModeForm, length: u16) -> Command {
    let [high, low] = length.to_be_bytes();
    match form {
        ModeForm::Six => Command::new("MODE SELECT(6)", Timeout::Short, [0x15, 0x10, 0, 0, low, 0]),
        ModeForm::Ten => Command::new("MODE SELECT(10)", Timeout::Short, [0x55, 0x10, 0, 0, 0, 0, 0, high, low, 0]),
    }
}

/// Reads an answer to MODE SENSE.
pub fn decode(form: ModeForm, answer: &[u8]) -> Result<ModeData, Malformed> {
    let fields = match form {
        ModeForm::Six => header_6(answer),
        ModeForm::Ten => header_10(answer),
    };
    let header = fields.ok_or(Malformed::short(SENSE))?;
    // MODE DATA LENGTH counts what follows it. Some devices say less than they send; none may be believed if it says more.
    let end = header.end.min(answer.len());
    let descriptors = header.length..header.length + header.descriptors;
    if descriptors.end > end {
        return Err(Malformed { of: SENSE, why: "its block descriptors reach beyond its end" });
    }
    let descriptor = answer.get(descriptors.clone()).unwrap_or(&[]);
    Ok(ModeData {
        medium_type: header.medium_type,
        write_protected: header.device_specific & 0x80 != 0,
        buffered_mode: (header.device_specific >> 4) & 0x07,
        block_descriptor: u8_at(descriptor, 0)
            .zip(u24_at(descriptor, 5))
            .map(|(density, block_length)| BlockDescriptor { density, block_length }),
        page: answer.get(descriptors.end..end).unwrap_or(&[]).to_vec(),
    })
}

struct Header {
    length: usize,
    end: usize,
    medium_type: u8,
    device_specific: u8,
    descriptors: usize,
}

fn header_6(answer: &[u8]) -> Option<Header> {
    Some(Header {
        length: 4,
        end: 1 + usize::from(u8_at(answer, 0)?),
        medium_type: u8_at(answer, 1)?,
        device_specific: u8_at(answer, 2)?,
        descriptors: u8_at(answer, 3)?.into(),
    })
}

fn header_10(answer: &[u8]) -> Option<Header> {
    Some(Header {
        length: 8,
        end: 2 + usize::from(u16_at(answer, 0)?),
        medium_type: u8_at(answer, 2)?,
        device_specific: u8_at(answer, 3)?,
        descriptors: u16_at(answer, 6)?.into(),
    })
}

/// Writes the data of MODE SELECT: the same as the answer of MODE SENSE but for what is reserved there, that is the length
/// of the data, WP, and PS of the page.
pub fn encode(form: ModeForm, data: &ModeData) -> Vec<u8> {
    let device_specific = (data.buffered_mode & 0x07) << 4;
    let descriptors = if data.block_descriptor.is_some() { 8 } else { 0 };
    let mut bytes = match form {
        ModeForm::Six => vec![0, data.medium_type, device_specific, descriptors],
        ModeForm::Ten => vec![0, 0, data.medium_type, device_specific, 0, 0, 0, descriptors],
    };
    if let Some(descriptor) = data.block_descriptor {
        let [_, high, middle, low] = descriptor.block_length.to_be_bytes();
        bytes.extend([descriptor.density, 0, 0, 0, 0, high, middle, low]);
    }
    if let [first, rest @ ..] = data.page.as_slice() {
        bytes.push(first & 0x7f);
        bytes.extend(rest);
    }
    bytes
}

/// Asks for a page. `PageCode(0, 0)` is a page that every tape drive answers with header and block descriptor only.
pub fn mode_sense(
    transport: &mut dyn Transport,
    form: ModeForm,
    page: PageCode,
    values: Values,
) -> Result<ModeData, ScsiError> {
    let capacity = match form {
        ModeForm::Six => usize::from(CAPACITY_6),
        ModeForm::Ten => usize::from(CAPACITY_10),
    };
    Ok(decode(form, &transport.fetch(&sense_command(form, page, values), capacity)?)?)
}

/// The current values of a page; they begin with its page code. The short command first, which all devices know.
pub fn mode_page(transport: &mut dyn Transport, page: PageCode) -> Result<Vec<u8>, ScsiError> {
    let mut form = ModeForm::Six;
    let answer = match transport.fetch(&page_command(form, page), usize::from(CAPACITY_6)) {
        Err(error) if error.is_unknown_command() || error.is_unknown_field() => {
            form = ModeForm::Ten;
            transport.fetch(&page_command(form, page), usize::from(CAPACITY_10))?
        }
        answer => answer?,
    };
    Ok(only_page(page, decode(form, &answer)?.page)?)
}

/// The first page of an answer, as far as its length goes and it was delivered.
fn only_page(page: PageCode, mut bytes: Vec<u8>) -> Result<Vec<u8>, Malformed> {
    let (Some(code), Some(length)) = (u8_at(&bytes, 0), u8_at(&bytes, 1)) else {
        return Err(Malformed::short(SENSE));
    };
    if code & 0x3f != page.0 & 0x3f {
        return Err(Malformed { of: SENSE, why: "it is not the page that was asked for" });
    }
    // A page with a subpage code (SPF) has its length in the next two bytes.
    let whole = match code & 0x40 {
        0 => 2 + usize::from(length),
        _ => 4 + usize::from(u16_at(&bytes, 2).ok_or(Malformed::short(SENSE))?),
    };
    bytes.truncate(whole);
    Ok(bytes)
}

/// Sends a page, a block descriptor, or both.
pub fn mode_select(transport: &mut dyn Transport, form: ModeForm, data: &ModeData) -> Result<(), ScsiError> {
    let bytes = encode(form, data);
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    transport.run(&select_command(form, length), Data::Out(&bytes)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};
    use crate::{Sense, SenseKey};
    use proptest::prelude::*;

    #[test]
    fn a_page_is_found_behind_block_descriptors_that_were_not_asked_for() {
        let script = Scripted::new([Step::on(&[0x1a, 0x08, 0x0f, 0, 255, 0])
            .data(&[16, 0, 0x10, 8, 0x60, 0, 0, 0, 0, 0, 0, 0, 0x8f, 2, 0xc0, 1, 9])]);
        assert_eq!(mode_page(&mut script.clone(), PageCode(0x0f, 0)).unwrap(), [0x8f, 2, 0xc0, 1]);
        script.finished();
    }

    #[test]
    fn the_long_command_where_the_short_one_is_not_known() {
        let unknown = Sense::new(SenseKey::IllegalRequest, 0x20, 0);
        let script = Scripted::new([
            Step::on(&[0x1a]).check(unknown),
            Step::on(&[0x5a, 0x08, 0x0f, 0, 0, 0, 0, 0x10, 0, 0]).data(&[0, 10, 0, 0, 0, 0, 0, 0, 0x0f, 2, 3, 4]),
        ]);
        assert_eq!(mode_page(&mut script.clone(), PageCode(0x0f, 0)).unwrap(), [0x0f, 2, 3, 4]);
        script.finished();
    }

    #[test]
    fn what_is_no_page_or_another_one() {
        for answer in [&[3, 0, 0, 0][..], &[5, 0, 0, 0, 0x1d, 0], &[3, 0, 0, 8]] {
            let script = Scripted::new([Step::on(&[0x1a]).data(answer)]);
            assert!(mode_page(&mut script.clone(), PageCode(0x0f, 0)).is_err(), "{answer:?}");
        }
    }

    /// The answer of an LTO-6 drive to `1a 00 00 00 ff 00`, with a protected tape.
    #[test]
    fn header_and_descriptor() {
        let data = decode(ModeForm::Six, &[0x0b, 0, 0x90, 8, 0x5a, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert!(data.write_protected);
        assert_eq!(data.buffered_mode, 1);
        assert_eq!(data.block_descriptor, Some(BlockDescriptor { density: 0x5a, block_length: 0 }));
        assert_eq!(data.page, []);
    }

    #[test]
    fn what_is_sent_is_what_was_read_without_the_reserved_bits() {
        let answer = [0x0e, 0, 0x90, 8, 0x5a, 0, 0, 0, 0, 0, 2, 0, 0x8f, 1, 0xc0];
        let data = decode(ModeForm::Six, &answer).unwrap();
        let sent = encode(ModeForm::Six, &data);
        assert_eq!(sent, [0, 0, 0x10, 8, 0x5a, 0, 0, 0, 0, 0, 2, 0, 0x0f, 1, 0xc0]);
        assert_eq!(encode(ModeForm::Ten, &data)[..8], [0, 0, 0, 0x10, 0, 0, 0, 8]);
    }

    #[test]
    fn commands() {
        let extension = PageCode(0x10, 0x01);
        let command = sense_command(ModeForm::Six, extension, Values::Current);
        assert_eq!(command.bytes(), [0x1a, 0, 0x10, 1, 0xff, 0]);
        let command = sense_command(ModeForm::Ten, extension, Values::Changeable);
        assert_eq!(command.bytes(), [0x5a, 0, 0x50, 1, 0, 0, 0, 0x10, 0, 0]);
        assert_eq!(select_command(ModeForm::Ten, 0x0102).bytes(), [0x55, 0x10, 0, 0, 0, 0, 0, 1, 2, 0]);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = only_page(PageCode(bytes.first().copied().unwrap_or(0), 0), bytes.clone());
            for form in [ModeForm::Six, ModeForm::Ten] {
                if let Ok(data) = decode(form, &bytes) {
                    let mut sent = encode(form, &data);
                    prop_assert!(sent.len() <= bytes.len().max(8) + 8);
                    // A device gives back the same with the length filled in.
                    match form {
                        ModeForm::Six => sent[0] = (sent.len() - 1) as u8,
                        ModeForm::Ten => {
                            let length = (sent.len() - 2) as u16;
                            sent[..2].copy_from_slice(&length.to_be_bytes());
                        }
                    }
                    let again = decode(form, &sent).unwrap();
                    prop_assert_eq!(again.block_descriptor, data.block_descriptor);
                    prop_assert_eq!(again.page.len(), data.page.len());
                }
            }
        }
    }
}
