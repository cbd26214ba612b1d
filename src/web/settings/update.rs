//! Changing settings.

use crate::Result;
use crate::config::Sources;
use crate::db::{DbPool, settings, write_transaction};
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
    note: AuditNote,
    body: Json<Value>,
) -> Result<Json<SettingsChanged>> {
    let store = move |conn: &mut _| {
        write_transaction(conn, |conn| {
            let change = sources.change(&settings::list(conn)?, &body)?;
            for (key, value) in &change.values {
                settings::set(conn, key, value)?;
            }
            for key in &change.forgotten {
                settings::delete(conn, key)?;
            }
            Ok(change)
        })
    };
    let change = query(&pool, store).await?;
    let changed: Vec<String> = change.values.into_keys().chain(change.forgotten).collect();
    note.detail("changed", changed.clone());
    Ok(Json(SettingsChanged { status: "configuration saved", note: words(&changed, &change.fixed), changed }))
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
