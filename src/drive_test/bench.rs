//! What the checks work with: a drive, and blocks that tell what they are.

use super::report::Failure;
use tape_drive::{FilemarkSync, Position, ReadOutcome, Result, TapeDrive};

/// A drive under test.
pub struct Bench<'a> {
    /// The drive.
    pub drive: &'a mut dyn TapeDrive,
}

impl<'a> Bench<'a> {
    /// With this drive.
    pub fn new(drive: &'a mut dyn TapeDrive) -> Bench<'a> {
        Bench { drive }
    }

    /// Writes blocks of these lengths, numbered from their place, and a filemark.
    pub fn write_file(&mut self, lengths: &[usize]) -> Result<()> {
        for &length in lengths {
            let number = self.drive.position()?.at.block;
            self.drive.write_block(&block(number, length))?;
        }
        self.drive.write_filemarks(1, FilemarkSync::Flush).map(drop)
    }

    /// Reads the next block, which must be the one that was written at this place.
    pub fn expect_block(&mut self, length: usize) -> Result<(), Failure> {
        let at = self.drive.position()?.at;
        let mut buffer = vec![0; length];
        match self.drive.read_block(&mut buffer)? {
            ReadOutcome::Block(read) if read == length && buffer == block(at.block, length) => Ok(()),
            ReadOutcome::Block(read) if read == length => fail(format!("the block at {at} is not what was written")),
            found => fail(format!("at {at} there should be a block of {length} bytes, but it is {found:?}")),
        }
    }

    /// Reads the next object, which must be this one.
    pub fn expect(&mut self, expected: ReadOutcome) -> Result<(), Failure> {
        let at = self.drive.position()?.at;
        match self.drive.read_block(&mut [0; 512])? {
            found if found == expected => Ok(()),
            found => fail(format!("at {at} there should be {expected:?}, but it is {found:?}")),
        }
    }

    /// The tape must be here.
    pub fn expect_at(&mut self, block: u64) -> Result<(), Failure> {
        match self.drive.position()?.at {
            at if at == Position::block(block) => Ok(()),
            at => fail(format!("the tape should be at block {block}, but it is at {at}")),
        }
    }

    /// Unloads the tape and loads it again.
    pub fn reload(&mut self) -> Result<()> {
        self.drive.unload()?;
        self.drive.load()?;
        super::settled(self.drive).map(drop)
    }
}

/// The check fails.
pub fn fail<T>(reason: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Failed(reason.into()))
}

/// The check cannot be tried.
pub fn skip<T>(reason: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Skipped(reason.into()))
}

/// Bytes that no drive can compress, and that tell number and length of their block.
pub fn block(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
