//! API keys: what programs show instead of a password.

use super::Conn;
use super::errors::{changed, found, stored};
use super::kinds::Role;
use super::schema::api_keys;
use super::time::{now, rfc3339, rfc3339_option};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A key. Only a hash of it is known, and that never leaves the program.
#[derive(Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = api_keys)]
pub struct ApiKey {
    /// Its id.
    pub id: i32,
    /// What it is for.
    pub name: String,
    /// Hash of the key.
    #[serde(skip)]
    pub key_hash: String,
    /// Its first characters, to recognise and to find it.
    pub key_prefix: String,
    /// What it may do.
    pub role: Role,
    /// When it was last shown.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_used_at: Option<NaiveDateTime>,
    /// From when on it counts no more; absent = never.
    #[serde(serialize_with = "rfc3339_option")]
    pub expires_at: Option<NaiveDateTime>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey {{ id: {}, name: {:?}, role: {} }}", self.id, self.name, self.role)
    }
}

/// A key to be made.
#[derive(Clone, Insertable)]
#[diesel(table_name = api_keys)]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// Hash of the key.
    pub key_hash: String,
    /// Its first characters.
    pub key_prefix: String,
    /// What it may do.
    pub role: Role,
    /// From when on it counts no more.
    pub expires_at: Option<NaiveDateTime>,
}

/// The key with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<ApiKey> {
    found(api_keys::table.find(id).select(ApiKey::as_select()).first(conn), format_args!("API key {id}"))
}

/// The keys that begin like this; the caller compares hashes and expiry.
pub fn with_prefix(conn: &mut Conn, prefix: &str) -> Result<Vec<ApiKey>> {
    Ok(api_keys::table.filter(api_keys::key_prefix.eq(prefix)).select(ApiKey::as_select()).load(conn)?)
}

/// All keys, newest first.
pub fn list(conn: &mut Conn) -> Result<Vec<ApiKey>> {
    Ok(api_keys::table.order(api_keys::id.desc()).select(ApiKey::as_select()).load(conn)?)
}

/// Makes a key.
pub fn insert(conn: &mut Conn, new: &NewApiKey) -> Result<ApiKey> {
    let values = (new, api_keys::created_at.eq(now()));
    let row = diesel::insert_into(api_keys::table).values(values).returning(ApiKey::as_returning()).returned(conn);
    stored(row, format_args!("API key '{}'", new.name))
}

/// The key was shown.
pub fn used(conn: &mut Conn, id: i32) -> Result<()> {
    let row = diesel::update(api_keys::table.find(id)).set(api_keys::last_used_at.eq(now())).execute(conn);
    changed(row, format_args!("API key {id}"))
}

/// Deletes a key.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    changed(diesel::delete(api_keys::table.find(id)).execute(conn), format_args!("API key {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn a_key_is_found_by_its_prefix_and_shows_no_hash() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewApiKey {
            name: "monitoring".into(),
            key_hash: "secret".into(),
            key_prefix: "tbk_12345678".into(),
            role: Role::Readonly,
            expires_at: None,
        };
        let key = insert(conn, &new).expect("insert");
        assert!(!serde_json::to_string(&key).expect("json").contains("secret"));
        used(conn, key.id).expect("used");
        let found = with_prefix(conn, "tbk_12345678").expect("prefix");
        assert!(found[0].last_used_at.is_some() && found[0].key_hash == "secret");
        assert_eq!(list(conn).expect("list").len(), 1);
        delete(conn, key.id).expect("delete");
        assert_eq!(find(conn, key.id).expect_err("gone").message, format!("API key {} not found", key.id));
    }
}
