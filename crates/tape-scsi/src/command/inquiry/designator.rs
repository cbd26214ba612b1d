//! Designators: the names of a device that stay the same wherever it is attached (SPC-5, 7.7.6.1).
//!
//! They come in the device identification page, and in READ ELEMENT STATUS, where a library says with one of them which
//! drive is in a bay (SMC-3, DVCID).

use crate::text::ascii;
use std::fmt::Write;

/// What a designator names (SPC-5, 7.7.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Association {
    /// 0: the logical unit: this drive, this robot.
    LogicalUnit,
    /// 1: the port through which it was asked.
    TargetPort,
    /// 2: the device around the logical unit: a library, for instance.
    TargetDevice,
    /// 3: reserved.
    Reserved,
}

/// How it is made up (SPC-5, 7.7.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DesignatorKind {
    /// 0: as the vendor likes; often just the serial number.
    VendorSpecific,
    /// 1: the vendor's T10 identification (8 bytes), then what the vendor likes: mostly product (16) and serial number.
    T10Vendor,
    /// 2: IEEE EUI-64.
    Eui64,
    /// 3: an NAA name: the world wide name of Fibre Channel and SAS.
    Naa,
    /// 4: the number of the port.
    RelativePort,
    /// 8: a name of iSCSI and its like, in UTF-8.
    ScsiName,
    /// Any other.
    Other(u8),
}

/// One designator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Designator {
    /// What it names.
    pub association: Association,
    /// CODE SET: 1 binary, 2 ASCII, 3 UTF-8.
    pub code_set: u8,
    /// How it is made up.
    pub kind: DesignatorKind,
    /// The name.
    pub bytes: Vec<u8>,
}

/// CODE SET of binary names.
const BINARY: u8 = 1;
/// CODE SET of ASCII names.
pub(crate) const ASCII: u8 = 2;
/// Bytes before a name: code set, type, reserved, length.
pub(crate) const HEADER: usize = 4;

impl DesignatorKind {
    fn from_bits(bits: u8) -> DesignatorKind {
        match bits & 0x0f {
            0 => DesignatorKind::VendorSpecific,
            1 => DesignatorKind::T10Vendor,
            2 => DesignatorKind::Eui64,
            3 => DesignatorKind::Naa,
            4 => DesignatorKind::RelativePort,
            8 => DesignatorKind::ScsiName,
            other => DesignatorKind::Other(other),
        }
    }

    fn bits(self) -> u8 {
        match self {
            DesignatorKind::VendorSpecific => 0,
            DesignatorKind::T10Vendor => 1,
            DesignatorKind::Eui64 => 2,
            DesignatorKind::Naa => 3,
            DesignatorKind::RelativePort => 4,
            DesignatorKind::ScsiName => 8,
            DesignatorKind::Other(other) => other & 0x0f,
        }
    }
}

impl Designator {
    /// A name of the logical unit made of its vendor, product and serial number, as tape drives have it.
    pub fn t10(vendor: &str, product: &str, serial: &str) -> Designator {
        let bytes = format!("{vendor:<8.8}{product:<16.16}{serial}").into_bytes();
        Designator { association: Association::LogicalUnit, code_set: ASCII, kind: DesignatorKind::T10Vendor, bytes }
    }

    /// The serial number in it, where it is of a kind that has one.
    pub fn serial(&self) -> Option<String> {
        if self.code_set == BINARY {
            return None;
        }
        let serial = match self.kind {
            DesignatorKind::VendorSpecific => self.bytes.as_slice(),
            // Vendor, product, serial number; a few devices leave out the product.
            DesignatorKind::T10Vendor => self.bytes.get(24..).or_else(|| self.bytes.get(8..))?,
            _ => return None,
        };
        Some(ascii(serial)).filter(|serial| !serial.is_empty())
    }

    /// The name written as people and `/dev/tape/by-id` write it: `naa.5000e1115c7a8001`, `eui.…`, or the name itself.
    pub fn text(&self) -> String {
        let prefix = match self.kind {
            DesignatorKind::Naa => "naa.",
            DesignatorKind::Eui64 => "eui.",
            _ if self.code_set == BINARY => "",
            _ => return ascii(&self.bytes),
        };
        self.bytes.iter().fold(prefix.to_owned(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Reads one at the start of `bytes`; also the bytes that it took. `None` if it is cut off.
    pub fn decode(bytes: &[u8]) -> Option<(Designator, usize)> {
        let [codes, kind, _, length, ..] = *bytes else { return None };
        let end = HEADER + usize::from(length);
        let name = bytes.get(HEADER..end)?;
        let association = match (kind >> 4) & 0x03 {
            0 => Association::LogicalUnit,
            1 => Association::TargetPort,
            2 => Association::TargetDevice,
            _ => Association::Reserved,
        };
        let kind = DesignatorKind::from_bits(kind);
        Some((Designator { association, code_set: codes & 0x0f, kind, bytes: name.to_vec() }, end))
    }

    /// Writes it; names over 255 bytes are cut, for their length has one byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let length = u8::try_from(self.bytes.len()).unwrap_or(u8::MAX);
        let association = self.association as u8;
        out.extend([self.code_set & 0x0f, (association << 4) | self.kind.bits(), 0, length]);
        out.extend(self.bytes.iter().take(usize::from(length)));
    }
}

/// Reads a list, up to where it is cut off.
pub fn decode_list(mut bytes: &[u8]) -> Vec<Designator> {
    let mut list = Vec::new();
    while let Some((designator, used)) = Designator::decode(bytes) {
        list.push(designator);
        bytes = bytes.get(used..).unwrap_or(&[]);
    }
    list
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn serial_numbers() {
        assert_eq!(Designator::t10("IBM", "ULT3580-TD6", "LABDRV0001").serial().as_deref(), Some("LABDRV0001"));
        let without_product = Designator { bytes: b"IET     00010003\0\0\0".to_vec(), ..Designator::t10("", "", "") };
        assert_eq!(without_product.serial().as_deref(), Some("00010003"));
        let own =
            Designator { kind: DesignatorKind::VendorSpecific, bytes: b"10WT012345 ".to_vec(), ..without_product };
        assert_eq!(own.serial().as_deref(), Some("10WT012345"));
        assert_eq!(Designator { bytes: vec![], ..own.clone() }.serial(), None);
        assert_eq!(Designator { code_set: 1, ..own }.serial(), None);
    }

    #[test]
    fn binary_names() {
        let bytes = [0x01, 0x03, 0, 8, 0x50, 0x00, 0xe1, 0x11, 0x5c, 0x7a, 0x80, 0x01];
        let (naa, used) = Designator::decode(&bytes).unwrap();
        assert_eq!((naa.kind, used), (DesignatorKind::Naa, 12));
        assert_eq!(naa.text(), "naa.5000e1115c7a8001");
        assert_eq!(naa.serial(), None);
        assert_eq!(Designator::decode(&bytes[..11]), None);
    }

    pub(crate) fn any_designator() -> impl Strategy<Value = Designator> {
        let association = prop::sample::select(vec![
            Association::LogicalUnit,
            Association::TargetPort,
            Association::TargetDevice,
            Association::Reserved,
        ]);
        (association, 0u8..16, 0u8..16, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
            |(association, code_set, kind, bytes)| Designator {
                association,
                code_set,
                kind: DesignatorKind::from_bits(kind),
                bytes,
            },
        )
    }

    proptest! {
        #[test]
        fn lists_come_back(list in prop::collection::vec(any_designator(), 0..5)) {
            let mut bytes = Vec::new();
            list.iter().for_each(|designator| designator.encode(&mut bytes));
            prop_assert_eq!(decode_list(&bytes), list);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            for designator in decode_list(&bytes) {
                let _ = (designator.serial(), designator.text());
            }
        }
    }
}
