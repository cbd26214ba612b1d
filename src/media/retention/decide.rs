//! The verdicts: facts about sets in, for each whether it is kept and why. No clock, no database.
//!
//! Three properties, tested with generated input: nothing that a kept set needs is ever expired; later moments and smaller
//! numbers never keep more; what a rule keeps, read literally, is never expired.

use super::rule::{Days, Rule};
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Where a set is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// On tape, whole.
    Complete,
    /// Being written, or cut off in a way that its run can go on.
    Open,
    /// Found on tapes, and not all of it.
    Partial,
    /// Completed, but what it needs is on a lost tape, and nowhere else.
    Lost,
    /// Never completed, and it will not be.
    Broken,
}

/// A set, with all that the verdict depends on.
#[derive(Debug, Clone)]
pub struct SetFact {
    /// Its row.
    pub id: i32,
    /// Whose rule counts: the job (the pool, for copies of the database).
    pub owner: i32,
    /// Where it is in its life.
    pub stage: Stage,
    /// When it began, UTC: which day, week, month and year it belongs to.
    pub start: NaiveDateTime,
    /// When it ended, UTC: from here its days count.
    pub end: NaiveDateTime,
    /// What it is an increment of.
    pub parent: Option<i32>,
    /// A person said that it stays.
    pub protected: bool,
}

/// Whose sets are kept how.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The rule.
    pub rule: Rule,
    /// In which zone its days begin.
    pub zone: Tz,
}

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A day.
    Day,
    /// An ISO week, Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// One day, week, month or year of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket {
    year: i32,
    number: u32,
}

impl Period {
    fn bucket(self, date: NaiveDate) -> Bucket {
        match self {
            Period::Day => Bucket { year: date.year(), number: date.ordinal() },
            Period::Week => Bucket { year: date.iso_week().year(), number: date.iso_week().week() },
            Period::Month => Bucket { year: date.year(), number: date.month() },
            Period::Year => Bucket { year: date.year(), number: 0 },
        }
    }
}

/// Why a set is kept, or is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A person protected it.
    Protected,
    /// It is being written, or its run can go on.
    Open,
    /// It was found on tapes, and not all of it: it is kept until a person decides.
    Partial,
    /// What it needs is on a lost tape and nowhere else: it is kept until a person decides, and counts for no rule.
    Lost,
    /// Neither its job nor its pool gives days.
    Forever,
    /// Its days are over then.
    Until(NaiveDateTime),
    /// It is among the last.
    Last {
        /// Its place, from 1.
        place: u32,
        /// Of so many.
        of: u32,
    },
    /// The newest of a stretch of the calendar.
    Newest {
        /// Which kind.
        period: Period,
        /// Which one.
        bucket: Bucket,
    },
    /// A kept set builds on it.
    NeededBy {
        /// The one that was begun last.
        set: i32,
        /// How many others do.
        others: u32,
    },
    /// The newest copy of the database.
    NewestCopy,
    /// What it builds on leads in a circle, or its job is not known: nothing is decided about it.
    Unclear,
    /// Never completed.
    NeverCompleted,
    /// Its days were over then, and no other rule keeps it.
    DaysOver(NaiveDateTime),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MINUTE: &str = "%Y-%m-%d %H:%M UTC";
        match self {
            Reason::Protected => f.write_str("protected by hand"),
            Reason::Open => f.write_str("being written, or its run can go on"),
            Reason::Partial => {
                f.write_str("found on tapes, and parts of it are missing: kept until somebody deletes it")
            }
            Reason::Lost => f.write_str(
                "what it needs is on a lost tape and nowhere else: kept until somebody deletes it, or finds the tape",
            ),
            Reason::Forever => f.write_str("kept for ever"),
            Reason::Until(end) => write!(f, "its days are over on {}", end.format(MINUTE)),
            Reason::Last { place, of } => write!(f, "number {place} of the last {of}"),
            Reason::Newest { period, bucket: Bucket { year, number } } => match period {
                Period::Day => match NaiveDate::from_yo_opt(*year, *number) {
                    Some(date) => write!(f, "the newest of {date}"),
                    None => write!(f, "the newest of day {number} of {year}"),
                },
                Period::Week => write!(f, "the newest of week {year}-W{number:02}"),
                Period::Month => write!(f, "the newest of {year}-{number:02}"),
                Period::Year => write!(f, "the newest of {year}"),
            },
            Reason::NeededBy { set, others: 0 } => write!(f, "needed by set {set}"),
            Reason::NeededBy { set, others } => write!(f, "needed by set {set} and {others} more"),
            Reason::NewestCopy => f.write_str("the newest copy of the database"),
            Reason::Unclear => f.write_str("what it builds on is unclear"),
            Reason::NeverCompleted => f.write_str("never completed"),
            Reason::DaysOver(end) => write!(f, "its days were over on {}", end.format(MINUTE)),
        }
    }
}

/// What becomes of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is kept.
    pub kept: bool,
    /// Why, or why not.
    pub reasons: Vec<Reason>,
    /// If it is kept: when it expires if nothing else happens; none if that cannot be said.
    pub until: Option<NaiveDateTime>,
}

/// Until when something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Horizon {
    /// Not kept at all.
    Never,
    /// To this moment.
    At(NaiveDateTime),
    /// As far as can be seen.
    Open,
}

/// Decides about all sets at the moment `at`; the verdicts are in the order of the facts.
pub fn decide(facts: &[SetFact], owners: &HashMap<i32, Owner>, at: NaiveDateTime) -> Vec<Verdict> {
    let mut reasons: Vec<Vec<Reason>> = facts.iter().map(|set| by_itself(set, owners, at)).collect();
    let mut horizons: Vec<Horizon> = reasons.iter().map(|own| horizon(own)).collect();
    let mut of_owner: HashMap<i32, Vec<usize>> = HashMap::new();
    for (index, set) in facts.iter().enumerate().filter(|(_, set)| set.stage == Stage::Complete) {
        of_owner.entry(set.owner).or_default().push(index);
    }
    for (id, mut sets) in of_owner {
        let Some(owner) = owners.get(&id) else { continue };
        sets.sort_by_key(|index| facts.get(*index).map(|set| std::cmp::Reverse((set.start, set.id))));
        let newest_first = sets.iter().filter_map(|index| Some((*index, facts.get(*index)?)));
        count(owner, newest_first, &mut |index, reason| {
            if let (Some(own), Some(horizon)) = (reasons.get_mut(index), horizons.get_mut(index)) {
                own.push(reason);
                *horizon = Horizon::Open;
            }
        });
    }
    need(facts, &mut reasons, &mut horizons);
    let verdicts = facts.iter().zip(reasons).zip(horizons).map(|((set, mut reasons), horizon)| {
        let kept = horizon != Horizon::Never;
        if !kept {
            reasons.push(match (set.stage, owners.get(&set.owner).and_then(|owner| days_over(set, owner))) {
                (Stage::Complete, Some(end)) => Reason::DaysOver(end),
                _ => Reason::NeverCompleted,
            });
        }
        let until = match horizon {
            Horizon::At(end) => Some(end),
            Horizon::Never | Horizon::Open => None,
        };
        Verdict { kept, reasons, until }
    });
    verdicts.collect()
}

/// When the days of a set are over; none if never.
fn days_over(set: &SetFact, owner: &Owner) -> Option<NaiveDateTime> {
    match owner.rule.days {
        Days::Forever => None,
        Days::AtLeast(days) => set.end.checked_add_signed(TimeDelta::try_days(i64::from(days))?),
    }
}

/// What keeps a set whatever other sets there are.
fn by_itself(set: &SetFact, owners: &HashMap<i32, Owner>, at: NaiveDateTime) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if set.protected {
        reasons.push(Reason::Protected);
    }
    match (set.stage, owners.get(&set.owner)) {
        (Stage::Broken, _) => {}
        (Stage::Open, _) => reasons.push(Reason::Open),
        (Stage::Partial, _) => reasons.push(Reason::Partial),
        (Stage::Lost, _) => reasons.push(Reason::Lost),
        (Stage::Complete, None) => reasons.push(Reason::Unclear),
        (Stage::Complete, Some(owner)) => match days_over(set, owner) {
            None => reasons.push(Reason::Forever),
            Some(end) if end > at => reasons.push(Reason::Until(end)),
            Some(_) => {}
        },
    }
    reasons
}

fn horizon(reasons: &[Reason]) -> Horizon {
    let one = |reason: &Reason| match reason {
        Reason::Until(end) => Horizon::At(*end),
        _ => Horizon::Open,
    };
    reasons.iter().map(one).max().unwrap_or(Horizon::Never)
}

/// The rules that count sets, newest first.
fn count<'s>(
    owner: &Owner,
    newest_first: impl Iterator<Item = (usize, &'s SetFact)>,
    keep: &mut impl FnMut(usize, Reason),
) {
    let rule = &owner.rule;
    let mut seen: [HashSet<Bucket>; 4] = Default::default();
    let limits = [
        (Period::Day, rule.daily),
        (Period::Week, rule.weekly),
        (Period::Month, rule.monthly),
        (Period::Year, rule.yearly),
    ];
    for (place, (index, set)) in (1u32..).zip(newest_first) {
        if place <= rule.last {
            keep(index, Reason::Last { place, of: rule.last });
        }
        let date = owner.zone.from_utc_datetime(&set.start).date_naive();
        let mut open = false;
        for ((period, limit), seen) in limits.into_iter().zip(&mut seen) {
            if seen.len() >= limit as usize {
                continue;
            }
            open = true;
            let bucket = period.bucket(date);
            if seen.insert(bucket) {
                keep(index, Reason::Newest { period, bucket });
            }
        }
        if !open && place >= rule.last {
            return;
        }
    }
}

/// Keeps what kept sets build on.
fn need(facts: &[SetFact], reasons: &mut [Vec<Reason>], horizons: &mut [Horizon]) {
    let index_of: HashMap<i32, usize> = facts.iter().enumerate().map(|(index, set)| (set.id, index)).collect();
    let parents: Vec<Option<usize>> =
        facts.iter().map(|set| set.parent.and_then(|parent| index_of.get(&parent).copied())).collect();
    let mut waiting = vec![0u32; facts.len()];
    for parent in parents.iter().flatten() {
        if let Some(count) = waiting.get_mut(*parent) {
            *count += 1;
        }
    }
    // who needs a set: the one begun last, and how many there are; both only of those with a reason of their own
    let mut needed: Vec<Option<(usize, u32)>> = vec![None; facts.len()];
    let own: Vec<bool> = horizons.iter().map(|horizon| *horizon != Horizon::Never).collect();
    let begun = |index: usize| facts.get(index).map(|set| (set.start, set.id));
    let mut ready: Vec<usize> =
        waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(index, _)| index).collect();
    let mut done = 0;
    while let Some(index) = ready.pop() {
        done += 1;
        let Some(parent) = parents.get(index).copied().flatten() else { continue };
        let mut wants = needed.get(index).copied().flatten();
        if own.get(index).copied().unwrap_or(false) {
            wants = Some(match wants {
                Some((newest, count)) if begun(newest) > begun(index) => (newest, count + 1),
                Some((_, count)) => (index, count + 1),
                None => (index, 1),
            });
        }
        let child = horizons.get(index).copied().unwrap_or(Horizon::Never);
        if let Some(horizon) = horizons.get_mut(parent) {
            *horizon = (*horizon).max(child);
        }
        if let (Some((newest, count)), Some(slot)) = (wants, needed.get_mut(parent)) {
            *slot = Some(match *slot {
                Some((other, more)) if begun(other) > begun(newest) => (other, more + count),
                Some((_, more)) => (newest, more + count),
                None => (newest, count),
            });
        }
        if let Some(count) = waiting.get_mut(parent) {
            *count -= 1;
            if *count == 0 {
                ready.push(parent);
            }
        }
    }
    for (index, needed) in needed.iter().enumerate() {
        if let (Some((newest, count)), Some(own)) = (needed, reasons.get_mut(index)) {
            let set = facts.get(*newest).map_or(0, |set| set.id);
            own.push(Reason::NeededBy { set, others: count - 1 });
        }
    }
    if done < facts.len() {
        // sets that build on each other in a circle never became ready
        for ((waiting, own), horizon) in waiting.iter().zip(reasons).zip(horizons) {
            if *waiting > 0 {
                own.push(Reason::Unclear);
                *horizon = Horizon::Open;
            }
        }
    }
}
