//! How much of a tape's life is used, by what drives and cartridges counted in all the times that it lay in a drive.

use crate::Result;
use crate::config::Maintenance;
use crate::db::tape_health::{self, Life};
use crate::db::tape_wear::{self, MadeFor};
use crate::db::tapes::Tape;
use crate::db::time::rfc3339_option;
use crate::db::{Conn, tapes};
use chrono::{Duration, NaiveDateTime};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use utoipa::ToSchema;

pub use tape_wear::Limits;

/// What makers of LTO cartridges name: times that one can be written from its beginning to its end; loads and unloads from
/// the Dell PowerVault LTO-7 User's Guide, table 15 (nominal cartridge life).
const MADE_FOR: MadeFor =
    MadeFor { loads: &[("LTO-1", 5_000), ("LTO-2", 10_000)], loads_of_others: 20_000, full_writes: 260.0 };

impl From<&Maintenance> for Limits {
    /// From where on a tape counts as worn, as the settings say.
    fn from(settings: &Maintenance) -> Limits {
        Limits { loads: i64::from(settings.warn_mounts), full_writes: i64::from(settings.warn_fills) }
    }
}

/// Limits that a tape has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// It was loaded so often.
    Loads(i64),
    /// It was written from beginning to end so often, in all that was written.
    FullWrites(i64),
}

/// Which limits a tape has passed.
pub fn passed(tape: &Tape, life: &Life, limits: Limits) -> Vec<Passed> {
    let full_writes = life.bytes_written.and_then(|bytes| bytes.checked_div(tape.capacity_bytes));
    let beyond = |count: Option<i64>, limit: i64| count.filter(|count| limit > 0 && *count >= limit);
    let loads = beyond(life.mounts, limits.loads).map(Passed::Loads);
    loads.into_iter().chain(beyond(full_writes, limits.full_writes).map(Passed::FullWrites)).collect()
}

/// Data that was lost counts against a tape for so long; then it has shown that it can be used.
const LATELY: Duration = Duration::days(90);
/// TapeAlert flags about the life of the cartridge: 7 media life, 8 not data grade, 19 nearing media life.
pub const WORN_FLAGS: &[u8] = &[7, 8, 19];

/// How a tape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TapeCondition)]
pub enum Condition {
    /// No drive has told anything of it.
    Unknown,
    /// Nothing speaks against it.
    Good,
    /// It was used more than the settings `maintenance.warn_mounts` and `warn_fills` allow, or a drive says that it is old.
    Worn,
    /// Drives could not write or read everything on it lately.
    Failing,
}

/// How much of a tape's life is used.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TapeWear)]
pub struct Wear {
    /// How it is.
    pub condition: Condition,
    /// How much of its expected life is used, by loads or by full writes, whichever is more; over 100 beyond that. Null: it
    /// is not told.
    pub life_used_percent: Option<f64>,
    /// How often it was loaded.
    pub loads: Option<i64>,
    /// For how many loads its generation is made.
    pub loads_expected: i64,
    /// How often it was written from beginning to end, in all that was written.
    pub full_writes: Option<f64>,
    /// For how many of them it is made.
    pub full_writes_expected: f64,
    /// Writes in its life that failed.
    pub lost_writes: Option<i64>,
    /// Reads in its life that failed.
    pub lost_reads: Option<i64>,
    /// Of both, in the last 90 days.
    pub lost_lately: i64,
    /// What speaks against it, in sentences.
    pub reasons: Vec<String>,
    /// When a drive last told of it.
    #[serde(serialize_with = "rfc3339_option")]
    pub counted_at: Option<NaiveDateTime>,
}

fn loads_expected(lto_type: &str) -> i64 {
    let known = MADE_FOR.loads.iter().find(|(generation, _)| *generation == lto_type);
    known.map_or(MADE_FOR.loads_of_others, |(_, loads)| *loads)
}

/// Of one tape.
pub fn of_tape(conn: &mut Conn, tape_id: i32, limits: Limits, now: NaiveDateTime) -> Result<Wear> {
    let tape = tapes::find(conn, tape_id)?;
    let flags = tape_health::flags(conn, Some(tape_id))?.remove(&tape_id).unwrap_or_default();
    let life = tape_health::life(conn, tape_id)?;
    judge(conn, &tape, life.as_ref(), &flags, limits, now)
}

/// A tape, and how much of its life is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Worn {
    /// The tape.
    pub tape: Tape,
    /// How much of its life is used.
    pub wear: Wear,
}

/// Those that are worn or lose data, the worst first. Costs the number of these, not of all tapes.
pub fn worn(conn: &mut Conn, limits: Limits, now: NaiveDateTime) -> Result<Vec<Worn>> {
    let mut lives: BTreeMap<i32, Life> = tape_wear::beyond(conn, limits)?.into_iter().collect();
    let mut flags = tape_health::flags(conn, None)?;
    flags.retain(|_, raised| raised.iter().any(|flag| WORN_FLAGS.contains(flag)));
    for tape in flags.keys() {
        if !lives.contains_key(tape)
            && let Some(life) = tape_health::life(conn, *tape)?
        {
            lives.insert(*tape, life);
        }
    }
    let mut worn = judged(conn, &lives, &flags, limits, now)?;
    worn.retain(|worn| worn.wear.condition >= Condition::Worn);
    worn.sort_by(worst_first);
    Ok(worn)
}

/// The so many tapes with data of which the most is used, the most first.
pub fn most_used(conn: &mut Conn, limits: Limits, most: i64, now: NaiveDateTime) -> Result<Vec<Worn>> {
    let lives: BTreeMap<i32, Life> = tape_wear::most_used(conn, MADE_FOR, most)?.into_iter().collect();
    let mut flags = BTreeMap::new();
    for tape in lives.keys() {
        flags.extend(tape_health::flags(conn, Some(*tape))?);
    }
    let mut used = judged(conn, &lives, &flags, limits, now)?;
    used.sort_by(worst_first);
    Ok(used)
}

/// Those that lose data, those that are worn, then by how much of their life is used.
fn worst_first(a: &Worn, b: &Worn) -> Ordering {
    let used = |worn: &Worn| worn.wear.life_used_percent.unwrap_or_default();
    let condition = b.wear.condition.cmp(&a.wear.condition);
    condition.then(used(b).total_cmp(&used(a))).then(a.tape.id.cmp(&b.tape.id))
}

fn judged(
    conn: &mut Conn,
    lives: &BTreeMap<i32, Life>,
    flags: &BTreeMap<i32, Vec<u8>>,
    limits: Limits,
    now: NaiveDateTime,
) -> Result<Vec<Worn>> {
    let ids: Vec<i32> = lives.keys().copied().collect();
    let mut all = Vec::new();
    for tape in tapes::these(conn, &ids)? {
        let raised = flags.get(&tape.id).map_or(&[][..], Vec::as_slice);
        let wear = judge(conn, &tape, lives.get(&tape.id), raised, limits, now)?;
        all.push(Worn { tape, wear });
    }
    Ok(all)
}

fn judge(
    conn: &mut Conn,
    tape: &Tape,
    life: Option<&Life>,
    flags: &[u8],
    limits: Limits,
    now: NaiveDateTime,
) -> Result<Wear> {
    let loads_expected = loads_expected(&tape.lto_type);
    let unknown = Life::default();
    let life = life.unwrap_or(&unknown);
    let full_writes = life.bytes_written.filter(|_| tape.capacity_bytes > 0);
    let full_writes = full_writes.map(|bytes| bytes as f64 / tape.capacity_bytes as f64);
    let by_loads = life.mounts.map(|loads| 100.0 * loads as f64 / loads_expected as f64);
    let by_writes = full_writes.map(|writes| 100.0 * writes / MADE_FOR.full_writes);
    let life_used_percent = by_loads.into_iter().chain(by_writes).reduce(f64::max);
    let lost = life.unrecovered_write_errors.unwrap_or_default() + life.unrecovered_read_errors.unwrap_or_default();
    let lost_lately = if lost > 0 { lost - tape_health::lost_before(conn, tape.id, now - LATELY)? } else { 0 };

    let mut reasons = Vec::new();
    let (writes, reads) = (life.unrecovered_write_errors, life.unrecovered_read_errors);
    if lost_lately > 0 {
        let (writes, reads) = (writes.unwrap_or_default(), reads.unwrap_or_default());
        reasons.push(format!(
            "Drives gave up writing {writes} times and reading {reads} times in its life, {lost_lately} of them in the \
             last 90 days."
        ));
    }
    for limit in passed(tape, life, limits) {
        reasons.push(match limit {
            Passed::Loads(loads) => format!(
                "It was loaded {loads} times; it is made for {loads_expected}, and counts as worn from {} on.",
                limits.loads
            ),
            Passed::FullWrites(writes) => format!(
                "It was written from beginning to end {writes} times; it is made for {}, and counts as worn from {} on.",
                MADE_FOR.full_writes, limits.full_writes
            ),
        });
    }
    if let Some(flag) = flags.iter().find(|flag| WORN_FLAGS.contains(flag)) {
        let alert = tape_scsi::TapeAlert::new(*flag);
        reasons.push(alert.map_or_else(
            || format!("A drive raised TapeAlert {flag}."),
            |alert| format!("A drive raised TapeAlert {flag} ({}): {}", alert.name(), alert.text()),
        ));
    }
    let condition = match (lost_lately > 0, reasons.is_empty(), life_used_percent) {
        (true, ..) => Condition::Failing,
        (_, false, _) => Condition::Worn,
        (_, _, Some(_)) => Condition::Good,
        (_, _, None) => Condition::Unknown,
    };
    Ok(Wear {
        condition,
        life_used_percent,
        loads: life.mounts,
        loads_expected,
        full_writes,
        full_writes_expected: MADE_FOR.full_writes,
        lost_writes: writes,
        lost_reads: reads,
        lost_lately,
        reasons,
        counted_at: life.counted_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tape_health::{Figures, record};
    use crate::db::{self, testing};
    use diesel::prelude::*;

    const LIMITS: Limits = Limits { loads: 16_000, full_writes: 100 };

    fn told(conn: &mut Conn, tape_id: i32, figures: Figures, days_ago: i64) {
        use crate::db::schema::tape_health as table;
        let row = record(conn, None, &Figures { tape_id, ..figures }).expect("row");
        let time = db::now() - Duration::days(days_ago);
        let then = (table::created_at.eq(time), table::updated_at.eq(time));
        diesel::update(table::table.find(row)).set(then).execute(conn).expect("time");
    }

    #[test]
    fn life_is_used_by_loads_or_by_writes_whichever_is_more() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let tape = testing::tape(conn, "T1");
        let capacity = 18_000_000_000_000;
        let nine =
            tapes::TapeChanges { lto_type: Some("LTO-9".into()), capacity_bytes: Some(capacity), ..Default::default() };
        tapes::update(conn, tape.id, &nine).expect("capacity");
        let wear = of_tape(conn, tape.id, LIMITS, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.life_used_percent), (Condition::Unknown, None));
        told(conn, tape.id, Figures { mounts: Some(200), bytes_written: Some(26 * capacity), ..Figures::default() }, 5);
        // a drive that tells less does not take back what is known
        told(conn, tape.id, Figures { mounts: Some(201), ..Figures::default() }, 1);
        let wear = of_tape(conn, tape.id, LIMITS, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.loads, wear.full_writes), (Condition::Good, Some(201), Some(26.0)));
        assert!((wear.life_used_percent.expect("told") - 10.0).abs() < 0.01, "{wear:?}");
        told(conn, tape.id, Figures { mounts: Some(16_000), ..Figures::default() }, 0);
        let wear = of_tape(conn, tape.id, LIMITS, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.reasons.len()), (Condition::Worn, 1), "{wear:?}");
        assert!(wear.reasons[0].contains("16000 times"), "{wear:?}");
        let all = worn(conn, LIMITS, db::now()).expect("worn");
        assert_eq!(all.iter().map(|worn| &worn.wear).collect::<Vec<_>>(), [&wear]);
        let unused = most_used(conn, LIMITS, 10, db::now()).expect("used");
        assert_eq!(unused, [], "nothing is on it");
        crate::db::tape_lifecycle::part_written(conn, tape.id, 1, 1, 5).expect("data");
        assert_eq!(most_used(conn, LIMITS, 10, db::now()).expect("used")[0].wear, wear);
        let more = Limits { loads: 16_001, full_writes: 0 };
        assert_eq!(of_tape(conn, tape.id, more, db::now()).expect("wear").condition, Condition::Good);
        assert_eq!(worn(conn, more, db::now()).expect("worn"), []);
        assert!(of_tape(conn, 99, LIMITS, db::now()).is_err());
    }

    #[test]
    fn what_was_lost_counts_for_a_while_and_a_flag_for_ever() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (failing, healed, flagged) =
            (testing::tape(conn, "T1").id, testing::tape(conn, "T2").id, testing::tape(conn, "T3").id);
        let lost = |count| Figures { unrecovered_write_errors: Some(count), mounts: Some(9), ..Figures::default() };
        told(conn, failing, lost(1), 200);
        told(conn, failing, lost(3), 2);
        told(conn, healed, lost(3), 200);
        told(conn, healed, lost(3), 2);
        let flags = |flags: &str| Figures { mounts: Some(9), tape_alert_flags: flags.into(), ..Figures::default() };
        told(conn, flagged, flags("4,19"), 300);
        told(conn, flagged, flags(""), 1);
        let wear = of_tape(conn, failing, LIMITS, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.lost_writes, wear.lost_lately), (Condition::Failing, Some(3), 2), "{wear:?}");
        let wear = of_tape(conn, healed, LIMITS, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.lost_lately), (Condition::Good, 0), "{wear:?}");
        let wear = of_tape(conn, flagged, LIMITS, db::now()).expect("wear");
        assert!(wear.condition == Condition::Worn && wear.reasons[0].contains("TapeAlert 19"), "{wear:?}");
        let all = worn(conn, LIMITS, db::now()).expect("worn");
        assert_eq!(all.iter().map(|worn| worn.tape.id).collect::<Vec<_>>(), [failing, flagged], "the worst first");
    }
}
