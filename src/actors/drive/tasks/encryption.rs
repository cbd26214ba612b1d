//! The key that everything is encrypted with on the tape in the drive.

use super::{DriveTask, Unit};
use crate::Result;
use tape_drive::{DriveKey, TapeDrive};

/// Gives the drive the key for what is written from now on to the tape that is in it, or takes it away.
pub struct SetEncryption {
    /// The id of the key, and the key.
    pub key: Option<(i32, DriveKey)>,
}

impl DriveTask for SetEncryption {
    type Output = ();
    const NAME: &'static str = "set the encryption of the drive";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        let (id, key) = self.key.unzip();
        unit.set_standing_key(None);
        unit.update(|known| known.standing_key_id = None);
        drive.set_encryption(key.as_ref())?;
        unit.set_standing_key(key);
        let state = drive.encryption().ok();
        unit.update(|known| {
            known.standing_key_id = id;
            known.encryption = state;
        });
        Ok(())
    }
}
