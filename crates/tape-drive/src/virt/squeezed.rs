//! Blocks that a virtual drive compressed: the length of the block (4 bytes, little-endian), and a zlib stream (RFC 1950),
//! which any programming language reads and whose checksum tells damage.

use super::sealed::OVERHEAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::io::{Read, Write};

/// Longest block that is believed: what READ BLOCK LIMITS can say (24 bits).
const MAX_BLOCK_BYTES: usize = (1 << 24) - 1;
const LENGTH: usize = 4;

/// A block that takes less room than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Squeezed(Vec<u8>);

impl Squeezed {
    /// `None` if nothing would be saved, as with data that are compressed or encrypted already.
    pub fn of(block: &[u8]) -> Option<Squeezed> {
        let length = u32::try_from(block.len()).ok().filter(|_| block.len() <= MAX_BLOCK_BYTES)?;
        let mut encoder = ZlibEncoder::new(length.to_le_bytes().to_vec(), Compression::fast());
        // Memory takes everything.
        encoder.write_all(block).ok()?;
        let bytes = encoder.finish().ok()?;
        (bytes.len() + OVERHEAD < block.len()).then_some(Squeezed(bytes))
    }

    /// As it is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The block that was compressed to these bytes; `None` if they are not what [`Squeezed::of`] made.
pub fn expand(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, stream) = bytes.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|&length| length <= MAX_BLOCK_BYTES)?;
    let mut block = Vec::new();
    // One byte more than there should be tells a stream that is too long.
    ZlibDecoder::new(stream).take(length as u64 + 1).read_to_end(&mut block).ok()?;
    (block.len() == length).then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zeros_take_little_room_and_noise_is_left_alone() {
        let zeros = Squeezed::of(&[0; 1 << 20]).unwrap();
        assert!(zeros.bytes().len() < 10_000, "{}", zeros.bytes().len());
        let mut noise = [0; 4096];
        openssl::rand::rand_bytes(&mut noise).unwrap();
        assert_eq!(Squeezed::of(&noise), None);
        assert_eq!(Squeezed::of(&[0; 60]), None, "its head would be longer than it");
        assert_eq!(Squeezed::of(&[]), None);
    }

    #[test]
    fn a_stream_of_another_length_is_refused() {
        let mut bytes = Squeezed::of(&[7; 1000]).unwrap().bytes().to_vec();
        for length in [0u32, 999, 1001, u32::MAX] {
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            assert_eq!(expand(&bytes), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(block in proptest::collection::vec(0u8..4, 0..5000)) {
            if let Some(squeezed) = Squeezed::of(&block) {
                prop_assert!(squeezed.bytes().len() < block.len());
                prop_assert_eq!(expand(squeezed.bytes()), Some(block));
            }
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = expand(&bytes);
        }
    }
}
