//! How much of a tape's life is used, by what drives and cartridges counted in all the times that it lay in a drive.

use crate::Result;
use crate::db::tape_health::{self, Life};
use crate::db::tapes::Tape;
use crate::db::time::rfc3339_option;
use crate::db::{Conn, tapes};
use chrono::{Duration, NaiveDateTime};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Times that a cartridge can be written from its beginning to its end: what makers of LTO cartridges name.
const FULL_WRITES: f64 = 260.0;
/// From this share of its life on a tape counts as worn.
const WORN_FROM_PERCENT: f64 = 80.0;
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
    /// It nears the end of its life.
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

/// Loads and unloads that a cartridge is made for: Dell PowerVault LTO-7 User's Guide, table 15 (nominal cartridge life).
fn loads_expected(lto_type: &str) -> i64 {
    match lto_type {
        "LTO-1" => 5_000,
        "LTO-2" => 10_000,
        _ => 20_000,
    }
}

/// Of one tape.
pub fn of_tape(conn: &mut Conn, tape_id: i32, now: NaiveDateTime) -> Result<Wear> {
    let tape = tapes::find(conn, tape_id)?;
    let flags = tape_health::flags(conn, Some(tape_id))?.remove(&tape_id).unwrap_or_default();
    let life = tape_health::life(conn, tape_id)?;
    judge(conn, &tape, life.as_ref(), &flags, now)
}

/// Of those of `tapes` of which drives told anything.
pub fn of_tapes<'t>(
    conn: &mut Conn,
    tapes: impl IntoIterator<Item = &'t Tape>,
    now: NaiveDateTime,
) -> Result<BTreeMap<i32, Wear>> {
    let lives: BTreeMap<i32, Life> = tape_health::lives(conn)?.into_iter().collect();
    let flags = tape_health::flags(conn, None)?;
    let mut all = BTreeMap::new();
    for tape in tapes {
        if let Some(life) = lives.get(&tape.id) {
            let raised = flags.get(&tape.id).map_or(&[][..], Vec::as_slice);
            all.insert(tape.id, judge(conn, tape, Some(life), raised, now)?);
        }
    }
    Ok(all)
}

fn judge(conn: &mut Conn, tape: &Tape, life: Option<&Life>, flags: &[u8], now: NaiveDateTime) -> Result<Wear> {
    let loads_expected = loads_expected(&tape.lto_type);
    let unknown = Life::default();
    let life = life.unwrap_or(&unknown);
    let full_writes = life.bytes_written.filter(|_| tape.capacity_bytes > 0);
    let full_writes = full_writes.map(|bytes| bytes as f64 / tape.capacity_bytes as f64);
    let by_loads = life.mounts.map(|loads| 100.0 * loads as f64 / loads_expected as f64);
    let by_writes = full_writes.map(|writes| 100.0 * writes / FULL_WRITES);
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
    if let Some(loads) = life.mounts.filter(|_| by_loads.is_some_and(|percent| percent >= WORN_FROM_PERCENT)) {
        reasons.push(format!("It was loaded {loads} times; it is made for {loads_expected}."));
    }
    if let Some(writes) = full_writes.filter(|_| by_writes.is_some_and(|percent| percent >= WORN_FROM_PERCENT)) {
        reasons.push(format!("It was written from beginning to end {writes:.0} times; it is made for {FULL_WRITES}."));
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
        full_writes_expected: FULL_WRITES,
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
        let wear = of_tape(conn, tape.id, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.life_used_percent), (Condition::Unknown, None));
        told(conn, tape.id, Figures { mounts: Some(200), bytes_written: Some(26 * capacity), ..Figures::default() }, 5);
        // a drive that tells less does not take back what is known
        told(conn, tape.id, Figures { mounts: Some(201), ..Figures::default() }, 1);
        let wear = of_tape(conn, tape.id, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.loads, wear.full_writes), (Condition::Good, Some(201), Some(26.0)));
        assert!((wear.life_used_percent.expect("told") - 10.0).abs() < 0.01, "{wear:?}");
        told(conn, tape.id, Figures { mounts: Some(16_000), ..Figures::default() }, 0);
        let wear = of_tape(conn, tape.id, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.reasons.len()), (Condition::Worn, 1), "{wear:?}");
        assert!(wear.reasons[0].contains("16000 times"), "{wear:?}");
        let known = tapes::all(conn).expect("all");
        assert_eq!(of_tapes(conn, &known, db::now()).expect("all")[&tape.id], wear);
        assert!(of_tape(conn, 99, db::now()).is_err());
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
        let wear = of_tape(conn, failing, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.lost_writes, wear.lost_lately), (Condition::Failing, Some(3), 2), "{wear:?}");
        let wear = of_tape(conn, healed, db::now()).expect("wear");
        assert_eq!((wear.condition, wear.lost_lately), (Condition::Good, 0), "{wear:?}");
        let wear = of_tape(conn, flagged, db::now()).expect("wear");
        assert!(wear.condition == Condition::Worn && wear.reasons[0].contains("TapeAlert 19"), "{wear:?}");
    }
}
