//! What a person does with a library: inventory, load, unload, transfer.

use super::{Context, Lease, LibraryAction, LibraryRequest, mount};
use crate::actors::library::Scan;
use crate::db;
use crate::db::element_names::ElementNames;
use crate::db::libraries::Library;
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
            let names = names(context, library.id)?;
            let (slot, bay) = (ElementAddress(*slot), ElementAddress(*drive));
            let lease = take_bay(context, &library, &inventory, bay)?;
            load_from(context, &lease, library.id, slot)?;
            context.load(&lease)?;
            let message = format!("Loaded {} from {} into {}", names.tape(slot), names.name(slot), names.name(bay));
            Ok(json!({"message": message, "drive_id": lease.drive()}))
        }
        LibraryAction::Unload { slot, drive } => {
            let inventory = libraries.inventory_blocking(library.id, Scan::Remembered)?;
            let (bay, names) = (ElementAddress(*drive), names(context, library.id)?);
            if !inventory.element(bay).is_some_and(|element| element.full) {
                let message = format!("{} of library {} is empty", names.name(bay), library.name);
                return Err(Error::conflict("drive_empty", message));
            }
            let lease = take_bay(context, &library, &inventory, bay)?;
            context.phase("moving", "Putting the tape back to its slot.")?;
            mount::put_away(context, &lease, library.id, slot.map(ElementAddress))?;
            Ok(json!({"message": format!("Unloaded {}", names.name(bay)), "drive_id": lease.drive()}))
        }
        LibraryAction::Transfer { from, to } => {
            let (from, to) = (ElementAddress(*from), ElementAddress(*to));
            let inventory = libraries.inventory_blocking(library.id, Scan::Remembered)?;
            let names = names(context, library.id)?;
            for address in [from, to] {
                let name = names.name(address);
                match inventory.element(address) {
                    None => return Err(Error::not_found(format!("{name} of library {}", library.name))),
                    Some(element) if element.kind == ElementKind::Drive => {
                        return Err(Error::bad_request(format!("{name} is no slot: use load or unload")));
                    }
                    Some(_) => {}
                }
            }
            let way = format!("{} from {} to {}", names.tape(from), names.name(from), names.name(to));
            context.phase("moving", format!("Moving {way}."))?;
            libraries.move_blocking(library.id, from, to)?;
            Ok(json!({"message": format!("Moved {way}")}))
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

/// What the elements of a library are called, and what is in them.
pub fn names(context: &Context, library: i32) -> Result<ElementNames> {
    ElementNames::read(&mut *context.conn()?, library)
}

/// Takes the drive in a bay.
fn take_bay(context: &Context, library: &Library, inventory: &Inventory, bay: ElementAddress) -> Result<Lease> {
    let name = names(context, library.id)?.name(bay);
    let element = inventory
        .element(bay)
        .filter(|element| element.kind == ElementKind::Drive)
        .ok_or_else(|| Error::not_found(format!("a drive at {name} of library {}", library.name)))?;
    let drives = db::drives::all(&mut *context.conn()?)?;
    let drive = drives
        .iter()
        .find(|drive| element.drive_serial.is_some() && drive.serial_number == element.drive_serial)
        .or_else(|| {
            drives.iter().find(|drive| {
                drive.library_id == Some(library.id) && drive.library_drive_number == Some(i32::from(bay.0))
            })
        })
        .ok_or_else(|| {
            Error::conflict(
                "drive_unknown",
                format!(
                    "the drive in {name} of library {} has not been added to TapeBackarr; scan for drives and add it",
                    library.name
                ),
            )
        })?;
    context.take_drive(drive.id, None)
}

/// Empties the leased drive and lets the robot bring the tape of a slot.
pub fn load_from(context: &Context, lease: &Lease, library: i32, slot: ElementAddress) -> Result<()> {
    let inventory = mount::put_away(context, lease, library, None)?;
    let names = names(context, library)?;
    let name = names.name(slot);
    let element = inventory.element(slot).ok_or_else(|| Error::not_found(format!("{name} of the library")))?;
    if !element.full {
        return Err(Error::conflict("slot_empty", format!("{name} is empty")));
    }
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let bay = mount::bay_of(&inventory, &drive)?;
    context
        .phase("moving", format!("The robot moves {} from {name} into drive {}.", names.tape(slot), drive.name()))?;
    context.services.libraries.move_blocking(library, slot, bay).map(drop)
}
