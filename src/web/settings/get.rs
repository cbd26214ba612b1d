//! Reading the settings, secrets masked.

use crate::Result;
use crate::config::Sources;
use crate::config::explained::Setting;
use crate::db::{Conn, DbPool, settings};
use crate::keys::KeyStore;
use crate::notify;
use crate::web::query;
use actix_web::get;
use actix_web::web::{Data, Json};
use serde_json::Value;

/// The part of the settings that is data: the channels that clients of the Go program know.
pub const NOTIFICATIONS: &str = "notifications";

/// All settings as they are stored; after a change, those the next start will use. Secrets show as `********`.
#[utoipa::path(tag = "settings", responses((status = 200, body = Object)))]
#[get("/settings")]
pub async fn get_settings(pool: Data<DbPool>, sources: Data<Sources>, keys: Data<KeyStore>) -> Result<Json<Value>> {
    let work = move |conn: &mut Conn| Ok((settings::list(conn)?, notify::settings::show(conn, &keys)?));
    let (stored, notifications) = query(&pool, work).await?;
    let mut shown = sources.show(&stored)?;
    if let Some(fields) = shown.as_object_mut() {
        fields.insert(NOTIFICATIONS.into(), notifications);
    }
    Ok(Json(shown))
}

/// Every setting with what it is for, what it accepts, its default, and where its value comes from.
#[utoipa::path(tag = "settings", responses((status = 200, body = Vec<Setting>)))]
#[get("/settings/explained")]
pub async fn explain_settings(pool: Data<DbPool>, sources: Data<Sources>) -> Result<Json<Vec<Setting>>> {
    let stored = query(&pool, settings::list).await?;
    Ok(Json(sources.explain(&stored)?))
}
