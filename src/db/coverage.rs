//! What counting copies needs to know of all sets and their parts.

use super::Conn;
use super::kinds::SetStatus;
use super::schema::{backup_jobs, backup_set_parts, backup_sets};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;

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

/// Set, number and tape of every part.
pub fn parts(conn: &mut Conn) -> Result<Vec<(i32, i32, i32)>> {
    Ok(backup_set_parts::table
        .select((backup_set_parts::backup_set_id, backup_set_parts::part_number, backup_set_parts::tape_id))
        .load(conn)?)
}
