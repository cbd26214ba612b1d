//! Changing settings.

use super::get::NOTIFICATIONS;
use crate::Result;
use crate::config::Sources;
use crate::db::{Conn, DbPool, settings, write_transaction};
use crate::keys::KeyStore;
use crate::notify::{self, Bell};
use crate::web::{AuditNote, query};
use actix_web::put;
use actix_web::web::{Data, Json};
use serde::Serialize;
use serde_json::Value;

/// What was changed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SettingsChanged {
    status: &'static str,
    note: String,
    /// The keys that have a new value.
    changed: Vec<String>,
}

/// Change settings: only what is named, all of it or nothing; null brings file or default back. Takes effect at the next
/// start.
#[utoipa::path(
    tag = "settings",
    request_body = Object,
    responses((status = 200, body = SettingsChanged), (status = 400, description = "Unknown key or wrong value, by name"))
)]
#[put("/settings")]
pub async fn update_settings(
    pool: Data<DbPool>,
    sources: Data<Sources>,
    keys: Data<KeyStore>,
    bell: Data<Bell>,
    note: AuditNote,
    body: Json<Value>,
) -> Result<Json<SettingsChanged>> {
    let mut request = body.into_inner();
    let notifications = request.as_object_mut().and_then(|fields| fields.remove(NOTIFICATIONS));
    let store = move |conn: &mut Conn| {
        write_transaction(conn, |conn| {
            let change = sources.change(&settings::list(conn)?, &request)?;
            for (key, value) in &change.values {
                settings::set(conn, key, value)?;
            }
            for key in &change.forgotten {
                settings::delete(conn, key)?;
            }
            let at_once = match notifications {
                Some(wanted) => notify::settings::change(conn, &keys, &wanted)?,
                None => Vec::new(),
            };
            Ok((change, at_once))
        })
    };
    let (change, at_once) = query(&pool, store).await?;
    let mut changed: Vec<String> = change.values.into_keys().chain(change.forgotten).collect();
    let words = match (changed.is_empty(), at_once.is_empty()) {
        (true, false) => "the changes are in force".into(),
        _ => words(&changed, &change.fixed),
    };
    if !at_once.is_empty() {
        bell.ring();
    }
    changed.extend(at_once);
    note.detail("changed", changed.clone());
    Ok(Json(SettingsChanged { status: "configuration saved", note: words, changed }))
}

fn words(changed: &[String], fixed: &[String]) -> String {
    if changed.is_empty() {
        return "nothing was changed".into();
    }
    if fixed.is_empty() {
        return "the changes take effect after a restart".into();
    }
    format!("the changes take effect after a restart, but environment or command line hold {}", fixed.join(", "))
}
