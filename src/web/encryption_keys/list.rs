//! Listing encryption keys, without the keys.

use crate::Result;
use crate::db::DbPool;
use crate::db::encryption_keys::{self, EncryptionKey};
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json};
use serde::Serialize;

/// All keys.
#[derive(Serialize, utoipa::ToSchema)]
pub struct KeyList {
    keys: Vec<EncryptionKey>,
}

/// All encryption keys by name: fingerprints, no secrets.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, body = KeyList)))]
#[get("/encryption-keys")]
pub async fn list_encryption_keys(pool: Data<DbPool>) -> Result<Json<KeyList>> {
    Ok(Json(KeyList { keys: query(&pool, encryption_keys::list).await? }))
}
