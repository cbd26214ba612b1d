//! What is in each element of a library, as the last inventory said.

use super::element_names::Firsts;
use super::kinds::SlotType;
use super::schema::{tape_drives, tape_libraries, tape_library_slots, tape_pools, tapes};
use super::tapes::{Tape, TapeListed};
use super::time::now;
use super::{Conn, write_transaction};
use crate::Result;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::HashMap;

/// An element of a library.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tape_library_slots)]
pub struct Slot {
    /// Its id.
    pub id: i32,
    /// The library.
    pub library_id: i32,
    /// Element address.
    pub slot_number: i32,
    /// What it is.
    pub slot_type: SlotType,
    /// The known tape in it.
    pub tape_id: Option<i32>,
    /// The barcode the library read; empty if none.
    pub barcode: String,
    /// Whether nothing is in it.
    pub is_empty: bool,
    /// The drive in this bay.
    pub drive_id: Option<i32>,
    /// Whether the robot can reach it.
    pub accessible: bool,
    /// What is wrong with the element, in words.
    pub exception: Option<String>,
    /// Where the medium in a drive came from.
    pub source_slot: Option<i32>,
}

/// An element as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SlotListed {
    /// The element.
    #[serde(flatten)]
    pub slot: Slot,
    /// What people call it: `slot 12`, `mail slot 1`, `drive bay 2`. The first of a kind is 1.
    pub name: String,
    /// Label of the known tape in it.
    pub tape_label: Option<String>,
    /// That tape.
    pub tape: Option<TapeListed>,
}

impl SlotListed {
    fn new(slot: Slot, name: String, tape: Option<Tape>, pool_name: Option<String>) -> SlotListed {
        let tape_label = tape.as_ref().map(|tape| tape.label.clone());
        SlotListed { slot, name, tape_label, tape: tape.map(|tape| TapeListed { tape, pool_name }) }
    }
}

/// An element as the changer reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSlot {
    /// Element address.
    pub slot_number: i32,
    /// What it is.
    pub slot_type: SlotType,
    /// The barcode; empty if none was read.
    pub barcode: String,
    /// Whether nothing is in it.
    pub is_empty: bool,
    /// Whether the robot can reach it.
    pub accessible: bool,
    /// What is wrong with the element.
    pub exception: Option<String>,
    /// Where the medium in a drive came from.
    pub source_slot: Option<i32>,
}

/// What is in a library becomes what was `seen`, in one step: nobody sees half an inventory. Tapes are recognised by
/// their barcode, drives by the address of their bay.
pub fn replace(conn: &mut Conn, library_id: i32, seen: &[SeenSlot]) -> Result<Vec<SlotListed>> {
    write_transaction(conn, |conn| {
        super::libraries::find(conn, library_id)?;
        let time = now();
        let by_barcode = tapes_by_barcode(conn, seen)?;
        let bays: HashMap<i32, i32> = tape_drives::table
            .filter(tape_drives::library_id.eq(library_id))
            .select((tape_drives::library_drive_number.assume_not_null(), tape_drives::id))
            .filter(tape_drives::library_drive_number.is_not_null())
            .load(conn)?
            .into_iter()
            .collect();
        let numbers: Vec<i32> = seen.iter().map(|slot| slot.slot_number).collect();
        let of_library = tape_library_slots::library_id.eq(library_id);
        diesel::delete(
            tape_library_slots::table.filter(of_library.and(tape_library_slots::slot_number.ne_all(numbers))),
        )
        .execute(conn)?;
        for slot in seen {
            let values = (
                tape_library_slots::slot_type.eq(slot.slot_type),
                tape_library_slots::tape_id.eq(by_barcode.get(&slot.barcode).copied().filter(|_| !slot.is_empty)),
                tape_library_slots::barcode.eq(&slot.barcode),
                tape_library_slots::is_empty.eq(slot.is_empty),
                tape_library_slots::drive_id
                    .eq(bays.get(&slot.slot_number).copied().filter(|_| slot.slot_type == SlotType::Drive)),
                tape_library_slots::accessible.eq(slot.accessible),
                tape_library_slots::exception.eq(&slot.exception),
                tape_library_slots::source_slot.eq(slot.source_slot),
                tape_library_slots::updated_at.eq(time),
            );
            let key =
                (tape_library_slots::library_id.eq(library_id), tape_library_slots::slot_number.eq(slot.slot_number));
            diesel::insert_into(tape_library_slots::table)
                .values((key, values, tape_library_slots::created_at.eq(time)))
                .on_conflict((tape_library_slots::library_id, tape_library_slots::slot_number))
                .do_update()
                .set(values)
                .execute(conn)?;
        }
        let count = |kind| i32::try_from(seen.iter().filter(|slot| slot.slot_type == kind).count()).unwrap_or(i32::MAX);
        let mail = count(SlotType::ImportExport);
        diesel::update(tape_libraries::table.find(library_id))
            .set((
                tape_libraries::num_slots.eq(count(SlotType::Storage) + mail),
                tape_libraries::num_drives.eq(count(SlotType::Drive)),
                tape_libraries::num_import_export.eq(mail),
                tape_libraries::barcode_reader.eq(seen.iter().any(|slot| !slot.barcode.is_empty())),
                tape_libraries::last_inventory_at.eq(time),
                tape_libraries::updated_at.eq(time),
            ))
            .execute(conn)?;
        list(conn, library_id)
    })
}

fn tapes_by_barcode(conn: &mut Conn, seen: &[SeenSlot]) -> Result<HashMap<String, i32>> {
    let barcodes: Vec<&str> = seen.iter().map(|slot| slot.barcode.as_str()).filter(|code| !code.is_empty()).collect();
    Ok(tapes::table
        .filter(tapes::barcode.eq_any(barcodes))
        .select((tapes::barcode.assume_not_null(), tapes::id))
        .load(conn)?
        .into_iter()
        .collect())
}

/// The elements of a library by address.
pub fn list(conn: &mut Conn, library_id: i32) -> Result<Vec<SlotListed>> {
    super::libraries::find(conn, library_id)?;
    let rows: Vec<(Slot, Option<Tape>, Option<String>)> = tape_library_slots::table
        .left_join(tapes::table)
        // beside the tapes, not within: SQLite would read all tapes of the house first
        .left_join(tape_pools::table.on(tapes::pool_id.eq(tape_pools::id.nullable())))
        .filter(tape_library_slots::library_id.eq(library_id))
        .select((Slot::as_select(), Option::<Tape>::as_select(), tape_pools::name.nullable()))
        .order(tape_library_slots::slot_number)
        .load(conn)?;
    let firsts = Firsts::read(conn)?;
    let listed = |(slot, tape, pool_name): (Slot, Option<Tape>, Option<String>)| {
        let name = firsts.name(slot.library_id, slot.slot_type, slot.slot_number);
        SlotListed::new(slot, name, tape, pool_name)
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// The tape that was recognised in the bay of a drive.
pub fn in_drive(conn: &mut Conn, drive_id: i32) -> Result<Option<i32>> {
    let bay = tape_library_slots::table
        .filter(tape_library_slots::drive_id.eq(drive_id).and(tape_library_slots::is_empty.eq(false)));
    let tape: Option<Option<i32>> = bay.select(tape_library_slots::tape_id).first(conn).optional()?;
    Ok(tape.flatten())
}

/// Where a tape is, if it is in a library: the element it was recognised in, or the one with its bar code (a tape may be
/// made known after the last inventory).
pub fn of_tape(conn: &mut Conn, tape_id: i32) -> Result<Option<Slot>> {
    let recognised = tape_library_slots::table.filter(tape_library_slots::tape_id.eq(tape_id));
    if let Some(slot) = recognised.select(Slot::as_select()).first(conn).optional()? {
        return Ok(Some(slot));
    }
    let Some(barcode) = super::tapes::find(conn, tape_id)?.barcode.filter(|code| !code.is_empty()) else {
        return Ok(None);
    };
    let query = tape_library_slots::table
        .filter(tape_library_slots::barcode.eq(barcode).and(tape_library_slots::is_empty.eq(false)))
        .filter(tape_library_slots::tape_id.is_null());
    Ok(query.select(Slot::as_select()).first(conn).optional()?)
}

/// Elements of all libraries that hold a cartridge with a bar code, or in which a tape was recognised.
pub fn with_cartridges(conn: &mut Conn) -> Result<Vec<Slot>> {
    let unknown = tape_library_slots::is_empty.eq(false).and(tape_library_slots::barcode.ne(""));
    let query = tape_library_slots::table.filter(tape_library_slots::tape_id.is_not_null().or(unknown));
    Ok(query.order(tape_library_slots::id).select(Slot::as_select()).load(conn)?)
}

/// A tape was recognised by its label: it is the one in this element, whatever its barcode.
pub fn recognised(conn: &mut Conn, library_id: i32, slot_number: i32, tape_id: i32) -> Result<()> {
    let query = tape_library_slots::table
        .filter(tape_library_slots::library_id.eq(library_id).and(tape_library_slots::slot_number.eq(slot_number)));
    let row = diesel::update(query)
        .set((tape_library_slots::tape_id.eq(tape_id), tape_library_slots::updated_at.eq(now())))
        .execute(conn);
    super::errors::changed(row, format_args!("element {slot_number} of library {library_id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{libraries, tapes, testing};

    #[test]
    fn an_inventory_replaces_the_last_one() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = libraries::NewLibrary { name: "Rack".into(), device_path: "/dev/sg3".into(), ..Default::default() };
        let library = libraries::insert(conn, &new).expect("library").id;
        let tape = testing::tape(conn, "A00001").id;
        let barcode = tapes::TapeChanges { barcode: Some(Some("A00001L9".into())), ..Default::default() };
        tapes::update(conn, tape, &barcode).expect("barcode");
        let first = [
            testing::seen(1, SlotType::Storage, "A00001L9"),
            testing::seen(2, SlotType::Storage, "X"),
            testing::seen(9, SlotType::ImportExport, ""),
            testing::seen(256, SlotType::Drive, ""),
        ];
        let listed = replace(conn, library, &first).expect("replace");
        assert_eq!(listed.len(), 4);
        assert_eq!((listed[0].slot.tape_id, listed[0].tape_label.as_deref()), (Some(tape), Some("A00001")));
        let row = libraries::find(conn, library).expect("library");
        assert_eq!((row.num_slots, row.num_drives, row.num_import_export, row.barcode_reader), (3, 1, 1, true));

        let second = [testing::seen(1, SlotType::Storage, ""), testing::seen(256, SlotType::Drive, "A00001L9")];
        let listed = replace(conn, library, &second).expect("replace");
        let ids: Vec<_> = listed.iter().map(|row| (row.slot.slot_number, row.slot.tape_id)).collect();
        assert_eq!(ids, [(1, None), (256, Some(tape))]);
        assert_eq!(of_tape(conn, tape).expect("where").map(|slot| slot.slot_number), Some(256));
        assert_eq!(replace(conn, 99, &second).expect_err("no library").message, "library 99 not found");
        let asked = crate::catalog::explain::steps(conn, |conn| list(conn, library).expect("list"));
        let all_tapes = |step: &&String| step.contains("MATERIALIZE") || step.contains("SCAN tapes");
        assert_eq!(asked.iter().filter(all_tapes).count(), 0, "{asked:#?}");
    }
}
