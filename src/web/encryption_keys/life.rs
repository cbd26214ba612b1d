//! Changing how long a key is used, and rotating it.

use crate::Result;
use crate::db::DbPool;
use crate::db::encryption_keys::{self, EncryptionKey, KeyChanges};
use crate::events::Bus;
use crate::keys::{KeyStore, rotation};
use crate::web::moment::{Day, moment};
use crate::web::{AuditNote, fields, query};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, post, put};
use serde::{Deserialize, Serialize};

/// The longest time, in days, after which a key rotates.
const LONGEST_DAYS: i32 = 36_500;

/// How long a key is used. What is not named stays as it is.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct KeyLife {
    /// From then on nothing new is encrypted with it: a day (`2026-11-20`, of which it is still used) or a time; null: never.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    expires_at: Option<Option<String>>,
    /// So many days after it was made, or when it has expired, another key takes its place by itself; null: only by hand.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<i32>)]
    rotate_after_days: Option<Option<i32>>,
}

impl KeyLife {
    /// The changes it asks for.
    pub fn check(&self) -> Result<KeyChanges> {
        let expires_at = match &self.expires_at {
            None => None,
            Some(text) => Some(moment("expires_at", text.as_deref(), Day::End).map_err(fields::about("expires_at"))?),
        };
        if self.rotate_after_days.flatten().is_some_and(|days| !(1..=LONGEST_DAYS).contains(&days)) {
            let message = format!("rotate_after_days must be 1 to {LONGEST_DAYS}, or null");
            return Err(fields::invalid("rotate_after_days", message));
        }
        Ok(KeyChanges { expires_at, rotate_after_days: self.rotate_after_days, description: None })
    }
}

/// What to change of a key; what is not named stays as it is.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct ChangeKey {
    /// What it is for; null or empty: nothing.
    #[serde(default, deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    #[serde(flatten)]
    life: KeyLife,
}

/// Change what a key is for and how long it is used. The key itself never changes.
#[utoipa::path(tag = "encryption-keys", params(("id" = i32, Path)), request_body = ChangeKey,
    responses((status = 200, body = EncryptionKey), (status = 400), (status = 404)))]
#[put("/encryption-keys/{id}")]
pub async fn change_encryption_key(
    pool: Data<DbPool>,
    id: Path<i32>,
    note: AuditNote,
    body: Json<ChangeKey>,
) -> Result<Json<EncryptionKey>> {
    let body = body.into_inner();
    let mut changes = body.life.check()?;
    changes.description = body.description.map(fields::text);
    if let Some(end) = changes.expires_at {
        note.detail("expires_at", end.map(|end| crate::db::time::to_rfc3339(&end)));
    }
    if let Some(days) = changes.rotate_after_days {
        note.detail("rotate_after_days", days);
    }
    Ok(Json(query(&pool, move |conn| encryption_keys::update(conn, *id, &changes)).await?))
}

/// How a key is to be rotated.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct RotateKey {
    /// Name of the new key; none: that of the old one, with the next number.
    name: Option<String>,
    /// Until when the new key is used, like that of a key; not named: as long after it is made as the old one was to be.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    expires_at: Option<Option<String>>,
}

/// A rotation.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RotatedKey {
    /// The new key.
    key: EncryptionKey,
    /// The one it replaces, which stays for what it encrypted.
    replaced: EncryptionKey,
    /// Jobs that encrypt with the new one from their next run on.
    jobs: usize,
    message: &'static str,
}

/// Make a new key that takes the place of this one: jobs encrypt with it from their next run on. This one stays, for what
/// it encrypted.
#[utoipa::path(tag = "encryption-keys", params(("id" = i32, Path)), request_body = RotateKey,
    responses((status = 201, body = RotatedKey), (status = 404), (status = 409, description = "It was replaced already")))]
#[post("/encryption-keys/{id}/rotate")]
pub async fn rotate_encryption_key(
    pool: Data<DbPool>,
    store: Data<KeyStore>,
    bus: Data<Bus>,
    id: Path<i32>,
    note: AuditNote,
    body: Json<RotateKey>,
) -> Result<HttpResponse> {
    let RotateKey { name, expires_at } = body.into_inner();
    let expires_at = KeyLife { expires_at, rotate_after_days: None }.check()?.expires_at;
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.map(|name| fields::name("name", Some(&name))).transpose()?;
    let done = query(&pool, move |conn| rotation::rotate(&store, conn, *id, name.as_deref(), expires_at)).await?;
    note.detail("successor_id", done.new.id).detail("fingerprint", done.new.key_fingerprint.as_str());
    bus.publish(done.event());
    Ok(HttpResponse::Created().json(RotatedKey {
        key: done.new,
        replaced: done.old,
        jobs: done.jobs,
        message: "Print a new key sheet and keep it away from the tapes.",
    }))
}
