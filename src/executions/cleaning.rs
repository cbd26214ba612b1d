//! Cleaning a drive: because a person wants it, or because the drive asks for it before the next tape is mounted.
//!
//! A drive asks with a TapeAlert flag (20 clean now, 21 clean periodic) while it writes, and the flag's advice is to
//! finish first: so it is cleaned between two tapes or parts, never within one. Where no cleaning cartridge can be had
//! a person is told, and the work goes on: a drive that can still write is better than no backup.

use super::{Context, Lease, library_action, mount};
use crate::actors::drive::tasks::UnloadMedium;
use crate::actors::drive::{DriveTask, Unit};
use crate::actors::library::Scan;
use crate::db::{self, Severity, drive_health, drives::Drive};
use crate::events::{Category, Event};
use crate::{Error, Result};
use serde_json::json;
use std::time::{Duration, Instant};
use tape_drive::{DriveErrorKind, DriveState, ElementAddress, ElementKind, Inventory, TapeDrive};
use tape_scsi::TapeAlert;

/// A drive that asks again so soon after it was cleaned does not get better by more of it; each run wears the heads.
const AGAIN: chrono::Duration = chrono::Duration::hours(12);
/// A cleaning takes some minutes; a drive that has not given the cartridge back by then is in trouble.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Open alerts of a drive that asks for cleaning.
const CATEGORY: &str = "cleaning";

/// Cleans the leased drive if it asks for it; a tape that is in it is put away. If that cannot be, a person is told.
///
/// # Errors
/// Only those of being told to stop, and of the database.
pub fn if_wanted(context: &Context, lease: &Lease) -> Result<()> {
    // what is wrong with a drive that does not answer will be seen by whoever needs more of it
    let Ok(asked) = context.perform(lease, Ask) else { return Ok(()) };
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    if !asked.wanted {
        drive_health::resolve_category(&mut *context.conn()?, drive.id, CATEGORY)?;
        return Ok(());
    }
    let last = drive_health::statistics(&mut *context.conn()?, drive.id)?.last_cleaned_at;
    if let Some(last) = last.filter(|last| db::now() - *last < AGAIN) {
        let cleaned = last.format("%Y-%m-%d %H:%M UTC");
        let advice = format!("it was cleaned at {cleaned} and asks again: let its maker look at it");
        return tell(context, &drive, &advice);
    }
    context.why(&[format!("Drive {} asks for a cleaning cartridge.", drive.name())])?;
    match clean(context, lease) {
        Ok(()) => Ok(()),
        Err(error) => {
            context.check()?;
            tell(context, &drive, &error.message)
        }
    }
}

/// Tells people, once, that a drive asks in vain.
fn tell(context: &Context, drive: &Drive, advice: &str) -> Result<()> {
    let message = format!("Drive {} asks for a cleaning cartridge: {advice}", drive.name());
    context.log(&format!("{message}. The work goes on without."));
    let new = drive_health::NewAlert {
        drive_id: drive.id,
        severity: Severity::Warning,
        category: CATEGORY.into(),
        message: message.clone(),
    };
    if drive_health::raise_alert(&mut *context.conn()?, &new)?.is_some() {
        let details = json!({"drive_id": drive.id, "execution_id": context.id});
        context.services.bus.publish(Event::warning(Category::Drive, "Cleaning Needed", message).details(details));
    }
    Ok(())
}

/// Runs a cleaning cartridge of the drive's library through the leased drive; a tape that is in it is put away.
///
/// # Errors
/// `no_library`, `no_cleaning_cartridge` if there is none or all are used up, `cleaning_failed`; those of drive and robot.
pub fn clean(context: &Context, lease: &Lease) -> Result<()> {
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let library = drive.library_id.ok_or_else(|| {
        let by_hand = "insert a cleaning cartridge by hand: the drive runs it by itself";
        Error::conflict("no_library", format!("drive {} is in no library; {by_hand}", drive.name()))
    })?;
    let inventory = mount::put_away(context, lease, library, None)?;
    let names = library_action::names(context, library)?;
    let cartridges: Vec<(ElementAddress, String)> = inventory
        .of(ElementKind::Storage)
        .filter(|slot| slot.full && slot.cleaning)
        .map(|slot| (slot.address, slot.barcode.clone().unwrap_or_else(|| format!("in {}", names.name(slot.address)))))
        .collect();
    if cartridges.is_empty() {
        let message = "the library has no cleaning cartridge (bar code CLN…) in a slot; put one in";
        return Err(Error::conflict("no_cleaning_cartridge", message));
    }
    let bay = mount::bay_of(&inventory, &drive)?;
    for (slot, barcode) in &cartridges {
        context.phase("cleaning", format!("Cleaning drive {} with {barcode}.", drive.name()))?;
        let asked = run_through(context, lease, library, *slot, bay)?;
        if asked.used_up {
            context.log(&format!("Cleaning cartridge {barcode} is used up; take it out of the library."));
            continue;
        }
        if asked.wanted {
            let message = format!("drive {} still asks for it after a run with {barcode}", drive.name());
            return Err(Error::conflict("cleaning_failed", message));
        }
        return cleaned(context, &drive, barcode);
    }
    let barcodes: Vec<&str> = cartridges.iter().map(|(_, barcode)| barcode.as_str()).collect();
    let message =
        format!("all cleaning cartridges of the library are used up ({}); put in a new one", barcodes.join(", "));
    Err(Error::conflict("no_cleaning_cartridge", message))
}

fn cleaned(context: &Context, drive: &Drive, barcode: &str) -> Result<()> {
    let mut conn = context.conn()?;
    let changes = drive_health::StatisticsChanges {
        last_cleaned_at: Some(Some(db::now())),
        cleaning_required: Some(false),
        ..Default::default()
    };
    drive_health::update_statistics(&mut conn, drive.id, &changes)?;
    drive_health::resolve_category(&mut conn, drive.id, CATEGORY)?;
    let message = format!("Drive {} was cleaned with {barcode}.", drive.name());
    let details = json!({"drive_id": drive.id, "execution_id": context.id});
    context.services.bus.publish(Event::info(Category::Drive, "Drive Cleaned", message).details(details));
    Ok(())
}

/// Brings a cleaning cartridge, waits until the drive has run it, and takes it back to its slot. Returns what the drive says
/// of it.
fn run_through(
    context: &Context,
    lease: &Lease,
    library: i32,
    slot: ElementAddress,
    bay: ElementAddress,
) -> Result<Asked> {
    let libraries = &context.services.libraries;
    libraries.move_blocking(library, slot, bay)?;
    // the drive cleans itself as soon as the cartridge is in; told to load it, it would do so again
    let (since, mut used_up) = (Instant::now(), false);
    let inventory = loop {
        let busy = match context.perform(lease, Ask) {
            Ok(asked) => {
                // not later: when the cartridge is out the flag is gone
                used_up |= asked.used_up;
                asked.busy
            }
            Err(error) if matches!(error.code, "cleaning_cartridge" | "drive_not_ready" | "no_tape") => true,
            Err(error) => return Err(error),
        };
        let inventory = libraries.inventory_blocking(library, Scan::Remembered)?;
        if !busy || is_out(&inventory, bay) || since.elapsed() > LONGEST {
            break inventory;
        }
        context.control.sleep(Duration::from_secs(2));
        context.check()?;
    };
    if !is_out(&inventory, bay) {
        context.perform(lease, UnloadMedium)?;
    }
    if inventory.element(bay).is_some_and(|element| element.full) {
        libraries.move_blocking(library, bay, slot)?;
    }
    Ok(Asked { used_up, ..context.perform(lease, Ask)? })
}

/// Whether the robot can take what is in a bay.
fn is_out(inventory: &Inventory, bay: ElementAddress) -> bool {
    inventory.element(bay).is_none_or(|element| !element.full || element.accessible)
}

/// What a drive says of cleaning.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// It asks for it.
    wanted: bool,
    /// The cleaning cartridge in it is used up (TapeAlert 22).
    used_up: bool,
    /// It is at work with what is in it.
    busy: bool,
}

/// Asks a drive. Does not move the tape.
struct Ask;

impl DriveTask for Ask {
    type Output = Asked;
    const NAME: &'static str = "ask whether the drive wants to be cleaned";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Asked> {
        let alerts = known(drive.alerts())?.unwrap_or_default();
        let health = known(drive.health())?.unwrap_or_default();
        let state = unit.snapshot().status.map(|status| status.state);
        let clean = [TapeAlert::CLEAN_NOW, TapeAlert::CLEAN_PERIODIC];
        Ok(Asked {
            wanted: health.cleaning_required || clean.iter().any(|flag| alerts.contains(flag)),
            used_up: alerts.contains(&TapeAlert::EXPIRED_CLEANING_MEDIA),
            busy: matches!(state, Some(DriveState::BecomingReady { .. })),
        })
    }
}

/// Nothing, if the drive has no such thing.
fn known<T>(answer: tape_drive::Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind, DriveErrorKind::Unsupported | DriveErrorKind::IllegalRequest) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
