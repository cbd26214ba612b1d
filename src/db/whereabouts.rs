//! Where a tape is, for programs and in words.

use super::kinds::{SlotType, TapeStatus};
use super::tapes::{self, Tape};
use super::{Conn, drives, libraries, library_slots};
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
    let mut found =
        Whereabouts { kind: PlaceKind::Shelf, text: String::new(), drive_id: None, library_id: None, slot: None };
    let slot = library_slots::of_tape(conn, tape.id)?.filter(|slot| !slot.is_empty);
    let drive = match (drives::holding(conn, tape.id)?, &slot) {
        (None, Some(slot)) if slot.slot_type == SlotType::Drive => {
            slot.drive_id.map(|id| drives::find(conn, id)).transpose()?
        }
        (drive, _) => drive,
    };
    if let Some(drive) = drive {
        found.kind = PlaceKind::Drive;
        found.drive_id = Some(drive.id);
        found.library_id = drive.library_id;
        found.text = format!("in drive {}", drive.name());
    } else if let Some(slot) = slot.filter(|slot| slot.slot_type != SlotType::Drive) {
        found.kind = PlaceKind::Slot;
        found.library_id = Some(slot.library_id);
        found.slot = u16::try_from(slot.slot_number).ok();
        let library = libraries::find(conn, slot.library_id)?.name;
        found.text = format!("in library {library}, element {}", slot.slot_number);
    } else if tape.status == TapeStatus::Exported {
        found.kind = PlaceKind::Offsite;
        let location = tape.offsite_location.as_deref().filter(|location| !location.is_empty());
        found.text = location.map_or_else(|| "off-site".into(), |location| format!("off-site: {location}"));
    } else {
        found.text = "in no drive and no library: on the shelf".into();
    }
    Ok(found)
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
