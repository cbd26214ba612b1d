//! Jobs as they are listed and looked at.

use crate::Result;
use crate::app::App;
use crate::db::jobs::{self, JobListed};
use crate::schedule::Schedule;
use crate::web::query;
use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// All jobs by name.
#[utoipa::path(operation_id = "list_jobs", tag = "jobs", responses((status = 200, body = [JobListed])))]
#[get("/jobs")]
pub async fn list(app: web::Data<App>) -> Result<web::Json<Vec<JobListed>>> {
    query(&app.services.db, jobs::list).await.map(web::Json)
}

/// A job, and its schedule in words.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobDetail {
    #[serde(flatten)]
    row: JobListed,
    /// `every day at 02:00 (Europe/Berlin)`; none: only by hand.
    schedule_text: Option<String>,
}

/// One job.
#[utoipa::path(operation_id = "get_job", tag = "jobs", params(("id" = i32, Path)), responses((status = 200, body = JobDetail), (status = 404)))]
#[get("/jobs/{id}")]
pub async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<JobDetail>> {
    let row = query(&app.services.db, move |conn| jobs::find_listed(conn, *id)).await?;
    let cron = row.job.schedule_cron.as_str();
    let schedule = (!cron.is_empty()).then(|| Schedule::parse(cron, &row.job.time_zone));
    let schedule_text = schedule.map(|schedule| match schedule {
        Ok(schedule) => schedule.explain(),
        Err(error) => error.to_string(),
    });
    Ok(web::Json(JobDetail { row, schedule_text }))
}
