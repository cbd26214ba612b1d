//! What a person does with a library: inventory, load, unload, transfer.

use super::{Context, Lease, LibraryAction, LibraryRequest, mount};
use crate::actors::library::Scan;
use crate::db;
use crate::{Error, Result};
use serde_json::{Value, json};
use tape_drive::{ElementAddress, ElementKind, Inventory};

/// Does it. A drive is taken before its bay is touched, so nobody's tape is pulled away.
pub fn run(context: &Context, request: &LibraryRequest) -> Result<Value> {
    let library = db::libraries::find(&mut *context.conn()?, request.library_id)?;
    let libraries = &context.services.libraries;
    match &request.action {
        LibraryAction::Inventory => {
            context.phase("inventory", format!("The robot of {} looks at all slots.", library.name))?;
            let inventory = libraries.inventory_blocking(library.id, Scan::Fresh)?;
            Ok(summary(&inventory))
        }
        LibraryAction::Load { slot, drive } => {
            let inventory = libraries.inventory_blocking(library.id, Scan::Remembered)?;
            let lease = take_bay(context, library.id, &inventory, ElementAddress(*drive))?;
            load_from(context, &lease, library.id, ElementAddress(*slot))?;
            context.load(&lease)?;
            Ok(
                json!({"message": format!("Loaded the tape of slot {slot} into drive {drive}"), "drive_id": lease.drive()}),
            )
        }
        LibraryAction::Unload { slot, drive } => {
            let inventory = libraries.inventory_blocking(library.id, Scan::Remembered)?;
            let bay = ElementAddress(*drive);
            if !inventory.element(bay).is_some_and(|element| element.full) {
                return Err(Error::conflict("drive_empty", format!("drive {drive} of {} is empty", library.name)));
            }
            let lease = take_bay(context, library.id, &inventory, bay)?;
            context.phase("moving", "Putting the tape back to its slot.")?;
            mount::put_away(context, &lease, library.id, slot.map(ElementAddress))?;
            Ok(json!({"message": format!("Unloaded drive {drive}"), "drive_id": lease.drive()}))
        }
        LibraryAction::Transfer { from, to } => {
            context.phase("moving", format!("Moving the tape from slot {from} to slot {to}."))?;
            let inventory = libraries.inventory_blocking(library.id, Scan::Remembered)?;
            for address in [from, to] {
                match inventory.element(ElementAddress(*address)) {
                    None => return Err(Error::not_found(format!("slot {address} of {}", library.name))),
                    Some(element) if element.kind == ElementKind::Drive => {
                        return Err(Error::bad_request(format!("element {address} is a drive: use load or unload")));
                    }
                    Some(_) => {}
                }
            }
            libraries.move_blocking(library.id, ElementAddress(*from), ElementAddress(*to))?;
            Ok(json!({"message": format!("Moved the tape from slot {from} to slot {to}")}))
        }
    }
}

fn summary(inventory: &Inventory) -> Value {
    let count = |kind| inventory.of(kind).count();
    let slots: Vec<Value> = inventory
        .elements
        .iter()
        .filter_map(|element| {
            let slot_type = match element.kind {
                ElementKind::Transport => return None,
                ElementKind::Storage => "storage",
                ElementKind::ImportExport => "import_export",
                ElementKind::Drive => "drive",
            };
            // the Go program answers strings here
            Some(json!({
                "slot_number": element.address.0.to_string(), "slot_type": slot_type,
                "barcode": element.barcode.clone().unwrap_or_default(), "is_empty": (!element.full).to_string(),
            }))
        })
        .collect();
    json!({
        "slots": slots, "num_storage": count(ElementKind::Storage), "num_drives": count(ElementKind::Drive),
        "num_ie": count(ElementKind::ImportExport), "message": "Inventory complete",
    })
}

/// Takes the drive in a bay.
fn take_bay(context: &Context, library: i32, inventory: &Inventory, bay: ElementAddress) -> Result<Lease> {
    let element = inventory
        .element(bay)
        .filter(|element| element.kind == ElementKind::Drive)
        .ok_or_else(|| Error::not_found(format!("drive {} of library {library}", bay.0)))?;
    let drives = db::drives::all(&mut *context.conn()?)?;
    let drive = drives
        .iter()
        .find(|drive| element.drive_serial.is_some() && drive.serial_number == element.drive_serial)
        .or_else(|| {
            drives
                .iter()
                .find(|drive| drive.library_id == Some(library) && drive.library_drive_number == Some(i32::from(bay.0)))
        })
        .ok_or_else(|| {
            Error::conflict(
                "drive_unknown",
                format!("the drive in bay {} has not been added to TapeBackarr; scan for drives and add it", bay.0),
            )
        })?;
    context.take_drive(drive.id, None)
}

/// Empties the leased drive and lets the robot bring the tape of a slot.
pub fn load_from(context: &Context, lease: &Lease, library: i32, slot: ElementAddress) -> Result<()> {
    let inventory = mount::put_away(context, lease, library, None)?;
    let element =
        inventory.element(slot).ok_or_else(|| Error::not_found(format!("slot {} of library {library}", slot.0)))?;
    if !element.full {
        return Err(Error::conflict("slot_empty", format!("slot {} is empty", slot.0)));
    }
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let bay = mount::bay_of(&inventory, &drive)?;
    context.phase("moving", format!("The robot moves the tape of slot {} into drive {}.", slot.0, drive.name()))?;
    context.services.libraries.move_blocking(library, slot, bay).map(drop)
}
