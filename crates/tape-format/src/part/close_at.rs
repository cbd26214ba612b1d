//! Ending a part at a checkpoint, when the one who wrote it is gone or has failed.
//!
//! What lies behind the checkpoint is not believed: the unit (block, or segment of an encrypted part) in which the
//! checkpoint lies is read back, cut there, and written again as the last one; the table of contents follows. Doing it twice
//! writes the same bytes twice.

use super::checks::check_position;
use super::close::Unclosed;
use super::layout::inconsistent;
use super::pack::Packer;
use super::spec::{
    Checkpoint, PartEnd, PartError, PartErrorKind, PartObserver, PartOutcome, PartProgress, PartSpec, TapeState,
};
use super::write::Run;
use crate::codec::Encoder;
use crate::crypt::{
    HEADER_SIZE, Key, Opener, SEGMENT_SIZE, Sealer, SegmentEnd, StreamHeader, TAG_SIZE, data_context, segment_of,
    segment_room,
};
use crate::toc::Spool;
use crate::{FormatError, Frame, FrameSource, MemberRecord, Result};
use tape_drive::{DriveErrorKind, Position, ReadOutcome, TapeDrive};

/// The members that a part has up to a checkpoint: somebody has written them down.
pub trait KnownMembers {
    /// Calls `visit` for each, in the order of the tar stream.
    ///
    /// # Errors
    /// Those of `visit`, and [`FormatError::Source`](crate::FormatError::Source) if the list cannot be read.
    fn for_each(&self, visit: &mut dyn FnMut(&MemberRecord) -> Result<()>) -> Result<()>;
}

/// Ends a part at `checkpoint`; the tape must be the one it was made on. `spec` is what the part was begun with.
///
/// # Errors
/// [`PartError`]: the part has no table of contents then, and what is on the tape from its first block on counts for
/// nothing.
pub fn close_at(
    drive: &mut dyn TapeDrive,
    spec: &PartSpec,
    checkpoint: Checkpoint,
    members: &dyn KnownMembers,
) -> Result<PartOutcome, PartError> {
    let first = Position::block(spec.first_block);
    let failed = |kind| PartError {
        kind,
        tape: TapeState::Suspect { committed: first },
        pending: Vec::new(),
        all_pending: false,
        goes_on: None,
    };
    let mut tail = Tail { drive, spec, checkpoint: &checkpoint };
    let (blocks, bytes) = tail.rewrite().map_err(failed)?;
    let (mut source, mut observer) = (Nothing, Nothing);
    let packer = Packer::ended(spec.block_size as usize, checkpoint.frames.stream_header, blocks, bytes);
    let prepared = (|| -> Result<(Encoder, Spool)> {
        let mut spool = Spool::new(spec.spool_dir)?;
        members.for_each(&mut |record| spool.add(record))?;
        Ok((Encoder::new(spec.codec)?, spool))
    })();
    let (encoder, spool) = prepared.map_err(|error| failed(error.into()))?;
    let mut run = Run::ended(drive, spec, (&mut source, &mut observer), (encoder, packer, spool), checkpoint);
    run.close_data(PartEnd::Stopped).map_err(|unclosed| {
        failed(match unclosed {
            Unclosed::NoRoom(toc_bytes) => PartErrorKind::EndedTooEarly { toc_bytes },
            Unclosed::Failed(kind) => kind,
        })
    })
}

/// Nothing more is written, and nobody listens.
struct Nothing;

impl FrameSource for Nothing {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        Ok(None)
    }

    fn recycle(&mut self, _: Frame) {}
}

impl PartObserver for Nothing {
    fn placed(&mut self, _: Vec<MemberRecord>, _: u64) {}

    fn progress(&mut self, _: PartProgress) {}
}

struct Tail<'a> {
    drive: &'a mut dyn TapeDrive,
    spec: &'a PartSpec<'a>,
    checkpoint: &'a Checkpoint,
}

impl Tail<'_> {
    /// Writes the end of the data file anew, with its filemark. Returns the blocks and bytes it has now.
    fn rewrite(&mut self) -> Result<(u64, u64), PartErrorKind> {
        self.check()?;
        let block_size = u64::from(self.spec.block_size);
        let (offset, bytes) = match self.spec.key {
            None => self.plain()?,
            Some(key) => self.sealed(key)?,
        };
        let first = offset / block_size;
        check_place(self.drive, self.spec.first_block + first)?;
        for block in bytes.chunks(self.spec.block_size as usize) {
            again_if_aborted(|| self.drive.write_block(block))?;
        }
        again_if_aborted(|| self.drive.write_filemarks(1, tape_drive::FilemarkSync::Flush))?;
        let blocks = first + bytes.len().div_ceil(self.spec.block_size as usize) as u64;
        check_position(self.drive, self.spec.first_block + blocks + 1, self.spec.tape_file + 1)?;
        Ok((blocks, offset + bytes.len() as u64))
    }

    fn check(&self) -> Result<()> {
        let (spec, at) = (self.spec, self.checkpoint);
        let same = (spec.part_number, spec.tape_file, spec.first_block, spec.block_size)
            == (at.part_number, at.tape_file, at.first_block, at.block_size);
        let header = at.frames.stream_header.is_some();
        if !same || header != spec.key.is_some() || spec.block_size == 0 || at.stream_end == 0 {
            return Err(inconsistent("the checkpoint is of another part".into()));
        }
        at.frames.check(at.tar_start, at.tar_end, at.stream_end)
    }

    /// Offset in the data file of the block that is written again, and what it becomes.
    fn plain(&mut self) -> Result<(u64, Vec<u8>)> {
        let block_size = u64::from(self.spec.block_size);
        let (block, length) = (self.checkpoint.stream_end / block_size, self.checkpoint.stream_end % block_size);
        let mut bytes = if length == 0 { Vec::new() } else { self.read_up_to(block, length as usize)? };
        if (bytes.len() as u64) < length {
            return Err(missing());
        }
        bytes.truncate(length as usize);
        Ok((block * block_size, bytes))
    }

    /// The same, for the segment in which the checkpoint lies: opened, cut, and sealed as the last one. If that was done
    /// before, and what came then was not, it is on the tape as the last one already.
    fn sealed(&mut self, key: &Key) -> Result<(u64, Vec<u8>)> {
        let header: StreamHeader =
            self.checkpoint.frames.stream_header.ok_or_else(|| inconsistent("its stream has no header".into()))?;
        let (segment, length) = match segment_of(self.checkpoint.stream_end) {
            // A place between two segments is at the end of the first of them: none is ever empty.
            (segment @ 1.., 0) => (segment - 1, segment_room(segment - 1)),
            place => place,
        };
        let block_size = u64::from(self.spec.block_size);
        let offset = segment * SEGMENT_SIZE as u64;
        let (block, before) = (offset / block_size, (offset % block_size) as usize);
        let opening = if segment == 0 { HEADER_SIZE } else { 0 };
        let (whole, ended) = (before + SEGMENT_SIZE, before + opening + length + TAG_SIZE);
        let mut bytes = self.read_up_to(block, whole)?;
        bytes.truncate(whole);
        if bytes.len() != whole && bytes.len() != ended {
            return Err(missing());
        }
        let context = data_context(&self.spec.set.uuid, self.spec.part_number);
        let mut opener = Opener::new(key, &header, &context)?;
        let mut open = |bytes: &mut Vec<u8>, end| {
            let sealed = bytes.get_mut(before + opening..).unwrap_or_default();
            opener.open(segment, sealed, end).map(drop)
        };
        let found = (bytes.len() == ended).then(|| bytes.clone());
        match (open(&mut bytes, SegmentEnd::More), found) {
            (Ok(()), _) => {}
            (Err(_), Some(mut last)) => {
                open(&mut last, SegmentEnd::Last)?;
                bytes = last;
            }
            (Err(error), None) => return Err(error),
        }
        bytes.truncate(before + opening + length);
        let plain = bytes.get_mut(before + opening..).unwrap_or_default();
        let tag = Sealer::resealing(key, &header, &context, segment)?.seal(plain, SegmentEnd::Last)?;
        bytes.extend_from_slice(&tag);
        Ok((block * block_size, bytes))
    }

    /// The bytes from a block of the data file on: `length` and what is behind them in their last block, or less if the file
    /// ends before.
    fn read_up_to(&mut self, block: u64, length: usize) -> Result<Vec<u8>> {
        let block_size = self.spec.block_size as usize;
        self.drive.locate(Position::block(self.spec.first_block + block))?;
        let mut bytes = Vec::with_capacity(length + block_size);
        let mut buffer = vec![0; block_size];
        while bytes.len() < length {
            let read = match self.drive.read_block(&mut buffer)? {
                ReadOutcome::Block(read) => buffer.get(..read).unwrap_or_default(),
                ReadOutcome::Filemark | ReadOutcome::EndOfData => break,
            };
            bytes.extend_from_slice(read);
            if read.len() < block_size {
                break;
            }
        }
        Ok(bytes)
    }
}

fn missing() -> FormatError {
    inconsistent("the tape does not hold what was flushed to it".into())
}

/// How often a command is given that the drive aborts.
const TRIES: u32 = 3;

/// What is being written is nowhere else any more: a command that was not carried out is given again.
fn again_if_aborted<T>(mut command: impl FnMut() -> tape_drive::Result<T>) -> Result<T> {
    let mut tries = 1;
    loop {
        match command() {
            Err(error) if error.kind == DriveErrorKind::Aborted && tries < TRIES => tries += 1,
            result => return Ok(result?),
        }
    }
}

/// Goes to a block, and makes sure to be there.
fn check_place(drive: &mut dyn TapeDrive, block: u64) -> Result<(), PartErrorKind> {
    let wanted = Position::block(block);
    drive.locate(wanted).map_err(crate::FormatError::Drive)?;
    let found = drive.position().map_err(crate::FormatError::Drive)?.at;
    if found == wanted {
        return Ok(());
    }
    Err(PartErrorKind::WrongPosition { expected: wanted.to_string(), found: found.to_string() })
}

impl<'a> Run<'a> {
    /// A part whose data has been ended at `checkpoint` already.
    fn ended(
        drive: &'a mut dyn TapeDrive,
        spec: &'a PartSpec<'a>,
        (source, observer): (&'a mut dyn FrameSource, &'a mut dyn PartObserver),
        parts: (Encoder, Packer, Spool),
        checkpoint: Checkpoint,
    ) -> Run<'a> {
        let mut run = Run::empty(drive, spec, (source, observer), parts);
        run.table = checkpoint.frames.frames;
        run.tar_start = checkpoint.tar_start;
        run.tar_end = checkpoint.tar_end;
        run.prelude_bytes = checkpoint.prelude_bytes;
        run.goes_on = checkpoint.goes_on;
        run.whole = None;
        run
    }
}
