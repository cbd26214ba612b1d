//! What people call the elements of a library: slots and mail slots counted from one, drives by their names.
//!
//! Robots know elements by addresses, which begin anywhere (1, 1000, 1024, 4096 …); those of a kind follow one another
//! (SMC-3, element address assignment page). Addresses are for programs and for the debug log.

use super::kinds::SlotType;
use super::schema::tape_library_slots as slots;
use super::{Conn, drives};
use crate::Result;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use std::collections::HashMap;
use tape_drive::ElementAddress;

/// "slot 12", "mail slot 1", "drive bay 2": the first of a kind is 1.
pub fn counted(kind: SlotType, address: i32, first: i32) -> String {
    let what = match kind {
        SlotType::Storage => "slot",
        SlotType::ImportExport => "mail slot",
        SlotType::Drive => "drive bay",
    };
    format!("{what} {}", address - first + 1)
}

/// Of each kind of element of each library, the address of the first.
#[derive(Debug, Default)]
pub struct Firsts(HashMap<(i32, SlotType), i32>);

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = Integer)]
    library_id: i32,
    #[diesel(sql_type = Text)]
    slot_type: SlotType,
    #[diesel(sql_type = Integer)]
    slot_number: i32,
}

impl Firsts {
    /// Of all libraries, as the last inventories said.
    pub fn read(conn: &mut Conn) -> Result<Firsts> {
        let rows: Vec<First> = diesel::sql_query(
            "SELECT library_id, slot_type, min(slot_number) AS slot_number FROM tape_library_slots GROUP BY 1, 2",
        )
        .load(conn)?;
        Ok(Firsts(rows.into_iter().map(|row| ((row.library_id, row.slot_type), row.slot_number)).collect()))
    }

    /// What an element is called.
    pub fn name(&self, library_id: i32, kind: SlotType, address: i32) -> String {
        counted(kind, address, self.0.get(&(library_id, kind)).copied().unwrap_or(address))
    }
}

/// What is known of an element.
#[derive(Debug)]
struct Known {
    name: String,
    barcode: Option<String>,
}

/// The elements of one library by their addresses.
#[derive(Debug, Default)]
pub struct ElementNames(HashMap<i32, Known>);

impl ElementNames {
    /// As the last inventory said.
    pub fn read(conn: &mut Conn, library_id: i32) -> Result<ElementNames> {
        let firsts = Firsts::read(conn)?;
        let drives: HashMap<i32, String> =
            drives::all(conn)?.iter().map(|drive| (drive.id, format!("drive {}", drive.name()))).collect();
        let rows: Vec<(i32, SlotType, String, Option<i32>)> = slots::table
            .filter(slots::library_id.eq(library_id))
            .select((slots::slot_number, slots::slot_type, slots::barcode, slots::drive_id))
            .load(conn)?;
        let known = |(address, kind, barcode, drive): (i32, SlotType, String, Option<i32>)| {
            let drive = drive.and_then(|id| drives.get(&id)).cloned();
            let name = drive.unwrap_or_else(|| firsts.name(library_id, kind, address));
            (address, Known { name, barcode: Some(barcode).filter(|code| !code.is_empty()) })
        };
        Ok(ElementNames(rows.into_iter().map(known).collect()))
    }

    /// "slot 12", "mail slot 1", "drive LTO9-A"; "drive bay 2" if its drive is not known.
    pub fn name(&self, address: ElementAddress) -> String {
        let known = self.0.get(&i32::from(address.0));
        known.map_or_else(|| format!("element {}", address.0), |known| known.name.clone())
    }

    /// "tape A00001L9", as the library read it; "the tape" if it could not.
    pub fn tape(&self, address: ElementAddress) -> String {
        let barcode = self.0.get(&i32::from(address.0)).and_then(|known| known.barcode.as_ref());
        barcode.map_or_else(|| "the tape".into(), |code| format!("tape {code}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::library_slots;
    use crate::db::{drives, libraries, testing};

    #[test]
    fn elements_are_counted_from_one_wherever_their_addresses_begin() {
        for first in [1, 1000, 1024, 4096] {
            assert_eq!(counted(SlotType::Storage, first, first), "slot 1");
            assert_eq!(counted(SlotType::Storage, first + 31, first), "slot 32");
        }
        assert_eq!(counted(SlotType::ImportExport, 17, 16), "mail slot 2");
        assert_eq!(counted(SlotType::Drive, 256, 256), "drive bay 1");
    }

    #[test]
    fn a_library_names_its_slots_its_drives_and_what_is_in_them() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let mut library = |name: &str, first: i32| {
            let device_path = format!("/dev/{name}");
            let new = libraries::NewLibrary { name: name.into(), device_path, ..Default::default() };
            let id = libraries::insert(conn, &new).expect("library").id;
            let drive = drives::NewDrive {
                device_path: format!("/dev/st-{name}"),
                display_name: Some("LTO9-A".into()),
                library_id: Some(id),
                library_drive_number: Some(first + 500),
                ..Default::default()
            };
            drives::insert(conn, &drive).expect("drive");
            let elements = [
                testing::seen(first, SlotType::Storage, ""),
                testing::seen(first + 1, SlotType::Storage, "A00001L9"),
                testing::seen(first + 100, SlotType::ImportExport, ""),
                testing::seen(first + 500, SlotType::Drive, "A00002L9"),
                testing::seen(first + 501, SlotType::Drive, ""),
            ];
            library_slots::replace(conn, id, &elements).expect("inventory");
            id
        };
        for (library, first) in [(library("one", 1), 1u16), (library("other", 1024), 1024)] {
            let names = ElementNames::read(conn, library).expect("names");
            let of = |offset: u16| names.name(ElementAddress(first + offset));
            assert_eq!([of(0), of(1), of(100)], ["slot 1", "slot 2", "mail slot 1"]);
            assert_eq!([of(500), of(501)], ["drive LTO9-A", "drive bay 2"]);
            assert_eq!(names.tape(ElementAddress(first + 1)), "tape A00001L9");
            assert_eq!(names.tape(ElementAddress(first)), "the tape");
            assert_eq!(names.name(ElementAddress(9999)), "element 9999", "there is none");
            let listed = library_slots::list(conn, library).expect("slots");
            let listed: Vec<&str> = listed.iter().map(|slot| slot.name.as_str()).collect();
            assert_eq!(listed, ["slot 1", "slot 2", "mail slot 1", "drive bay 1", "drive bay 2"]);
        }
    }
}
