//! Executions: all long work, as rows that survive a restart.

use super::errors::{changed, found, stored};
use super::kinds::ExecutionStatus;
use super::schema::{backup_jobs, job_executions, tape_drives, tapes};
use super::time::{json_text, json_text_option, now, rfc3339, rfc3339_option};
use super::{Conn, Page, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::dsl::{IntoBoxed, LeftJoin};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use serde::Serialize;

/// An execution.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = job_executions)]
pub struct Execution {
    /// Its id.
    pub id: i32,
    /// `backup`, `restore`, `label` …
    pub kind: String,
    /// What it does, for people.
    pub title: String,
    /// The job, of a backup.
    pub job_id: Option<i32>,
    /// The set it writes or reads.
    pub backup_set_id: Option<i32>,
    /// Where it is in its life.
    pub status: ExecutionStatus,
    /// What it is doing.
    pub phase: String,
    /// What it is doing, for people.
    pub message: String,
    /// JSON of the typed request.
    #[serde(serialize_with = "json_text")]
    #[schema(value_type = Object)]
    pub request: String,
    /// JSON of the outcome.
    #[serde(serialize_with = "json_text_option")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<String>,
    /// JSON list of decisions in words.
    #[serde(serialize_with = "json_text")]
    #[schema(value_type = Vec<String>)]
    pub why: String,
    /// The drive it uses.
    pub drive_id: Option<i32>,
    /// The tape it uses.
    pub tape_id: Option<i32>,
    /// Who asked for it.
    pub user_id: Option<i32>,
    /// When it began to work.
    #[serde(serialize_with = "rfc3339_option")]
    pub start_time: Option<NaiveDateTime>,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_option")]
    pub end_time: Option<NaiveDateTime>,
    /// Files to do; 0 = not known yet.
    pub files_total: i64,
    /// Bytes to do; 0 = not known yet.
    pub bytes_total: i64,
    /// Files done.
    pub files_processed: i64,
    /// Bytes done.
    pub bytes_processed: i64,
    /// Warnings so far.
    pub warning_count: i64,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Stable code of that error.
    pub error_code: Option<String>,
    /// Whether it can go on where it stopped.
    pub can_resume: bool,
    /// JSON: the last checkpoint.
    #[serde(skip)]
    pub resume_state: Option<String>,
    /// When it was asked for.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// An execution as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ExecutionListed {
    /// The execution.
    #[serde(flatten)]
    pub execution: Execution,
    /// Name of its job.
    pub job_name: Option<String>,
    /// Label of its tape.
    pub tape_label: Option<String>,
    /// Device of its drive.
    pub device_path: Option<String>,
}

/// An execution that is asked for.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = job_executions)]
pub struct NewExecution {
    /// `backup`, `restore`, `label` …
    pub kind: String,
    /// What it does, for people.
    pub title: String,
    /// The job, of a backup.
    pub job_id: Option<i32>,
    /// The set it reads.
    pub backup_set_id: Option<i32>,
    /// `pending`, unless it is recorded as begun.
    pub status: ExecutionStatus,
    /// JSON of the typed request.
    pub request: String,
    /// The drive it is bound to.
    pub drive_id: Option<i32>,
    /// The tape it is bound to.
    pub tape_id: Option<i32>,
    /// Who asks for it.
    pub user_id: Option<i32>,
}

impl Default for NewExecution {
    fn default() -> Self {
        NewExecution {
            kind: "backup".into(),
            title: String::new(),
            job_id: None,
            backup_set_id: None,
            status: ExecutionStatus::Pending,
            request: "{}".into(),
            drive_id: None,
            tape_id: None,
            user_id: None,
        }
    }
}

/// What an execution tells while it works; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = job_executions)]
pub struct ExecutionChanges {
    /// What it is doing.
    pub phase: Option<String>,
    /// What it is doing, for people.
    pub message: Option<String>,
    /// The set it writes or reads.
    pub backup_set_id: Option<Option<i32>>,
    /// The drive it uses.
    pub drive_id: Option<Option<i32>>,
    /// The tape it uses.
    pub tape_id: Option<Option<i32>>,
    /// JSON list of decisions in words.
    pub why: Option<String>,
    /// JSON of the outcome.
    pub result: Option<Option<String>>,
    /// Files to do.
    pub files_total: Option<i64>,
    /// Bytes to do.
    pub bytes_total: Option<i64>,
    /// Files done.
    pub files_processed: Option<i64>,
    /// Bytes done.
    pub bytes_processed: Option<i64>,
    /// Warnings so far.
    pub warning_count: Option<i64>,
    /// Why it failed.
    pub error_message: Option<Option<String>>,
    /// Stable code of that error.
    pub error_code: Option<Option<String>>,
    /// Whether it can go on where it stopped.
    pub can_resume: Option<bool>,
    /// JSON: the last checkpoint.
    pub resume_state: Option<Option<String>>,
}

/// Which executions a list is to show; absent conditions do not matter.
#[derive(Debug, Clone, Default)]
pub struct ExecutionFilter {
    /// Only this one.
    pub id: Option<i32>,
    /// Of this job.
    pub job_id: Option<i32>,
    /// In one of these states.
    pub statuses: Option<Vec<ExecutionStatus>>,
    /// Of this kind.
    pub kind: Option<String>,
    /// That use or used this drive.
    pub drive_id: Option<i32>,
    /// Asked for at this time or later.
    pub since: Option<NaiveDateTime>,
    /// Asked for before this time.
    pub until: Option<NaiveDateTime>,
    /// Older than the one with this id.
    pub before: Option<i32>,
}

/// States in which an execution still wants something.
pub const ACTIVE: [ExecutionStatus; 3] = [ExecutionStatus::Pending, ExecutionStatus::Running, ExecutionStatus::Paused];

/// Ids in one statement; SQLite takes more, but not without end.
const AT_ONCE: usize = 500;

/// The execution with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Execution> {
    found(job_executions::table.find(id).select(Execution::as_select()).first(conn), format_args!("execution {id}"))
}

/// The execution with this id, with the names around it.
pub fn find_listed(conn: &mut Conn, id: i32) -> Result<ExecutionListed> {
    let filter = ExecutionFilter { id: Some(id), ..Default::default() };
    list(conn, &filter, Page::first(1))?.pop().ok_or_else(|| Error::not_found(format_args!("execution {id}")))
}

type Joined = (Execution, Option<String>, Option<String>, Option<String>);

type Fitting<'f> = IntoBoxed<
    'f,
    LeftJoin<LeftJoin<LeftJoin<job_executions::table, backup_jobs::table>, tapes::table>, tape_drives::table>,
    Sqlite,
>;

/// The executions that fit, with what they are joined to, in no order.
fn fitting(filter: &ExecutionFilter) -> Fitting<'_> {
    let mut query = job_executions::table
        .left_join(backup_jobs::table)
        .left_join(tapes::table)
        .left_join(tape_drives::table)
        .into_boxed();
    if let Some(job) = filter.job_id {
        query = query.filter(job_executions::job_id.eq(job));
    }
    if let Some(kind) = &filter.kind {
        query = query.filter(job_executions::kind.eq(kind));
    }
    if let Some(statuses) = &filter.statuses {
        query = query.filter(job_executions::status.eq_any(statuses));
    }
    if let Some(drive) = filter.drive_id {
        query = query.filter(job_executions::drive_id.eq(drive));
    }
    if let Some(since) = filter.since {
        query = query.filter(job_executions::created_at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(job_executions::created_at.lt(until));
    }
    if let Some(id) = filter.id {
        query = query.filter(job_executions::id.eq(id));
    }
    if let Some(before) = filter.before {
        query = query.filter(job_executions::id.lt(before));
    }
    query
}

/// How many executions fit.
pub fn count(conn: &mut Conn, filter: &ExecutionFilter) -> Result<i64> {
    Ok(fitting(filter).count().get_result(conn)?)
}

/// Executions, newest first.
pub fn list(conn: &mut Conn, filter: &ExecutionFilter, page: Page) -> Result<Vec<ExecutionListed>> {
    let rows: Vec<Joined> = fitting(filter)
        .select((
            Execution::as_select(),
            backup_jobs::name.nullable(),
            tapes::label.nullable(),
            tape_drives::device_path.nullable(),
        ))
        .order(job_executions::id.desc())
        .limit(page.limit)
        .offset(page.offset)
        .load(conn)?;
    let listed = |(execution, job_name, tape_label, device_path)| ExecutionListed {
        execution,
        job_name,
        tape_label,
        device_path,
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// The executions with these ids, as far as they are there.
pub fn these(conn: &mut Conn, ids: &[i32]) -> Result<Vec<Execution>> {
    let mut all = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        all.extend(
            job_executions::table.filter(job_executions::id.eq_any(some)).select(Execution::as_select()).load(conn)?,
        );
    }
    Ok(all)
}

/// The last runs of a job, newest first.
pub fn last_backups(conn: &mut Conn, job_id: i32, most: i64) -> Result<Vec<Execution>> {
    Ok(job_executions::table
        .filter(job_executions::job_id.eq(job_id).and(job_executions::kind.eq("backup")))
        .order(job_executions::id.desc())
        .limit(most)
        .select(Execution::as_select())
        .load(conn)?)
}

/// Executions that wait, work or pause, newest first.
pub fn active(conn: &mut Conn) -> Result<Vec<ExecutionListed>> {
    let filter = ExecutionFilter { statuses: Some(ACTIVE.to_vec()), ..Default::default() };
    list(conn, &filter, Page::first(super::paging::MAX_LIMIT))
}

/// Executions that stopped and can go on, newest first: paused ones, and failed ones with a checkpoint.
pub fn resumable(conn: &mut Conn) -> Result<Vec<ExecutionListed>> {
    let statuses = vec![ExecutionStatus::Paused, ExecutionStatus::Failed];
    let filter = ExecutionFilter { statuses: Some(statuses), ..Default::default() };
    let mut rows = list(conn, &filter, Page::first(super::paging::MAX_LIMIT))?;
    rows.retain(|row| row.execution.can_resume || row.execution.status == ExecutionStatus::Paused);
    Ok(rows)
}

/// The oldest waiting executions first: the queue.
pub fn pending(conn: &mut Conn) -> Result<Vec<Execution>> {
    Ok(job_executions::table
        .filter(job_executions::status.eq(ExecutionStatus::Pending))
        .order(job_executions::id)
        .select(Execution::as_select())
        .load(conn)?)
}

/// Asks for an execution.
pub fn insert(conn: &mut Conn, new: &NewExecution) -> Result<Execution> {
    let time = now();
    let values = (new, job_executions::created_at.eq(time), job_executions::updated_at.eq(time));
    let row = diesel::insert_into(job_executions::table).values(values).returning(Execution::as_returning());
    stored(row.returned(conn), format_args!("execution '{}'", new.title))
}

/// A waiting execution begins to work. `None` when it does not wait any more, so that none runs twice.
pub fn claim(conn: &mut Conn, id: i32) -> Result<Option<Execution>> {
    write_transaction(conn, |conn| {
        let time = now();
        let waiting = job_executions::table
            .filter(job_executions::id.eq(id).and(job_executions::status.eq(ExecutionStatus::Pending)));
        let claimed: Option<Execution> = diesel::update(waiting)
            .set((
                job_executions::status.eq(ExecutionStatus::Running),
                job_executions::start_time.eq(time),
                job_executions::end_time.eq(None::<NaiveDateTime>),
                job_executions::updated_at.eq(time),
            ))
            .returning(Execution::as_returning())
            .returned(conn)
            .optional()?;
        if let Some(job) = claimed.as_ref().and_then(|row| row.job_id) {
            super::jobs::began(conn, job, time)?;
        }
        Ok(claimed)
    })
}

/// What an execution tells while it works.
pub fn update(conn: &mut Conn, id: i32, changes: &ExecutionChanges) -> Result<()> {
    let row = diesel::update(job_executions::table.find(id)).set((changes, job_executions::updated_at.eq(now())));
    changed(row.execute(conn), format_args!("execution {id}"))
}

/// An execution pauses, or a paused or failed one waits again. Refused when it has ended for good.
pub fn set_status(conn: &mut Conn, id: i32, status: ExecutionStatus) -> Result<Execution> {
    write_transaction(conn, |conn| {
        let row = find(conn, id)?;
        if matches!(row.status, ExecutionStatus::Completed | ExecutionStatus::Cancelled) {
            return Err(ended(&row, status));
        }
        Ok(diesel::update(job_executions::table.find(id))
            .set((job_executions::status.eq(status), job_executions::updated_at.eq(now())))
            .returning(Execution::as_returning())
            .returned(conn)?)
    })
}

fn ended(row: &Execution, to: ExecutionStatus) -> Error {
    Error::conflict("execution_state", format!("execution {} is {} and cannot become {to}", row.id, row.status))
}

/// An execution ends as `completed`, `failed` or `cancelled`. One that has ended stays as it is: error.
pub fn finish(conn: &mut Conn, id: i32, status: ExecutionStatus, changes: &ExecutionChanges) -> Result<Execution> {
    write_transaction(conn, |conn| {
        let row = find(conn, id)?;
        if !ACTIVE.contains(&row.status) {
            return Err(ended(&row, status));
        }
        super::tape_changes::end_of_execution(conn, id)?;
        let time = now();
        Ok(diesel::update(job_executions::table.find(id))
            .set((
                changes,
                job_executions::status.eq(status),
                job_executions::end_time.eq(time),
                job_executions::updated_at.eq(time),
            ))
            .returning(Execution::as_returning())
            .returned(conn)?)
    })
}

/// Those that ended since then, in the order in which they were asked for.
pub fn ended_since(conn: &mut Conn, time: NaiveDateTime) -> Result<Vec<Execution>> {
    let rows = job_executions::table.filter(job_executions::end_time.ge(time)).order(job_executions::id);
    Ok(rows.select(Execution::as_select()).load(conn)?)
}

/// After a start nothing is at work. Of the executions that a crash left `running`, `resume` says for each how it runs again;
/// it waits then, with that request. The others fail with `message`. Those that waited or were paused stay so. Returns
/// the ones that failed, and the ones that run again.
pub fn reconcile(
    conn: &mut Conn,
    message: &str,
    resume: impl Fn(&mut Conn, &Execution) -> Result<Option<(String, String)>>,
) -> Result<(Vec<Execution>, Vec<Execution>)> {
    let left: Vec<Execution> = job_executions::table
        .filter(job_executions::status.eq(ExecutionStatus::Running))
        .order(job_executions::id)
        .select(Execution::as_select())
        .load(conn)?;
    let (mut failed, mut again) = (Vec::new(), Vec::new());
    for row in left {
        match resume(conn, &row)? {
            Some((request, state)) => again.push(requeue(conn, row.id, &request, &state)?),
            None => {
                let changes = ExecutionChanges {
                    error_message: Some(Some(message.into())),
                    error_code: Some(Some("interrupted".into())),
                    ..ExecutionChanges::default()
                };
                failed.push(finish(conn, row.id, ExecutionStatus::Failed, &changes)?);
            }
        }
    }
    Ok((failed, again))
}

/// An execution that was interrupted waits again, with this request; `state` is kept for the next time.
pub fn requeue(conn: &mut Conn, id: i32, request: &str, state: &str) -> Result<Execution> {
    let row = diesel::update(job_executions::table.find(id))
        .set((
            job_executions::status.eq(ExecutionStatus::Pending),
            job_executions::request.eq(request),
            job_executions::resume_state.eq(state),
            job_executions::phase.eq("queued"),
            job_executions::updated_at.eq(now()),
        ))
        .returning(Execution::as_returning())
        .returned(conn);
    found(row, format_args!("execution {id}"))
}

/// Takes the oldest waiting execution that is not of a job at work, and marks it running.
pub fn claim_next(conn: &mut Conn, busy_jobs: &[i32]) -> Result<Option<Execution>> {
    for waiting in pending(conn)? {
        let free = waiting.job_id.is_none_or(|job| !busy_jobs.contains(&job));
        if free && let Some(row) = claim(conn, waiting.id)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// The sets of executions that have not ended: they are being written, or will go on.
pub fn open_sets(conn: &mut Conn) -> Result<Vec<i32>> {
    let sets: Vec<Option<i32>> = job_executions::table
        .filter(job_executions::status.eq_any(ACTIVE).and(job_executions::kind.eq("backup")))
        .select(job_executions::backup_set_id)
        .load(conn)?;
    Ok(sets.into_iter().flatten().collect())
}

/// Says what an execution is doing.
pub fn set_phase(conn: &mut Conn, id: i32, phase: &str, message: &str) -> Result<()> {
    let changes =
        ExecutionChanges { phase: Some(phase.into()), message: Some(message.into()), ..ExecutionChanges::default() };
    update(conn, id, &changes)
}

/// Adds decisions, in words.
pub fn add_why(conn: &mut Conn, id: i32, reasons: &[String]) -> Result<()> {
    write_transaction(conn, |conn| {
        let mut why: Vec<String> = serde_json::from_str(&find(conn, id)?.why).unwrap_or_default();
        why.extend_from_slice(reasons);
        let changes = ExecutionChanges { why: Some(serde_json::to_string(&why)?), ..ExecutionChanges::default() };
        update(conn, id, &changes)
    })
}

/// Whether a job has a run that has not ended.
pub fn has_open(conn: &mut Conn, job_id: i32) -> Result<bool> {
    let open = job_executions::table
        .filter(job_executions::job_id.eq(job_id).and(job_executions::status.eq_any(ACTIVE)))
        .count()
        .get_result::<i64>(conn)?;
    Ok(open > 0)
}

#[cfg(test)]
mod tests;
