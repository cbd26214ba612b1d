//! Keys that were found on tapes, closed with a passphrase.

use crate::Result;
use crate::db::DbPool;
use crate::db::encryption_keys::EncryptionKey;
use crate::db::locked_keys::{self, Found};
use crate::events::Bus;
use crate::keys::{KeyStore, locks};
use crate::web::{AuditNote, query};
use actix_web::web::{Data, Json};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Keys that a rebuild of the catalog found on tapes, closed with a passphrase, and that this server does not have.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, body = [Found])))]
#[get("/encryption-keys/locked")]
pub async fn list_locked_keys(pool: Data<DbPool>) -> Result<Json<Vec<Found>>> {
    Ok(Json(query(&pool, locked_keys::missing).await?))
}

/// What opens them.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct UnlockKeys {
    /// The passphrase that the pool of the tapes had when they were written.
    passphrase: String,
}

/// What it opened.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UnlockedKeys {
    /// Keys that are on this server now.
    keys: Vec<EncryptionKey>,
    /// How many are still locked: by another passphrase.
    still_locked: usize,
    message: &'static str,
}

/// Import the keys that were found on tapes and that a passphrase opens.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, body = UnlockedKeys),
    (status = 404, description = "There is none that is not here already"),
    (status = 422, description = "The passphrase opens none of them")))]
#[post("/encryption-keys/unlock")]
pub async fn unlock_encryption_keys(
    pool: Data<DbPool>,
    store: Data<KeyStore>,
    bus: Data<Bus>,
    note: AuditNote,
    body: Json<UnlockKeys>,
) -> Result<Json<UnlockedKeys>> {
    let passphrase = Zeroizing::new(body.into_inner().passphrase);
    let found = query(&pool, locked_keys::missing).await?;
    if found.is_empty() {
        return Err(crate::Error::not_found(
            "a key on a tape, closed with a passphrase, that this server does not have",
        ));
    }
    let opened = query::block(move || locks::open(found, &passphrase)).await?;
    let import = move |conn: &mut _| {
        let keys = locks::import(&store, conn, &opened)?;
        let mut left: Vec<String> = locked_keys::missing(conn)?.into_iter().map(|row| row.key_fingerprint).collect();
        left.sort_unstable();
        left.dedup();
        Ok((keys, left.len()))
    };
    let (keys, still_locked) = query(&pool, import).await?;
    for key in &keys {
        bus.publish(super::create::news(key, "Encryption Key Imported"));
    }
    let fingerprints: Vec<&str> = keys.iter().map(|key| key.key_fingerprint.as_str()).collect();
    note.detail("fingerprints", fingerprints);
    let message = "Rebuild the catalog from the tapes again: what these keys encrypted is read now.";
    Ok(Json(UnlockedKeys { keys, still_locked, message }))
}
