//! Listing API keys; the keys themselves are not known.

use crate::Result;
use crate::db::DbPool;
use crate::db::api_keys::{self, ApiKey};
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json};

/// All API keys, newest first.
#[utoipa::path(tag = "api-keys", responses((status = 200, body = Vec<ApiKey>)))]
#[get("/api-keys")]
pub async fn list_api_keys(pool: Data<DbPool>) -> Result<Json<Vec<ApiKey>>> {
    Ok(Json(query(&pool, api_keys::list).await?))
}
