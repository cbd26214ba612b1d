//! What a schedule and a rule come to: the sets that a job which has always run by them holds at a moment.

use super::decide::{Owner, Reason, SetFact, Stage, decide};
use crate::schedule::Schedule;
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::HashMap;

/// Runs that are thought of, at most.
const MOST_RUNS: i32 = 20_000;
/// Runs further back are not thought of.
const LONGEST_DAYS: i64 = 20 * 366;
/// Gaps between runs that are looked at to see how far back so many runs go.
const GAPS: usize = 50;

/// A set that would be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// When its run began, UTC.
    pub start: NaiveDateTime,
    /// Why it is kept.
    pub reasons: Vec<Reason>,
}

/// What would be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Runs that were thought of.
    pub runs: usize,
    /// When the first of them was.
    pub since: Option<NaiveDateTime>,
    /// The sets that are still kept, newest first.
    pub kept: Vec<Expected>,
}

/// The sets that a job with full backups holds at `at`, if it has always run by this schedule and its rule was always this.
pub fn forecast(schedule: &Schedule, owner: &Owner, at: NaiveDateTime) -> Forecast {
    const JOB: i32 = 1;
    let facts: Vec<SetFact> = (1..).zip(runs_before(schedule, at)).map(|(id, start)| fact(id, JOB, start)).collect();
    let owners = HashMap::from([(JOB, owner.clone())]);
    let verdicts = decide(&facts, &owners, at);
    let kept = facts.iter().zip(verdicts).rev().filter(|(_, verdict)| verdict.kept);
    Forecast {
        runs: facts.len(),
        since: facts.first().map(|set| set.start),
        kept: kept.map(|(set, verdict)| Expected { start: set.start, reasons: verdict.reasons }).collect(),
    }
}

fn fact(id: i32, owner: i32, start: NaiveDateTime) -> SetFact {
    SetFact { id, owner, stage: Stage::Complete, start, end: start, parent: None, protected: false }
}

/// The last runs up to `at`, oldest first.
fn runs_before(schedule: &Schedule, at: NaiveDateTime) -> Vec<NaiveDateTime> {
    let longest = TimeDelta::days(LONGEST_DAYS);
    let begin = |back: TimeDelta| at.checked_sub_signed(back).unwrap_or(NaiveDateTime::MIN).and_utc();
    let next: Vec<_> = schedule.runs_after(at.and_utc()).take(GAPS + 1).collect();
    let span = match (next.first(), next.last()) {
        (Some(first), Some(last)) if next.len() > 1 => *last - *first,
        _ => longest,
    };
    let gaps = i32::try_from(next.len().saturating_sub(1).max(1)).unwrap_or(1);
    let back = span.checked_mul(MOST_RUNS / gaps).unwrap_or(longest).min(longest);
    let runs = schedule.runs_after(begin(back)).take_while(|run| run.naive_utc() <= at);
    runs.take(2 * MOST_RUNS as usize).map(|run| run.naive_utc()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Days, Rule};
    use super::*;
    use chrono::NaiveDate;

    fn at() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2026, 11, 21).unwrap().and_hms_opt(12, 0, 0).unwrap()
    }

    fn owner(schedule: &Schedule, days: u32, counts: [u32; 5]) -> Owner {
        let [last, daily, weekly, monthly, yearly] = counts;
        Owner { rule: Rule { days: Days::AtLeast(days), last, daily, weekly, monthly, yearly }, zone: schedule.zone() }
    }

    #[test]
    fn a_nightly_job_keeps_what_its_rule_says() {
        let schedule = Schedule::parse("0 2 * * *", "Europe/Berlin").unwrap();
        let week = forecast(&schedule, &owner(&schedule, 7, [0; 5]), at());
        assert_eq!(week.kept.len(), 7);
        assert!(matches!(week.kept[0].reasons[..], [Reason::Until(_)]), "{:?}", week.kept[0]);
        assert!(week.kept[0].start > week.kept[6].start, "newest first");
        let years = forecast(&schedule, &owner(&schedule, 1, [0, 7, 4, 12, 5]), at());
        let oldest = years.kept.last().unwrap();
        assert_eq!(oldest.start.date().to_string(), "2022-12-31", "{:?}", oldest.reasons);
        assert!(years.kept.len() > 15 && years.kept.len() < 7 + 4 + 12 + 5, "{}", years.kept.len());
    }

    #[test]
    fn many_runs_and_few_are_thought_of_as_far_as_it_makes_sense() {
        let often = Schedule::parse("* * * * *", "UTC").unwrap();
        let minutes = forecast(&often, &owner(&often, 1, [0; 5]), at());
        assert_eq!(minutes.kept.len(), 1440);
        assert!(minutes.runs >= 19_000 && minutes.runs <= 21_000, "{}", minutes.runs);
        let seldom = Schedule::parse("0 3 29 2 *", "UTC").unwrap();
        let leap = forecast(&seldom, &owner(&seldom, 36_500, [0; 5]), at());
        assert_eq!(leap.kept.len(), 5, "2008 to 2024: {:?}", leap.since);
        let hourly = Schedule::parse("@every 6h", "UTC").unwrap();
        assert_eq!(forecast(&hourly, &owner(&hourly, 2, [0; 5]), at()).kept.len(), 8);
    }
}
