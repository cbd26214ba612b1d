//! Going to places by SPACE over blocks, and counting: for drives that do not tell where they are, or cannot be sent.
//!
//! SPACE over blocks stops behind a filemark (before it, backwards) with the number of blocks not passed, so each step says
//! exactly how many objects it passed (SSC-5, 7.15).

use super::SscDrive;
use super::motion::too_few_filemarks;
use super::transfer::is_end_of_data;
use crate::*;
use tape_scsi::command::space::{self, Over};
use tape_scsi::{ScsiError, Sense, SenseKey, Transport};

/// Most blocks that one step passes: what the 24 signed bits of SPACE(6) hold.
const STRIDE: u64 = 0x7f_ffff;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// All blocks were passed.
    All,
    /// A filemark was passed.
    Filemark,
    /// The end of data, or the beginning of the tape.
    End(Sense),
}

impl<T: Transport> SscDrive<T> {
    /// Goes to an object, or to the end of data if that comes first; returns where it got.
    pub(super) fn walk_to(&mut self, operation: Operation, target: u64) -> Result<u64> {
        let mut at = self.counted(operation)?;
        // Backwards is from the beginning: steps backwards are the slower and the less trusted ones.
        if target < at {
            self.rewind()?;
            at = 0;
        }
        while at < target {
            let (step, _) = self.step(operation, (target - at).min(STRIDE) as i64)?;
            at = self.counted(operation)?;
            if let Step::End(_) = step {
                break;
            }
        }
        Ok(at)
    }

    /// Passes filemarks, counting all that lies between.
    pub(super) fn walk_filemarks(&mut self, count: i64) -> Result<()> {
        let operation = Operation::Space;
        self.counted(operation)?;
        let mut left = count.unsigned_abs();
        while left > 0 {
            let stride = if count > 0 { STRIDE as i64 } else { -(STRIDE as i64) };
            match self.step(operation, stride)? {
                (Step::Filemark, _) => left -= 1,
                (Step::End(sense), _) => return Err(too_few_filemarks(count, sense)),
                (Step::All, _) => {}
            }
        }
        Ok(())
    }

    /// Where the tape is by the count, which begins at the beginning of the tape if it was lost.
    fn counted(&mut self, operation: Operation) -> Result<u64> {
        match self.at {
            Some(at) => Ok(at.block),
            None => Ok(self.find_position(operation)?.at.block),
        }
    }

    /// One SPACE over blocks: how it ended, and how many objects it passed.
    fn step(&mut self, operation: Operation, count: i64) -> Result<(Step, u64)> {
        let (before, file) = (self.at, self.file);
        let sense = match space::space(&mut self.transport, Over::Blocks, count) {
            Ok(()) => None,
            Err(ScsiError::Check(sense)) if sense.filemark && !sense.deferred => Some((sense, Step::Filemark)),
            Err(ScsiError::Check(sense)) if is_end_of_data(&sense) || (!sense.is_failure() && sense.eom) => {
                Some((sense, Step::End(sense)))
            }
            Err(error) => return Err(self.failed(operation, error)),
        };
        let asked = count.unsigned_abs();
        let (step, passed) = match sense {
            None => (Step::All, Some(asked)),
            Some((sense, step)) => {
                let blocks = sense.residual().map(i64::unsigned_abs).and_then(|left| asked.checked_sub(left));
                (step, blocks.map(|blocks| blocks + u64::from(step == Step::Filemark)))
            }
        };
        self.unflushed = None;
        let Some(passed) = passed else {
            self.at = None;
            let message = "the drive does not say how far it went, so the place is not known; rewind the tape";
            return Err(DriveError::new(DriveErrorKind::HardwareError, operation, message));
        };
        let forwards = count > 0;
        let marks = u64::from(step == Step::Filemark);
        self.at = match (before, forwards) {
            (Some(at), true) => Some(Position { block: at.block + passed, ..at }),
            (Some(at), false) => at.block.checked_sub(passed).map(|block| Position { block, ..at }),
            (None, _) => None,
        };
        self.file = match file {
            Some(file) if forwards => Some(file + marks),
            Some(file) => file.checked_sub(marks),
            None => None,
        };
        // The beginning of the tape is a place that needs no count.
        if let Step::End(sense) = step
            && !forwards
            && sense.key != SenseKey::BlankCheck
        {
            self.at = Some(Position::START);
            self.file = Some(0);
        }
        Ok((step, passed))
    }
}
