//! From frames to blocks: units, sealing, packing, and the way back when the tape ends.
//!
//! The stream of frames is cut into units: blocks if it is not encrypted, segments if it is. A unit is sent when it is
//! full and more follows, so that the last one is known to be the last, and so that a frame never begins at the start of
//! an unsent unit that could turn out to be empty. Whole blocks go to the drive straight from the frame; bytes are copied
//! only at the seams, and into the segments that are sealed in place.
//!
//! Of a unit in which a frame begins that is not yet wholly on tape, the plain bytes are kept: if the tape ends, the
//! stream can be ended there, before that frame.

use crate::crypt::{HEADER_SIZE, SEGMENT_SIZE, Sealer, SegmentEnd, StreamHeader, segment_room};
use crate::{FormatError, Result};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tape_drive::{Position, TapeDrive, WriteOutcome};

/// A place in the stream between two units' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    unit: u64,
    length: usize,
}

/// A unit that was sent and in which a mark lies.
struct Kept {
    unit: u64,
    bytes: Vec<u8>,
    /// Blocks before the one in which the unit begins, and what that one holds before it.
    blocks: u64,
    prefix: Vec<u8>,
}

/// Sends a stream to the drive as blocks.
pub(super) struct Packer {
    block_size: usize,
    sealer: Option<Sealer>,
    header: Option<StreamHeader>,
    /// The unit that grows; of the first segment with the stream's header in front.
    unit: Vec<u8>,
    number: u64,
    /// The block that is being filled.
    block: Vec<u8>,
    blocks: u64,
    bytes: u64,
    marks: VecDeque<Mark>,
    kept: VecDeque<Kept>,
    warned: bool,
    sealing: Duration,
    writing: Duration,
}

impl Packer {
    pub(super) fn new(block_size: usize, sealer: Option<Sealer>) -> Packer {
        let mut unit = Vec::with_capacity(if sealer.is_some() { SEGMENT_SIZE } else { block_size });
        if let Some(sealer) = &sealer {
            unit.extend_from_slice(sealer.header());
        }
        Packer {
            block_size,
            header: sealer.as_ref().map(|sealer| *sealer.header()),
            sealer,
            unit,
            number: 0,
            block: Vec::with_capacity(block_size),
            blocks: 0,
            bytes: 0,
            marks: VecDeque::new(),
            kept: VecDeque::new(),
            warned: false,
            sealing: Duration::ZERO,
            writing: Duration::ZERO,
        }
    }

    /// One whose stream has ended already, with so many blocks and bytes.
    pub(super) fn ended(block_size: usize, header: Option<StreamHeader>, blocks: u64, bytes: u64) -> Packer {
        Packer { header, blocks, bytes, ..Packer::new(block_size, None) }
    }

    /// Blocks that the drive has accepted.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Bytes that the drive has accepted.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that were taken and are not with the drive yet.
    pub(super) fn waiting(&self) -> u64 {
        (self.unit.len() + self.block.len()) as u64
    }

    /// Whether the drive has given early warning.
    pub(super) fn warned(&self) -> bool {
        self.warned
    }

    /// Time spent encrypting.
    pub(super) fn sealing(&self) -> Duration {
        self.sealing
    }

    /// Time spent in the drive.
    pub(super) fn writing(&self) -> Duration {
        self.writing
    }

    pub(super) fn stream_header(&self) -> Option<StreamHeader> {
        self.header
    }

    fn header_length(&self) -> usize {
        if self.sealer.is_some() && self.number == 0 { HEADER_SIZE } else { 0 }
    }

    fn room(&self) -> usize {
        match &self.sealer {
            None => self.block_size,
            Some(_) => self.header_length() + segment_room(self.number),
        }
    }

    /// The place where the stream is now.
    pub(super) fn here(&self) -> Mark {
        Mark { unit: self.number, length: self.unit.len() }
    }

    /// The place where the stream is now; bytes that follow can be taken back until [`forget`](Self::forget).
    pub(super) fn mark(&mut self) -> Mark {
        let mark = self.here();
        self.marks.push_back(mark);
        mark
    }

    /// The block, counted from the part's first, from which what follows a mark is to be read.
    pub(super) fn block_of(&self, mark: Mark) -> u64 {
        let room = match &self.sealer {
            None => self.block_size,
            Some(_) => segment_room(mark.unit) + if mark.unit == 0 { HEADER_SIZE } else { 0 },
        };
        let unit = if mark.length >= room { mark.unit + 1 } else { mark.unit };
        match &self.sealer {
            None => unit,
            Some(_) => unit * SEGMENT_SIZE as u64 / self.block_size as u64,
        }
    }

    /// Whether everything before a mark is in blocks that the drive has accepted.
    pub(super) fn accepted(&self, mark: Mark) -> bool {
        let unit_bytes = if self.sealer.is_some() { SEGMENT_SIZE as u64 } else { self.block_size as u64 };
        // Sent units are whole; the drive has them once their last byte is in an accepted block.
        mark.unit < self.number && (mark.unit + 1).saturating_mul(unit_bytes) <= self.bytes
    }

    /// Whether the unit of `mark` is with the drive, and comes before that of `next`, from which on units may be sent
    /// again.
    pub(super) fn settled(&self, mark: Mark, next: Mark) -> bool {
        mark.unit < next.unit && self.accepted(mark)
    }

    /// The drive said this when it flushed.
    pub(super) fn note(&mut self, outcome: WriteOutcome) {
        self.warned |= outcome != WriteOutcome::Written;
    }

    /// The stream will not be ended at this mark any more.
    pub(super) fn forget(&mut self, mark: Mark) {
        self.marks.retain(|known| *known != mark);
        let oldest = self.marks.front().map_or(u64::MAX, |first| first.unit);
        while self.kept.front().is_some_and(|kept| kept.unit < oldest) {
            self.kept.pop_front();
        }
    }

    /// Takes bytes and sends what becomes whole.
    pub(super) fn push(&mut self, drive: &mut dyn TapeDrive, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.room();
            if self.unit.len() == room {
                self.send(drive, SegmentEnd::More)?;
                continue;
            }
            if self.sealer.is_none() && self.unit.is_empty() && bytes.len() > room {
                // A block straight from the frame; no mark can lie in it.
                let (block, rest) = bytes.split_at(room);
                self.write_block(drive, block)?;
                self.number += 1;
                bytes = rest;
                continue;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(room - self.unit.len()));
            self.unit.extend_from_slice(taken);
            bytes = rest;
        }
        Ok(())
    }

    /// Sends the last unit, and the last block, which may be short.
    pub(super) fn finish(&mut self, drive: &mut dyn TapeDrive) -> Result<()> {
        if self.sealer.is_some() || !self.unit.is_empty() {
            self.send(drive, SegmentEnd::Last)?;
        }
        if !self.block.is_empty() {
            let block = std::mem::take(&mut self.block);
            self.write_block(drive, &block)?;
        }
        Ok(())
    }

    /// Ends the stream at a mark instead: goes back to the block it is in, and writes that short. Everything behind
    /// the mark is gone from the tape. `false` if that is not possible there.
    pub(super) fn end_at(&mut self, drive: &mut dyn TapeDrive, first_block: u64, mark: Mark) -> Result<bool> {
        if self.sealer.as_ref().is_some_and(|sealer| !sealer.can_end_at(mark.unit)) {
            return Ok(false);
        }
        let Some(kept) = self.kept.iter().find(|kept| kept.unit == mark.unit) else { return Ok(false) };
        let Some(bytes) = kept.bytes.get(..mark.length) else { return Ok(false) };
        self.unit = bytes.to_vec();
        self.number = kept.unit;
        self.block = kept.prefix.clone();
        self.blocks = kept.blocks;
        self.bytes = kept.blocks * self.block_size as u64;
        if let Some(sealer) = &mut self.sealer {
            sealer.end_at(mark.unit);
        }
        drive.locate(Position::block(first_block + self.blocks))?;
        self.finish(drive)?;
        Ok(true)
    }

    fn send(&mut self, drive: &mut dyn TapeDrive, end: SegmentEnd) -> Result<()> {
        let known = self.kept.iter().any(|kept| kept.unit == self.number);
        if !known && self.marks.iter().any(|mark| mark.unit == self.number) {
            self.kept.push_back(Kept {
                unit: self.number,
                bytes: self.unit.clone(),
                blocks: self.blocks,
                prefix: self.block.clone(),
            });
        }
        let header = self.header_length();
        let mut unit = std::mem::take(&mut self.unit);
        if let Some(sealer) = &mut self.sealer {
            let plain = unit.get_mut(header..).unwrap_or_default();
            let begin = Instant::now();
            let tag = sealer.seal(plain, end)?;
            self.sealing += begin.elapsed();
            unit.extend_from_slice(&tag);
        }
        self.number += 1;
        let sent = self.pack(drive, &unit);
        unit.clear();
        self.unit = unit;
        sent
    }

    fn pack(&mut self, drive: &mut dyn TapeDrive, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.block.is_empty() && bytes.len() >= self.block_size {
                let (block, rest) = bytes.split_at(self.block_size);
                self.write_block(drive, block)?;
                bytes = rest;
                continue;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(self.block_size - self.block.len()));
            self.block.extend_from_slice(taken);
            bytes = rest;
            if self.block.len() == self.block_size {
                let mut block = std::mem::take(&mut self.block);
                let written = self.write_block(drive, &block);
                block.clear();
                self.block = block;
                written?;
            }
        }
        Ok(())
    }

    fn write_block(&mut self, drive: &mut dyn TapeDrive, block: &[u8]) -> Result<()> {
        let begin = Instant::now();
        let outcome = drive.write_block(block).map_err(FormatError::Drive)?;
        self.writing += begin.elapsed();
        self.blocks += 1;
        self.bytes += block.len() as u64;
        self.note(outcome);
        Ok(())
    }
}
