//! The outbox: what is to be sent, is being sent, was sent or could not be.

use super::errors::found;
use super::kinds::{OutboxStatus, Weight};
use super::schema::{notification_channels, notification_outbox};
use super::time::{json_text, now, rfc3339, rfc3339_option};
use super::{Conn, Page, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A message to one channel.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = notification_outbox)]
#[schema(as = OutboxMessage)]
pub struct Message {
    /// Its id.
    pub id: i32,
    /// Where it goes.
    pub channel_id: i32,
    /// The rule that sends it.
    pub rule_id: Option<i32>,
    /// The event it tells of.
    pub event_id: Option<i32>,
    /// What a receiver tells repetitions by.
    pub uid: String,
    /// What it is about.
    pub topic: String,
    /// How much it matters.
    pub severity: Weight,
    /// In a few words.
    pub title: String,
    /// What templates see.
    #[serde(serialize_with = "json_text")]
    #[schema(value_type = Object)]
    pub notice: String,
    /// Where it is in its life.
    pub status: OutboxStatus,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next; of held ones, when they are let go.
    #[serde(serialize_with = "rfc3339")]
    pub next_attempt_at: NaiveDateTime,
    /// When it is given up.
    #[serde(serialize_with = "rfc3339")]
    pub give_up_at: NaiveDateTime,
    /// The digest it is part of.
    pub merged_into: Option<i32>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// What the other side said when it took it.
    pub answer: Option<String>,
    /// When it was put here.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When it was given up.
    #[serde(serialize_with = "rfc3339_option")]
    pub given_up_at: Option<NaiveDateTime>,
    /// When the other side took it.
    #[serde(serialize_with = "rfc3339_option")]
    pub sent_at: Option<NaiveDateTime>,
}

/// A message to be sent.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = notification_outbox)]
pub struct NewMessage {
    /// Where it goes.
    pub channel_id: i32,
    /// The rule that sends it.
    pub rule_id: Option<i32>,
    /// The event it tells of.
    pub event_id: Option<i32>,
    /// What a receiver tells repetitions by.
    pub uid: String,
    /// What it is about.
    pub topic: String,
    /// How much it matters.
    pub severity: Weight,
    /// In a few words.
    pub title: String,
    /// JSON: what templates see.
    pub notice: String,
    /// `held` or `queued`.
    pub status: OutboxStatus,
    /// When it is tried, or let go.
    pub next_attempt_at: NaiveDateTime,
    /// When it is given up.
    pub give_up_at: NaiveDateTime,
}

/// Which messages a list shows.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Only these.
    pub statuses: Option<Vec<OutboxStatus>>,
    /// Only to this channel.
    pub channel_id: Option<i32>,
}

/// How many messages there are of a status, and since when.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct StatusCount {
    /// The status.
    pub status: OutboxStatus,
    /// How many.
    pub count: i64,
}

/// Puts a message into the outbox.
pub fn insert(conn: &mut Conn, new: &NewMessage) -> Result<Message> {
    let values = (new, notification_outbox::created_at.eq(now()));
    let row = diesel::insert_into(notification_outbox::table).values(values);
    Ok(row.returning(Message::as_returning()).returned(conn)?)
}

/// The message with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Message> {
    let row = notification_outbox::table.find(id).select(Message::as_select()).first(conn);
    found(row, format_args!("message {id} of the outbox"))
}

/// The newest first.
pub fn list(conn: &mut Conn, filter: &MessageFilter, page: Page) -> Result<Vec<Message>> {
    let mut query = notification_outbox::table.select(Message::as_select()).into_boxed();
    if let Some(statuses) = &filter.statuses {
        query = query.filter(notification_outbox::status.eq_any(statuses.clone()));
    }
    if let Some(channel) = filter.channel_id {
        query = query.filter(notification_outbox::channel_id.eq(channel));
    }
    let query = query.order(notification_outbox::id.desc()).limit(page.limit).offset(page.offset);
    Ok(query.load(conn)?)
}

/// How many there are of each status.
pub fn counts(conn: &mut Conn) -> Result<Vec<StatusCount>> {
    let rows: Vec<(OutboxStatus, i64)> = notification_outbox::table
        .group_by(notification_outbox::status)
        .select((notification_outbox::status, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(rows.into_iter().map(|(status, count)| StatusCount { status, count }).collect())
}

/// How many messages wait for a channel.
pub fn count_waiting(conn: &mut Conn, channel: i32) -> Result<i64> {
    use notification_outbox::dsl;
    let waiting = [OutboxStatus::Held, OutboxStatus::Queued, OutboxStatus::Sending];
    let rows = notification_outbox::table.filter(dsl::channel_id.eq(channel).and(dsl::status.eq_any(waiting)));
    Ok(rows.count().returned(conn)?)
}

/// After a start: what was being sent when the server stopped. Whether the other side has taken it cannot be known, so it
/// is sent (again) under the same `uid`. How many.
pub fn send_again_after_a_crash(conn: &mut Conn) -> Result<usize> {
    use notification_outbox::dsl;
    let rows = notification_outbox::table.filter(dsl::status.eq(OutboxStatus::Sending));
    Ok(diesel::update(rows)
        .set((dsl::status.eq(OutboxStatus::Queued), dsl::next_attempt_at.eq(now())))
        .execute(conn)?)
}

/// Enabled channels that have something to send at `time`.
pub fn due_channels(conn: &mut Conn, time: NaiveDateTime) -> Result<Vec<i32>> {
    use notification_outbox::dsl;
    let query = notification_outbox::table
        .inner_join(notification_channels::table)
        .filter(notification_channels::enabled.eq(true))
        .filter(dsl::status.eq(OutboxStatus::Queued).and(dsl::next_attempt_at.le(time)))
        .select(dsl::channel_id)
        .distinct();
    Ok(query.load(conn)?)
}

/// When the next message is due after `time`, to be sent or let go.
pub fn next_due(conn: &mut Conn, time: NaiveDateTime) -> Result<Option<NaiveDateTime>> {
    use notification_outbox::dsl;
    let query = notification_outbox::table
        .filter(dsl::status.eq_any([OutboxStatus::Queued, OutboxStatus::Held]).and(dsl::next_attempt_at.gt(time)))
        .select(diesel::dsl::min(dsl::next_attempt_at));
    Ok(query.first(conn)?)
}

/// The oldest message of a channel that is due at `time`, marked as being sent. Committed before anything is sent.
pub fn take(conn: &mut Conn, channel: i32, time: NaiveDateTime) -> Result<Option<Message>> {
    use notification_outbox::dsl;
    write_transaction(conn, |conn| {
        let due = notification_outbox::table
            .filter(dsl::channel_id.eq(channel).and(dsl::status.eq(OutboxStatus::Queued)))
            .filter(dsl::next_attempt_at.le(time))
            .order((dsl::next_attempt_at, dsl::id))
            .select(dsl::id)
            .first::<i32>(conn)
            .optional()?;
        let Some(id) = due else { return Ok(None) };
        let row = diesel::update(notification_outbox::table.find(id))
            .set((dsl::status.eq(OutboxStatus::Sending), dsl::attempts.eq(dsl::attempts + 1)))
            .returning(Message::as_returning())
            .returned(conn)?;
        Ok(Some(row))
    })
}

/// The other side has taken it.
pub fn sent(conn: &mut Conn, id: i32, answer: &str) -> Result<()> {
    use notification_outbox::dsl;
    diesel::update(notification_outbox::table.find(id))
        .set((
            dsl::status.eq(OutboxStatus::Sent),
            dsl::sent_at.eq(now()),
            dsl::answer.eq(answer),
            dsl::last_error.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(())
}

/// It is tried again at `at`.
pub fn try_later(conn: &mut Conn, id: i32, error: &str, at: NaiveDateTime) -> Result<()> {
    use notification_outbox::dsl;
    diesel::update(notification_outbox::table.find(id))
        .set((dsl::status.eq(OutboxStatus::Queued), dsl::last_error.eq(error), dsl::next_attempt_at.eq(at)))
        .execute(conn)?;
    Ok(())
}

/// It is given up.
pub fn give_up(conn: &mut Conn, id: i32, error: &str) -> Result<()> {
    use notification_outbox::dsl;
    diesel::update(notification_outbox::table.find(id))
        .set((dsl::status.eq(OutboxStatus::Failed), dsl::last_error.eq(error), dsl::given_up_at.eq(now())))
        .execute(conn)?;
    Ok(())
}

/// Whether a message to this channel was given up since one was sent last.
pub fn has_given_up(conn: &mut Conn, channel: i32) -> Result<bool> {
    use notification_outbox::dsl;
    let of_channel = notification_outbox::table.filter(dsl::channel_id.eq(channel));
    let last_sent: Option<NaiveDateTime> = of_channel.select(diesel::dsl::max(dsl::sent_at)).first(conn)?;
    let given_up: Option<NaiveDateTime> = of_channel
        .filter(dsl::status.eq(OutboxStatus::Failed))
        .select(diesel::dsl::max(dsl::given_up_at))
        .first(conn)?;
    Ok(given_up.is_some() && given_up > last_sent)
}

/// What waits for longer than it may, also for a channel that is switched off.
pub fn overdue(conn: &mut Conn, time: NaiveDateTime) -> Result<Vec<Message>> {
    use notification_outbox::dsl;
    let query = notification_outbox::table
        .filter(dsl::status.eq(OutboxStatus::Queued).and(dsl::give_up_at.lt(time)))
        .order(dsl::id);
    Ok(query.select(Message::as_select()).load(conn)?)
}

/// Held messages whose time has come, by channel and rule, the oldest first.
pub fn ripe(conn: &mut Conn, time: NaiveDateTime) -> Result<Vec<Message>> {
    use notification_outbox::dsl;
    let query = notification_outbox::table
        .filter(dsl::status.eq(OutboxStatus::Held).and(dsl::next_attempt_at.le(time)))
        .order((dsl::channel_id, dsl::rule_id, dsl::id));
    Ok(query.select(Message::as_select()).load(conn)?)
}

/// A held message is let go on its own.
pub fn let_go(conn: &mut Conn, id: i32, give_up_at: NaiveDateTime) -> Result<()> {
    use notification_outbox::dsl;
    diesel::update(notification_outbox::table.find(id))
        .set((dsl::status.eq(OutboxStatus::Queued), dsl::next_attempt_at.eq(now()), dsl::give_up_at.eq(give_up_at)))
        .execute(conn)?;
    Ok(())
}

/// Held messages become part of the digest `into`.
pub fn merge(conn: &mut Conn, ids: &[i32], into: i32) -> Result<()> {
    use notification_outbox::dsl;
    diesel::update(notification_outbox::table.filter(dsl::id.eq_any(ids)))
        .set((dsl::status.eq(OutboxStatus::Merged), dsl::merged_into.eq(into)))
        .execute(conn)?;
    Ok(())
}

/// A person wants it to be tried again, at once and with fresh patience.
pub fn retry(conn: &mut Conn, id: i32, give_up_at: NaiveDateTime) -> Result<Message> {
    use notification_outbox::dsl;
    write_transaction(conn, |conn| {
        let row = find(conn, id)?;
        match row.status {
            OutboxStatus::Sent | OutboxStatus::Sending | OutboxStatus::Merged => {
                return Err(not_in(row.status, "tried again"));
            }
            OutboxStatus::Held | OutboxStatus::Queued | OutboxStatus::Failed | OutboxStatus::Discarded => {}
        }
        let row = diesel::update(notification_outbox::table.find(id))
            .set((
                dsl::status.eq(OutboxStatus::Queued),
                dsl::attempts.eq(0),
                dsl::next_attempt_at.eq(now()),
                dsl::give_up_at.eq(give_up_at),
            ))
            .returning(Message::as_returning())
            .returned(conn)?;
        Ok(row)
    })
}

/// A person does not want it to be sent.
pub fn discard(conn: &mut Conn, id: i32) -> Result<Message> {
    use notification_outbox::dsl;
    write_transaction(conn, |conn| {
        let row = find(conn, id)?;
        if !matches!(row.status, OutboxStatus::Held | OutboxStatus::Queued | OutboxStatus::Failed) {
            return Err(not_in(row.status, "discarded"));
        }
        let row = diesel::update(notification_outbox::table.find(id))
            .set(dsl::status.eq(OutboxStatus::Discarded))
            .returning(Message::as_returning())
            .returned(conn)?;
        Ok(row)
    })
}

fn not_in(status: OutboxStatus, done: &str) -> Error {
    Error::conflict("wrong_state", format!("a message that is {status} cannot be {done}"))
}

/// Keeps at most `most` waiting messages per channel: the oldest are discarded. How many.
pub fn limit(conn: &mut Conn, channel: i32, most: i64) -> Result<usize> {
    use notification_outbox::dsl;
    let waiting = [OutboxStatus::Queued, OutboxStatus::Held];
    let newest_too_many: Option<i32> = notification_outbox::table
        .filter(dsl::channel_id.eq(channel).and(dsl::status.eq_any(waiting)))
        .order(dsl::id.desc())
        .offset(most)
        .select(dsl::id)
        .first(conn)
        .optional()?;
    let Some(id) = newest_too_many else { return Ok(0) };
    let rows = notification_outbox::table
        .filter(dsl::channel_id.eq(channel).and(dsl::status.eq_any(waiting)))
        .filter(dsl::id.le(id));
    Ok(diesel::update(rows)
        .set((
            dsl::status.eq(OutboxStatus::Discarded),
            dsl::last_error.eq(format!("more than {most} messages were waiting for the channel")),
        ))
        .execute(conn)?)
}

/// Forgets what ended before `time`. How many.
pub fn prune(conn: &mut Conn, time: NaiveDateTime) -> Result<usize> {
    use notification_outbox::dsl;
    let ended = [OutboxStatus::Sent, OutboxStatus::Failed, OutboxStatus::Discarded, OutboxStatus::Merged];
    let rows = notification_outbox::table.filter(dsl::status.eq_any(ended).and(dsl::created_at.lt(time)));
    Ok(diesel::delete(rows).execute(conn)?)
}
