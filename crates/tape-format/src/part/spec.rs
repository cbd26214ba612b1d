//! What the writer of a part is told, what it tells, and how it can end.

use super::{FrameTable, PartLayout};
use crate::crypt::{Key, LockedKey};
use crate::toc::{SetInfo, Summary, Totals};
use crate::{Codec, FormatError, Frame, FrameSource, Label, MemberRecord, Result, Unfinished};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tape_drive::{DriveError, Position};

/// What to write, and where the tape must be.
pub struct PartSpec<'a> {
    /// The label of the tape that is in the drive.
    pub tape: &'a Label,
    /// The set.
    pub set: &'a SetInfo,
    /// Number of this part in the set, from 1.
    pub part_number: u32,
    /// What earlier parts of this set hold.
    pub before: Totals,
    /// Number that the part's data file must get: the filemarks before the place where the tape is now.
    pub tape_file: u64,
    /// Logical object number of the first block to be written: where the tape must be now.
    pub first_block: u64,
    /// Size of the blocks in bytes.
    pub block_size: u32,
    /// How the frames are compressed that the source gives; also for what the writer adds.
    pub codec: Codec,
    /// The key if the set is encrypted.
    pub key: Option<&'a Key>,
    /// The same key, closed with a passphrase, if it is to be on the tape.
    pub locked_key: Option<&'a LockedKey>,
    /// Every earlier set on this tape, to be repeated in the table of contents.
    pub earlier: &'a [Summary],
    /// Paths that an incremental records as deleted. Asked only once the source has ended, for the set's last part.
    pub deleted: &'a dyn DeletedPaths,
    /// Folder for the unlinked temporary file in which the table of contents grows.
    pub spool_dir: &'a Path,
    /// Bytes on tape after which there is a [`Checkpoint`]; each costs a flush, which stops the tape.
    pub checkpoint_bytes: u64,
}

/// A place in a part that is on the medium, at which the part can be ended later, also by another process:
/// [`close_at`](super::close_at).
///
/// It lies before a frame, in a unit (block, or segment if the part is encrypted) that will never be sent again by the
/// one who is writing, so that a segment that is sealed anew when the part is ended here has not been sealed as the
/// last one before: no nonce is used twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Number of the part in the set, from 1.
    pub part_number: u32,
    /// Number of its data file on tape.
    pub tape_file: u64,
    /// Logical object number of its first block.
    pub first_block: u64,
    /// Size of its blocks in bytes.
    pub block_size: u32,
    /// Blocks that were flushed.
    pub blocks: u64,
    /// Offset of the place in the part's stream of frames, before encryption.
    pub stream_end: u64,
    /// Offset of the part's first frame in the set's tar stream.
    pub tar_start: u64,
    /// Offset of the place in the set's tar stream: members that end before it are on the medium.
    pub tar_end: u64,
    /// Length of the part's opening records.
    pub prelude_bytes: u64,
    /// The frames before the place; large, so it is stored by itself ([`FrameTable::encode`]).
    #[serde(skip)]
    pub frames: FrameTable,
    /// The member in which the place lies.
    pub goes_on: Option<Unfinished>,
}

/// What the one who writes a part is to do after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// Go on.
    #[default]
    GoOn,
    /// Make a [`Checkpoint`] now, then ask again.
    Checkpoint,
    /// End the part here.
    Stop,
}

/// The paths that are gone since the parent set.
pub trait DeletedPaths: Sync {
    /// Calls `visit` for each of them.
    ///
    /// # Errors
    /// Those of `visit`, and [`FormatError::Source`] if the list cannot be read.
    fn for_each(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;
}

impl DeletedPaths for Vec<Vec<u8>> {
    fn for_each(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(|path| visit(path))
    }
}

/// A list that grows while the set is written.
impl DeletedPaths for Mutex<Vec<Vec<u8>>> {
    fn for_each(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let paths = self.lock().map_err(|_| FormatError::Source("the list of deleted paths is lost".into()))?;
        DeletedPaths::for_each(&*paths, visit)
    }
}

/// How far a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartProgress {
    /// Bytes of this part that the drive has accepted.
    pub stream_bytes: u64,
    /// Bytes of tar stream in the frames that are among them as a whole.
    pub tar_bytes: u64,
    /// Time spent encrypting.
    pub sealing: Duration,
    /// Time spent in the drive, which takes the blocks as fast as it can.
    pub writing: Duration,
}

/// Who is told while a part is written, on the thread that writes it.
pub trait PartObserver {
    /// Members completed in a frame that the drive has accepted, with the logical object number of the block from which
    /// that frame is to be read. They count only if the part ends well. In order; may come late, but before the end.
    fn placed(&mut self, records: Vec<MemberRecord>, block: u64);

    /// After each frame.
    fn progress(&mut self, progress: PartProgress);

    /// Asked after each frame.
    fn wish(&mut self) -> Wish {
        Wish::GoOn
    }

    /// The part's data is on the medium, and its table of contents is about to be written: the set goes on at `tar_end`,
    /// inside `goes_on` if a member was cut.
    ///
    /// # Errors
    /// Whatever keeps this from being kept: the part fails.
    fn data_ended(&mut self, _tar_end: u64, _goes_on: Option<&Unfinished>) -> Result<()> {
        Ok(())
    }

    /// The drive has flushed, and is where it should be. Members that were [`placed`](Self::placed) before and end
    /// before [`Checkpoint::tar_end`] are on the medium.
    ///
    /// # Errors
    /// Whatever keeps the checkpoint from being kept: it ends the part.
    fn checkpoint(&mut self, _checkpoint: Checkpoint) -> Result<()> {
        Ok(())
    }
}

/// Why a part ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartEnd {
    /// The source has no more frames: the set is complete.
    SetComplete,
    /// The tape is full: the set goes on on another one.
    TapeFull,
    /// A stop was requested.
    Stopped,
}

/// A part that is on tape with its table of contents, both flushed.
#[derive(Debug)]
pub struct PartOutcome {
    /// Where it is.
    pub layout: PartLayout,
    /// Why it ended.
    pub end: PartEnd,
    /// Frames that were drawn but are not on this tape, in order, for the next part: see [`PendingFirst`].
    pub pending: Vec<Frame>,
    /// The member that goes on in the next part.
    pub goes_on: Option<Unfinished>,
    /// Members whose end is in this part.
    pub member_count: u64,
    /// Regular files among them.
    pub file_count: u64,
    /// Content bytes of those files.
    pub content_bytes: u64,
    /// Paths recorded as deleted.
    pub deleted_count: u64,
    /// Bytes of the table of contents on tape.
    pub toc_bytes: u64,
    /// This part in one line, for the tables of contents of later sets.
    pub summary: Summary,
}

impl PartOutcome {
    /// What its members add up to.
    pub fn totals(&self) -> Totals {
        Totals { members: self.member_count, files: self.file_count, bytes: self.content_bytes }
    }
}

/// What a failed part has left behind on the tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapeState {
    /// Nothing was written, or it was erased again: the tape ends where the part began.
    AsBefore,
    /// The part was ended with a valid table of contents all the same; it holds everything up to where it failed.
    Closed(Box<PartLayout>),
    /// Not known. Up to `committed` everything is on the medium; what lies behind must not be believed.
    Suspect {
        /// The last place that was flushed and read back.
        committed: Position,
    },
}

/// A part that did not come to a good end.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct PartError {
    /// What happened.
    pub kind: PartErrorKind,
    /// What is on the tape now.
    pub tape: TapeState,
    /// Frames that were drawn and can be written elsewhere, in order. Only if `all_pending`, nothing before them is lost.
    pub pending: Vec<Frame>,
    /// Whether `pending` holds every frame that was drawn, so that the set can go on with it on another tape.
    pub all_pending: bool,
    /// The member in which the part ends, if it was [closed](TapeState::Closed).
    pub goes_on: Option<Box<Unfinished>>,
}

/// Why a part failed.
#[derive(Debug, thiserror::Error)]
pub enum PartErrorKind {
    /// The drive failed.
    #[error(transparent)]
    Drive(Box<DriveError>),
    /// The tape is not where it was expected to be; nothing was written.
    #[error(
        "the tape is at {found} and not at {expected}: it was moved or written elsewhere; inspect it before it is used again"
    )]
    WrongPosition {
        /// Where it must be.
        expected: String,
        /// Where it is.
        found: String,
    },
    /// The tape has no room for a part at all. Every frame that was drawn is pending.
    #[error("there is no room for another backup set on the tape: mark it full, and use the next one")]
    NoRoom,
    /// The tape's end came before the part could be closed; the part was taken off the tape again.
    #[error(
        "the tape ended without warning before the backup set could be closed (its table of contents needs {toc_bytes} bytes): mark the tape full, and run the job again with another"
    )]
    EndedTooEarly {
        /// Bytes that the table of contents needs.
        toc_bytes: u64,
    },
    /// The source of the frames failed.
    #[error(transparent)]
    Source(Box<FormatError>),
    /// Compression, encryption or the spool of the table of contents failed.
    #[error(transparent)]
    Format(Box<FormatError>),
}

/// A source that first gives the frames that did not get onto the last tape.
pub struct PendingFirst<'a> {
    pending: VecDeque<Frame>,
    rest: &'a mut dyn FrameSource,
}

impl<'a> PendingFirst<'a> {
    /// `pending` in order, then everything of `rest`.
    pub fn new(pending: Vec<Frame>, rest: &'a mut dyn FrameSource) -> Self {
        PendingFirst { pending: pending.into(), rest }
    }
}

impl FrameSource for PendingFirst<'_> {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        match self.pending.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.rest.next_frame(),
        }
    }

    fn recycle(&mut self, frame: Frame) {
        self.rest.recycle(frame);
    }
}
