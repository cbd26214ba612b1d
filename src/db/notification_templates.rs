//! What people wrote in place of the words of notifications that come with the program.

use super::Conn;
use super::errors::{changed, stored};
use super::kinds::ChannelKind;
use super::schema::notification_templates;
use super::time::{now, rfc3339};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// The topic of a template for all messages without one of their own.
pub const DEFAULT: &str = "default";

/// A template: for the messages of one topic (`default`: all others) to channels of one kind.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = notification_templates)]
pub struct Template {
    /// The topic, or `default`.
    pub topic: String,
    /// The kind of channel.
    pub kind: ChannelKind,
    /// Subject or title.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The HTML part of mail; empty: text only.
    pub html: String,
    /// When it was changed last.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// All that people wrote.
pub fn list(conn: &mut Conn) -> Result<Vec<Template>> {
    let query = notification_templates::table.order((notification_templates::kind, notification_templates::topic));
    Ok(query.select(Template::as_select()).load(conn)?)
}

/// The one for `topic`, else the one for all, if people wrote one.
pub fn for_topic(conn: &mut Conn, topic: &str, kind: ChannelKind) -> Result<Option<Template>> {
    use notification_templates::dsl;
    let query = notification_templates::table.filter(dsl::kind.eq(kind)).filter(dsl::topic.eq_any([topic, DEFAULT]));
    let mut rows: Vec<Template> = query.select(Template::as_select()).load(conn)?;
    rows.sort_by_key(|row| row.topic == DEFAULT);
    Ok(rows.into_iter().next())
}

/// Puts one in place of what is there.
pub fn set(conn: &mut Conn, topic: &str, kind: ChannelKind, subject: &str, body: &str, html: &str) -> Result<Template> {
    use notification_templates::dsl;
    let words = (dsl::subject.eq(subject), dsl::body.eq(body), dsl::html.eq(html), dsl::updated_at.eq(now()));
    let row = diesel::insert_into(notification_templates::table)
        .values((dsl::topic.eq(topic), dsl::kind.eq(kind), words))
        .on_conflict((dsl::topic, dsl::kind))
        .do_update()
        .set(words)
        .returning(Template::as_returning())
        .returned(conn);
    stored(row, format_args!("template for {topic}"))
}

/// The words that come with the program are used again.
pub fn delete(conn: &mut Conn, topic: &str, kind: ChannelKind) -> Result<()> {
    let row = notification_templates::table.find((topic, kind));
    changed(diesel::delete(row).execute(conn), format_args!("a template for {topic} and {kind}"))
}
