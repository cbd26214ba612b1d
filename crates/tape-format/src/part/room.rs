//! Whether there is room for another frame and the table of contents behind it, before the tape's end is near.

use super::pack::Packer;
use crate::{Frame, Result};
use tape_drive::TapeDrive;

/// Bytes that fit before early warning, as the drive said when it was asked last.
pub(super) struct Room {
    answer: Answer,
    block_size: u64,
}

#[derive(Clone, Copy)]
enum Answer {
    /// Not asked: before the first block is written, what the drive says may be about data that will be overwritten.
    NotAsked,
    /// The drive does not know.
    Unknown,
    /// Bytes that fitted, and how many this part had written then.
    Known { left: u64, written: u64 },
}

impl Room {
    pub(super) fn new(block_size: u32) -> Room {
        Room { answer: Answer::NotAsked, block_size: u64::from(block_size) }
    }

    /// Whether `frame` fits, and behind it a table of contents of `toc_bytes`, with everything that is still on its way.
    /// Asks the drive again before it says no: a drive that compresses has more room than was written.
    pub(super) fn for_frame(
        &mut self,
        drive: &mut dyn TapeDrive,
        packer: &Packer,
        frame: &Frame,
        toc_bytes: u64,
    ) -> Result<bool> {
        if matches!(self.answer, Answer::Unknown) {
            return Ok(true);
        }
        let data = packer.waiting() + frame.data.len() as u64;
        // What the medium keeps for itself per block is a fraction of this.
        let overhead = data / 1024 + 4 * self.block_size;
        let needed = data + overhead + toc_bytes;
        if let Answer::Known { left, written } = self.answer
            && left.saturating_sub(packer.bytes().saturating_sub(written)) >= needed
        {
            return Ok(true);
        }
        let Some(left) = drive.medium()?.remaining_bytes else {
            self.answer = Answer::Unknown;
            return Ok(true);
        };
        self.answer = Answer::Known { left, written: packer.bytes() };
        Ok(left >= needed)
    }
}
