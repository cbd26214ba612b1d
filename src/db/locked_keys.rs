//! Keys that are closed with a passphrase: the locks of pools, and what was found on tapes.

use super::Conn;
use super::errors::changed;
use super::schema::{encryption_keys, locked_keys, tape_pools, tapes};
use super::time::{now, rfc3339};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A key that was found on a tape.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Serialize, utoipa::ToSchema)]
#[schema(as = FoundKey)]
pub struct Found {
    /// Hex SHA-256 of the key.
    pub key_fingerprint: String,
    /// The tape.
    pub tape_id: i32,
    /// Its label.
    pub tape_label: String,
    /// The key, closed: JSON as on tape.
    #[serde(skip)]
    pub locked: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub found_at: NaiveDateTime,
}

/// Keys that were found on tapes and that this server does not have, the ones found last first.
pub fn missing(conn: &mut Conn) -> Result<Vec<Found>> {
    let here = encryption_keys::table
        .filter(encryption_keys::key_fingerprint.eq(locked_keys::key_fingerprint))
        .select(encryption_keys::id);
    let rows = locked_keys::table
        .inner_join(tapes::table)
        .filter(diesel::dsl::not(diesel::dsl::exists(here)))
        .order((locked_keys::found_at.desc(), locked_keys::tape_id, locked_keys::key_fingerprint))
        .select((
            locked_keys::key_fingerprint,
            locked_keys::tape_id,
            tapes::label,
            locked_keys::locked,
            locked_keys::found_at,
        ))
        .load(conn)?;
    Ok(rows)
}

/// A key was found on a tape. Of several of one tape the last counts: its passphrase is the one that people know.
pub fn found(conn: &mut Conn, fingerprint: &str, tape: i32, locked: &str) -> Result<()> {
    let values = (
        locked_keys::key_fingerprint.eq(fingerprint),
        locked_keys::tape_id.eq(tape),
        locked_keys::locked.eq(locked),
        locked_keys::found_at.eq(now()),
    );
    diesel::replace_into(locked_keys::table).values(values).execute(conn)?;
    Ok(())
}

/// The key is here: what was found of it is of no use any more.
pub fn forget(conn: &mut Conn, fingerprint: &str) -> Result<()> {
    diesel::delete(locked_keys::table.filter(locked_keys::key_fingerprint.eq(fingerprint))).execute(conn)?;
    Ok(())
}

/// The lock of a pool, and the key that its passphrase made, sealed; none: its tapes hold no keys.
pub fn of_pool(conn: &mut Conn, pool: i32) -> Result<Option<(String, String)>> {
    let row: Option<(Option<String>, Option<String>)> = tape_pools::table
        .find(pool)
        .select((tape_pools::key_lock, tape_pools::key_lock_secret))
        .first(conn)
        .optional()?;
    Ok(row.and_then(|(lock, secret)| lock.zip(secret)))
}

/// Gives a pool a lock with the key that belongs to it, sealed; or takes it away.
pub fn set_of_pool(conn: &mut Conn, pool: i32, lock: Option<(String, String)>) -> Result<()> {
    let at = lock.is_some().then(now);
    let (lock, secret) = lock.unzip();
    let values = (
        tape_pools::key_lock.eq(lock),
        tape_pools::key_lock_secret.eq(secret),
        tape_pools::key_lock_at.eq(at),
        tape_pools::updated_at.eq(now()),
    );
    changed(diesel::update(tape_pools::table.find(pool)).set(values).execute(conn), format_args!("pool {pool}"))
}

/// Pools with a lock: id, name, and the key that belongs to it, sealed.
pub fn pools(conn: &mut Conn) -> Result<Vec<(i32, String, String)>> {
    let rows = tape_pools::table
        .filter(tape_pools::key_lock_secret.is_not_null())
        .select((tape_pools::id, tape_pools::name, tape_pools::key_lock_secret.assume_not_null()))
        .load(conn)?;
    Ok(rows)
}
