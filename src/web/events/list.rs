//! Events that were: in pages from the newest back, and as a file.

use crate::Result;
use crate::db::events::{self, EventFilter};
use crate::db::{DbPool, EventType, Page, time};
use crate::events::StoredEvent;
use crate::web::export::{Export, FileFormat};
use crate::web::moment::{Day, moment};
use crate::web::query;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, get};
use serde::Deserialize;

/// How many there are unless said otherwise.
const RECENT: i64 = 200;

/// Which events.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventConditions {
    /// Only those shown so.
    #[serde(rename = "type")]
    event_type: Option<EventType>,
    /// Only those about this: `tape`, `drive`, `backup` …
    category: Option<String>,
    /// Title or message contains this.
    q: Option<String>,
    /// First moment (RFC 3339) or first day (`2026-11-20`, UTC).
    start: Option<String>,
    /// Moment before which to stop (RFC 3339), or last day (`2026-11-20`, UTC).
    end: Option<String>,
}

impl EventConditions {
    fn filter(self) -> Result<EventFilter> {
        Ok(EventFilter {
            event_type: self.event_type,
            category: self.category.filter(|category| !category.is_empty()),
            text: self.q.filter(|text| !text.is_empty()),
            from: moment("start", self.start.as_deref(), Day::Begin)?,
            until: moment("end", self.end.as_deref(), Day::End)?,
            before: None,
        })
    }
}

/// How many of them.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventPage {
    /// At most so many; 200 if absent.
    limit: Option<i64>,
    /// Only those before the one with this id.
    before: Option<i32>,
}

/// The latest 200 events, or the latest of those that are asked for; oldest first.
#[utoipa::path(tag = "events", params(EventPage, EventConditions), responses((status = 200, body = Vec<StoredEvent>)))]
#[get("/events")]
pub async fn list_events(
    pool: Data<DbPool>,
    page: Query<EventPage>,
    conditions: Query<EventConditions>,
) -> Result<Json<Vec<StoredEvent>>> {
    let filter = EventFilter { before: page.before, ..conditions.into_inner().filter()? };
    let limit = Page::new(page.limit, None, RECENT).limit;
    let rows = query(&pool, move |conn| events::find(conn, &filter, limit)).await?;
    Ok(Json(rows.into_iter().map(StoredEvent::from).collect()))
}

/// As what.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventFile {
    /// `json` (the default) or `csv`.
    #[param(inline)]
    format: Option<FileFormat>,
}

const TITLES: [&str; 6] = ["time", "type", "category", "title", "message", "details"];

/// Events as a file, oldest first.
#[utoipa::path(tag = "events", params(EventFile, EventConditions), responses((status = 200, body = Vec<StoredEvent>)))]
#[get("/events/export")]
pub async fn export_events(
    pool: Data<DbPool>,
    wanted: Query<EventFile>,
    conditions: Query<EventConditions>,
) -> Result<HttpResponse> {
    let (format, filter) = (wanted.format.unwrap_or_default(), conditions.into_inner().filter()?);
    let file = query(&pool, move |conn| {
        let mut file = Export::new(format, &TITLES);
        events::export(conn, &filter, |event| {
            let (when, details) = (time::to_rfc3339(&event.created_at), event.details.as_deref());
            let kind = event.event_type.as_str();
            let details = details.unwrap_or_default().to_owned();
            let row = StoredEvent::from(event);
            file.add(&row, &[&when, kind, &row.category, &row.title, &row.message, &details])
        })?;
        Ok(file)
    });
    Ok(file.await?.answer("events"))
}
