//! Libraries: one row per medium changer. What is in their elements: [`crate::db::library_slots`].

use super::Conn;
use super::errors::{changed, found, stored};
use super::schema::tape_libraries;
use super::time::{now, rfc3339, rfc3339_option};
use crate::Result;
use crate::db::returned::Returned;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A library.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_libraries)]
pub struct Library {
    /// Its id.
    pub id: i32,
    /// What people call it.
    pub name: String,
    /// `/dev/sg3`, `virtual:DIR#changer` …
    pub device_path: String,
    /// What it says of itself.
    pub vendor: String,
    /// What it says of itself.
    pub model: String,
    /// What it says of itself.
    pub serial_number: String,
    /// Slots for tapes, mail slots included.
    pub num_slots: i32,
    /// Bays with drives.
    pub num_drives: i32,
    /// Mail slots.
    pub num_import_export: i32,
    /// Whether it reads barcodes.
    pub barcode_reader: bool,
    /// Whether it is used at all.
    pub enabled: bool,
    /// When its elements were last read.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_inventory_at: Option<NaiveDateTime>,
    /// When it was made known.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// A library to be made known.
#[derive(Debug, Clone, Default, Insertable)]
#[diesel(table_name = tape_libraries)]
pub struct NewLibrary {
    /// What people call it.
    pub name: String,
    /// Its device.
    pub device_path: String,
    /// Vendor.
    pub vendor: String,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial_number: String,
}

/// What to change of a library; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = tape_libraries)]
pub struct LibraryChanges {
    /// What people call it.
    pub name: Option<String>,
    /// Its device.
    pub device_path: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial_number: Option<String>,
    /// Whether it is used at all.
    pub enabled: Option<bool>,
}

/// The library with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Library> {
    found(tape_libraries::table.find(id).select(Library::as_select()).first(conn), format_args!("library {id}"))
}

/// All libraries in the order they were made known.
pub fn list(conn: &mut Conn) -> Result<Vec<Library>> {
    Ok(tape_libraries::table.order(tape_libraries::id).select(Library::as_select()).load(conn)?)
}

/// Makes a library known.
pub fn insert(conn: &mut Conn, new: &NewLibrary) -> Result<Library> {
    let time = now();
    let values = (new, tape_libraries::created_at.eq(time), tape_libraries::updated_at.eq(time));
    let row = diesel::insert_into(tape_libraries::table).values(values).returning(Library::as_returning());
    stored(row.returned(conn), format_args!("library '{}'", new.name))
}

/// Changes a library.
pub fn update(conn: &mut Conn, id: i32, changes: &LibraryChanges) -> Result<Library> {
    let row = diesel::update(tape_libraries::table.find(id))
        .set((changes, tape_libraries::updated_at.eq(now())))
        .returning(Library::as_returning())
        .returned(conn);
    stored(row, format_args!("library {id}"))
}

/// Forgets a library and its slots; its drives stay, as drives of their own.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    changed(diesel::delete(tape_libraries::table.find(id)).execute(conn), format_args!("library {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{drives, testing};

    #[test]
    fn a_library_goes_and_its_drives_stay() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = NewLibrary { name: "Rack".into(), device_path: "/dev/sg3".into(), ..Default::default() };
        let library = insert(conn, &new).expect("insert");
        assert_eq!(list(conn).expect("list"), vec![library.clone()]);
        let drive = drives::NewDrive {
            device_path: "/dev/nst0".into(),
            library_id: Some(library.id),
            library_drive_number: Some(256),
            ..Default::default()
        };
        drives::insert(conn, &drive).expect("drive");
        let renamed = LibraryChanges { name: Some("Cellar".into()), ..Default::default() };
        assert_eq!(update(conn, library.id, &renamed).expect("update").name, "Cellar");
        assert_eq!(drives::of_library(conn, library.id).expect("drives").len(), 1);
        delete(conn, library.id).expect("delete");
        assert_eq!(drives::list(conn).expect("drives")[0].drive.library_id, None);
        assert_eq!(delete(conn, library.id).expect_err("gone").message, format!("library {} not found", library.id));
    }
}
