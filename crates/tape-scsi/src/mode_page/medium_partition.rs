//! Medium partition page, 11h (SSC-5, 8.3.6).

use super::page_bytes;
use crate::Malformed;
use crate::command::mode::PageCode;

/// The partitions of the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediumPartition(Vec<u8>);

impl MediumPartition {
    /// Its code.
    pub const CODE: PageCode = PageCode(0x11, 0);

    /// Reads the page.
    pub fn decode(bytes: &[u8]) -> Result<MediumPartition, Malformed> {
        page_bytes(Self::CODE, "the medium partition page", 8, bytes).map(MediumPartition)
    }

    /// The page as it is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Most partitions that the drive can make beside the first.
    pub fn most_additional(&self) -> u8 {
        self.0[2]
    }

    /// Partitions of the loaded medium beside the first; 0 on an ordinary tape.
    pub fn additional(&self) -> u8 {
        self.0[3]
    }

    /// Sizes in the page, in its units, partition 0 first.
    pub fn sizes(&self) -> Vec<u16> {
        let sizes = self.0.get(8..).unwrap_or(&[]);
        sizes.chunks_exact(2).filter_map(|size| crate::bytes::u16_at(size, 0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_partitions() {
        let page = MediumPartition::decode(&[0x91, 0x0a, 1, 1, 0x3c, 3, 9, 0, 0, 0x25, 0x05, 0x82]).unwrap();
        assert_eq!((page.most_additional(), page.additional()), (1, 1));
        assert_eq!(page.sizes(), [0x25, 0x0582]);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..40), length in 0u8..40) {
            let _ = MediumPartition::decode(&bytes);
            if let [first, second, ..] = bytes.as_mut_slice() {
                (*first, *second) = (0x11, length);
            }
            let _ = MediumPartition::decode(&bytes).map(|page| page.sizes());
        }
    }
}
