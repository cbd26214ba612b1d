//! SHA-256 of file contents, as fast as one core allows also when the bytes have left its cache.

use openssl::sha::Sha256;

/// SHA-256 of nothing.
pub const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The hash of a file's content, fed in order.
pub struct ContentHash(Sha256);

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What is fetched ahead of the hash: one page.
const PAGE: usize = 4096;

impl Default for ContentHash {
    fn default() -> Self {
        ContentHash(Sha256::new())
    }
}

impl ContentHash {
    /// Adds bytes that were touched a moment ago.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds bytes that are likely to have left the cache: the next page is fetched while one is hashed. This saves a
    /// third of the time, for the hash is a serial chain that otherwise waits for memory.
    pub fn update_cold(&mut self, bytes: &[u8]) {
        let mut pages = bytes.chunks(PAGE).peekable();
        while let Some(page) = pages.next() {
            if let Some(next) = pages.peek() {
                prefetch(next);
            }
            self.0.update(page);
        }
    }

    /// Adds a hole.
    pub fn update_zeros(&mut self, mut length: u64) {
        while length > 0 {
            let step = length.min(ZEROS.len() as u64) as usize;
            self.0.update(ZEROS.get(..step).unwrap_or_default());
            length -= step as u64;
        }
    }

    /// The hash of everything added.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish()
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
}
