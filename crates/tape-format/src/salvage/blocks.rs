//! The blocks of a data file, with holes where they cannot be read.

use super::{Hole, Next, Source};
use crate::toc::{RECORD, TocKind};
use crate::{FormatError, Result};
use tape_drive::{DriveError, DriveErrorKind, Position, ReadOutcome, TapeDrive};

/// Largest block that is expected anywhere: what READ BLOCK LIMITS can say.
const LARGEST: usize = 1 << 24;

/// Where a data file turned out to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlocksEnd {
    /// At a filemark, the end of data, or where it was said to.
    Here,
    /// Its filemark is lost: at this block its table of contents begins.
    Table(u64),
    /// Its filemark is lost: at this block something else begins.
    Other(u64),
}

/// Reads block after block. All but the last of a data file are of one size, so an unreadable one leaves a hole of that
/// size.
pub(super) struct Blocks<'a> {
    drive: &'a mut dyn TapeDrive,
    buffer: Vec<u8>,
    first_block: u64,
    /// The object that comes next.
    at: u64,
    /// Objects from here on are not of this file.
    limit: u64,
    /// 0: not known yet.
    block_size: u64,
    /// A good block that was read while looking for one, behind holes.
    queued: Option<Vec<u8>>,
    after_hole: bool,
    short: bool,
    end: Option<BlocksEnd>,
    /// Up to where the file is known to reach, in bytes from its start.
    reached: u64,
    offset: u64,
}

impl<'a> Blocks<'a> {
    /// From object `first_block`, to which the tape is moved, up to `limit` or to where the file ends. `block_size`, if
    /// it is known.
    pub(super) fn new(
        drive: &'a mut dyn TapeDrive,
        first_block: u64,
        limit: Option<u64>,
        block_size: Option<u32>,
    ) -> Result<Blocks<'a>> {
        let largest = usize::try_from(drive.block_limits()?.max).map_or(LARGEST, |max| max.min(LARGEST));
        drive.locate(Position::block(first_block))?;
        Ok(Blocks {
            drive,
            buffer: vec![0; largest],
            first_block,
            at: first_block,
            limit: limit.unwrap_or(u64::MAX),
            block_size: block_size.map_or(0, u64::from),
            queued: None,
            after_hole: false,
            short: false,
            end: None,
            reached: 0,
            offset: 0,
        })
    }

    /// Bytes in each block but the last; 0 if none could be read.
    pub(super) fn block_size(&self) -> u64 {
        self.block_size
    }

    /// Bytes of the file up to the end of its last readable block.
    pub(super) fn reached(&self) -> u64 {
        self.reached
    }

    /// Where it ended, once it has.
    pub(super) fn ended(&self) -> Option<BlocksEnd> {
        self.end
    }

    fn take(&mut self, length: usize) -> u64 {
        self.short = (length as u64) < self.block_size;
        self.after_hole = false;
        self.at += 1;
        self.offset += length as u64;
        self.reached = self.offset;
        length as u64
    }

    /// Whether what follows cannot be a block of this file.
    fn other(&self, length: usize) -> Option<BlocksEnd> {
        let odd = self.after_hole || self.short || (self.block_size != 0 && length as u64 != self.block_size);
        if odd && self.at > self.first_block && length == RECORD {
            let block = self.buffer.get(..length).unwrap_or_default();
            if TocKind::of(block).is_some() {
                return Some(BlocksEnd::Table(self.at));
            }
        }
        let foreign = self.short || (self.block_size != 0 && length as u64 > self.block_size);
        foreign.then_some(BlocksEnd::Other(self.at))
    }

    /// An object that cannot be read: the tape is put behind it.
    fn step_over(&mut self, error: &DriveError) -> Result<()> {
        use DriveErrorKind as Kind;
        match error.kind {
            Kind::MediumError | Kind::BlankCheck | Kind::BlockTooLong { .. } | Kind::EndOfMedium | Kind::Aborted => {}
            _ => return Err(FormatError::Drive(error.clone())),
        }
        self.at += 1;
        self.after_hole = true;
        match self.drive.locate(Position::block(self.at)) {
            Ok(()) => {}
            Err(error) if error.kind == Kind::BlankCheck => self.end = Some(BlocksEnd::Here),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Source for Blocks<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Next> {
        if let Some(block) = self.queued.take() {
            out.extend_from_slice(&block);
            self.offset += block.len() as u64;
            self.reached = self.offset;
            return Ok(Next::Bytes);
        }
        while self.end.is_none() {
            if self.at >= self.limit {
                self.end = Some(BlocksEnd::Here);
                break;
            }
            match self.drive.read_block(&mut self.buffer) {
                Ok(ReadOutcome::Block(length)) => {
                    let length = length.min(self.buffer.len());
                    self.end = self.other(length);
                    if self.end.is_some() {
                        break;
                    }
                    let block = self.buffer.get(..length).unwrap_or_default();
                    if self.block_size == 0 {
                        self.block_size = length as u64;
                        let holes = self.at - self.first_block;
                        if holes > 0 {
                            self.queued = Some(block.to_vec());
                            self.at += 1;
                            self.after_hole = false;
                            let bytes = holes * self.block_size;
                            self.offset += bytes;
                            let why = format!("its first {holes} blocks cannot be read");
                            return Ok(Next::Hole(Hole { bytes, why }));
                        }
                    }
                    out.extend_from_slice(block);
                    self.take(length);
                    return Ok(Next::Bytes);
                }
                Ok(ReadOutcome::Filemark | ReadOutcome::EndOfData) => self.end = Some(BlocksEnd::Here),
                Err(error) => {
                    let at = self.at;
                    self.step_over(&error)?;
                    // Behind a short block nothing of the file is missing; what cannot be read is its filemark.
                    if self.block_size > 0 && !self.short {
                        self.offset += self.block_size;
                        let why = format!("{} cannot be read: {}", Position::block(at), error.message);
                        return Ok(Next::Hole(Hole { bytes: self.block_size, why }));
                    }
                }
            }
        }
        Ok(Next::End)
    }

    fn stream_bytes(&self) -> u64 {
        self.offset
    }
}
