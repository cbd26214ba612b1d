//! Deleting, cancelling and verifying sets.

use crate::actors::catalog::Discard;
use crate::actors::jobs::{Command, Control};
use crate::app::App;
use crate::auth::Identity;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::{Conn, Page, SetStatus, copies, pools, retention, sets, write_transaction};
use crate::executions::{CopyRequest, Request, VerifyRequest};
use crate::web::optional_body::OptionalBody;
use crate::web::responses::Status;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::web::{AuditNote, fields, query};
use crate::{Error, Result};
use actix_web::{HttpResponse, delete, post, put, web};
use serde::Deserialize;
use utoipa::ToSchema;

/// Deletes a set and its catalog; its data stays on tape until the tape is formatted. Refused while it is written, and
/// while later increments need it.
#[utoipa::path(operation_id = "delete_backup_set", tag = "backup-sets", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[delete("/backup-sets/{id}")]
pub async fn remove(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    let id = id.into_inner();
    query(&app.services.db, move |conn| may_delete(conn, id)).await?;
    discard_set(&app, id).await?;
    Ok(web::Json(Status::new("deleted")))
}

fn may_delete(conn: &mut Conn, id: i32) -> Result<()> {
    let set = sets::find(conn, id)?;
    if matches!(set.status, SetStatus::Running | SetStatus::Pending) {
        return Err(Error::conflict("set_state", format!("backup set {id} is {}; cancel it first", set.status)));
    }
    if set.protected {
        return Err(Error::conflict("set_protected", format!("backup set {id} is protected; release it first")));
    }
    let children: Vec<i32> = sets::children(conn, id)?.iter().map(|child| child.id).collect();
    let others = copies::family(conn, &set)?;
    if children.is_empty() || others.iter().any(|other| *other != id) {
        return Ok(());
    }
    let list: Vec<String> = children.iter().map(|child| format!("set {child}")).collect();
    Err(Error::conflict(
        "in_use",
        format!("backup set {id} is needed by later increments ({}); delete those first", list.join(", ")),
    )
    .with_details(serde_json::json!({"needed_by": children})))
}

/// What to change of a set.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct SetRequest {
    /// Keep it whatever the rules say (true), or let the rules decide again (false).
    protected: Option<bool>,
}

/// Protects a set, with all that it builds on, or releases it.
#[utoipa::path(operation_id = "update_backup_set", tag = "backup-sets", params(("id" = i32, Path)), request_body = SetRequest,
    responses((status = 200, body = Status), (status = 400), (status = 404), (status = 409)))]
#[put("/backup-sets/{id}")]
pub async fn update(
    app: web::Data<App>,
    note: AuditNote,
    id: web::Path<i32>,
    body: web::Json<SetRequest>,
) -> Result<web::Json<Status>> {
    let id = id.into_inner();
    let protected = body.protected.ok_or_else(|| fields::invalid("protected", "protected is required"))?;
    note.detail("protected", protected);
    query(&app.services.db, move |conn| {
        write_transaction(conn, |conn| {
            let set = sets::find(conn, id)?;
            if protected && set.status != SetStatus::Completed {
                let message = format!("backup set {id} is {}; only a complete one can be protected", set.status);
                return Err(Error::conflict("set_state", message));
            }
            retention::protect(conn, id, protected)
        })
    })
    .await?;
    Ok(web::Json(Status::new(if protected { "protected" } else { "released" })))
}

/// Forgets a set: first its catalog, in the catalog's own steps, then its row.
pub async fn discard_set(app: &web::Data<App>, id: i32) -> Result<()> {
    app.services.catalog.send(Discard { set_id: id }).await??;
    query(&app.services.db, move |conn| sets::delete(conn, id)).await
}

/// Cancels the run that writes a set.
#[utoipa::path(operation_id = "cancel_backup_set", tag = "backup-sets", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 400), (status = 404)))]
#[post("/backup-sets/{id}/cancel")]
pub async fn cancel(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    let id = id.into_inner();
    let writer = query(&app.services.db, move |conn| {
        let set = sets::find(conn, id)?;
        if !matches!(set.status, SetStatus::Running | SetStatus::Pending) {
            return Err(Error::bad_request(format!(
                "backup set {id} is {}; only a running one can be cancelled",
                set.status
            )));
        }
        let filter = ExecutionFilter {
            job_id: Some(set.job_id),
            statuses: Some(executions::ACTIVE.to_vec()),
            ..ExecutionFilter::default()
        };
        let open = executions::list(conn, &filter, Page::first(100))?;
        match open.into_iter().find(|row| row.execution.backup_set_id == Some(id)) {
            Some(row) => Ok(Some(row.execution.id)),
            // nobody writes it any more: what is left is its row
            None => sets::fail(conn, id, SetStatus::Cancelled).map(|_| None),
        }
    })
    .await?;
    if let Some(execution_id) = writer {
        app.jobs.send(Control { execution_id, command: Command::Cancel }).await??;
    }
    Ok(web::Json(Status::new("cancelled")))
}

/// Where a set is to be verified.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct VerifySetBody {
    /// The drive; none: any.
    drive_id: Option<i32>,
}

/// Reads a set back and compares every hash.
#[utoipa::path(operation_id = "verify_backup_set", tag = "backup-sets", params(("id" = i32, Path), WaitQuery), request_body = VerifySetBody,
    responses((status = 202, body = Started), (status = 404), (status = 409)))]
#[post("/backup-sets/{id}/verify")]
pub async fn verify(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<VerifySetBody>,
) -> Result<HttpResponse> {
    let set = query(&app.services.db, move |conn| sets::find_listed(conn, *id)).await?;
    if set.set.status != SetStatus::Completed {
        let message = format!("backup set {} is {}; only a complete one can be verified", set.set.id, set.set.status);
        return Err(Error::conflict("set_state", message));
    }
    let request = Request::Verify(VerifyRequest { set_ids: vec![set.set.id], drive_id: body.0.drive_id });
    let title = format!("Verification of set {} of job {}", set.set.id, set.job_name);
    let message = format!("{title} started");
    Work::new(request, title, message).answer(&app, &caller, *wait, Unsaid::Start).await
}

/// Where a copy goes.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CopyBody {
    /// The pool; another one than that of the set.
    pub pool_id: i32,
}

/// Copies a set to tapes of another pool.
#[utoipa::path(operation_id = "copy_backup_set", tag = "backup-sets", params(("id" = i32, Path), WaitQuery),
    request_body = CopyBody,
    responses((status = 202, body = Started), (status = 400), (status = 404), (status = 409)))]
#[post("/backup-sets/{id}/copy")]
pub async fn copy(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: web::Json<CopyBody>,
) -> Result<HttpResponse> {
    let pool_id = body.pool_id;
    let work = query(&app.services.db, move |conn| {
        let set = sets::find(conn, *id)?;
        if set.status != SetStatus::Completed {
            let message = format!("backup set {} is {}; only a complete one can be copied", set.id, set.status);
            return Err(Error::conflict("set_state", message));
        }
        let pool = fields::existing("pool_id", pools::find(conn, pool_id))?;
        if copies::pools_of(conn, set.id)?.contains(&pool_id) {
            let message = format!("backup set {} is on tapes of pool {} itself", set.id, pool.name);
            return Err(Error::conflict("same_pool", message));
        }
        let title = format!("Copy of set {} to pool {}", set.id, pool.name);
        let message = format!("{title} started");
        Ok(Work::new(Request::Copy(CopyRequest { set_ids: vec![set.id], pool_id }), title, message))
    });
    work.await?.answer(&app, &caller, *wait, Unsaid::Start).await
}
