//! Sums over whole tables, for those who watch the server: each a single pass, and none over the rows of the catalog, so that
//! they may be asked for every few seconds.

use super::Conn;
use super::kinds::{ExecutionStatus, OutboxStatus, SetStatus, SlotType, TapeChangeReason, TapeStatus};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text, Timestamp};

/// Tapes of a pool in a state.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Tapes {
    /// Name of the pool; empty: they are in none.
    #[diesel(sql_type = Text)]
    pub pool: String,
    /// The state.
    #[diesel(sql_type = Text)]
    pub status: TapeStatus,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub tapes: i64,
    /// Their native capacity, bytes. Sums are floating point: no number of tapes makes them overflow.
    #[diesel(sql_type = Double)]
    pub capacity: f64,
    /// Bytes on them.
    #[diesel(sql_type = Double)]
    pub used: f64,
    /// Bytes left on those that can be written: blank or active, not on hold, not lost.
    #[diesel(sql_type = Double)]
    pub writable: f64,
    /// Those that hold data and were never verified.
    #[diesel(sql_type = BigInt)]
    pub unverified: i64,
    /// The longest ago that one of those with data was verified, of those that were.
    #[diesel(sql_type = Nullable<Timestamp>)]
    pub verified: Option<NaiveDateTime>,
    /// Those on hold.
    #[diesel(sql_type = BigInt)]
    pub held: i64,
    /// Those that are lost.
    #[diesel(sql_type = BigInt)]
    pub lost: i64,
}

/// All tapes.
pub fn tapes(conn: &mut Conn) -> Result<Vec<Tapes>> {
    let sums = "SELECT ifnull(p.name, '') AS pool, t.* FROM (\
            SELECT pool_id, status, count(*) AS tapes, total(capacity_bytes) AS capacity, total(used_bytes) AS used, \
                total(CASE WHEN status IN ('blank', 'active') AND hold_reason IS NULL AND lost_at IS NULL \
                    THEN max(capacity_bytes - used_bytes, 0) END) AS writable, \
                count(CASE WHEN used_bytes > 0 AND last_verified_at IS NULL THEN 1 END) AS unverified, \
                min(CASE WHEN used_bytes > 0 THEN last_verified_at END) AS verified, \
                count(hold_reason) AS held, count(lost_at) AS lost \
            FROM tapes GROUP BY pool_id, status) t \
        LEFT JOIN tape_pools p ON p.id = t.pool_id";
    Ok(sql_query(sums).load(conn)?)
}

/// Backup sets in a state.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Sets {
    /// The state.
    #[diesel(sql_type = Text)]
    pub status: SetStatus,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub sets: i64,
    /// File versions in them.
    #[diesel(sql_type = Double)]
    pub files: f64,
    /// Content bytes.
    #[diesel(sql_type = Double)]
    pub content: f64,
    /// Bytes on tape.
    #[diesel(sql_type = Double)]
    pub stored: f64,
}

/// All backup sets.
pub fn sets(conn: &mut Conn) -> Result<Vec<Sets>> {
    let sums = "SELECT status, count(*) AS sets, total(file_count) AS files, total(total_bytes) AS content, \
        total(stored_bytes) AS stored FROM backup_sets GROUP BY status";
    Ok(sql_query(sums).load(conn)?)
}

/// Elements of a library.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Elements {
    /// The library.
    #[diesel(sql_type = Integer)]
    pub library_id: i32,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub library: String,
    /// What they are.
    #[diesel(sql_type = Text)]
    pub slot_type: SlotType,
    /// Whether there is nothing in them.
    #[diesel(sql_type = Bool)]
    pub is_empty: bool,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub elements: i64,
}

/// The elements of all libraries in use.
pub fn elements(conn: &mut Conn) -> Result<Vec<Elements>> {
    let sums = "SELECT l.id AS library_id, l.name AS library, s.slot_type, s.is_empty, count(*) AS elements \
        FROM tape_library_slots s JOIN tape_libraries l ON l.id = s.library_id WHERE l.enabled \
        GROUP BY l.id, s.slot_type, s.is_empty";
    Ok(sql_query(sums).load(conn)?)
}

/// Executions of a kind in a state.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Executions {
    /// `backup`, `restore` …
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// The state.
    #[diesel(sql_type = Text)]
    pub status: ExecutionStatus,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub executions: i64,
    /// When the last of them ended.
    #[diesel(sql_type = Nullable<Timestamp>)]
    pub last_end: Option<NaiveDateTime>,
}

/// All executions that are kept, read from their index alone.
pub fn executions(conn: &mut Conn) -> Result<Vec<Executions>> {
    let sums = "SELECT kind, status, count(*) AS executions, max(end_time) AS last_end FROM job_executions \
        GROUP BY kind, status";
    Ok(sql_query(sums).load(conn)?)
}

#[derive(QueryableByName)]
struct Moment {
    #[diesel(sql_type = Nullable<Timestamp>)]
    moment: Option<NaiveDateTime>,
}

/// When the execution was asked for that has been waiting the longest to begin.
pub fn oldest_pending(conn: &mut Conn) -> Result<Option<NaiveDateTime>> {
    let oldest = "SELECT min(created_at) AS moment FROM job_executions WHERE status = 'pending'";
    Ok(sql_query(oldest).get_result::<Moment>(conn)?.moment)
}

/// Requests for a tape that wait for a person.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Changes {
    /// Why.
    #[diesel(sql_type = Text)]
    pub reason: TapeChangeReason,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub changes: i64,
    /// Since when the oldest waits.
    #[diesel(sql_type = Timestamp)]
    pub oldest: NaiveDateTime,
}

/// Those that are open.
pub fn changes(conn: &mut Conn) -> Result<Vec<Changes>> {
    let sums = "SELECT reason, count(*) AS changes, min(requested_at) AS oldest FROM tape_change_requests \
        WHERE status IN ('pending', 'acknowledged') GROUP BY reason";
    Ok(sql_query(sums).load(conn)?)
}

/// Messages to a channel in a state.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Messages {
    /// The channel.
    #[diesel(sql_type = Integer)]
    pub channel_id: i32,
    /// The state.
    #[diesel(sql_type = Text)]
    pub status: OutboxStatus,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub messages: i64,
    /// Since when the oldest is there.
    #[diesel(sql_type = Timestamp)]
    pub oldest: NaiveDateTime,
}

/// What is not sent: it waits, or was given up.
pub fn messages(conn: &mut Conn) -> Result<Vec<Messages>> {
    let sums = "SELECT channel_id, status, count(*) AS messages, min(created_at) AS oldest FROM notification_outbox \
        WHERE status IN ('held', 'queued', 'sending', 'failed') GROUP BY channel_id, status";
    Ok(sql_query(sums).load(conn)?)
}

/// Complaints of a drive.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Alerts {
    /// The drive.
    #[diesel(sql_type = Integer)]
    pub drive_id: i32,
    /// How bad.
    #[diesel(sql_type = Text)]
    pub severity: super::Severity,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub alerts: i64,
}

/// Those that are not over.
pub fn alerts(conn: &mut Conn) -> Result<Vec<Alerts>> {
    let sums = "SELECT drive_id, severity, count(*) AS alerts FROM drive_alerts WHERE resolved = 0 \
        GROUP BY drive_id, severity";
    Ok(sql_query(sums).load(conn)?)
}

/// Which rows tell of a job.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct JobLasts {
    /// The job.
    #[diesel(sql_type = Integer)]
    pub job_id: i32,
    /// When its newest complete set ended that no copy is.
    #[diesel(sql_type = Nullable<Timestamp>)]
    pub success: Option<NaiveDateTime>,
    /// Its last run that has ended.
    #[diesel(sql_type = Nullable<Integer>)]
    pub last_run: Option<i32>,
}

/// Of all jobs.
pub fn job_lasts(conn: &mut Conn) -> Result<Vec<JobLasts>> {
    let lasts = "SELECT j.id AS job_id, \
            (SELECT ifnull(s.end_time, s.start_time) FROM backup_sets s WHERE s.job_id = j.id AND s.status = 'completed' \
                AND NOT EXISTS (SELECT 1 FROM set_copies c WHERE c.set_id = s.id) \
                ORDER BY s.start_time DESC LIMIT 1) AS success, \
            (SELECT e.id FROM job_executions e WHERE e.job_id = j.id AND e.kind = 'backup' \
                AND e.status IN ('completed', 'failed', 'cancelled') ORDER BY e.id DESC LIMIT 1) AS last_run \
        FROM backup_jobs j";
    Ok(sql_query(lasts).load(conn)?)
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many sources that may be backed up have no complete set.
pub fn uncovered_sources(conn: &mut Conn) -> Result<i64> {
    let uncovered = "SELECT count(*) AS number FROM backup_sources s WHERE s.enabled AND NOT EXISTS (\
        SELECT 1 FROM backup_jobs j JOIN backup_sets b ON b.job_id = j.id WHERE j.source_id = s.id AND b.status = 'completed')";
    Ok(sql_query(uncovered).get_result::<Number>(conn)?.number)
}

/// A copy of the database on tape.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct DatabaseCopy {
    /// When it was taken.
    #[diesel(sql_type = Timestamp)]
    pub time: NaiveDateTime,
    /// Its size in bytes.
    #[diesel(sql_type = BigInt)]
    pub size: i64,
}

/// The newest one that is on tape.
pub fn database_copy(conn: &mut Conn) -> Result<Option<DatabaseCopy>> {
    let newest = "SELECT backup_time AS time, file_size AS size FROM database_backups WHERE status = 'completed' \
        ORDER BY backup_time DESC LIMIT 1";
    Ok(sql_query(newest).get_result(conn).optional()?)
}

#[cfg(test)]
mod tests;
