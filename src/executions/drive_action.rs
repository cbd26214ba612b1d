//! What a person does with a drive: load, eject, rewind, retension, clean.

use super::{Context, DriveAction, DriveRequest, Lease, mount};
use crate::actors::drive::tasks::{FirstBlock, LoadMedium, Retension, Rewind, SetEncryption, UnloadMedium};
use crate::actors::library::Scan;
use crate::db;
use crate::keys::drive_key;
use crate::{Error, Result};
use serde_json::{Value, json};
use tape_drive::ElementKind;

/// Does it, on the drive that was named.
pub fn run(context: &Context, request: &DriveRequest) -> Result<Value> {
    let lease = context.take_drive(request.drive_id, None)?;
    let status = match request.action {
        DriveAction::Load => {
            load(context, &lease)?;
            "loaded"
        }
        DriveAction::Eject => {
            eject(context, &lease)?;
            "ejected"
        }
        DriveAction::Rewind => {
            context.phase("rewinding", "Rewinding.")?;
            context.perform(&lease, Rewind)?;
            "rewound"
        }
        DriveAction::Retension => {
            context.phase("winding", "Winding to the end of data and back.")?;
            context.perform(&lease, Retension)?;
            "retensioned"
        }
        DriveAction::Clean => {
            clean(context, &lease)?;
            "cleaned"
        }
        DriveAction::Encrypt { encryption_key_id } => {
            let key = context.services.keys.for_writing(&mut *context.conn()?, encryption_key_id)?;
            context.perform(&lease, SetEncryption { key: Some(drive_key(&key)?) })?;
            let message = "The drive encrypts what is written to the tape that is in it.";
            return Ok(json!({
                "message": message, "drive_id": request.drive_id, "encryption_key_id": encryption_key_id,
            }));
        }
        DriveAction::Decrypt => {
            context.perform(&lease, SetEncryption { key: None })?;
            return Ok(json!({"message": "The drive does not encrypt.", "drive_id": request.drive_id}));
        }
    };
    Ok(json!({"status": status, "drive_id": request.drive_id}))
}

/// Threads the cartridge and says what it is.
pub fn load(context: &Context, lease: &Lease) -> Result<FirstBlock> {
    context.phase("loading", "Loading the tape.")?;
    let found = context.perform(lease, LoadMedium)?;
    context.log(&match &found {
        FirstBlock::Ours(label) => format!("The tape is '{}' (UUID {}).", label.label, label.uuid),
        FirstBlock::Blank => "The tape is blank.".into(),
        FirstBlock::Foreign(what) => format!("The tape is not ours: {what}."),
    });
    Ok(found)
}

/// Ejects the tape; the robot of the drive's library puts it away.
pub fn eject(context: &Context, lease: &Lease) -> Result<()> {
    context.phase("ejecting", "Ejecting the tape.")?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    match drive.library_id {
        Some(library) => mount::put_away(context, lease, library, None).map(drop),
        None => context.perform(lease, UnloadMedium),
    }
}

/// Runs a cleaning cartridge of the drive's library through the drive.
fn clean(context: &Context, lease: &Lease) -> Result<()> {
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let library = drive.library_id.ok_or_else(|| {
        Error::conflict(
            "no_library",
            format!(
                "drive {} is in no library; insert a cleaning cartridge by hand: the drive runs it by itself",
                drive.name()
            ),
        )
    })?;
    let inventory = mount::put_away(context, lease, library, None)?;
    let cartridge = inventory
        .of(ElementKind::Storage)
        .find(|slot| slot.barcode.as_deref().is_some_and(|code| code.starts_with("CLN")))
        .map(|slot| slot.address)
        .ok_or_else(|| {
            Error::conflict("no_cleaning_cartridge", "the library has no cleaning cartridge (bar code CLN…)")
        })?;
    let bay = mount::bay_of(&inventory, &drive)?;
    context.phase("cleaning", format!("Cleaning drive {}.", drive.name()))?;
    let libraries = &context.services.libraries;
    libraries.move_blocking(library, cartridge, bay)?;
    // the drive cleans itself while it loads; a virtual one answers that this is no data cartridge
    match context.perform(lease, LoadMedium) {
        Ok(_) => {}
        Err(error) if matches!(error.code, "cleaning_cartridge" | "drive_not_ready" | "no_tape") => {}
        Err(error) => return Err(error),
    }
    let inventory = libraries.inventory_blocking(library, Scan::Remembered)?;
    if inventory.element(bay).is_some_and(|element| element.full && !element.accessible) {
        context.perform(lease, UnloadMedium)?;
    }
    if inventory.element(bay).is_some_and(|element| element.full) {
        libraries.move_blocking(library, bay, cartridge)?;
    }
    let cleaned = db::drive_health::StatisticsChanges {
        last_cleaned_at: Some(Some(db::now())),
        cleaning_required: Some(false),
        ..Default::default()
    };
    db::drive_health::update_statistics(&mut *context.conn()?, drive.id, &cleaned).map(drop)
}
