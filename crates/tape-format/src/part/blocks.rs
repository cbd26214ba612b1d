//! The bytes of a tape file in order, from wherever the tape is to the next filemark.

use crate::{FormatError, Result};
use std::io::Read;
use tape_drive::{ReadOutcome, TapeDrive};

/// Largest block that is expected anywhere: what READ BLOCK LIMITS can say.
const LARGEST: usize = 1 << 24;

/// Reads one tape file as a stream of bytes, from the current position to the filemark, which is passed.
pub struct FileReader<'a> {
    drive: &'a mut dyn TapeDrive,
    buffer: Vec<u8>,
    filled: std::ops::Range<usize>,
    blocks: u64,
    ended: bool,
}

impl<'a> FileReader<'a> {
    /// Begins at the tape's position.
    ///
    /// # Errors
    /// [`FormatError::Drive`] if the drive does not tell its block limits.
    pub fn new(drive: &'a mut dyn TapeDrive) -> Result<FileReader<'a>> {
        let largest = usize::try_from(drive.block_limits()?.max).map_or(LARGEST, |max| max.min(LARGEST));
        Ok(FileReader { drive, buffer: vec![0; largest], filled: 0..0, blocks: 0, ended: false })
    }

    /// Blocks read so far.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Whether the filemark, or the end of data, was reached.
    pub fn ended(&self) -> bool {
        self.ended
    }

    fn fill(&mut self) -> Result<()> {
        while self.filled.is_empty() && !self.ended {
            match self.drive.read_block(&mut self.buffer)? {
                ReadOutcome::Block(length) => {
                    self.filled = 0..length.min(self.buffer.len());
                    self.blocks += 1;
                }
                ReadOutcome::Filemark | ReadOutcome::EndOfData => self.ended = true,
            }
        }
        Ok(())
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.fill().map_err(FormatError::into_io)?;
        let rest = self.buffer.get(self.filled.clone()).unwrap_or(&[]);
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        self.filled.start += length;
        Ok(length)
    }
}
