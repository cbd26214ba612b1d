//! `/health/ready`: can the server do its work? For whoever decides whether to send somebody here, or to start it again. Public,
//! so without anything that helps an attacker.

use super::super::{Lifecycle, query};
use crate::Result;
use crate::actors::jobs::LookAtWork;
use crate::app::App;
use crate::config::Config;
use crate::db::{DbPool, SchemaState, schema_state};
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Serialize;
use std::time::Duration;

/// What does not answer for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the server can do its work.
#[derive(Serialize)]
struct Readiness {
    /// `ready` or `not_ready`.
    status: &'static str,
    checks: Vec<Check>,
}

/// One of the things that must be so.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    /// `ok` or `error`.
    status: &'static str,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

impl Check {
    fn new(name: &'static str, error: Option<&'static str>) -> Check {
        Check { name, status: if error.is_none() { "ok" } else { "error" }, error }
    }
}

/// 200 if everything is as it must be, otherwise 503; both say what was looked at.
#[get("/health/ready")]
pub async fn ready(
    pool: Data<DbPool>,
    config: Data<Config>,
    lifecycle: Data<Lifecycle>,
    app: Option<Data<App>>,
) -> HttpResponse {
    let mut checks = vec![
        Check::new("running", lifecycle.requested().map(|_| "the server is stopping")),
        Check::new("database", database(&pool, config).await),
    ];
    if let Some(app) = app {
        checks.extend(actors(&app).await);
    }
    let ready = checks.iter().all(|check| check.error.is_none());
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(Readiness { status: if ready { "ready" } else { "not_ready" }, checks })
}

/// It answers, and its tables are those of this program.
async fn database(pool: &DbPool, config: Data<Config>) -> Option<&'static str> {
    let look = query(pool, move |conn| schema_state(conn, &config.database_path()));
    let looked: Option<Result<SchemaState>> = tokio::time::timeout(PATIENCE, look).await.ok();
    match looked {
        Some(Ok(SchemaState::Current)) => None,
        Some(Ok(SchemaState::Behind)) => Some("the tables are those of an older program"),
        Some(Err(error)) if error.code == "database_newer" => Some("the tables are those of a newer program"),
        Some(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            Some("the database does not answer")
        }
        None => Some("the database does not answer in time"),
    }
}

/// The queue answers; clock and catalog are alive.
async fn actors(app: &App) -> [Check; 3] {
    let answered = tokio::time::timeout(PATIENCE, app.jobs.send(LookAtWork)).await;
    let queue = match answered {
        Ok(Ok(_)) => None,
        Ok(Err(_)) => Some("the queue of executions is gone"),
        Err(_) => Some("the queue of executions does not answer in time"),
    };
    let clock = (!app.scheduler.connected()).then_some("the clock is gone");
    let catalog = (!app.services.catalog.connected()).then_some("the writer of the catalog is gone");
    [Check::new("queue", queue), Check::new("scheduler", clock), Check::new("catalog", catalog)]
}
