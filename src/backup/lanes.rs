//! SHA-256 of many small files at once: sixteen messages side by side in the sixteen lanes of an AVX-512 register.
//!
//! A hash is a serial chain, so one message cannot be hashed faster than the processor's SHA instructions do; sixteen that
//! do not depend on each other can, more than twice as fast. The lanes do whole blocks of 64 bytes; the end of each message,
//! and everything where there are too few messages or no AVX-512, is left to OpenSSL.

use super::hash::{self, ContentHash};

/// Messages that are hashed side by side.
pub const LANES: usize = 16;
/// With fewer messages than this OpenSSL is faster.
const FEWEST: usize = 5;
/// Bytes of a block.
const BLOCK: usize = 64;

/// The hashes of all messages, in order.
pub fn hash_all(messages: &[&[u8]]) -> Vec<[u8; 32]> {
    let mut hashes = vec![hash::EMPTY; messages.len()];
    #[cfg(target_arch = "x86_64")]
    if messages.len() >= FEWEST && is_available() {
        side_by_side(messages, &mut hashes);
        return hashes;
    }
    for (message, hash) in messages.iter().zip(&mut hashes) {
        *hash = alone(ContentHash::default(), message);
    }
    hashes
}

/// Whether this processor has what it takes.
#[cfg(target_arch = "x86_64")]
pub fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

/// Whether this processor has what it takes.
#[cfg(not(target_arch = "x86_64"))]
pub fn is_available() -> bool {
    false
}

fn alone(mut hash: ContentHash, rest: &[u8]) -> [u8; 32] {
    hash.update(rest);
    hash.finish()
}

#[cfg(target_arch = "x86_64")]
fn side_by_side(messages: &[&[u8]], hashes: &mut [[u8; 32]]) {
    let mut waiting: Vec<usize> = (0..messages.len()).collect();
    // the longest last, which are taken first: so the lanes come to their ends together
    waiting.sort_by_key(|index| messages.get(*index).map_or(0, |message| message.len()));
    let mut state = x86::State::default();
    // what each lane has left, and whose it is
    let mut lanes: [(usize, &[u8]); LANES] = [(usize::MAX, &[]); LANES];
    loop {
        for (lane, (owner, rest)) in lanes.iter_mut().enumerate() {
            while rest.len() < BLOCK {
                if let (Some(message), Some(hash)) = (messages.get(*owner), hashes.get_mut(*owner)) {
                    let done = message.len() - rest.len();
                    *hash = alone(ContentHash::go_on_at(state.take(lane), done as u64), rest);
                }
                *owner = usize::MAX;
                let Some(next) = waiting.pop() else { break };
                let Some(message) = messages.get(next) else { break };
                state.begin(lane);
                (*owner, *rest) = (next, message);
            }
        }
        let active = || lanes.iter().filter(|(owner, _)| *owner != usize::MAX);
        if active().count() < FEWEST {
            break;
        }
        let blocks = active().map(|(_, rest)| rest.len() / BLOCK).min().unwrap_or_default();
        // a lane without a message repeats what another does
        let other = active().next().map_or(&[][..], |(_, rest)| rest);
        let input = lanes.map(|(owner, rest)| if owner == usize::MAX { other } else { rest });
        x86::add(&mut state, &input, blocks);
        for (owner, rest) in &mut lanes {
            if *owner != usize::MAX {
                *rest = rest.get(blocks * BLOCK..).unwrap_or_default();
            }
        }
    }
    for (lane, (owner, rest)) in lanes.iter().enumerate() {
        if let (Some(message), Some(hash)) = (messages.get(*owner), hashes.get_mut(*owner)) {
            *hash = alone(ContentHash::go_on_at(state.take(lane), (message.len() - rest.len()) as u64), rest);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, LANES};
    use std::arch::x86_64::*;

    /// The chaining values of all lanes: word by word, each of all lanes.
    #[derive(Default, Clone, Copy)]
    #[repr(align(64))]
    pub struct State([[u32; LANES]; 8]);

    /// FIPS 180-4, 5.3.3.
    const BEGIN: [u32; 8] =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    /// FIPS 180-4, 4.2.2.
    const K: [u32; 64] = [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
        0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
        0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
        0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
        0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
        0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
        0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2,
    ];

    impl State {
        /// A message begins in this lane.
        pub fn begin(&mut self, lane: usize) {
            for (word, begin) in self.0.iter_mut().zip(BEGIN) {
                if let Some(word) = word.get_mut(lane) {
                    *word = begin;
                }
            }
        }

        /// The chaining value of this lane.
        pub fn take(&self, lane: usize) -> [u32; 8] {
            self.0.map(|word| word.get(lane).copied().unwrap_or_default())
        }
    }

    /// Adds the first `blocks` blocks of each input to its lane. The processor must have AVX-512 F and BW.
    pub fn add(state: &mut State, input: &[&[u8]; LANES], blocks: usize) {
        assert!(input.iter().all(|bytes| bytes.len() / BLOCK >= blocks));
        // SAFETY: the caller has asked the processor for the features, and each input was found long enough.
        unsafe { compress(state, input, blocks) }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn compress(state: &mut State, input: &[&[u8]; LANES], blocks: usize) {
        let swap = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
        // SAFETY: a row of the state is 64 bytes.
        let mut h = state.0.map(|word| unsafe { _mm512_loadu_si512(word.as_ptr().cast()) });
        for block in 0..blocks {
            // SAFETY: each input has more than `block` blocks of 64 bytes.
            let rows = input.map(|bytes| unsafe {
                _mm512_shuffle_epi8(_mm512_loadu_si512(bytes.as_ptr().add(block * BLOCK).cast()), swap)
            });
            h = one_block(h, transposed(rows));
        }
        for (word, value) in state.0.iter_mut().zip(h) {
            // SAFETY: a row of the state is 64 bytes.
            unsafe { _mm512_storeu_si512(word.as_mut_ptr().cast(), value) };
        }
    }

    /// Rows to columns: word `n` of every lane.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn transposed(r: [__m512i; 16]) -> [__m512i; 16] {
        let mut t = r;
        for i in 0..8 {
            t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
        }
        let mut u = t;
        for i in 0..4 {
            u[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
            u[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
            u[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
            u[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
        }
        let mut w = u;
        for j in 0..4 {
            let (a, b, c, d) = (u[j], u[4 + j], u[8 + j], u[12 + j]);
            let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
            let (ab_far, cd_far) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
            w[j] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            w[4 + j] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
            w[8 + j] = _mm512_shuffle_i32x4::<0x88>(ab_far, cd_far);
            w[12 + j] = _mm512_shuffle_i32x4::<0xdd>(ab_far, cd_far);
        }
        w
    }

    /// FIPS 180-4, 6.2.2, of sixteen messages.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn one_block(begin: [__m512i; 8], mut w: [__m512i; 16]) -> [__m512i; 8] {
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = begin;
        macro_rules! xor3 {
            ($x:expr, $y:expr, $z:expr) => {
                _mm512_ternarylogic_epi32::<0x96>($x, $y, $z)
            };
        }
        macro_rules! add {
            ($x:expr, $y:expr) => {
                _mm512_add_epi32($x, $y)
            };
        }
        macro_rules! round {
            ($n:expr, $i:expr) => {{
                let sum = xor3!(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
                let choice = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
                let known = add!(_mm512_set1_epi32(K[$n + $i] as i32), w[$i]);
                let first = add!(add!(h, known), add!(sum, choice));
                let sum = xor3!(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
                let majority = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
                (h, g, f, e, d, c, b, a) = (g, f, e, add!(d, first), c, b, a, add!(first, add!(sum, majority)));
            }};
        }
        macro_rules! next {
            ($i:expr) => {{
                let (early, late) = (w[($i + 1) & 15], w[($i + 14) & 15]);
                let small =
                    xor3!(_mm512_ror_epi32::<7>(early), _mm512_ror_epi32::<18>(early), _mm512_srli_epi32::<3>(early));
                let large =
                    xor3!(_mm512_ror_epi32::<17>(late), _mm512_ror_epi32::<19>(late), _mm512_srli_epi32::<10>(late));
                w[$i] = add!(add!(w[$i], small), add!(w[($i + 9) & 15], large));
            }};
        }
        macro_rules! sixteen {
            ($each:ident) => {
                $each!(0);
                $each!(1);
                $each!(2);
                $each!(3);
                $each!(4);
                $each!(5);
                $each!(6);
                $each!(7);
                $each!(8);
                $each!(9);
                $each!(10);
                $each!(11);
                $each!(12);
                $each!(13);
                $each!(14);
                $each!(15);
            };
        }
        let mut n = 0;
        macro_rules! plain {
            ($i:expr) => {
                round!(n, $i)
            };
        }
        macro_rules! extended {
            ($i:expr) => {
                next!($i);
                round!(n, $i)
            };
        }
        sixteen!(plain);
        while n < 48 {
            n += 16;
            sixteen!(extended);
        }
        let end = [a, b, c, d, e, f, g, h];
        let mut sum = begin;
        for (sum, end) in sum.iter_mut().zip(end) {
            *sum = add!(*sum, end);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(messages: &[Vec<u8>]) {
        let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let expected: Vec<[u8; 32]> = slices.iter().map(|message| openssl::sha::sha256(message)).collect();
        assert!(hash_all(&slices) == expected, "{:?}", messages.iter().map(Vec::len).collect::<Vec<_>>());
    }

    #[test]
    fn many_messages_of_all_lengths() {
        for count in [0, 1, 4, 5, 15, 16, 17, 33, 100] {
            let message = |number: usize| {
                let length = (number * 7919 + count * 31) % 9000;
                (0..length).map(|at| (at * 31 + number * 17) as u8).collect::<Vec<u8>>()
            };
            check(&(0..count).map(message).collect::<Vec<_>>());
        }
    }

    #[test]
    fn lengths_around_blocks() {
        check(&(0..200).map(|length| vec![0x5a; length]).collect::<Vec<_>>());
        check(&vec![Vec::new(); 40]);
        check(&vec![vec![1; 64]; 16]);
    }

    proptest! {
        #[test]
        fn whatever_the_messages_are(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..50)) {
            check(&messages);
        }
    }
}
