//! The typed events that everything publishes, and the bus that carries them.
//!
//! There are two kinds of news:
//! * an [`Event`] is something a person may want to read tomorrow. The [`notifier`](crate::actors::notifier) stores it
//!   first and only then shows it to the subscribers, so that an event with an id is always in the table;
//! * a [`Transient`] is a number on somebody's screen (progress of an execution, state of a drive). It is shown to
//!   whoever looks now and never stored.
//!
//! A subscriber that is too slow loses news from the bus and is told so; it reads the stored ones from the table and
//! goes on, so only transient news can be lost.

pub use crate::db::EventType;

use crate::db::{self, time};
use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::sync::broadcast;

/// How many messages a subscriber may lag behind before it loses some.
const SUBSCRIBER_BACKLOG: usize = 1024;

/// What part of the house an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A cartridge.
    Tape,
    /// A drive.
    Drive,
    /// A library and its robot.
    Library,
    /// A run that writes a set.
    Backup,
    /// A run that reads one back.
    Restore,
    /// The definition of a job.
    Job,
    /// The definition of a source.
    Source,
    /// The server itself: database, settings, users.
    System,
    /// Keys and encryption.
    Encryption,
}

impl Category {
    /// The word in the table and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Tape => "tape",
            Category::Drive => "drive",
            Category::Library => "library",
            Category::Backup => "backup",
            Category::Restore => "restore",
            Category::Job => "job",
            Category::Source => "source",
            Category::System => "system",
            Category::Encryption => "encryption",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something worth remembering. Made with [`Event::info`] and its sisters, given to [`Bus::publish`].
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// How it should look.
    pub event_type: EventType,
    /// What it is about.
    pub category: Category,
    /// A few words: `Tape Labeled`.
    pub title: String,
    /// One sentence for people.
    pub message: String,
    /// For programs: ids, names, numbers. An object, or null for none. Never a secret.
    pub details: Value,
}

impl Event {
    /// Something happened.
    pub fn info(category: Category, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(EventType::Info, category, title, message)
    }

    /// Something wants attention.
    pub fn warning(category: Category, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(EventType::Warning, category, title, message)
    }

    /// Something was finished as asked.
    pub fn success(category: Category, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(EventType::Success, category, title, message)
    }

    /// Something failed.
    pub fn error(category: Category, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(EventType::Error, category, title, message)
    }

    fn new(event_type: EventType, category: Category, title: impl Into<String>, message: impl Into<String>) -> Self {
        Event { event_type, category, title: title.into(), message: message.into(), details: Value::Null }
    }

    /// The same with details for programs: `.details(json!({"tape_id": 7}))`.
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// An event as it is in the table, and as `GET /events` and the stream show it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct StoredEvent {
    /// Rising; text because clients of the old program expect text.
    pub id: String,
    /// How it should look.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// `tape`, `drive`, `backup`, …
    pub category: String,
    /// A few words.
    pub title: String,
    /// One sentence.
    pub message: String,
    /// For programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
    /// When, UTC.
    #[serde(serialize_with = "time::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: NaiveDateTime,
}

impl From<db::events::Event> for StoredEvent {
    fn from(row: db::events::Event) -> Self {
        StoredEvent {
            id: row.id.to_string(),
            event_type: row.event_type,
            category: row.category,
            title: row.title,
            message: row.message,
            details: row.details.and_then(|text| serde_json::from_str(&text).ok()),
            timestamp: row.created_at,
        }
    }
}

/// News for whoever looks now.
#[derive(Debug, Clone, PartialEq)]
pub struct Transient {
    /// The name of the server-sent event: `execution`, `drive`.
    pub name: &'static str,
    /// Its data.
    pub data: Value,
}

/// What a subscriber receives.
#[derive(Debug, Clone)]
pub enum News {
    /// An event that is in the table under this id.
    Stored(i32, Arc<StoredEvent>),
    /// An event that could not be stored: better seen once than never.
    Unstored(Arc<StoredEvent>),
    /// Something that is nowhere else.
    Transient(Arc<Transient>),
}

/// What the notifier takes out of the bus.
#[derive(Debug)]
pub(crate) enum Post {
    Event(Box<Event>),
    /// Answer when everything posted before this is stored.
    Flush(Sender<()>),
}

/// The handle with which any thread publishes. Cheap to clone; never blocks.
#[derive(Debug, Clone)]
pub struct Bus {
    posts: Sender<Post>,
    news: broadcast::Sender<News>,
}

/// The other end of a [`Bus`]: what the notifier reads. There is one.
#[derive(Debug)]
pub struct Inbox {
    posts: Receiver<Post>,
}

impl Bus {
    /// A bus and its inbox, which goes to [`crate::actors::notifier::Notifier::start`]. Events posted before the
    /// notifier starts wait in the inbox. Without a notifier (in tests) events go nowhere.
    pub fn new() -> (Bus, Inbox) {
        let (posts, inbox) = channel();
        let (news, _) = broadcast::channel(SUBSCRIBER_BACKLOG);
        (Bus { posts, news }, Inbox { posts: inbox })
    }

    /// Store this event and show it to everybody.
    pub fn publish(&self, event: Event) {
        if let Err(lost) = self.posts.send(Post::Event(Box::new(event))) {
            tracing::warn!(event = ?lost.0, "an event came after the notifier had stopped; it is only in this log");
        }
    }

    /// Show this to whoever looks now: `bus.transient("execution", json!({…}))`.
    pub fn transient(&self, name: &'static str, data: Value) {
        self.announce(News::Transient(Arc::new(Transient { name, data })));
    }

    /// Everything from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Wait, at most `patience`, until everything published before this call is stored: for an orderly shutdown and
    /// for tests. Blocks: not for handlers. Returns whether it was.
    pub fn flush(&self, patience: Duration) -> bool {
        let (done, wait) = channel();
        self.posts.send(Post::Flush(done)).is_ok() && wait.recv_timeout(patience).is_ok()
    }

    fn announce(&self, news: News) {
        self.screen().show(news);
    }

    pub(crate) fn screen(&self) -> Screen {
        Screen(self.news.clone())
    }
}

/// Where news is shown.
#[derive(Debug)]
pub(crate) struct Screen(broadcast::Sender<News>);

impl Screen {
    pub(crate) fn show(&self, news: News) {
        // An error only says that nobody is looking.
        let _ = self.0.send(news);
    }
}

impl Inbox {
    /// The next post; none when every handle of the bus is gone.
    pub(crate) fn next(&self) -> Option<Post> {
        self.posts.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn transient_news_reach_those_who_look() {
        let (bus, _inbox) = Bus::new();
        bus.transient("drive", json!({"id": 1}));
        let mut subscriber = bus.subscribe();
        bus.transient("drive", json!({"id": 2}));
        match subscriber.try_recv() {
            Ok(News::Transient(news)) => assert_eq!(news.data, json!({"id": 2})),
            other => panic!("{other:?}"),
        }
        assert!(subscriber.try_recv().is_err());
    }

    #[test]
    fn stored_events_have_the_fields_of_the_contract() {
        let event = StoredEvent {
            id: "7".into(),
            event_type: EventType::Info,
            category: "tape".into(),
            title: "Tape Added".into(),
            message: "T1".into(),
            details: None,
            timestamp: NaiveDateTime::default(),
        };
        let expected = json!({"id": "7", "type": "info", "category": "tape", "title": "Tape Added", "message": "T1",
            "timestamp": "1970-01-01T00:00:00Z"});
        assert_eq!(serde_json::to_value(event).unwrap(), expected);
    }
}
