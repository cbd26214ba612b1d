//! One part, written on the drive's thread.

use super::append::{self, AppendAt};
use super::feed::Feed;
use super::resume::{Keeper, Place};
use super::tape::OpenTape;
use crate::actors::drive::tasks::check_tape;
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::from_toc::Tally;
use crate::executions::stages::PartClock;
use crate::executions::{Context, Control, Progress};
use crate::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tape_drive::{Compression, DriveKey, Removal, TapeDrive};
use tape_format::codec::Codec;
use tape_format::crypt::{Key, LockedKey};
use tape_format::part::{
    self, Checkpoint, DeletedPaths, PartError, PartObserver, PartOutcome, PartProgress, PartSpec, PendingFirst, Wish,
};
use tape_format::toc::{SetInfo, Summary};
use tape_format::{FormatError, Frame, FrameSource, Label, MemberRecord, Unfinished};

/// What every part of a set has in common.
#[derive(Clone)]
pub struct SetHeader {
    /// The set's row; none for one that is not in the catalog.
    pub set_id: Option<i32>,
    /// What the tape says about it.
    pub info: SetInfo,
    /// Compression of the frames.
    pub codec: Codec,
    /// Encrypts the parts.
    pub key: Option<Arc<Key>>,
    /// The same key, closed with the passphrase of the pool, if it has one.
    pub locked_key: Option<LockedKey>,
    /// The drive encrypts the parts with it.
    pub drive_key: Option<DriveKey>,
    /// The drive's own compression.
    pub drive_compression: Compression,
    /// Size of the blocks in bytes.
    pub block_size: u32,
    /// Folder for the growing table of contents.
    pub spool_dir: PathBuf,
    /// Distance of checkpoints in bytes.
    pub checkpoint_bytes: u64,
}

impl SetHeader {
    /// Lets the drive compress and encrypt as the set is to be. Without a key of its own, a key that a person gave the drive
    /// stays.
    pub fn set_modes(&self, drive: &mut dyn TapeDrive) -> Result<()> {
        drive.set_compression(self.drive_compression)?;
        match &self.drive_key {
            Some(key) => Ok(drive.set_encryption(Some(key))?),
            None => Ok(()),
        }
    }
}

/// Where a stream begins.
#[derive(Default)]
pub struct Start {
    /// Parts that are on tape already.
    pub parts: u32,
    /// What is in them.
    pub tally: Tally,
    /// Their bytes on tape.
    pub stored_bytes: u64,
    /// Stores how far the set is; none for one that is not in the catalog.
    pub keeper: Option<Keeper>,
}

/// The frames of a set, and what is learnt from those that the drive accepted. It goes from part to part.
pub struct Stream {
    /// To the catalog.
    pub feed: Option<Feed>,
    /// What is on tape so far.
    pub tally: Tally,
    /// Frames that did not get onto the last tape: they come first.
    pub pending: Vec<Frame>,
    /// Bytes on tape so far.
    pub stored_bytes: u64,
    /// Stores how far the set is.
    pub keeper: Option<Keeper>,
    frames: Box<dyn FrameSource>,
    progress: Arc<Progress>,
    control: Arc<Control>,
}

impl Stream {
    /// A stream at its beginning.
    pub fn new(context: &Context, start: Start, feed: Option<Feed>, frames: Box<dyn FrameSource>) -> Stream {
        context.progress.goes_on_behind(start.tally.totals.bytes, start.stored_bytes);
        Stream {
            feed,
            tally: start.tally,
            pending: Vec::new(),
            stored_bytes: start.stored_bytes,
            keeper: start.keeper,
            frames,
            progress: context.progress.clone(),
            control: context.control.clone(),
        }
    }

    /// Ends the stream; hex SHA-256 over the lines `sha256  path` of its files in order.
    pub fn checksum(self) -> String {
        self.tally.hash.finish()
    }
}

/// What is done with each frame that the drive accepted.
struct Observer<'s> {
    feed: &'s mut Option<Feed>,
    tally: &'s mut Tally,
    keeper: &'s Option<Keeper>,
    /// The checkpoint of this pause is made.
    paused: bool,
    progress: &'s Progress,
    control: &'s Control,
    part: u32,
    stored_before: u64,
    clock: PartClock,
}

impl PartObserver for Observer<'_> {
    fn placed(&mut self, records: Vec<MemberRecord>, block: u64) {
        for record in &records {
            self.tally.add(record);
        }
        self.progress.files.store(self.tally.files, Ordering::Relaxed);
        self.progress.bytes.store(self.tally.totals.bytes, Ordering::Relaxed);
        if let Some(feed) = self.feed {
            feed.members(self.part as i32, records, block);
        }
    }

    fn progress(&mut self, at: PartProgress) {
        self.progress.tape_bytes.store(self.stored_before + at.stream_bytes, Ordering::Relaxed);
        self.clock.count(at, &self.progress.tape);
    }

    fn wish(&mut self) -> Wish {
        if self.control.is_paused() && self.control.stopped().is_none() {
            // nobody knows how long it lasts: what is in the drive's buffer goes onto the tape first
            if !std::mem::replace(&mut self.paused, true) {
                return Wish::Checkpoint;
            }
            self.control.wait_while_paused();
        }
        self.paused = false;
        match self.control.stopped().is_some() || self.feed.as_ref().is_some_and(Feed::failed) {
            true => Wish::Stop,
            false => Wish::GoOn,
        }
    }

    fn checkpoint(&mut self, checkpoint: Checkpoint) -> tape_format::Result<()> {
        self.settle()?;
        self.keeper.as_ref().map_or(Ok(()), |keeper| keeper.checkpoint(&checkpoint))
    }

    fn data_ended(&mut self, tar_end: u64, goes_on: Option<&Unfinished>) -> tape_format::Result<()> {
        let place = Place { tar_end, goes_on: goes_on.cloned(), complete: false };
        self.keeper.as_ref().map_or(Ok(()), |keeper| keeper.data_ended(&place))
    }
}

impl Observer<'_> {
    /// What the catalog was sent is stored: a place that is kept must not promise more than there is.
    fn settle(&mut self) -> tape_format::Result<()> {
        match self.feed {
            Some(feed) => feed.settle().map_err(|error| FormatError::Source(error.message)),
            None => Ok(()),
        }
    }
}

/// Paths that are gone since the parent set.
pub type Deleted = Arc<dyn DeletedPaths + Send>;

/// Writes one part at the end of a tape.
pub struct WritePart {
    /// What the parts have in common.
    pub header: SetHeader,
    /// Number of this one, from 1.
    pub number: u32,
    /// The label of the tape.
    pub label: Label,
    /// Where it belongs.
    pub at: AppendAt,
    /// Earlier sets on the tape.
    pub earlier: Vec<Summary>,
    /// Paths that are gone.
    pub deleted: Deleted,
    /// The frames.
    pub stream: Stream,
}

impl WritePart {
    /// Part `number` of a set, at the end of `tape`.
    pub fn new(header: &SetHeader, tape: &OpenTape, number: u32, deleted: Deleted, stream: Stream) -> WritePart {
        WritePart {
            header: header.clone(),
            number,
            label: tape.label.clone(),
            at: tape.at,
            earlier: tape.earlier.clone(),
            deleted,
            stream,
        }
    }
}

/// How a part ended; the outer error is one that came before its first byte.
pub type PartResult = Result<Result<PartOutcome, PartError>>;

impl DriveTask for WritePart {
    /// The stream comes back whatever happens.
    type Output = (PartResult, Stream);
    const NAME: &'static str = "write a part";
    const HEALTH: bool = true;

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Self::Output> {
        let WritePart { header, number, label, at, earlier, deleted, mut stream } = self;
        let result = (|stream: &mut Stream| -> PartResult {
            check_tape(drive, unit, label.uuid)?;
            append::go_to(drive, at)?;
            header.set_modes(drive)?;
            drive.set_removal(Removal::Prevented)?;
            let spec = PartSpec {
                tape: &label,
                set: &header.info,
                part_number: number,
                before: stream.tally.totals,
                tape_file: at.file,
                first_block: at.block,
                block_size: header.block_size,
                codec: header.codec,
                key: header.key.as_deref(),
                locked_key: header.locked_key.as_ref(),
                earlier: &earlier,
                deleted: &*deleted,
                spool_dir: &header.spool_dir,
                checkpoint_bytes: header.checkpoint_bytes,
            };
            let mut observer = Observer {
                stored_before: stream.stored_bytes,
                feed: &mut stream.feed,
                tally: &mut stream.tally,
                keeper: &stream.keeper,
                paused: false,
                progress: &stream.progress,
                control: &stream.control,
                part: number,
                clock: PartClock::start(),
            };
            let mut source = PendingFirst::new(std::mem::take(&mut stream.pending), &mut *stream.frames);
            let written = part::write_part(drive, &spec, &mut source, &mut observer);
            let released = drive.set_removal(Removal::Allowed);
            match written {
                Ok(outcome) => {
                    released?;
                    stream.stored_bytes += outcome.layout.stream_bytes;
                    Ok(Ok(outcome))
                }
                Err(error) => Ok(Err(error)),
            }
        })(&mut stream);
        Ok((result, stream))
    }
}

/// A failed part as an error for people.
pub fn part_error(error: &PartError) -> Error {
    use tape_format::part::PartErrorKind as Kind;
    let code = match &error.kind {
        Kind::Drive(error) => return Error::from(error.as_ref().clone()),
        Kind::WrongPosition { .. } => "position_mismatch",
        Kind::NoRoom | Kind::EndedTooEarly { .. } => "tape_full",
        Kind::Source(_) => "source_failed",
        Kind::Format(_) => "format",
    };
    Error::new(crate::ErrorKind::Unprocessable, code, error.to_string())
}
