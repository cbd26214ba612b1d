//! Rebuilds the catalog, and as much of the database as tapes tell, from the tapes alone (invariant I3).
//!
//! Of each tape every table of contents is read, member by member into the catalog: in the order in which they lie along
//! the tape if the last one lists them all, else in one pass from file to file.
//! What the database has already is compared and left as it is, so it may be repeated, and the order of tapes does not
//! matter: a set is complete once all its parts were read, an increment finds its parent whenever that comes. What
//! cannot be read is named, and costs nothing but itself.
//!
//! * [`tape`]: one tape that is in a drive.
//! * [`reader`]: reading it, on the drive's thread; [`order`]: in which order. [`taking`]: one table of contents on its way into the catalog.
//! * [`salvage`]: a set whose contents are damaged, out of its data.
//! * [`unread`]: what is known of sets whose contents are locked or damaged.
//! * [`report`]: what was found, for people and programs.

mod heads;
mod order;
mod reader;
mod report;
mod salvage;
mod taking;
mod tape;
mod unread;

use super::tape_change::Refusal;
use super::{Context, Lease, RebuildRequest, Wanted, drive_action, library_action, mount, tape_reading};
use crate::actors::library::Scan;
use crate::db;
use crate::media::lifecycle;
use crate::{Error, Result};
use report::Report;
use serde_json::Value;
use tape_drive::{ElementAddress, ElementKind};

/// Reads the tapes that were asked for.
pub fn run(context: &Context, request: &RebuildRequest) -> Result<Value> {
    let mut report = Report::new(request.dry_run);
    match (request.library_id, request.drive_id, request.tape_ids.as_slice()) {
        (Some(library), drive, []) => in_library(context, library, drive, &mut report)?,
        (None, Some(drive), []) => {
            let lease = context.take_drive(drive, None)?;
            tape::read(context, &lease, None, &mut report)?;
        }
        (None, drive, tapes @ [_, ..]) => one_by_one(context, tapes, drive, &mut report)?,
        _ => return Err(Error::bad_request("name a drive, a library, or a list of tapes")),
    }
    report.outcome()
}

/// Tapes that the database knows, wherever they are.
fn one_by_one(context: &Context, tapes: &[i32], drive: Option<i32>, report: &mut Report) -> Result<()> {
    for (index, tape_id) in tapes.iter().enumerate() {
        context.check()?;
        context.log(&format!("Tape {} of {}.", index + 1, tapes.len()));
        let read = tape_reading::bring_one(context, *tape_id, drive, Refusal::SkipsTape)
            .and_then(|(lease, _)| tape::read(context, &lease, None, report));
        if let Err(error) = read {
            context.check()?;
            let label = db::tapes::find(&mut *context.conn()?, *tape_id)?.label;
            report.problem(context, format!("tape {label}: {error}"));
        }
    }
    Ok(())
}

/// All data cartridges of a library, one after the other through one of its drives.
fn in_library(context: &Context, library: i32, drive: Option<i32>, report: &mut Report) -> Result<()> {
    db::libraries::find(&mut *context.conn()?, library)?;
    empty_other_drives(context, library, drive, report)?;
    let lease = take(context, library, drive)?;
    let inventory = mount::put_away(context, &lease, library, None)?;
    drop(inventory);
    let inventory = context.services.libraries.inventory_blocking(library, Scan::Fresh)?;
    let names = library_action::names(context, library)?;
    let slots: Vec<(ElementAddress, Option<String>)> = inventory
        .elements
        .iter()
        .filter(|slot| matches!(slot.kind, ElementKind::Storage | ElementKind::ImportExport))
        .filter(|slot| slot.full && !slot.cleaning)
        .map(|slot| (slot.address, slot.barcode.clone()))
        .collect();
    context.log(&format!("{} tapes are to be read.", slots.len()));
    for (index, (slot, barcode)) in slots.iter().enumerate() {
        context.check()?;
        let name = barcode.as_deref().unwrap_or("without a bar code");
        let place = names.name(*slot);
        context.log(&format!("Tape {} of {}: {name}, {place}.", index + 1, slots.len()));
        let read = library_action::load_from(context, &lease, library, *slot)
            .and_then(|()| tape::read(context, &lease, barcode.clone(), report));
        if let Err(error) = read {
            context.check()?;
            report.problem(context, format!("{place} ({name}): {error}"));
        }
        mount::put_away(context, &lease, library, Some(*slot))?;
    }
    Ok(())
}

/// Tapes that sit in other drives of the library go to their slots, so that they are read too. One that is in use is
/// named and left.
fn empty_other_drives(context: &Context, library: i32, drive: Option<i32>, report: &mut Report) -> Result<()> {
    let taken = context.services.drives.reservations.taken();
    let drives = lifecycle::drives(&mut *context.conn()?, &taken)?;
    for other in drives.iter().filter(|other| other.library == Some(library) && drive != Some(other.id)) {
        if !other.loaded {
            continue;
        }
        if let Some(user) = other.taken_by {
            report.problem(
                context,
                format!("the tape in drive {} is in use by execution {user}; it was not read", other.name),
            );
            continue;
        }
        let lease = context.take_drive(other.id, None)?;
        drive_action::eject(context, &lease)?;
    }
    Ok(())
}

/// The drive that was named, or any of the library.
fn take(context: &Context, library: i32, named: Option<i32>) -> Result<Lease> {
    let (lease, ()) = context.take(|taken| {
        let drives = lifecycle::drives(&mut *context.conn()?, taken)?;
        let mut ours: Vec<_> = drives
            .iter()
            .filter(|drive| drive.library == Some(library) && named.is_none_or(|id| id == drive.id))
            .collect();
        ours.sort_by_key(|drive| (drive.taken_by.is_some(), drive.id));
        Ok(match ours.first() {
            None => return Err(Error::conflict("no_drive", "no such drive of the library is enabled")),
            Some(drive) if drive.taken_by.is_some() => Wanted::Wait("all drives of the library are in use".into()),
            Some(drive) => Wanted::Take { drive: drive.id, tape: None, choice: () },
        })
    })?;
    context.note_lease(&lease)?;
    Ok(lease)
}
