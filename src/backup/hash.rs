//! SHA-256 of file contents, as fast as one core allows also when the bytes have left its cache.

use openssl_sys::{SHA256_CTX, SHA256_Final, SHA256_Init, SHA256_Update};

/// SHA-256 of nothing.
pub const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The hash of a file's content, fed in order. The state is OpenSSL's, used directly because the safe wrapper of it
/// cannot be stored, and a set that is resumed goes on with the hash of a half-sent file.
pub struct ContentHash(SHA256_CTX);

/// Words of a stored state: chaining value, length, the block that is not full yet, and how much of it is there.
const STATE_WORDS: usize = 8 + 2 + 16 + 1;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What is fetched ahead of the hash: one page.
const PAGE: usize = 4096;

impl Default for ContentHash {
    fn default() -> Self {
        let mut state = SHA256_CTX { h: [0; 8], Nl: 0, Nh: 0, data: [0; 16], num: 0, md_len: 0 };
        // SAFETY: the state is ours and complete; it is only written to.
        unsafe { SHA256_Init(&mut state) };
        ContentHash(state)
    }
}

impl ContentHash {
    /// Adds bytes that were touched a moment ago.
    pub fn update(&mut self, bytes: &[u8]) {
        // SAFETY: the state was initialised, and the pointer and length are those of a slice.
        unsafe { SHA256_Update(&mut self.0, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Adds bytes that are likely to have left the cache: the next page is fetched while one is hashed. This saves a
    /// third of the time, for the hash is a serial chain that otherwise waits for memory.
    pub fn update_cold(&mut self, bytes: &[u8]) {
        let mut pages = bytes.chunks(PAGE).peekable();
        while let Some(page) = pages.next() {
            if let Some(next) = pages.peek() {
                prefetch(next);
            }
            self.update(page);
        }
    }

    /// Adds a hole.
    pub fn update_zeros(&mut self, mut length: u64) {
        while length > 0 {
            let step = length.min(ZEROS.len() as u64) as usize;
            self.update(ZEROS.get(..step).unwrap_or_default());
            length -= step as u64;
        }
    }

    /// The hash of everything added.
    pub fn finish(mut self) -> [u8; 32] {
        let mut hash = [0; 32];
        // SAFETY: the state was initialised, and there is room for the 32 bytes of the hash.
        unsafe { SHA256_Final(hash.as_mut_ptr(), &mut self.0) };
        hash
    }

    /// What was added so far, so that [`go_on`](Self::go_on) can add more another day.
    pub fn state(&self) -> Vec<u8> {
        let SHA256_CTX { h, Nl, Nh, data, num, .. } = &self.0;
        let words = h.iter().chain([Nl, Nh]).chain(data).chain([num]);
        words.flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The chaining value behind what was added, if that is a whole number of blocks: words in the order of the hash.
    pub fn chaining(&self) -> Option<[u8; 32]> {
        let mut value = [0; 32];
        for (bytes, word) in value.as_chunks_mut::<4>().0.iter_mut().zip(self.0.h) {
            *bytes = word.to_be_bytes();
        }
        (self.0.num == 0).then_some(value)
    }

    /// The hash behind `bytes` bytes that gave this [chaining value](Self::chaining).
    pub fn go_on_behind(chaining: &[u8; 32], bytes: u64) -> ContentHash {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(chaining.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        ContentHash::go_on_at(words, bytes)
    }

    /// The hash behind `bytes` bytes, a whole number of blocks, that were added elsewhere and gave this chaining value.
    pub fn go_on_at(chaining: [u32; 8], bytes: u64) -> ContentHash {
        let bits = bytes << 3;
        let mut hash = ContentHash::default();
        hash.0 = SHA256_CTX { h: chaining, Nl: bits as u32, Nh: (bits >> 32) as u32, ..hash.0 };
        hash
    }

    /// The hash with a stored [`state`](Self::state); `None` if it is not one.
    pub fn go_on(state: &[u8]) -> Option<ContentHash> {
        let (words, rest) = state.as_chunks::<4>();
        let words: [u32; STATE_WORDS] =
            words.iter().map(|word| u32::from_le_bytes(*word)).collect::<Vec<_>>().try_into().ok()?;
        let (h, words) = words.split_first_chunk::<8>()?;
        let (&[low, high], words) = words.split_first_chunk::<2>()?;
        let (data, num) = words.split_first_chunk::<16>()?;
        let num = *num.first().filter(|num| **num < 64 && rest.is_empty())?;
        let mut hash = ContentHash::default();
        hash.0 = SHA256_CTX { h: *h, Nl: low, Nh: high, data: *data, num, ..hash.0 };
        Some(hash)
    }
}

/// Asks the processor to fetch `bytes` into its cache.
fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint: it changes nothing and cannot fault, and SSE is part of x86_64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_adding_agree() {
        let bytes: Vec<u8> = (0..100_001u32).map(|n| (n * 7 + n / 251) as u8).collect();
        let mut zeros_and_bytes = vec![0; 70_000];
        zeros_and_bytes.extend_from_slice(&bytes);
        let mut hash = ContentHash::default();
        hash.update_zeros(70_000);
        hash.update_cold(&bytes[..60_000]);
        hash.update(&bytes[60_000..]);
        assert_eq!(hash.finish(), openssl::sha::sha256(&zeros_and_bytes));
        assert_eq!(ContentHash::default().finish(), EMPTY);
    }

    #[test]
    fn a_stored_state_goes_on() {
        let bytes: Vec<u8> = (0..10_001u32).map(|n| (n * 7 + n / 251) as u8).collect();
        for cut in [0, 1, 63, 64, 65, 4096, 9_999, 10_001] {
            let mut first = ContentHash::default();
            first.update(&bytes[..cut]);
            let mut second = ContentHash::go_on(&first.state()).unwrap();
            second.update(&bytes[cut..]);
            assert_eq!(second.finish(), openssl::sha::sha256(&bytes), "{cut}");
            let chaining = first.chaining();
            assert_eq!(chaining.is_some(), cut % 64 == 0, "{cut}");
            if let Some(chaining) = chaining {
                let mut second = ContentHash::go_on_behind(&chaining, cut as u64);
                second.update(&bytes[cut..]);
                assert_eq!(second.finish(), openssl::sha::sha256(&bytes), "{cut}");
            }
        }
        let state = ContentHash::default().state();
        assert!(ContentHash::go_on(&state[1..]).is_none());
        assert!(ContentHash::go_on(&[state.as_slice(), &[0]].concat()).is_none());
        assert!(ContentHash::go_on(&[0xff; STATE_WORDS * 4]).is_none());
    }
}
