//! Executions as they are listed and looked at.

use super::{ExecutionDetail, ExecutionView};
use crate::Result;
use crate::actors::jobs::Active;
use crate::app::App;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::{ExecutionStatus, Page, drives, tape_changes, users};
use crate::executions::{ProgressView, advice, command_line};
use crate::web::{fields, query, responses};
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which executions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ExecutionQuery {
    /// In one of these states, with commas between them; `active`: those that have not ended.
    status: Option<String>,
    /// Of this kind: `backup`, `restore`, `label` …
    kind: Option<String>,
    /// Of this job.
    job_id: Option<i32>,
    /// That use or used this drive.
    drive_id: Option<i32>,
    /// Asked for at this time or later, RFC 3339.
    since: Option<DateTime<Utc>>,
    /// Asked for before this time, RFC 3339.
    until: Option<DateTime<Utc>>,
    /// At most so many; 50 unless said otherwise.
    limit: Option<i64>,
    /// After so many.
    offset: Option<i64>,
    /// Older than the execution with this id: for the next page.
    before: Option<i32>,
}

impl ExecutionQuery {
    fn filter(&self) -> Result<ExecutionFilter> {
        let mut statuses: Option<Vec<ExecutionStatus>> = None;
        for word in self.status.as_deref().unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
            let wanted = statuses.get_or_insert_default();
            match word {
                "active" => wanted.extend(executions::ACTIVE),
                word => wanted.push(fields::word("status", word)?),
            }
        }
        let kind = self.kind.clone().filter(|kind| !kind.is_empty());
        Ok(ExecutionFilter {
            id: None,
            job_id: self.job_id,
            kind,
            statuses,
            drive_id: self.drive_id,
            since: self.since.map(|time| time.naive_utc()),
            until: self.until.map(|time| time.naive_utc()),
            before: self.before,
        })
    }
}

/// Executions, newest first. `X-Total-Count` says how many there are.
#[utoipa::path(operation_id = "list_executions", tag = "executions", params(ExecutionQuery),
    responses((status = 200, body = [ExecutionView], headers(("x-total-count" = i64, description = "How many fit"))),
        (status = 400)))]
#[get("/executions")]
pub async fn list(app: web::Data<App>, wanted: web::Query<ExecutionQuery>) -> Result<HttpResponse> {
    let filter = wanted.filter()?;
    let page = Page::new(wanted.limit, wanted.offset, 50);
    let (rows, mut changes, total) = query(&app.services.db, move |conn| {
        let rows = executions::list(conn, &filter, page)?;
        let ids: Vec<i32> = rows.iter().map(|row| row.execution.id).collect();
        Ok((rows, tape_changes::open_of(conn, &ids)?, executions::count(conn, &filter)?))
    })
    .await?;
    let mut live = app.jobs.send(Active).await?;
    let views = rows.into_iter().map(|row| {
        let at = live.iter().position(|view| view.execution_id == row.execution.id);
        let change = changes.remove(&row.execution.id);
        ExecutionView::new(row, at.map(|at| live.swap_remove(at)), change)
    });
    Ok(HttpResponse::Ok().insert_header((responses::TOTAL, total)).json(views.collect::<Vec<_>>()))
}

/// One execution with its live figures, and what helps with it.
#[utoipa::path(operation_id = "get_execution", tag = "executions", params(("id" = i32, Path)),
    responses((status = 200, body = ExecutionDetail), (status = 404)))]
#[get("/executions/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<ExecutionDetail>> {
    let id = id.into_inner();
    // the figures first: work that ends in between is then told as ended, not as running without figures
    let live: Option<ProgressView> = app.jobs.send(Active).await?.into_iter().find(|view| view.execution_id == id);
    let detail = query(&app.services.db, move |conn| {
        let row = executions::find_listed(conn, id)?;
        let change = tape_changes::open_of(conn, &[id])?.remove(&id);
        let execution = &row.execution;
        let live = live.filter(|_| executions::ACTIVE.contains(&execution.status));
        let drive = execution.drive_id.map(|id| drives::find(conn, id)).transpose()?;
        let user = execution.user_id.map(|id| users::find(conn, id)).transpose()?;
        Ok(ExecutionDetail {
            drive_name: drive.map(|drive| drive.name().to_owned()),
            user_name: user.map(|user| user.username),
            advice: execution.error_code.as_deref().and_then(advice::after),
            command: command_line::of(conn, execution),
            view: ExecutionView::new(row, live, change),
        })
    });
    detail.await.map(web::Json)
}
