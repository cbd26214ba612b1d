//! How often somebody may ask: per address, and per user or API key.

use super::throttle::network_of;
use super::{Identity, Who};
use crate::{Error, ErrorKind, Result};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde_json::json;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// So many seconds' worth of requests may come at once: a page that opens asks for many things.
const BURST_SECONDS: u32 = 5;
/// After so many requests those who are silent again are forgotten: whoever has many addresses must not fill the memory.
const FORGET_EVERY: u64 = 10_000;
/// The log tells of floods no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Caller {
    User(i32),
    ApiKey(i32),
}

/// Counts requests.
pub struct RateLimits {
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    callers: Option<DefaultKeyedRateLimiter<Caller>>,
    clock: DefaultClock,
    asked: AtomicU64,
    refused: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimits").field("on", &self.addresses.is_some()).finish_non_exhaustive()
    }
}

impl RateLimits {
    /// So many requests a second, five times as many at once; 0: as many as come.
    pub fn new(per_second: u32) -> RateLimits {
        RateLimits {
            addresses: limiter(per_second),
            callers: limiter(per_second),
            clock: DefaultClock::default(),
            asked: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            told: Mutex::default(),
        }
    }

    /// Counts a request from `address`.
    ///
    /// # Errors
    /// 429 `too_many_requests`, with how long to wait.
    pub fn address(&self, address: IpAddr) -> Result<()> {
        self.forget();
        self.count(self.addresses.as_ref(), &network_of(address), || format!("the address {address}"))
    }

    /// Counts a request of a user or an API key.
    ///
    /// # Errors
    /// As [`RateLimits::address`].
    pub fn caller(&self, identity: &Identity) -> Result<()> {
        let caller = match identity.who {
            Who::User { id, .. } => Caller::User(id),
            Who::ApiKey { id, .. } => Caller::ApiKey(id),
        };
        self.count(self.callers.as_ref(), &caller, || identity.name())
    }

    /// Requests that were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn count<K: Hash + Eq + Clone>(
        &self,
        limiter: Option<&DefaultKeyedRateLimiter<K>>,
        key: &K,
        who: impl FnOnce() -> String,
    ) -> Result<()> {
        let Some(refusal) = limiter.and_then(|limiter| limiter.check_key(key).err()) else { return Ok(()) };
        let seconds = refusal.wait_time_from(self.clock.now()).as_secs() + 1;
        self.tell(who);
        let message = format!("too many requests: try again in {seconds} seconds (server.requests_per_second)");
        let error = Error::new(ErrorKind::TooMany, "too_many_requests", message);
        Err(error.with_details(json!({"retry_after_seconds": seconds})))
    }

    fn tell(&self, who: impl FnOnce() -> String) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!("requests are refused because they come too fast, now from {}; {refused} so far", who());
        }
    }

    fn forget(&self) {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.addresses.iter().for_each(|limiter| {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            });
            self.callers.iter().for_each(|limiter| limiter.retain_recent());
        }
    }
}

fn limiter<K: Hash + Eq + Clone>(per_second: u32) -> Option<DefaultKeyedRateLimiter<K>> {
    let rate = NonZeroU32::new(per_second)?;
    let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
    Some(RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Role;

    fn user(id: i32) -> Identity {
        Identity { who: Who::User { id, username: format!("u{id}") }, role: Role::Admin, session: None }
    }

    #[test]
    fn each_address_and_each_caller_has_a_limit_of_its_own() {
        let limits = RateLimits::new(2);
        let passed = |limits: &RateLimits, address: [u8; 4]| {
            (0..100).filter(|_| limits.address(IpAddr::from(address)).is_ok()).count()
        };
        assert!((10..=12).contains(&passed(&limits, [10, 0, 0, 1])));
        assert!((10..=12).contains(&passed(&limits, [10, 0, 0, 2])), "others are not held up");
        let callers = |id| (0..100).filter(|_| limits.caller(&user(id)).is_ok()).count();
        assert!((10..=12).contains(&callers(1)));
        assert!((10..=12).contains(&callers(2)));
        let error = limits.address(IpAddr::from([10, 0, 0, 1])).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::TooMany, "too_many_requests"));
        assert!((1..=2).contains(&error.details.unwrap()["retry_after_seconds"].as_u64().unwrap()));
    }

    #[test]
    fn neighbours_in_ipv6_are_one() {
        let limits = RateLimits::new(1);
        let passed = (0..100u128)
            .filter(|n| limits.address(IpAddr::from((0x2001_0db8_u128 << 96 | n).to_be_bytes())).is_ok())
            .count();
        assert!((5..=6).contains(&passed), "{passed}");
    }

    #[test]
    fn nothing_is_limited_by_0_and_those_who_are_silent_are_forgotten() {
        let limits = RateLimits::new(0);
        assert!((0..1000).all(|_| limits.address(IpAddr::from([10, 0, 0, 1])).is_ok()));
        let limits = RateLimits::new(10_000);
        for number in 0..(2 * FORGET_EVERY) {
            let [.., a, b, c] = number.to_be_bytes();
            limits.address(IpAddr::from([10, a, b, c])).unwrap();
        }
        let kept = limits.addresses.as_ref().unwrap().len();
        assert!(kept < 2 * FORGET_EVERY as usize, "{kept}");
    }
}
