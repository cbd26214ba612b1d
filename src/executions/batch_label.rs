//! Labels many tapes: all blank ones of a library by the robot, or one after the other as a person inserts them.

use super::tape_change::{Asking, Need, Refusal};
use super::{BatchLabelRequest, Context, Lease, Wanted, label, library_action, mount};
use crate::actors::drive::tasks::{FirstBlock, Precondition};
use crate::actors::library::Scan;
use crate::db::{self, tapes::NewTape, tapes::Tape};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use tape_drive::{ElementAddress, ElementKind};
use tape_format::Label;
use uuid::Uuid;

/// What became of the tapes.
#[derive(Default)]
struct Outcome {
    labelled: Vec<Value>,
    skipped: Vec<String>,
    failed: Vec<String>,
}

impl Outcome {
    fn into_result(self) -> Result<Value> {
        let (completed, failed) = (self.labelled.len(), self.failed.len());
        if completed == 0 && failed > 0 {
            return Err(Error::conflict("batch_label_failed", self.failed.join("; ")));
        }
        Ok(json!({
            "completed": completed, "failed": failed, "skipped": self.skipped, "errors": self.failed,
            "tapes": self.labelled, "message": format!("{completed} tapes labelled, {failed} failed"),
        }))
    }
}

/// Labels them. A tape that has anything on it is left alone and named.
pub fn run(context: &Context, request: &BatchLabelRequest) -> Result<Value> {
    match (request.library_id, request.drive_id) {
        (Some(library), _) => in_library(context, request, library)?.into_result(),
        (None, Some(drive)) => by_hand(context, request, drive)?.into_result(),
        (None, None) => Err(Error::bad_request("name a drive or a library")),
    }
}

fn name_of(request: &BatchLabelRequest, number: u32, barcode: Option<&str>) -> Result<String> {
    let name = match (request.barcodes, barcode) {
        (true, Some(code)) => code.to_string(),
        (true, None) => return Err(Error::conflict("no_barcode", "the cartridge has no bar code to be named after")),
        (false, _) => {
            format!("{}{:0width$}", request.prefix, number, width = request.digits.clamp(1, 6) as usize)
        }
    };
    Label::validate_name(&name).map_err(|error| Error::bad_request(error.to_string()))?;
    Ok(name)
}

/// The row for a cartridge: the one with its bar code, the one with its name, or a new one.
fn row(context: &Context, name: &str, barcode: Option<&str>, pool_id: Option<i32>) -> Result<Tape> {
    let mut conn = context.conn()?;
    let known = match barcode {
        Some(code) => db::tapes::find_by_barcode(&mut conn, code)?,
        None => None,
    };
    if let Some(tape) = known.or(db::tapes::find_by_label(&mut conn, name)?) {
        return match tape.labeled_at {
            None => Ok(tape),
            Some(_) => Err(Error::conflict("already_labelled", format!("a tape '{}' is labelled already", tape.label))),
        };
    }
    db::tapes::insert(
        &mut conn,
        &NewTape {
            uuid: Some(Uuid::new_v4().to_string()),
            barcode: barcode.map(Into::into),
            label: name.into(),
            pool_id,
            ..NewTape::default()
        },
    )
}

fn label_one(
    context: &Context,
    lease: &Lease,
    request: &BatchLabelRequest,
    number: u32,
    barcode: Option<&str>,
    outcome: &mut Outcome,
) -> Result<bool> {
    let before = name_of(request, number, barcode)?;
    match context.load(lease)? {
        FirstBlock::Blank => {}
        FirstBlock::Ours(found) => {
            outcome.skipped.push(format!("{}: already labelled '{}'", barcode.unwrap_or("?"), found.label));
            return Ok(false);
        }
        FirstBlock::Foreign(what) => {
            outcome.skipped.push(format!("{}: not blank ({what})", barcode.unwrap_or("?")));
            return Ok(false);
        }
    }
    let made_here = db::tapes::find_by_label(&mut *context.conn()?, &before)?.is_none();
    let tape = row(context, &before, barcode, request.pool_id)?;
    match label::write(context, lease, &tape, &before, Precondition::Blank) {
        Ok(label) => {
            outcome.labelled.push(json!({"tape_id": tape.id, "label": label.label, "uuid": label.uuid}));
            context.progress.files.fetch_add(1, Ordering::Relaxed);
            Ok(true)
        }
        Err(error) => {
            let mut conn = context.conn()?;
            if made_here && !db::tape_lifecycle::is_labelling(&mut conn, tape.id)? {
                db::tapes::delete(&mut conn, tape.id)?;
            }
            Err(error)
        }
    }
}

/// Cartridges that nobody has labelled and that lie in idle drives of the library, because somebody put them there or a run was
/// cut off, go back to a slot: otherwise they would be passed over.
fn take_out_of_drives(context: &Context, library: i32, known: &HashSet<String>, outcome: &mut Outcome) -> Result<()> {
    let inventory = context.services.libraries.inventory_blocking(library, Scan::Fresh)?;
    let drives = db::drives::all(&mut *context.conn()?)?;
    for drive in drives.iter().filter(|drive| drive.enabled && drive.library_id == Some(library)) {
        let Ok(bay) = mount::bay_of(&inventory, drive) else { continue };
        let Some(here) = inventory.element(bay).filter(|bay| bay.full && !bay.cleaning) else { continue };
        if here.barcode.as_ref().is_some_and(|code| known.contains(code)) {
            continue;
        }
        let cartridge = here.barcode.as_deref().unwrap_or("a cartridge");
        if context.services.drives.reservations.holder_of_drive(drive.id).is_some() {
            outcome.skipped.push(format!("{cartridge}: in drive {}, which is in use", drive.name()));
            continue;
        }
        let lease = context.take_drive(drive.id, None)?;
        if let Err(error) = mount::put_away(context, &lease, library, None) {
            outcome.skipped.push(format!("{cartridge}: in drive {}: {error}", drive.name()));
        }
    }
    Ok(())
}

fn in_library(context: &Context, request: &BatchLabelRequest, library: i32) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let known = db::tapes::labelled_barcodes(&mut *context.conn()?)?;
    take_out_of_drives(context, library, &known, &mut outcome)?;
    let lease = match request.drive_id {
        Some(drive) => context.take_drive(drive, None)?,
        None => any_drive(context, library)?,
    };
    let inventory = context.services.libraries.inventory_blocking(library, Scan::Fresh)?;
    let names = library_action::names(context, library)?;
    let slots: Vec<(ElementAddress, Option<String>)> = inventory
        .of(ElementKind::Storage)
        .filter(|slot| slot.full && !slot.cleaning)
        .filter(|slot| slot.barcode.as_ref().is_none_or(|code| !known.contains(code)))
        .map(|slot| (slot.address, slot.barcode.clone()))
        .take(if request.count == 0 { usize::MAX } else { request.count as usize })
        .collect();
    context.progress.files_total.store(slots.len() as u64, Ordering::Relaxed);
    context.progress.totals_known.store(true, Ordering::Relaxed);
    let mut number = request.start_number;
    for (slot, barcode) in slots {
        context.check()?;
        library_action::load_from(context, &lease, library, slot)?;
        match label_one(context, &lease, request, number, barcode.as_deref(), &mut outcome) {
            Ok(true) => number += 1,
            Ok(false) => {}
            Err(error) => {
                let place = match &barcode {
                    Some(barcode) => format!("{} ({barcode})", names.name(slot)),
                    None => names.name(slot),
                };
                context.warn(None, &format!("{place}: {error}"));
                outcome.failed.push(format!("{place}: {error}"));
            }
        }
        mount::put_away(context, &lease, library, Some(slot))?;
    }
    Ok(outcome)
}

fn any_drive(context: &Context, library: i32) -> Result<Lease> {
    let (lease, ()) = context.take(|taken| {
        let drives = crate::media::lifecycle::drives(&mut *context.conn()?, taken)?;
        let mut ours: Vec<_> = drives.iter().filter(|drive| drive.library == Some(library)).collect();
        ours.sort_by_key(|drive| (drive.taken_by.is_some(), drive.loaded, drive.id));
        Ok(match ours.first() {
            None => return Err(Error::conflict("no_drive", "no drive of the library is enabled")),
            Some(drive) if drive.taken_by.is_some() => Wanted::Wait("all drives of the library are in use".into()),
            Some(drive) => Wanted::Take { drive: drive.id, tape: None, choice: () },
        })
    })?;
    context.note_lease(&lease)?;
    Ok(lease)
}

fn by_hand(context: &Context, request: &BatchLabelRequest, drive: i32) -> Result<Outcome> {
    let lease = context.take_drive(drive, None)?;
    let name = db::drives::find(&mut *context.conn()?, drive)?.name().to_owned();
    let mut outcome = Outcome::default();
    context.progress.files_total.store(u64::from(request.count), Ordering::Relaxed);
    context.progress.totals_known.store(true, Ordering::Relaxed);
    for offset in 0..request.count {
        let number = request.start_number + offset;
        let mut asking = Asking::new(context, Refusal::EndsExecution);
        let message = format!("Insert a blank tape into drive {name} ({} of {}).", offset + 1, request.count);
        let need = Need { tape: None, pool: None, drive: Some(drive), message };
        loop {
            context.check()?;
            match context.load(&lease) {
                Ok(FirstBlock::Blank) => break,
                Ok(_) => {
                    context.log("The tape in the drive is not blank; it is ejected untouched.");
                    context.perform(&lease, crate::actors::drive::tasks::UnloadMedium)?;
                }
                Err(error) if matches!(error.code, "no_tape" | "drive_not_ready" | "medium_changed") => {}
                Err(error) => return Err(error),
            }
            asking.ask(need.clone(), &|_| Ok(Some("not blank".into())))?;
        }
        asking.done(None)?;
        let barcode = futures_executor::block_on(context.services.drives.snapshot(drive))?
            .medium
            .and_then(|medium| medium.barcode);
        if let Err(error) = label_one(context, &lease, request, number, barcode.as_deref(), &mut outcome) {
            context.warn(None, &error.message);
            outcome.failed.push(error.message);
        }
        context.perform(&lease, crate::actors::drive::tasks::UnloadMedium)?;
    }
    Ok(outcome)
}
