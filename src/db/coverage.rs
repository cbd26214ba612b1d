//! What counting copies needs to know of all sets and their parts, and of the tapes that hold something.

use super::Conn;
use super::kinds::{SetStatus, TapeStatus};
use super::schema::{backup_jobs, backup_set_parts, backup_sets, tapes};
use super::tapes::Tape;
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel::sqlite::Sqlite;

/// A set that can be read.
#[derive(Debug, Clone, Queryable)]
pub struct ReadableSet {
    /// Its row.
    pub id: i32,
    /// Its job.
    pub job_id: i32,
    /// The source of that.
    pub source_id: i32,
    /// `completed` or `incomplete`.
    pub status: SetStatus,
    /// The tape it begins on.
    pub tape_id: i32,
    /// When it ended.
    pub end_time: Option<NaiveDateTime>,
    /// When it was last read and compared.
    pub verified_at: Option<NaiveDateTime>,
    /// Files that its run left out, or that changed meanwhile.
    pub warning_count: i64,
}

/// All sets that can be read.
pub fn readable_sets(conn: &mut Conn) -> Result<Vec<ReadableSet>> {
    Ok(backup_sets::table
        .inner_join(backup_jobs::table)
        .filter(backup_sets::status.eq_any([SetStatus::Completed, SetStatus::Incomplete]))
        .order(backup_sets::id)
        .select((
            backup_sets::id,
            backup_sets::job_id,
            backup_jobs::source_id,
            backup_sets::status,
            backup_sets::tape_id,
            backup_sets::end_time,
            backup_sets::verified_at,
            backup_sets::warning_count,
        ))
        .load(conn)?)
}

/// Set, number and tape of the parts that are on another tape than the one their set begins on.
pub fn parts_elsewhere(conn: &mut Conn) -> Result<Vec<(i32, i32, i32)>> {
    Ok(backup_set_parts::table
        .inner_join(backup_sets::table)
        .filter(backup_set_parts::tape_id.ne(backup_sets::tape_id))
        .select((backup_set_parts::backup_set_id, backup_set_parts::part_number, backup_set_parts::tape_id))
        .load(conn)?)
}

/// Tapes that cannot be trusted at the moment: on hold, or lost.
pub fn blocked(conn: &mut Conn) -> Result<Vec<i32>> {
    let blocked = tapes::hold_reason.is_not_null().or(tapes::lost_at.is_not_null());
    Ok(tapes::table.filter(blocked).select(tapes::id).load(conn)?)
}

/// Tapes that are out of the house.
pub fn offsite(conn: &mut Conn) -> Result<Vec<i32>> {
    Ok(tapes::table.filter(tapes::status.eq(TapeStatus::Exported)).select(tapes::id).load(conn)?)
}

/// Tapes with data, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct Filled {
    /// Tapes that hold something.
    #[diesel(sql_type = BigInt)]
    pub tapes: i64,
    /// Bytes on them.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Of those, never read back and compared.
    #[diesel(sql_type = BigInt)]
    pub never_verified: i64,
    /// Of those, out of the house.
    #[diesel(sql_type = BigInt)]
    pub offsite: i64,
    /// Bytes on these.
    #[diesel(sql_type = BigInt)]
    pub offsite_bytes: i64,
    /// Of those, lost, on hold or retired.
    #[diesel(sql_type = BigInt)]
    pub doubtful: i64,
}

const FILLED: &str = "\
    SELECT count(*) AS tapes, ifnull(sum(used_bytes), 0) AS bytes, \
        ifnull(sum(last_verified_at IS NULL), 0) AS never_verified, ifnull(sum(status = 'exported'), 0) AS offsite, \
        ifnull(sum(CASE WHEN status = 'exported' THEN used_bytes END), 0) AS offsite_bytes, \
        ifnull(sum(hold_reason IS NOT NULL OR lost_at IS NOT NULL OR status = 'retired'), 0) AS doubtful \
    FROM tapes WHERE used_bytes > 0";

/// Counts the tapes that hold something, all in one go.
pub fn filled(conn: &mut Conn) -> Result<Filled> {
    Ok(diesel::sql_query(FILLED).get_result(conn)?)
}

type Doubtful = Box<dyn BoxableExpression<tapes::table, Sqlite, SqlType = Bool>>;

fn doubtful() -> Doubtful {
    let blocked = tapes::hold_reason.is_not_null().or(tapes::lost_at.is_not_null());
    Box::new(blocked.or(tapes::status.eq(TapeStatus::Retired)))
}

/// The first tapes that hold something, in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Whose last verification is the longest ago: never first, of those the oldest.
    Unverified,
    /// On which the most sets were begun.
    MostWritten,
    /// Lost, on hold or retired, by label.
    Doubtful,
}

/// The first `most` of them.
pub fn first(conn: &mut Conn, which: First, most: i64) -> Result<Vec<Tape>> {
    let full = tapes::table.filter(tapes::used_bytes.gt(0)).limit(most).select(Tape::as_select());
    Ok(match which {
        First::Unverified => full.order((tapes::last_verified_at, tapes::last_written_at, tapes::id)).load(conn)?,
        First::MostWritten => full.order((tapes::write_count.desc(), tapes::id)).load(conn)?,
        First::Doubtful => full.filter(doubtful()).order(tapes::label).load(conn)?,
    })
}
