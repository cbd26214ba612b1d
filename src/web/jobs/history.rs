//! The last runs of every job: for its history as a strip of bars.

use crate::Result;
use crate::app::App;
use crate::db::job_runs::{self, PastRun};
use crate::db::{Page, jobs};
use crate::web::query;
use actix_web::{get, web};
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

/// The last runs of every job.
#[utoipa::path(operation_id = "job_history", tag = "jobs", params(HistoryQuery),
    responses((status = 200, body = [JobHistory]), (status = 404)))]
#[get("/jobs/history")]
pub async fn history(app: web::Data<App>, wanted: web::Query<HistoryQuery>) -> Result<web::Json<Vec<JobHistory>>> {
    let most = Page::new(wanted.runs, None, 20).limit.min(MOST_RUNS);
    let histories = query(&app.services.db, move |conn| {
        let jobs: Vec<i32> = match wanted.job_id {
            Some(job) => vec![jobs::find(conn, job)?.id],
            None => jobs::ids(conn)?,
        };
        let mut runs = job_runs::last(conn, wanted.job_id, most)?;
        let history = |job_id| JobHistory { job_id, runs: runs.remove(&job_id).unwrap_or_default() };
        Ok(jobs.into_iter().map(history).collect())
    });
    histories.await.map(web::Json)
}
