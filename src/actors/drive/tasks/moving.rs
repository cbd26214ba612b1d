//! Moving the tape, and the cartridge.

use super::{DriveTask, Unit, check_tape};
use crate::Result;
use crate::actors::drive::health;
use tape_drive::{TapeDrive, TapePosition};

/// Ejects the cartridge.
pub struct UnloadMedium;

impl DriveTask for UnloadMedium {
    type Output = ();
    const NAME: &'static str = "eject the tape";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        // the last that can be learnt of how the tape did in this drive
        health::take(drive, unit);
        drive.set_removal(tape_drive::Removal::Allowed)?;
        drive.unload()?;
        unit.forget_medium();
        if let Ok(status) = drive.status() {
            unit.update(|state| state.status = Some(status));
        }
        Ok(())
    }
}

/// Goes to the beginning.
pub struct Rewind;

impl DriveTask for Rewind {
    type Output = ();
    const NAME: &'static str = "rewind";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<()> {
        Ok(drive.rewind()?)
    }
}

/// Winds to the end of the tape and back, which evens out the tension of the tape.
pub struct Retension;

impl DriveTask for Retension {
    type Output = ();
    const NAME: &'static str = "retension the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<()> {
        Ok(drive.retension()?)
    }
}

/// Checks that the tape in the drive is the expected one and goes to its end of data.
pub struct GoToEnd {
    /// The label's uuid.
    pub uuid: uuid::Uuid,
}

impl DriveTask for GoToEnd {
    type Output = TapePosition;
    const NAME: &'static str = "go to the end of data";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<TapePosition> {
        check_tape(drive, unit, self.uuid)?;
        drive.space_to_end_of_data()?;
        Ok(drive.position()?)
    }
}
