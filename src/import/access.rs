//! Users, API keys and encryption keys.

use super::{Ids, Old, Report, free_name};
use crate::Result;
use crate::db::{Conn, Role, api_keys as keys_of_programs, encryption_keys as keys_of_data, users as people};
use crate::keys::KeyStore;

/// The password that version 1 is installed with, for its user `admin`.
const INSTALLED_WITH: &str = "changeme";

/// Users: their passwords stay valid, for both programs hash them with bcrypt. A name that is here is kept as it is.
pub fn users(conn: &mut Conn, old: &mut Old, report: &mut Report) -> Result<()> {
    const WHAT: &str = "users";
    for row in old.rows("users", &["id", "username", "password_hash", "role"])? {
        let name = row.text_or_empty("username");
        let hash = row.text_or_empty("password_hash");
        let Ok(role) = row.text_or_empty("role").parse::<Role>() else {
            report.skipped(WHAT, &name, "its role is none of admin, operator and readonly");
            continue;
        };
        if name.is_empty() || !hash.starts_with("$2") {
            report.skipped(WHAT, &name, "it has no name, or no password that bcrypt hashed");
            continue;
        }
        if people::find_by_name(conn, &name)?.is_some() {
            report.there(WHAT);
            report.skipped(WHAT, &name, "a user of this name is here, and keeps role and password");
            continue;
        }
        if bcrypt::verify(INSTALLED_WITH, &hash).unwrap_or(false) {
            report.skipped(
                WHAT,
                &name,
                "it still has the password that version 1 is installed with; make the user anew",
            );
            continue;
        }
        people::insert(conn, &name, &hash, role)?;
        report.imported(WHAT);
    }
    Ok(())
}

/// API keys: they go on working.
pub fn api_keys(conn: &mut Conn, old: &mut Old, report: &mut Report) -> Result<()> {
    const WHAT: &str = "api_keys";
    let known: Vec<String> = keys_of_programs::list(conn)?.into_iter().map(|key| key.key_hash).collect();
    for row in old.rows("api_keys", &["id", "name", "key_hash", "key_prefix", "role", "expires_at"])? {
        let name = row.text_or_empty("name");
        let (hash, prefix) = (row.text_or_empty("key_hash"), row.text_or_empty("key_prefix"));
        if known.contains(&hash) {
            report.there(WHAT);
            continue;
        }
        let role = row.text_or_empty("role").parse::<Role>();
        let (Ok(role), true, false) = (role, hash.starts_with("$2"), prefix.is_empty()) else {
            report.skipped(WHAT, &name, "its hash, its beginning or its role is not what version 1 wrote");
            continue;
        };
        let expires_at = row.time("expires_at");
        if row.text("expires_at").is_some() && expires_at.is_none() {
            report.skipped(WHAT, &name, "until when it is valid cannot be read; make a new key");
            continue;
        }
        let new = keys_of_programs::NewApiKey { name, key_hash: hash, key_prefix: prefix, role, expires_at };
        keys_of_programs::insert(conn, &new)?;
        report.imported(WHAT);
    }
    Ok(())
}

/// Encryption keys: the old database has them in the clear, ours wraps them.
pub fn encryption_keys(
    conn: &mut Conn,
    old: &mut Old,
    keys: &KeyStore,
    ids: &mut Ids,
    report: &mut Report,
) -> Result<()> {
    const WHAT: &str = "encryption_keys";
    for row in old.rows("encryption_keys", &["id", "name", "key_data", "key_fingerprint", "description"])? {
        let name = row.text_or_empty("name");
        let data = zeroize::Zeroizing::new(row.text_or_empty("key_data"));
        let said = row.text_or_empty("key_fingerprint").to_lowercase();
        // nothing of the key may get into a message
        let Ok(fingerprint) = KeyStore::fingerprint_of(&data) else {
            report.skipped(
                WHAT,
                &name,
                "it is not the base64 text of 32 bytes; what it encrypted cannot be read with it",
            );
            continue;
        };
        if said != fingerprint {
            let reason = format!(
                "its fingerprint is {fingerprint}, but the old database says '{said}'; check it against its key sheet"
            );
            report.attention(WHAT, &name, reason);
        }
        if let Some(known) = keys_of_data::find_by_fingerprint(conn, &fingerprint)? {
            ids.keys.insert(row.id(), known.id);
            report.there(WHAT);
            continue;
        }
        let taken = keys_of_data::list(conn)?;
        let free = free_name(&name, |name| Ok(taken.iter().any(|key| key.name == name)))?;
        if free != name {
            report.attention(WHAT, &name, format!("another key has this name; it is called '{free}' here"));
        }
        let stored = keys.import(conn, &free, &data, row.text("description"))?;
        ids.keys.insert(row.id(), stored.id);
        report.imported(WHAT);
    }
    Ok(())
}
