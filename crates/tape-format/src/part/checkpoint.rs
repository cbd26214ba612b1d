//! Checkpoints: flushing on the way, and telling up to where a part is safe.

use super::close::Failure;
use super::layout::FrameTable;
use super::pack::Mark;
use super::spec::{Checkpoint, Wish};
use super::write::{Ended, KEEP_WHOLE, Run};
use crate::{FormatError, Result};
use tape_drive::{FilemarkSync, Position};

impl Run<'_> {
    /// What the observer wants, once its checkpoints are made.
    pub(super) fn wish(&mut self) -> Result<Wish, Ended> {
        loop {
            let wish = self.observer.wish();
            if wish == Wish::Checkpoint || (wish == Wish::GoOn && self.is_due()) {
                // What was in the drive's buffer may be lost: nothing behind the last checkpoint is to be believed.
                self.checkpoint().map_err(|error| Ended::Failed(Failure { kind: error.into(), drawn: Vec::new() }))?;
            }
            if wish != Wish::Checkpoint {
                return Ok(wish);
            }
        }
    }

    /// Whether enough was written since the last checkpoint. The first ones of a part lie close to its beginning, each four
    /// times as far as the one before: a tape may end without a warning anywhere, and then the part is ended at one
    /// behind which its table of contents fits. Those few flushes cost seconds.
    fn is_due(&self) -> bool {
        let every = self.spec.checkpoint_bytes;
        let step = self.checkpoint_at.saturating_mul(3).max(KEEP_WHOLE).min(every);
        every != u64::MAX && self.packer.bytes().saturating_sub(self.checkpoint_at) >= step
    }

    /// Forgets boundaries before the last one that is settled; returns the place from which on anything may be sent again.
    pub(super) fn settle(&mut self) -> Mark {
        let next = self.held.front().map_or(self.packer.here(), |held| held.start);
        while self.boundaries.get(1).is_some_and(|second| self.packer.settled(second.mark, next)) {
            self.boundaries.pop_front();
        }
        next
    }

    /// Flushes the drive, and tells the observer up to where the part is safe.
    fn checkpoint(&mut self) -> Result<()> {
        self.checkpoint_at = self.packer.bytes();
        let outcome = self.drive.write_filemarks(0, FilemarkSync::Flush)?;
        self.packer.note(outcome);
        let blocks = self.packer.blocks();
        let expected = Position::block(self.spec.first_block + blocks);
        let found = self.drive.position()?.at;
        if found != expected {
            let reason = format!("after a flush the tape is at {found} and not at {expected}");
            return Err(FormatError::Inconsistent { what: "the position of the tape", reason });
        }
        self.committed = expected.block;
        self.ask_for_warning()?;
        let next = self.settle();
        let Some(place) = self.boundaries.front() else { return Ok(()) };
        let settled = self.packer.settled(place.mark, next) && place.frame > 0;
        let (Some(&(tar_end, stream_end)), true) = (self.table.get(place.frame), settled) else { return Ok(()) };
        let checkpoint = Checkpoint {
            part_number: self.spec.part_number,
            tape_file: self.spec.tape_file,
            first_block: self.spec.first_block,
            block_size: self.spec.block_size,
            blocks,
            stream_end,
            tar_start: self.tar_start,
            tar_end,
            prelude_bytes: self.prelude_bytes,
            frames: FrameTable {
                frames: self.table.get(..place.frame).unwrap_or_default().to_vec(),
                stream_header: self.packer.stream_header(),
            },
            goes_on: place.goes_on.clone(),
        };
        self.release_whole();
        self.checkpoint_made = true;
        self.observer.checkpoint(checkpoint)
    }
}
