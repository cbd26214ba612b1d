//! What drives counted of a tape.

use crate::Result;
use crate::app::App;
use crate::db::now;
use crate::db::tape_health::{self, TapeHealth};
use crate::media::wear::{Limits, Wear, of_tape};
use crate::web::query;
use actix_web::{get, web};

/// Rows that are told.
const LIMIT: i64 = 200;

/// What drives counted of a tape: one row for each time that it lay in a drive, the last 200, newest first.
#[utoipa::path(operation_id = "tape_health", tag = "tapes", params(("id" = i32, Path)),
    responses((status = 200, body = [TapeHealth]), (status = 404)))]
#[get("/tapes/{id}/health")]
pub async fn health(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Vec<TapeHealth>>> {
    query(&app.services.db, move |conn| tape_health::of_tape(conn, *id, LIMIT)).await.map(web::Json)
}

/// How much of a tape's life is used, and what speaks against it.
#[utoipa::path(operation_id = "tape_wear", tag = "tapes", params(("id" = i32, Path)),
    responses((status = 200, body = Wear), (status = 404)))]
#[get("/tapes/{id}/wear")]
pub async fn wear(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Wear>> {
    let limits = Limits::from(&app.services.config.maintenance);
    query(&app.services.db, move |conn| of_tape(conn, *id, limits, now())).await.map(web::Json)
}
