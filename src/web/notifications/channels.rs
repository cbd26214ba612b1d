//! Where notifications go.

use super::view::ChannelView;
use crate::db::notification_channels::{self as channels, Channel, ChannelChanges, NewChannel};
use crate::db::{ChannelKind, Conn, DbPool, write_transaction};
use crate::keys::KeyStore;
use crate::notify::channel::{Address, Outgoing, Ready};
use crate::notify::{Bell, Notice, delivery, secrets};
use crate::web::responses::Status;
use crate::web::{AuditNote, fields, query};
use crate::{Error, ErrorKind, Result};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, post, put};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// A channel to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct NewChannelRequest {
    /// Its name, unique.
    name: Option<String>,
    /// What kind of address it is.
    kind: ChannelKind,
    /// Whether anything is sent to it; `true` unless said otherwise.
    enabled: Option<bool>,
    /// Its configuration.
    #[schema(value_type = Address)]
    config: Value,
}

/// What to change of a channel; what is not named stays as it is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct ChannelRequest {
    /// Its name.
    name: Option<String>,
    /// Whether anything is sent to it.
    enabled: Option<bool>,
    /// Fields of its configuration; null: as if it had never been set.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
}

/// A configuration to be tried out.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct TryOutRequest {
    /// What kind of address it is.
    kind: ChannelKind,
    /// Its configuration.
    #[schema(value_type = Address)]
    config: Value,
    /// The channel it is to replace: masked secrets are those of this one.
    id: Option<i32>,
}

/// A test message was taken.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Tested {
    status: &'static str,
    /// What the other side said.
    answer: String,
}

/// All channels.
#[utoipa::path(operation_id = "list_notification_channels", tag = "notifications",
    responses((status = 200, body = [ChannelView])))]
#[get("/notifications/channels")]
pub async fn list(pool: Data<DbPool>, keys: Data<KeyStore>) -> Result<Json<Vec<ChannelView>>> {
    let work = move |conn: &mut Conn| {
        channels::list(conn)?.into_iter().map(|row| ChannelView::of(conn, &keys, row)).collect::<Result<Vec<_>>>()
    };
    query(&pool, work).await.map(Json)
}

/// Makes a channel.
#[utoipa::path(operation_id = "create_notification_channel", tag = "notifications", request_body = NewChannelRequest,
    responses((status = 201, body = ChannelView), (status = 400, description = "What is wrong, by field"), (status = 409)))]
#[post("/notifications/channels")]
pub async fn create(
    pool: Data<DbPool>,
    keys: Data<KeyStore>,
    note: AuditNote,
    body: Json<NewChannelRequest>,
) -> Result<HttpResponse> {
    let request = body.into_inner();
    let name = fields::name("name", request.name.as_deref())?;
    note.detail("name", name.as_str()).detail("kind", request.kind.as_str());
    let (config, sealed) = stored(&keys, request.kind, &request.config)?;
    let work = move |conn: &mut Conn| {
        let new = NewChannel {
            name,
            kind: request.kind,
            enabled: request.enabled.unwrap_or(true),
            config,
            secrets: sealed,
            settings_slot: None,
        };
        let row = channels::insert(conn, &new)?;
        Ok((row.id, ChannelView::of(conn, &keys, row)?))
    };
    let (id, view) = query(&pool, work).await?;
    note.id(id);
    Ok(HttpResponse::Created().json(view))
}

/// The parts in which a configuration is stored, complete with what it leaves open.
fn stored(keys: &KeyStore, kind: ChannelKind, config: &Value) -> Result<(String, Option<String>)> {
    let address = Address::read(kind, config)?;
    secrets::split(keys, kind, &serde_json::to_value(address)?)
}

/// One channel.
#[utoipa::path(operation_id = "get_notification_channel", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = ChannelView), (status = 404)))]
#[get("/notifications/channels/{id}")]
pub async fn find(pool: Data<DbPool>, keys: Data<KeyStore>, id: Path<i32>) -> Result<Json<ChannelView>> {
    let work = move |conn: &mut Conn| {
        let row = channels::find(conn, *id)?;
        ChannelView::of(conn, &keys, row)
    };
    query(&pool, work).await.map(Json)
}

/// Changes what is named of a channel; what waits for it is tried at once.
#[utoipa::path(operation_id = "update_notification_channel", tag = "notifications", params(("id" = i32, Path)),
    request_body = ChannelRequest,
    responses((status = 200, body = ChannelView), (status = 400), (status = 404), (status = 409)))]
#[put("/notifications/channels/{id}")]
pub async fn update(
    pool: Data<DbPool>,
    keys: Data<KeyStore>,
    bell: Data<Bell>,
    note: AuditNote,
    id: Path<i32>,
    body: Json<ChannelRequest>,
) -> Result<Json<ChannelView>> {
    let (id, request) = (*id, body.into_inner());
    let name = request.name.map(|name| fields::name("name", Some(&name))).transpose()?;
    let work = move |conn: &mut Conn| {
        write_transaction(conn, |conn| {
            let row = channels::find(conn, id)?;
            let mut changes = ChannelChanges { name, enabled: request.enabled, ..ChannelChanges::default() };
            if let Some(given) = request.config {
                let whole = merged(&keys, &row, given)?;
                let (config, sealed) = stored(&keys, row.kind, &whole)?;
                (changes.config, changes.secrets) = (Some(config), Some(sealed));
            }
            let row = channels::update(conn, id, &changes)?;
            ChannelView::of(conn, &keys, row)
        })
    };
    let view = query(&pool, work).await?;
    note.id(id);
    bell.ring_for(id);
    Ok(Json(view))
}

/// The configuration of `row` with what `given` names; masked secrets stay.
fn merged(keys: &KeyStore, row: &Channel, mut given: Value) -> Result<Value> {
    // what cannot be opened is entered again, as a whole
    let known = secrets::join(keys, row.kind, &row.config, row.secrets.as_deref())
        .or_else(|_| serde_json::from_str(&row.config).map_err(Error::from))?;
    secrets::unmask(row.kind, &known, &mut given);
    let Value::Object(given) = given else { return Err(fields::invalid("config", "config must be an object")) };
    let mut whole = known.as_object().cloned().unwrap_or_default();
    for (name, value) in given {
        match value {
            Value::Null => drop(whole.remove(&name)),
            value => drop(whole.insert(name, value)),
        }
    }
    Ok(Value::Object(whole))
}

/// Deletes a channel with everything that waits for it.
#[utoipa::path(operation_id = "delete_notification_channel", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404)))]
#[delete("/notifications/channels/{id}")]
pub async fn remove(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<Status>> {
    query(&pool, move |conn| channels::delete(conn, *id)).await?;
    Ok(Json(Status::new("deleted")))
}

/// Sends a test message now, past the outbox, and answers what the other side said.
#[utoipa::path(operation_id = "test_notification_channel", tag = "notifications", params(("id" = i32, Path)),
    responses((status = 200, body = Tested), (status = 404),
        (status = 422, description = "It was not taken; the message says what the other side answered")))]
#[post("/notifications/channels/{id}/test")]
pub async fn test(
    pool: Data<DbPool>,
    keys: Data<KeyStore>,
    bell: Data<Bell>,
    note: AuditNote,
    id: Path<i32>,
) -> Result<Json<Tested>> {
    let (id, keys) = (*id, keys.into_inner());
    let row = query(&pool, move |conn| channels::find(conn, id)).await?;
    note.detail("channel", row.name.as_str());
    let answer = send_test(&pool, &keys, row).await?;
    bell.ring_for(id);
    Ok(Json(Tested { status: "sent", answer }))
}

/// Sends a test message to a channel that is not stored yet.
#[utoipa::path(operation_id = "try_notification_channel", tag = "notifications", request_body = TryOutRequest,
    responses((status = 200, body = Tested), (status = 400),
        (status = 422, description = "It was not taken; the message says what the other side answered")))]
#[post("/notifications/channels/try")]
pub async fn try_out(pool: Data<DbPool>, keys: Data<KeyStore>, body: Json<TryOutRequest>) -> Result<Json<Tested>> {
    let TryOutRequest { kind, mut config, id } = body.into_inner();
    if let Some(id) = id {
        let row = query(&pool, move |conn| channels::find(conn, id)).await?;
        if row.kind != kind {
            return Err(fields::invalid("kind", format!("channel {id} is of the kind {}", row.kind)));
        }
        secrets::unmask(kind, &secrets::join(&keys, kind, &row.config, row.secrets.as_deref())?, &mut config);
    }
    let ready = Ready::new(kind, config)?;
    let words = crate::notify::template::built_in(kind).render(kind, &Notice::test("new"))?;
    let answer = deliver(&ready, &Notice::test("new"), &words).await?;
    Ok(Json(Tested { status: "sent", answer }))
}

/// Sends a test message to a stored channel; what the other side said.
///
/// # Errors
/// 422 `not_delivered`: what it said instead.
pub async fn send_test(pool: &DbPool, keys: &Arc<KeyStore>, row: Channel) -> Result<String> {
    let keys = keys.clone();
    let prepare = move |conn: &mut Conn| {
        let notice = Notice::test(&row.name);
        let words = delivery::words(conn, &row, &notice)?;
        Ok((Ready::open(&keys, &row)?, notice, words))
    };
    let (ready, notice, words) = query(pool, prepare).await?;
    deliver(&ready, &notice, &words).await
}

async fn deliver(ready: &Ready, notice: &Notice, words: &crate::notify::template::Rendered) -> Result<String> {
    let uid = uuid::Uuid::new_v4().to_string();
    let message = Outgoing { uid: &uid, notice, words };
    ready.send(message).await.map_err(|failure| {
        let message = format!("the test message was not taken: {}", failure.message);
        Error::new(ErrorKind::Unprocessable, "not_delivered", message)
    })
}
