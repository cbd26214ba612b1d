//! Starting again, and trying the notifications.

use crate::web::responses::Status;
use crate::web::{Exit, Lifecycle};
use crate::{Error, Result};
use actix_web::post;
use actix_web::web::{Data, Json};
use serde::Serialize;

/// The server is going to start again.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Restarting {
    status: &'static str,
    message: &'static str,
}

/// End in order and start again.
#[utoipa::path(tag = "settings", responses((status = 200, body = Restarting)))]
#[post("/settings/restart")]
pub async fn restart(lifecycle: Data<Lifecycle>) -> Json<Restarting> {
    lifecycle.request(Exit::Restart);
    Json(Restarting { status: "restarting", message: "The server finishes what must be finished and starts again" })
}

/// Send a test message with Telegram.
#[utoipa::path(tag = "settings", responses((status = 200, body = Status), (status = 409, description = "Not configured")))]
#[post("/settings/telegram/test")]
pub async fn test_telegram() -> Result<Json<Status>> {
    Err(Error::conflict("telegram_not_configured", "Telegram notifications are not configured on this server"))
}
