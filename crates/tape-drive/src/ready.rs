//! From a cartridge that somebody put in to a drive that takes commands.

use crate::{DriveErrorKind, DriveState, DriveStatus, Result, TapeDrive};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// From generation 9 on a drive measures a new cartridge for up to two hours when it is loaded for the first time.
const LOADING: Duration = Duration::from_secs(2 * 60 * 60 + 600);
const PAUSE: Duration = Duration::from_millis(200);
/// A drive that tells more of them one after the other is not well.
const ATTENTIONS: u32 = 8;

/// Takes unit attentions, threads the cartridge if the drive has not done so by itself, and waits until the drive is ready;
/// `told` hears each state on the way.
///
/// A unit attention answers also a LOAD, which is then given again: the command was not carried out (SAM-5, 5.14), and some
/// drives answer every LOAD so once.
///
/// Errors: what the drive says; `NoMedium` without a cartridge; `NotReady` if it takes longer than any loading.
pub fn make_ready(drive: &mut dyn TapeDrive, told: &mut dyn FnMut(DriveStatus)) -> Result<DriveStatus> {
    let until = Instant::now() + LOADING;
    let mut attentions = 0;
    let mut loaded = false;
    loop {
        let step = drive.status().and_then(|status| {
            told(status);
            match status.state {
                DriveState::Ready => return Ok(Some(status)),
                DriveState::BecomingReady { .. } if Instant::now() < until => sleep(PAUSE),
                // A cartridge that was only put in is told as none by some drives.
                DriveState::Unloaded | DriveState::Empty if !loaded => {
                    drive.load()?;
                    loaded = true;
                }
                _ => {
                    // Says what is missing.
                    drive.rewind()?;
                    return drive.status().map(Some);
                }
            }
            Ok(None)
        });
        match step {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(error) => match error.kind {
                DriveErrorKind::MediumChanged | DriveErrorKind::Reset | DriveErrorKind::ParametersChanged
                    if attentions < ATTENTIONS =>
                {
                    attentions += 1;
                }
                _ => return Err(error),
            },
        }
    }
}
