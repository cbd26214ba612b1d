//! What drives have done, and what they complain about.

use crate::Result;
use crate::app::App;
use crate::db::drive_health::{self, DriveAlert, DriveStatistics};
use crate::db::tape_health::{self, TapeHealthListed};
use crate::web::query;
use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// Rows of tapes that are told.
const LIMIT: i64 = 200;

/// Counters of a drive, with those that this server does not keep as 0.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statistics {
    #[serde(flatten)]
    counters: DriveStatistics,
    /// How often it was switched on; not kept.
    lifetime_power_cycles: i64,
    /// Bytes of the host for each 100 bytes on the tape, of what it last wrote: 250 is 2.5 to 1. 0: not told.
    write_compression_pct: f64,
    /// The same of what it last read.
    read_compression_pct: f64,
}

/// What a drive has done in its life.
#[utoipa::path(operation_id = "drive_statistics", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = Statistics), (status = 404)))]
#[get("/drives/{id}/statistics")]
pub async fn statistics(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Statistics>> {
    let id = id.into_inner();
    let (counters, (written, read)) = query(&app.services.db, move |conn| {
        Ok((drive_health::statistics(conn, id)?, tape_health::last_ratios(conn, id)?))
    })
    .await?;
    let percent = |ratio: Option<f64>| ratio.map_or(0.0, |ratio| ratio * 100.0);
    Ok(web::Json(Statistics {
        counters,
        lifetime_power_cycles: 0,
        write_compression_pct: percent(written),
        read_compression_pct: percent(read),
    }))
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
