//! Arithmetic of a sealed stream: which segment holds which byte.

/// Bytes of ciphertext in a full segment, tag included (the first one: with the stream's header).
pub const SEGMENT_SIZE: usize = 1 << 20;
/// Bytes of a stream's header.
pub const HEADER_SIZE: usize = 40;
/// Bytes of the tag that ends each segment.
pub const TAG_SIZE: usize = 16;

const FIRST: u64 = (SEGMENT_SIZE - HEADER_SIZE - TAG_SIZE) as u64;
const OTHER: u64 = (SEGMENT_SIZE - TAG_SIZE) as u64;

/// Bytes of plaintext that a full segment holds.
pub fn segment_room(segment: u64) -> usize {
    (if segment == 0 { FIRST } else { OTHER }) as usize
}

/// The segment that holds byte `offset` of the plaintext, and where in the segment's plaintext it is.
pub fn segment_of(offset: u64) -> (u64, usize) {
    match offset.checked_sub(FIRST) {
        None => (0, offset as usize),
        Some(rest) => (1 + rest / OTHER, (rest % OTHER) as usize),
    }
}

/// Bytes that a stream of `plaintext` bytes has when sealed, header included.
pub fn ciphertext_length(plaintext: u64) -> u64 {
    // A stream that fills its segments exactly has no empty one behind them.
    let segments = 1 + plaintext.saturating_sub(FIRST).div_ceil(OTHER);
    plaintext.saturating_add(HEADER_SIZE as u64).saturating_add(segments.saturating_mul(TAG_SIZE as u64))
}

/// Bytes of plaintext in a sealed stream of `ciphertext` bytes; `None` if no stream has that length.
pub fn plaintext_length(ciphertext: u64) -> Option<u64> {
    let segments = ciphertext.div_ceil(SEGMENT_SIZE as u64);
    let plaintext = ciphertext.checked_sub(HEADER_SIZE as u64)?.checked_sub(segments.checked_mul(TAG_SIZE as u64)?)?;
    (ciphertext_length(plaintext) == ciphertext).then_some(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn boundaries() {
        assert_eq!(ciphertext_length(0), 56);
        assert_eq!(ciphertext_length(FIRST), 1 << 20);
        assert_eq!(ciphertext_length(FIRST + 1), (1 << 20) + 17);
        assert_eq!(ciphertext_length(FIRST + OTHER), 2 << 20);
        assert_eq!(segment_of(FIRST - 1), (0, FIRST as usize - 1));
        assert_eq!(segment_of(FIRST), (1, 0));
        assert_eq!(segment_of(FIRST + OTHER), (2, 0));
        assert_eq!(plaintext_length(55), None);
        assert_eq!(plaintext_length((1 << 20) + 16), None);
        assert_eq!(plaintext_length(u64::MAX).and(Some(0)), plaintext_length(u64::MAX).and(Some(0)));
    }

    proptest! {
        #[test]
        fn lengths_invert(n in 0u64..(1 << 50), near in -3i64..=3, segments in 0u64..1000) {
            prop_assert_eq!(plaintext_length(ciphertext_length(n)), Some(n));
            let n = (FIRST + segments * OTHER).saturating_add_signed(near);
            prop_assert_eq!(plaintext_length(ciphertext_length(n)), Some(n));
        }

        #[test]
        fn segments_tile_the_plaintext(offset in 0u64..(1 << 45)) {
            let (segment, within) = segment_of(offset);
            prop_assert!(within < segment_room(segment));
            let (next, at) = segment_of(offset + 1);
            prop_assert!((next, at) == (segment, within + 1) || (next, at) == (segment + 1, 0));
        }
    }
}
