//! Numbers that are the same for the same seed, and the seed of this run.

/// SplitMix64.
pub struct Seed {
    pub first: u64,
    state: u64,
}

impl Seed {
    /// `TAPEBACKARR_SEED`, or always the same: a test that everybody runs gives everybody the same answer. Printed, so
    /// that a failure can be run again.
    pub fn new(suite: &str) -> Seed {
        Seed::given(suite, 20_261_121)
    }

    /// `TAPEBACKARR_SEED`, or the time.
    pub fn of_the_day(suite: &str) -> Seed {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Seed::given(suite, u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20))
    }

    fn given(suite: &str, otherwise: u64) -> Seed {
        let given = std::env::var("TAPEBACKARR_SEED").ok().and_then(|text| text.parse().ok());
        let first = given.unwrap_or(otherwise);
        println!("{suite}: TAPEBACKARR_SEED={first}");
        Seed::of(first)
    }

    /// A seed that was printed.
    pub fn of(first: u64) -> Seed {
        Seed { first, state: first }
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.state;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % limit.max(1)
    }
}
