//! Looking at a drive that nobody uses.

use super::{DriveTask, Unit, examine};
use crate::Result;
use crate::actors::drive::health;
use tape_drive::{DriveErrorKind, DriveState, TapeDrive};

/// Looks at the drive: readiness, and which tape is in it if that is not known. For a drive that nobody uses.
pub struct Look;

impl DriveTask for Look {
    type Output = ();
    const NAME: &'static str = "look at the drive";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        health::take(drive, unit);
        let encryption = match drive.encryption() {
            Ok(state) => Some(state),
            Err(error) if error.kind == DriveErrorKind::Unsupported => None,
            Err(error) => return Err(error.into()),
        };
        unit.update(|state| state.encryption = encryption);
        Notice.run(drive, unit)
    }
}

/// Looks which tape is in the drive if that is not known. For a drive that nobody uses.
pub struct Notice;

impl DriveTask for Notice {
    type Output = ();
    const NAME: &'static str = "look which tape is in the drive";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        let ready = unit.snapshot().status.is_some_and(|status| status.state == DriveState::Ready);
        if ready && !unit.snapshot().examined {
            // a cartridge that cannot be examined must not be tried again and again
            unit.update(|state| state.examined = true);
            let medium = drive.medium()?;
            if medium.kind == tape_drive::MediumKind::Cleaning {
                unit.update(|state| state.medium = Some(medium));
                return Ok(());
            }
            examine(drive, unit)?;
        }
        Ok(())
    }
}
