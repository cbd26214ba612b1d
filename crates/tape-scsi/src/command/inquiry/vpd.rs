//! Vital product data pages (SPC-5, 7.7; SSC-5 for B0h and up).

use super::designator::{self, Designator};
use super::page_command;
use crate::bytes::{u8_at, u16_at, u64_at};
use crate::text::ascii;
use crate::{Malformed, ScsiError, TapeAlert, Transport};

/// Which pages there are.
pub const SUPPORTED_PAGES: u8 = 0x00;
/// The serial number of the logical unit.
pub const UNIT_SERIAL_NUMBER: u8 = 0x80;
/// Its designators.
pub const DEVICE_IDENTIFICATION: u8 = 0x83;
/// What a tape drive can do with write-once media (SSC-5).
pub const SEQUENTIAL_ACCESS_CAPABILITIES: u8 = 0xb0;
/// The serial number that the maker gave a tape drive; a library may show another one on page 80h (SSC-5).
pub const MANUFACTURER_SERIAL_NUMBER: u8 = 0xb1;
/// Which TapeAlert flags it can raise (SSC-5).
pub const TAPE_ALERT_SUPPORTED: u8 = 0xb2;
/// The serial number of the library that the drive sits in (SSC-5).
pub const AUTOMATION_SERIAL_NUMBER: u8 = 0xb3;
/// The element address of the drive's bay in that library (SSC-5).
pub const DATA_TRANSFER_ELEMENT: u8 = 0xb4;
/// Checksums between host and drive that it knows (SSC-5).
pub const LOGICAL_BLOCK_PROTECTION: u8 = 0xb5;

const NAME: &str = "a vital product data page";

/// The content of a page: what follows its 4-byte header, as far as it was delivered and belongs to it.
pub fn content(page: u8, bytes: &[u8]) -> Result<&[u8], Malformed> {
    let (Some(code), Some(length)) = (u8_at(bytes, 1), u16_at(bytes, 2)) else { return Err(Malformed::short(NAME)) };
    if code != page {
        return Err(Malformed { of: NAME, why: "it is not the page that was asked for" });
    }
    let end = (4 + usize::from(length)).min(bytes.len());
    bytes.get(4..end).ok_or(Malformed::short(NAME))
}

/// A page with its header, as a device of this type sends it; contents over 65535 bytes are cut.
pub fn encode(device_type: super::DeviceType, page: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let mut bytes = vec![device_type.bits(), page, high, low];
    bytes.extend(content.iter().take(usize::from(length)));
    bytes
}

/// What a tape drive says of write-once media (SSC-5, sequential-access device capabilities page).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SequentialAccessCapabilities {
    /// WORM: it can use write-once cartridges.
    pub worm: bool,
    /// TSMC: it counts TapeAlert state changes for each host.
    pub tape_alert_per_host: bool,
}

impl SequentialAccessCapabilities {
    /// Reads the content of page B0h.
    pub fn decode(content: &[u8]) -> Result<SequentialAccessCapabilities, Malformed> {
        let flags = u8_at(content, 0).ok_or(Malformed::short(NAME))?;
        Ok(SequentialAccessCapabilities { worm: flags & 0x01 != 0, tape_alert_per_host: flags & 0x02 != 0 })
    }

    /// Writes the content of page B0h.
    pub fn encode(&self) -> [u8; 2] {
        [u8::from(self.worm) | (u8::from(self.tape_alert_per_host) << 1), 0]
    }
}

/// One method of logical block protection (SSC-5, logical block protection page).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtectionMethod {
    /// 1: Reed-Solomon CRC of ECMA-319; 2: CRC32C.
    pub method: u8,
    /// Bytes of the checksum behind each block.
    pub length: u8,
    /// It can be checked on WRITE.
    pub on_write: bool,
    /// It can be added on READ.
    pub on_read: bool,
    /// It can be added to RECOVER BUFFERED DATA.
    pub on_recover: bool,
}

/// Reads the content of page B5h, up to where it is cut off: descriptors follow four reserved bytes, each with its length.
pub fn protection_methods(content: &[u8]) -> Vec<ProtectionMethod> {
    let mut methods = Vec::new();
    let mut rest = content.get(4..).unwrap_or(&[]);
    while let [length, method, size, flags, ..] = *rest {
        methods.push(ProtectionMethod {
            method,
            length: size & 0x3f,
            on_write: flags & 0x80 != 0,
            on_read: flags & 0x40 != 0,
            on_recover: flags & 0x20 != 0,
        });
        rest = rest.get(1 + usize::from(length)..).unwrap_or(&[]);
    }
    methods
}

/// Writes the content of page B5h.
pub fn encode_protection_methods(methods: &[ProtectionMethod]) -> Vec<u8> {
    let mut content = vec![0; 4];
    for method in methods {
        let flags =
            (u8::from(method.on_write) << 7) | (u8::from(method.on_read) << 6) | (u8::from(method.on_recover) << 5);
        content.extend([0x05, method.method, method.length & 0x3f, flags, 0, 0]);
    }
    content
}

/// The element address in the content of page B4h: the last two of its bytes.
pub fn element_address(content: &[u8]) -> Option<u16> {
    u16_at(content, content.len().checked_sub(2)?)
}

/// The TapeAlert flags in the content of page B2h: eight bytes, flag 1 first.
pub fn tape_alert_flags(content: &[u8]) -> Vec<TapeAlert> {
    u64_at(content, 0).map(TapeAlert::from_mask).unwrap_or_default()
}

/// Writes the content of page B2h.
pub fn encode_tape_alert_flags(flags: &[TapeAlert]) -> [u8; 8] {
    TapeAlert::to_mask(flags).to_be_bytes()
}

/// Asks for a page and returns its content; `None` if the device does not have it.
pub fn read(transport: &mut dyn Transport, page: u8) -> Result<Option<Vec<u8>>, ScsiError> {
    // Some devices choke on lengths that do not fit one byte; only long lists of designators need more.
    for allocation in [255u16, 4096] {
        let bytes = match transport.fetch(&page_command(page, allocation), usize::from(allocation)) {
            Ok(bytes) => bytes,
            Err(error) if error.is_unknown_field() || error.is_unknown_command() => return Ok(None),
            Err(error) => return Err(error),
        };
        let content = content(page, &bytes)?;
        let whole = u16_at(&bytes, 2).is_none_or(|length| usize::from(length) <= content.len());
        if whole || allocation == 4096 {
            return Ok(Some(content.to_vec()));
        }
    }
    Ok(None)
}

/// The serial number on page 80h or B1h or B3h, in words; `None` if there is no such page or nothing on it.
pub fn serial_number(transport: &mut dyn Transport, page: u8) -> Result<Option<String>, ScsiError> {
    Ok(read(transport, page)?.and_then(|content| serial_number_in(&content)))
}

/// The serial number in the content of page 80h, B1h or B3h; `None` if it is blank.
pub fn serial_number_in(content: &[u8]) -> Option<String> {
    Some(ascii(content)).filter(|serial| !serial.is_empty())
}

/// The designators on page 83h; none if there is no such page.
pub fn designators(transport: &mut dyn Transport) -> Result<Vec<Designator>, ScsiError> {
    Ok(read(transport, DEVICE_IDENTIFICATION)?.map(|content| designator::decode_list(&content)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::DeviceType;
    use super::*;
    use crate::command::inquiry::designator::{Association, DesignatorKind};
    use crate::transport::{Scripted, Step};
    use crate::{Sense, SenseKey};
    use proptest::prelude::*;

    /// Pages 80h and 83h of a library of a third party (tgt 1.0.85).
    const SERIAL: &[u8] = b"\x08\x80\x00\x24                          LABCHG0001";
    const IDENTIFICATION: &[u8] = b"\x08\x83\x00\x48\x02\x01\x00\x24IET     00010003\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \x01\x03\x00\x08\x30\x00\x00\x01\x00\x00\x00\x03\x01\x03\x00\x10\x60\x00\x00\x00\x00\x00\x00\x00\x0e\x00\x00\x00\x00\x01\x00\x03";

    #[test]
    fn recorded_pages() {
        let script = Scripted::new([
            Step::on(&[0x12, 1, 0x80, 0, 255, 0]).data(SERIAL),
            Step::on(&[0x12, 1, 0x83, 0, 255, 0]).data(IDENTIFICATION),
        ]);
        let mut device = script.clone();
        assert_eq!(serial_number(&mut device, UNIT_SERIAL_NUMBER).unwrap().as_deref(), Some("LABCHG0001"));
        let names = designators(&mut device).unwrap();
        let kinds: Vec<_> = names.iter().map(|name| name.kind).collect();
        assert_eq!(kinds, [DesignatorKind::T10Vendor, DesignatorKind::Naa, DesignatorKind::Naa]);
        assert!(names.iter().all(|name| name.association == Association::LogicalUnit));
        assert_eq!(names[1].text(), "naa.3000000100000003");
        script.finished();
    }

    #[test]
    fn a_page_that_is_not_there_is_no_error() {
        let refused = Sense::new(SenseKey::IllegalRequest, 0x24, 0);
        let script = Scripted::new([Step::on(&[0x12, 1, 0xb3]).check(refused)]);
        assert_eq!(serial_number(&mut script.clone(), AUTOMATION_SERIAL_NUMBER).unwrap(), None);
    }

    #[test]
    fn long_pages_are_asked_for_again() {
        let long = encode(DeviceType::SequentialAccess, DEVICE_IDENTIFICATION, &[0; 300]);
        let script = Scripted::new([
            Step::on(&[0x12, 1, 0x83, 0, 255, 0]).data(&long[..255]),
            Step::on(&[0x12, 1, 0x83, 0x10, 0, 0]).data(&long),
        ]);
        assert_eq!(read(&mut script.clone(), DEVICE_IDENTIFICATION).unwrap().unwrap().len(), 300);
        script.finished();
    }

    #[test]
    fn other_pages_are_refused() {
        assert!(content(0x83, SERIAL).is_err());
        assert!(content(0x80, &SERIAL[..3]).is_err());
        assert_eq!(content(0x80, &SERIAL[..10]).unwrap().len(), 6);
    }

    #[test]
    fn pages_of_tape_drives() {
        assert!(SequentialAccessCapabilities::decode(&[0x01, 0]).unwrap().worm);
        assert!(SequentialAccessCapabilities::decode(&[]).is_err());
        // As LTO-5 and later drives announce CRC32C and the Reed-Solomon CRC.
        let methods = protection_methods(&[0, 0, 0, 0, 5, 1, 4, 0xe0, 0, 0, 5, 2, 4, 0xc0, 0, 0]);
        assert_eq!(methods.iter().map(|method| (method.method, method.length)).collect::<Vec<_>>(), [(1, 4), (2, 4)]);
        assert!(methods[0].on_recover && !methods[1].on_recover);
        assert_eq!(element_address(&[0, 0, 1, 2]), Some(0x102));
        assert_eq!(element_address(&[1]), None);
        let flags = tape_alert_flags(&[0b1000_0000, 0, 0, 0, 0, 0, 0, 0b0000_0001]);
        assert_eq!(flags.iter().map(|flag| flag.flag()).collect::<Vec<_>>(), [1, 64]);
        assert_eq!(encode_tape_alert_flags(&flags), [0x80, 0, 0, 0, 0, 0, 0, 1]);
    }

    proptest! {
        #[test]
        fn contents_come_back(page: u8, data in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = encode(DeviceType::SequentialAccess, page, &data);
            prop_assert_eq!(content(page, &bytes), Ok(data.as_slice()));
        }

        #[test]
        fn protection_methods_come_back(
            list in prop::collection::vec((any::<u8>(), 0u8..64, any::<(bool, bool, bool)>()), 0..5),
        ) {
            let methods: Vec<ProtectionMethod> = list
                .into_iter()
                .map(|(method, length, (on_write, on_read, on_recover))| ProtectionMethod {
                    method, length, on_write, on_read, on_recover,
                })
                .collect();
            prop_assert_eq!(protection_methods(&encode_protection_methods(&methods)), methods);
        }

        #[test]
        fn hostile_bytes_never_panic(page: u8, bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = content(page, &bytes);
            let _ = (protection_methods(&bytes), element_address(&bytes), tape_alert_flags(&bytes));
            let _ = SequentialAccessCapabilities::decode(&bytes);
        }
    }
}
