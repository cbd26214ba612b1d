//! Runs that have not ended, and runs that can be taken up again.

use crate::Result;
use crate::actors::jobs::Active;
use crate::app::App;
use crate::db::executions::{self, ExecutionFilter, ExecutionListed};
use crate::db::time::{rfc3339, rfc3339_option};
use crate::db::{ExecutionStatus, Page, execution_logs};
use crate::executions::{Progress, ProgressView};
use crate::web::query;
use actix_web::{get, web};
use chrono::NaiveDateTime;
use serde::Serialize;
use utoipa::ToSchema;

/// Lines of the log that are shown.
const LOG_LINES: i64 = 100;

/// A run of a job with its figures.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobProgress {
    #[serde(flatten)]
    figures: ProgressView,
    /// The job.
    job_id: Option<i32>,
    /// Its name.
    job_name: String,
    /// The set it writes; 0 before there is one.
    backup_set_id: i32,
    /// `pending`, `running` or `paused`.
    status: ExecutionStatus,
    /// When it began.
    #[serde(serialize_with = "rfc3339_option")]
    start_time: Option<NaiveDateTime>,
    /// The last lines of its log: `[HH:MM:SS] text`, UTC.
    log_lines: Vec<String>,
}

/// Runs of jobs that have not ended, newest first.
#[utoipa::path(operation_id = "active_jobs", tag = "jobs", responses((status = 200, body = [JobProgress])))]
#[get("/jobs/active")]
pub async fn active(app: web::Data<App>) -> Result<web::Json<Vec<JobProgress>>> {
    let mut live = app.jobs.send(Active).await?;
    let rows = query(&app.services.db, |conn| {
        let filter = ExecutionFilter {
            kind: Some("backup".into()),
            statuses: Some(executions::ACTIVE.to_vec()),
            ..ExecutionFilter::default()
        };
        let rows = executions::list(conn, &filter, Page::first(1000))?;
        let mut with_logs = Vec::with_capacity(rows.len());
        for row in rows {
            let lines = execution_logs::tail(conn, row.execution.id, LOG_LINES)?;
            let lines: Vec<String> =
                lines.iter().map(|line| format!("[{}] {}", line.created_at.format("%H:%M:%S"), line.message)).collect();
            with_logs.push((row, lines));
        }
        Ok(with_logs)
    })
    .await?;
    let shown = rows.into_iter().map(|(row, log_lines)| {
        let at = live.iter().position(|view| view.execution_id == row.execution.id);
        progress(row, at.map(|at| live.swap_remove(at)), log_lines)
    });
    Ok(web::Json(shown.collect()))
}

fn progress(row: ExecutionListed, live: Option<ProgressView>, log_lines: Vec<String>) -> JobProgress {
    let execution = row.execution;
    let figures = live.unwrap_or_else(|| {
        let mut waiting = Progress::default().view(execution.id);
        waiting.phase = "waiting".into();
        waiting.message = "Waiting in the queue.".into();
        waiting
    });
    JobProgress {
        figures,
        job_id: execution.job_id,
        job_name: row.job_name.unwrap_or_default(),
        backup_set_id: execution.backup_set_id.unwrap_or(0),
        status: execution.status,
        start_time: execution.start_time,
        log_lines,
    }
}

/// A run that can be taken up again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resumable {
    /// The execution.
    id: i32,
    /// The job.
    job_id: Option<i32>,
    /// Its name.
    job_name: String,
    /// `paused` or `failed`.
    status: ExecutionStatus,
    /// Files done.
    files_processed: i64,
    /// Bytes done.
    bytes_processed: i64,
    /// Why it stopped.
    error_message: Option<String>,
    /// Whether it can go on where it stopped.
    can_resume: bool,
    /// When it was asked for.
    #[serde(serialize_with = "rfc3339")]
    created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    updated_at: NaiveDateTime,
}

/// Runs that are paused, or failed with a checkpoint, newest first.
#[utoipa::path(operation_id = "resumable_jobs", tag = "jobs", responses((status = 200, body = [Resumable])))]
#[get("/jobs/resumable")]
pub async fn resumable(app: web::Data<App>) -> Result<web::Json<Vec<Resumable>>> {
    let rows = query(&app.services.db, executions::resumable).await?;
    let of_jobs = rows.into_iter().filter(|row| row.execution.job_id.is_some());
    let shown = of_jobs.map(|row| Resumable {
        id: row.execution.id,
        job_id: row.execution.job_id,
        job_name: row.job_name.unwrap_or_default(),
        status: row.execution.status,
        files_processed: row.execution.files_processed,
        bytes_processed: row.execution.bytes_processed,
        error_message: row.execution.error_message,
        can_resume: row.execution.can_resume || row.execution.status == ExecutionStatus::Paused,
        created_at: row.execution.created_at,
        updated_at: row.execution.updated_at,
    });
    Ok(web::Json(shown.collect()))
}
