//! Who may give a Telegram bot commands: people in chats, paired with users by a code that works once.

use super::errors::{changed, found};
use super::schema::{telegram_chats, telegram_codes, telegram_offsets, users};
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, write_transaction};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A person in a chat, paired with a user.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = telegram_chats)]
#[schema(as = TelegramChat)]
pub struct Chat {
    /// Its id.
    pub id: i32,
    /// The bot's channel.
    pub channel_id: i32,
    /// The chat, as Telegram counts chats.
    pub chat_id: i64,
    /// The person, as Telegram counts people.
    pub sender_id: i64,
    /// The person's name in Telegram.
    pub sender_name: String,
    /// The user whose rights they have.
    pub user_id: i32,
    /// When the last command came.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_used_at: Option<NaiveDateTime>,
    /// When it was paired.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

/// A paired person with the name of the user.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ChatListed {
    /// The person.
    #[serde(flatten)]
    pub chat: Chat,
    /// The name of the user.
    pub username: String,
}

/// All, or those of one user.
pub fn list(conn: &mut Conn, user: Option<i32>) -> Result<Vec<ChatListed>> {
    let mut query = telegram_chats::table
        .inner_join(users::table)
        .order(telegram_chats::id)
        .select((Chat::as_select(), users::username))
        .into_boxed();
    if let Some(user) = user {
        query = query.filter(telegram_chats::user_id.eq(user));
    }
    let rows: Vec<(Chat, String)> = query.load(conn)?;
    Ok(rows.into_iter().map(|(chat, username)| ChatListed { chat, username }).collect())
}

/// The one with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Chat> {
    found(telegram_chats::table.find(id).select(Chat::as_select()).first(conn), format_args!("paired chat {id}"))
}

/// Whether this person may give commands in this chat; then the command is noted.
pub fn used(conn: &mut Conn, channel: i32, chat: i64, sender: i64) -> Result<Option<Chat>> {
    use telegram_chats::dsl;
    let row = telegram_chats::table
        .filter(dsl::channel_id.eq(channel).and(dsl::chat_id.eq(chat)).and(dsl::sender_id.eq(sender)));
    let row = diesel::update(row).set(dsl::last_used_at.eq(now())).returning(Chat::as_returning());
    Ok(row.get_result(conn).optional()?)
}

/// The person gives commands no more.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    changed(diesel::delete(telegram_chats::table.find(id)).execute(conn), format_args!("paired chat {id}"))
}

/// A code pairs whoever sends it to the bot of `channel` with `user`, until `expires_at`. Older codes of the user are void.
pub fn add_code(conn: &mut Conn, hash: &str, channel: i32, user: i32, expires_at: NaiveDateTime) -> Result<()> {
    use telegram_codes::dsl;
    write_transaction(conn, |conn| {
        let void = dsl::user_id.eq(user).or(dsl::expires_at.lt(now()));
        diesel::delete(telegram_codes::table.filter(void)).execute(conn)?;
        let row = (
            dsl::code_hash.eq(hash),
            dsl::channel_id.eq(channel),
            dsl::user_id.eq(user),
            dsl::expires_at.eq(expires_at),
        );
        diesel::insert_into(telegram_codes::table).values(row).execute(conn)?;
        Ok(())
    })
}

/// Pairs, if there is such a code for this bot; the code is used up. The paired row.
pub fn pair(
    conn: &mut Conn,
    hash: &str,
    channel: i32,
    (chat, sender, name): (i64, i64, &str),
) -> Result<Option<ChatListed>> {
    use telegram_chats::dsl;
    write_transaction(conn, |conn| {
        let code = telegram_codes::table
            .find(hash)
            .filter(telegram_codes::channel_id.eq(channel).and(telegram_codes::expires_at.ge(now())));
        let user: Option<i32> = code.select(telegram_codes::user_id).first(conn).optional()?;
        let Some(user) = user else { return Ok(None) };
        diesel::delete(telegram_codes::table.find(hash)).execute(conn)?;
        let row = (dsl::sender_name.eq(name), dsl::user_id.eq(user), dsl::created_at.eq(now()));
        let row: Chat = diesel::insert_into(telegram_chats::table)
            .values((dsl::channel_id.eq(channel), dsl::chat_id.eq(chat), dsl::sender_id.eq(sender), row))
            .on_conflict((dsl::channel_id, dsl::chat_id, dsl::sender_id))
            .do_update()
            .set(row)
            .returning(Chat::as_returning())
            .get_result(conn)?;
        let username = users::table.find(user).select(users::username).first(conn)?;
        Ok(Some(ChatListed { chat: row, username }))
    })
}

/// The update that the bot of `channel` asks for next.
pub fn offset(conn: &mut Conn, channel: i32) -> Result<Option<i32>> {
    Ok(telegram_offsets::table.find(channel).select(telegram_offsets::next_update).first(conn).optional()?)
}

/// From now on it asks for `next`.
pub fn set_offset(conn: &mut Conn, channel: i32, next: i32) -> Result<()> {
    use telegram_offsets::dsl;
    diesel::insert_into(telegram_offsets::table)
        .values((dsl::channel_id.eq(channel), dsl::next_update.eq(next)))
        .on_conflict(dsl::channel_id)
        .do_update()
        .set(dsl::next_update.eq(next))
        .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::notification_channels::{NewChannel, insert};
    use crate::db::{ChannelKind, Role, testing};
    use chrono::TimeDelta;

    #[test]
    fn a_code_pairs_once_with_its_bot_until_it_expires() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let user = crate::db::users::insert(conn, "ann", "hash", Role::Operator).unwrap().id;
        let mut bot = |name: &str| {
            let new = NewChannel {
                name: name.into(),
                kind: ChannelKind::Telegram,
                enabled: true,
                config: "{}".into(),
                secrets: None,
                settings_slot: None,
            };
            insert(conn, &new).unwrap().id
        };
        let (one, other) = (bot("one"), bot("other"));
        let later = now() + TimeDelta::minutes(10);
        add_code(conn, "h1", one, user, later).unwrap();
        assert!(pair(conn, "h1", other, (5, 6, "Ann")).unwrap().is_none(), "the code of another bot");
        assert_eq!(pair(conn, "h1", one, (5, 6, "Ann")).unwrap().unwrap().username, "ann");
        assert!(pair(conn, "h1", one, (7, 8, "Eve")).unwrap().is_none(), "it works once");
        assert!(used(conn, one, 5, 6).unwrap().is_some_and(|chat| chat.last_used_at.is_some()));
        assert!(used(conn, one, 5, 8).unwrap().is_none(), "another person in the same chat");
        add_code(conn, "h2", one, user, now() - TimeDelta::seconds(1)).unwrap();
        assert!(pair(conn, "h2", one, (7, 8, "Eve")).unwrap().is_none(), "expired");
        set_offset(conn, one, 17).unwrap();
        set_offset(conn, one, 18).unwrap();
        assert_eq!((offset(conn, one).unwrap(), offset(conn, other).unwrap()), (Some(18), None));
    }
}
