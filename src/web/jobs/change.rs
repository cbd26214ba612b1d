//! Making, changing and deleting jobs.

use super::request::JobRequest;
use crate::actors::scheduler::JobsChanged;
use crate::app::App;
use crate::db::executions;
use crate::db::jobs::{self, Job};
use crate::db::paging::MAX_LIMIT;
use crate::db::sets::{self, SetFilter};
use crate::db::{Conn, Page, write_transaction};
use crate::events::{Category, Event};
use crate::media::retention::Evaluation;
use crate::web::responses::{Created, Status};
use crate::web::sets::discard_set;
use crate::web::{AuditNote, query};
use crate::{Error, Result};
use actix_web::{HttpResponse, delete, post, put, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Makes a job.
#[utoipa::path(operation_id = "create_job", tag = "jobs", request_body = JobRequest,
    responses((status = 201, body = Created), (status = 400), (status = 409)))]
#[post("/jobs")]
pub async fn create(app: web::Data<App>, note: AuditNote, body: web::Json<JobRequest>) -> Result<HttpResponse> {
    let request = body.into_inner();
    let job = query(&app.services.db, move |conn| {
        write_transaction(conn, |conn| {
            let new = request.check_new(conn)?;
            jobs::insert(conn, &new)
        })
    })
    .await?;
    note.id(job.id).detail("name", job.name.as_str());
    app.scheduler.do_send(JobsChanged);
    let event = Event::info(Category::Job, "Job Created", format!("Job {} was made", job.name));
    app.services.bus.publish(event.details(serde_json::json!({"job_id": job.id})));
    Ok(HttpResponse::Created().json(Created { id: job.id }))
}

/// Changes what is named of a job.
#[utoipa::path(operation_id = "update_job", tag = "jobs", params(("id" = i32, Path)), request_body = JobRequest,
    responses((status = 200, body = Status), (status = 400), (status = 404), (status = 409)))]
#[put("/jobs/{id}")]
pub async fn update(app: web::Data<App>, id: web::Path<i32>, body: web::Json<JobRequest>) -> Result<web::Json<Status>> {
    let request = body.into_inner();
    query(&app.services.db, move |conn| {
        write_transaction(conn, |conn| {
            let known = jobs::find(conn, *id)?;
            let changes = request.check_changes(conn, &known)?;
            jobs::update(conn, *id, &changes)
        })
    })
    .await?;
    app.scheduler.do_send(JobsChanged);
    Ok(web::Json(Status::new("updated")))
}

/// How a job is deleted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct DeleteQuery {
    /// `true`: also if that forgets sets that are kept. Their tapes count as holding nothing of them any more.
    forget_sets: bool,
}

/// Deletes a job with its sets, their catalog and its executions. Refused while a run has not ended, and while sets of
/// it are kept, unless `forget_sets` says that they may go. What is on tape stays there until the tapes are formatted.
#[utoipa::path(operation_id = "delete_job", tag = "jobs", params(("id" = i32, Path), DeleteQuery),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[delete("/jobs/{id}")]
pub async fn remove(
    app: web::Data<App>,
    id: web::Path<i32>,
    how: web::Query<DeleteQuery>,
) -> Result<web::Json<Status>> {
    let id = id.into_inner();
    let (job, sets) = query(&app.services.db, move |conn| {
        let job = jobs::find(conn, id)?;
        if executions::has_open(conn, id)? {
            let message = format!("job {} has a run that has not ended; cancel it first", job.name);
            return Err(Error::conflict("in_use", message));
        }
        let filter = SetFilter { job_id: Some(id), ..SetFilter::default() };
        let mut sets = Vec::new();
        loop {
            let page = sets::list(conn, &filter, Page { limit: MAX_LIMIT, offset: sets.len() as i64 })?;
            if page.is_empty() {
                break;
            }
            sets.extend(page.into_iter().map(|row| row.set.id));
        }
        if !how.forget_sets {
            may_forget(conn, &job, &sets)?;
        }
        // increments before what they are based on
        sets.sort_unstable_by(|a, b| b.cmp(a));
        Ok((job, sets))
    })
    .await?;
    for set in &sets {
        discard_set(&app, *set).await?;
    }
    query(&app.services.db, move |conn| jobs::delete(conn, id)).await?;
    app.scheduler.do_send(JobsChanged);
    let message = format!("Job {} was deleted, with {} backup sets", job.name, sets.len());
    let event = Event::info(Category::Job, "Job Deleted", message);
    app.services.bus.publish(event.details(serde_json::json!({"job_id": id, "sets": sets})));
    Ok(web::Json(Status::new("deleted")))
}

/// Deleting a job must not make sets expire that nobody has thought of.
fn may_forget(conn: &mut Conn, job: &Job, sets: &[i32]) -> Result<()> {
    let evaluation = Evaluation::read_now(conn)?;
    let kept: Vec<i32> = sets.iter().copied().filter(|set| evaluation.keeps(*set)).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let message = format!(
        "job {} has {} backup sets that are kept; deleting it forgets them, and their tapes may be written anew then. If \
         that is meant, say so: forget_sets=true (`job delete --forget-sets`)",
        job.name,
        kept.len()
    );
    Err(Error::conflict("in_use", message).with_details(serde_json::json!({"kept_sets": kept})))
}
