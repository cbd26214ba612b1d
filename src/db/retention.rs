//! What the rules of retention look at, and where their verdicts are stored.

use super::errors::changed;
use super::executions;
use super::kinds::{DatabaseBackupStatus, ExecutionStatus, SetStatus};
use super::schema::{backup_set_parts, backup_sets, database_backups, expired_sets, job_executions, set_copies, tapes};
use super::time::now;
use super::{Conn, write_transaction};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashSet;

/// Verdicts stored in one commit, so that nobody waits long for the write lock.
const MARKED_AT_ONCE: usize = 500;

/// A set, as far as its retention depends on its row.
#[derive(Debug, Clone, Queryable)]
pub struct SetRow {
    /// Its id.
    pub id: i32,
    /// Its job.
    pub job_id: i32,
    /// The tape it begins on.
    pub tape_id: i32,
    /// When it began.
    pub start_time: NaiveDateTime,
    /// When it ended.
    pub end_time: Option<NaiveDateTime>,
    /// Where it is in its life.
    pub status: SetStatus,
    /// What it is an increment of.
    pub parent_set_id: Option<i32>,
    /// Kept by hand.
    pub protected: bool,
    /// When it expires or has expired, as last stored.
    pub expires_at: Option<NaiveDateTime>,
    /// Since when it has expired, as last stored.
    pub expired_at: Option<NaiveDateTime>,
    /// Its name on tape.
    pub uuid: String,
    /// If it is a copy: the name of its original.
    pub copy_of: Option<String>,
    /// The pool of the tape it begins on.
    pub pool_id: Option<i32>,
}

/// A copy of the database on tape.
#[derive(Debug, Clone, Queryable)]
pub struct CopyRow {
    /// Its id.
    pub id: i32,
    /// Its tape.
    pub tape_id: i32,
    /// The pool of that tape.
    pub pool_id: Option<i32>,
    /// When it was made.
    pub time: NaiveDateTime,
    /// Where it is in its life.
    pub status: DatabaseBackupStatus,
    /// Whether its tape is lost.
    pub lost: bool,
}

/// What the last look found about a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The set.
    pub set_id: i32,
    /// When it expires if nothing else happens.
    pub expires_at: Option<NaiveDateTime>,
    /// Since when it has expired.
    pub expired_at: Option<NaiveDateTime>,
}

/// All sets.
pub fn sets(conn: &mut Conn) -> Result<Vec<SetRow>> {
    Ok(backup_sets::table
        .left_join(expired_sets::table)
        .left_join(set_copies::table)
        .inner_join(tapes::table)
        .order(backup_sets::id)
        .select((
            backup_sets::id,
            backup_sets::job_id,
            backup_sets::tape_id,
            backup_sets::start_time,
            backup_sets::end_time,
            backup_sets::status,
            backup_sets::parent_set_id,
            backup_sets::protected,
            backup_sets::expires_at,
            expired_sets::expired_at.nullable(),
            backup_sets::uuid,
            set_copies::copy_of.nullable(),
            tapes::pool_id,
        ))
        .load(conn)?)
}

/// Sets that were cut off, but whose run can go on, or waits to.
pub fn resumable_sets(conn: &mut Conn) -> Result<HashSet<i32>> {
    let open = [ExecutionStatus::Failed, ExecutionStatus::Paused, ExecutionStatus::Pending, ExecutionStatus::Running];
    let ids: Vec<Option<i32>> = job_executions::table
        .filter(job_executions::can_resume.eq(true).or(job_executions::status.eq_any(executions::ACTIVE)))
        .filter(job_executions::status.eq_any(open))
        .filter(job_executions::backup_set_id.is_not_null())
        .select(job_executions::backup_set_id)
        .load(conn)?;
    Ok(ids.into_iter().flatten().collect())
}

/// All copies of the database, oldest first.
pub fn copies(conn: &mut Conn) -> Result<Vec<CopyRow>> {
    Ok(database_backups::table
        .inner_join(tapes::table)
        .order(database_backups::id)
        .select((
            database_backups::id,
            database_backups::tape_id,
            tapes::pool_id,
            database_backups::backup_time,
            database_backups::status,
            tapes::lost_at.is_not_null(),
        ))
        .load(conn)?)
}

/// Which tapes the parts of which sets are on: tape, set. Only of one tape, if it is named.
pub fn parts(conn: &mut Conn, tape: Option<i32>) -> Result<Vec<(i32, i32)>> {
    let mut query = backup_set_parts::table
        .select((backup_set_parts::tape_id, backup_set_parts::backup_set_id))
        .distinct()
        .into_boxed();
    if let Some(tape) = tape {
        query = query.filter(backup_set_parts::tape_id.eq(tape));
    }
    Ok(query.load(conn)?)
}

/// Tapes that hold parts of sets of a job.
pub fn tapes_of_job(conn: &mut Conn, job_id: i32) -> Result<Vec<i32>> {
    Ok(backup_set_parts::table
        .inner_join(backup_sets::table)
        .filter(backup_sets::job_id.eq(job_id))
        .select(backup_set_parts::tape_id)
        .distinct()
        .load(conn)?)
}

/// Sets that are not complete, and were being written to a tape when that was last cut off: tape, set.
pub fn cut_off(conn: &mut Conn) -> Result<Vec<(i32, i32)>> {
    Ok(tapes::table
        .inner_join(backup_sets::table.on(tapes::writing_set.eq(backup_sets::uuid.nullable())))
        .filter(backup_sets::status.ne(SetStatus::Completed))
        .select((tapes::id, backup_sets::id))
        .load(conn)?)
}

/// Stores what was found, a few hundred rows at a time.
pub fn mark(conn: &mut Conn, marks: &[Mark]) -> Result<()> {
    for some in marks.chunks(MARKED_AT_ONCE) {
        write_transaction(conn, |conn| {
            for mark in some {
                // for people, what has expired shows since when
                let shown = mark.expired_at.or(mark.expires_at);
                diesel::update(backup_sets::table.find(mark.set_id))
                    .set(backup_sets::expires_at.eq(shown))
                    .execute(conn)?;
                let row = expired_sets::table.find(mark.set_id);
                match mark.expired_at {
                    Some(time) => diesel::replace_into(expired_sets::table)
                        .values((expired_sets::set_id.eq(mark.set_id), expired_sets::expired_at.eq(time)))
                        .execute(conn)?,
                    None => diesel::delete(row).execute(conn)?,
                };
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Protects a set, or releases it.
pub fn protect(conn: &mut Conn, set_id: i32, protected: bool) -> Result<()> {
    let row = diesel::update(backup_sets::table.find(set_id))
        .set((backup_sets::protected.eq(protected), backup_sets::updated_at.eq(now())));
    changed(row.execute(conn), format_args!("backup set {set_id}"))
}

/// Forgets the copies of the database on a tape: they are gone. Returns how many there were.
pub fn forget_copies(conn: &mut Conn, tape_id: i32) -> Result<usize> {
    Ok(diesel::delete(database_backups::table.filter(database_backups::tape_id.eq(tape_id))).execute(conn)?)
}
