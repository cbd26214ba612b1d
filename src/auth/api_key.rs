//! Keys of programs: `tbk_` and 64 hexadecimal digits, shown once.
//!
//! The key is 256 random bits, so a plain SHA-256 of it cannot be guessed back and is quick enough for every request.
//! Keys that came from the old program have a bcrypt hash, which is understood too.

use super::{Identity, Who, unauthorized};
use crate::db::api_keys::{self, ApiKey};
use crate::db::{Conn, now};
use crate::{Error, Result};
use chrono::TimeDelta;

/// What every key begins with.
pub const PREFIX: &str = "tbk_";
/// How much of a key is kept readable, to tell keys apart.
const SHOWN: usize = PREFIX.len() + 8;
const LENGTH: usize = PREFIX.len() + 64;

/// A new key, and what to store of it.
pub struct Generated {
    /// The key itself: to be shown once, never stored.
    pub key: String,
    /// Its beginning.
    pub prefix: String,
    /// Its hash.
    pub hash: String,
}

/// Makes a new key.
pub fn generate() -> Result<Generated> {
    let mut bytes = [0; 32];
    openssl::rand::rand_bytes(&mut bytes)
        .map_err(|error| Error::internal(format!("no randomness for an API key: {error}")))?;
    let key = format!("{PREFIX}{}", hex::encode(bytes));
    let prefix = key.chars().take(SHOWN).collect();
    let hash = hash(&key);
    Ok(Generated { key, prefix, hash })
}

/// Whose key this is; notes the use, at most once a minute.
///
/// # Errors
/// 401 `invalid_api_key`, `api_key_expired`.
pub fn identify(conn: &mut Conn, key: &str) -> Result<Identity> {
    let Some(prefix) = key.get(..SHOWN).filter(|_| key.len() == LENGTH) else { return Err(invalid()) };
    let candidates = api_keys::with_prefix(conn, prefix)?;
    let Some(found) = candidates.into_iter().find(|candidate| matches(candidate, key)) else { return Err(invalid()) };
    let time = now();
    if found.expires_at.is_some_and(|end| end <= time) {
        return Err(unauthorized("api_key_expired", "API key expired"));
    }
    if found.last_used_at.is_none_or(|last| time - last >= TimeDelta::minutes(1)) {
        api_keys::used(conn, found.id)?;
    }
    Ok(Identity { who: Who::ApiKey { id: found.id, name: found.name }, role: found.role, session: None })
}

fn matches(candidate: &ApiKey, key: &str) -> bool {
    if candidate.key_hash.starts_with("$2") {
        return bcrypt::verify(key, &candidate.key_hash).unwrap_or(false);
    }
    let given = hash(key);
    candidate.key_hash.len() == given.len() && openssl::memcmp::eq(candidate.key_hash.as_bytes(), given.as_bytes())
}

fn hash(key: &str) -> String {
    format!("sha256:{}", hex::encode(openssl::sha::sha256(key.as_bytes())))
}

fn invalid() -> Error {
    unauthorized("invalid_api_key", "invalid API key")
}
