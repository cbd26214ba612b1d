//! The stream of events (server-sent events).
//!
//! Stored events come as `event: message` (what a plain `EventSource` hears) with an `id:`; whoever comes back with
//! `Last-Event-ID` gets all it has missed. Transient news comes under its own name (`execution`, `drive`) without an id.
//! A client that is too slow loses transient news; what it missed of the stored events is read from the table. Every
//! 15 seconds a comment keeps the line open, and the credential is looked at again: the stream ends with it.

use crate::Result;
use crate::auth::{Auth, Credential};
use crate::db::{DbPool, events};
use crate::events::{Bus, News, StoredEvent};
use crate::web::{Lifecycle, query};
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior};

const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many missed events are read at once.
const PAGE: i64 = 500;

/// Where to go on, for clients that cannot set the header.
#[derive(Deserialize, utoipa::IntoParams)]
pub struct StreamQuery {
    /// The last event the client has; as the header `Last-Event-ID`.
    last_event_id: Option<String>,
    /// A login, for clients that cannot set the header `Authorization`.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// Events as they happen. Without `Last-Event-ID` only new ones; `GET /events` has the latest.
#[utoipa::path(tag = "events", params(StreamQuery), responses((status = 200, content_type = "text/event-stream", body = String)))]
#[get("/events/stream")]
pub async fn stream_events(
    request: HttpRequest,
    wanted: Query<StreamQuery>,
    pool: Data<DbPool>,
    bus: Data<Bus>,
    auth: Data<Auth>,
    lifecycle: Data<Lifecycle>,
    credential: Credential,
) -> Result<HttpResponse> {
    let newest = query(&pool, |conn| events::recent(conn, 1)).await?.last().map_or(0, |event| event.id);
    let header = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let seen = header.or(wanted.last_event_id.as_deref()).and_then(|text| text.trim().parse::<i32>().ok());
    // A database that was set back knows fewer events than the client: it must not wait for the old numbers.
    let last = seen.unwrap_or(newest).min(newest);
    let stream = Stream {
        news: bus.subscribe(),
        pool,
        auth,
        lifecycle,
        credential,
        last,
        behind: true,
        heartbeat: heartbeat(),
        opened: false,
    };
    let body = futures_util::stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<_, actix_web::Error>(chunk), stream))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // Neither our compression nor a proxy's buffer may hold events back.
        .insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("identity")))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(Box::pin(body)))
}

fn heartbeat() -> Interval {
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

struct Stream {
    news: Receiver<News>,
    pool: Data<DbPool>,
    auth: Data<Auth>,
    lifecycle: Data<Lifecycle>,
    credential: Credential,
    /// The newest stored event that was sent, or that the client had.
    last: i32,
    /// Whether the table may hold more than was sent.
    behind: bool,
    heartbeat: Interval,
    opened: bool,
}

impl Stream {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.opened {
            self.opened = true;
            return Some(Bytes::from_static(b"retry: 3000\n: connected\n\n"));
        }
        loop {
            if self.behind {
                match self.missed().await {
                    Some(chunk) if !chunk.is_empty() => return Some(chunk.into()),
                    Some(_) => self.behind = false,
                    None => return None,
                }
            }
            tokio::select! {
                _ = self.lifecycle.wait() => return None,
                _ = self.heartbeat.tick() => {
                    return self.still_allowed().await.then(|| Bytes::from_static(b": heartbeat\n\n"));
                }
                news = self.news.recv() => match news {
                    Ok(news) => if let Some(chunk) = self.show(&news) { return Some(chunk.into()) },
                    Err(RecvError::Lagged(_)) => self.behind = true,
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// Some of the stored events that were not sent yet; empty when there are none; none when the database is gone.
    async fn missed(&mut self) -> Option<String> {
        let last = self.last;
        let rows = match query(&self.pool, move |conn| events::after(conn, last, PAGE)).await {
            Ok(rows) => rows,
            Err(error) => {
                // The client comes back with its last id and loses nothing.
                tracing::warn!(%error, "cannot read missed events; ending the stream");
                return None;
            }
        };
        let mut chunk = String::new();
        for row in rows {
            self.last = row.id;
            chunk.push_str(&stored(Some(row.id), &StoredEvent::from(row)));
        }
        Some(chunk)
    }

    fn show(&mut self, news: &News) -> Option<String> {
        match news {
            // Sent already, from the table.
            News::Stored(id, _) if *id <= self.last => None,
            News::Stored(id, event) => {
                self.last = *id;
                Some(stored(Some(*id), event))
            }
            News::Unstored(event) => Some(stored(None, event)),
            News::Transient(news) => Some(format!("event: {}\ndata: {}\n\n", news.name, news.data)),
        }
    }

    /// Whether whoever opened the stream would still get in.
    async fn still_allowed(&self) -> bool {
        let (auth, credential) = (self.auth.clone(), self.credential.clone());
        match query(&self.pool, move |conn| auth.identify(conn, &credential)).await {
            Ok(_) => true,
            Err(error) => error.kind != crate::ErrorKind::Unauthorized,
        }
    }
}

fn stored(id: Option<i32>, event: &impl Serialize) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    match id {
        Some(id) => format!("id: {id}\nevent: message\ndata: {data}\n\n"),
        None => format!("event: message\ndata: {data}\n\n"),
    }
}
