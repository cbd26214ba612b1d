//! Gets a tape into a drive: by doing nothing, by the robot, or by asking a person.

use super::{Context, Lease};
use crate::actors::drive::observe::is_ready;
use crate::actors::drive::tasks::{FirstBlock, LoadMedium, ReadLabel, UnloadMedium};
use crate::actors::library::Scan;
use crate::db::{self, SlotType};
use crate::events::{Category, Event};
use crate::{Error, Result};
use std::time::{Duration, Instant};
use tape_drive::{ElementAddress, ElementKind, Inventory};
use tape_format::Label;

/// How often an empty drive is asked whether a tape was inserted.
const POLL: Duration = Duration::from_millis(500);

/// Makes sure that the tape with row `tape_id` is threaded in the leased drive, and returns its label.
pub fn mount(context: &Context, lease: &Lease, tape_id: i32) -> Result<Label> {
    let tape = db::tapes::find(&mut *context.conn()?, tape_id)?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let uuid = tape.uuid.clone().ok_or_else(|| {
        Error::conflict("unlabelled_tape", format!("tape {} has not been labelled; label it first", tape.label))
    })?;
    context.phase("loading", format!("Getting tape {} into drive {}.", tape.label, drive.name()))?;
    if let Some(label) = in_drive(context, lease)?
        && label.uuid.to_string() == uuid
    {
        return Ok(label);
    }
    match drive.library_id {
        Some(library) => {
            let barcode = tape.barcode.clone().unwrap_or_default();
            if fetch(context, lease, library, tape_id, &barcode)? {
                let label = context.perform(lease, LoadMedium)?.require_label()?;
                if label.uuid.to_string() != uuid {
                    return Err(wrong_tape(&label, &tape.label, &uuid));
                }
                return Ok(label);
            }
            ask(context, lease, &tape.label, &uuid)
        }
        None => ask(context, lease, &tape.label, &uuid),
    }
}

/// The label of the tape that is in the drive, if there is one that is ours.
fn in_drive(context: &Context, lease: &Lease) -> Result<Option<Label>> {
    let snapshot = futures_executor::block_on(context.services.drives.snapshot(lease.drive()))?;
    if !is_ready(&snapshot) {
        return Ok(None);
    }
    match context.perform(lease, ReadLabel) {
        Ok(FirstBlock::Ours(label)) => Ok(Some(label)),
        Ok(_) => Ok(None),
        Err(error) if matches!(error.code, "no_tape" | "drive_not_ready" | "medium_changed") => Ok(None),
        Err(error) => Err(error),
    }
}

fn wrong_tape(found: &Label, wanted: &str, uuid: &str) -> Error {
    Error::conflict(
        "wrong_tape",
        format!(
            "tape {wanted} (UUID {uuid}) was wanted, but the cartridge calls itself '{}' (UUID {}); nothing was written",
            found.label, found.uuid
        ),
    )
    .with_details(serde_json::json!({"found": found.label, "found_uuid": found.uuid, "expected_uuid": uuid}))
}

/// The bay of a drive in an inventory.
pub fn bay_of(inventory: &Inventory, drive: &db::drives::Drive) -> Result<ElementAddress> {
    let by_serial = inventory
        .of(ElementKind::Drive)
        .find(|bay| bay.drive_serial.is_some() && bay.drive_serial == drive.serial_number)
        .map(|bay| bay.address);
    by_serial
        .or_else(|| drive.library_drive_number.and_then(|number| u16::try_from(number).ok()).map(ElementAddress))
        .ok_or_else(|| {
            Error::conflict(
                "drive_not_in_library",
                format!("the library does not tell in which bay drive {} sits (no such serial number)", drive.name()),
            )
        })
}

/// Ejects what is in the drive and lets the robot put it away. Returns the inventory behind it.
pub fn put_away(context: &Context, lease: &Lease, library: i32, to: Option<ElementAddress>) -> Result<Inventory> {
    let inventory = context.services.libraries.inventory_blocking(library, Scan::Remembered)?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let bay = bay_of(&inventory, &drive)?;
    let Some(element) = inventory.element(bay).filter(|element| element.full) else {
        return Ok(inventory);
    };
    let is_free = |address: &ElementAddress| inventory.element(*address).is_some_and(|slot| !slot.full);
    let home = to
        .or_else(|| element.source.filter(is_free))
        .or_else(|| {
            inventory
                .of(ElementKind::Storage)
                .find(|slot| !slot.full && slot.exception.is_none())
                .map(|slot| slot.address)
        })
        .ok_or_else(|| Error::conflict("library_full", "the library has no empty slot for the tape in the drive"))?;
    if !element.accessible {
        context.perform(lease, UnloadMedium)?;
    }
    context.services.libraries.move_blocking(library, bay, home)
}

/// Lets the robot bring a tape. `false` if the library does not have it.
fn fetch(context: &Context, lease: &Lease, library: i32, tape_id: i32, barcode: &str) -> Result<bool> {
    let inventory = context.services.libraries.inventory_blocking(library, Scan::Remembered)?;
    let slot = db::library_slots::of_tape(&mut *context.conn()?, tape_id)?
        .filter(|slot| slot.library_id == library && slot.slot_type != SlotType::Drive)
        .and_then(|slot| u16::try_from(slot.slot_number).ok())
        .map(ElementAddress)
        .or_else(|| {
            inventory
                .elements
                .iter()
                .find(|element| {
                    !barcode.is_empty()
                        && element.kind != ElementKind::Drive
                        && element.barcode.as_deref() == Some(barcode)
                })
                .map(|element| element.address)
        });
    let Some(slot) = slot else {
        return Ok(false);
    };
    put_away(context, lease, library, None)?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let bay = bay_of(&inventory, &drive)?;
    context.log(&format!("The robot moves the tape from slot {} to drive {}.", slot.0, drive.name()));
    context.services.libraries.move_blocking(library, slot, bay)?;
    Ok(true)
}

/// Waits until a person has inserted the tape into the drive.
fn ask(context: &Context, lease: &Lease, label: &str, uuid: &str) -> Result<Label> {
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let request = format!("Insert tape {label} into drive {}.", drive.name());
    context.phase("waiting", &request)?;
    context.services.bus.publish(Event::warning(Category::Tape, "Tape Required", &request).details(
        serde_json::json!({"execution_id": context.id, "drive_id": lease.drive(), "label": label, "uuid": uuid}),
    ));
    let since = Instant::now();
    let limit = context.services.config.tape.wait_for_tape();
    let mut seen: Option<String> = None;
    loop {
        context.check()?;
        match context.perform(lease, LoadMedium) {
            Ok(FirstBlock::Ours(found)) if found.uuid.to_string() == uuid => return Ok(found),
            Ok(found) => {
                let what = match found {
                    FirstBlock::Ours(found) => format!("'{}'", found.label),
                    FirstBlock::Blank => "a blank one".to_string(),
                    FirstBlock::Foreign(what) => format!("a foreign one ({what})"),
                };
                if seen.as_ref() != Some(&what) {
                    context.log(&format!("The tape in the drive is {what}, not {label}. Still waiting."));
                    seen = Some(what);
                }
            }
            Err(error) if matches!(error.code, "no_tape" | "drive_not_ready" | "medium_changed") => seen = None,
            Err(error) => return Err(error),
        }
        if since.elapsed() > limit {
            return Err(Error::conflict(
                "tape_not_inserted",
                format!(
                    "nobody inserted tape {label} into drive {} within {} minutes",
                    drive.name(),
                    limit.as_secs() / 60
                ),
            ));
        }
        context.control.sleep(POLL);
    }
}
