//! Is the server alive, and is it well? Public, so without anything that helps an attacker.

mod ready;

use super::{Routes, query};
use crate::Result;
use crate::db::{Conn, DbPool, drives, now, time, users};
use actix_web::web::{Data, Json, ServiceConfig};
use actix_web::{HttpResponse, get};
use chrono::NaiveDateTime;
use serde::Serialize;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(health)
}

/// What stands beside the API, for those who look after processes.
pub(super) fn configure(config: &mut ServiceConfig) {
    config.service(alive).service(live).service(ready::ready);
}

/// `{"status": "ok"}` as long as the process answers.
#[get("/health")]
async fn alive() -> Json<super::responses::Status> {
    Json(super::responses::Status::new("ok"))
}

/// The same, under the name that others look for.
#[get("/health/live")]
async fn live() -> Json<super::responses::Status> {
    Json(super::responses::Status::new("ok"))
}

/// How the server is.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok` or `degraded`.
    status: &'static str,
    #[serde(serialize_with = "time::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    timestamp: NaiveDateTime,
    components: Components,
}

/// How its parts are.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Components {
    database: DatabaseHealth,
    tape: TapeHealth,
}

/// How the database is.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DatabaseHealth {
    /// `ok` or `error`.
    status: &'static str,
    /// How many users there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<usize>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// How the drives are.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = DrivesHealth)]
pub struct TapeHealth {
    /// `ok`, `error` (a drive is), or `unknown` (the database is not there).
    status: &'static str,
    /// How many drives there are.
    drives: usize,
}

/// How is the server? 503 when it is not well.
#[utoipa::path(tag = "system", responses((status = 200, body = Health), (status = 503, body = Health)))]
#[get("/health")]
pub async fn health(pool: Data<DbPool>) -> HttpResponse {
    let components = query(&pool, look).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the database does not answer");
        let database = DatabaseHealth { status: "error", users: None, error: Some("the database does not answer") };
        Components { database, tape: TapeHealth { status: "unknown", drives: 0 } }
    });
    let well = components.database.status == "ok";
    let status = if well { "ok" } else { "degraded" };
    let mut response = if well { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(Health { status, timestamp: now(), components })
}

fn look(conn: &mut Conn) -> Result<Components> {
    let users = users::list(conn)?.len();
    let drives = drives::list(conn)?;
    let broken = drives.iter().any(|drive| drive.drive.enabled && drive.drive.status == crate::db::DriveStatus::Error);
    Ok(Components {
        database: DatabaseHealth { status: "ok", users: Some(users), error: None },
        tape: TapeHealth { status: if broken { "error" } else { "ok" }, drives: drives.len() },
    })
}
