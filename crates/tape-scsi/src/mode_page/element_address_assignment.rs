//! Element address assignment (SMC-3, mode page 1Dh): how many elements of which kind a library has, and where each kind
//! begins.

use crate::Malformed;
use crate::bytes::{u8_at, u16_at};
use crate::command::read_element_status::ElementKind;

/// Its page code.
pub const CODE: u8 = 0x1d;
const NAME: &str = "the element address assignment page";
/// PAGE LENGTH.
const LENGTH: u8 = 0x12;

/// The elements of one kind have consecutive addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// The first address.
    pub first: u16,
    /// How many there are.
    pub count: u16,
}

/// The elements of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElementAddressAssignment {
    /// In the order of [`ElementKind::ALL`], which is that of the page.
    pub ranges: [Range; 4],
}

impl ElementAddressAssignment {
    /// The elements of one kind.
    pub fn of(&self, kind: ElementKind) -> Range {
        let [transport, storage, import_export, drive] = self.ranges;
        match kind {
            ElementKind::Transport => transport,
            ElementKind::Storage => storage,
            ElementKind::ImportExport => import_export,
            ElementKind::Drive => drive,
        }
    }

    /// Reads the page, which begins with its page code.
    pub fn decode(page: &[u8]) -> Result<ElementAddressAssignment, Malformed> {
        if u8_at(page, 0).ok_or(Malformed::short(NAME))? & 0x3f != CODE {
            return Err(Malformed { of: NAME, why: "it is another page" });
        }
        let mut ranges = [Range::default(); 4];
        for (range, at) in ranges.iter_mut().zip((2..).step_by(4)) {
            let (Some(first), Some(count)) = (u16_at(page, at), u16_at(page, at + 2)) else {
                return Err(Malformed::short(NAME));
            };
            *range = Range { first, count };
        }
        Ok(ElementAddressAssignment { ranges })
    }

    /// Writes the page.
    pub fn encode(&self) -> Vec<u8> {
        let mut page = vec![CODE, LENGTH];
        for range in self.ranges {
            page.extend(range.first.to_be_bytes());
            page.extend(range.count.to_be_bytes());
        }
        page.extend([0, 0]);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As a library of a third party (tgt 1.0.85) sends it, with 8 slots, a mail slot and 2 drives.
    const RECORDED: [u8; 20] = [0x1d, 0x12, 0x01, 0xf4, 0, 1, 0x03, 0xe8, 0, 8, 0x02, 0x58, 0, 1, 0, 1, 0, 2, 0, 0];

    #[test]
    fn a_recorded_page() {
        let page = ElementAddressAssignment::decode(&RECORDED).unwrap();
        assert_eq!(page.of(ElementKind::Transport), Range { first: 500, count: 1 });
        assert_eq!(page.of(ElementKind::Storage), Range { first: 1000, count: 8 });
        assert_eq!(page.of(ElementKind::ImportExport), Range { first: 600, count: 1 });
        assert_eq!(page.of(ElementKind::Drive), Range { first: 1, count: 2 });
        assert_eq!(page.encode(), RECORDED);
        assert!(ElementAddressAssignment::decode(&RECORDED[..17]).is_err());
        assert!(ElementAddressAssignment::decode(&[0x1f; 20]).is_err());
    }

    proptest! {
        #[test]
        fn pages_come_back(numbers: [(u16, u16); 4]) {
            let page = ElementAddressAssignment { ranges: numbers.map(|(first, count)| Range { first, count }) };
            prop_assert_eq!(ElementAddressAssignment::decode(&page.encode()), Ok(page));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            let _ = ElementAddressAssignment::decode(&bytes);
        }
    }
}
