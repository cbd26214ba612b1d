//! Cancel, pause, resume.

use crate::Result;
use crate::actors::jobs::{Command, Control};
use crate::app::App;
use crate::web::responses::Status;
use actix_web::{post, web};

async fn tell(app: &App, execution_id: i32, command: Command, word: &'static str) -> Result<web::Json<Status>> {
    app.jobs.send(Control { execution_id, command }).await??;
    Ok(web::Json(Status::new(word)))
}

/// Ends an execution at the next safe place.
#[utoipa::path(operation_id = "cancel_execution", tag = "executions", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[post("/executions/{id}/cancel")]
pub async fn cancel(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    tell(&app, *id, Command::Cancel, "cancelled").await
}

/// Lets an execution wait at the next safe place.
#[utoipa::path(operation_id = "pause_execution", tag = "executions", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[post("/executions/{id}/pause")]
pub async fn pause(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    tell(&app, *id, Command::Pause, "paused").await
}

/// Lets a paused execution go on.
#[utoipa::path(operation_id = "resume_execution", tag = "executions", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[post("/executions/{id}/resume")]
pub async fn resume(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    tell(&app, *id, Command::Resume, "resumed").await
}
