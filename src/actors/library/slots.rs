//! An inventory as rows of `tape_library_slots`.

use crate::Result;
use crate::db::{self, DbPool};
use tape_drive::{ElementKind, Inventory};

/// Stores an inventory; tapes are recognised by their bar codes, drives by their serial numbers.
pub fn store(db: &DbPool, library_id: i32, inventory: &Inventory) -> Result<()> {
    let mut conn = db.get()?;
    let drives = db::drives::all(&mut conn)?;
    let mut rows = Vec::new();
    for element in &inventory.elements {
        let slot_type = match element.kind {
            ElementKind::Transport => continue,
            ElementKind::Storage => db::SlotType::Storage,
            ElementKind::ImportExport => db::SlotType::ImportExport,
            ElementKind::Drive => db::SlotType::Drive,
        };
        let drive_id = element.drive_serial.as_ref().and_then(|serial| {
            drives.iter().find(|drive| drive.serial_number.as_deref() == Some(serial)).map(|drive| drive.id)
        });
        rows.push(db::library_slots::SeenSlot {
            slot_number: i32::from(element.address.0),
            slot_type,
            barcode: element.barcode.clone().unwrap_or_default(),
            is_empty: !element.full,
            drive_id,
            accessible: element.accessible,
            exception: element.exception.map(|(asc, ascq)| format!("{asc:02X}h/{ascq:02X}h")),
            source_slot: element.source.map(|address| i32::from(address.0)),
        });
    }
    db::library_slots::replace(&mut conn, library_id, &rows).map(drop)
}
