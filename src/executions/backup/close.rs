//! Ends a part that was cut off, at its last checkpoint, so that what was flushed before it counts.

use super::AppendAt;
use super::append::{earlier, go_to};
use super::resume::{self, Place};
use super::write::{SetHeader, part_error};
use crate::actors::drive::tasks::check_tape;
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::partial;
use crate::db::{self, DbPool, SetStatus, sets::BackupSet};
use crate::executions::{Context, Lease};
use crate::{Error, Result};
use tape_drive::{Removal, TapeDrive};
use tape_format::part::{self, Checkpoint, KnownMembers, PartOutcome, PartSpec};
use tape_format::toc::{Summary, Totals};
use tape_format::{FormatError, Label, MemberRecord};

/// Ends the open part of the set with this uuid, which was being written at `at` on the tape in the leased drive: at its
/// last checkpoint, or at an earlier one if the table of contents does not fit behind that. Returns where the tape ends
/// then; `None` if there is nothing to save: no checkpoint, or a set that will not go on.
pub fn at_checkpoint(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    label: &Label,
    writing: &str,
    at: AppendAt,
) -> Result<Option<AppendAt>> {
    let mut conn = context.conn()?;
    let Some(set) = db::sets::find_by_uuid(&mut conn, writing)? else { return Ok(None) };
    let progress = db::checkpoints::find(&mut conn, set.id)?.filter(|progress| progress.tape_id == Some(tape_id));
    let goes_on = !matches!(set.status, SetStatus::Completed | SetStatus::Cancelled);
    let Some(progress) = progress.filter(|_| goes_on) else { return Ok(None) };
    drop(conn);
    let mut places = resume::checkpoints_of(&progress)?;
    places.retain(|place| (place.tape_file, place.first_block) == (at.file, at.block));
    let mut ended = Ok(None);
    for checkpoint in places {
        ended = end_patiently(context, lease, tape_id, label, &set, &checkpoint).map(Some);
        match &ended {
            Err(error) if error.code == "tape_full" => context.log(&format!(
                "Behind this checkpoint tape {} has no room for the table of contents; the part is ended before it.",
                label.label
            )),
            Err(error) if is_of_tape(error) => context.log(&format!(
                "The part cannot be ended at this checkpoint ({}), perhaps at the one before.",
                error.message
            )),
            _ => break,
        }
    }
    ended
}

/// Whether an error says that what is on the tape cannot be gone on with; all others say nothing of it.
pub fn is_of_tape(error: &Error) -> bool {
    matches!(error.code, "tape_full" | "format" | "medium_error" | "blank_tape")
}

/// How often it is tried to end a part at the same checkpoint. Doing that twice writes the same bytes twice.
const TRIES: u32 = 3;

/// [`end_at`], again if the drive did not do it for a reason that may pass.
fn end_patiently(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    label: &Label,
    set: &BackupSet,
    checkpoint: &Checkpoint,
) -> Result<AppendAt> {
    let mut tries = 1;
    loop {
        match end_at(context, lease, tape_id, label, set, checkpoint.clone()) {
            Err(error) if may_pass(&error) && tries < TRIES => {
                tries += 1;
                context.check()?;
                context.warn(None, &format!("{}; the part that was cut off is tried to be ended again", error.message));
            }
            result => return result,
        }
    }
}

fn may_pass(error: &Error) -> bool {
    matches!(
        error.code,
        "command_aborted"
            | "drive_reset"
            | "medium_changed"
            | "parameters_changed"
            | "deferred_error"
            | "device_io"
            | "device_busy"
            | "medium_error"
            | "position_mismatch"
    )
}

/// Ends the part at this checkpoint. What the catalog has of the members behind it is forgotten.
fn end_at(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    label: &Label,
    set: &BackupSet,
    checkpoint: Checkpoint,
) -> Result<AppendAt> {
    resume::last_is(&mut *context.conn()?, set.id, &checkpoint)?;
    resume::cut(context, set.id, checkpoint.tar_end)?;
    let mut conn = context.conn()?;
    let number = checkpoint.part_number as i32;
    let before = partial::totals_before(&mut conn, set.id, number)?;
    let place = Place { tar_end: checkpoint.tar_end, goes_on: checkpoint.goes_on.clone(), complete: false };
    context.log(&format!(
        "Part {number} of backup set {} was cut off on tape {}; it is ended at a checkpoint.",
        set.id, label.label
    ));
    let task = ClosePart {
        header: SetHeader::of(context, set)?,
        label: label.clone(),
        earlier: earlier(&mut conn, tape_id)?,
        before,
        checkpoint,
        members: OfPart { db: context.services.db.clone(), set_id: set.id, part: number },
    };
    drop(conn);
    let outcome = context.perform(lease, task)?;
    let end = AppendAt { file: outcome.layout.tape_file + 2, block: outcome.layout.end_block };
    let part = (&outcome.layout, outcome.totals());
    resume::part_closed(&mut *context.conn()?, set.id, tape_id, part, outcome.toc_bytes, &place)?;
    Ok(end)
}

struct ClosePart {
    header: SetHeader,
    label: Label,
    earlier: Vec<Summary>,
    before: Totals,
    checkpoint: Checkpoint,
    members: OfPart,
}

impl DriveTask for ClosePart {
    type Output = PartOutcome;
    const NAME: &'static str = "end a part at its checkpoint";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<PartOutcome> {
        check_tape(drive, unit, self.label.uuid)?;
        let at = AppendAt { file: self.checkpoint.tape_file, block: self.checkpoint.first_block };
        go_to(drive, at)?;
        self.header.set_modes(drive)?;
        drive.set_removal(Removal::Prevented)?;
        let spec = PartSpec {
            tape: &self.label,
            set: &self.header.info,
            part_number: self.checkpoint.part_number,
            before: self.before,
            tape_file: at.file,
            first_block: at.block,
            block_size: self.checkpoint.block_size,
            codec: self.header.codec,
            key: self.header.key.as_deref(),
            locked_key: self.header.locked_key.as_ref(),
            earlier: &self.earlier,
            deleted: &Vec::new(),
            spool_dir: &self.header.spool_dir,
            checkpoint_bytes: u64::MAX,
        };
        let closed = part::close_at(drive, &spec, self.checkpoint, &self.members);
        let released = drive.set_removal(Removal::Allowed);
        let outcome = closed.map_err(|error| part_error(&error))?;
        released?;
        Ok(outcome)
    }
}

/// The members of a part as the catalog has them.
struct OfPart {
    db: DbPool,
    set_id: i32,
    part: i32,
}

impl KnownMembers for OfPart {
    fn for_each(&self, visit: &mut dyn FnMut(&MemberRecord) -> tape_format::Result<()>) -> tape_format::Result<()> {
        let mut failed = None;
        let read = self.db.get().map_err(crate::Error::from).and_then(|mut conn| {
            partial::members(&mut conn, self.set_id, Some(self.part), &mut |record| {
                visit(&record).map_err(|error| {
                    let message = error.to_string();
                    failed = Some(error);
                    crate::Error::internal(message)
                })
            })
        });
        match (failed, read) {
            (Some(error), _) => Err(error),
            (None, read) => read.map_err(|error| FormatError::Source(error.message)),
        }
    }
}
