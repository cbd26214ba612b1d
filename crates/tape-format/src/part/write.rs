//! Writing a part: frames onto the tape until they, the tape, or somebody's patience ends.

use super::checks::{check_block_size, check_compression, check_position};
use super::close::Failure;
use super::pack::{Mark, Packer};
use super::room::Room;
use super::spec::{
    PartEnd, PartError, PartErrorKind, PartObserver, PartOutcome, PartProgress, PartSpec, TapeState, Wish,
};
use crate::codec::Encoder;
use crate::crypt::Sealer;
use crate::tar::{BLOCK, write_prelude};
use crate::toc::Spool;
use crate::{FormatError, Frame, FrameSource, Result, Unfinished};
use std::collections::VecDeque;
use tape_drive::{DriveErrorKind, TapeDrive};

/// While a part is smaller than this its frames are kept, so that it can be written whole on another tape if its table
/// of contents does not fit on this one.
pub(super) const KEEP_WHOLE: u64 = 32 << 20;
/// Bytes of a member in a table of contents besides its path, rather too many than too few.
const ENTRY: u64 = 640;
/// Many frames up to this size can wait in one segment, and should not keep a whole buffer each.
const SMALL_FRAME: usize = 256 << 10;

/// Writes a part at the tape's position: opening records, frames, filemark, table of contents, filemark. Both filemarks
/// are flushed, and the position is compared with the expected one before the first write and after each flush.
///
/// At early warning, or when the room before it gets short, the frame is finished and the part closed. If the tape
/// ends within a frame, the part is closed before that frame. Frames that were drawn and are not on this tape come back
/// in [`PartOutcome::pending`].
///
/// # Errors
/// [`PartError`] says what happened, what is on the tape, and which frames can be written elsewhere. If the source
/// fails, the part is closed all the same.
pub fn write_part(
    drive: &mut dyn TapeDrive,
    spec: &PartSpec,
    source: &mut dyn FrameSource,
    observer: &mut dyn PartObserver,
) -> Result<PartOutcome, PartError> {
    let first = match source.next_frame() {
        Ok(first) => first,
        Err(error) => {
            return Err(PartError {
                kind: PartErrorKind::Source(error.into()),
                tape: TapeState::AsBefore,
                pending: Vec::new(),
                all_pending: true,
                goes_on: None,
            });
        }
    };
    let first_bytes = first.as_ref().map_or(0, |frame| frame.data.len() as u64);
    let mut run = match Run::new(drive, spec, (source, observer), first_bytes) {
        Ok(run) => run,
        Err(kind) => {
            let pending = first.into_iter().collect();
            return Err(PartError { kind, tape: TapeState::AsBefore, pending, all_pending: true, goes_on: None });
        }
    };
    let how = run.stream(first);
    run.end(how)
}

/// A frame that is not wholly with the drive yet.
pub(super) struct Held {
    pub(super) frame: Frame,
    pub(super) start: Mark,
    end: Mark,
}

/// The place before a frame.
pub(super) struct Boundary {
    /// Number of the frame in the part.
    pub(super) frame: usize,
    pub(super) mark: Mark,
    /// The member in which the place lies.
    pub(super) goes_on: Option<Unfinished>,
}

/// How the stream of frames ended.
pub(super) enum Ended {
    /// At a frame's end, for this reason; the frames were drawn too late to be written.
    Well(PartEnd, Vec<Frame>),
    /// The drive took no more, within what is held.
    Full,
    /// The source failed.
    Source(FormatError),
    /// Something else failed.
    Failed(Failure),
}

/// A part on its way.
pub(super) struct Run<'a> {
    pub(super) drive: &'a mut dyn TapeDrive,
    pub(super) spec: &'a PartSpec<'a>,
    source: &'a mut dyn FrameSource,
    pub(super) observer: &'a mut dyn PartObserver,
    encoder: Encoder,
    pub(super) packer: Packer,
    pub(super) spool: Spool,
    room: Room,
    /// Frames in order that are begun and not wholly with the drive.
    pub(super) held: VecDeque<Held>,
    /// All frames before those, with their blocks, while they are few.
    pub(super) whole: Option<Vec<(Frame, u64)>>,
    whole_bytes: u64,
    pub(super) table: Vec<(u64, u64)>,
    stream_offset: u64,
    pub(super) tar_start: u64,
    pub(super) tar_end: u64,
    pub(super) prelude_bytes: u64,
    /// Logical object number up to which everything was flushed.
    pub(super) committed: u64,
    /// The member in which the last frame ends that was begun.
    pub(super) goes_on: Option<Unfinished>,
    /// Places before frames, in order, that are not settled yet, and before them the last one that is.
    pub(super) boundaries: VecDeque<Boundary>,
    /// Bytes of the stream at the last checkpoint.
    pub(super) checkpoint_at: u64,
    /// There was a checkpoint: what is before it must not be taken off the tape.
    pub(super) checkpoint_made: bool,
    /// Bytes of the largest frame so far.
    largest_frame: u64,
}

impl<'a> Run<'a> {
    fn new(
        drive: &'a mut dyn TapeDrive,
        spec: &'a PartSpec<'a>,
        ends: (&'a mut dyn FrameSource, &'a mut dyn PartObserver),
        first_bytes: u64,
    ) -> Result<Run<'a>, PartErrorKind> {
        check_compression(spec)?;
        check_block_size(drive, spec.block_size)?;
        check_position(drive, spec.first_block, spec.tape_file)?;
        let sealer = match spec.key {
            None => None,
            Some(key) => Some(Sealer::for_part(key, &spec.set.uuid, spec.part_number)?),
        };
        let packer = Packer::new(spec.block_size as usize, sealer);
        let (encoder, spool) = (Encoder::new(spec.codec)?, Spool::new(spec.spool_dir)?);
        let mut run = Run::empty(drive, spec, ends, (encoder, packer, spool));
        run.largest_frame = first_bytes;
        run.ask_for_warning()?;
        Ok(run)
    }

    pub(super) fn empty(
        drive: &'a mut dyn TapeDrive,
        spec: &'a PartSpec<'a>,
        (source, observer): (&'a mut dyn FrameSource, &'a mut dyn PartObserver),
        (encoder, packer, spool): (Encoder, Packer, Spool),
    ) -> Run<'a> {
        Run {
            encoder,
            packer,
            spool,
            room: Room::new(spec.block_size),
            drive,
            spec,
            source,
            observer,
            held: VecDeque::new(),
            whole: Some(Vec::new()),
            whole_bytes: 0,
            table: Vec::new(),
            stream_offset: 0,
            tar_start: 0,
            tar_end: 0,
            prelude_bytes: 0,
            committed: spec.first_block,
            goes_on: None,
            boundaries: VecDeque::new(),
            checkpoint_at: 0,
            checkpoint_made: false,
            largest_frame: 0,
        }
    }

    /// What a table of contents would need with what was accepted so far.
    fn toc_estimate(&self) -> u64 {
        self.spool.estimate(self.table.len() + 1, self.spec.earlier.len())
    }

    pub(super) fn ask_for_warning(&mut self) -> Result<()> {
        let toc_bytes = self.toc_estimate();
        self.room.ask_for_warning(self.drive, self.largest_frame, toc_bytes)
    }

    /// Draws and writes frames until something ends it.
    fn stream(&mut self, first: Option<Frame>) -> Ended {
        if let Some(frame) = &first {
            self.tar_start = frame.tar_offset;
            self.tar_end = frame.tar_offset;
        }
        if let Err(error) = self.write_opening(first.as_ref()) {
            return self.broken(error, first);
        }
        let Some(mut frame) = first else { return Ended::Well(PartEnd::SetComplete, Vec::new()) };
        loop {
            if let Err(error) = self.write_frame(frame) {
                return self.broken(error, None);
            }
            match self.wish() {
                Ok(Wish::Stop) => return Ended::Well(PartEnd::Stopped, Vec::new()),
                Ok(_) => {}
                Err(failed) => return failed,
            }
            frame = match self.source.next_frame() {
                Ok(Some(next)) => next,
                Ok(None) => return Ended::Well(PartEnd::SetComplete, Vec::new()),
                Err(error) => return Ended::Source(error),
            };
            if self.packer.warned() {
                return Ended::Well(PartEnd::TapeFull, vec![frame]);
            }
            match self.fits(&frame) {
                Ok(true) => {}
                Ok(false) => return Ended::Well(PartEnd::TapeFull, vec![frame]),
                Err(error) => return self.broken(error, Some(frame)),
            }
        }
    }

    fn fits(&mut self, frame: &Frame) -> Result<bool> {
        let waiting = self.held.iter().map(|held| &held.frame).chain([frame]).flat_map(|frame| &frame.members);
        let members: u64 = waiting.map(|member| ENTRY + 2 * member.path.len() as u64).sum();
        let toc_bytes = members + self.toc_estimate();
        self.room.for_frame(self.drive, &self.packer, frame, toc_bytes)
    }

    /// What a failure of the stream means. `drawn` is a frame that is in nobody's hands.
    fn broken(&mut self, error: FormatError, drawn: Option<Frame>) -> Ended {
        match error {
            FormatError::Drive(error) if error.kind == DriveErrorKind::EndOfMedium => match drawn {
                // Not even the opening fitted.
                Some(frame) => Ended::Well(PartEnd::TapeFull, vec![frame]),
                None => Ended::Full,
            },
            other => Ended::Failed(Failure { kind: other.into(), drawn: drawn.into_iter().collect() }),
        }
    }

    /// The records that name the part, as a frame of their own. A part that begins between two members has none: GNU tar
    /// would take the member behind a global header for its continuation.
    fn write_opening(&mut self, first: Option<&Frame>) -> Result<()> {
        let continues = first.and_then(|frame| frame.continues.as_ref());
        if self.spec.part_number > 1 && continues.is_none() && first.is_some() {
            return Ok(());
        }
        let mut records = Vec::new();
        write_prelude(&self.spec.set.uuid, self.spec.part_number, continues, &mut records)?;
        self.prelude_bytes = records.len() as u64;
        let mut frame = Vec::new();
        self.encoder.encode(&records, &mut frame)?;
        self.stream_offset = frame.len() as u64;
        self.packer.push(self.drive, &frame)
    }

    fn write_frame(&mut self, frame: Frame) -> Result<()> {
        if frame.tar_length == 0 && frame.members.is_empty() {
            self.source.recycle(frame);
            return Ok(());
        }
        if let Err(error) = self.check_frame(&frame) {
            self.source.recycle(frame);
            return Err(error);
        }
        self.table.push((frame.tar_offset, self.stream_offset));
        self.stream_offset += frame.data.len() as u64;
        self.largest_frame = self.largest_frame.max(frame.data.len() as u64);
        self.tar_end = frame.tar_offset + frame.tar_length;
        let start = self.packer.mark();
        self.boundaries.push_back(Boundary { frame: self.table.len() - 1, mark: start, goes_on: self.goes_on.take() });
        self.goes_on.clone_from(&frame.goes_on);
        self.held.push_back(Held { frame, start, end: start });
        if let Some(held) = self.held.back_mut() {
            self.packer.push(self.drive, &held.frame.data)?;
            held.end = self.packer.here();
        }
        if let Some(held) = self.held.back_mut().filter(|held| held.frame.data.len() <= SMALL_FRAME) {
            give_back_spare_memory(&mut held.frame, self.source);
        }
        self.accept_what_is_there()?;
        self.report();
        Ok(())
    }

    fn check_frame(&self, frame: &Frame) -> Result<()> {
        let wrong = |reason: String| FormatError::Inconsistent { what: "a frame", reason };
        if frame.tar_offset != self.tar_end {
            return Err(wrong(format!("it begins at {} and not at {}", frame.tar_offset, self.tar_end)));
        }
        let block = BLOCK as u64;
        if frame.tar_length == 0 || !frame.tar_length.is_multiple_of(block) || !frame.tar_offset.is_multiple_of(block) {
            return Err(wrong(format!("{} bytes at {} are no tar blocks", frame.tar_length, frame.tar_offset)));
        }
        if frame.tar_offset.checked_add(frame.tar_length).is_none() || frame.data.is_empty() {
            return Err(wrong("it is empty, or too long".into()));
        }
        Ok(())
    }

    pub(super) fn report(&mut self) {
        let whole: u64 = self.held.front().map_or(self.tar_end, |held| held.frame.tar_offset);
        self.observer.progress(PartProgress {
            stream_bytes: self.packer.bytes(),
            tar_bytes: whole.saturating_sub(self.tar_start),
            sealing: self.packer.sealing(),
            writing: self.packer.writing(),
        });
    }

    fn accept_what_is_there(&mut self) -> Result<()> {
        while self.held.front().is_some_and(|held| self.packer.accepted(held.end)) {
            self.accept_first()?;
        }
        self.settle();
        Ok(())
    }

    /// The stream ends before the frame with this number instead of its last one.
    pub(super) fn end_before(&mut self, frame: usize) {
        self.table.truncate(frame);
        while self.boundaries.back().is_some_and(|place| place.frame >= frame) {
            self.goes_on = self.boundaries.pop_back().and_then(|place| place.goes_on);
        }
    }

    /// The drive has the first held frame: its members count from now on.
    pub(super) fn accept_first(&mut self) -> Result<()> {
        let Some(mut held) = self.held.pop_front() else { return Ok(()) };
        self.packer.forget(held.start);
        let block = self.spec.first_block + self.packer.block_of(held.start);
        for record in &held.frame.members {
            self.spool.add(record)?;
        }
        if let Some(whole) = &mut self.whole {
            self.whole_bytes += held.frame.data.len() as u64;
            if self.whole_bytes <= KEEP_WHOLE {
                give_back_spare_memory(&mut held.frame, self.source);
                whole.push((held.frame, block));
                return Ok(());
            }
            self.release_whole();
        }
        let records = std::mem::take(&mut held.frame.members);
        self.observer.placed(records, block);
        self.source.recycle(held.frame);
        Ok(())
    }

    /// The part will not be taken off the tape again for want of room: its members are told.
    pub(super) fn release_whole(&mut self) {
        for (mut frame, block) in self.whole.take().into_iter().flatten() {
            self.observer.placed(std::mem::take(&mut frame.members), block);
        }
    }
}

/// A frame that will be held for long lives in a copy of its size, if its buffer is much larger.
fn give_back_spare_memory(frame: &mut Frame, source: &mut dyn FrameSource) {
    if frame.data.capacity() / 2 > frame.data.len() {
        let copy = frame.data.as_slice().to_vec();
        let buffer = std::mem::replace(&mut frame.data, copy);
        source.recycle(Frame { data: buffer, ..Frame::default() });
    }
}

impl From<FormatError> for PartErrorKind {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Drive(error) => PartErrorKind::Drive(error.into()),
            other => PartErrorKind::Format(other.into()),
        }
    }
}
