//! Where a tape is, for programs and in words.

use super::drives::{self, Drive};
use super::element_names::Firsts;
use super::kinds::{SlotType, TapeStatus};
use super::library_slots::{self, Slot};
use super::tape_briefs::TapeBrief;
use super::tapes::{self, Tape};
use super::{Conn, libraries};
use crate::Result;
use serde::Serialize;
use std::collections::HashMap;

/// What kind of place it is; the nearer to a drive, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlaceKind {
    /// In a drive.
    Drive,
    /// In a slot of a library.
    Slot,
    /// In no drive and no library.
    Shelf,
    /// Out of the house.
    Offsite,
}

/// Where a tape is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Whereabouts {
    /// What kind of place.
    pub kind: PlaceKind,
    /// In words.
    pub text: String,
    /// The drive it is in.
    pub drive_id: Option<i32>,
    /// The library it is in.
    pub library_id: Option<i32>,
    /// Element address of its slot.
    pub slot: Option<u16>,
}

/// Where a tape is now, as far as the last inventory knows.
pub fn of(conn: &mut Conn, tape: &Tape) -> Result<Whereabouts> {
    let slot = library_slots::of_tape(conn, tape.id)?.filter(|slot| !slot.is_empty);
    let drive = match (drives::holding(conn, tape.id)?, &slot) {
        (None, Some(slot)) if slot.slot_type == SlotType::Drive => {
            slot.drive_id.map(|id| drives::find(conn, id)).transpose()?
        }
        (drive, _) => drive,
    };
    let slot = slot.filter(|slot| drive.is_none() && slot.slot_type != SlotType::Drive);
    let Some(slot) = slot else { return Ok(place(tape.into(), drive.as_ref(), None)) };
    let (library, firsts) = (libraries::find(conn, slot.library_id)?, Firsts::read(conn)?);
    Ok(place(tape.into(), drive.as_ref(), Some((&slot, &library.name, &firsts))))
}

/// What has to be known of a tape to find it.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'t> {
    id: i32,
    barcode: Option<&'t str>,
    status: TapeStatus,
    offsite_location: Option<&'t str>,
}

impl<'t> From<&'t Tape> for Sought<'t> {
    fn from(tape: &'t Tape) -> Self {
        let (barcode, offsite_location) = (tape.barcode.as_deref(), tape.offsite_location.as_deref());
        Sought { id: tape.id, barcode, status: tape.status, offsite_location }
    }
}

impl<'t> From<&'t TapeBrief> for Sought<'t> {
    fn from(tape: &'t TapeBrief) -> Self {
        let (barcode, offsite_location) = (tape.barcode.as_deref(), tape.offsite_location.as_deref());
        Sought { id: tape.id, barcode, status: tape.status, offsite_location }
    }
}

/// In a drive, in a slot (with the name of its library), or neither.
fn place(tape: Sought, drive: Option<&Drive>, slot: Option<(&Slot, &str, &Firsts)>) -> Whereabouts {
    let mut found =
        Whereabouts { kind: PlaceKind::Shelf, text: String::new(), drive_id: None, library_id: None, slot: None };
    if let Some(drive) = drive {
        found.kind = PlaceKind::Drive;
        found.drive_id = Some(drive.id);
        found.library_id = drive.library_id;
        found.text = format!("in drive {}", drive.name());
    } else if let Some((slot, library, firsts)) = slot {
        found.kind = PlaceKind::Slot;
        found.library_id = Some(slot.library_id);
        found.slot = u16::try_from(slot.slot_number).ok();
        let name = firsts.name(slot.library_id, slot.slot_type, slot.slot_number);
        found.text = format!("in library {library}, {name}");
    } else if tape.status == TapeStatus::Exported {
        found.kind = PlaceKind::Offsite;
        let location = tape.offsite_location.filter(|location| !location.is_empty());
        found.text = location.map_or_else(|| "off-site".into(), |location| format!("off-site: {location}"));
    } else {
        found.text = "in no drive and no library: on the shelf".into();
    }
    found
}

/// What is in all drives and libraries, read at once: for those who ask where thousands of tapes are.
#[derive(Debug, Default)]
pub struct Inventory {
    drives: HashMap<i32, Drive>,
    libraries: HashMap<i32, String>,
    firsts: Firsts,
    /// The drive that a tape was last seen in.
    loaded: HashMap<i32, i32>,
    /// The element that a tape was recognised in.
    recognised: HashMap<i32, Slot>,
    /// Elements with cartridges that nobody has recognised.
    by_barcode: HashMap<String, Slot>,
}

impl Inventory {
    /// Reads it, in a handful of queries. Costs the number of elements, not of tapes.
    pub fn read(conn: &mut Conn) -> Result<Inventory> {
        let libraries = libraries::list(conn)?.into_iter().map(|library| (library.id, library.name)).collect();
        let mut all = Inventory { libraries, firsts: Firsts::read(conn)?, ..Inventory::default() };
        for slot in library_slots::with_cartridges(conn)? {
            match slot.tape_id {
                Some(tape) => all.recognised.entry(tape).or_insert(slot),
                None => all.by_barcode.entry(slot.barcode.clone()).or_insert(slot),
            };
        }
        for drive in drives::all(conn)? {
            if let Some(tape) = drive.current_tape_id.filter(|_| drive.enabled) {
                all.loaded.entry(tape).or_insert(drive.id);
            }
            all.drives.insert(drive.id, drive);
        }
        Ok(all)
    }

    /// Where a tape is: what [`of`] says.
    pub fn of<'t>(&self, tape: impl Into<Sought<'t>>) -> Whereabouts {
        let tape = tape.into();
        let by_barcode = || tape.barcode.and_then(|code| self.by_barcode.get(code));
        let slot = self.recognised.get(&tape.id).or_else(by_barcode).filter(|slot| !slot.is_empty);
        let in_bay = || slot.filter(|slot| slot.slot_type == SlotType::Drive).and_then(|slot| slot.drive_id);
        let drive = self.loaded.get(&tape.id).copied().or_else(in_bay).and_then(|id| self.drives.get(&id));
        let slot = slot.filter(|slot| slot.slot_type != SlotType::Drive);
        let in_library =
            slot.and_then(|slot| Some((slot, self.libraries.get(&slot.library_id)?.as_str(), &self.firsts)));
        place(tape, drive, in_library)
    }
}

/// Where many tapes are, each looked up once.
#[derive(Debug, Default)]
pub struct Places(HashMap<i32, Whereabouts>);

impl Places {
    /// Where the tape with this row is.
    pub fn of(&mut self, conn: &mut Conn, tape_id: i32) -> Result<Whereabouts> {
        if let Some(known) = self.0.get(&tape_id) {
            return Ok(known.clone());
        }
        let tape = tapes::find(conn, tape_id)?;
        let found = of(conn, &tape)?;
        self.0.insert(tape_id, found.clone());
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::drives::{DriveChanges, NewDrive};
    use crate::db::tapes::TapeChanges;
    use crate::db::{tape_lifecycle, testing};

    #[test]
    fn the_inventory_says_of_every_tape_what_is_said_of_one() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let new = libraries::NewLibrary { name: "Rack".into(), device_path: "/dev/sg3".into(), ..Default::default() };
        let library = libraries::insert(conn, &new).expect("library").id;
        let bay = NewDrive {
            device_path: "/dev/nst0".into(),
            library_id: Some(library),
            library_drive_number: Some(256),
            ..Default::default()
        };
        drives::insert(conn, &bay).expect("drive");
        let alone = drives::insert(conn, &NewDrive { device_path: "/dev/nst1".into(), ..Default::default() });
        let alone = alone.expect("drive").id;
        let labels = ["SLOT", "BAY", "LATER", "ALONE", "AWAY", "SHELF", "BOTH"];
        let ids: Vec<i32> = labels.iter().map(|label| testing::tape(conn, label).id).collect();
        let coded = |conn: &mut Conn, at: usize| {
            let barcode = TapeChanges { barcode: Some(Some(labels[at].to_owned())), ..Default::default() };
            tapes::update(conn, ids[at], &barcode).expect("barcode");
        };
        [0, 1, 4, 6].into_iter().for_each(|at| coded(conn, at));
        let elements = [
            testing::seen(1, SlotType::Storage, "SLOT"),
            testing::seen(2, SlotType::Storage, "LATER"),
            testing::seen(3, SlotType::Storage, ""),
            testing::seen(4, SlotType::ImportExport, "BOTH"),
            testing::seen(256, SlotType::Drive, "BAY"),
        ];
        library_slots::replace(conn, library, &elements).expect("inventory");
        coded(conn, 2);
        for (drive, tape) in [(alone, ids[3]), (alone, ids[6])] {
            let loaded = DriveChanges { current_tape_id: Some(Some(tape)), ..Default::default() };
            drives::update(conn, drive, &loaded).expect("loaded");
            let all = Inventory::read(conn).expect("inventory");
            for tape in tapes::all(conn).expect("tapes") {
                assert_eq!(all.of(&tape), of(conn, &tape).expect("one"), "{}", tape.label);
            }
        }
        tape_lifecycle::begin_writing(conn, ids[4], "u").expect("written");
        tape_lifecycle::export(conn, ids[4], Some("Bank")).expect("export");
        let all = Inventory::read(conn).expect("inventory");
        let texts: Vec<(String, String)> =
            tapes::all(conn).expect("tapes").iter().map(|tape| (tape.label.clone(), all.of(tape).text)).collect();
        let expected = [
            ("ALONE", "in no drive and no library: on the shelf"),
            ("AWAY", "off-site: Bank"),
            ("BAY", "in drive /dev/nst0"),
            ("BOTH", "in drive /dev/nst1"),
            ("LATER", "in library Rack, slot 2"),
            ("SHELF", "in no drive and no library: on the shelf"),
            ("SLOT", "in library Rack, slot 1"),
        ];
        assert_eq!(texts, expected.map(|(label, text)| (label.to_owned(), text.to_owned())));
    }
}
