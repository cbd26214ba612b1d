//! Where notifications go. Secrets are in their rows only sealed ([`crate::notify::secrets`]).

use super::Conn;
use super::errors::{changed, found, stored};
use super::kinds::ChannelKind;
use super::schema::{notification_channels, notification_rule_channels, notification_rules};
use super::time::now;
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A channel as it is stored.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = notification_channels)]
pub struct Channel {
    /// Its id.
    pub id: i32,
    /// Its name, unique.
    pub name: String,
    /// What kind of address it is.
    pub kind: ChannelKind,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// JSON object, without the secrets.
    pub config: String,
    /// JSON object, sealed.
    pub secrets: Option<String>,
    /// `telegram` or `email`: it is the one that the settings show.
    pub settings_slot: Option<String>,
    /// Attempts in a row that failed.
    pub failures: i32,
    /// When something was sent last.
    pub last_sent_at: Option<NaiveDateTime>,
    /// Why the last attempt failed; none after one that did not.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<NaiveDateTime>,
    /// When it was made.
    pub created_at: NaiveDateTime,
    /// When it was changed last.
    pub updated_at: NaiveDateTime,
}

/// A channel to be made.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = notification_channels)]
pub struct NewChannel {
    /// Its name.
    pub name: String,
    /// What kind of address it is.
    pub kind: ChannelKind,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// JSON object, without the secrets.
    pub config: String,
    /// JSON object, sealed.
    pub secrets: Option<String>,
    /// `telegram` or `email`: it is the one that the settings show.
    pub settings_slot: Option<String>,
}

/// What to change of a channel; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = notification_channels)]
pub struct ChannelChanges {
    /// Its name.
    pub name: Option<String>,
    /// Whether anything is sent to it.
    pub enabled: Option<bool>,
    /// JSON object, without the secrets.
    pub config: Option<String>,
    /// JSON object, sealed.
    pub secrets: Option<Option<String>>,
}

/// The channel with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Channel> {
    let row = notification_channels::table.find(id).select(Channel::as_select()).first(conn);
    found(row, format_args!("notification channel {id}"))
}

/// The channel that the settings show as `slot`.
pub fn find_slot(conn: &mut Conn, slot: &str) -> Result<Option<Channel>> {
    let query = notification_channels::table.filter(notification_channels::settings_slot.eq(slot));
    Ok(query.select(Channel::as_select()).first(conn).optional()?)
}

/// All channels, in the order they were made.
pub fn list(conn: &mut Conn) -> Result<Vec<Channel>> {
    Ok(notification_channels::table.order(notification_channels::id).select(Channel::as_select()).load(conn)?)
}

/// Names of the rules that send to channel `id`.
pub fn used_by(conn: &mut Conn, id: i32) -> Result<Vec<String>> {
    let query = notification_rule_channels::table
        .inner_join(notification_rules::table)
        .filter(notification_rule_channels::channel_id.eq(id))
        .order(notification_rules::name)
        .select(notification_rules::name);
    Ok(query.load(conn)?)
}

/// Makes a channel.
pub fn insert(conn: &mut Conn, new: &NewChannel) -> Result<Channel> {
    let time = now();
    let values = (new, notification_channels::created_at.eq(time), notification_channels::updated_at.eq(time));
    let row = diesel::insert_into(notification_channels::table).values(values);
    stored(row.returning(Channel::as_returning()).returned(conn), format_args!("notification channel '{}'", new.name))
}

/// Changes a channel.
pub fn update(conn: &mut Conn, id: i32, changes: &ChannelChanges) -> Result<Channel> {
    let row = diesel::update(notification_channels::table.find(id))
        .set((changes, notification_channels::updated_at.eq(now())))
        .returning(Channel::as_returning())
        .returned(conn);
    stored(row, format_args!("notification channel {id}"))
}

/// Deletes a channel with what was still to be sent to it; rules go on without it.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    let what = format_args!("notification channel {id}");
    changed(diesel::delete(notification_channels::table.find(id)).execute(conn), what)
}

/// An attempt went well.
pub fn succeeded(conn: &mut Conn, id: i32) -> Result<()> {
    use notification_channels::dsl;
    diesel::update(notification_channels::table.find(id))
        .set((
            dsl::failures.eq(0),
            dsl::last_sent_at.eq(now()),
            dsl::last_error.eq(None::<String>),
            dsl::last_error_at.eq(None::<NaiveDateTime>),
        ))
        .execute(conn)?;
    Ok(())
}

/// An attempt failed.
pub fn failed(conn: &mut Conn, id: i32, error: &str) -> Result<()> {
    use notification_channels::dsl;
    diesel::update(notification_channels::table.find(id))
        .set((dsl::failures.eq(dsl::failures + 1), dsl::last_error.eq(error), dsl::last_error_at.eq(now())))
        .execute(conn)?;
    Ok(())
}
