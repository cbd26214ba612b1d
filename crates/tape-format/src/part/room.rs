//! Whether there is room for another frame and the table of contents behind it, before the tape's end is near.

use super::pack::Packer;
use crate::{Frame, Result};
use tape_drive::{DriveErrorKind, TapeDrive};

/// What the warning leaves beyond the trailer that was estimated, in bytes.
const MARGIN: u64 = 1 << 20;

/// Bytes that fit before early warning, as the drive said when it was asked last.
pub(super) struct Room {
    answer: Answer,
    block_size: u64,
    warning: Warning,
}

/// The drive's programmable early warning.
#[derive(Clone, Copy)]
enum Warning {
    /// Not set by this part.
    NotAsked,
    /// The drive has no such thing.
    Unsupported,
    /// So many bytes before early warning.
    At(u64),
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
        Room { answer: Answer::NotAsked, block_size: u64::from(block_size), warning: Warning::NotAsked }
    }

    /// Asks the drive to warn while a table of contents of `toc_bytes` still fits before early warning, and lives without it
    /// where the drive cannot. A drive that does not tell how much fits is asked for a frame of `frame_bytes` more: there
    /// this is what ends the part. Only while the tape stands still, for a drive may flush when a mode is set.
    pub(super) fn ask_for_warning(
        &mut self,
        drive: &mut dyn TapeDrive,
        frame_bytes: u64,
        toc_bytes: u64,
    ) -> Result<()> {
        let known = match self.warning {
            Warning::Unsupported => return Ok(()),
            Warning::NotAsked => None,
            Warning::At(bytes) => Some(bytes),
        };
        let wanted = match drive.medium()?.remaining_bytes {
            // of a tape that is nearly full, or very small, it must not take all
            Some(left) => (toc_bytes + MARGIN).min(left / 16),
            None => toc_bytes + frame_bytes + MARGIN,
        };
        if known.is_some_and(|known| wanted <= known) {
            return Ok(());
        }
        // the table of contents goes on growing
        let bytes = wanted + wanted / 2;
        self.warning = match drive.set_programmable_early_warning(bytes) {
            Ok(()) => Warning::At(bytes),
            Err(error) if matches!(error.kind, DriveErrorKind::Unsupported | DriveErrorKind::IllegalRequest) => {
                Warning::Unsupported
            }
            Err(error) => return Err(error.into()),
        };
        Ok(())
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
