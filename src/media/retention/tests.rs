//! The rules on chosen and on generated sets.

use super::decide::{Owner, Period, SetFact, Stage, decide};
use super::*;
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};

const NOTHING: Rule = Rule { days: Days::AtLeast(1), last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

fn owners(rule: Rule, zone: Tz) -> HashMap<i32, Owner> {
    HashMap::from([(1, Owner { rule, zone })])
}

fn set(id: i32, start: NaiveDateTime, parent: Option<i32>) -> SetFact {
    let end = start + TimeDelta::hours(1);
    SetFact { id, owner: 1, stage: Stage::Complete, start, end, parent, protected: false }
}

/// One full set a day at `hour`:00 UTC, from 1 on.
fn daily(first: &str, count: i32) -> Vec<SetFact> {
    (1..=count).map(|id| set(id, at(first) + TimeDelta::days(i64::from(id - 1)), None)).collect()
}

fn kept(facts: &[SetFact], verdicts: &[Verdict]) -> Vec<i32> {
    facts.iter().zip(verdicts).filter(|(_, verdict)| verdict.kept).map(|(set, _)| set.id).collect()
}

fn keeps(facts: &[SetFact], rule: Rule, zone: Tz, when: &str) -> Vec<i32> {
    kept(facts, &decide(facts, &owners(rule, zone), at(when)))
}

#[test]
fn days_count_from_the_end_and_zero_is_for_ever() {
    let facts = daily("2026-01-01 02:00", 10);
    let week = Rule { days: Days::AtLeast(7), ..NOTHING };
    assert_eq!(keeps(&facts, week, Tz::UTC, "2026-01-10 12:00"), (4..=10).collect::<Vec<_>>());
    assert_eq!(keeps(&facts, week, Tz::UTC, "2026-01-11 02:59"), (4..=10).collect::<Vec<_>>());
    assert_eq!(keeps(&facts, week, Tz::UTC, "2026-01-11 03:00"), (5..=10).collect::<Vec<_>>(), "to the minute");
    let forever = Rule { days: Days::Forever, ..NOTHING };
    assert_eq!(keeps(&facts, forever, Tz::UTC, "2099-01-01 00:00").len(), 10);
}

#[test]
fn grandfather_father_son() {
    // two years of daily sets, the last one on 2026-12-31
    let facts = daily("2025-01-01 22:00", 730);
    let rule = Rule { last: 2, daily: 3, weekly: 2, monthly: 3, yearly: 5, ..NOTHING };
    let verdicts = decide(&facts, &owners(rule, Tz::UTC), at("2027-06-01 00:00"));
    let dates: Vec<String> = facts
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| verdict.kept)
        .map(|(set, _)| set.start.date().to_string())
        .collect();
    assert_eq!(
        dates,
        // the year before, three month ends, the Sunday that ended the week before, three days
        ["2025-12-31", "2026-10-31", "2026-11-30", "2026-12-27", "2026-12-29", "2026-12-30", "2026-12-31"]
    );
    let words: Vec<String> = verdicts[729].reasons.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "number 1 of the last 2",
            "the newest of 2026-12-31",
            "the newest of week 2026-W53",
            "the newest of 2026-12",
            "the newest of 2026"
        ]
    );
    assert_eq!(verdicts[729].until, None, "how long depends on what comes");
    let words: Vec<String> = verdicts[0].reasons.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["its days were over on 2025-01-02 23:00 UTC"]);
}

#[test]
fn a_day_without_a_set_does_not_count() {
    let mut facts = daily("2026-03-01 02:00", 3);
    facts.push(set(9, at("2026-09-01 02:00"), None));
    let rule = Rule { daily: 3, ..NOTHING };
    assert_eq!(keeps(&facts, rule, Tz::UTC, "2026-10-01 00:00"), [2, 3, 9]);
}

#[test]
fn days_begin_in_the_zone_of_the_job_also_when_the_clocks_change() {
    // 22:30 and 23:30 UTC on the evening before the clocks go forward in Berlin: 23:30 and 00:30
    let facts = [set(1, at("2026-03-28 22:30"), None), set(2, at("2026-03-28 23:30"), None)];
    let rule = Rule { daily: 2, ..NOTHING };
    assert_eq!(keeps(&facts, rule, Tz::UTC, "2027-01-01 00:00"), [2], "one day in UTC");
    assert_eq!(keeps(&facts, rule, Tz::Europe__Berlin, "2027-01-01 00:00"), [1, 2], "two days in Berlin");
    // the hour that comes twice: 00:30 and 01:30 UTC are both 02:30 on the clock
    let facts = [set(1, at("2026-10-25 00:30"), None), set(2, at("2026-10-25 01:30"), None)];
    assert_eq!(keeps(&facts, rule, Tz::Europe__Berlin, "2027-01-01 00:00"), [2]);
    // Newfoundland once set its clocks back at one minute past midnight: into the day before
    let facts = [
        set(1, at("2010-11-07 02:00"), None), // 2010-11-06 23:30
        set(2, at("2010-11-07 02:30"), None), // 2010-11-07 00:00
        set(3, at("2010-11-07 02:45"), None), // 2010-11-06 23:15
    ];
    assert_eq!(keeps(&facts, rule, Tz::America__St_Johns, "2011-01-01 00:00"), [2, 3]);
}

#[test]
fn a_week_belongs_to_the_year_that_has_most_of_it() {
    // Thursday 2026-12-31 and Friday 2027-01-01 are both in week 2026-W53
    let facts = [set(1, at("2026-12-31 12:00"), None), set(2, at("2027-01-01 12:00"), None)];
    assert_eq!(keeps(&facts, Rule { weekly: 5, ..NOTHING }, Tz::UTC, "2028-01-01 00:00"), [2]);
    assert_eq!(keeps(&facts, Rule { yearly: 5, ..NOTHING }, Tz::UTC, "2028-01-01 00:00"), [1, 2]);
}

#[test]
fn what_a_kept_set_builds_on_is_kept_and_says_for_whom() {
    let start = at("2026-01-01 00:00");
    let day = |days: i64| start + TimeDelta::days(days);
    let mut facts = vec![
        set(1, day(0), None),
        set(2, day(1), Some(1)),
        set(3, day(2), Some(2)),
        set(4, day(3), None),
        set(5, day(4), Some(4)),
    ];
    facts[2].protected = true;
    let rule = Rule { last: 1, ..NOTHING };
    let verdicts = decide(&facts, &owners(rule, Tz::UTC), at("2026-06-01 00:00"));
    assert_eq!(kept(&facts, &verdicts), [1, 2, 3, 4, 5]);
    assert_eq!(verdicts[0].reasons, [Reason::NeededBy { set: 3, others: 0 }]);
    assert_eq!(verdicts[2].reasons, [Reason::Protected]);
    assert_eq!(verdicts[3].reasons, [Reason::NeededBy { set: 5, others: 0 }]);
    // a full set is kept to the end of the days of its last increment
    let week = owners(Rule { days: Days::AtLeast(7), ..NOTHING }, Tz::UTC);
    facts[2].protected = false;
    let verdicts = decide(&facts, &week, at("2026-01-09 12:00"));
    assert_eq!(kept(&facts, &verdicts), [1, 2, 3, 4, 5]);
    assert_eq!(verdicts[0].until, Some(day(9) + TimeDelta::hours(1)));
    assert_eq!(kept(&facts, &decide(&facts, &week, at("2026-01-10 02:00"))), [4, 5]);
}

#[test]
fn what_was_never_completed_is_not_kept_and_what_is_written_is() {
    let mut facts = daily("2026-01-01 00:00", 3);
    facts[1].stage = Stage::Broken;
    facts[2].stage = Stage::Open;
    facts[2].parent = Some(1);
    let rule = Rule { last: 3, ..NOTHING };
    let verdicts = decide(&facts, &owners(rule, Tz::UTC), at("2030-01-01 00:00"));
    assert_eq!(kept(&facts, &verdicts), [1, 3]);
    assert_eq!(verdicts[1].reasons, [Reason::NeverCompleted]);
    assert_eq!(
        verdicts[0].reasons,
        [Reason::Last { place: 1, of: 3 }, Reason::NeededBy { set: 3, others: 0 }],
        "what never was does not take a place"
    );
}

#[test]
fn a_circle_and_a_job_that_nobody_knows_are_kept() {
    let start = at("2026-01-01 00:00");
    let mut facts = vec![set(1, start, Some(2)), set(2, start, Some(1)), set(3, start, Some(77))];
    facts[2].owner = 5;
    let verdicts = decide(&facts, &owners(NOTHING, Tz::UTC), at("2030-01-01 00:00"));
    assert_eq!(kept(&facts, &verdicts), [1, 2, 3]);
}

/// Sets of two jobs, with parents that are older sets of the same job.
fn facts_of_jobs() -> impl Strategy<Value = Vec<SetFact>> {
    let one = (0i64..400 * 24, 0i64..30, 1i32..3, any::<u8>(), prop::option::of(any::<prop::sample::Index>()));
    prop::collection::vec(one, 1..60).prop_map(|drawn| {
        let start = at("2025-11-01 00:00");
        let mut facts: Vec<SetFact> = Vec::new();
        for (id, (hour, took, owner, luck, parent)) in (1..).zip(drawn) {
            let begun = start + TimeDelta::hours(hour);
            let older: Vec<i32> =
                facts.iter().filter(|set| set.owner == owner && set.start < begun).map(|set| set.id).collect();
            let parent = parent.filter(|_| !older.is_empty()).map(|index| *index.get(&older));
            let stage = match luck {
                0..20 => Stage::Broken,
                20..30 => Stage::Open,
                _ => Stage::Complete,
            };
            let end = begun + TimeDelta::hours(took);
            facts.push(SetFact { id, owner, stage, start: begun, end, parent, protected: luck > 245 });
        }
        facts
    })
}

fn rules() -> impl Strategy<Value = Rule> {
    (1u32..200, 0u32..6, 0u32..9, 0u32..9, 0u32..9, 0u32..3).prop_map(|(days, last, daily, weekly, monthly, yearly)| {
        Rule { days: Days::AtLeast(days), last, daily, weekly, monthly, yearly }
    })
}

/// The rules read literally, slowly: which complete sets of a job they keep by themselves.
fn literally(facts: &[SetFact], owner: i32, rule: Rule, zone: Tz, now: NaiveDateTime) -> BTreeSet<i32> {
    let mut mine: Vec<&SetFact> =
        facts.iter().filter(|set| set.owner == owner && set.stage == Stage::Complete).collect();
    mine.sort_by_key(|set| (set.start, set.id));
    mine.reverse();
    let mut kept: BTreeSet<i32> = mine.iter().take(rule.last as usize).map(|set| set.id).collect();
    if let Days::AtLeast(days) = rule.days {
        kept.extend(mine.iter().filter(|set| set.end + TimeDelta::days(days.into()) > now).map(|set| set.id));
    }
    let name = |set: &SetFact, period: Period| {
        let date: NaiveDate = zone.from_utc_datetime(&set.start).date_naive();
        match period {
            Period::Day => date.to_string(),
            Period::Week => date.format("%G-%V").to_string(),
            Period::Month => format!("{}-{}", date.year(), date.month()),
            Period::Year => date.year().to_string(),
        }
    };
    let limits = [
        (Period::Day, rule.daily),
        (Period::Week, rule.weekly),
        (Period::Month, rule.monthly),
        (Period::Year, rule.yearly),
    ];
    for (period, limit) in limits {
        let mut names: Vec<String> = Vec::new();
        for set in &mine {
            let name = name(set, period);
            if !names.contains(&name) && names.len() < limit as usize {
                names.push(name);
                kept.insert(set.id);
            }
        }
    }
    kept
}

proptest! {
    #[test]
    fn nothing_that_a_kept_set_needs_is_expired(facts in facts_of_jobs(), rule in rules(), hours in 0i64..20_000) {
        let owners = HashMap::from([
            (1, Owner { rule, zone: Tz::Europe__Berlin }),
            (2, Owner { rule: Rule { daily: 0, ..rule }, zone: Tz::Pacific__Auckland }),
        ]);
        let now = at("2025-11-01 00:00") + TimeDelta::hours(hours);
        let verdicts = decide(&facts, &owners, now);
        let keeps: HashMap<i32, &Verdict> = facts.iter().map(|set| set.id).zip(&verdicts).collect();
        for (set, verdict) in facts.iter().zip(&verdicts) {
            prop_assert!(!verdict.reasons.is_empty());
            if let (true, Some(parent)) = (verdict.kept, set.parent) {
                prop_assert!(keeps[&parent].kept, "set {} needs {parent}", set.id);
                match (verdict.until, keeps[&parent].until) {
                    (None, until) => prop_assert_eq!(until, None),
                    (Some(child), Some(parent)) => prop_assert!(parent >= child),
                    (Some(_), None) => {}
                }
            }
        }
    }

    /// Exactly what the rules say, what a person says, what is open, and what those need.
    #[test]
    fn what_a_rule_keeps_is_kept_and_nothing_else(facts in facts_of_jobs(), rule in rules(), hours in 0i64..20_000) {
        let now = at("2025-11-01 00:00") + TimeDelta::hours(hours);
        let zones = [(1, Tz::America__New_York), (2, Tz::Asia__Tokyo)];
        let owners = zones.into_iter().map(|(id, zone)| (id, Owner { rule, zone })).collect();
        let mut expected: BTreeSet<i32> =
            facts.iter().filter(|set| set.protected || set.stage == Stage::Open).map(|set| set.id).collect();
        for (owner, zone) in zones {
            expected.extend(literally(&facts, owner, rule, zone, now));
        }
        let parents: HashMap<i32, Option<i32>> = facts.iter().map(|set| (set.id, set.parent)).collect();
        for id in expected.clone() {
            let mut next = parents[&id];
            while let Some(parent) = next {
                expected.insert(parent);
                next = parents[&parent];
            }
        }
        let found: BTreeSet<i32> = kept(&facts, &decide(&facts, &owners, now)).into_iter().collect();
        prop_assert_eq!(found, expected);
    }

    /// Later moments keep no more, larger numbers keep no less, and a set is kept to the moment it is said to be.
    #[test]
    fn time_and_numbers_are_monotone(facts in facts_of_jobs(), rule in rules(), more in rules(), hours in 0i64..20_000, later in 1i64..9000) {
        let now = at("2025-11-01 00:00") + TimeDelta::hours(hours);
        let with = |rule: Rule| (1..3).map(|id| (id, Owner { rule, zone: Tz::Europe__London })).collect();
        let set_of = |verdicts: &[Verdict]| kept(&facts, verdicts).into_iter().collect::<BTreeSet<_>>();
        let verdicts = decide(&facts, &with(rule), now);
        let then = now + TimeDelta::hours(later);
        prop_assert!(set_of(&decide(&facts, &with(rule), then)).is_subset(&set_of(&verdicts)));
        let days = |rule: Rule| match rule.days { Days::AtLeast(days) => days, Days::Forever => 0 };
        let larger = Rule {
            days: Days::AtLeast(days(rule) + days(more)),
            last: rule.last + more.last,
            daily: rule.daily + more.daily,
            weekly: rule.weekly + more.weekly,
            monthly: rule.monthly + more.monthly,
            yearly: rule.yearly + more.yearly,
        };
        prop_assert!(set_of(&verdicts).is_subset(&set_of(&decide(&facts, &with(larger), now))));
        if let Some((set, end)) = facts.iter().zip(&verdicts).find_map(|(set, verdict)| Some((set, verdict.until?))) {
            let before = decide(&facts, &with(rule), end - TimeDelta::minutes(1));
            prop_assert!(kept(&facts, &before).contains(&set.id));
            prop_assert!(!kept(&facts, &decide(&facts, &with(rule), end)).contains(&set.id));
        }
    }
}

/// Time this thread was on a processor: others at work on the machine do not count.
fn on_processor() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn a_hundred_thousand_sets_are_decided_in_a_moment() {
    let start = at("2000-01-01 00:00");
    let facts: Vec<SetFact> = (0..100_000)
        .map(|id| {
            let parent = (id % 10 != 0).then_some(id - 1);
            SetFact { owner: id / 1000, ..set(id, start + TimeDelta::hours(i64::from(id % 1000) * 24), parent) }
        })
        .collect();
    let rule = Rule { days: Days::AtLeast(30), last: 3, daily: 7, weekly: 5, monthly: 12, yearly: 5 };
    let owners = (0..100).map(|id| (id, Owner { rule, zone: Tz::Europe__Berlin })).collect();
    let begun = on_processor();
    let verdicts = decide(&facts, &owners, at("2002-11-01 00:00"));
    let took = on_processor() - begun;
    assert!(verdicts.iter().any(|verdict| verdict.kept) && verdicts.iter().any(|verdict| !verdict.kept));
    eprintln!("100000 sets decided in {took:?}");
    assert!(took < std::time::Duration::from_secs(5), "{took:?} (unoptimised)");
}

/// With the database: 100000 sets of 100 jobs in chains of ten, a part each, on 500 tapes. `cargo test --release` gives the
/// figure that counts.
#[test]
fn planning_for_a_hundred_thousand_sets_takes_moments() {
    use diesel::connection::SimpleConnection;
    let db = crate::db::testing::database();
    let conn = &mut *db.conn();
    crate::db::testing::job(conn, "j");
    conn.batch_execute(
        "BEGIN; WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
         INSERT INTO backup_jobs (id, name, source_id, pool_id, backup_type, time_zone, keep_weekly, keep_monthly)
             SELECT i, 'job ' || i, 1, 1, 'full', 'Europe/Berlin', 5, 12 FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO tapes (id, label, pool_id, status) SELECT i, 'T' || i, 1, 'full' FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO backup_sets (id, uuid, job_id, tape_id, backup_type, start_time, end_time, status, parent_set_id)
             SELECT i, 'u' || i, i / 1001 + 1, i / 201 + 1, 'full', datetime('2024-01-01', '+' || (i % 1000) || ' days'),
                 datetime('2024-01-01 02:00', '+' || (i % 1000) || ' days'), 'completed',
                 CASE WHEN i % 10 = 0 THEN NULL ELSE i - 1 END FROM n WHERE i > 9;
         INSERT INTO backup_set_parts (backup_set_id, part_number, tape_id, tape_file, first_block, block_count, block_size,
                 toc_block, end_block, tar_start, tar_end, prelude_bytes, stream_bytes, frame_table)
             SELECT id, 1, tape_id, 1, 2, 1, 1, 3, 4, 0, 1, 0, 1, x'00' FROM backup_sets; COMMIT",
    )
    .expect("rows");
    let asked = crate::catalog::explain::steps(conn, |conn| crate::db::retention::parts(conn, None).expect("parts"));
    assert!(asked.iter().all(|step| step.contains("COVERING INDEX")), "no row with its frame table: {asked:?}");
    let begun = on_processor();
    let evaluation = Evaluation::read(conn, at("2026-12-01 00:00")).expect("evaluation");
    let read = on_processor() - begun;
    let tapes = crate::db::tape_briefs::not_blank(conn).expect("tapes");
    let facts = evaluation.tapes(conn, &tapes).expect("tapes");
    let took = on_processor() - begun;
    let free = facts.iter().filter(|tape| tape.outlook() == super::tapes::Outlook::Free).count();
    eprintln!(
        "{} sets read and decided in {read:?}, with tapes in {took:?}; {free} tapes are free",
        evaluation.sets.len()
    );
    assert!(evaluation.sets.len() > 99_000 && free > 0 && free < 500);
    assert!(took < std::time::Duration::from_secs(20), "{took:?} (unoptimised)");
}
