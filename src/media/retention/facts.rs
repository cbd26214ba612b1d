//! The facts, read from the database, and the verdicts on all sets and copies.

use super::decide::{Owner, Reason, SetFact, Stage, Verdict, decide};
use super::rule::{Days, Rule};
use super::tapes::{Outlook, TapeFact};
use crate::Result;
use crate::db::retention::{self as rows, CopyRow, SetRow};
use crate::db::sets::BackupSet;
use crate::db::tape_briefs::TapeBrief;
use crate::db::tapes::Tape;
use crate::db::{Conn, DatabaseBackupStatus, SetStatus, jobs, pools};
use crate::schedule::parse_time_zone;
use chrono::NaiveDateTime;
use chrono_tz::Tz;
use diesel::Connection;
use std::collections::{HashMap, HashSet};

/// A set and what becomes of it.
#[derive(Debug, Clone)]
pub struct Judged<T> {
    /// Its row.
    pub row: T,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// A job as far as retention goes.
#[derive(Debug, Clone)]
pub struct JobRule {
    /// Its name.
    pub name: String,
    /// Its pool.
    pub pool_id: i32,
    /// Its rule, with what it takes from its pool.
    pub rule: Rule,
}

/// The verdicts on everything at one moment.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The moment.
    pub at: NaiveDateTime,
    /// All sets.
    pub sets: Vec<Judged<SetRow>>,
    /// All copies of the database.
    pub copies: Vec<Judged<CopyRow>>,
    /// All jobs.
    pub jobs: HashMap<i32, JobRule>,
    index: HashMap<i32, usize>,
    /// Sets that are not complete, and not given up.
    open: Vec<usize>,
    cut_off: HashMap<i32, i32>,
}

impl Evaluation {
    /// Reads the facts and decides as of now, or as of the time that is believed ([`crate::clock`]).
    pub fn read_now(conn: &mut Conn) -> Result<Evaluation> {
        let now = crate::clock::for_expiry(conn)?;
        Evaluation::read(conn, now)
    }

    /// Reads the facts as they are now and decides as of the moment `at`. Costs the number of sets, not of files.
    pub fn read(conn: &mut Conn, at: NaiveDateTime) -> Result<Evaluation> {
        Evaluation::read_if(conn, at, None)
    }

    /// The same as if one job had another rule: `(job, rule and zone)`.
    pub fn read_if(conn: &mut Conn, at: NaiveDateTime, other: Option<(i32, Owner)>) -> Result<Evaluation> {
        conn.transaction(|conn| {
            let pools: HashMap<i32, pools::Pool> = pools::all(conn)?.into_iter().map(|pool| (pool.id, pool)).collect();
            let mut jobs = HashMap::new();
            let mut owners = HashMap::new();
            for job in jobs::list(conn)?.into_iter().map(|row| row.job) {
                let Some(pool) = pools.get(&job.pool_id) else { continue };
                let owner = match &other {
                    Some((id, owner)) if *id == job.id => owner.clone(),
                    _ => Owner {
                        rule: Rule::of_job(&job, pool),
                        zone: parse_time_zone(&job.time_zone).unwrap_or(Tz::UTC),
                    },
                };
                let rule = owner.rule;
                owners.insert(job.id, owner);
                jobs.insert(job.id, JobRule { name: job.name, pool_id: job.pool_id, rule });
            }
            let rules = pools.into_values().map(|pool| (pool.id, Rule::of_pool(&pool))).collect();
            let sets = rows::sets(conn)?;
            let copies = Copies::of(&sets, &rules, &mut owners);
            let lost = crate::db::lost::sets(conn)?;
            let sets = judged_sets(sets, &copies, &rows::resumable_sets(conn)?, &lost, &owners, at);
            let copies = judged_copies(rows::copies(conn)?, &rules, at);
            let index = sets.iter().enumerate().map(|(index, set)| (set.row.id, index)).collect();
            let whole_or_found = [SetStatus::Completed, SetStatus::Incomplete];
            let is_open = |set: &Judged<SetRow>| !whole_or_found.contains(&set.row.status) && set.verdict.kept;
            let open = sets.iter().enumerate().filter(|(_, set)| is_open(set)).map(|(index, _)| index).collect();
            let cut_off = rows::cut_off(conn)?.into_iter().collect();
            Ok(Evaluation { at, sets, copies, jobs, index, open, cut_off })
        })
    }

    /// What was decided about a set.
    pub fn verdict(&self, set_id: i32) -> Option<&Verdict> {
        self.index.get(&set_id).and_then(|index| self.sets.get(*index)).map(|set| &set.verdict)
    }

    /// Whether a set is kept; one that nobody has looked at is.
    pub fn keeps(&self, set_id: i32) -> bool {
        self.verdict(set_id).is_none_or(|verdict| verdict.kept)
    }

    /// What that means for one tape.
    pub fn tape(&self, conn: &mut Conn, tape: &Tape) -> Result<TapeFact> {
        let parts = rows::parts(conn, Some(tape.id))?.into_iter().map(|(_, set)| set);
        let begun = self.sets.iter().filter(|set| set.row.tape_id == tape.id).map(|set| set.row.id);
        let copies: Vec<_> = self.copies.iter().filter(|copy| copy.row.tape_id == tape.id).collect();
        Ok(self.fact(&tape.into(), parts.chain(begun).collect(), &copies))
    }

    /// What that means for each of `tapes`.
    pub fn tapes(&self, conn: &mut Conn, tapes: &[TapeBrief]) -> Result<Vec<TapeFact>> {
        let mut on_tape: HashMap<i32, HashSet<i32>> = HashMap::new();
        for (tape, set) in rows::parts(conn, None)? {
            on_tape.entry(tape).or_default().insert(set);
        }
        for set in &self.sets {
            on_tape.entry(set.row.tape_id).or_default().insert(set.row.id);
        }
        let mut copies: HashMap<i32, Vec<&Judged<CopyRow>>> = HashMap::new();
        for copy in &self.copies {
            copies.entry(copy.row.tape_id).or_default().push(copy);
        }
        let copies_on = |tape: &TapeBrief| copies.get(&tape.id).map_or(&[][..], Vec::as_slice);
        let mut sets_on = |tape: &TapeBrief| on_tape.remove(&tape.id).unwrap_or_default();
        Ok(tapes.iter().map(|tape| self.fact(tape, sets_on(tape), copies_on(tape))).collect())
    }

    fn fact(&self, tape: &TapeBrief, on_it: HashSet<i32>, copies: &[&Judged<CopyRow>]) -> TapeFact {
        let mut kept: Vec<(i32, Option<NaiveDateTime>)> = on_it
            .iter()
            .filter(|set| self.keeps(**set))
            .map(|set| (*set, self.verdict(*set).and_then(|verdict| verdict.until)))
            .collect();
        kept.extend(self.may_hold_a_part(tape).filter(|set| !on_it.contains(set)).map(|set| (set, None)));
        kept.sort_unstable();
        let recorded = on_it.len() + copies.len();
        let kept_copies = copies.iter().filter(|copy| copy.verdict.kept);
        let copies = kept_copies.map(|copy| (copy.row.id, copy.verdict.until)).collect();
        TapeFact {
            id: tape.id,
            label: tape.label.clone(),
            status: tape.status,
            write_once: tape.write_once,
            hold: tape.why_blocked(),
            cut_off: self.cut_off.get(&tape.id).copied(),
            recorded,
            kept,
            copies,
        }
    }

    /// The parts of a set are recorded when it is complete. Until then, any tape of its pool that was written since it
    /// began may hold one.
    fn may_hold_a_part<'e>(&'e self, tape: &'e TapeBrief) -> impl Iterator<Item = i32> + 'e {
        let open = self.open.iter().filter_map(|index| self.sets.get(*index));
        open.filter(|set| {
            let pool = self.jobs.get(&set.row.job_id).map(|job| job.pool_id);
            tape.pool_id == pool && tape.last_written_at.is_some_and(|written| written >= set.row.start_time)
        })
        .map(|set| set.row.id)
    }
}

/// Copies of sets: they are kept by the rule of the pool they are in, those of each job by themselves.
struct Copies {
    /// For each job and pool the owner of the job's copies there.
    owners: HashMap<(i32, i32), i32>,
    /// For each original and pool the copy.
    of: HashMap<(String, i32), i32>,
    names: HashMap<i32, String>,
}

impl Copies {
    fn of(rows: &[SetRow], rules: &HashMap<i32, Rule>, owners: &mut HashMap<i32, Owner>) -> Copies {
        let mut copies = Copies { owners: HashMap::new(), of: HashMap::new(), names: HashMap::new() };
        for row in rows {
            copies.names.insert(row.id, row.copy_of.clone().unwrap_or_else(|| row.uuid.clone()));
            let (Some(original), Some(pool)) = (&row.copy_of, row.pool_id) else { continue };
            if row.status == SetStatus::Completed {
                copies.of.insert((original.clone(), pool), row.id);
            }
            let (Some(rule), Some(job)) = (rules.get(&pool), owners.get(&row.job_id)) else { continue };
            let owner = Owner { rule: *rule, zone: job.zone };
            // jobs have positive ids
            let next = -1 - copies.owners.len() as i32;
            let id = *copies.owners.entry((row.job_id, pool)).or_insert(next);
            owners.insert(id, owner);
        }
        copies
    }

    fn owner(&self, row: &SetRow) -> i32 {
        let own = row.copy_of.as_ref().and(row.pool_id).and_then(|pool| self.owners.get(&(row.job_id, pool)));
        own.copied().unwrap_or(row.job_id)
    }

    /// What a set builds on: a copy on the copy in its own pool, if there is one.
    fn parent(&self, row: &SetRow) -> Option<i32> {
        let parent = row.parent_set_id?;
        let beside = row.copy_of.as_ref().and(row.pool_id).and_then(|pool| {
            let original = self.names.get(&parent)?;
            self.of.get(&(original.clone(), pool)).copied()
        });
        Some(beside.unwrap_or(parent))
    }
}

fn judged_sets(
    rows: Vec<SetRow>,
    copies: &Copies,
    resumable: &HashSet<i32>,
    lost: &HashSet<i32>,
    owners: &HashMap<i32, Owner>,
    at: NaiveDateTime,
) -> Vec<Judged<SetRow>> {
    let fact = |row: &SetRow| SetFact {
        id: row.id,
        owner: copies.owner(row),
        stage: match row.status {
            SetStatus::Completed if lost.contains(&row.id) => Stage::Lost,
            SetStatus::Completed => Stage::Complete,
            SetStatus::Pending | SetStatus::Running => Stage::Open,
            SetStatus::Failed | SetStatus::Cancelled if resumable.contains(&row.id) => Stage::Open,
            SetStatus::Failed | SetStatus::Cancelled => Stage::Broken,
            SetStatus::Incomplete => Stage::Partial,
        },
        start: row.start_time,
        end: row.end_time.unwrap_or(row.start_time),
        parent: copies.parent(row),
        protected: row.protected,
    };
    let facts: Vec<SetFact> = rows.iter().map(fact).collect();
    rows.into_iter().zip(decide(&facts, owners, at)).map(|(row, verdict)| Judged { row, verdict }).collect()
}

/// Copies of the database are kept by the rule of the pool they are in; those in no pool for ever; the newest always.
fn judged_copies(rows: Vec<CopyRow>, rules: &HashMap<i32, Rule>, at: NaiveDateTime) -> Vec<Judged<CopyRow>> {
    const NO_POOL: i32 = -1;
    let forever = Rule { days: Days::Forever, last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    let owner = |rule: Rule| Owner { rule, zone: Tz::UTC };
    let mut owners: HashMap<i32, Owner> = rules.iter().map(|(id, rule)| (*id, owner(*rule))).collect();
    owners.insert(NO_POOL, owner(forever));
    let fact = |row: &CopyRow| SetFact {
        id: row.id,
        owner: row.pool_id.unwrap_or(NO_POOL),
        stage: match row.status {
            DatabaseBackupStatus::Completed if row.lost => Stage::Lost,
            DatabaseBackupStatus::Completed => Stage::Complete,
            DatabaseBackupStatus::Pending => Stage::Open,
            DatabaseBackupStatus::Failed => Stage::Broken,
        },
        start: row.time,
        end: row.time,
        parent: None,
        protected: false,
    };
    let facts: Vec<SetFact> = rows.iter().map(fact).collect();
    let newest = facts.iter().filter(|copy| copy.stage == Stage::Complete).map(|copy| (copy.start, copy.id)).max();
    let mut judged: Vec<Judged<CopyRow>> =
        rows.into_iter().zip(decide(&facts, &owners, at)).map(|(row, verdict)| Judged { row, verdict }).collect();
    if let Some(copy) = newest.and_then(|(_, id)| judged.iter_mut().find(|copy| copy.row.id == id)) {
        let reasons = std::mem::take(&mut copy.verdict.reasons);
        let own = reasons.into_iter().filter(|reason| !matches!(reason, Reason::DaysOver(_)));
        copy.verdict = Verdict { kept: true, reasons: own.chain([Reason::NewestCopy]).collect(), until: None };
    }
    judged
}

/// What the next incremental set of a job builds on: its newest completed set, unless that has expired and may be gone
/// any moment, or cannot be restored because a tape is lost.
pub fn base_of(conn: &mut Conn, job_id: i32) -> Result<Option<BackupSet>> {
    let newest = crate::db::sets::latest_completed(conn, job_id)?;
    let Some(newest) = newest else { return Ok(None) };
    if crate::db::lost::sets(conn)?.contains(&newest.id) {
        return Ok(None);
    }
    let evaluation = Evaluation::read_now(conn)?;
    Ok(Some(newest).filter(|set| evaluation.keeps(set.id)))
}

/// Why a tape that is said to have expired must not be written anew; none if it may.
pub fn why_not_anew(conn: &mut Conn, tape: &Tape) -> Result<Option<String>> {
    let evaluation = Evaluation::read_now(conn)?;
    Ok(why_it_stays(&evaluation.tape(conn, tape)?))
}

/// The same for each of many tapes, by id.
pub fn why_not_anew_each(conn: &mut Conn, tapes: &[TapeBrief]) -> Result<HashMap<i32, Option<String>>> {
    let evaluation = Evaluation::read_now(conn)?;
    Ok(evaluation.tapes(conn, tapes)?.iter().map(|fact| (fact.id, why_it_stays(fact))).collect())
}

fn why_it_stays(fact: &TapeFact) -> Option<String> {
    match fact.outlook() {
        Outlook::Stays { why, .. } => Some(why),
        Outlook::Free | Outlook::Nothing => None,
    }
}
