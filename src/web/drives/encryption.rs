//! Encryption by the drive, set by hand: for what is written to the tape that is in it.

use super::work::{act, enabled};
use crate::app::App;
use crate::auth::Identity;
use crate::db::{encryption_keys, now};
use crate::executions::DriveAction;
use crate::keys::rotation;
use crate::web::query;
use crate::web::work::{Started, Unsaid, WaitQuery};
use crate::{Error, Result};
use actix_web::{HttpResponse, delete, get, post, web};
use serde::{Deserialize, Serialize};
use tape_drive::{DecryptionMode, EncryptionMode};
use utoipa::ToSchema;

/// How a drive encrypts.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct HardwareEncryption {
    /// The drive can encrypt.
    supported: bool,
    /// It encrypts what is written.
    enabled: bool,
    /// `AES-256-GCM`, if it encrypts.
    algorithm: Option<&'static str>,
    /// `on` (reads encrypted blocks only), `mixed` (reads all), `rawread` or `off`.
    mode: &'static str,
    /// Fingerprint of the key in use, or what the one who gave it called it, in hex.
    key_fingerprint: Option<String>,
    /// The same key in the list of keys.
    encryption_key_id: Option<i32>,
    /// Why nothing is known.
    error: Option<String>,
}

/// The key for a drive.
#[derive(Debug, Deserialize, ToSchema)]
pub struct KeyForDrive {
    /// The key.
    encryption_key_id: i32,
}

/// How the drive encrypts, as last seen. Moves nothing.
#[utoipa::path(operation_id = "drive_encryption", tag = "drives", params(("id" = i32, Path)),
    responses((status = 200, body = HardwareEncryption), (status = 404)))]
#[get("/drives/{id}/hardware-encryption")]
pub async fn show(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<HardwareEncryption>> {
    let drive = enabled(&app, *id).await?;
    let seen = match app.services.drives.refresh(drive.id).await {
        Ok(seen) => seen,
        Err(error) => {
            let error = Some(error.message);
            return Ok(web::Json(HardwareEncryption { mode: "off", error, ..HardwareEncryption::default() }));
        }
    };
    let Some(state) = seen.encryption else {
        return Ok(web::Json(HardwareEncryption { mode: "off", ..HardwareEncryption::default() }));
    };
    let enabled = state.mode == EncryptionMode::On;
    let name = state.key_associated_data.map(hex::encode);
    let row = match name.clone() {
        Some(name) => query(&app.services.db, move |conn| encryption_keys::find_by_fingerprint(conn, &name)).await?,
        None => None,
    };
    Ok(web::Json(HardwareEncryption {
        supported: true,
        enabled,
        algorithm: enabled.then_some("AES-256-GCM"),
        mode: match state.decryption {
            DecryptionMode::On => "on",
            DecryptionMode::Mixed => "mixed",
            DecryptionMode::Raw => "rawread",
            DecryptionMode::Off => "off",
        },
        key_fingerprint: name,
        encryption_key_id: row.map(|row| row.id),
        error: None,
    }))
}

/// Lets the drive encrypt what is written from now on to the tape in it, with this key, if a job does not name another. It
/// ends when the tape is ejected, when the drive is reset, and when the server ends. Labels are never encrypted.
#[utoipa::path(operation_id = "set_drive_encryption", tag = "drives", params(("id" = i32, Path), WaitQuery),
    request_body = KeyForDrive,
    responses((status = 200, description = "`{message, drive_id, encryption_key_id}`"), (status = 202, body = Started),
        (status = 400), (status = 404), (status = 409), (status = 422)))]
#[post("/drives/{id}/hardware-encryption")]
pub async fn set(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
    body: web::Json<KeyForDrive>,
) -> Result<HttpResponse> {
    let key = body.encryption_key_id;
    let chosen = move |conn: &mut _| {
        let row = encryption_keys::find(conn, key)
            .map_err(|_| Error::bad_request("encryption_key_id: encryption key not found"))?;
        rotation::fit(conn, &row, now())
    };
    query(&app.services.db, chosen).await?;
    act(&app, &caller, *id, DriveAction::Encrypt { encryption_key_id: key }, *wait, Unsaid::Await).await
}

/// Takes the key away from the drive: what is written from now on is not encrypted by it.
#[utoipa::path(operation_id = "clear_drive_encryption", tag = "drives", params(("id" = i32, Path), WaitQuery),
    responses((status = 200, description = "`{message}`"), (status = 202, body = Started), (status = 404)))]
#[delete("/drives/{id}/hardware-encryption")]
pub async fn clear(
    app: web::Data<App>,
    caller: Identity,
    id: web::Path<i32>,
    wait: web::Query<WaitQuery>,
) -> Result<HttpResponse> {
    act(&app, &caller, *id, DriveAction::Decrypt, *wait, Unsaid::Await).await
}
