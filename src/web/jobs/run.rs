//! Running a job, and running it again.

use super::control::open_run;
use super::tape::{Outlook, outlook};
use crate::app::App;
use crate::auth::Identity;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::jobs::Job;
use crate::db::{BackupType, Conn, ExecutionStatus, Page, jobs, sources, tapes};
use crate::executions::{BackupRequest, Request, Taken};
use crate::web::fields::{self, invalid};
use crate::web::optional_body::OptionalBody;
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::{Error, Result};
use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// How a job is to run this time.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RunJobBody {
    /// Onto this tape.
    tape_id: Option<i32>,
    /// Onto a tape chosen from the job's pool: so it is unless a tape is named.
    use_pool: Option<bool>,
    /// `full` or `incremental` instead of the job's own type.
    #[schema(value_type = Option<BackupType>)]
    backup_type: Option<String>,
}

impl RunJobBody {
    fn named(&self) -> Result<Option<i32>> {
        match (self.tape_id.filter(|id| *id != 0), self.use_pool) {
            (Some(tape), None | Some(false)) => Ok(Some(tape)),
            (_, Some(true)) | (None, None) => Ok(None),
            (None, Some(false)) => Err(invalid("tape_id", "tape_id is required when not using pool-based selection")),
        }
    }
}

/// Runs a job now. Refused while a run of it has not ended.
#[utoipa::path(operation_id = "run_job", tag = "jobs", params(("id" = i32, Path), WaitQuery), request_body = RunJobBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/jobs/{id}/run")]
pub async fn run(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<RunJobBody>,
) -> Result<HttpResponse> {
    let taken = app.services.drives.reservations.taken();
    let work = query(&app.services.db, move |conn| {
        let job = runnable(conn, *id)?;
        let backup_type = fields::optional_word("backup_type", body.0.backup_type.as_deref())?;
        let (tape_id, chosen) = target(conn, &job, body.0.named()?, &taken)?;
        let message = match chosen.get("tape_label").and_then(Value::as_str) {
            Some(label) => format!("Backup job started using tape {label} from pool"),
            None => "Backup job started in background".into(),
        };
        let request = Request::Backup(BackupRequest { job_id: job.id, tape_id, backup_type, resume_set: None });
        Ok(Work::new(request, format!("Backup of job {}", job.name), message).with(chosen))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}

/// The job, if it may run now.
fn runnable(conn: &mut Conn, id: i32) -> Result<Job> {
    let job = jobs::find(conn, id)?;
    let source = sources::find(conn, job.source_id)?;
    if !source.enabled {
        return Err(Error::conflict("source_disabled", format!("source {} is disabled; enable it first", source.name)));
    }
    if let Some(open) = open_run(conn, id)? {
        let message = format!("a run of job {} has not ended (execution {} is {})", job.name, open.id, open.status);
        let details = json!({"execution_id": open.id});
        return Err(Error::conflict("already_running", message).with_details(details));
    }
    Ok(job)
}

/// The tape that was named; or else that the pool has one that can be written, and which it would be now.
fn target(conn: &mut Conn, job: &Job, named: Option<i32>, taken: &Taken) -> Result<(Option<i32>, Value)> {
    if let Some(tape) = named {
        fields::existing("tape_id", tapes::find(conn, tape))?;
        return Ok((Some(tape), Value::Null));
    }
    match outlook(conn, job, taken)? {
        Outlook::Tape(tape, why) => Ok((None, json!({"tape_id": tape.id, "tape_label": tape.label, "why": why}))),
        Outlook::Wait(reason) => Ok((None, json!({"why": [reason]}))),
        Outlook::Nothing(reason) => Err(invalid("pool_id", format!("no suitable tape found in pool: {reason}"))),
    }
}

/// How a job is to run again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RetryBody {
    /// Onto this tape.
    tape_id: Option<i32>,
    /// Onto a tape chosen from the job's pool: so it is unless a tape is named.
    use_pool: Option<bool>,
    /// Begin anew, also if the failed run could go on where it stopped.
    from_scratch: bool,
}

/// Runs a job again as its last run, which must have failed or been cancelled. A run that failed on its way goes on where it
/// stopped, with the set it was writing, unless a tape is named or `from_scratch` is set.
#[utoipa::path(operation_id = "retry_job", tag = "jobs", params(("id" = i32, Path), WaitQuery), request_body = RetryBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/jobs/{id}/retry")]
pub async fn retry(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<RetryBody>,
) -> Result<HttpResponse> {
    let taken = app.services.drives.reservations.taken();
    let work = query(&app.services.db, move |conn| {
        let job = runnable(conn, *id)?;
        let failed = last_failed(conn, &job)?;
        let asked: Option<BackupRequest> = serde_json::from_str(&failed.request).ok();
        let resume_set =
            failed.backup_set_id.filter(|_| failed.can_resume && !body.0.from_scratch && body.0.tape_id.is_none());
        if let Some(set) = resume_set {
            let request = BackupRequest { job_id: job.id, resume_set, ..BackupRequest::default() };
            let message = format!("Backup job goes on with set {set}");
            let fields = json!({"resumed": true, "retry_of": failed.id, "backup_set_id": set});
            let title = format!("Backup of job {} (resumed)", job.name);
            return Ok(Work::new(Request::Backup(request), title, message).with(fields));
        }
        let named = RunJobBody { tape_id: body.0.tape_id, use_pool: body.0.use_pool, backup_type: None }.named()?;
        let (tape_id, chosen) = target(conn, &job, named, &taken)?;
        let message = match chosen.get("tape_label").and_then(Value::as_str) {
            Some(label) => format!("Backup job retried using tape {label}"),
            None => "Backup job retried".into(),
        };
        let backup_type = asked.and_then(|asked| asked.backup_type);
        let request = Request::Backup(BackupRequest { job_id: job.id, tape_id, backup_type, resume_set: None });
        let fields = crate::web::work::merged(chosen, json!({"resumed": false, "retry_of": failed.id}));
        Ok(Work::new(request, format!("Backup of job {} (again)", job.name), message).with(fields))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}

fn last_failed(conn: &mut Conn, job: &Job) -> Result<executions::Execution> {
    let filter = ExecutionFilter { job_id: Some(job.id), kind: Some("backup".into()), ..ExecutionFilter::default() };
    let newest = executions::list(conn, &filter, Page::first(1))?.pop().map(|row| row.execution);
    match newest {
        Some(row) if matches!(row.status, ExecutionStatus::Failed | ExecutionStatus::Cancelled) => Ok(row),
        Some(row) => {
            let message = format!("the last run of job {} is {}; there is nothing to retry", job.name, row.status);
            Err(Error::conflict("nothing_to_retry", message))
        }
        None => Err(Error::conflict("nothing_to_retry", format!("job {} has never run", job.name))),
    }
}
