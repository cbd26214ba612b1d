//! Copies of this database on tape.

use super::errors::{found, stored};
use super::kinds::DatabaseBackupStatus;
use super::schema::{database_backups, encryption_keys, tapes};
use super::time::{now, rfc3339};
use super::{Conn, Page};
use crate::Result;
use crate::db::encryption_keys::EncryptionKey;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A copy of the database.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = database_backups)]
pub struct DatabaseBackup {
    /// Its id.
    pub id: i32,
    /// The tape it is on.
    pub tape_id: i32,
    /// When the copy was taken.
    #[serde(serialize_with = "rfc3339")]
    pub backup_time: NaiveDateTime,
    /// Its size in bytes.
    pub file_size: i64,
    /// Hex SHA-256 of it.
    pub checksum: Option<String>,
    /// Logical object number where it begins.
    pub block_offset: Option<i64>,
    /// Number of its tape file.
    pub tape_file: Option<i64>,
    /// Name of the set it is in.
    pub set_uuid: Option<String>,
    /// Where it is in its life.
    pub status: DatabaseBackupStatus,
    /// Why it failed.
    pub error_message: Option<String>,
    /// When it was asked for.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// Fingerprint of the key that opens it; none: not known. A rebuild of the catalog from its tape learns it.
    pub key_fingerprint: Option<String>,
    /// Whoever asked for the copy named its key, instead of leaving that to the settings: it may be another one than that of
    /// the copies around it.
    pub key_by_hand: bool,
}

/// A copy as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DatabaseBackupListed {
    /// The copy.
    #[serde(flatten)]
    pub backup: DatabaseBackup,
    /// Label of its tape.
    pub tape_label: String,
    /// Name of the key that opens it; none: not known, or this server does not have the key.
    pub key_name: Option<String>,
}

/// What to change of a copy; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = database_backups)]
pub struct DatabaseBackupChanges {
    /// The tape it is on.
    pub tape_id: Option<i32>,
    /// Its size in bytes.
    pub file_size: Option<i64>,
    /// Hex SHA-256 of it.
    pub checksum: Option<Option<String>>,
    /// Logical object number where it begins.
    pub block_offset: Option<Option<i64>>,
    /// Number of its tape file.
    pub tape_file: Option<Option<i64>>,
    /// Name of the set it is in.
    pub set_uuid: Option<Option<String>>,
    /// Where it is in its life.
    pub status: Option<DatabaseBackupStatus>,
    /// Why it failed.
    pub error_message: Option<Option<String>>,
    /// Fingerprint of the key that opens it.
    pub key_fingerprint: Option<Option<String>>,
    /// Whether its key was named for it.
    pub key_by_hand: Option<bool>,
}

/// The copy with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<DatabaseBackup> {
    let row = database_backups::table.find(id).select(DatabaseBackup::as_select()).first(conn);
    found(row, format_args!("database backup {id}"))
}

/// Copies, newest first.
pub fn list(conn: &mut Conn, page: Page) -> Result<Vec<DatabaseBackupListed>> {
    let key = encryption_keys::key_fingerprint.nullable().eq(database_backups::key_fingerprint);
    let rows: Vec<(DatabaseBackup, String, Option<String>)> = database_backups::table
        .inner_join(tapes::table)
        .left_join(encryption_keys::table.on(key))
        .select((DatabaseBackup::as_select(), tapes::label, encryption_keys::name.nullable()))
        .order(database_backups::id.desc())
        .limit(page.limit)
        .offset(page.offset)
        .load(conn)?;
    let listed = |(backup, tape_label, key_name)| DatabaseBackupListed { backup, tape_label, key_name };
    Ok(rows.into_iter().map(listed).collect())
}

/// Records that a copy on this tape is asked for.
pub fn insert(conn: &mut Conn, tape_id: i32) -> Result<DatabaseBackup> {
    let time = now();
    let values = (
        database_backups::tape_id.eq(tape_id),
        database_backups::status.eq(DatabaseBackupStatus::Pending),
        database_backups::backup_time.eq(time),
        database_backups::created_at.eq(time),
    );
    let row = diesel::insert_into(database_backups::table).values(values).returning(DatabaseBackup::as_returning());
    stored(row.returned(conn), format_args!("database backup on tape {tape_id}"))
}

/// Changes what is known of a copy.
pub fn update(conn: &mut Conn, id: i32, changes: &DatabaseBackupChanges) -> Result<DatabaseBackup> {
    let row = diesel::update(database_backups::table.find(id))
        .set(changes)
        .returning(DatabaseBackup::as_returning())
        .returned(conn);
    stored(row, format_args!("database backup {id}"))
}

/// Changes what is known of the copy in a set, if it is known at all.
pub fn update_of_set(conn: &mut Conn, set_uuid: &str, changes: &DatabaseBackupChanges) -> Result<()> {
    diesel::update(database_backups::table.filter(database_backups::set_uuid.eq(set_uuid)))
        .set(changes)
        .execute(conn)?;
    Ok(())
}

/// Copies that nobody can read without a key: those it encrypts, and those made since there is the key of which nobody knows
/// which one they need.
pub fn count_of_key(conn: &mut Conn, key: &EncryptionKey) -> Result<(i64, i64)> {
    let there = database_backups::status.ne(DatabaseBackupStatus::Failed);
    let its_own = database_backups::key_fingerprint.eq(&key.key_fingerprint);
    let unknown = database_backups::key_fingerprint.is_null().and(database_backups::set_uuid.is_not_null());
    let since = database_backups::backup_time.ge(key.created_at);
    let count = database_backups::table.filter(there.and(its_own)).count().returned(conn)?;
    let perhaps = database_backups::table.filter(there.and(unknown).and(since)).count().returned(conn)?;
    Ok((count, perhaps))
}

/// After a start nothing is being written: copies that were have failed. How many.
pub fn reconcile(conn: &mut Conn) -> Result<usize> {
    let pending = database_backups::table.filter(database_backups::status.eq(DatabaseBackupStatus::Pending));
    Ok(diesel::update(pending)
        .set((
            database_backups::status.eq(DatabaseBackupStatus::Failed),
            database_backups::error_message.eq("the server stopped while it was being written"),
        ))
        .execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn copies_are_recorded_and_listed_with_their_tape() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let tape = testing::tape(conn, "A00001");
        let id = insert(conn, tape.id).expect("insert").id;
        let done = DatabaseBackupChanges {
            status: Some(DatabaseBackupStatus::Completed),
            file_size: Some(4096),
            ..Default::default()
        };
        assert_eq!(update(conn, id, &done).expect("update").file_size, 4096);
        assert_eq!(list(conn, Page::first(50)).expect("list")[0].tape_label, "A00001");
        assert_eq!(find(conn, 99).expect_err("none").message, "database backup 99 not found");
        assert_eq!(insert(conn, 99).expect_err("no tape").code, "bad_request");
    }
}
