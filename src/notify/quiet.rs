//! When a message may go: quiet hours and digests, in the time zone of the rule.

use crate::db::Weight;
use crate::db::notification_rules::Rule;
use crate::schedule::{Schedule, parse_time_zone};
use crate::{Error, Result};
use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Until when a message of this weight is held by `rule`; none: it may go at once.
pub fn held_until(rule: &Rule, weight: Weight, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let urgent = weight == Weight::Error && rule.errors_break_quiet;
    if urgent {
        return None;
    }
    let zone = parse_time_zone(&rule.time_zone).unwrap_or(Tz::UTC);
    let digest = match rule.digest_cron.trim() {
        "" => None,
        cron => Schedule::parse(cron, &rule.time_zone).ok().and_then(|schedule| schedule.next_after(now)),
    };
    let quiet = hours(rule).and_then(|(from, until)| end_of_quiet(from, until, now.with_timezone(&zone)));
    match (digest, quiet) {
        (Some(digest), Some(quiet)) => Some(digest.max(quiet)),
        (digest, quiet) => digest.or(quiet),
    }
}

/// The quiet hours of a rule.
fn hours(rule: &Rule) -> Option<(NaiveTime, NaiveTime)> {
    let from = time_of_day(&rule.quiet_from).ok().flatten()?;
    let until = time_of_day(&rule.quiet_until).ok().flatten()?;
    (from != until).then_some((from, until))
}

/// `22:00`; empty: none.
///
/// # Errors
/// 400: it is no time of day.
pub fn time_of_day(text: &str) -> Result<Option<NaiveTime>> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = NaiveTime::parse_from_str(text, "%H:%M");
    time.map(Some).map_err(|_| Error::bad_request(format!("'{text}' is no time of day such as 22:00")))
}

/// When the quiet hours that `now` lies in end.
fn end_of_quiet(from: NaiveTime, until: NaiveTime, now: DateTime<Tz>) -> Option<DateTime<Utc>> {
    let clock = now.time();
    let over_midnight = from > until;
    let inside = if over_midnight { clock >= from || clock < until } else { clock >= from && clock < until };
    if !inside {
        return None;
    }
    let day = if over_midnight && clock >= from { now.date_naive() + TimeDelta::days(1) } else { now.date_naive() };
    // a clock that jumps over the end is taken where it goes on
    let end = (0..=120)
        .map(|minutes| day.and_time(until) + TimeDelta::minutes(minutes))
        .find_map(|end| now.timezone().from_local_datetime(&end).earliest());
    Some(end?.with_timezone(&Utc)).filter(|end| *end > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::rule;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn quiet_hours_go_over_midnight_in_the_zone_of_the_rule() {
        let rule = Rule {
            quiet_from: "22:00".into(),
            quiet_until: "07:00".into(),
            time_zone: "Europe/Berlin".into(),
            ..rule()
        };
        let end = |now| held_until(&rule, Weight::Warning, at(now));
        // winter: an hour before UTC
        assert_eq!(end("2026-01-10T21:30:00Z"), Some(at("2026-01-11T06:00:00Z")), "22:30 on the clock");
        assert_eq!(end("2026-01-11T05:59:00Z"), Some(at("2026-01-11T06:00:00Z")));
        assert_eq!(end("2026-01-11T06:00:00Z"), None, "the end is not quiet");
        assert_eq!(end("2026-01-10T20:59:00Z"), None);
        // summer: two hours
        assert_eq!(end("2026-07-10T20:00:00Z"), Some(at("2026-07-11T05:00:00Z")));
    }

    #[test]
    fn an_end_that_the_clock_jumps_over_is_where_it_goes_on() {
        let rule = Rule {
            quiet_from: "01:00".into(),
            quiet_until: "02:30".into(),
            time_zone: "Europe/Berlin".into(),
            ..rule()
        };
        assert_eq!(
            held_until(&rule, Weight::Info, at("2026-03-29T00:30:00Z")),
            Some(at("2026-03-29T01:00:00Z")),
            "02:30 does not exist on that day; the clock goes on at 03:00"
        );
    }

    #[test]
    fn errors_break_the_quiet_unless_told_not_to() {
        let mut rule = Rule { quiet_from: "00:00".into(), quiet_until: "23:59".into(), ..rule() };
        let now = at("2026-01-10T12:00:00Z");
        assert_eq!(held_until(&rule, Weight::Error, now), None);
        rule.errors_break_quiet = false;
        assert_eq!(held_until(&rule, Weight::Error, now), Some(at("2026-01-10T23:59:00Z")));
    }

    #[test]
    fn a_digest_waits_for_its_time_and_for_the_end_of_the_quiet() {
        let mut rule = Rule { digest_cron: "0 8 * * *".into(), ..rule() };
        let now = at("2026-01-10T12:00:00Z");
        assert_eq!(held_until(&rule, Weight::Info, now), Some(at("2026-01-11T08:00:00Z")));
        rule.quiet_from = "11:00".into();
        rule.quiet_until = "09:00".into();
        assert_eq!(held_until(&rule, Weight::Info, now), Some(at("2026-01-11T09:00:00Z")));
        assert!(time_of_day("25:00").is_err() && time_of_day("").unwrap().is_none());
    }
}
