//! What may happen to a tape, and where it is.

use super::choose::{DriveFacts, Place};
use crate::actors::catalog::Discard;
use crate::actors::drive::tasks::{FirstBlock, ReadLabel};
use crate::actors::drive::{DriveTask, Unit};
use crate::db::{self, Conn, SlotType, tapes::Tape};
use crate::executions::{Context, Lease, Taken};
use crate::{Error, Result};
use tape_drive::{FilemarkSync, TapeDrive};

/// Where a tape is, as far as the database knows.
pub fn place(conn: &mut Conn, tape: &Tape) -> Result<Place> {
    if let Some(drive) = db::drives::holding(conn, tape.id)? {
        return Ok(Place::Drive(drive.id));
    }
    let slot = db::library_slots::of_tape(conn, tape.id)?.filter(|slot| !slot.is_empty);
    Ok(match slot {
        Some(slot) if slot.slot_type == SlotType::Drive => slot.drive_id.map_or(Place::Shelf, Place::Drive),
        Some(slot) => {
            Place::Slot { library: slot.library_id, slot: u16::try_from(slot.slot_number).unwrap_or_default() }
        }
        None => Place::Shelf,
    })
}

/// All enabled drives.
pub fn drives(conn: &mut Conn, taken: &Taken) -> Result<Vec<DriveFacts>> {
    Ok(db::drives::all(conn)?
        .into_iter()
        .filter(|drive| drive.enabled)
        .map(|drive| DriveFacts {
            id: drive.id,
            name: drive.name().to_string(),
            library: drive.library_id,
            taken_by: taken.drives.get(&drive.id).copied(),
            tape: drive.current_tape_id,
            loaded: drive.current_tape_id.is_some() || drive.unknown_tape.is_some(),
        })
        .collect())
}

/// Refuses to destroy what is on the tape in the drive while the database knows sets on it that have not expired: on
/// that very tape, whatever the person thinks is in the drive.
pub fn may_destroy_loaded(context: &Context, lease: &Lease, named: Option<i32>) -> Result<()> {
    let found = context.perform(lease, ReadLabel)?;
    let mut conn = context.conn()?;
    let loaded = match &found {
        FirstBlock::Ours(label) => db::tapes::find_by_uuid(&mut conn, &label.uuid.to_string())?,
        _ => None,
    };
    if let (Some(named), Some(loaded)) = (named, &loaded)
        && loaded.id != named
    {
        return Err(Error::conflict(
            "wrong_tape",
            format!("the tape in the drive is '{}', which is another one; nothing was written", loaded.label),
        ));
    }
    let Some(tape) = loaded else { return Ok(()) };
    let now = db::now();
    let mut sets = db::sets::on_tape(&mut conn, tape.id)?;
    sets.retain(|set| set.is_kept(now));
    if sets.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = sets.iter().take(5).map(|set| format!("set {}", set.id)).collect();
    Err(Error::conflict(
        "tape_in_use",
        format!(
            "tape '{}' holds {} backup sets that have not expired ({}{}); delete them or let them expire first",
            tape.label,
            sets.len(),
            list.join(", "),
            if sets.len() > 5 { ", …" } else { "" }
        ),
    )
    .with_details(serde_json::json!({"tape_id": tape.id, "sets": sets.iter().map(|set| set.id).collect::<Vec<_>>()})))
}

/// Forgets the sets of a tape that has been labelled afresh: they are gone. The caller has made sure that none of them
/// had to be kept.
pub fn forget_sets(context: &Context, tape_id: i32) -> Result<()> {
    let mut sets = db::sets::on_tape(&mut *context.conn()?, tape_id)?;
    // increments before what they are based on
    sets.sort_by_key(|set| std::cmp::Reverse(set.id));
    for set in sets {
        context.log(&format!("Backup set {} was on this tape; it is forgotten.", set.id));
        futures_executor::block_on(context.services.catalog.send(Discard { set_id: set.id }))??;
        db::sets::delete(&mut *context.conn()?, set.id)?;
    }
    Ok(())
}

/// Makes a tape blank.
pub struct EraseAll;

impl DriveTask for EraseAll {
    type Output = ();
    const NAME: &'static str = "erase the tape";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        drive.rewind()?;
        drive.erase()?;
        drive.write_filemarks(0, FilemarkSync::Flush)?;
        drive.rewind()?;
        unit.forget_medium();
        Ok(())
    }
}
