//! Restores: what was brought back, to where, and whether it was right.

use super::errors::{found, stored};
use super::kinds::{RestoreStatus, SourceType};
use super::schema::restore_operations;
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, Page};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A restore.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = restore_operations)]
pub struct RestoreOperation {
    /// Its id.
    pub id: i32,
    /// The execution that did it.
    pub execution_id: Option<i32>,
    /// As of which set.
    pub backup_set_id: Option<i32>,
    /// Where the destination is.
    pub destination_type: SourceType,
    /// The folder files went to.
    pub destination_path: String,
    /// Files that were wanted.
    pub files_requested: i64,
    /// Files that are there.
    pub files_restored: i64,
    /// Their bytes.
    pub bytes_restored: i64,
    /// Where it is in its life.
    pub status: RestoreStatus,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Whether hashes were to be compared.
    pub verify_enabled: bool,
    /// Whether they all were right.
    pub verify_passed: Option<bool>,
    /// When it began.
    #[serde(serialize_with = "rfc3339_option")]
    pub started_at: Option<NaiveDateTime>,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_option")]
    pub completed_at: Option<NaiveDateTime>,
    /// When it was asked for.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

/// A restore that is asked for.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = restore_operations)]
pub struct NewRestore {
    /// The execution that does it.
    pub execution_id: Option<i32>,
    /// As of which set.
    pub backup_set_id: Option<i32>,
    /// Where the destination is.
    pub destination_type: SourceType,
    /// The folder files go to.
    pub destination_path: String,
    /// Files that are wanted.
    pub files_requested: i64,
    /// `pending` or `running`.
    pub status: RestoreStatus,
    /// Whether hashes are to be compared.
    pub verify_enabled: bool,
    /// When it begins.
    pub started_at: Option<NaiveDateTime>,
}

/// What a restore tells; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = restore_operations)]
pub struct RestoreChanges {
    /// Files that are wanted.
    pub files_requested: Option<i64>,
    /// Files that are there.
    pub files_restored: Option<i64>,
    /// Their bytes.
    pub bytes_restored: Option<i64>,
    /// Where it is in its life.
    pub status: Option<RestoreStatus>,
    /// Why it failed.
    pub error_message: Option<Option<String>>,
    /// Whether all hashes were right.
    pub verify_passed: Option<Option<bool>>,
    /// When it began.
    pub started_at: Option<Option<NaiveDateTime>>,
    /// When it ended.
    pub completed_at: Option<Option<NaiveDateTime>>,
}

/// The restore with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<RestoreOperation> {
    let row = restore_operations::table.find(id).select(RestoreOperation::as_select()).first(conn);
    found(row, format_args!("restore {id}"))
}

/// Restores, newest first.
pub fn list(conn: &mut Conn, page: Page) -> Result<Vec<RestoreOperation>> {
    let query = restore_operations::table.order(restore_operations::id.desc()).limit(page.limit).offset(page.offset);
    Ok(query.select(RestoreOperation::as_select()).load(conn)?)
}

/// Records that a restore is asked for.
pub fn insert(conn: &mut Conn, new: &NewRestore) -> Result<RestoreOperation> {
    let values = (new, restore_operations::created_at.eq(now()));
    let row = diesel::insert_into(restore_operations::table).values(values).returning(RestoreOperation::as_returning());
    stored(row.returned(conn), format_args!("restore to '{}'", new.destination_path))
}

/// What a restore tells.
pub fn update(conn: &mut Conn, id: i32, changes: &RestoreChanges) -> Result<RestoreOperation> {
    let row = diesel::update(restore_operations::table.find(id))
        .set(changes)
        .returning(RestoreOperation::as_returning())
        .returned(conn);
    found(row, format_args!("restore {id}"))
}

/// After a start nothing is at work: restores left unfinished fail with `message`; how many there were.
pub fn reconcile(conn: &mut Conn, message: &str) -> Result<usize> {
    let left = restore_operations::table.filter(restore_operations::status.eq(RestoreStatus::Running));
    Ok(diesel::update(left)
        .set((
            restore_operations::status.eq(RestoreStatus::Failed),
            restore_operations::error_message.eq(message),
            restore_operations::completed_at.eq(now()),
        ))
        .execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn a_restore_is_recorded_and_a_crash_fails_it() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewRestore {
            execution_id: None,
            backup_set_id: None,
            destination_type: SourceType::Local,
            destination_path: "/restore".into(),
            files_requested: 4,
            status: RestoreStatus::Running,
            verify_enabled: true,
            started_at: Some(now()),
        };
        let id = insert(conn, &new).expect("insert").id;
        let progress = RestoreChanges { files_restored: Some(2), ..Default::default() };
        assert_eq!(update(conn, id, &progress).expect("update").files_restored, 2);
        assert_eq!(reconcile(conn, "the server stopped").expect("reconcile"), 1);
        let row = find(conn, id).expect("find");
        assert_eq!((row.status, row.completed_at.is_some()), (RestoreStatus::Failed, true));
        assert_eq!(list(conn, Page::first(10)).expect("list").len(), 1);
    }
}
