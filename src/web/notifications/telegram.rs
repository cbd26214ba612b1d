//! Pairing people of Telegram with users, so that a bot takes commands from them.

use crate::auth::Identity;
use crate::db::telegram_chats::{self as chats, ChatListed};
use crate::db::time::rfc3339;
use crate::db::{DbPool, Role};
use crate::telegram::pairing;
use crate::web::responses::Status;
use crate::web::{AuditNote, query};
use crate::{Error, ErrorKind, Result};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, post};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// Which bot.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct PairRequest {
    /// The Telegram channel of the bot.
    channel_id: i32,
}

/// A code that pairs whoever sends it to the bot. Shown once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PairingCode {
    /// To be sent to the bot: `/pair CODE`.
    code: String,
    /// When it expires.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: NaiveDateTime,
}

/// A code for oneself: whoever sends it to the bot within ten minutes may do there what one may do here. Older codes of the
/// same user are void.
#[utoipa::path(operation_id = "create_pairing_code", tag = "notifications", request_body = PairRequest,
    responses((status = 201, body = PairingCode), (status = 400), (status = 404)))]
#[post("/notifications/telegram/codes")]
pub async fn pair(
    pool: Data<DbPool>,
    caller: Identity,
    note: AuditNote,
    body: Json<PairRequest>,
) -> Result<HttpResponse> {
    let user = caller.user_id().ok_or_else(|| Error::bad_request("an API key is no person: log in as a user"))?;
    let channel = body.channel_id;
    note.detail("channel_id", channel);
    let (code, expires_at) = query(&pool, move |conn| pairing::code(conn, channel, user)).await?;
    Ok(HttpResponse::Created().json(PairingCode { code, expires_at }))
}

/// Who may give bots commands: one's own chats, or all for administrators.
#[utoipa::path(operation_id = "list_telegram_chats", tag = "notifications",
    responses((status = 200, body = [ChatListed])))]
#[get("/notifications/telegram/chats")]
pub async fn list(pool: Data<DbPool>, caller: Identity) -> Result<Json<Vec<ChatListed>>> {
    let of = if caller.role == Role::Admin { None } else { Some(caller.user_id().unwrap_or(-1)) };
    query(&pool, move |conn| chats::list(conn, of)).await.map(Json)
}

/// Ends a pairing: one's own, or any for administrators.
#[utoipa::path(operation_id = "delete_telegram_chat", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 403), (status = 404)))]
#[delete("/notifications/telegram/chats/{id}")]
pub async fn remove(pool: Data<DbPool>, caller: Identity, id: Path<i32>) -> Result<Json<Status>> {
    let work = move |conn: &mut crate::db::Conn| {
        let chat = chats::find(conn, *id)?;
        if caller.role != Role::Admin && caller.user_id() != Some(chat.user_id) {
            return Err(Error::new(ErrorKind::Forbidden, "forbidden", "this is the chat of another user"));
        }
        chats::delete(conn, chat.id)
    };
    query(&pool, work).await?;
    Ok(Json(Status::new("deleted")))
}
