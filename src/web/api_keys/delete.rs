//! Deleting an API key.

use crate::Result;
use crate::db::{DbPool, api_keys};
use crate::web::query;
use crate::web::responses::Status;
use actix_web::delete;
use actix_web::web::{Data, Json, Path};

/// Delete an API key; whoever uses it is out at once.
#[utoipa::path(tag = "api-keys", responses((status = 200, body = Status), (status = 404)))]
#[delete("/api-keys/{id}")]
pub async fn delete_api_key(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Status>> {
    query(&pool, move |conn| api_keys::delete(conn, *id)).await?;
    Ok(Json(Status::new("deleted")))
}
