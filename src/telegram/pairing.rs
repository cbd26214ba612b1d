//! Codes that pair a person in a chat with a user: ten minutes, once.

use crate::db::telegram_chats as chats;
use crate::db::{ChannelKind, Conn, notification_channels, now};
use crate::{Error, Result};
use chrono::{NaiveDateTime, TimeDelta};
use openssl::sha::sha256;

const MINUTES: i64 = 10;
/// Without letters and digits that look alike.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// 50 bits.
const LENGTH: usize = 10;

/// A new code for `user` and the bot of `channel`; older ones of the user are void. With the time it expires.
pub fn code(conn: &mut Conn, channel: i32, user: i32) -> Result<(String, NaiveDateTime)> {
    let row = notification_channels::find(conn, channel)?;
    if row.kind != ChannelKind::Telegram {
        return Err(Error::bad_request(format!("the channel \"{}\" is no Telegram channel", row.name)));
    }
    let mut bytes = [0; LENGTH];
    openssl::rand::rand_bytes(&mut bytes).map_err(|error| Error::internal(format!("no random numbers: {error}")))?;
    let code: String = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    let expires_at = now() + TimeDelta::minutes(MINUTES);
    chats::add_code(conn, &hash(&code), channel, user, expires_at)?;
    Ok((code, expires_at))
}

/// What is stored of a code.
pub fn hash(code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    hex::encode(sha256(plain.to_ascii_uppercase().as_bytes()))
}
