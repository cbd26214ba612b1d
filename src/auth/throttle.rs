//! Slowing down guessing: per user name and per address, a growing lock.
//!
//! An attempt is counted *before* the password is checked and taken back when it was right, so a flood of attempts at
//! the same moment gets no more guesses than one after the other.

use crate::config;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Above this many names and addresses, the oldest are forgotten: an attacker must not fill the memory.
const MOST_ENTRIES: usize = 50_000;

/// People are told of locks no more often than this.
pub const TELL_EVERY: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Name(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    locked_until: Instant,
    last: Instant,
}

/// Counts wrong guesses.
#[derive(Debug)]
pub struct Throttle {
    free_attempts: u32,
    first_lock: Duration,
    longest_lock: Duration,
    entries: Mutex<HashMap<Subject, Entry>>,
    /// When people were told of a lock last.
    told: Mutex<Option<Instant>>,
    failed: AtomicU64,
    refused: AtomicU64,
}

/// One attempt under way; counted as wrong unless [`Attempt::succeeded`] is called.
#[derive(Debug)]
pub struct Attempt<'t> {
    throttle: &'t Throttle,
    name: Subject,
    address: Option<Subject>,
    first_lock: bool,
}

impl Throttle {
    /// As configured.
    pub fn new(config: &config::Auth) -> Throttle {
        Throttle {
            free_attempts: config.login_attempts,
            first_lock: Duration::from_secs(config.lockout_seconds),
            longest_lock: Duration::from_secs(config.lockout_max_seconds),
            entries: Mutex::default(),
            told: Mutex::default(),
            failed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Wrong guesses so far.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Attempts so far that were not let in because of a lock.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Begin an attempt on `name` from `address` (none: unknown). The error is how long to wait.
    pub fn attempt(&self, name: &str, address: Option<IpAddr>) -> Result<Attempt<'_>, Duration> {
        self.attempt_at(name, address, Instant::now())
    }

    fn attempt_at(&self, name: &str, address: Option<IpAddr>, now: Instant) -> Result<Attempt<'_>, Duration> {
        let name = Subject::Name(name.chars().take(255).collect::<String>().to_lowercase());
        let address = address.map(|address| Subject::Address(network_of(address)));
        let mut entries = self.lock();
        let locked = [Some(&name), address.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|subject| entries.get(subject))
            .map(|entry| entry.locked_until.saturating_duration_since(now))
            .max()
            .unwrap_or_default();
        if !locked.is_zero() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(locked);
        }
        if entries.len() >= MOST_ENTRIES {
            self.forget(&mut entries, now);
        }
        let mut first_lock = false;
        for subject in [Some(&name), address.as_ref()].into_iter().flatten() {
            let entry = entries.entry(subject.clone()).or_insert(Entry { failures: 0, locked_until: now, last: now });
            if now.duration_since(entry.last) > self.longest_lock * 2 {
                entry.failures = 0;
            }
            entry.failures = entry.failures.saturating_add(1);
            entry.last = now;
            entry.locked_until = now + self.lock_after(entry.failures);
            first_lock |= entry.failures == self.free_attempts;
        }
        Ok(Attempt { throttle: self, name, address, first_lock })
    }

    /// No lock while attempts are free; then the first lock, doubling.
    fn lock_after(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free_attempts) {
            None => Duration::ZERO,
            Some(beyond) => {
                let factor = 2u32.checked_pow(beyond.min(30)).unwrap_or(u32::MAX);
                self.first_lock.saturating_mul(factor).min(self.longest_lock)
            }
        }
    }

    /// Forget those whose count would start again anyway; if that is not enough, the older half.
    fn forget(&self, entries: &mut HashMap<Subject, Entry>, now: Instant) {
        entries.retain(|_, entry| now.duration_since(entry.last) <= self.longest_lock * 2);
        if entries.len() >= MOST_ENTRIES {
            let mut times: Vec<Instant> = entries.values().map(|entry| entry.last).collect();
            times.sort_unstable();
            if let Some(&median) = times.get(times.len() / 2) {
                entries.retain(|_, entry| entry.last > median);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Subject, Entry>> {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The password was wrong. Whether people should be told: it is the guess that locks a name or an address first, and
    /// they were not told within the last [`TELL_EVERY`] (somebody with many addresses must not fill their mailboxes).
    pub fn failed(&self) -> bool {
        self.throttle.failed.fetch_add(1, Ordering::Relaxed);
        let mut told = self.throttle.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tell = self.first_lock && told.is_none_or(|at| at.elapsed() >= TELL_EVERY);
        if tell {
            *told = Some(Instant::now());
        }
        tell
    }

    /// The password was right, and a code is still to come: nothing was guessed, and nothing is forgiven either, or whoever knows
    /// the password could guess at codes without end.
    pub fn withdraw(self) {
        let mut entries = self.throttle.lock();
        for subject in [Some(&self.name), self.address.as_ref()].into_iter().flatten() {
            if let Some(entry) = entries.get_mut(subject) {
                entry.failures = entry.failures.saturating_sub(1);
                entry.locked_until = entry.last;
            }
        }
    }

    /// The password was right: the name is free again. Of the address only this attempt is taken back, or somebody with
    /// one account could guess at the others without end.
    pub fn succeeded(self) {
        let mut entries = self.throttle.lock();
        entries.remove(&self.name);
        if let Some(entry) = self.address.as_ref().and_then(|address| entries.get_mut(address)) {
            entry.failures = entry.failures.saturating_sub(1);
            entry.locked_until = entry.last;
        }
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle {
            free_attempts: 3,
            first_lock: Duration::from_secs(2),
            longest_lock: Duration::from_secs(10),
            entries: Mutex::default(),
            told: Mutex::default(),
            failed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    #[test]
    fn guesses_and_refusals_are_counted() {
        let throttle = throttle();
        let now = Instant::now();
        for _ in 0..5 {
            if let Ok(attempt) = throttle.attempt_at("ann", None, now) {
                attempt.failed();
            }
        }
        assert_eq!((throttle.failed(), throttle.refused()), (3, 2));
    }

    #[test]
    fn people_are_told_of_the_first_lock_and_not_of_each() {
        let throttle = throttle();
        let now = Instant::now();
        let told: Vec<bool> = (0..3).map(|_| throttle.attempt_at("ann", address(1), now).unwrap().failed()).collect();
        assert_eq!(told, [false, false, true]);
        let told = (0..3).any(|_| throttle.attempt_at("bob", address(2), now).unwrap().failed());
        assert!(!told, "not so soon again");
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn locks_grow_to_a_limit_and_end() {
        let throttle = throttle();
        let start = Instant::now();
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..20 {
            match throttle.attempt_at("ann", address(1), now) {
                Ok(_) => waits.push(0),
                Err(wait) => {
                    waits.push(wait.as_secs());
                    now += wait;
                }
            }
        }
        assert_eq!(waits, [0, 0, 0, 2, 0, 4, 0, 8, 0, 10, 0, 10, 0, 10, 0, 10, 0, 10, 0, 10]);
        assert!(throttle.attempt_at("ann", address(1), now + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn one_address_trying_many_names_is_locked_and_one_name_from_many_addresses_too() {
        let now = Instant::now();
        let throttle_names = throttle();
        let free = (0..20).filter(|n| throttle_names.attempt_at(&format!("u{n}"), address(1), now).is_ok()).count();
        assert_eq!(free, 3);
        let throttle_addresses = throttle();
        let free = (0..20).filter(|n| throttle_addresses.attempt_at("Ann", address(*n), now).is_ok()).count();
        assert_eq!(free, 3);
        assert!(throttle_addresses.attempt_at("ANN", address(99), now).is_err());
    }

    #[test]
    fn success_frees_the_name_but_not_the_address() {
        let throttle = throttle();
        let now = Instant::now();
        for name in ["a", "b"] {
            throttle.attempt_at(name, address(1), now).unwrap();
        }
        throttle.attempt_at("ann", address(1), now).unwrap().succeeded();
        throttle.attempt_at("ann", address(1), now).unwrap().succeeded();
        throttle.attempt_at("c", address(1), now).unwrap();
        assert!(throttle.attempt_at("d", address(1), now).is_err());
    }

    #[test]
    fn a_right_password_without_its_code_forgives_nothing() {
        let throttle = throttle();
        let now = Instant::now();
        for _ in 0..10 {
            throttle.attempt_at("ann", address(1), now).unwrap().withdraw();
        }
        for _ in 0..3 {
            throttle.attempt_at("ann", address(1), now).unwrap();
            throttle.attempt_at("bob", None, now).unwrap().withdraw();
        }
        assert!(throttle.attempt_at("ann", address(1), now).is_err(), "three wrong codes, whatever was between them");
        let throttle = self::throttle();
        for _ in 0..2 {
            throttle.attempt_at("ann", address(1), now).unwrap();
            throttle.attempt_at("ann", address(1), now).unwrap().withdraw();
        }
        throttle.attempt_at("ann", address(1), now).unwrap();
        assert!(throttle.attempt_at("ann", address(1), now).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = throttle();
        let mut now = Instant::now();
        for n in 0..(MOST_ENTRIES + 1000) {
            now += Duration::from_micros(1);
            let _ = throttle.attempt_at(&n.to_string(), None, now);
        }
        assert!(throttle.lock().len() <= MOST_ENTRIES);
    }

    #[test]
    fn neighbours_in_ipv6_are_one() {
        assert_eq!(network_of("2001:db8::1".parse().unwrap()), network_of("2001:db8::ffff".parse().unwrap()));
        assert_eq!(network_of("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }
}
