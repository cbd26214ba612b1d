//! Backup jobs: which source goes to which pool, how and when.

use super::errors::{changed, found, refuse_if_used, stored};
use super::kinds::{BackupType, Compression, ExecutionStatus, MissedRuns};
use super::schema::{backup_jobs, backup_sets, backup_sources, job_executions, tape_pools, tape_spanning_sets};
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, write_transaction};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A job.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = backup_jobs)]
pub struct Job {
    /// Its id.
    pub id: i32,
    /// Its name, unique.
    pub name: String,
    /// What is backed up.
    pub source_id: i32,
    /// Where it goes.
    pub pool_id: i32,
    /// What a run writes unless it is told otherwise.
    pub backup_type: BackupType,
    /// When it runs; empty = only by hand.
    pub schedule_cron: String,
    /// IANA name of the zone the schedule is read in.
    pub time_zone: String,
    /// What becomes of runs that were missed.
    pub missed_runs: MissedRuns,
    /// Days a set is kept at least; 0 = as the pool says.
    pub retention_days: i32,
    /// The last so many sets of a job; absent = as the pool says.
    pub keep_last: Option<i32>,
    /// The newest set of each of the last so many days that have one; absent = as the pool says.
    pub keep_daily: Option<i32>,
    /// … ISO weeks; absent = as the pool says.
    pub keep_weekly: Option<i32>,
    /// … months; absent = as the pool says.
    pub keep_monthly: Option<i32>,
    /// … years; absent = as the pool says.
    pub keep_yearly: Option<i32>,
    /// Copy the database to tape after each run.
    pub database_backup: bool,
    /// Whether the schedule counts.
    pub enabled: bool,
    /// Whether sets are encrypted in software.
    pub encryption_enabled: bool,
    /// With this key.
    pub encryption_key_id: Option<i32>,
    /// Whether the drive encrypts.
    pub hw_encryption_enabled: bool,
    /// With this key.
    pub hw_encryption_key_id: Option<i32>,
    /// How it compresses.
    pub compression: Compression,
    /// How hard; absent = the default of the method.
    pub compression_level: Option<i32>,
    /// Read back every set after it was written.
    pub verify_after: bool,
    /// When it last began.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_run_at: Option<NaiveDateTime>,
    /// When the schedule is due next.
    #[serde(serialize_with = "rfc3339_option")]
    pub next_run_at: Option<NaiveDateTime>,
    /// Made from what a tape says: a person has to complete it.
    pub rebuilt: bool,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// A job as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct JobListed {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Name of its source.
    pub source_name: String,
    /// Name of its pool.
    pub pool_name: String,
}

/// A job to be made.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = backup_jobs)]
pub struct NewJob {
    /// Its name.
    pub name: String,
    /// What is backed up.
    pub source_id: i32,
    /// Where it goes.
    pub pool_id: i32,
    /// What a run writes.
    pub backup_type: BackupType,
    /// When it runs; empty = only by hand.
    pub schedule_cron: String,
    /// IANA name of the zone the schedule is read in.
    pub time_zone: String,
    /// What becomes of runs that were missed.
    pub missed_runs: MissedRuns,
    /// Days a set is kept at least; 0 = as the pool says.
    pub retention_days: i32,
    /// The last so many sets of a job; absent = as the pool says.
    pub keep_last: Option<i32>,
    /// The newest set of each of the last so many days that have one; absent = as the pool says.
    pub keep_daily: Option<i32>,
    /// … ISO weeks; absent = as the pool says.
    pub keep_weekly: Option<i32>,
    /// … months; absent = as the pool says.
    pub keep_monthly: Option<i32>,
    /// … years; absent = as the pool says.
    pub keep_yearly: Option<i32>,
    /// Copy the database to tape after each run.
    pub database_backup: bool,
    /// Whether the schedule counts.
    pub enabled: bool,
    /// Whether sets are encrypted in software.
    pub encryption_enabled: bool,
    /// With this key.
    pub encryption_key_id: Option<i32>,
    /// Whether the drive encrypts.
    pub hw_encryption_enabled: bool,
    /// With this key.
    pub hw_encryption_key_id: Option<i32>,
    /// How it compresses.
    pub compression: Compression,
    /// How hard.
    pub compression_level: Option<i32>,
    /// Read back every set after it was written.
    pub verify_after: bool,
    /// When the schedule is due next.
    pub next_run_at: Option<NaiveDateTime>,
}

impl Default for NewJob {
    fn default() -> Self {
        NewJob {
            name: String::new(),
            source_id: 0,
            pool_id: 0,
            backup_type: BackupType::Full,
            schedule_cron: String::new(),
            time_zone: "UTC".into(),
            missed_runs: MissedRuns::Run,
            retention_days: 30,
            keep_last: None,
            keep_daily: None,
            keep_weekly: None,
            keep_monthly: None,
            keep_yearly: None,
            database_backup: false,
            enabled: true,
            encryption_enabled: false,
            encryption_key_id: None,
            hw_encryption_enabled: false,
            hw_encryption_key_id: None,
            compression: Compression::None,
            compression_level: None,
            verify_after: false,
            next_run_at: None,
        }
    }
}

/// What to change of a job; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = backup_jobs)]
pub struct JobChanges {
    /// Its name.
    pub name: Option<String>,
    /// What is backed up.
    pub source_id: Option<i32>,
    /// Where it goes.
    pub pool_id: Option<i32>,
    /// What a run writes.
    pub backup_type: Option<BackupType>,
    /// When it runs.
    pub schedule_cron: Option<String>,
    /// IANA name of the zone the schedule is read in.
    pub time_zone: Option<String>,
    /// What becomes of runs that were missed.
    pub missed_runs: Option<MissedRuns>,
    /// Days a set is kept at least.
    pub retention_days: Option<i32>,
    /// The last so many sets of a job.
    pub keep_last: Option<Option<i32>>,
    /// The newest set of each of the last so many days that have one.
    pub keep_daily: Option<Option<i32>>,
    /// … ISO weeks.
    pub keep_weekly: Option<Option<i32>>,
    /// … months.
    pub keep_monthly: Option<Option<i32>>,
    /// … years.
    pub keep_yearly: Option<Option<i32>>,
    /// Copy the database to tape after each run.
    pub database_backup: Option<bool>,
    /// Whether the schedule counts.
    pub enabled: Option<bool>,
    /// How it compresses.
    pub compression: Option<Compression>,
    /// How hard.
    pub compression_level: Option<Option<i32>>,
    /// Read back every set after it was written.
    pub verify_after: Option<bool>,
    /// When it last began.
    pub last_run_at: Option<Option<NaiveDateTime>>,
    /// When the schedule is due next.
    pub next_run_at: Option<Option<NaiveDateTime>>,
}

/// The job with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Job> {
    found(backup_jobs::table.find(id).select(Job::as_select()).first(conn), format_args!("job {id}"))
}

/// The job with this id, with the names of its source and pool.
pub fn find_listed(conn: &mut Conn, id: i32) -> Result<JobListed> {
    let row = backup_jobs::table
        .inner_join(backup_sources::table)
        .inner_join(tape_pools::table)
        .filter(backup_jobs::id.eq(id))
        .select((Job::as_select(), backup_sources::name, tape_pools::name))
        .first::<(Job, String, String)>(conn);
    found(row, format_args!("job {id}")).map(listed)
}

fn listed((job, source_name, pool_name): (Job, String, String)) -> JobListed {
    JobListed { job, source_name, pool_name }
}

/// All jobs by name.
pub fn list(conn: &mut Conn) -> Result<Vec<JobListed>> {
    let rows: Vec<(Job, String, String)> = backup_jobs::table
        .inner_join(backup_sources::table)
        .inner_join(tape_pools::table)
        .select((Job::as_select(), backup_sources::name, tape_pools::name))
        .order(backup_jobs::name)
        .load(conn)?;
    Ok(rows.into_iter().map(listed).collect())
}

/// Enabled jobs with a schedule: what the clock looks at.
pub fn scheduled(conn: &mut Conn) -> Result<Vec<Job>> {
    Ok(backup_jobs::table
        .filter(backup_jobs::enabled.eq(true).and(backup_jobs::schedule_cron.ne("")))
        .order(backup_jobs::id)
        .select(Job::as_select())
        .load(conn)?)
}

/// Ids of all jobs, by name.
pub fn ids(conn: &mut Conn) -> Result<Vec<i32>> {
    Ok(backup_jobs::table.order(backup_jobs::name).select(backup_jobs::id).load(conn)?)
}

/// Jobs that are due next, soonest first: id, name, when.
pub fn due_next(conn: &mut Conn, most: i64) -> Result<Vec<(i32, String, Option<NaiveDateTime>)>> {
    Ok(backup_jobs::table
        .filter(backup_jobs::enabled.eq(true).and(backup_jobs::schedule_cron.ne("")))
        .filter(backup_jobs::next_run_at.is_not_null())
        .order((backup_jobs::next_run_at, backup_jobs::id))
        .limit(most)
        .select((backup_jobs::id, backup_jobs::name, backup_jobs::next_run_at))
        .load(conn)?)
}

/// Makes a job.
pub fn insert(conn: &mut Conn, new: &NewJob) -> Result<Job> {
    let time = now();
    let values = (new, backup_jobs::created_at.eq(time), backup_jobs::updated_at.eq(time));
    let row = diesel::insert_into(backup_jobs::table).values(values).returning(Job::as_returning()).returned(conn);
    stored(row, format_args!("job '{}'", new.name))
}

/// Changes a job.
pub fn update(conn: &mut Conn, id: i32, changes: &JobChanges) -> Result<Job> {
    let row = diesel::update(backup_jobs::table.find(id))
        .set((changes, backup_jobs::rebuilt.eq(false), backup_jobs::updated_at.eq(now())))
        .returning(Job::as_returning())
        .returned(conn);
    stored(row, format_args!("job {id}"))
}

/// Deletes a job with its finished executions. Refused while it is queued or at work, and while it has sets: those go
/// first, with their catalog.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let job = find(conn, id)?;
        let unfinished = [ExecutionStatus::Pending, ExecutionStatus::Running, ExecutionStatus::Paused];
        let of_job = job_executions::job_id.eq(id);
        let at_work = job_executions::table
            .filter(of_job.and(job_executions::status.eq_any(unfinished)))
            .count()
            .returned(conn)?;
        let what = format!("job '{}'", job.name);
        refuse_if_used(&what, &[("unfinished executions", at_work)], "cancel those first")?;
        let sets = backup_sets::table.filter(backup_sets::job_id.eq(id)).count().returned(conn)?;
        refuse_if_used(&what, &[("backup sets", sets)], "delete those first")?;
        diesel::delete(job_executions::table.filter(of_job)).execute(conn)?;
        diesel::delete(tape_spanning_sets::table.filter(tape_spanning_sets::job_id.eq(id))).execute(conn)?;
        changed(diesel::delete(backup_jobs::table.find(id)).execute(conn), what)
    })
}

/// Jobs whose schedule is due.
pub fn due(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Job>> {
    Ok(backup_jobs::table
        .filter(backup_jobs::enabled.eq(true).and(backup_jobs::schedule_cron.ne("")))
        .filter(backup_jobs::next_run_at.le(now))
        .order((backup_jobs::next_run_at, backup_jobs::id))
        .select(Job::as_select())
        .load(conn)?)
}

/// When a job's schedule is due next.
pub fn set_next_run(conn: &mut Conn, id: i32, next: Option<NaiveDateTime>) -> Result<()> {
    let row = diesel::update(backup_jobs::table.find(id)).set(backup_jobs::next_run_at.eq(next));
    super::errors::changed(row.execute(conn), format_args!("job {id}"))
}

/// That a run of a job has begun, whatever becomes of it.
pub fn began(conn: &mut Conn, id: i32, at: NaiveDateTime) -> Result<()> {
    let row = diesel::update(backup_jobs::table.find(id)).set(backup_jobs::last_run_at.eq(at));
    super::errors::changed(row.execute(conn), format_args!("job {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn jobs_are_listed_with_names_and_scheduled_when_enabled() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let job = testing::job(conn, "etc");
        assert!(scheduled(conn).expect("scheduled").is_empty());
        let nightly = JobChanges { schedule_cron: Some("0 2 * * *".into()), ..Default::default() };
        update(conn, job.id, &nightly).expect("update");
        assert_eq!(scheduled(conn).expect("scheduled").len(), 1);
        let row = find_listed(conn, job.id).expect("find");
        assert_eq!((row.source_name.as_str(), row.pool_name.as_str()), ("etc", "DAILY"));
        let json = serde_json::to_value(&list(conn).expect("list")[0]).expect("json");
        assert_eq!((&json["compression"], &json["last_run_at"]), (&"none".into(), &serde_json::Value::Null));
    }

    #[test]
    fn a_job_of_nothing_is_refused() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewJob { name: "x".into(), source_id: 5, pool_id: 1, ..Default::default() };
        let error = insert(conn, &new).expect_err("no such source");
        assert_eq!(error.message, "job 'x' refers to something that does not exist");
    }

    #[test]
    fn a_job_with_sets_stays() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let tape = testing::tape(conn, "A00001");
        let job = testing::job(conn, "etc");
        let set = testing::set(conn, &job, &tape, None);
        assert!(delete(conn, job.id).expect_err("sets").message.contains("1 backup sets"));
        crate::db::sets::fail(conn, set.id, crate::db::SetStatus::Failed).expect("fail");
        crate::db::sets::delete(conn, set.id).expect("set");
        delete(conn, job.id).expect("delete");
        assert_eq!(find(conn, job.id).expect_err("gone").code, "not_found");
    }
}
