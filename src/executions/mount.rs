//! Gets a tape into a drive: by doing nothing, or by the robot. When a person is needed, [`super::tape_change`] asks.

use super::library_action::names;
use super::{Context, Lease, cleaning};
use crate::actors::drive::observe::is_ready;
use crate::actors::drive::tasks::{FirstBlock, ReadLabel, UnloadMedium};
use crate::actors::library::Scan;
use crate::db::{self, Conn, SlotType, tapes::Tape};
use crate::media::choose::DriveFacts;
use crate::{Error, Result};
use tape_drive::{ElementAddress, ElementKind, Inventory};
use tape_format::Label;

/// The tape is neither in the drive nor in its library, whatever the database thought; it knows better now.
pub const ELSEWHERE: &str = "tape_elsewhere";

/// Makes sure that the tape with row `tape_id` is threaded in the leased drive, and returns its label. A drive that asks
/// for cleaning is cleaned before.
///
/// # Errors
/// [`ELSEWHERE`] if neither the drive nor its library has it.
pub fn mount(context: &Context, lease: &Lease, tape_id: i32) -> Result<Label> {
    let tape = db::tapes::find(&mut *context.conn()?, tape_id)?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    // read when a label was found: it may have been learnt only then
    let uuid = || {
        let uuid = db::tapes::find(&mut *context.conn()?, tape_id)?.uuid;
        uuid.ok_or_else(|| {
            Error::conflict("unlabelled_tape", format!("tape {} has not been labelled; label it first", tape.label))
        })
    };
    uuid()?;
    cleaning::if_wanted(context, lease)?;
    context.phase("loading", format!("Getting tape {} into drive {}.", tape.label, drive.name()))?;
    if let Some(label) = in_drive(context, lease, drive.library_id)?
        && label.uuid.to_string() == uuid()?
    {
        return Ok(label);
    }
    if let Some(library) = drive.library_id
        && fetch(context, lease, library, &tape)?
    {
        let loaded = context.load(lease).map_err(|error| match error.code {
            "incompatible_medium" => error.context(format!("tape {} ({})", tape.label, tape.lto_type)),
            _ => error,
        });
        let label = loaded?.require_label()?;
        let uuid = uuid()?;
        return match label.uuid.to_string() == uuid {
            true => Ok(label),
            false => Err(wrong_tape(&label, &tape.label, &uuid)),
        };
    }
    let message =
        format!("tape {} is neither in drive {} nor in a library that could bring it", tape.label, drive.name());
    Err(Error::conflict(ELSEWHERE, message))
}

/// The label of the tape that is in the drive, if there is one that is ours. A cartridge that lies unthreaded in a drive
/// that stands alone is drawn in.
fn in_drive(context: &Context, lease: &Lease, library: Option<i32>) -> Result<Option<Label>> {
    let ready = is_ready(&context.services.drives.snapshot_blocking(lease.drive())?);
    let found = match (ready, library) {
        (true, _) => context.perform(lease, ReadLabel),
        (false, None) => context.load(lease),
        (false, Some(_)) => return Ok(None),
    };
    if let Ok(found) = &found {
        super::label::heal(context, lease, found)?;
    }
    match found {
        Ok(FirstBlock::Ours(label)) => Ok(Some(label)),
        Ok(_) => Ok(None),
        Err(error) if matches!(error.code, "no_tape" | "drive_not_ready" | "medium_changed" | "cleaning_cartridge") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Where a person should put a tape that is to get into a drive: `drive D0`, or `library L or drive D0`.
pub fn place_for_hands(conn: &mut Conn, drive: &DriveFacts) -> Result<String> {
    Ok(match drive.library {
        Some(library) => format!("library {} or drive {}", db::libraries::find(conn, library)?.name, drive.name),
        None => format!("drive {}", drive.name),
    })
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
    // there are libraries that call a tape accessible before its drive has let it go
    if !element.accessible || is_ready(&context.services.drives.snapshot_blocking(lease.drive())?) {
        context.perform(lease, UnloadMedium)?;
    }
    context.services.libraries.move_blocking(library, bay, home)
}

/// Lets the robot bring a tape, unless it is in the drive's bay already. `false` if the library does not have it.
fn fetch(context: &Context, lease: &Lease, library: i32, tape: &Tape) -> Result<bool> {
    let inventory = context.services.libraries.inventory_blocking(library, Scan::Remembered)?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let bay = bay_of(&inventory, &drive)?;
    let barcode = tape.barcode.as_deref().filter(|code| !code.is_empty());
    let holds = |address: ElementAddress| {
        inventory.element(address).is_some_and(|element| element.full && element.barcode.as_deref() == barcode)
    };
    if barcode.is_some() && holds(bay) {
        return Ok(true);
    }
    let slot = db::library_slots::of_tape(&mut *context.conn()?, tape.id)?
        .filter(|slot| slot.library_id == library && slot.slot_type != SlotType::Drive && !slot.is_empty)
        .and_then(|slot| u16::try_from(slot.slot_number).ok())
        .map(ElementAddress)
        .or_else(|| {
            inventory
                .elements
                .iter()
                .find(|element| {
                    barcode.is_some() && element.kind != ElementKind::Drive && element.barcode.as_deref() == barcode
                })
                .map(|element| element.address)
        });
    let Some(slot) = slot else {
        return Ok(false);
    };
    if let Err(error) = put_away(context, lease, library, None) {
        swap(context, lease, (library, slot, bay), error)?;
        return Ok(true);
    }
    let from = names(context, library)?.name(slot);
    context.log(&format!("The robot moves tape {} from {from} to drive {}.", tape.label, drive.name()));
    context.services.libraries.move_blocking(library, slot, bay)?;
    Ok(true)
}

/// Where no slot is empty, a robot that can do so puts the tape in the drive where the wanted one was.
fn swap(
    context: &Context,
    lease: &Lease,
    (library, slot, bay): (i32, ElementAddress, ElementAddress),
    why: Error,
) -> Result<()> {
    if why.code != "library_full" || !context.services.libraries.can_swap_blocking(library)? {
        return Err(why);
    }
    context.perform(lease, UnloadMedium)?;
    let names = names(context, library)?;
    let (name, other) = (names.name(slot), names.tape(slot));
    context.log(&format!("No slot is empty: the robot exchanges the tape in the drive for {other} in {name}."));
    context.services.libraries.swap_blocking(library, slot, bay).map(drop)
}
