//! The outbox: what waits, what was sent, what was given up.

use crate::Result;
use crate::db::notification_outbox::{self as outbox, Message, MessageFilter, StatusCount};
use crate::db::{Conn, DbPool, OutboxStatus, Page, now};
use crate::notify::{Bell, Limits};
use crate::web::{fields, query};
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use serde::{Deserialize, Serialize};

/// Which messages are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OutboxQuery {
    /// Only of these states, separated by commas: `queued,failed`.
    status: Option<String>,
    /// Only to this channel.
    channel_id: Option<i32>,
    /// At most so many; 100 unless said otherwise.
    limit: Option<i64>,
    /// After the first so many.
    offset: Option<i64>,
}

/// Part of the outbox.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OutboxPage {
    /// The newest first.
    messages: Vec<Message>,
    /// How many there are of each state, of all channels.
    counts: Vec<StatusCount>,
}

/// The outbox, the newest first.
#[utoipa::path(operation_id = "list_outbox", tag = "notifications", params(OutboxQuery),
    responses((status = 200, body = OutboxPage), (status = 400)))]
#[get("/notifications/outbox")]
pub async fn list(pool: Data<DbPool>, wanted: Query<OutboxQuery>) -> Result<Json<OutboxPage>> {
    let statuses = wanted.status.as_deref().filter(|text| !text.is_empty()).map(|text| {
        text.split(',').map(|word| fields::word::<OutboxStatus>("status", word.trim())).collect::<Result<Vec<_>>>()
    });
    let filter = MessageFilter { statuses: statuses.transpose()?, channel_id: wanted.channel_id };
    let page = Page::new(wanted.limit, wanted.offset, 100);
    let work = move |conn: &mut Conn| {
        Ok(OutboxPage { messages: outbox::list(conn, &filter, page)?, counts: outbox::counts(conn)? })
    };
    query(&pool, work).await.map(Json)
}

/// One message.
#[utoipa::path(operation_id = "get_outbox_message", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = Message), (status = 404)))]
#[get("/notifications/outbox/{id}")]
pub async fn find(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Message>> {
    query(&pool, move |conn| outbox::find(conn, *id)).await.map(Json)
}

/// Tries a message again, at once and with fresh patience.
#[utoipa::path(operation_id = "retry_outbox_message", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = Message), (status = 404), (status = 409, description = "It was sent, or is part of a digest")))]
#[post("/notifications/outbox/{id}/retry")]
pub async fn retry(
    pool: Data<DbPool>,
    config: Data<crate::config::Config>,
    bell: Data<Bell>,
    id: Path<i32>,
) -> Result<Json<Message>> {
    let give_up_at = now() + Limits::new(&config.notify).give_up;
    let message = query(&pool, move |conn| outbox::retry(conn, *id, give_up_at)).await?;
    bell.ring_for(message.channel_id);
    Ok(Json(message))
}

/// Takes a message out: it is not sent.
#[utoipa::path(operation_id = "discard_outbox_message", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = Message), (status = 404), (status = 409, description = "It was sent, or is being sent")))]
#[post("/notifications/outbox/{id}/discard")]
pub async fn discard(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Message>> {
    query(&pool, move |conn| outbox::discard(conn, *id)).await.map(Json)
}
