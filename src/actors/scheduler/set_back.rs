//! A clock that was set back: by an hour, by a year, or because a dead battery let it begin in 1970.
//!
//! What has run is not run again when its time comes once more; but a plan that was made while the clock was years ahead must
//! not put a job off for years. A clock that is wrong for a moment only changes nothing.

use crate::db::jobs::Job;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::{Duration, Instant};

/// Differences up to this are no set-back: clocks are slewed.
const SLIGHT: TimeDelta = TimeDelta::seconds(5);
/// A clock that has not come back after so long is believed.
const STAYED: Duration = Duration::from_secs(60);
/// A run that lies further ahead than this was not made by a clock that was an hour, or a time zone, wrong: its time means
/// nothing.
const FARTHEST: TimeDelta = TimeDelta::hours(26);

/// Until when the runs of a job were looked at: now, or until its last run if the clock was set back behind it.
pub fn looked_until(job: &Job, now: DateTime<Utc>) -> DateTime<Utc> {
    let last = job.last_run_at.map(|at| at.and_utc()).filter(|last| *last <= now + FARTHEST);
    last.unwrap_or(now).max(now)
}

/// If a run was planned for a time before its job was made, by a clock that was wrong: until when it was looked for before that.
pub fn planned_until(job: &Job, planned: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let made = job.created_at.and_utc();
    (planned < made).then(|| job.last_run_at.map_or(made, |last| last.and_utc().max(made)))
}

/// Notices a clock that was set back and stays there.
#[derive(Debug, Default)]
pub struct SetBack {
    latest: Option<DateTime<Utc>>,
    since: Option<Instant>,
}

impl SetBack {
    /// To be told the time with every tick; `at` is the same moment by a clock that nobody sets. True once when it has been
    /// earlier than before for a while.
    pub fn has_stayed(&mut self, now: DateTime<Utc>, at: Instant) -> bool {
        let latest = *self.latest.get_or_insert(now);
        if now >= latest - SLIGHT {
            (self.latest, self.since) = (Some(now.max(latest)), None);
            return false;
        }
        let stayed = at.saturating_duration_since(*self.since.get_or_insert(at)) >= STAYED;
        if stayed {
            (self.latest, self.since) = (Some(now), None);
        }
        stayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().expect("time")
    }

    #[test]
    fn only_a_clock_that_stays_behind_is_believed() {
        let (noon, begin) = (utc("2026-11-20T12:00:00Z"), Instant::now());
        let mut set_back = SetBack::default();
        let mut tick =
            |wall: DateTime<Utc>, seconds: u64| set_back.has_stayed(wall, begin + Duration::from_secs(seconds));
        assert!(!tick(noon, 0));
        assert!(!tick(noon - TimeDelta::seconds(2), 1), "slewed");
        // wrong for a moment
        assert!(!tick(utc("1970-01-01T00:00:00Z"), 2));
        assert!(!tick(utc("1970-01-01T00:00:50Z"), 52));
        assert!(!tick(noon + TimeDelta::seconds(70), 70));
        // for good
        let hour = |seconds: i64| noon - TimeDelta::hours(1) + TimeDelta::seconds(seconds);
        assert!(!tick(hour(0), 80));
        assert!(!tick(hour(59), 139));
        assert!(tick(hour(60), 140));
        assert!(!tick(hour(61), 141), "once");
        assert!(!tick(hour(200), 280));
    }

    #[test]
    fn what_has_run_is_not_planned_again_unless_it_ran_in_another_age() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let mut job = testing::job(conn, "j");
        job.created_at = utc("2026-01-01T00:00:00Z").naive_utc();
        let now = utc("2026-11-20T12:00:00Z");
        assert_eq!(looked_until(&job, now), now);
        for (last, until) in [
            ("2026-11-20T03:00:00Z", "2026-11-20T12:00:00Z"),
            ("2026-11-20T12:50:00Z", "2026-11-20T12:50:00Z"),
            ("2026-11-21T11:00:00Z", "2026-11-21T11:00:00Z"),
            ("2037-01-01T00:00:00Z", "2026-11-20T12:00:00Z"),
        ] {
            job.last_run_at = Some(utc(last).naive_utc());
            assert_eq!(looked_until(&job, now), utc(until), "{last}");
            assert_eq!(planned_until(&job, utc("2026-11-20T02:00:00Z")), None, "a sound plan");
            assert_eq!(planned_until(&job, utc("1970-01-02T02:00:00Z")), Some(utc(last)));
        }
        job.last_run_at = None;
        assert_eq!(planned_until(&job, utc("1970-01-02T02:00:00Z")), Some(utc("2026-01-01T00:00:00Z")));
    }
}
