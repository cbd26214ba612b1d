//! The key that everything is encrypted with on the tape in the drive.

use super::{DriveTask, Unit};
use crate::Result;
use tape_drive::{DriveKey, TapeDrive};

/// Gives the drive the key for what is written from now on to the tape that is in it, or takes it away.
pub struct SetEncryption {
    /// The key.
    pub key: Option<DriveKey>,
}

impl DriveTask for SetEncryption {
    type Output = ();
    const NAME: &'static str = "set the encryption of the drive";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        unit.set_standing_key(None);
        drive.set_encryption(self.key.as_ref())?;
        unit.set_standing_key(self.key);
        let state = drive.encryption().ok();
        unit.update(|known| known.encryption = state);
        Ok(())
    }
}
