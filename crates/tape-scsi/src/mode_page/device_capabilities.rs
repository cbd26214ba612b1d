//! Device capabilities (SMC-3, mode page 1Fh): from where to where a robot can move a cartridge.

use crate::Malformed;
use crate::bytes::u8_at;
use crate::command::read_element_status::ElementKind;

/// Its page code.
pub const CODE: u8 = 0x1f;
const NAME: &str = "the device capabilities page";
/// PAGE LENGTH.
const LENGTH: u8 = 0x12;
/// Where the four bytes on moves begin, and the four on exchanges: one byte for each kind of source.
const MOVES: usize = 4;
const EXCHANGES: usize = 12;

/// What a robot can do. Bits of destinations: gripper, slot, mail slot, drive, from the lowest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceCapabilities {
    stores: u8,
    moves: [u8; 4],
    exchanges: [u8; 4],
}

impl DeviceCapabilities {
    /// Everything that a robot for tapes is expected to do: a library without the page is taken to be such.
    pub fn usual() -> DeviceCapabilities {
        DeviceCapabilities { stores: 0x0e, moves: [0, 0x0e, 0x0e, 0x0e], exchanges: [0; 4] }
    }

    /// The same, with exchanges between all slots and drives.
    pub fn with_exchange(self) -> DeviceCapabilities {
        DeviceCapabilities { exchanges: [0, 0x0e, 0x0e, 0x0e], ..self }
    }

    /// Elements of this kind hold cartridges.
    pub fn can_store(&self, kind: ElementKind) -> bool {
        self.stores & bit(kind) != 0
    }

    /// MOVE MEDIUM works between elements of these kinds.
    pub fn can_move(&self, from: ElementKind, to: ElementKind) -> bool {
        row(&self.moves, from) & bit(to) != 0
    }

    /// EXCHANGE MEDIUM works with a source and a first destination of these kinds.
    pub fn can_exchange(&self, from: ElementKind, to: ElementKind) -> bool {
        row(&self.exchanges, from) & bit(to) != 0
    }

    /// Reads the page, which begins with its page code. What is cut off can not be done.
    pub fn decode(page: &[u8]) -> Result<DeviceCapabilities, Malformed> {
        if u8_at(page, 0).ok_or(Malformed::short(NAME))? & 0x3f != CODE {
            return Err(Malformed { of: NAME, why: "it is another page" });
        }
        let stores = u8_at(page, 2).ok_or(Malformed::short(NAME))? & 0x0f;
        let rows = |from: usize| [0, 1, 2, 3].map(|at| u8_at(page, from + at).unwrap_or(0) & 0x0f);
        Ok(DeviceCapabilities { stores, moves: rows(MOVES), exchanges: rows(EXCHANGES) })
    }

    /// Writes the page.
    pub fn encode(&self) -> [u8; 20] {
        let mut page = [0; 20];
        page[0] = CODE;
        page[1] = LENGTH;
        page[2] = self.stores;
        page[MOVES..MOVES + 4].copy_from_slice(&self.moves);
        page[EXCHANGES..EXCHANGES + 4].copy_from_slice(&self.exchanges);
        page
    }
}

fn bit(kind: ElementKind) -> u8 {
    1 << (kind.bits() - 1)
}

fn row(rows: &[u8; 4], kind: ElementKind) -> u8 {
    rows.get(usize::from(kind.bits() - 1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ElementKind::{Drive, ImportExport, Storage, Transport};
    use proptest::prelude::*;

    /// As a library of a third party (tgt 1.0.85) sends it.
    const RECORDED: [u8; 20] =
        [0x1f, 0x12, 0x0f, 0x07, 0x0f, 0x0f, 0x0f, 0x0f, 0, 0, 0, 0, 0x0f, 0x0f, 0x0f, 0x0f, 0, 0, 0, 0];

    #[test]
    fn a_recorded_page() {
        let page = DeviceCapabilities::decode(&RECORDED).unwrap();
        assert!(page.can_store(Storage) && page.can_move(Drive, ImportExport) && page.can_exchange(Storage, Drive));
        assert!(DeviceCapabilities::decode(&RECORDED[..2]).is_err());
        assert!(DeviceCapabilities::decode(&[0x1d; 20]).is_err());
    }

    #[test]
    fn each_bit_is_one_way() {
        let mut page = [0; 20];
        (page[0], page[5], page[15]) = (CODE, 0x08, 0x02);
        let page = DeviceCapabilities::decode(&page).unwrap();
        assert!(page.can_move(Storage, Drive) && !page.can_move(Drive, Storage) && !page.can_move(Storage, Storage));
        assert!(page.can_exchange(Drive, Storage) && !page.can_exchange(Storage, Drive));
        assert!(!page.can_move(Transport, Drive));
        let usual = DeviceCapabilities::usual();
        assert!(
            usual.can_move(ImportExport, Drive) && !usual.can_store(Transport) && !usual.can_exchange(Storage, Drive)
        );
    }

    proptest! {
        #[test]
        fn pages_come_back(bytes in prop::collection::vec(any::<u8>(), 20)) {
            let mut bytes = bytes;
            bytes[0] = CODE;
            let page = DeviceCapabilities::decode(&bytes).unwrap();
            prop_assert_eq!(DeviceCapabilities::decode(&page.encode()), Ok(page));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            let _ = DeviceCapabilities::decode(&bytes);
        }
    }
}
