//! What was missed between two looks at the clock, and what to do about it.
//!
//! The owner of the clock remembers until when it has looked (`looked_until`) and asks [`due`] at each tick. Whether
//! the server was off, the machine slept, or the clock was set forward: runs lie in between that nobody started. A
//! clock that was set **back** never makes a run happen twice: what was looked at stays looked at.

use super::Schedule;
use crate::db::MissedRuns;
use chrono::{DateTime, TimeDelta, Utc};

/// A run found at most this much late is on time: timers are not exact and ticks are not instant.
const ON_TIME: TimeDelta = TimeDelta::seconds(90);
/// Counting stops here; the exact number of thousands of missed runs helps nobody.
const MOST_COUNTED: u32 = 10_000;

/// The runs between two instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// How many, counted up to ten thousand.
    pub count: u32,
    /// When the first should have been.
    pub first: DateTime<Utc>,
    /// When the last of those counted should have been.
    pub last: DateTime<Utc>,
}

/// What a job needs at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// It is time; the run was planned for this instant.
    Now(DateTime<Utc>),
    /// Runs were missed: run once, for all of them.
    CatchUp(Missed),
    /// Runs were missed and the job wants them left out: tell, and wait for the next.
    Skipped(Missed),
}

/// The runs in (after, until].
pub fn missed_between(schedule: &Schedule, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<Missed> {
    let mut runs = schedule.runs_after(after).take_while(|run| *run <= until);
    let first = runs.next()?;
    let start = Missed { count: 1, first, last: first };
    let more = runs.take(MOST_COUNTED as usize - 1);
    Some(more.fold(start, |missed, last| Missed { count: missed.count + 1, last, ..missed }))
}

/// What to do at `now`, when the clock was last looked at until `looked_until`.
pub fn due(schedule: &Schedule, looked_until: DateTime<Utc>, now: DateTime<Utc>, policy: MissedRuns) -> Due {
    let Some(missed) = missed_between(schedule, looked_until, now) else { return Due::Nothing };
    let on_time = missed_between(schedule, (now - ON_TIME).max(looked_until), now);
    match (on_time, policy) {
        (Some(planned), _) => Due::Now(planned.last),
        (None, MissedRuns::Run) => Due::CatchUp(missed),
        (None, MissedRuns::Skip) => Due::Skipped(missed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn nightly() -> Schedule {
        Schedule::parse("30 1 * * *", "Europe/Berlin").unwrap()
    }

    #[test]
    fn nothing_between_two_ticks() {
        let (from, to) = (utc("2026-11-20T12:00:00Z"), utc("2026-11-20T12:00:30Z"));
        assert_eq!(due(&nightly(), from, to, MissedRuns::Run), Due::Nothing);
    }

    #[test]
    fn on_time_even_if_the_tick_is_a_little_late() {
        let planned = utc("2026-11-21T00:30:00Z");
        for late in [0, 1, 60] {
            let now = planned + TimeDelta::seconds(late);
            let before = planned - TimeDelta::seconds(10);
            assert_eq!(due(&nightly(), before, now, MissedRuns::Skip), Due::Now(planned), "{late} s late");
        }
        assert_eq!(due(&nightly(), planned, planned, MissedRuns::Run), Due::Nothing, "it was looked at");
    }

    #[test]
    fn after_three_days_off() {
        let (off, on) = (utc("2026-11-20T12:00:00Z"), utc("2026-11-23T12:00:00Z"));
        let missed = Missed { count: 3, first: utc("2026-11-21T00:30:00Z"), last: utc("2026-11-23T00:30:00Z") };
        assert_eq!(due(&nightly(), off, on, MissedRuns::Run), Due::CatchUp(missed));
        assert_eq!(due(&nightly(), off, on, MissedRuns::Skip), Due::Skipped(missed));
    }

    #[test]
    fn after_three_days_off_but_just_in_time() {
        let (off, on) = (utc("2026-11-20T12:00:00Z"), utc("2026-11-23T00:30:20Z"));
        assert_eq!(due(&nightly(), off, on, MissedRuns::Run), Due::Now(utc("2026-11-23T00:30:00Z")));
    }

    #[test]
    fn a_clock_set_back_repeats_nothing() {
        let (looked, now) = (utc("2026-11-21T00:31:00Z"), utc("2026-11-20T23:31:00Z"));
        assert_eq!(due(&nightly(), looked, now, MissedRuns::Run), Due::Nothing);
        assert_eq!(missed_between(&nightly(), looked, now), None);
    }

    #[test]
    fn a_clock_set_far_ahead_does_not_count_forever() {
        let every_minute = Schedule::parse("* * * * *", "UTC").unwrap();
        let missed = missed_between(&every_minute, utc("2000-01-01T00:00:00Z"), utc("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(missed.count, MOST_COUNTED);
    }

    proptest! {
        /// However time is cut into ticks, short ones start each run exactly once.
        #[test]
        fn each_run_starts_once(start in 1_700_000_000i64..1_900_000_000, ticks in prop::collection::vec(1i64..80, 1..300)) {
            let schedule = Schedule::parse("*/5 * * * *", "America/New_York").unwrap();
            let start = DateTime::from_timestamp(start, 0).unwrap();
            let (mut looked, mut started) = (start, Vec::new());
            for tick in ticks {
                let now = looked + TimeDelta::seconds(tick);
                match due(&schedule, looked, now, MissedRuns::Skip) {
                    Due::Now(planned) => started.push(planned),
                    Due::Nothing => {}
                    other => prop_assert!(false, "{other:?}"),
                }
                looked = now;
            }
            let expected: Vec<_> = schedule.runs_after(start).take_while(|run| *run <= looked).collect();
            prop_assert_eq!(started, expected);
        }
    }
}
