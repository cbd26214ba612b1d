//! An inventory as rows of `tape_library_slots`.

use crate::Result;
use crate::db::{self, DbPool};
use tape_drive::{ElementKind, Inventory};

/// Stores an inventory; tapes are recognised by their bar codes, drives by their bays.
pub fn store(db: &DbPool, library_id: i32, inventory: &Inventory) -> Result<()> {
    let mut conn = db.get()?;
    let mut rows = Vec::new();
    for element in &inventory.elements {
        let slot_type = match element.kind {
            ElementKind::Transport => continue,
            ElementKind::Storage => db::SlotType::Storage,
            ElementKind::ImportExport => db::SlotType::ImportExport,
            ElementKind::Drive => db::SlotType::Drive,
        };
        rows.push(db::library_slots::SeenSlot {
            slot_number: i32::from(element.address.0),
            slot_type,
            barcode: element.barcode.clone().unwrap_or_default(),
            is_empty: !element.full,
            accessible: element.accessible,
            exception: element.exception.map(|(asc, ascq)| format!("{asc:02X}h/{ascq:02X}h")),
            source_slot: element.source.map(|address| i32::from(address.0)),
        });
    }
    db::library_slots::replace(&mut conn, library_id, &rows).map(drop)
}
