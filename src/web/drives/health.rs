//! What drives have done, and what they complain about.

use crate::Result;
use crate::app::App;
use crate::db::drive_health::{self, DriveAlert, DriveStatistics};
use crate::db::tape_health::{self, TapeHealthListed};
use crate::web::query;
use actix_web::{get, web};

/// Rows of tapes that are told.
const LIMIT: i64 = 200;

/// What a drive has done in its life.
#[utoipa::path(operation_id = "drive_statistics", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = DriveStatistics), (status = 404)))]
#[get("/drives/{id}/statistics")]
pub async fn statistics(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<DriveStatistics>> {
    query(&app.services.db, move |conn| drive_health::statistics(conn, *id)).await.map(web::Json)
}

/// The last 50 alerts of a drive, newest first.
#[utoipa::path(operation_id = "drive_alerts", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = [DriveAlert]), (status = 404)))]
#[get("/drives/{id}/alerts")]
pub async fn alerts(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Vec<DriveAlert>>> {
    query(&app.services.db, move |conn| drive_health::alerts(conn, *id)).await.map(web::Json)
}

/// What this drive counted of tapes: one row for each time that one lay in it, the last 200, newest first.
#[utoipa::path(operation_id = "drive_tape_health", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = [TapeHealthListed]), (status = 404)))]
#[get("/drives/{id}/tape-health")]
pub async fn tapes(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Vec<TapeHealthListed>>> {
    query(&app.services.db, move |conn| tape_health::of_drive(conn, *id, LIMIT)).await.map(web::Json)
}
