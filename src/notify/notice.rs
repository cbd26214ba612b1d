//! A notice: what a message says, before it is put into words for a channel. Stored in the outbox as JSON; templates and
//! webhooks see all of it.

use crate::db::{Weight, time};
use crate::events::StoredEvent;
use crate::notify::topics;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Something happened.
    #[default]
    News,
    /// Something still waits.
    Reminder,
    /// A problem that was told of is over.
    Recovery,
    /// Several that were gathered.
    Digest,
    /// A person wants to see whether the channel works.
    Test,
}

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Notice {
    /// What it is about.
    pub topic: String,
    /// How much it matters: `info`, `warning`, `error`.
    pub severity: String,
    /// Why it is sent.
    pub purpose: Purpose,
    /// In a few words.
    pub title: String,
    /// In a sentence.
    pub message: String,
    /// When it happened, RFC 3339.
    pub time: String,
    /// Since when it waits, of reminders; RFC 3339.
    pub since: Option<String>,
    /// Name of the machine.
    pub server: String,
    /// Page of the web interface.
    pub link: Option<String>,
    /// What belongs together: mails with the same are one thread.
    pub thread: String,
    /// The event.
    pub event_id: Option<i64>,
    /// Name of the job.
    pub job: Option<String>,
    /// Id of the job.
    pub job_id: Option<i32>,
    /// Name of the pool.
    pub pool: Option<String>,
    /// Id of the pool.
    pub pool_id: Option<i32>,
    /// Label of the tape.
    pub tape: Option<String>,
    /// Name of the drive.
    pub drive: Option<String>,
    /// The event's details.
    #[schema(value_type = Object)]
    pub details: Value,
    /// What was gathered, of digests.
    #[schema(no_recursion)]
    pub items: Vec<Notice>,
}

impl Notice {
    /// What an event says by itself.
    pub fn of_event(event: &StoredEvent) -> Notice {
        let topic = topics::of(event);
        let thread = topics::begun_by(event).or_else(|| topics::ended_by(event));
        Notice {
            topic: topic.word.into(),
            severity: topics::weight(event.event_type).as_str().into(),
            title: event.title.clone(),
            message: event.message.clone(),
            time: time::to_rfc3339(&event.timestamp),
            server: server_name(),
            thread: thread.unwrap_or_else(|| format!("event:{}", event.id)),
            event_id: event.id.parse().ok(),
            details: event.details.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            ..Notice::default()
        }
    }

    /// How much it matters.
    pub fn weight(&self) -> Weight {
        self.severity.parse().unwrap_or(Weight::Warning)
    }

    /// A message by which a person sees whether a channel works.
    pub fn test(channel: &str) -> Notice {
        Notice {
            topic: topics::TEST.into(),
            severity: Weight::Info.as_str().into(),
            purpose: Purpose::Test,
            title: "Test Notification".into(),
            message: format!("This is a test message from TapeBackarr. The channel \"{channel}\" works."),
            time: time::to_rfc3339(&crate::db::now()),
            server: server_name(),
            thread: "test".into(),
            details: Value::Object(serde_json::Map::new()),
            ..Notice::default()
        }
    }

    /// Several in one.
    pub fn digest(items: Vec<Notice>) -> Notice {
        let worst = items.iter().map(Notice::weight).max().unwrap_or(Weight::Info);
        let count = |weight| items.iter().filter(|item| item.weight() == weight).count();
        let (errors, warnings) = (count(Weight::Error), count(Weight::Warning));
        let mut parts = vec![format!("{} events", items.len())];
        if errors > 0 {
            parts.push(format!("{errors} with errors"));
        }
        if warnings > 0 {
            parts.push(format!("{warnings} with warnings"));
        }
        let now = crate::db::now();
        Notice {
            topic: topics::DIGEST.into(),
            severity: worst.as_str().into(),
            purpose: Purpose::Digest,
            title: format!("Digest: {}", parts.join(", ")),
            message: items
                .iter()
                .map(|item| format!("{}: {}", item.title, item.message))
                .collect::<Vec<_>>()
                .join("\n"),
            time: time::to_rfc3339(&now),
            server: server_name(),
            thread: format!("digest:{}", now.format("%Y%m%d%H%M")),
            details: Value::Object(serde_json::Map::new()),
            items,
            ..Notice::default()
        }
    }
}

/// The name of this machine.
pub fn server_name() -> String {
    hostname::get().map_or_else(|_| "localhost".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::EventType;
    use crate::notify::testing::event;
    use serde_json::json;

    #[test]
    fn a_notice_survives_the_outbox() {
        let mut notice = Notice::of_event(&event(EventType::Error, "Backup Failed", json!({"job_id": 3})));
        notice.job = Some("nightly".into());
        let stored = serde_json::to_string(&notice).unwrap();
        assert_eq!(serde_json::from_str::<Notice>(&stored).unwrap(), notice);
        assert_eq!((notice.topic.as_str(), notice.thread.as_str()), ("backup_failed", "backup:3"));
    }

    #[test]
    fn a_digest_says_what_is_in_it() {
        let one = |event_type| Notice::of_event(&event(event_type, "Backup Completed", json!({})));
        let digest = Notice::digest(vec![one(EventType::Success), one(EventType::Warning), one(EventType::Error)]);
        assert_eq!(digest.title, "Digest: 3 events, 1 with errors, 1 with warnings");
        assert_eq!(digest.weight(), Weight::Error);
    }
}
