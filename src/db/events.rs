//! Events: what happened, for the bell in the corner and the stream of server-sent events.

use super::Conn;
use super::errors::found;
use super::kinds::EventType;
use super::schema::events;
use super::time::{json_text_option, now, rfc3339};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// An event.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = events)]
pub struct Event {
    /// Its id; rises with time.
    pub id: i32,
    /// How it is shown.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// `tape`, `drive`, `backup` …
    pub category: String,
    /// In a few words.
    pub title: String,
    /// In a sentence.
    pub message: String,
    /// JSON object: ids, labels, numbers.
    #[serde(serialize_with = "json_text_option")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<String>,
    /// When.
    #[serde(rename = "timestamp", serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

/// An event to be recorded.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = events)]
pub struct NewEvent {
    /// How it is shown.
    pub event_type: EventType,
    /// `tape`, `drive`, `backup` …
    pub category: String,
    /// In a few words.
    pub title: String,
    /// In a sentence.
    pub message: String,
    /// JSON object.
    pub details: Option<String>,
}

/// Records an event.
pub fn insert(conn: &mut Conn, new: &NewEvent) -> Result<Event> {
    let values = (new, events::created_at.eq(now()));
    Ok(diesel::insert_into(events::table).values(values).returning(Event::as_returning()).returned(conn)?)
}

/// The event with this id.
pub fn one(conn: &mut Conn, id: i32) -> Result<Event> {
    found(events::table.find(id).select(Event::as_select()).first(conn), format_args!("event {id}"))
}

/// At most `limit` events behind the one with id `after`, oldest first: what a client that was away has missed.
pub fn after(conn: &mut Conn, after: i32, limit: i64) -> Result<Vec<Event>> {
    let query = events::table.filter(events::id.gt(after)).order(events::id).limit(limit);
    Ok(query.select(Event::as_select()).load(conn)?)
}

/// The last `limit` events, oldest of them first.
pub fn recent(conn: &mut Conn, limit: i64) -> Result<Vec<Event>> {
    let mut rows: Vec<Event> =
        events::table.order(events::id.desc()).limit(limit).select(Event::as_select()).load(conn)?;
    rows.reverse();
    Ok(rows)
}

/// Events with one of these titles since then, oldest first.
pub fn titled(conn: &mut Conn, titles: &[&str], since: NaiveDateTime) -> Result<Vec<Event>> {
    let query = events::table.filter(events::title.eq_any(titles).and(events::created_at.ge(since)));
    Ok(query.order(events::id).select(Event::as_select()).load(conn)?)
}

/// All since then, oldest first.
pub fn since(conn: &mut Conn, time: NaiveDateTime) -> Result<Vec<Event>> {
    let query = events::table.filter(events::created_at.ge(time)).order(events::id);
    Ok(query.select(Event::as_select()).load(conn)?)
}

/// Whether an event with one of these titles since then has this number in this field of its details.
pub fn told(conn: &mut Conn, titles: &[&str], (field, id): (&str, i32), since: NaiveDateTime) -> Result<bool> {
    Ok(titled(conn, titles, since)?.iter().any(|event| event.detail(field) == Some(id)))
}

impl Event {
    /// A number of its details: the id of an object.
    pub fn detail(&self, name: &str) -> Option<i32> {
        let details: serde_json::Value = serde_json::from_str(self.details.as_deref()?).ok()?;
        details.get(name)?.as_i64().and_then(|number| i32::try_from(number).ok())
    }
}

/// Which events a list is to show; absent conditions do not matter.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Shown so.
    pub event_type: Option<EventType>,
    /// About this.
    pub category: Option<String>,
    /// Title or message contains this.
    pub text: Option<String>,
    /// At or after this time.
    pub from: Option<NaiveDateTime>,
    /// Before this time.
    pub until: Option<NaiveDateTime>,
    /// Only those before the one with this id.
    pub before: Option<i32>,
}

type Filtered<'a> = events::BoxedQuery<'a, diesel::sqlite::Sqlite>;

fn filtered(filter: &EventFilter) -> Filtered<'_> {
    let mut query = events::table.into_boxed();
    if let Some(kind) = filter.event_type {
        query = query.filter(events::event_type.eq(kind));
    }
    if let Some(category) = &filter.category {
        query = query.filter(events::category.eq(category));
    }
    if let Some(text) = &filter.text {
        let pattern = super::paging::contains(text);
        let title = events::title.like(pattern.clone()).escape('\\');
        query = query.filter(title.or(events::message.like(pattern).escape('\\')));
    }
    if let Some(from) = filter.from {
        query = query.filter(events::created_at.ge(from));
    }
    if let Some(until) = filter.until {
        query = query.filter(events::created_at.lt(until));
    }
    if let Some(before) = filter.before {
        query = query.filter(events::id.lt(before));
    }
    query
}

/// The last `limit` events of those that match, oldest of them first.
pub fn find(conn: &mut Conn, filter: &EventFilter, limit: i64) -> Result<Vec<Event>> {
    let query = filtered(filter).order(events::id.desc()).limit(limit);
    let mut rows: Vec<Event> = query.select(Event::as_select()).load(conn)?;
    rows.reverse();
    Ok(rows)
}

/// Hands every event that matches to `row`, oldest first, without holding them all.
pub fn export(conn: &mut Conn, filter: &EventFilter, mut row: impl FnMut(Event) -> Result<()>) -> Result<()> {
    let mut last = 0;
    loop {
        let query = filtered(filter).filter(events::id.gt(last)).order(events::id).limit(1000);
        let rows: Vec<Event> = query.select(Event::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.id;
        for event in rows {
            row(event)?;
        }
    }
}

/// Keeps only the last `keep` events; how many went.
pub fn prune(conn: &mut Conn, keep: i64) -> Result<usize> {
    let oldest_kept: Option<i32> =
        events::table.order(events::id.desc()).offset(keep.max(1) - 1).select(events::id).first(conn).optional()?;
    match oldest_kept {
        Some(id) => Ok(diesel::delete(events::table.filter(events::id.lt(id))).execute(conn)?),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    fn happen(conn: &mut Conn, title: &str) -> Event {
        let new = NewEvent {
            event_type: EventType::Success,
            category: "tape".into(),
            title: title.into(),
            message: String::new(),
            details: Some(r#"{"tape_id":3}"#.into()),
        };
        insert(conn, &new).expect("insert")
    }

    #[test]
    fn events_come_in_order_and_the_old_ones_go() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let titles = |events: &[Event]| events.iter().map(|event| event.title.clone()).collect::<Vec<_>>();
        let first = happen(conn, "a");
        happen(conn, "b");
        happen(conn, "c");
        assert_eq!(titles(&after(conn, first.id, 10).expect("after")), ["b", "c"]);
        assert_eq!(titles(&recent(conn, 2).expect("recent")), ["b", "c"]);
        let matching = |conn: &mut Conn, filter: EventFilter| titles(&find(conn, &filter, 10).expect("find"));
        assert_eq!(matching(conn, EventFilter { before: Some(first.id + 2), ..Default::default() }), ["a", "b"]);
        assert_eq!(matching(conn, EventFilter { text: Some("B".into()), ..Default::default() }), ["b"]);
        assert!(matching(conn, EventFilter { text: Some("%".into()), ..Default::default() }).is_empty());
        assert!(matching(conn, EventFilter { category: Some("drive".into()), ..Default::default() }).is_empty());
        assert!(matching(conn, EventFilter { event_type: Some(EventType::Error), ..Default::default() }).is_empty());
        let mut exported = Vec::new();
        let all = |event: Event| {
            exported.push(event.title);
            Ok(())
        };
        export(conn, &EventFilter::default(), all).expect("export");
        assert_eq!(exported, ["a", "b", "c"]);
        assert_eq!(prune(conn, 5).expect("few"), 0);
        assert_eq!(prune(conn, 1).expect("prune"), 2);
        assert!(happen(conn, "d").id > first.id + 2, "ids are never used again");
        let json = serde_json::to_value(&first).expect("json");
        assert_eq!((&json["type"], &json["details"]["tape_id"]), (&"success".into(), &3.into()));
        assert!(json["timestamp"].is_string());
    }
}
