//! Data compression page, 0Fh (SSC-5, 8.3.4).

use super::{page_bytes, set_bits};
use crate::Malformed;
use crate::command::mode::PageCode;

/// The drive's own compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataCompression(Vec<u8>);

impl DataCompression {
    /// Its code.
    pub const CODE: PageCode = PageCode(0x0f, 0);

    /// Reads the page.
    pub fn decode(bytes: &[u8]) -> Result<DataCompression, Malformed> {
        page_bytes(Self::CODE, "the data compression page", 16, bytes).map(DataCompression)
    }

    /// The page as it is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// DCC: the drive can compress.
    pub fn capable(&self) -> bool {
        self.0[2] & 0x40 != 0
    }

    /// DCE: it compresses what is written.
    pub fn enabled(&self) -> bool {
        self.0[2] & 0x80 != 0
    }

    /// The same page with compression on or off. Decompression stays on, as tapes written before need it.
    pub fn with_enabled(mut self, enabled: bool) -> DataCompression {
        set_bits(&mut self.0[2], 0x80, enabled);
        set_bits(&mut self.0[3], 0x80, true);
        // COMPRESSION ALGORITHM: 1 is the drive's default; 0 would be none (SSC-5, table 126).
        if enabled && self.0[4..8] == [0; 4] {
            self.0[7] = 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_lto_drive() {
        let page = [0x8f, 0x0e, 0xc0, 0x80, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
        let page = DataCompression::decode(&page).unwrap();
        assert!(page.enabled() && page.capable());
        let off = page.with_enabled(false);
        assert!(!off.enabled() && off.capable());
        assert_eq!(off.bytes()[2], 0x40);
        assert!(DataCompression::decode(&[0x10, 0x0e, 0xc0, 0x80, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = DataCompression::decode(&bytes);
            if let [first, second, ..] = bytes.as_mut_slice() {
                (*first, *second) = (0x0f, *second % 0x20);
            }
            if let Ok(page) = DataCompression::decode(&bytes) {
                prop_assert!(page.clone().with_enabled(true).enabled());
                prop_assert_eq!(DataCompression::decode(page.bytes()), Ok(page));
            }
        }
    }
}
