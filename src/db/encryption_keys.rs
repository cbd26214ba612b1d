//! Encryption keys, sealed with the master key (see [`crate::keys`]); the database never sees one in the clear.

use super::errors::{changed, found, refuse_if_used, stored};
use super::schema::{backup_jobs, backup_sets, encryption_keys};
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, database_backups, write_transaction};
use crate::Result;
use crate::db::returned::Returned;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use serde::Serialize;

/// A key.
#[derive(Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = encryption_keys)]
pub struct EncryptionKey {
    /// Its id.
    pub id: i32,
    /// Its name, unique.
    pub name: String,
    /// `aes-256-gcm`.
    pub algorithm: String,
    /// Base64 of the sealed key.
    #[serde(skip)]
    pub key_data: String,
    /// Hex SHA-256 of the key.
    pub key_fingerprint: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
    /// From then on nothing new is encrypted with it; none: never.
    #[serde(serialize_with = "rfc3339_option")]
    pub expires_at: Option<NaiveDateTime>,
    /// So many days after it was made, or when it has expired, another key takes its place by itself; none: only by hand.
    pub rotate_after_days: Option<i32>,
    /// When another key took its place. It stays for what it encrypted.
    #[serde(serialize_with = "rfc3339_option")]
    pub retired_at: Option<NaiveDateTime>,
    /// That other key; none: there is none, or it was deleted.
    pub successor_id: Option<i32>,
    /// When it was last on a key sheet; none: it never was.
    #[serde(serialize_with = "rfc3339_option")]
    pub sheet_at: Option<NaiveDateTime>,
}

impl EncryptionKey {
    /// Whether it has expired as of `now`.
    pub fn expired(&self, now: NaiveDateTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether another key is to take its place by itself as of `now`.
    pub fn rotation_due(&self, now: NaiveDateTime) -> bool {
        let Some(days) = self.rotate_after_days.filter(|_| self.retired_at.is_none()) else { return false };
        self.expired(now) || self.created_at + TimeDelta::days(i64::from(days)) <= now
    }
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncryptionKey {{ id: {}, name: {:?}, fingerprint: {} }}", self.id, self.name, self.key_fingerprint)
    }
}

/// A key to be kept.
#[derive(Clone, Insertable)]
#[diesel(table_name = encryption_keys)]
pub struct NewEncryptionKey {
    /// Its name.
    pub name: String,
    /// `aes-256-gcm`.
    pub algorithm: String,
    /// Base64 of the sealed key.
    pub key_data: String,
    /// Hex SHA-256 of the key.
    pub key_fingerprint: String,
    /// What it is for.
    pub description: Option<String>,
}

/// What to change of a key; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = encryption_keys)]
pub struct KeyChanges {
    /// What it is for.
    pub description: Option<Option<String>>,
    /// From then on nothing new is encrypted with it.
    pub expires_at: Option<Option<NaiveDateTime>>,
    /// So many days after it was made another key takes its place by itself.
    pub rotate_after_days: Option<Option<i32>>,
}

/// The key with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<EncryptionKey> {
    let row = encryption_keys::table.find(id).select(EncryptionKey::as_select()).first(conn);
    found(row, format_args!("encryption key {id}"))
}

/// The key with this fingerprint, as tapes name it.
pub fn find_by_fingerprint(conn: &mut Conn, fingerprint: &str) -> Result<Option<EncryptionKey>> {
    let query = encryption_keys::table.filter(encryption_keys::key_fingerprint.eq(fingerprint));
    Ok(query.select(EncryptionKey::as_select()).first(conn).optional()?)
}

/// All keys by name.
pub fn list(conn: &mut Conn) -> Result<Vec<EncryptionKey>> {
    Ok(encryption_keys::table.order(encryption_keys::name).select(EncryptionKey::as_select()).load(conn)?)
}

/// Keeps a key.
pub fn insert(conn: &mut Conn, new: &NewEncryptionKey) -> Result<EncryptionKey> {
    let time = now();
    let values = (new, encryption_keys::created_at.eq(time), encryption_keys::updated_at.eq(time));
    let row = diesel::insert_into(encryption_keys::table).values(values).returning(EncryptionKey::as_returning());
    stored(row.returned(conn), format_args!("encryption key '{}'", new.name))
}

/// Changes a key.
pub fn update(conn: &mut Conn, id: i32, changes: &KeyChanges) -> Result<EncryptionKey> {
    let row = diesel::update(encryption_keys::table.find(id))
        .set((changes, encryption_keys::updated_at.eq(now())))
        .returning(EncryptionKey::as_returning())
        .returned(conn);
    stored(row, format_args!("encryption key {id}"))
}

/// Another key takes the place of `id`: jobs that encrypt with it do so with the other one from now on. How many.
pub fn replace(conn: &mut Conn, id: i32, successor: i32) -> Result<usize> {
    write_transaction(conn, |conn| {
        let retired = (
            encryption_keys::retired_at.eq(now()),
            encryption_keys::successor_id.eq(successor),
            encryption_keys::updated_at.eq(now()),
        );
        let row = diesel::update(encryption_keys::table.find(id)).set(retired).execute(conn);
        changed(row, format_args!("encryption key {id}"))?;
        let using = backup_jobs::encryption_key_id.eq(id).or(backup_jobs::hw_encryption_key_id.eq(id));
        let jobs =
            diesel::update(backup_jobs::table.filter(using)).set(backup_jobs::updated_at.eq(now())).execute(conn)?;
        diesel::update(backup_jobs::table.filter(backup_jobs::encryption_key_id.eq(id)))
            .set(backup_jobs::encryption_key_id.eq(successor))
            .execute(conn)?;
        diesel::update(backup_jobs::table.filter(backup_jobs::hw_encryption_key_id.eq(id)))
            .set(backup_jobs::hw_encryption_key_id.eq(successor))
            .execute(conn)?;
        Ok(jobs)
    })
}

/// These keys were put on a key sheet.
pub fn on_sheet(conn: &mut Conn, ids: &[i32]) -> Result<()> {
    diesel::update(encryption_keys::table.filter(encryption_keys::id.eq_any(ids)))
        .set(encryption_keys::sheet_at.eq(now()))
        .execute(conn)?;
    Ok(())
}

/// The same key, sealed anew (the master key was changed).
pub fn reseal(conn: &mut Conn, id: i32, key_data: &str) -> Result<()> {
    let row = diesel::update(encryption_keys::table.find(id))
        .set((encryption_keys::key_data.eq(key_data), encryption_keys::updated_at.eq(now())))
        .execute(conn);
    changed(row, format_args!("encryption key {id}"))
}

/// The same key, wrapped with another master key.
pub fn rewrap(conn: &mut Conn, id: i32, key_data: &str) -> Result<()> {
    let row = diesel::update(encryption_keys::table.find(id))
        .set((encryption_keys::key_data.eq(key_data), encryption_keys::updated_at.eq(now())));
    changed(row.execute(conn), format_args!("encryption key {id}"))
}

/// Deletes a key that no job uses and that neither a set nor a copy of the database needs: without it those could never be
/// read again.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let key = find(conn, id)?;
        let jobs = backup_jobs::table
            .filter(backup_jobs::encryption_key_id.eq(id).or(backup_jobs::hw_encryption_key_id.eq(id)))
            .count()
            .returned(conn)?;
        let sets = backup_sets::table
            .filter(backup_sets::encryption_key_id.eq(id).or(backup_sets::hw_encryption_key_id.eq(id)))
            .count()
            .returned(conn)?;
        let what = format!("encryption key '{}'", key.name);
        let (copies, perhaps) = database_backups::count_of_key(conn, &key)?;
        let advice = match (jobs + sets, copies, perhaps) {
            (0, 0, 1..) => "rebuild the catalog from their tapes to learn which key they need, or keep the key",
            (0, ..) => "keep the key until their tapes are written anew",
            _ => "delete those first, or keep the key",
        };
        let uses = [
            ("backup jobs", jobs),
            ("backup sets", sets),
            ("copies of the database on tape", copies),
            ("copies of the database on tape whose key is not known", perhaps),
        ];
        refuse_if_used(&what, &uses, advice)?;
        diesel::update(encryption_keys::table.filter(encryption_keys::successor_id.eq(id)))
            .set(encryption_keys::successor_id.eq(None::<i32>))
            .execute(conn)?;
        changed(diesel::delete(encryption_keys::table.find(id)).execute(conn), what)
    })
}

/// A drive encrypted something of a set with a key.
pub fn used_by_drive(conn: &mut Conn, set_id: i32, key_id: i32) -> Result<()> {
    let values = (backup_sets::hw_encrypted.eq(true), backup_sets::hw_encryption_key_id.eq(key_id));
    changed(
        diesel::update(backup_sets::table.find(set_id)).set(values).execute(conn),
        format_args!("backup set {set_id}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{DatabaseBackupStatus, jobs, testing};

    fn failed() -> database_backups::DatabaseBackupChanges {
        database_backups::DatabaseBackupChanges { status: Some(DatabaseBackupStatus::Failed), ..Default::default() }
    }

    #[test]
    fn a_key_in_use_stays_and_shows_nothing() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewEncryptionKey {
            name: "K1".into(),
            algorithm: "aes-256-gcm".into(),
            key_data: "sealed-secret".into(),
            key_fingerprint: "9ff6".into(),
            description: None,
        };
        let key = insert(conn, &new).expect("insert");
        let json = serde_json::to_string(&key).expect("json");
        assert!(!json.contains("secret") && !format!("{key:?}").contains("secret"), "{json}");
        assert!(find_by_fingerprint(conn, "9ff6").expect("find").is_some());
        reseal(conn, key.id, "sealed-anew").expect("reseal");
        assert_eq!(find(conn, key.id).expect("find").key_data, "sealed-anew");
        let job = testing::job(conn, "etc");
        let using = jobs::NewJob {
            name: "secure".into(),
            source_id: job.source_id,
            pool_id: job.pool_id,
            encryption_enabled: true,
            encryption_key_id: Some(key.id),
            ..Default::default()
        };
        let using = jobs::insert(conn, &using).expect("job");
        let error = delete(conn, key.id).expect_err("in use");
        assert!(error.message.contains("still used by 1 backup jobs"), "{error}");
        jobs::delete(conn, using.id).expect("job");
        let tape = testing::tape(conn, "A00001");
        let copy = database_backups::insert(conn, tape.id).expect("copy").id;
        let mut change = |key_fingerprint: Option<&str>, status| {
            let changes = database_backups::DatabaseBackupChanges {
                key_fingerprint: Some(key_fingerprint.map(str::to_owned)),
                set_uuid: Some(Some("u".into())),
                status: Some(status),
                ..Default::default()
            };
            database_backups::update(conn, copy, &changes).expect("copy");
            delete(conn, key.id).map_err(|error| error.message)
        };
        for status in [DatabaseBackupStatus::Pending, DatabaseBackupStatus::Completed] {
            let why = change(Some("9ff6"), status).expect_err("a copy needs it");
            assert!(why.contains("1 copies of the database on tape; keep the key until"), "{why}");
            let why = change(None, status).expect_err("perhaps a copy needs it");
            assert!(why.contains("whose key is not known; rebuild"), "{why}");
        }
        change(Some("other"), DatabaseBackupStatus::Completed).expect("another key's copy");
        insert(conn, &new).expect("imported again");
        let named = database_backups::DatabaseBackupChanges {
            key_fingerprint: Some(Some("9ff6".into())),
            ..Default::default()
        };
        database_backups::update(conn, copy, &named).expect("copy");
        let listed = &database_backups::list(conn, crate::db::Page::first(1)).expect("list")[0];
        assert_eq!(listed.key_name.as_deref(), Some("K1"));
        database_backups::update(conn, copy, &failed()).expect("copy");
        let key = find_by_fingerprint(conn, "9ff6").expect("find").expect("key");
        delete(conn, key.id).expect("a failed copy needs nothing");
        assert!(list(conn).expect("list").is_empty());
    }
}
