//! Writes the label of one tape.

use super::{Afterwards, Context, Destroy, LabelRequest, Lease, Wanted};
use crate::actors::drive::tasks::{FirstBlock, Labelled, Precondition, ReadLabel, WriteLabel};
use crate::db::{self, WriteOnce, tapes::Tape};
use crate::media::lifecycle;
use crate::{Error, Result};
use serde_json::{Value, json};
use tape_drive::{ElementAddress, MediumKind};
use tape_format::Label;
use uuid::Uuid;

/// Puts the tape's label, uuid and pool onto the cartridge.
pub fn run(context: &Context, request: &LabelRequest) -> Result<Value> {
    let tape = db::tapes::find(&mut *context.conn()?, request.tape_id)?;
    if let Some(name) = &request.label {
        Label::validate_name(name).map_err(|error| Error::bad_request(error.to_string()))?;
    }
    let lease = take(context, request.drive_id, &tape)?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    bring(context, &lease, &drive, &tape)?;
    // the label may have been there already
    let now = db::tapes::find(&mut *context.conn()?, tape.id)?;
    if tape.labeled_at.is_none() && now.labeled_at.is_some() {
        return Ok(report(&now.label, &now.uuid.unwrap_or_default(), now.id, drive.id));
    }
    let precondition = match request.destroy {
        Destroy::Never => Precondition::Blank,
        Destroy::Confirmed => Precondition::Holds(lifecycle::may_destroy_loaded(context, &lease, Some(tape.id))?),
    };
    let name = request.label.clone().unwrap_or_else(|| tape.label.clone());
    let label = write(context, &lease, &tape, &name, precondition)?;
    if request.afterwards == Afterwards::Eject {
        super::drive_action::eject(context, &lease)?;
    }
    Ok(report(&label.label, &label.uuid.to_string(), tape.id, drive.id))
}

fn report(label: &str, uuid: &str, tape: i32, drive: i32) -> Value {
    json!({
        "tape_id": tape, "label": label, "uuid": uuid, "drive_id": drive,
        "message": format!("Tape labeled as '{label}'"),
    })
}

/// Writes a label for a tape's row onto the cartridge in the drive, and stores what it is now.
///
/// The uuid is stored before the tape has it: if the server dies between the two, [`heal`] knows the tape by it.
pub fn write(context: &Context, lease: &Lease, tape: &Tape, name: &str, precondition: Precondition) -> Result<Label> {
    let (pool, write_once) = match tape.pool_id {
        Some(id) => {
            let pool = db::pools::find(&mut *context.conn()?, id)?;
            (pool.name, pool.write_once)
        }
        None => (String::new(), WriteOnce::Allow),
    };
    let uuid = match (&tape.uuid, tape.labeled_at) {
        // a cartridge that is labelled afresh is a new tape: what the old one held must not be looked for on it
        (Some(uuid), None) => Uuid::parse_str(uuid).unwrap_or_else(|_| Uuid::new_v4()),
        _ => Uuid::new_v4(),
    };
    let label = Label {
        label: name.into(),
        uuid,
        pool,
        timestamp: chrono::Utc::now().timestamp(),
        key_fingerprint: String::new(),
        compression: String::new(),
    };
    context.phase("writing", format!("Writing the label '{name}'."))?;
    db::tape_lifecycle::labelling(&mut *context.conn()?, tape.id, Some(&label.uuid.to_string()))?;
    match context.perform(lease, WriteLabel { label: label.clone(), precondition, write_once }) {
        Ok(end) => store(context, lease, tape.id, &label, end)?,
        Err(error) => {
            // as long as nobody can tell whether the tape has it, it may
            if context.perform(lease, ReadLabel).is_ok_and(|found| !found.is(label.uuid)) {
                db::tape_lifecycle::labelling(&mut *context.conn()?, tape.id, None)?;
            }
            return Err(error);
        }
    }
    Ok(label)
}

/// If the server died between a label and its row, and this is the label: the row gets it now.
pub fn heal(context: &Context, lease: &Lease, found: &FirstBlock) -> Result<()> {
    let FirstBlock::Ours(label) = found else { return Ok(()) };
    let tape = db::tape_lifecycle::find_labelling(&mut *context.conn()?, &label.uuid.to_string())?;
    let Some(tape) = tape else { return Ok(()) };
    context.log(&format!("The label of tape {} was written when the server ended; it is known now.", label.label));
    store(context, lease, tape.id, label, Labelled { end_file: 1, end_block: 2 })
}

fn store(context: &Context, lease: &Lease, tape_id: i32, label: &Label, end: Labelled) -> Result<()> {
    let medium = futures_executor::block_on(context.services.drives.snapshot(lease.drive()))?.medium;
    let (lto_type, capacity) = match &medium {
        Some(medium) => (
            tape_drive::lto::format_of_density(medium.density).map(|format| format.name.to_string()),
            Some(medium.capacity_bytes),
        ),
        None => (None, None),
    };
    let write_once = medium.as_ref().map(|medium| medium.kind == MediumKind::Worm);
    lifecycle::forget_sets(context, tape_id)?;
    db::write_transaction(&mut *context.conn()?, |conn| {
        let uuid = label.uuid.to_string();
        // what the label cannot tell (a time past the year 262142) is the time at which it was seen
        let labelled = db::time::from_unix(label.timestamp).unwrap_or_else(db::time::now);
        let (file, block) = (end.end_file as i64, end.end_block as i64);
        let tape = db::tape_lifecycle::formatted(conn, tape_id, &uuid, labelled, file, block)?;
        let changes = db::tapes::TapeChanges {
            label: Some(label.label.clone()),
            barcode: match (tape.barcode, medium.and_then(|medium| medium.barcode)) {
                (None, Some(read)) => Some(Some(read)),
                _ => None,
            },
            lto_type,
            write_once,
            capacity_bytes: capacity.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            ..Default::default()
        };
        db::tapes::update(conn, tape_id, &changes)?;
        // it is in this drive: nobody has to look again
        let seen = db::drives::DriveChanges {
            current_tape_id: Some(Some(tape_id)),
            unknown_tape: Some(None),
            ..Default::default()
        };
        db::drives::update(conn, lease.drive(), &seen).map(drop)
    })
}

/// Takes the drive that was named; else the one that holds the tape; else one of the library that has it; else any.
fn take(context: &Context, drive_id: Option<i32>, tape: &Tape) -> Result<Lease> {
    if let Some(drive) = drive_id {
        return context.take_drive(drive, Some(tape.id));
    }
    let lease = context.take(|taken| {
        let mut conn = context.conn()?;
        let place = lifecycle::place(&mut conn, tape)?;
        let drives = lifecycle::drives(&mut conn, taken)?;
        if let Some(other) = taken.tapes.get(&tape.id) {
            return Ok(Wanted::Wait(format!("tape {} is used by execution {other}", tape.label)));
        }
        let fits = |drive: &&crate::media::choose::DriveFacts| match place {
            crate::media::choose::Place::Drive(id) => drive.id == id,
            crate::media::choose::Place::Slot { library, .. } => drive.library == Some(library),
            crate::media::choose::Place::Shelf => drive.loaded,
        };
        let mut possible: Vec<_> = drives.iter().filter(fits).collect();
        possible.sort_by_key(|drive| (drive.taken_by.is_some(), drive.loaded, drive.id));
        Ok(match possible.first() {
            None => {
                return Err(Error::conflict(
                    "tape_not_loaded",
                    format!(
                        "tape {} is in no drive and no library; insert it into a drive and name the drive",
                        tape.label
                    ),
                ));
            }
            Some(drive) if drive.taken_by.is_some() => Wanted::Wait(format!("drive {} is in use", drive.name)),
            Some(drive) => Wanted::Take { drive: drive.id, tape: Some(tape.id), choice: () },
        })
    })?;
    context.note_lease(&lease.0)?;
    Ok(lease.0)
}

/// Lets the robot bring the cartridge with the tape's bar code, if there is a robot and it is not in the drive already.
fn bring(context: &Context, lease: &Lease, drive: &db::drives::Drive, tape: &Tape) -> Result<()> {
    let Some(library) = drive.library_id else { return super::drive_action::load(context, lease).map(drop) };
    let slot = db::library_slots::of_tape(&mut *context.conn()?, tape.id)?;
    if let Some(slot) = slot
        && slot.library_id == library
        && slot.slot_type != db::SlotType::Drive
    {
        let from = ElementAddress(u16::try_from(slot.slot_number).unwrap_or_default());
        super::library_action::load_from(context, lease, library, from)?;
    }
    super::drive_action::load(context, lease).map(drop)
}
