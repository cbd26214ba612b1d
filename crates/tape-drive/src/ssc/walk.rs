//! Going to places by reading, and counting what is read: for drives that do not tell where they are, or cannot be sent.
//!
//! Every drive reads, and each READ passes exactly one object and says which. SPACE over blocks would be faster, but such
//! drives do not stop at filemarks or do not say how far they went, as SSC-5, 7.15 wants it. It is slow on a long tape, and
//! true.

use super::SscDrive;
use super::motion::too_few_filemarks;
use crate::*;
use tape_scsi::{Sense, SenseKey, Transport};

impl<T: Transport> SscDrive<T> {
    /// Goes to an object, or to the end of data if that comes first; returns where it got.
    pub(super) fn walk_to(&mut self, operation: Operation, target: u64) -> Result<u64> {
        if target < self.counted(operation)? {
            self.rewind()?;
        }
        let mut buffer = self.walking_buffer()?;
        loop {
            let at = self.counted(operation)?;
            if at >= target || self.pass_object(&mut buffer)? == ReadOutcome::EndOfData {
                return Ok(at);
            }
        }
    }

    /// Passes filemarks, counting all that lies between.
    pub(super) fn walk_filemarks(&mut self, count: i64) -> Result<()> {
        let here = self.counted(Operation::Space)?;
        let mut buffer = self.walking_buffer()?;
        if count >= 0 {
            let mut left = count;
            while left > 0 {
                match self.pass_object(&mut buffer)? {
                    ReadOutcome::Filemark => left -= 1,
                    ReadOutcome::Block(_) => {}
                    ReadOutcome::EndOfData => {
                        return Err(too_few_filemarks(count, Sense::new(SenseKey::BlankCheck, 0x00, 0x05)));
                    }
                }
            }
            return Ok(());
        }
        // Backwards is from the beginning: where the filemarks before this place are has to be found out.
        self.rewind()?;
        let mut filemarks = Vec::new();
        for object in 0..here {
            match self.pass_object(&mut buffer)? {
                ReadOutcome::Filemark => filemarks.push(object),
                ReadOutcome::Block(_) => {}
                ReadOutcome::EndOfData => break,
            }
        }
        let target = usize::try_from(count.unsigned_abs())
            .ok()
            .and_then(|count| filemarks.len().checked_sub(count))
            .and_then(|index| filemarks.get(index).copied());
        self.rewind()?;
        match target {
            Some(target) => self.walk_to(Operation::Space, target).map(|_| ()),
            None => {
                let sense = Sense::new(SenseKey::NoSense, 0x00, 0x04).at_end_of_medium();
                Err(too_few_filemarks(count, sense))
            }
        }
    }

    /// Where the tape is by the count, which begins at the beginning of the tape if it was lost.
    fn counted(&mut self, operation: Operation) -> Result<u64> {
        match self.at {
            Some(at) => Ok(at.block),
            None => Ok(self.find_position(operation)?.at.block),
        }
    }

    fn walking_buffer(&mut self) -> Result<Vec<u8>> {
        Ok(vec![0; self.limits()?.max as usize])
    }

    /// Reads one object, whatever it holds.
    fn pass_object(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        match self.read(buffer) {
            Err(DriveError { kind: DriveErrorKind::BlockTooLong { .. }, .. }) => Ok(ReadOutcome::Block(buffer.len())),
            result => result,
        }
    }
}
