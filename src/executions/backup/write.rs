//! One part, written on the drive's thread.

use super::append::{self, AppendAt};
use super::feed::Feed;
use super::tape::OpenTape;
use crate::actors::drive::tasks::check_tape;
use crate::actors::drive::{DriveTask, Unit};
use crate::backup::engine::Gone;
use crate::catalog::checksum::ListHash;
use crate::executions::{Context, Control, Progress};
use crate::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tape_drive::{Compression, Removal, TapeDrive};
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::part::{self, PartError, PartObserver, PartOutcome, PartProgress, PartSpec, PendingFirst};
use tape_format::toc::{SetInfo, Summary, Totals};
use tape_format::{Frame, FrameSource, Label, MemberKind, MemberRecord};

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
    /// The drive's own compression.
    pub drive_compression: Compression,
    /// Size of the blocks in bytes.
    pub block_size: u32,
    /// Folder for the growing table of contents.
    pub spool_dir: PathBuf,
}

/// The frames of a set, and what is learnt from those that the drive accepted. It goes from part to part.
pub struct Stream {
    /// To the catalog.
    pub feed: Option<Feed>,
    /// What is on tape so far.
    pub totals: Totals,
    /// Regular files and hard links so far.
    pub files: u64,
    /// Frames that did not get onto the last tape: they come first.
    pub pending: Vec<Frame>,
    /// Bytes on tape so far.
    pub stored_bytes: u64,
    frames: Box<dyn FrameSource>,
    hash: ListHash,
    progress: Arc<Progress>,
    control: Arc<Control>,
}

impl Stream {
    /// A stream at its beginning.
    pub fn new(context: &Context, feed: Option<Feed>, frames: Box<dyn FrameSource>) -> Stream {
        Stream {
            feed,
            totals: Totals::default(),
            files: 0,
            pending: Vec::new(),
            stored_bytes: 0,
            frames,
            hash: ListHash::default(),
            progress: context.progress.clone(),
            control: context.control.clone(),
        }
    }

    /// Ends the stream; hex SHA-256 over the lines `sha256  path` of its files in order.
    pub fn checksum(self) -> String {
        self.hash.finish()
    }
}

/// What is done with each frame that the drive accepted.
struct Observer<'s> {
    feed: &'s mut Option<Feed>,
    files: &'s mut u64,
    bytes: u64,
    hash: &'s mut ListHash,
    progress: &'s Progress,
    control: &'s Control,
    part: u32,
    stored_before: u64,
}

impl PartObserver for Observer<'_> {
    fn placed(&mut self, records: Vec<MemberRecord>, block: u64) {
        for record in &records {
            if matches!(record.kind, MemberKind::File | MemberKind::Hardlink) {
                *self.files += 1;
            }
            if record.sha256.is_some() {
                self.bytes += record.size;
            }
            self.hash.add(record);
        }
        self.progress.files.store(*self.files, Ordering::Relaxed);
        self.progress.bytes.store(self.bytes, Ordering::Relaxed);
        if let Some(feed) = self.feed {
            feed.members(self.part as i32, records, block);
        }
    }

    fn progress(&mut self, at: PartProgress) {
        self.progress.tape_bytes.store(self.stored_before + at.stream_bytes, Ordering::Relaxed);
    }

    fn stop_requested(&self) -> bool {
        if self.control.is_paused() {
            self.control.wait_while_paused();
        }
        self.control.stopped().is_some() || self.feed.as_ref().is_some_and(Feed::failed)
    }
}

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
    pub deleted: Gone,
    /// The frames.
    pub stream: Stream,
}

impl WritePart {
    /// Part `number` of a set, at the end of `tape`.
    pub fn new(header: &SetHeader, tape: &OpenTape, number: u32, deleted: Gone, stream: Stream) -> WritePart {
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

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Self::Output> {
        let WritePart { header, number, label, at, earlier, deleted, mut stream } = self;
        let result = (|stream: &mut Stream| -> PartResult {
            check_tape(drive, unit, label.uuid)?;
            append::go_to(drive, at)?;
            drive.set_compression(header.drive_compression)?;
            drive.set_removal(Removal::Prevented)?;
            let spec = PartSpec {
                tape: &label,
                set: &header.info,
                part_number: number,
                before: stream.totals,
                tape_file: at.file,
                first_block: at.block,
                block_size: header.block_size,
                codec: header.codec,
                key: header.key.as_deref(),
                earlier: &earlier,
                deleted: &deleted,
                spool_dir: &header.spool_dir,
            };
            let mut observer = Observer {
                bytes: stream.totals.bytes,
                stored_before: stream.stored_bytes,
                feed: &mut stream.feed,
                files: &mut stream.files,
                hash: &mut stream.hash,
                progress: &stream.progress,
                control: &stream.control,
                part: number,
            };
            let mut source = PendingFirst::new(std::mem::take(&mut stream.pending), &mut *stream.frames);
            let written = part::write_part(drive, &spec, &mut source, &mut observer);
            let released = drive.set_removal(Removal::Allowed);
            match written {
                Ok(outcome) => {
                    released?;
                    stream.totals = stream.totals
                        + Totals {
                            members: outcome.member_count,
                            files: outcome.file_count,
                            bytes: outcome.content_bytes,
                        };
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
