//! Whether a drive does what backups rely on: checks of one drive, each with what it saw. The command line runs them
//! directly on a device, the server on a drive that is its own.

mod bench;
mod looking;
mod report;
mod writing;

pub use bench::block;
pub use report::{Failure, Line, Outcome, Report, Verdict};

use bench::Bench;
use tape_drive::{DriveErrorKind, DriveStatus, TapeDrive};

/// Unit attentions in a row that are taken.
const ATTENTIONS: u32 = 8;

/// Checks that write nothing: the drive, its counters and the beginning of the tape are looked at.
pub fn look(drive: &mut dyn TapeDrive, report: &mut Report) {
    looking::run(&mut Bench::new(drive), report);
}

/// Checks that overwrite the tape, which is blank at the end. `fill` writes until it is full.
pub fn write(drive: &mut dyn TapeDrive, report: &mut Report, fill: bool) {
    writing::run(&mut Bench::new(drive), report, fill);
}

/// The status, with unit attentions out of the way.
///
/// # Errors
/// Those of the drive.
pub fn settled(drive: &mut dyn TapeDrive) -> tape_drive::Result<DriveStatus> {
    use DriveErrorKind::{MediumChanged, ParametersChanged, Reset};
    let mut last = drive.status();
    for _ in 0..ATTENTIONS {
        match &last {
            Err(error) if matches!(error.kind, MediumChanged | ParametersChanged | Reset) => last = drive.status(),
            _ => break,
        }
    }
    last
}
