//! The latest events.

use crate::Result;
use crate::db::{DbPool, events};
use crate::events::StoredEvent;
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json};

/// How many there are.
const RECENT: i64 = 200;

/// The latest 200 events, oldest first.
#[utoipa::path(tag = "events", responses((status = 200, body = Vec<StoredEvent>)))]
#[get("/events")]
pub async fn list_events(pool: Data<DbPool>) -> Result<Json<Vec<StoredEvent>>> {
    let rows = query(&pool, |conn| events::recent(conn, RECENT)).await?;
    Ok(Json(rows.into_iter().map(StoredEvent::from).collect()))
}
