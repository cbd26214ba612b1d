//! Listing encryption keys and what needs them, without the keys.

use crate::Result;
use crate::db::DbPool;
use crate::db::key_uses::{self, KeyListed, KeyUses};
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;

/// All keys.
#[derive(Serialize, utoipa::ToSchema)]
pub struct KeyList {
    keys: Vec<KeyListed>,
}

/// All encryption keys by name: fingerprints and what needs them, no secrets.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, body = KeyList)))]
#[get("/encryption-keys")]
pub async fn list_encryption_keys(pool: Data<DbPool>) -> Result<Json<KeyList>> {
    Ok(Json(KeyList { keys: query(&pool, key_uses::list).await? }))
}

/// The jobs and tapes that need a key.
#[utoipa::path(tag = "encryption-keys", params(("id" = i32, Path)), responses((status = 200, body = KeyUses), (status = 404)))]
#[get("/encryption-keys/{id}/uses")]
pub async fn encryption_key_uses(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<KeyUses>> {
    Ok(Json(query(&pool, move |conn| key_uses::of(conn, *id)).await?))
}
