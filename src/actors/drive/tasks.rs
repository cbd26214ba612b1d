//! What a drive can be asked to do: one type per task, run on the drive's thread by the execution that holds the drive.

mod encryption;
mod label;
mod look;
mod moving;
mod unit;
mod write_label;

use super::super::device_thread::Slot;
use super::{DriveSnapshot, health};
use crate::keys::{KeyedDrive, KeysOnDemand};
use crate::{Error, ErrorKind, Result};
use tape_drive::{DriveErrorKind, DriveState, DriveStatus, Removal, TapeDrive, TapePosition};

pub use encryption::SetEncryption;
pub use label::{FirstBlock, ReadLabel, check_tape, examine, read_first_block, still_holds};
pub use look::{Look, Notice};
pub use moving::{GoToEnd, Retension, Rewind, UnloadMedium};
pub use unit::Unit;
pub use write_label::{Labelled, Precondition, WriteLabel};

/// A task for a drive.
pub trait DriveTask: Send + 'static {
    /// What it gives back.
    type Output: Send + 'static;
    /// In words, for errors: "read the label".
    const NAME: &'static str;
    /// The drive is asked for its health afterwards; it always is when the task failed.
    const HEALTH: bool = false;

    /// Does it, on the drive's thread.
    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Self::Output>;
}

/// Runs a task: takes pending unit attentions first, and keeps the drive's known state true whatever comes out.
pub fn perform<T: DriveTask>(task: T, slot: &mut Slot<dyn TapeDrive>, unit: &Unit) -> Result<T::Output> {
    let mut answers = false;
    let result = (|| {
        let fresh = !slot.is_open();
        let drive = slot.device()?;
        let status = settle(drive, unit)?;
        answers = true;
        if fresh {
            release(drive, unit);
        }
        unit.update(|state| {
            state.status = Some(status);
            state.error = None;
        });
        let keys = KeysOnDemand { db: unit.db.clone(), store: unit.keys.clone() };
        let mut keyed = KeyedDrive::new(&mut *drive, keys, unit.standing_key().as_deref());
        let output = task.run(&mut keyed, unit);
        keyed.finish(unit.standing_key().as_deref());
        if T::HEALTH || output.is_err() {
            health::take(drive, unit);
        }
        let output = output?;
        if let Ok(position) = drive.position() {
            unit.update(|state| note_position(state, &position));
        }
        Ok(output)
    })();
    result.map_err(|error: Error| {
        if matches!(error.code, "device_io" | "device_busy") {
            slot.close();
        }
        if matches!(error.code, "medium_changed" | "drive_reset") {
            unit.forget_medium();
        }
        if !answers || is_of_drive(&error) {
            unit.update(|state| state.error = Some(error.to_string()));
        }
        error.context(format!("drive {}: {}", unit.name(), T::NAME))
    })
}

/// Whether an error is the drive's own. What is wrong with a tape, or with what was asked for, says nothing of the drive.
fn is_of_drive(error: &Error) -> bool {
    matches!(
        error.code,
        "hardware_error"
            | "deferred_error"
            | "command_aborted"
            | "device_io"
            | "device_busy"
            | "drive_not_ready"
            | "position_mismatch"
    )
}

fn note_position(state: &mut DriveSnapshot, position: &TapePosition) {
    state.block = Some(position.at.block);
    state.file = position.file;
    state.beginning = position.beginning;
}

/// Whoever locked the cartridge in a drive that was only just opened is gone: a server that died, or this one before it lost
/// the device. Work that goes on locks it again.
fn release(drive: &mut dyn TapeDrive, unit: &Unit) {
    for _ in 0..2 {
        match drive.set_removal(Removal::Allowed) {
            Ok(()) => return,
            Err(error) if matches!(error.kind, DriveErrorKind::MediumChanged | DriveErrorKind::Reset) => {
                unit.forget_medium();
            }
            Err(error) if error.kind == DriveErrorKind::ParametersChanged => {}
            Err(error) => {
                tracing::debug!(drive = unit.id, %error, "the cartridge could not be unlocked");
                return;
            }
        }
    }
}

/// TEST UNIT READY until no unit attention is left: each says that something changed behind our back.
fn settle(drive: &mut dyn TapeDrive, unit: &Unit) -> Result<DriveStatus> {
    for _ in 0..8 {
        match drive.status() {
            Ok(status) => {
                if !matches!(status.state, DriveState::Ready) {
                    unit.forget_medium();
                }
                return Ok(status);
            }
            Err(error) => match error.kind {
                DriveErrorKind::MediumChanged | DriveErrorKind::Reset => unit.forget_medium(),
                DriveErrorKind::ParametersChanged => {}
                _ => return Err(error.into()),
            },
        }
    }
    Err(Error::new(ErrorKind::Conflict, "drive_not_ready", "the drive reports one unit attention after the other"))
}
