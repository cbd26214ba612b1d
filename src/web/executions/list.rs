//! Executions as they are listed and looked at.

use super::ExecutionView;
use crate::Result;
use crate::actors::jobs::Active;
use crate::app::App;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::{ExecutionStatus, Page, tape_changes};
use crate::executions::ProgressView;
use crate::web::{fields, query};
use actix_web::{get, web};
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
    /// At most so many; 50 unless said otherwise.
    limit: Option<i64>,
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
        Ok(ExecutionFilter { id: None, job_id: self.job_id, kind, statuses, before: self.before })
    }
}

/// Executions, newest first.
#[utoipa::path(operation_id = "list_executions", tag = "executions", params(ExecutionQuery),
    responses((status = 200, body = [ExecutionView]), (status = 400)))]
#[get("/executions")]
pub async fn list(app: web::Data<App>, wanted: web::Query<ExecutionQuery>) -> Result<web::Json<Vec<ExecutionView>>> {
    let filter = wanted.filter()?;
    let page = Page::new(wanted.limit, None, 50);
    let (rows, mut changes) = query(&app.services.db, move |conn| {
        let rows = executions::list(conn, &filter, page)?;
        let ids: Vec<i32> = rows.iter().map(|row| row.execution.id).collect();
        Ok((rows, tape_changes::open_of(conn, &ids)?))
    })
    .await?;
    let mut live = app.jobs.send(Active).await?;
    let views = rows.into_iter().map(|row| {
        let at = live.iter().position(|view| view.execution_id == row.execution.id);
        let change = changes.remove(&row.execution.id);
        ExecutionView::new(row, at.map(|at| live.swap_remove(at)), change)
    });
    Ok(web::Json(views.collect()))
}

/// One execution with its live figures.
#[utoipa::path(operation_id = "get_execution", tag = "executions", params(("id" = i32, Path)),
    responses((status = 200, body = ExecutionView), (status = 404)))]
#[get("/executions/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<ExecutionView>> {
    let id = id.into_inner();
    // the figures first: work that ends in between is then told as ended, not as running without figures
    let live: Option<ProgressView> = app.jobs.send(Active).await?.into_iter().find(|view| view.execution_id == id);
    let (row, change) = query(&app.services.db, move |conn| {
        let row = executions::find_listed(conn, id)?;
        Ok((row, tape_changes::open_of(conn, &[id])?.remove(&id)))
    })
    .await?;
    let live = live.filter(|_| executions::ACTIVE.contains(&row.execution.status));
    Ok(web::Json(ExecutionView::new(row, live, change)))
}
