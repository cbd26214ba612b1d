//! Deleting a user.

use crate::Result;
use crate::db::{DbPool, users};
use crate::web::query;
use crate::web::responses::Status;
use actix_web::delete;
use actix_web::web::{Data, Json, Path};

/// Delete a user. What they did stays in the audit log under their name. Refused for the last administrator.
#[utoipa::path(tag = "users", responses((status = 200, body = Status), (status = 409, description = "The last administrator")))]
#[delete("/users/{id}")]
pub async fn delete_user(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Status>> {
    query(&pool, move |conn| users::delete(conn, *id)).await?;
    Ok(Json(Status::new("deleted")))
}
