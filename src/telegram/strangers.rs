//! Patience with strangers: wrong codes and idle talk are answered a few times, then not at all for a while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// So many answers …
const ANSWERS: u32 = 5;
/// … in this time, per person.
const WINDOW: Duration = Duration::from_secs(600);
/// So many wrong codes of all people in that time: then no code is looked at, or somebody with many accounts could guess.
const ALL_CODES: u32 = 50;
/// More people are not remembered.
const MOST: usize = 10_000;

/// Counts.
#[derive(Debug, Default)]
pub struct Strangers {
    people: HashMap<i64, (u32, Instant)>,
    codes: Option<(u32, Instant)>,
}

impl Strangers {
    /// Whether this person is still answered.
    pub fn answers(&mut self, person: i64, now: Instant) -> bool {
        if self.people.len() >= MOST {
            self.people.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
        }
        if self.people.len() >= MOST && !self.people.contains_key(&person) {
            return false;
        }
        let entry = self.people.entry(person).or_insert((0, now));
        if now.duration_since(entry.1) >= WINDOW {
            *entry = (0, now);
        }
        entry.0 += 1;
        entry.0 <= ANSWERS
    }

    /// Whether codes are still looked at.
    pub fn codes(&self, now: Instant) -> bool {
        self.codes.is_none_or(|(count, since)| count < ALL_CODES || now.duration_since(since) >= WINDOW)
    }

    /// A code was wrong.
    pub fn wrong_code(&mut self, now: Instant) {
        let (count, since) = self.codes.filter(|(_, since)| now.duration_since(*since) < WINDOW).unwrap_or((0, now));
        self.codes = Some((count + 1, since));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_guesses_for_long() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        let answered = (0..20).filter(|_| strangers.answers(1, now)).count();
        assert_eq!(answered, 5);
        assert!(strangers.answers(2, now) && strangers.answers(1, now + WINDOW));
        for _ in 0..ALL_CODES {
            assert!(strangers.codes(now));
            strangers.wrong_code(now);
        }
        assert!(!strangers.codes(now) && strangers.codes(now + WINDOW));
    }
}
