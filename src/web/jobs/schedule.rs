//! When schedules are due.

use crate::Result;
use crate::app::App;
use crate::db::jobs;
use crate::schedule::{Schedule, ScheduleError};
use crate::web::fields::invalid;
use crate::web::query;
use actix_web::{get, post, web};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Runs shown at most.
const MOST_RUNS: usize = 100;

/// Reads a schedule; 400 says what is wrong and where.
pub fn parse(cron: &str, zone: &str) -> Result<Schedule> {
    Schedule::parse(cron, zone).map_err(|error| match error {
        ScheduleError::UnknownTimeZone { .. } => invalid("time_zone", error.to_string()),
        _ => invalid("schedule_cron", format!("invalid cron expression: {error}")),
    })
}

/// How many.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CountQuery {
    /// Runs to show, at most 100; 10 unless said otherwise.
    count: Option<usize>,
}

/// When a schedule is due.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextRuns {
    /// The expression.
    schedule_cron: String,
    /// The zone it is read in.
    time_zone: String,
    /// In words: `every day at 02:00 (UTC)`.
    text: String,
    /// The next runs, UTC.
    runs: Vec<DateTime<Utc>>,
    /// The same in the zone of the schedule.
    local: Vec<String>,
}

impl NextRuns {
    fn new(schedule: &Schedule, count: Option<usize>) -> NextRuns {
        let runs = schedule.preview(Utc::now(), count.unwrap_or(10).clamp(1, MOST_RUNS));
        NextRuns {
            schedule_cron: schedule.cron().to_string(),
            time_zone: schedule.zone().name().to_string(),
            text: schedule.explain(),
            runs: runs.iter().map(|run| run.with_timezone(&Utc)).collect(),
            local: runs.iter().map(|run| run.to_rfc3339_opts(SecondsFormat::Secs, false)).collect(),
        }
    }
}

/// When a job is due next, whether its schedule is enabled or not.
#[utoipa::path(operation_id = "next_runs_of_job", tag = "jobs", params(("id" = i32, Path), CountQuery),
    responses((status = 200, body = NextRuns), (status = 404)))]
#[get("/jobs/{id}/next-runs")]
pub async fn next_runs(
    app: web::Data<App>,
    id: web::Path<i32>,
    wanted: web::Query<CountQuery>,
) -> Result<web::Json<NextRuns>> {
    let job = query(&app.services.db, move |conn| jobs::find(conn, *id)).await?;
    if job.schedule_cron.is_empty() {
        let none = NextRuns {
            schedule_cron: String::new(),
            time_zone: job.time_zone,
            text: "only by hand".into(),
            runs: Vec::new(),
            local: Vec::new(),
        };
        return Ok(web::Json(none));
    }
    Ok(web::Json(NextRuns::new(&parse(&job.schedule_cron, &job.time_zone)?, wanted.count)))
}

/// A schedule to be tried.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScheduleRequest {
    /// The expression. Required.
    schedule_cron: String,
    /// The zone it is read in; `UTC` unless said otherwise.
    time_zone: String,
    /// Runs to show, at most 100; 10 unless said otherwise.
    count: Option<usize>,
}

/// When a schedule would be due; 400 says what is wrong with it and where.
#[utoipa::path(operation_id = "preview_schedule", tag = "jobs", request_body = ScheduleRequest,
    responses((status = 200, body = NextRuns), (status = 400)))]
#[post("/jobs/preview-schedule")]
pub async fn preview_schedule(body: web::Json<ScheduleRequest>) -> Result<web::Json<NextRuns>> {
    if body.schedule_cron.trim().is_empty() {
        return Err(invalid("schedule_cron", "schedule_cron is required"));
    }
    Ok(web::Json(NextRuns::new(&parse(&body.schedule_cron, &body.time_zone)?, body.count)))
}
