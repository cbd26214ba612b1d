//! Making an API key.

use crate::auth::api_key;
use crate::db::api_keys::{self, ApiKey, NewApiKey};
use crate::db::{DbPool, Role, now};
use crate::web::{AuditNote, query};
use crate::{Error, Result};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};

const LONGEST_LIFE_DAYS: i64 = 36_500;

/// An API key to be made.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct CreateApiKey {
    /// What it is for.
    name: String,
    /// What it may do.
    #[serde(default = "readonly")]
    role: Role,
    /// After so many days it counts no more; absent: never.
    expires_in_days: Option<i64>,
}

fn readonly() -> Role {
    Role::Readonly
}

/// A new API key: the one moment when the key itself is seen.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CreatedApiKey {
    /// To be sent as `X-API-Key`.
    key: String,
    /// What is kept of it.
    api_key: ApiKey,
    message: &'static str,
}

/// Make an API key.
#[utoipa::path(tag = "api-keys", responses((status = 201, body = CreatedApiKey)))]
#[post("/api-keys")]
pub async fn create_api_key(pool: Data<DbPool>, note: AuditNote, body: Json<CreateApiKey>) -> Result<HttpResponse> {
    note.detail("name", body.name.as_str()).detail("role", body.role.as_str());
    if body.name.trim().is_empty() {
        return Err(Error::bad_request("the API key needs a name"));
    }
    let expires_at = body.expires_in_days.map(end_of_life).transpose()?;
    let made = api_key::generate()?;
    let new = NewApiKey {
        name: body.name.trim().into(),
        key_hash: made.hash,
        key_prefix: made.prefix,
        role: body.role,
        expires_at,
    };
    let api_key = query(&pool, move |conn| api_keys::insert(conn, &new)).await?;
    note.id(api_key.id);
    let message = "Store this key securely - it will not be shown again";
    Ok(HttpResponse::Created().json(CreatedApiKey { key: made.key, api_key, message }))
}

fn end_of_life(days: i64) -> Result<NaiveDateTime> {
    let life = TimeDelta::try_days(days).filter(|_| (1..=LONGEST_LIFE_DAYS).contains(&days));
    life.and_then(|life| now().checked_add_signed(life)).ok_or_else(|| {
        Error::bad_request(format!("expires_in_days = {days} is not accepted: expected 1 to {LONGEST_LIFE_DAYS}"))
    })
}
