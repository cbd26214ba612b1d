//! On the drive's thread: reads the segments of a visit and sends them on.
//!
//! What cannot be read is tried again, then given up as little as possible: up to the next member, and if that is in the
//! same damaged frame, up to the next frame. The rest goes on.

use super::flow::{CHUNK, Message, Sending};
use crate::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_drive::{DriveError, DriveErrorKind, Removal, TapeDrive};
use tape_format::crypt::Key;
use tape_format::part::{PartLayout, PartReader};
use tape_format::{Codec, FormatError};

/// How often a place that cannot be read is tried.
const ATTEMPTS: u32 = 3;

/// A segment to be read.
pub struct SegmentJob {
    /// Index of its run in the plan.
    pub run: usize,
    /// Where its part is on the tape that is in the drive.
    pub layout: Arc<PartLayout>,
    /// The key, if the part is encrypted.
    pub key: Option<Key>,
    /// Where it begins in the set's tar stream.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// Whether it goes on where the segment sent before ended.
    pub continues: bool,
    /// Whether the run ends with it.
    pub last: bool,
    /// Where the wanted members begin that are in it, ascending: places to go on at.
    pub members: Vec<u64>,
}

/// What came of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VisitReport {
    /// Blocks read from the tape.
    pub blocks: u64,
    /// Places that were given up.
    pub lost: u64,
    /// The run whose last segment on this tape could not be read to its end: it goes on with a new beginning.
    pub broken: Option<usize>,
}

/// Why a visit ended before its time.
#[derive(Debug)]
pub enum ReadError {
    /// Nobody takes the data any more, or a stop was asked for.
    Stopped,
    /// The drive failed, or the tape is gone.
    Drive(Error),
    /// The drive is fine, but this part cannot be read: no key, or a description that cannot be right.
    Part(Error),
}

/// Reads all segments in order. Removal of the tape is prevented meanwhile.
///
/// # Errors
/// Those that are not about a place on the tape.
pub fn read(
    drive: &mut dyn TapeDrive,
    segments: &[SegmentJob],
    sender: &Sending,
    stop: &AtomicBool,
) -> Result<VisitReport, ReadError> {
    drive.set_removal(Removal::Prevented).map_err(drive_failed)?;
    let mut report = VisitReport::default();
    let result =
        segments.iter().try_for_each(|segment| Feeding { segment, sender, stop, report: &mut report }.read(drive));
    let released = drive.set_removal(Removal::Allowed).map_err(drive_failed);
    result.and(released).map(|()| report)
}

fn drive_failed(error: DriveError) -> ReadError {
    ReadError::Drive(error.into())
}

struct Feeding<'a> {
    segment: &'a SegmentJob,
    sender: &'a Sending,
    stop: &'a AtomicBool,
    report: &'a mut VisitReport,
}

impl Feeding<'_> {
    fn send(&self, message: Message) -> Result<(), ReadError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ReadError::Stopped);
        }
        self.sender.send(message).map_err(|_| ReadError::Stopped)
    }

    fn read(&mut self, drive: &mut dyn TapeDrive) -> Result<(), ReadError> {
        let segment = self.segment;
        let mut at = segment.start;
        if !segment.continues {
            self.send(Message::Begin { run: segment.run, at })?;
        }
        let mut missing = None;
        let mut attempts = 0;
        let mut skipped_at = None;
        while at < segment.end {
            let before = at;
            let Err(error) = self.range(drive, &mut at)? else { break };
            attempts = if at > before { 1 } else { attempts + 1 };
            if attempts < ATTEMPTS {
                tracing::warn!(%error, at, "reading is tried again");
                continue;
            }
            self.report.lost += 1;
            let why = error.to_string();
            let Some(next) = self.next_place(at, skipped_at) else {
                missing = Some(why);
                break;
            };
            skipped_at = Some(next);
            attempts = 0;
            at = next;
            self.send(Message::Lost(why))?;
            self.send(Message::Begin { run: segment.run, at })?;
        }
        match (segment.last, missing) {
            (true, missing) => self.send(Message::End { run: segment.run, missing }),
            (false, Some(why)) => {
                self.report.broken = Some(segment.run);
                self.send(Message::Lost(why))
            }
            (false, None) => Ok(()),
        }
    }

    /// Reads from `at` on, as far as it goes. The inner error is about this place on the tape.
    fn range(&mut self, drive: &mut dyn TapeDrive, at: &mut u64) -> Result<Result<(), FormatError>, ReadError> {
        let segment = self.segment;
        let opened = PartReader::open(drive, &segment.layout, segment.key.as_ref());
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return about_place(error).map(Err),
        };
        let mut sent = Ok(());
        let result = reader.read_range(*at, segment.end, &mut |bytes| {
            for chunk in bytes.chunks(CHUNK) {
                sent = self.send(Message::Data(chunk.to_vec()));
                if sent.is_err() {
                    return Err(FormatError::Source("nobody takes the data".into()));
                }
                *at += chunk.len() as u64;
            }
            Ok(())
        });
        self.report.blocks += reader.blocks_read();
        sent?;
        match result {
            Ok(()) => Ok(Ok(())),
            Err(error) => about_place(error).map(Err),
        }
    }

    /// Where to go on behind what cannot be read at `at`: the next wanted member, or, where that is of no use, the first
    /// one that begins in a later frame.
    fn next_place(&self, at: u64, skipped_at: Option<u64>) -> Option<u64> {
        let layout = &self.segment.layout;
        let next_member = |from: u64| {
            let index = self.segment.members.partition_point(|member| *member < from);
            self.segment.members.get(index).copied()
        };
        // a compressed or encrypted frame is read as a whole or not at all; an open one may be good behind the damage
        if layout.codec == Codec::None && !layout.encrypted && skipped_at != Some(at) {
            return next_member(at + 1);
        }
        let frames = &layout.frames.frames;
        let following = frames.partition_point(|(tar_offset, _)| *tar_offset <= at);
        frames.get(following).and_then(|(tar_offset, _)| next_member(*tar_offset))
    }
}

/// Lets an error through that is about a place on the tape; any other ends the visit.
fn about_place(error: FormatError) -> Result<FormatError, ReadError> {
    match error {
        FormatError::Drive(drive) => match drive.kind {
            DriveErrorKind::MediumError
            | DriveErrorKind::BlankCheck
            | DriveErrorKind::BlockTooLong { .. }
            | DriveErrorKind::EndOfMedium
            | DriveErrorKind::Aborted => Ok(FormatError::Drive(drive)),
            _ => Err(drive_failed(drive)),
        },
        FormatError::KeyNeeded { .. } | FormatError::WrongKey { .. } | FormatError::Inconsistent { .. } => {
            Err(ReadError::Part(error.into()))
        }
        error => Ok(error),
    }
}
