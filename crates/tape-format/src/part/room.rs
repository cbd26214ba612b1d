//! Whether there is room for another frame and the table of contents behind it, before the tape's end is near.

use super::pack::Packer;
use crate::toc::Spool;
use crate::{Frame, Result};
use tape_drive::TapeDrive;

/// Bytes that fit before early warning, as the drive said when it was asked last.
pub(super) struct Room {
    /// Bytes that fitted, and how many this part had written then; `None` if the drive does not know.
    known: Option<(u64, u64)>,
    block_size: u64,
}

impl Room {
    /// Asks the drive.
    pub(super) fn ask(drive: &mut dyn TapeDrive, block_size: u32) -> Result<Room> {
        let left = drive.medium()?.remaining_bytes;
        Ok(Room { known: left.map(|left| (left, 0)), block_size: u64::from(block_size) })
    }

    /// Whether `frame` fits, and behind it the table of contents, with everything that is still on its way. Asks the
    /// drive again before it says no: a drive that compresses has more room than was written.
    pub(super) fn for_frame(
        &mut self,
        drive: &mut dyn TapeDrive,
        packer: &Packer,
        spool: &Spool,
        frame: &Frame,
        table: (usize, usize),
    ) -> Result<bool> {
        let Some((left, at)) = self.known else { return Ok(true) };
        let members: u64 = frame.members.iter().map(|member| 640 + 3 * member.path.len() as u64).sum();
        let data = packer.waiting() + frame.data.len() as u64;
        // What the medium keeps for itself per block is a fraction of this.
        let overhead = data / 1024 + 4 * self.block_size;
        let needed = data + overhead + members + spool.estimate(table.0 + 1, table.1);
        let written = packer.bytes().saturating_sub(at);
        if left.saturating_sub(written) >= needed {
            return Ok(true);
        }
        let Some(left) = drive.medium()?.remaining_bytes else {
            self.known = None;
            return Ok(true);
        };
        self.known = Some((left, packer.bytes()));
        Ok(left >= needed)
    }
}
