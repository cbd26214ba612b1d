//! `/maintenance`: what is put away and checked, and when.

use super::Routes;
use super::optional_body::OptionalBody;
use super::query;
use super::responses::Status;
use super::work::{Started, Unsaid, WaitQuery, Work};
use crate::Result;
use crate::app::App;
use crate::auth::Identity;
use crate::clock;
use crate::db::Page;
use crate::db::executions::{self, Execution, ExecutionFilter};
use crate::db::upkeep::{self, Size};
use crate::executions::{Chore, MaintenanceRequest, Request, last_check};
use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(show).add(run).add(believe_clock)
}

/// How the database and its upkeep are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Maintenance {
    /// The schedule; empty: only by hand.
    schedule: String,
    /// The same in words.
    schedule_text: Option<String>,
    /// When it is due next.
    next_run_at: Option<DateTime<Utc>>,
    /// The last run, whatever it did.
    last_run: Option<Execution>,
    /// The last check of the database: `{kind, ok, problems, at, seconds}`.
    #[schema(value_type = Option<Object>)]
    last_check: Option<serde_json::Value>,
    /// The execution that made it.
    last_check_execution_id: Option<i32>,
    /// How large the database is.
    database: Size,
    /// Bytes of its write-ahead log.
    wal_bytes: u64,
    /// If the clock is too far ahead to be believed where data is let go: until when time was seen to go by.
    clock_believed_until: Option<DateTime<Utc>>,
}

/// When maintenance runs, what it did last, and how the database is.
#[utoipa::path(operation_id = "get_maintenance", tag = "maintenance", responses((status = 200, body = Maintenance)))]
#[get("/maintenance")]
async fn show(app: web::Data<App>) -> Result<web::Json<Maintenance>> {
    let config = app.services.config.clone();
    query(&app.services.db, move |conn| {
        // it was understood when the server started
        let schedule = config.maintenance.schedule().unwrap_or_default();
        let mut wal = config.database_path().into_os_string();
        wal.push("-wal");
        let filter = ExecutionFilter { kind: Some("maintenance".into()), ..ExecutionFilter::default() };
        let (last_check_execution_id, check) = last_check(conn)?.unzip();
        Ok(Maintenance {
            schedule: config.maintenance.schedule.clone(),
            schedule_text: schedule.as_ref().map(crate::schedule::Schedule::explain),
            next_run_at: schedule.and_then(|schedule| schedule.next_after(Utc::now())),
            last_run: executions::list(conn, &filter, Page::first(1))?.pop().map(|row| row.execution),
            last_check: check,
            last_check_execution_id,
            database: upkeep::size(conn)?,
            clock_believed_until: clock::doubt(conn)?.map(|doubt| doubt.believed.and_utc()),
            wal_bytes: std::fs::metadata(wal).map(|wal| wal.len()).unwrap_or(0),
        })
    })
    .await
    .map(web::Json)
}

/// What is to be done.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct RunMaintenanceBody {
    /// These; none: what the schedule does every day.
    chores: Vec<Chore>,
}

/// Does maintenance now.
#[utoipa::path(operation_id = "run_maintenance", tag = "maintenance", params(WaitQuery), request_body = RunMaintenanceBody,
    responses((status = 202, body = Started), (status = 400), (status = 409)))]
#[post("/maintenance/run")]
async fn run(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: OptionalBody<RunMaintenanceBody>,
) -> Result<HttpResponse> {
    let request = Request::Maintenance(MaintenanceRequest { chores: body.0.chores });
    Work::new(request, "Maintenance", "Maintenance started").answer(&app, &caller, *wait, Unsaid::Start).await
}

/// Says that the clock is right. Where it was too far ahead to be believed, data expires by it from now on.
#[utoipa::path(operation_id = "believe_clock", tag = "maintenance", responses((status = 200, body = Status)))]
#[post("/maintenance/believe-clock")]
async fn believe_clock(app: web::Data<App>) -> Result<web::Json<Status>> {
    query(&app.services.db, clock::believe).await?;
    Ok(web::Json(Status::new("believed")))
}
