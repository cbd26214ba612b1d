//! Tapes in short: for those who look at very many of them at once, and need few of their columns.

use super::Conn;
use super::kinds::TapeStatus;
use super::schema::tapes;
use super::tapes::{Tape, lost_since};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Ids that are asked for in one statement: far fewer than SQLite takes.
const AT_ONCE: usize = 1000;

/// A tape, as far as it matters where it is and whether it can be written.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = tapes)]
pub struct TapeBrief {
    /// Its id.
    pub id: i32,
    /// What is printed on the cartridge.
    pub barcode: Option<String>,
    /// Its name.
    pub label: String,
    /// The pool it belongs to.
    pub pool_id: Option<i32>,
    /// Where it is in its life.
    pub status: TapeStatus,
    /// Native capacity in bytes; 0 if unknown.
    pub capacity_bytes: i64,
    /// Bytes written to it.
    pub used_bytes: i64,
    /// When the last set ended.
    pub last_written_at: Option<NaiveDateTime>,
    /// Where it is when it is out of the house.
    pub offsite_location: Option<String>,
    /// Whether its label was written.
    #[diesel(select_expression = tapes::labeled_at.is_not_null())]
    pub labelled: bool,
    /// Why it may not be written at the moment, in words.
    pub hold_reason: Option<String>,
    /// It takes every block only once.
    pub write_once: bool,
    /// Since when a person has given it up for lost.
    pub lost_at: Option<NaiveDateTime>,
    /// What became of it.
    pub lost_reason: Option<String>,
}

impl TapeBrief {
    /// Bytes left; 0 when the capacity is unknown.
    pub fn free_bytes(&self) -> i64 {
        (self.capacity_bytes - self.used_bytes).max(0)
    }

    /// Why nothing can be done with it at the moment, whatever its status: `lost since …`, `on hold: …`.
    pub fn why_blocked(&self) -> Option<String> {
        match self.lost_at {
            Some(since) => Some(lost_since(since, self.lost_reason.as_deref())),
            None => self.hold_reason.as_ref().map(|why| format!("on hold: {why}")),
        }
    }
}

impl From<&Tape> for TapeBrief {
    fn from(tape: &Tape) -> TapeBrief {
        TapeBrief {
            id: tape.id,
            barcode: tape.barcode.clone(),
            label: tape.label.clone(),
            pool_id: tape.pool_id,
            status: tape.status,
            capacity_bytes: tape.capacity_bytes,
            used_bytes: tape.used_bytes,
            last_written_at: tape.last_written_at,
            offsite_location: tape.offsite_location.clone(),
            labelled: tape.labeled_at.is_some(),
            hold_reason: tape.hold_reason.clone(),
            write_once: tape.write_once,
            lost_at: tape.lost_at,
            lost_reason: tape.lost_reason.clone(),
        }
    }
}

/// All tapes of a pool.
pub fn of_pool(conn: &mut Conn, pool_id: i32) -> Result<Vec<TapeBrief>> {
    Ok(tapes::table.filter(tapes::pool_id.eq(pool_id)).order(tapes::id).select(TapeBrief::as_select()).load(conn)?)
}

/// All tapes that are not blank, in no order.
pub fn not_blank(conn: &mut Conn) -> Result<Vec<TapeBrief>> {
    Ok(tapes::table.filter(tapes::status.ne(TapeStatus::Blank)).select(TapeBrief::as_select()).load(conn)?)
}

/// Those of a pool that are not blank, in no order.
pub fn not_blank_of_pool(conn: &mut Conn, pool_id: i32) -> Result<Vec<TapeBrief>> {
    Ok(tapes::table
        .filter(tapes::pool_id.eq(pool_id).and(tapes::status.ne(TapeStatus::Blank)))
        .select(TapeBrief::as_select())
        .load(conn)?)
}

/// These tapes, by id.
pub fn these(conn: &mut Conn, ids: &[i32]) -> Result<Vec<TapeBrief>> {
    let mut all = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        let query = tapes::table.filter(tapes::id.eq_any(some)).order(tapes::id);
        all.extend(query.select(TapeBrief::as_select()).load(conn)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{lost, tape_lifecycle, tapes, testing};

    #[test]
    fn a_tape_in_short_is_what_it_is_at_length() {
        let db = testing::database();
        let conn = &mut *db.conn();
        testing::many_tapes(conn, 10);
        let ids: Vec<i32> = tapes::all(conn).expect("tapes").iter().map(|tape| tape.id).collect();
        tape_lifecycle::hold(conn, ids[0], "looks worn").expect("hold");
        lost::lose(conn, ids[1], Some("fire")).expect("lost");
        let all = tapes::all(conn).expect("tapes");
        let briefs: Vec<TapeBrief> = all.iter().map(TapeBrief::from).collect();
        assert_eq!(these(conn, &ids).expect("briefs"), briefs);
        let pool = all[0].pool_id.expect("pool");
        assert_eq!(of_pool(conn, pool).expect("pool"), briefs);
        assert_eq!(of_pool(conn, pool + 1).expect("other pool"), []);
        let written = briefs.iter().filter(|tape| tape.status != TapeStatus::Blank).count();
        assert_eq!(not_blank(conn).expect("written").len(), written);
        assert_eq!(not_blank_of_pool(conn, pool).expect("written").len(), written);
        assert_eq!(not_blank_of_pool(conn, pool + 1).expect("other pool"), []);
        assert_eq!(briefs[0].why_blocked().as_deref(), Some("on hold: looks worn"));
        let why = briefs[1].why_blocked().expect("lost");
        assert!(why.starts_with("lost since ") && why.ends_with(" (fire)"), "{why}");
        assert_eq!(briefs[2].why_blocked(), None);
    }
}
