//! Making and importing encryption keys.

use super::life::KeyLife;
use crate::Result;
use crate::db::encryption_keys::{self, EncryptionKey};
use crate::db::{DbPool, now, write_transaction};
use crate::events::{Bus, Category, Event};
use crate::keys::KeyStore;
use crate::web::fields::invalid;
use crate::web::{AuditNote, query};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A key to be made.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct CreateKey {
    /// Unique.
    name: String,
    /// What it is for.
    description: Option<String>,
    #[serde(flatten)]
    life: KeyLife,
}

/// A key that exists elsewhere.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct ImportKey {
    /// Unique.
    name: String,
    /// Base64 of its 32 bytes.
    key_base64: String,
    /// What it is for.
    description: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CreatedKey {
    key: EncryptionKey,
    /// The secret.
    key_base64: String,
    message: &'static str,
}

/// A key that was just imported.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ImportedKey {
    key: EncryptionKey,
    message: &'static str,
}

/// Make an encryption key.
#[utoipa::path(tag = "encryption-keys", responses((status = 201, body = CreatedKey), (status = 409, description = "The name is taken")))]
#[post("/encryption-keys")]
pub async fn create_encryption_key(
    pool: Data<DbPool>,
    store: Data<KeyStore>,
    bus: Data<Bus>,
    note: AuditNote,
    body: Json<CreateKey>,
) -> Result<HttpResponse> {
    note.detail("name", body.name.as_str());
    let make = move |conn: &mut _| {
        let life = body.life.check()?;
        if life.expires_at.flatten().is_some_and(|end| end <= now()) {
            return Err(invalid("expires_at", "a new key cannot have expired already"));
        }
        write_transaction(conn, |conn| {
            let (key, secret) = store.create(conn, &body.name, body.description.as_deref())?;
            Ok((encryption_keys::update(conn, key.id, &life)?, secret))
        })
    };
    let (key, secret) = query(&pool, make).await?;
    announce(&bus, &note, &key, "Encryption Key Created");
    let message = "IMPORTANT: Save this key securely. It will not be shown again.";
    let key_base64 = STANDARD.encode(secret.bytes());
    Ok(HttpResponse::Created().json(CreatedKey { key, key_base64, message }))
}

/// Import an encryption key, for example from a key sheet.
#[utoipa::path(tag = "encryption-keys", responses((status = 201, body = ImportedKey), (status = 400, description = "Not a key")))]
#[post("/encryption-keys/import")]
pub async fn import_encryption_key(
    pool: Data<DbPool>,
    store: Data<KeyStore>,
    bus: Data<Bus>,
    note: AuditNote,
    body: Json<ImportKey>,
) -> Result<HttpResponse> {
    note.detail("name", body.name.as_str());
    let import = move |conn: &mut _| store.import(conn, &body.name, &body.key_base64, body.description.as_deref());
    let key = query(&pool, import).await?;
    announce(&bus, &note, &key, "Encryption Key Imported");
    Ok(HttpResponse::Created().json(ImportedKey { key, message: "Key imported" }))
}

fn announce(bus: &Bus, note: &AuditNote, key: &EncryptionKey, title: &str) {
    note.id(key.id).detail("fingerprint", key.key_fingerprint.as_str());
    bus.publish(news(key, title));
}

/// What people are told of a new key.
pub fn news(key: &EncryptionKey, title: &str) -> Event {
    let message = format!("'{}': print a new key sheet and keep it away from the tapes", key.name);
    let details = json!({"encryption_key_id": key.id, "fingerprint": key.key_fingerprint});
    Event::info(Category::Encryption, title, message).details(details)
}
