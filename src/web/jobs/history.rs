//! The last runs of every job: for its history as a strip of bars.

use crate::Result;
use crate::app::App;
use crate::db::time::{rfc3339, rfc3339_option};
use crate::db::{ExecutionStatus, Page, executions, jobs, tape_changes};
use crate::web::query;
use actix_web::{get, web};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Runs of a job that are told at most.
const MOST_RUNS: i64 = 100;

/// How many.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct HistoryQuery {
    /// Runs of each job, at most 100; 20 unless said otherwise.
    runs: Option<i64>,
    /// Only this job.
    job_id: Option<i32>,
}

/// The last runs of a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobHistory {
    /// The job.
    job_id: i32,
    /// Its runs, newest first.
    runs: Vec<PastRun>,
}

/// A run in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastRun {
    /// The execution.
    id: i32,
    /// Where it is in its life.
    status: ExecutionStatus,
    /// Whether it waits for somebody to bring a tape.
    needs_tape: bool,
    /// Warnings.
    warning_count: i64,
    /// Files done.
    files_processed: i64,
    /// Bytes done.
    bytes_processed: i64,
    /// The set it wrote.
    backup_set_id: Option<i32>,
    /// Why it failed.
    error_message: Option<String>,
    /// Whether it can go on where it stopped.
    can_resume: bool,
    /// When it was asked for.
    #[serde(serialize_with = "rfc3339")]
    created_at: NaiveDateTime,
    /// When it began to work.
    #[serde(serialize_with = "rfc3339_option")]
    start_time: Option<NaiveDateTime>,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_option")]
    end_time: Option<NaiveDateTime>,
}

/// The last runs of every job.
#[utoipa::path(operation_id = "job_history", tag = "jobs", params(HistoryQuery),
    responses((status = 200, body = [JobHistory]), (status = 404)))]
#[get("/jobs/history")]
pub async fn history(app: web::Data<App>, wanted: web::Query<HistoryQuery>) -> Result<web::Json<Vec<JobHistory>>> {
    let most = Page::new(wanted.runs, None, 20).limit.min(MOST_RUNS);
    let histories = query(&app.services.db, move |conn| {
        let jobs: Vec<i32> = match wanted.job_id {
            Some(job) => vec![jobs::find(conn, job)?.id],
            None => jobs::list(conn)?.into_iter().map(|row| row.job.id).collect(),
        };
        let mut histories = Vec::with_capacity(jobs.len());
        for job_id in jobs {
            let rows = executions::last_backups(conn, job_id, most)?;
            let ids: Vec<i32> = rows.iter().map(|row| row.id).collect();
            let asking = tape_changes::open_of(conn, &ids)?;
            let run = |row: executions::Execution| PastRun {
                id: row.id,
                status: row.status,
                needs_tape: asking.contains_key(&row.id),
                warning_count: row.warning_count,
                files_processed: row.files_processed,
                bytes_processed: row.bytes_processed,
                backup_set_id: row.backup_set_id,
                error_message: row.error_message,
                can_resume: row.can_resume,
                created_at: row.created_at,
                start_time: row.start_time,
                end_time: row.end_time,
            };
            histories.push(JobHistory { job_id, runs: rows.into_iter().map(run).collect() });
        }
        Ok(histories)
    });
    histories.await.map(web::Json)
}
