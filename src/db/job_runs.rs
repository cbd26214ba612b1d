//! What became of the runs of jobs: of all jobs at once, because a house may have a thousand of them. Each question is one
//! statement, and costs the rows that it answers with, however many runs there were in all the years.

use super::Conn;
use super::kinds::ExecutionStatus;
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

// Nearly all runs have ended, and SQLite, which takes all states for equally frequent, would look at each of them.
const AT_WORK: &str = "\
    SELECT DISTINCT job_id AS id FROM job_executions INDEXED BY idx_executions_status \
    WHERE status IN ('pending', 'running', 'paused') AND job_id IS NOT NULL";

/// Jobs with a run that waits, works or pauses.
pub fn at_work(conn: &mut Conn) -> Result<HashSet<i32>> {
    Ok(diesel::sql_query(AT_WORK).load::<Id>(conn)?.into_iter().map(|row| row.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::explain::steps;
    use crate::db::executions::{self, ExecutionChanges, NewExecution};
    use crate::db::{TapeChangeReason, now, sets, tape_changes, testing};

    fn ended(conn: &mut Conn, job_id: i32, status: ExecutionStatus) -> i32 {
        let new = NewExecution { kind: "backup".into(), job_id: Some(job_id), ..Default::default() };
        let id = executions::insert(conn, &new).expect("run").id;
        executions::claim(conn, id).expect("claim");
        executions::finish(conn, id, status, &ExecutionChanges::default()).expect("end");
        id
    }

    #[test]
    fn the_last_runs_of_each_job_are_told_newest_first() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (one, two, never) = (testing::job(conn, "one"), testing::job(conn, "two"), testing::job(conn, "never"));
        let failed = ended(conn, one.id, ExecutionStatus::Failed);
        let second = ended(conn, two.id, ExecutionStatus::Failed);
        let good = ended(conn, one.id, ExecutionStatus::Completed);
        let new = NewExecution { kind: "backup".into(), job_id: Some(one.id), ..Default::default() };
        let open = executions::insert(conn, &new).expect("run").id;
        let restore = NewExecution { kind: "restore".into(), job_id: Some(one.id), ..Default::default() };
        executions::insert(conn, &restore).expect("restore");

        let ids = |conn: &mut Conn, job, most| {
            let all = last(conn, job, most).expect("runs");
            let of = |job| all.get(&job).into_iter().flatten().map(|run: &PastRun| run.id).collect::<Vec<_>>();
            [of(one.id), of(two.id), of(never.id)]
        };
        assert_eq!(ids(conn, None, 20), [vec![open, good, failed], vec![second], vec![]]);
        assert_eq!(ids(conn, None, 2), [vec![open, good], vec![second], vec![]]);
        assert_eq!(ids(conn, Some(two.id), 20), [vec![], vec![second], vec![]]);
        assert_eq!(super::failed(conn).expect("failed"), [second], "the other one was done with success since");
        assert_eq!(at_work(conn).expect("at work"), HashSet::from([one.id]));

        let waits = |conn: &mut Conn| last(conn, Some(one.id), 1).expect("runs")[&one.id][0].needs_tape;
        assert!(!waits(conn));
        let request = tape_changes::NewTapeChange {
            job_execution_id: open,
            spanning_set_id: None,
            current_tape_id: None,
            reason: TapeChangeReason::TapeFull,
            tape_id: None,
            pool_id: None,
            drive_id: None,
            message: "Insert a tape".into(),
        };
        tape_changes::open(conn, &request).expect("request");
        assert!(waits(conn));
    }

    #[test]
    fn a_copy_is_no_newer_backup() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, job) = (testing::tape(conn, "A00001"), testing::job(conn, "etc"));
        assert!(newest_good(conn).expect("none").is_empty());
        let set = testing::set(conn, &job, &tape, None);
        assert!(newest_good(conn).expect("open").is_empty(), "it is still being written");
        sets::complete(conn, set.id, &sets::SetChanges::default()).expect("complete");
        let copy = testing::set(conn, &job, &tape, None);
        sets::complete(conn, copy.id, &sets::SetChanges::default()).expect("complete");
        let of = |conn: &mut Conn| newest_good(conn).expect("good").get(&job.id).copied();
        assert_eq!(of(conn), Some(copy.start_time));
        use crate::db::schema::set_copies;
        let marks = (set_copies::set_id.eq(copy.id), set_copies::copy_of.eq(&set.uuid));
        diesel::insert_into(set_copies::table).values(marks).execute(conn).expect("copy");
        assert_eq!(of(conn), Some(set.start_time));
    }

    #[test]
    fn what_ran_in_all_the_years_is_not_gone_through() {
        let db = testing::database();
        let conn = &mut *db.conn();
        testing::many_tapes(conn, 100);
        testing::many_jobs(conn, 1000, 5);
        assert_eq!(last(conn, None, 3).expect("runs").values().map(Vec::len).sum::<usize>(), 3000);
        let asked = steps(conn, |conn| {
            last(conn, None, 20).expect("runs");
            failed(conn).expect("failed");
            last_work(conn, now()).expect("work");
            newest_good(conn).expect("good");
            at_work(conn).expect("at work");
        });
        let jobs = |step: &str| step == "SCAN j" || step.starts_with("SCAN j ");
        let through: Vec<_> = asked.iter().filter(|step| step.starts_with("SCAN ") && !jobs(step)).collect();
        assert!(through.is_empty(), "{asked:#?}");
    }
}
