//! The words of messages.

use crate::db::notification_templates::{self as templates, DEFAULT};
use crate::db::{ChannelKind, Conn, DbPool, events};
use crate::events::StoredEvent;
use crate::notify::notice::{Notice, Purpose};
use crate::notify::template::{Rendered, Words, built_in, sample};
use crate::notify::{facts, topics};
use crate::web::responses::Status;
use crate::web::{AuditNote, fields, query};
use crate::{Error, Result};
use actix_web::web::{Data, Json, Path};
use actix_web::{delete, get, post, put};
use serde::{Deserialize, Serialize};

/// The words for one topic and one kind of channel.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TemplateView {
    /// The topic; `default`: all without words of their own.
    topic: String,
    /// The kind of channel.
    kind: ChannelKind,
    /// Whether people wrote them; else they come with the program.
    custom: bool,
    /// Subject or title.
    subject: String,
    /// The text. Of webhooks, JSON; empty: the whole notice as JSON.
    body: String,
    /// The HTML part of mail; empty: text only.
    html: String,
}

/// New words.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateRequest {
    /// Subject or title.
    #[serde(default)]
    subject: String,
    /// The text.
    #[serde(default)]
    body: String,
    /// The HTML part of mail; empty: text only.
    #[serde(default)]
    html: String,
}

/// What is to be shown in words.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct PreviewRequest {
    /// The kind of channel.
    kind: ChannelKind,
    /// The topic of the sample.
    topic: Option<String>,
    /// An event that happened, in place of a sample.
    event_id: Option<i32>,
    /// As news (the default), reminder or recovery.
    #[serde(default)]
    purpose: Purpose,
    /// Words to be tried; without them, those in use.
    words: Option<TemplateRequest>,
}

/// All words: for each kind of channel the default, and what people wrote.
#[utoipa::path(operation_id = "list_notification_templates", tag = "notifications",
    responses((status = 200, body = [TemplateView])))]
#[get("/notifications/templates")]
pub async fn list(pool: Data<DbPool>) -> Result<Json<Vec<TemplateView>>> {
    let written = query(&pool, templates::list).await?;
    let mut views: Vec<TemplateView> = ChannelKind::ALL
        .iter()
        .filter(|kind| !written.iter().any(|row| row.topic == DEFAULT && row.kind == **kind))
        .map(|kind| {
            let Words { subject, body, html } = built_in(*kind);
            TemplateView { topic: DEFAULT.into(), kind: *kind, custom: false, subject, body, html }
        })
        .collect();
    views.extend(written.into_iter().map(|row| TemplateView {
        topic: row.topic,
        kind: row.kind,
        custom: true,
        subject: row.subject,
        body: row.body,
        html: row.html,
    }));
    views.sort_by(|a, b| (a.kind, a.topic != DEFAULT, &a.topic).cmp(&(b.kind, b.topic != DEFAULT, &b.topic)));
    Ok(Json(views))
}

/// Puts words in place of those that are there. They are tried first: what does not work is refused with its line.
#[utoipa::path(operation_id = "update_notification_template", tag = "notifications",
    params(("kind" = ChannelKind, Path), ("topic" = String, Path)), request_body = TemplateRequest,
    responses((status = 200, body = Status), (status = 400, description = "What is wrong, and on which line")))]
#[put("/notifications/templates/{kind}/{topic}")]
pub async fn update(
    pool: Data<DbPool>,
    note: AuditNote,
    path: Path<(String, String)>,
    body: Json<TemplateRequest>,
) -> Result<Json<Status>> {
    let (kind, topic) = place(&path)?;
    note.detail("kind", kind.as_str()).detail("topic", topic.as_str());
    let words = words(body.into_inner());
    words.check(kind)?;
    let store =
        move |conn: &mut Conn| templates::set(conn, &topic, kind, &words.subject, &words.body, &words.html).map(drop);
    query(&pool, store).await?;
    Ok(Json(Status::new("updated")))
}

/// The words that come with the program are used again.
#[utoipa::path(operation_id = "delete_notification_template", tag = "notifications",
    params(("kind" = ChannelKind, Path), ("topic" = String, Path)),
    responses((status = 200, body = Status), (status = 404)))]
#[delete("/notifications/templates/{kind}/{topic}")]
pub async fn remove(pool: Data<DbPool>, note: AuditNote, path: Path<(String, String)>) -> Result<Json<Status>> {
    let (kind, topic) = place(&path)?;
    note.detail("kind", kind.as_str()).detail("topic", topic.as_str());
    query(&pool, move |conn| templates::delete(conn, &topic, kind)).await?;
    Ok(Json(Status::new("deleted")))
}

fn place((kind, topic): &(String, String)) -> Result<(ChannelKind, String)> {
    let kind = fields::word("kind", kind)?;
    if topic != DEFAULT && topic != topics::DIGEST && !topics::exists(topic) {
        return Err(Error::not_found(format_args!("topic '{topic}'")));
    }
    Ok((kind, topic.clone()))
}

fn words(request: TemplateRequest) -> Words {
    Words { subject: request.subject, body: request.body, html: request.html }
}

/// Shows a message as it would be sent. Nothing is sent or stored.
#[utoipa::path(operation_id = "preview_notification", tag = "notifications", request_body = PreviewRequest,
    responses((status = 200, body = Rendered), (status = 400, description = "What is wrong, and on which line"), (status = 404)))]
#[post("/notifications/templates/preview")]
pub async fn preview(
    pool: Data<DbPool>,
    config: Data<crate::config::Config>,
    body: Json<PreviewRequest>,
) -> Result<Json<Rendered>> {
    let request = body.into_inner();
    let public_url = config.notify.public_url.clone();
    let work = move |conn: &mut Conn| {
        let mut notice = match request.event_id {
            Some(id) => {
                let mut notice = Notice::of_event(&StoredEvent::from(events::one(conn, id)?));
                facts::add(conn, &mut notice, &public_url)?;
                notice
            }
            None => sample(request.topic.as_deref().unwrap_or("backup_failed")),
        };
        notice.purpose = request.purpose;
        if matches!(request.purpose, Purpose::Reminder | Purpose::Recovery) {
            notice.since = Some(notice.time.clone());
        }
        if request.purpose == Purpose::Digest {
            notice = Notice::digest(vec![notice.clone(), notice]);
        }
        let words = match request.words {
            Some(given) => words(given),
            None => templates::for_topic(conn, &notice.topic, request.kind)?
                .map_or_else(|| built_in(request.kind), Words::from),
        };
        let mut rendered = words.render(request.kind, &notice)?;
        if request.kind == ChannelKind::Webhook && rendered.body.is_empty() {
            let whole = serde_json::json!({"id": "…", "notification": notice});
            rendered.body = serde_json::to_string_pretty(&whole)?;
        }
        Ok(rendered)
    };
    query(&pool, work).await.map(Json)
}
