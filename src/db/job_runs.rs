//! What became of the runs of jobs: of all jobs at once, because a house may have a thousand of them. Each question is one
//! statement, and costs the rows that it answers with, however many runs there were in all the years.

use super::Conn;
use super::executions::ACTIVE;
use super::kinds::ExecutionStatus;
use super::schema::job_executions;
use super::time::{rfc3339, rfc3339_option};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// A run in short.
#[derive(Debug, Clone, PartialEq, QueryableByName, Serialize, utoipa::ToSchema)]
pub struct PastRun {
    /// The job.
    #[serde(skip)]
    #[diesel(sql_type = Integer)]
    pub job_id: i32,
    /// The execution.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    /// Where it is in its life.
    #[diesel(sql_type = Text)]
    pub status: ExecutionStatus,
    /// Whether it waits for somebody to bring a tape.
    #[diesel(sql_type = Bool)]
    pub needs_tape: bool,
    /// Warnings.
    #[diesel(sql_type = BigInt)]
    pub warning_count: i64,
    /// Files done.
    #[diesel(sql_type = BigInt)]
    pub files_processed: i64,
    /// Bytes done.
    #[diesel(sql_type = BigInt)]
    pub bytes_processed: i64,
    /// Why it failed; absent: it did not.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Whether it can go on where it stopped.
    #[diesel(sql_type = Bool)]
    pub can_resume: bool,
    /// When it was asked for.
    #[diesel(sql_type = Timestamp)]
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When it began to work.
    #[diesel(sql_type = Nullable<Timestamp>)]
    #[serde(serialize_with = "rfc3339_option")]
    pub start_time: Option<NaiveDateTime>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamp>)]
    #[serde(serialize_with = "rfc3339_option")]
    pub end_time: Option<NaiveDateTime>,
}

const LAST: &str = "\
    SELECT e.job_id, e.id, e.status, e.warning_count, e.files_processed, e.bytes_processed, e.error_message, e.can_resume, \
        e.created_at, e.start_time, e.end_time, \
        EXISTS (SELECT 1 FROM tape_change_requests r \
            WHERE r.job_execution_id = e.id AND r.status IN ('pending', 'acknowledged')) AS needs_tape \
    FROM backup_jobs j CROSS JOIN job_executions e \
    WHERE (?1 IS NULL OR j.id = ?1) AND e.id IN ( \
        SELECT i.id FROM job_executions i WHERE i.job_id = j.id AND i.kind = 'backup' ORDER BY i.id DESC LIMIT ?2) \
    ORDER BY e.job_id, e.id DESC";

/// The last runs of each job, or of this one, newest first; jobs that never ran are absent.
pub fn last(conn: &mut Conn, job_id: Option<i32>, most: i64) -> Result<HashMap<i32, Vec<PastRun>>> {
    let query = diesel::sql_query(LAST).bind::<Nullable<Integer>, _>(job_id).bind::<BigInt, _>(most);
    let mut of_job: HashMap<i32, Vec<PastRun>> = HashMap::new();
    for run in query.load::<PastRun>(conn)? {
        of_job.entry(run.job_id).or_default().push(run);
    }
    Ok(of_job)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Integer)]
    id: i32,
}

const FAILED: &str = "\
    SELECT e.id FROM backup_jobs j CROSS JOIN job_executions e \
    WHERE j.enabled AND e.status = 'failed' AND e.id = ( \
        SELECT i.id FROM job_executions i \
        WHERE i.job_id = j.id AND i.kind = 'backup' AND i.status IN ('completed', 'failed') ORDER BY i.id DESC LIMIT 1)";

/// Of each enabled job the last run that has ended, if it failed: ids of executions.
pub fn failed(conn: &mut Conn) -> Result<Vec<i32>> {
    Ok(diesel::sql_query(FAILED).load::<Id>(conn)?.into_iter().map(|row| row.id).collect())
}

const LAST_WORK: &str = "\
    SELECT max(id) AS id FROM job_executions \
    WHERE created_at >= ?1 AND kind NOT IN ('backup', 'drive', 'library', 'inspect') AND status IN ('completed', 'failed', 'cancelled') \
    GROUP BY kind, title ORDER BY 1 DESC";

/// Of all that is neither a backup nor done by hand with a drive or a library: the last time since then that each thing
/// ended, newest first: ids of executions.
pub fn last_work(conn: &mut Conn, since: NaiveDateTime) -> Result<Vec<i32>> {
    let rows = diesel::sql_query(LAST_WORK).bind::<Timestamp, _>(since).load::<Id>(conn)?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(QueryableByName)]
struct Good {
    #[diesel(sql_type = Integer)]
    job_id: i32,
    #[diesel(sql_type = Nullable<Timestamp>)]
    start_time: Option<NaiveDateTime>,
}

const GOOD: &str = "\
    SELECT j.id AS job_id, (SELECT s.start_time FROM backup_sets s \
        WHERE s.job_id = j.id AND s.status = 'completed' AND NOT EXISTS (SELECT 1 FROM set_copies c WHERE c.set_id = s.id) \
        ORDER BY s.start_time DESC LIMIT 1) AS start_time \
    FROM backup_jobs j";

/// When the newest complete backup of each job began that is not a copy of another; jobs that have none are absent.
pub fn newest_good(conn: &mut Conn) -> Result<HashMap<i32, NaiveDateTime>> {
    let rows = diesel::sql_query(GOOD).load::<Good>(conn)?;
    Ok(rows.into_iter().filter_map(|row| Some((row.job_id, row.start_time?))).collect())
}

/// Jobs with a run that waits, works or pauses.
pub fn at_work(conn: &mut Conn) -> Result<HashSet<i32>> {
    let jobs: Vec<Option<i32>> = job_executions::table
        .filter(job_executions::status.eq_any(ACTIVE).and(job_executions::job_id.is_not_null()))
        .select(job_executions::job_id)
        .load(conn)?;
    Ok(jobs.into_iter().flatten().collect())
}
