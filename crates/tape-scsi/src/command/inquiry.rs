//! INQUIRY (SPC-5, 6.7): who a device is. Its vital product data pages are in [`vpd`], the designators of one of them,
//! which other answers hold too, in [`designator`].

pub mod designator;
pub mod vpd;

use crate::bytes::u8_at;
use crate::text::{ascii, put_ascii};
use crate::{Command, Malformed, ScsiError, Timeout, Transport};

const NAME: &str = "INQUIRY";

/// Bytes of the standard data that every device has (SPC-5, 6.7.2).
const STANDARD_LENGTH: u8 = 36;

/// What kind of device it is: the two that belong to tapes, and all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceType {
    /// 01h: a tape drive.
    SequentialAccess,
    /// 08h: the robot of a library.
    MediumChanger,
    /// Something else.
    Other(u8),
}

impl DeviceType {
    /// The type with this number.
    pub fn from_bits(bits: u8) -> DeviceType {
        match bits & 0x1f {
            0x01 => DeviceType::SequentialAccess,
            0x08 => DeviceType::MediumChanger,
            other => DeviceType::Other(other),
        }
    }

    /// Its number.
    pub fn bits(self) -> u8 {
        match self {
            DeviceType::SequentialAccess => 0x01,
            DeviceType::MediumChanger => 0x08,
            DeviceType::Other(other) => other & 0x1f,
        }
    }
}

/// Standard INQUIRY data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// PERIPHERAL QUALIFIER: 0 if the logical unit is there, 1 if it could be but is not, 3 if there can be none.
    pub qualifier: u8,
    /// What it is.
    pub device_type: DeviceType,
    /// RMB: the medium can be taken out.
    pub removable: bool,
    /// VERSION: which SPC it claims to follow (05h SPC-3, 06h SPC-4, 07h SPC-5).
    pub version: u8,
    /// T10 vendor identification, trimmed.
    pub vendor: String,
    /// Product identification, trimmed.
    pub product: String,
    /// Product revision level: the firmware, trimmed.
    pub revision: String,
}

/// The command for the standard data.
pub fn command(allocation: u8) -> Command {
    Command::new(NAME, Timeout::Short, [0x12, 0, 0, 0, allocation, 0])
}

/// The command for a vital product data page: EVPD = 1.
pub fn page_command(page: u8, allocation: u16) -> Command {
    let [high, low] = allocation.to_be_bytes();
    Command::new(NAME, Timeout::Short, [0x12, 1, page, high, low, 0])
}

/// Reads the standard data. Old devices send less than 36 bytes: what is missing is empty, down to the 8 bytes that hold
/// no text at all.
pub fn decode(bytes: &[u8]) -> Result<Inquiry, Malformed> {
    let (Some(first), Some(second), Some(version)) = (u8_at(bytes, 0), u8_at(bytes, 1), u8_at(bytes, 2)) else {
        return Err(Malformed::short(NAME));
    };
    // ADDITIONAL LENGTH: what follows byte 4 (SPC-5, 6.7.2). Bytes behind it are no answer.
    let end = u8_at(bytes, 4).map_or(bytes.len(), |length| 5 + usize::from(length)).min(bytes.len());
    let text = |from: usize, to: usize| ascii(bytes.get(from..to.min(end)).unwrap_or(&[]));
    Ok(Inquiry {
        qualifier: first >> 5,
        device_type: DeviceType::from_bits(first),
        removable: second & 0x80 != 0,
        version,
        vendor: text(8, 16),
        product: text(16, 32),
        revision: text(32, 36),
    })
}

/// Writes the standard data, as a device does: texts are cut to their fields.
pub fn encode(inquiry: &Inquiry) -> [u8; 36] {
    let mut bytes = [0; STANDARD_LENGTH as usize];
    bytes[0] = (inquiry.qualifier << 5) | inquiry.device_type.bits();
    bytes[1] = u8::from(inquiry.removable) << 7;
    bytes[2] = inquiry.version;
    // RESPONSE DATA FORMAT 2 is the only one there is.
    bytes[3] = 0x02;
    bytes[4] = STANDARD_LENGTH - 5;
    put_ascii(&mut bytes[8..16], &inquiry.vendor);
    put_ascii(&mut bytes[16..32], &inquiry.product);
    put_ascii(&mut bytes[32..36], &inquiry.revision);
    bytes
}

/// Asks the device who it is. Answered at any time: no unit attention is reported by it (SPC-5, 6.7.1).
pub fn inquiry(transport: &mut dyn Transport) -> Result<Inquiry, ScsiError> {
    Ok(decode(&transport.fetch(&command(STANDARD_LENGTH), usize::from(STANDARD_LENGTH))?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};
    use proptest::prelude::*;

    /// As a tape drive and a library of a third party (tgt 1.0.85) send it.
    const DRIVE: &[u8] = b"\x01\x80\x05\x12\x3d\x00\x00\x02IBM     ULT3580-TD6     0001\0\0\0\0\0\0\0\0";
    const CHANGER: &[u8] = b"\x08\x80\x05\x12\x3d\x00\x00\x02STK     L700            0001";

    #[test]
    fn recorded_answers() {
        let script = Scripted::new([Step::on(&[0x12, 0, 0, 0, 36, 0]).data(&DRIVE[..36])]);
        let drive = inquiry(&mut script.clone()).unwrap();
        assert_eq!(drive.device_type, DeviceType::SequentialAccess);
        assert!(drive.removable && drive.qualifier == 0 && drive.version == 5);
        assert_eq!(
            (drive.vendor.as_str(), drive.product.as_str(), drive.revision.as_str()),
            ("IBM", "ULT3580-TD6", "0001")
        );
        assert_eq!(decode(CHANGER).unwrap().device_type, DeviceType::MediumChanger);
        script.finished();
    }

    #[test]
    fn short_answers_are_read_as_far_as_they_go() {
        assert_eq!(decode(&[1, 0x80]), Err(Malformed::short(NAME)));
        let short = decode(&DRIVE[..20]).unwrap();
        assert_eq!((short.vendor.as_str(), short.product.as_str(), short.revision.as_str()), ("IBM", "ULT3", ""));
        // A length that ends behind the vendor hides what comes then.
        let mut hidden = DRIVE.to_vec();
        hidden[4] = 11;
        assert_eq!(decode(&hidden).unwrap().product, "");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            qualifier in 0u8..8, device_type in 0u8..32, removable: bool, version: u8,
            vendor in "[!-~]{0,8}", product in "([!-~]([ -~]{0,14}[!-~])?)?", revision in "[!-~]{0,4}",
        ) {
            let device_type = DeviceType::from_bits(device_type);
            let inquiry = Inquiry { qualifier, device_type, removable, version, vendor, product, revision };
            prop_assert_eq!(decode(&encode(&inquiry)), Ok(inquiry));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
