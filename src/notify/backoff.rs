//! How long to wait after a failure: doubling, with jitter, so that what failed together does not come back together.

use std::time::Duration;

/// Longest wait.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// The wait after `failures` in a row. `chance` is between 0 and 1.
pub fn wait(first: Duration, failures: u32, chance: f64) -> Duration {
    let doubled = first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(30))).min(LONGEST);
    doubled.mul_f64(0.75 + chance.clamp(0.0, 1.0) / 2.0)
}

/// A number between 0 and 1.
pub fn chance() -> f64 {
    let mut bytes = [0; 4];
    match openssl::rand::rand_bytes(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_differ() {
        let first = Duration::from_secs(16);
        assert_eq!(wait(first, 1, 0.5), first);
        assert_eq!(wait(first, 3, 0.5), first * 4);
        assert_eq!(wait(first, 1000, 0.5), LONGEST);
        assert_eq!((wait(first, 1, 0.0), wait(first, 1, 1.0)), (first * 3 / 4, first * 5 / 4));
        assert!((0.0..=1.0).contains(&chance()));
    }
}
