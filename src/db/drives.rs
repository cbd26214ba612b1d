//! Drives: one row per device the server uses.

use super::errors::{changed, found, refuse_if_used, stored};
use super::kinds::{DriveStatus, ExecutionStatus};
use super::schema::{job_executions, tape_drives, tapes};
use super::time::{now, rfc3339};
use super::{Conn, write_transaction};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A drive.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_drives)]
pub struct Drive {
    /// Its id.
    pub id: i32,
    /// `/dev/nst0`, `virtual:DIR#drive0` …
    pub device_path: String,
    /// What the drive says of itself.
    pub serial_number: Option<String>,
    /// What the drive says of itself.
    pub model: Option<String>,
    /// What the drive says of itself.
    pub vendor: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// Whether it is used at all.
    pub enabled: bool,
    /// What it is doing, as last seen.
    pub status: DriveStatus,
    /// The known tape in it.
    pub current_tape_id: Option<i32>,
    /// The library it is built into.
    pub library_id: Option<i32>,
    /// Element address of its bay.
    pub library_drive_number: Option<i32>,
    /// Label of a loaded tape that the database does not know, JSON `{label,uuid,pool,timestamp}`.
    #[serde(serialize_with = "super::time::json_text_option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub unknown_tape: Option<String>,
    /// Why it is in state `error` or `offline`.
    pub error_message: Option<String>,
    /// When it was made known.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

impl Drive {
    /// What people call it, or its device.
    pub fn name(&self) -> &str {
        self.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.device_path)
    }
}

/// A drive as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DriveListed {
    /// The drive.
    #[serde(flatten)]
    pub drive: Drive,
    /// Label of the known tape in it.
    pub current_tape: Option<String>,
}

/// A drive to be made known.
#[derive(Debug, Clone, Default, Insertable)]
#[diesel(table_name = tape_drives)]
pub struct NewDrive {
    /// Its device.
    pub device_path: String,
    /// Serial number.
    pub serial_number: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Vendor.
    pub vendor: String,
    /// What people call it.
    pub display_name: Option<String>,
    /// The library it is built into.
    pub library_id: Option<i32>,
    /// Element address of its bay.
    pub library_drive_number: Option<i32>,
}

/// What to change of a drive; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = tape_drives)]
pub struct DriveChanges {
    /// Its device.
    pub device_path: Option<String>,
    /// Serial number.
    pub serial_number: Option<Option<String>>,
    /// Model.
    pub model: Option<Option<String>>,
    /// Vendor.
    pub vendor: Option<String>,
    /// What people call it.
    pub display_name: Option<Option<String>>,
    /// Whether it is used at all.
    pub enabled: Option<bool>,
    /// What it is doing.
    pub status: Option<DriveStatus>,
    /// The known tape in it.
    pub current_tape_id: Option<Option<i32>>,
    /// The library it is built into.
    pub library_id: Option<Option<i32>>,
    /// Element address of its bay.
    pub library_drive_number: Option<Option<i32>>,
    /// Label of a loaded tape that the database does not know.
    pub unknown_tape: Option<Option<String>>,
    /// Why it is in state `error` or `offline`.
    pub error_message: Option<Option<String>>,
}

/// The drive with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Drive> {
    found(tape_drives::table.find(id).select(Drive::as_select()).first(conn), format_args!("drive {id}"))
}

/// The drive with this device.
pub fn find_by_device(conn: &mut Conn, device_path: &str) -> Result<Option<Drive>> {
    let query = tape_drives::table.filter(tape_drives::device_path.eq(device_path));
    Ok(query.select(Drive::as_select()).first(conn).optional()?)
}

/// All drives in the order they were made known.
pub fn list(conn: &mut Conn) -> Result<Vec<DriveListed>> {
    let rows: Vec<(Drive, Option<String>)> = tape_drives::table
        .left_join(tapes::table)
        .select((Drive::as_select(), tapes::label.nullable()))
        .order(tape_drives::id)
        .load(conn)?;
    Ok(rows.into_iter().map(|(drive, current_tape)| DriveListed { drive, current_tape }).collect())
}

/// The drives of a library by the address of their bay.
pub fn of_library(conn: &mut Conn, library_id: i32) -> Result<Vec<Drive>> {
    Ok(tape_drives::table
        .filter(tape_drives::library_id.eq(library_id))
        .order((tape_drives::library_drive_number, tape_drives::id))
        .select(Drive::as_select())
        .load(conn)?)
}

/// Makes a drive known.
pub fn insert(conn: &mut Conn, new: &NewDrive) -> Result<Drive> {
    let time = now();
    let values = (new, tape_drives::created_at.eq(time), tape_drives::updated_at.eq(time));
    let row = diesel::insert_into(tape_drives::table).values(values).returning(Drive::as_returning()).returned(conn);
    stored(row, format_args!("drive '{}'", new.device_path))
}

/// Changes a drive.
pub fn update(conn: &mut Conn, id: i32, changes: &DriveChanges) -> Result<Drive> {
    let row = diesel::update(tape_drives::table.find(id))
        .set((changes, tape_drives::updated_at.eq(now())))
        .returning(Drive::as_returning())
        .returned(conn);
    stored(row, format_args!("drive {id}"))
}

/// Forgets a drive, with its statistics and alerts. Refused while an execution uses it.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let drive = find(conn, id)?;
        let working = [ExecutionStatus::Running, ExecutionStatus::Paused];
        let executions = job_executions::table
            .filter(job_executions::drive_id.eq(id).and(job_executions::status.eq_any(working)))
            .count()
            .returned(conn)?;
        let what = format!("drive '{}'", drive.name());
        refuse_if_used(&what, &[("running executions", executions)], "wait for their end or cancel them")?;
        changed(diesel::delete(tape_drives::table.find(id)).execute(conn), what)
    })
}

/// All drives as they are in the table.
pub fn all(conn: &mut Conn) -> Result<Vec<Drive>> {
    Ok(tape_drives::table.order(tape_drives::id).select(Drive::as_select()).load(conn)?)
}

/// The drive that a tape was last seen in.
pub fn holding(conn: &mut Conn, tape_id: i32) -> Result<Option<Drive>> {
    let query = tape_drives::table.filter(tape_drives::current_tape_id.eq(tape_id).and(tape_drives::enabled.eq(true)));
    Ok(query.select(Drive::as_select()).first(conn).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn a_drive_shows_the_tape_in_it() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewDrive { device_path: "virtual:/lib#drive0".into(), ..Default::default() };
        let drive = insert(conn, &new).expect("insert");
        assert_eq!((drive.status, drive.enabled, drive.name()), (DriveStatus::Offline, true, "virtual:/lib#drive0"));
        let tape = testing::tape(conn, "A00001");
        let changes = DriveChanges { current_tape_id: Some(Some(tape.id)), ..Default::default() };
        update(conn, drive.id, &changes).expect("update");
        assert_eq!(list(conn).expect("list")[0].current_tape.as_deref(), Some("A00001"));
        assert_eq!(insert(conn, &new).expect_err("twice").code, "already_exists");
        delete(conn, drive.id).expect("delete");
        assert_eq!(find(conn, drive.id).expect_err("gone").code, "not_found");
    }

    #[test]
    fn the_label_of_an_unknown_tape_is_json() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let drive = insert(conn, &NewDrive { device_path: "/dev/nst0".into(), ..Default::default() }).expect("insert");
        let changes = DriveChanges { unknown_tape: Some(Some(r#"{"label":"X"}"#.into())), ..Default::default() };
        let json = serde_json::to_value(update(conn, drive.id, &changes).expect("update")).expect("json");
        assert_eq!(json["unknown_tape"]["label"], "X");
    }
}
