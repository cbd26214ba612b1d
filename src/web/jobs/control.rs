//! Cancel, pause, resume: the run of a job that has not ended.

use crate::actors::jobs::{Command, Control};
use crate::app::App;
use crate::db::executions::{self, Execution, ExecutionFilter};
use crate::db::{Conn, Page};
use crate::web::query;
use crate::web::responses::Status;
use crate::{Error, Result};
use actix_web::{post, web};

/// The run of a job that has not ended.
pub fn open_run(conn: &mut Conn, job_id: i32) -> Result<Option<Execution>> {
    let filter = ExecutionFilter {
        job_id: Some(job_id),
        kind: Some("backup".into()),
        statuses: Some(executions::ACTIVE.to_vec()),
        ..ExecutionFilter::default()
    };
    Ok(executions::list(conn, &filter, Page::first(1))?.pop().map(|row| row.execution))
}

async fn tell(app: &App, job_id: i32, command: Command, word: &'static str) -> Result<web::Json<Status>> {
    let open = query(&app.services.db, move |conn| open_run(conn, job_id)).await?;
    let open =
        open.ok_or_else(|| Error::new(crate::ErrorKind::NotFound, "not_found", "no active job found with that id"))?;
    app.jobs.send(Control { execution_id: open.id, command }).await??;
    Ok(web::Json(Status::new(word)))
}

/// Ends the run of a job at the next safe place.
#[utoipa::path(operation_id = "cancel_job", tag = "jobs", params(("id" = i32, Path)), responses((status = 200, body = Status), (status = 404)))]
#[post("/jobs/{id}/cancel")]
pub async fn cancel(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    tell(&app, *id, Command::Cancel, "cancelled").await
}

/// Lets the run of a job wait at the next safe place.
#[utoipa::path(operation_id = "pause_job", tag = "jobs", params(("id" = i32, Path)), responses((status = 200, body = Status), (status = 404)))]
#[post("/jobs/{id}/pause")]
pub async fn pause(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    tell(&app, *id, Command::Pause, "paused").await
}

/// Lets the paused run of a job go on.
#[utoipa::path(operation_id = "resume_job", tag = "jobs", params(("id" = i32, Path)), responses((status = 200, body = Status), (status = 404)))]
#[post("/jobs/{id}/resume")]
pub async fn resume(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    tell(&app, *id, Command::Resume, "resumed").await
}
