//! Starting again, and trying the notifications.

use crate::db::notification_channels::{self, Channel};
use crate::db::{ChannelKind, Conn, DbPool};
use crate::keys::KeyStore;
use crate::web::notifications::send_test;
use crate::web::responses::Status;
use crate::web::{Exit, Lifecycle, query};
use crate::{Error, ErrorKind, Result};
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

/// Send a test message with Telegram: to the chat of the settings, or of the first channel of that kind.
#[utoipa::path(tag = "settings", responses((status = 200, body = Status), (status = 400, description = "Not configured"),
    (status = 500, description = "It was not taken; the message says what Telegram answered")))]
#[post("/settings/telegram/test")]
pub async fn test_telegram(pool: Data<DbPool>, keys: Data<KeyStore>) -> Result<Json<Status>> {
    let find = |conn: &mut Conn| match notification_channels::find_slot(conn, "telegram")? {
        Some(row) => Ok(Some(row)),
        None => Ok(notification_channels::list(conn)?.into_iter().find(is_telegram)),
    };
    let row = query(&pool, find).await?.ok_or_else(|| {
        let message = "Telegram notifications are not configured on this server";
        Error::new(ErrorKind::BadRequest, "telegram_not_configured", message)
    })?;
    send_test(&pool, &keys.into_inner(), row).await.map_err(|error| match error.code {
        // as the Go program answers
        "not_delivered" => Error { kind: ErrorKind::Internal, ..error },
        _ => error,
    })?;
    Ok(Json(Status::new("Test message sent successfully")))
}

fn is_telegram(row: &Channel) -> bool {
    row.kind == ChannelKind::Telegram
}
