//! `/dashboard`: the numbers of the first page.

mod attention;
mod loaded;

use super::{Routes, query};
use crate::Result;
use crate::actors::drive::DriveSnapshot;
use crate::app::App;
use crate::db::dashboard::{self, DashboardCounts};
use crate::db::pools::{self, PoolStorage};
use crate::db::time::rfc3339_option;
use crate::db::{drives, executions, jobs};
use actix_web::{get, web};
use chrono::NaiveDateTime;
use loaded::LoadedTape;
use serde::Serialize;
use utoipa::ToSchema;

/// Runs to come that are told.
const MOST_NEXT: i64 = 10;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(show).add(attention::needs)
}

/// The numbers of the first page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dashboard {
    #[serde(flatten)]
    counts: DashboardCounts,
    /// Of all drives together: `busy`, `online`, `error` or `offline`.
    drive_status: &'static str,
    #[serde(flatten)]
    loaded: LoadedTape,
    /// What the tapes of each pool hold.
    pool_storage: Vec<PoolNumbers>,
    /// Each drive.
    drives: Vec<DriveNumbers>,
    /// Work that has not ended.
    active_executions: i64,
    /// Jobs that are due next, soonest first.
    next_runs: Vec<NextRun>,
}

/// What the tapes of a pool hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct PoolNumbers {
    /// The pool.
    id: i32,
    /// Its name.
    name: String,
    #[serde(flatten)]
    storage: PoolStorage,
}

/// A drive at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriveNumbers {
    /// The drive.
    id: i32,
    /// What people call it.
    name: String,
    /// `busy`, `online`, `error` or `offline`.
    status: &'static str,
    /// Label of the tape in it.
    tape: Option<String>,
    /// The execution that uses it.
    execution_id: Option<i32>,
}

/// When a job is due next.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextRun {
    /// The job.
    job_id: i32,
    /// Its name.
    job_name: String,
    /// When.
    #[serde(serialize_with = "rfc3339_option")]
    next_run_at: Option<NaiveDateTime>,
}

/// What the drives are doing, told as one word: the most active of them.
fn together(states: &[&'static str]) -> &'static str {
    ["busy", "online", "error"].into_iter().find(|word| states.contains(word)).unwrap_or("offline")
}

/// The numbers of the first page. Asking moves no tape.
#[utoipa::path(operation_id = "dashboard", tag = "dashboard", responses((status = 200, body = Dashboard)))]
#[get("/dashboard")]
pub async fn show(app: web::Data<App>) -> Result<web::Json<Dashboard>> {
    let seen = app.services.drives.snapshots().await;
    let dashboard = query(&app.services.db, move |conn| {
        let mut shown = Vec::new();
        for drive in drives::all(conn)?.into_iter().filter(|drive| drive.enabled) {
            let seen = seen.iter().find(|seen| seen.drive_id == drive.id);
            shown.push(DriveNumbers {
                id: drive.id,
                name: drive.name().to_string(),
                status: seen.map_or("offline", DriveSnapshot::state),
                tape: seen.and_then(|seen| seen.label.as_ref()).map(|label| label.label.clone()),
                execution_id: seen.and_then(|seen| seen.execution_id),
            });
        }
        let pool_numbers =
            |row: pools::PoolListed| PoolNumbers { id: row.pool.id, name: row.pool.name, storage: row.storage };
        let next_runs = jobs::due_next(conn, MOST_NEXT)?
            .into_iter()
            .map(|(job_id, job_name, next_run_at)| NextRun { job_id, job_name, next_run_at })
            .collect();
        Ok(Dashboard {
            counts: dashboard::counts(conn)?,
            drive_status: together(&shown.iter().map(|drive| drive.status).collect::<Vec<_>>()),
            loaded: LoadedTape::first(conn, &seen)?,
            pool_storage: pools::list(conn)?.into_iter().map(pool_numbers).collect(),
            drives: shown,
            active_executions: executions::count_active(conn)?,
            next_runs,
        })
    });
    dashboard.await.map(web::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_drive_at_work_is_what_people_want_to_know() {
        assert_eq!(together(&["offline", "busy", "error"]), "busy");
        assert_eq!(together(&["error", "online"]), "online");
        assert_eq!(together(&["offline", "error"]), "error");
        assert_eq!(together(&[]), "offline");
    }
}
