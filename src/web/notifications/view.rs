//! A channel as clients see it: without its secrets.

use crate::Result;
use crate::db::notification_channels::{self as channels, Channel};
use crate::db::time::{rfc3339, rfc3339_option};
use crate::db::{ChannelKind, Conn, notification_outbox};
use crate::keys::KeyStore;
use crate::notify::channel::Address;
use crate::notify::secrets;
use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::Value;

/// A channel; secrets show as `********`, and that, sent back, leaves them as they are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChannelView {
    /// Its id.
    id: i32,
    /// Its name, unique.
    name: String,
    /// What kind of address it is.
    kind: ChannelKind,
    /// Whether anything is sent to it.
    enabled: bool,
    /// Its configuration.
    #[schema(value_type = Address)]
    config: Value,
    /// Why it cannot be used: its secrets were sealed by another server.
    problem: Option<String>,
    /// `telegram` or `email`: it is the one that `notifications` in the settings shows.
    settings_slot: Option<String>,
    /// Names of the rules that send to it.
    rules: Vec<String>,
    /// Messages that wait for it.
    waiting: i64,
    /// Attempts in a row that failed.
    failures: i32,
    /// When something was sent last.
    #[serde(serialize_with = "rfc3339_option")]
    last_sent_at: Option<NaiveDateTime>,
    /// Why the last attempt failed; null after one that did not.
    last_error: Option<String>,
    /// When that was.
    #[serde(serialize_with = "rfc3339_option")]
    last_error_at: Option<NaiveDateTime>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    created_at: NaiveDateTime,
    /// When it was changed last.
    #[serde(serialize_with = "rfc3339")]
    updated_at: NaiveDateTime,
}

impl ChannelView {
    /// What is shown of a row.
    pub fn of(conn: &mut Conn, keys: &KeyStore, row: Channel) -> Result<ChannelView> {
        let whole = secrets::join(keys, row.kind, &row.config, row.secrets.as_deref());
        let (config, problem) = match whole {
            Ok(whole) => (secrets::mask(row.kind, &whole), None),
            Err(error) => (serde_json::from_str(&row.config)?, Some(error.message)),
        };
        Ok(ChannelView {
            rules: channels::used_by(conn, row.id)?,
            waiting: notification_outbox::count_waiting(conn, row.id)?,
            id: row.id,
            name: row.name,
            kind: row.kind,
            enabled: row.enabled,
            config,
            problem,
            settings_slot: row.settings_slot,
            failures: row.failures,
            last_sent_at: row.last_sent_at,
            last_error: row.last_error,
            last_error_at: row.last_error_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
