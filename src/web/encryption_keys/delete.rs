//! Deleting an encryption key.

use crate::Result;
use crate::db::{DbPool, encryption_keys};
use crate::web::query;
use crate::web::responses::Message;
use actix_web::delete;
use actix_web::web::{Data, Json, Path};

/// Delete an encryption key that no job uses and no set needs.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, body = Message), (status = 409, description = "In use")))]
#[delete("/encryption-keys/{id}")]
pub async fn delete_encryption_key(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Message>> {
    query(&pool, move |conn| encryption_keys::delete(conn, *id)).await?;
    Ok(Json(Message::new("Key deleted")))
}
