//! One part, written on the drive's thread.

use super::append::{self, AppendAt};
use super::feed::Feed;
use super::tape::OpenTape;
use crate::actors::drive::tasks::check_tape;
use crate::actors::drive::{DriveTask, Unit};
use crate::backup::engine::EngineProgress;
use crate::catalog::commit::CommitPart;
use crate::executions::{Context, Control, Progress};
use crate::keys::LoadedKey;
use crate::{Error, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tape_drive::{Compression, Removal, TapeDrive};
use tape_format::codec::Codec;
use tape_format::part::{self, Deletions, PartLayout, PartObserver, PartOutcome, PartProgress, PartSpec, SetInfo};
use tape_format::{Frame, FrameSource, Label, MemberKind, MemberRecord};
use uuid::Uuid;

/// What every part of a set says about it.
#[derive(Clone)]
pub struct SetHeader {
    /// The set's row.
    pub set_id: i32,
    /// Names the set on tape.
    pub set_uuid: Uuid,
    /// The job's name.
    pub job: String,
    /// `full`, `incremental` or `database`.
    pub backup_type: String,
    /// The parent's uuid.
    pub parent: Option<Uuid>,
    /// When it began, UTC.
    pub started: chrono::NaiveDateTime,
    /// Compression of the frames.
    pub codec: Codec,
    /// Encrypts the part.
    pub key: Option<LoadedKey>,
    /// The drive's own compression.
    pub drive_compression: Compression,
}

/// What has been accepted so far.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Regular files and hard links.
    pub files: u64,
    /// Content bytes of regular files.
    pub bytes: u64,
    /// Hex SHA-256 over the lines `sha256  path` of the files in order.
    pub checksum: String,
}

/// The frames of a set and what is learnt from those the drive accepted: it goes from part to part.
pub struct Stream {
    /// To the catalog.
    pub feed: Feed,
    /// Files and bytes so far.
    pub totals: Totals,
    frames: Box<dyn FrameSource>,
    waiting: VecDeque<Frame>,
    hasher: openssl::sha::Sha256,
    progress: Arc<Progress>,
    control: Arc<Control>,
    engine: EngineProgress,
    part: i32,
    before: u64,
}

impl Stream {
    /// A stream at its beginning.
    pub fn new(context: &Context, feed: Feed, frames: Box<dyn FrameSource>, engine: EngineProgress) -> Stream {
        Stream {
            feed,
            totals: Totals::default(),
            frames,
            waiting: VecDeque::new(),
            hasher: openssl::sha::Sha256::new(),
            progress: context.progress.clone(),
            control: context.control.clone(),
            engine,
            part: 1,
            before: 0,
        }
    }

    /// Frames that did not get onto a tape: they come first on the next.
    pub fn put_back(&mut self, frames: Vec<Frame>) {
        for frame in frames.into_iter().rev() {
            self.waiting.push_front(frame);
        }
    }

    /// Ends the stream.
    pub fn close(mut self) -> Totals {
        self.totals.checksum = hex::encode(self.hasher.finish());
        self.totals
    }
}

/// The observing half of a stream, while its frames are drawn by the part writer.
struct Observer<'s> {
    feed: &'s mut Feed,
    totals: &'s mut Totals,
    hasher: &'s mut openssl::sha::Sha256,
    progress: &'s Progress,
    control: &'s Control,
    engine: &'s EngineProgress,
    part: i32,
    before: u64,
}

impl PartObserver for Observer<'_> {
    fn placed(&mut self, records: Vec<MemberRecord>, block: u64) {
        for record in &records {
            if matches!(record.kind, MemberKind::File | MemberKind::Hardlink) {
                self.totals.files += 1;
            }
            if let Some(sha256) = &record.sha256 {
                self.totals.bytes += record.size;
                self.hasher.update(hex::encode(sha256).as_bytes());
                self.hasher.update(b"  ");
                self.hasher.update(&record.path);
                self.hasher.update(b"\n");
            }
        }
        self.progress.files.store(self.totals.files, Ordering::Relaxed);
        self.progress.bytes.store(self.totals.bytes, Ordering::Relaxed);
        self.feed.members(self.part, records, block);
    }

    fn progress(&mut self, at: PartProgress) {
        self.progress.tape_bytes.store(self.before + at.stream_bytes, Ordering::Relaxed);
        self.engine.copy_to(self.progress);
    }

    fn stop_requested(&self) -> bool {
        if self.control.is_paused() {
            self.control.wait_while_paused();
        }
        self.control.stopped().is_some() || self.feed.failed()
    }
}

/// Writes one part at the end of a tape.
pub struct WritePart {
    spec: PartSpec,
    tape_uuid: Uuid,
    at: AppendAt,
    compression: Compression,
    stream: Stream,
}

impl WritePart {
    /// Part `number` of the set, at the end of `tape`. `deletions` go into the TOC of the last part.
    pub fn new(header: &SetHeader, tape: &OpenTape, number: u32, deletions: Deletions, stream: Stream) -> WritePart {
        WritePart {
            spec: spec(header, &tape.label, tape.at, number, deletions),
            tape_uuid: tape.label.uuid,
            at: tape.at,
            compression: header.drive_compression,
            stream: Stream { part: number as i32, before: stream.before, ..stream },
        }
    }
}

fn spec(header: &SetHeader, label: &Label, at: AppendAt, number: u32, deletions: Deletions) -> PartSpec {
    PartSpec {
        set: SetInfo {
            uuid: header.set_uuid,
            job: header.job.clone(),
            backup_type: header.backup_type.clone(),
            parent: header.parent,
            started: header.started.and_utc().timestamp(),
        },
        tape: label.clone(),
        part_number: number,
        tape_file: at.file,
        first_block: at.block,
        codec: header.codec,
        key: header.key.as_ref().map(|key| key.key.clone()),
        deletions,
        ..PartSpec::default()
    }
}

impl DriveTask for WritePart {
    /// The stream comes back whatever happens.
    type Output = (Result<PartOutcome>, Stream);
    const NAME: &'static str = "write a part";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Self::Output> {
        let WritePart { spec, tape_uuid, at, compression, mut stream } = self;
        let written = (|stream: &mut Stream| -> Result<PartOutcome> {
            check_tape(drive, unit, tape_uuid)?;
            append::go_to(drive, at)?;
            drive.set_compression(compression)?;
            drive.set_removal(Removal::Prevented)?;
            let mut source = Source { frames: &mut *stream.frames, waiting: &mut stream.waiting };
            let mut observer = Observer {
                feed: &mut stream.feed,
                totals: &mut stream.totals,
                hasher: &mut stream.hasher,
                progress: &stream.progress,
                control: &stream.control,
                engine: &stream.engine,
                part: stream.part,
                before: stream.before,
            };
            let outcome = part::write_part(drive, &spec, &mut source, &mut observer).map_err(Error::from);
            let released = drive.set_removal(Removal::Allowed);
            let outcome = outcome?;
            released?;
            stream.before += outcome.layout.stream_bytes;
            Ok(outcome)
        })(&mut stream);
        Ok((written, stream))
    }
}

/// The drawing half of a stream.
struct Source<'s> {
    frames: &'s mut dyn FrameSource,
    waiting: &'s mut VecDeque<Frame>,
}

impl FrameSource for Source<'_> {
    fn next_frame(&mut self) -> tape_format::Result<Option<Frame>> {
        match self.waiting.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.frames.next_frame(),
        }
    }

    fn recycle(&mut self, frame: Frame) {
        self.frames.recycle(frame);
    }
}

/// A written part, for the database.
pub fn part_of(tape: &OpenTape, layout: &PartLayout) -> Result<CommitPart> {
    Ok(CommitPart { tape_id: tape.tape_id, frame_table: layout.frames.encode()?, layout: layout.clone() })
}
