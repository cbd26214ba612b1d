//! From wall-clock times to instants: the next runs in a time zone, right on the days the clocks change.
//!
//! What is right was decided so, and is tested in `next/tests`:
//!
//! * **A schedule that names hours** (`30 2 * * *`, `0 */6 * * *`) follows the face of the clock. A time that does not
//!   exist because the clock jumps over it runs at the first moment after the gap, and only once however many of its
//!   times fell into the gap. A time that comes twice because the clock is set back runs once, the first time.
//! * **A schedule that runs in every hour** (`0 * * * *`, `*/15 * * * *`) follows real time: the hour that comes twice
//!   has its runs twice, the hour that does not exist has none.
//! * **`@every`** counts real time and sees no clocks at all.

use super::cron::{Cron, Rule};
use super::{ScheduleError, explain};
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A schedule and the time zone it is read in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

/// No zone was or is further from UTC than this, and no clock change is longer.
const FARTHEST: TimeDelta = TimeDelta::hours(26);

/// Reads an IANA time zone name; the empty name is UTC.
///
/// # Errors
/// [`ScheduleError::UnknownTimeZone`] with the nearest names.
pub fn parse_time_zone(name: &str) -> Result<Tz, ScheduleError> {
    if name.is_empty() {
        return Ok(Tz::UTC);
    }
    let same = |zone: &&Tz| zone.name().eq_ignore_ascii_case(name);
    chrono_tz::TZ_VARIANTS.iter().find(same).copied().ok_or_else(|| {
        let wanted = name.to_ascii_lowercase().replace(' ', "_");
        let near = chrono_tz::TZ_VARIANTS
            .iter()
            .map(|zone| zone.name())
            .find(|known| known.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&wanted)));
        let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        ScheduleError::UnknownTimeZone { name: name.to_owned(), hint }
    })
}

impl Schedule {
    /// Reads an expression and the name of a time zone.
    ///
    /// # Errors
    /// [`ScheduleError`]: which of the two cannot be understood, and where.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        Ok(Schedule { cron: Cron::parse(expression)?, zone: parse_time_zone(zone)? })
    }

    /// From parts that were read before.
    pub fn new(cron: Cron, zone: Tz) -> Self {
        Schedule { cron, zone }
    }

    /// The expression.
    pub fn cron(&self) -> &Cron {
        &self.cron
    }

    /// The time zone.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// In words: `every weekday at 01:30 (Europe/Berlin)`.
    pub fn explain(&self) -> String {
        explain::schedule(&self.cron, self.zone)
    }

    /// The first run after `after` (never at it). `None` only beyond the year 2100.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.cron.rule() {
            Rule::Every(interval) => next_multiple(after, interval.num_seconds()),
            Rule::Calendar(_) if self.cron.is_hourly() => self.next_in_real_time(after),
            Rule::Calendar(_) => self.next_on_the_clock(after),
        }
    }

    /// All runs after `after`, in order.
    pub fn runs_after(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
    }

    /// The next `count` runs, in the time zone of the schedule.
    pub fn preview(&self, after: DateTime<Utc>, count: usize) -> Vec<DateTime<Tz>> {
        self.runs_after(after).take(count).map(|run| run.with_timezone(&self.zone)).collect()
    }

    fn next_named(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        match self.cron.rule() {
            Rule::Calendar(rule) => rule.1.next_after(after),
            Rule::Every(_) => None,
        }
    }

    /// Wall-clock times one after the other, each placed in real time, until one lies after `after`.
    fn next_on_the_clock(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // No earlier wall-clock time can be placed after `after`: those in a gap come after its beginning.
        let mut named = self.next_named(local(self.zone, after))?;
        loop {
            let run = self.place(named);
            if run > after {
                return Some(run);
            }
            named = self.next_named(named)?;
        }
    }

    fn place(&self, named: NaiveDateTime) -> DateTime<Utc> {
        match self.zone.from_local_datetime(&named) {
            LocalResult::Single(run) | LocalResult::Ambiguous(run, _) => run.with_timezone(&Utc),
            LocalResult::None => end_of_gap(self.zone, named),
        }
    }

    /// Looks for a match from `after` with the offset that holds there; at a clock change, goes on behind it with the
    /// new offset. So hours that come twice are seen twice, and hours that do not exist never.
    fn next_in_real_time(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut since = after;
        loop {
            let offset = offset_seconds(self.zone, since);
            let named = self.next_named(since.naive_utc().checked_add_signed(TimeDelta::seconds(offset))?)?;
            let run = named.checked_sub_signed(TimeDelta::seconds(offset))?.and_utc();
            match first_change(self.zone, since, run) {
                None => return Some(run),
                // One nanosecond back, because a run at the very moment of the change counts.
                Some(change) => {
                    let new_offset = offset_seconds(self.zone, change);
                    let just_before = change.naive_utc() + TimeDelta::seconds(new_offset) - TimeDelta::nanoseconds(1);
                    let named = self.next_named(just_before)?;
                    if named == change.naive_utc() + TimeDelta::seconds(new_offset) {
                        return Some(change);
                    }
                    since = change;
                }
            }
        }
    }
}

fn offset_seconds(zone: Tz, at: DateTime<Utc>) -> i64 {
    i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc())
}

fn local(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc() + TimeDelta::seconds(offset_seconds(zone, at))
}

/// The first instant in (from, to] with another offset than `from`.
fn first_change(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = offset_seconds(zone, from);
    let mut same = from;
    loop {
        // Half a day at a time: two changes are never so close that one undoes the other unseen.
        let ahead = (same + TimeDelta::hours(12)).min(to);
        if offset_seconds(zone, ahead) != offset {
            return Some(bisect(same, ahead, |at| offset_seconds(zone, at) != offset));
        }
        if ahead >= to {
            return None;
        }
        same = ahead;
    }
}

/// The first instant whose wall-clock time is at or after `named`, which does not exist.
fn end_of_gap(zone: Tz, named: NaiveDateTime) -> DateTime<Utc> {
    bisect(named.and_utc() - FARTHEST, named.and_utc() + FARTHEST, |at| local(zone, at) >= named)
}

/// The first whole second in (before, after] where `changed` holds; it does not at `before` and does at `after`.
fn bisect(before: DateTime<Utc>, after: DateTime<Utc>, changed: impl Fn(DateTime<Utc>) -> bool) -> DateTime<Utc> {
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match DateTime::from_timestamp(middle, 0) {
            Some(at) if !changed(at) => low = middle,
            _ => high = middle,
        }
    }
    DateTime::from_timestamp(high, 0).unwrap_or(after)
}

fn next_multiple(after: DateTime<Utc>, seconds: i64) -> Option<DateTime<Utc>> {
    let next = after.timestamp().div_euclid(seconds).checked_add(1)?.checked_mul(seconds)?;
    DateTime::from_timestamp(next, 0)
}

#[cfg(test)]
mod tests;
