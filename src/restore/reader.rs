//! On the drive's thread: reads the segments of a visit and sends them on.
//!
//! What cannot be read is tried again, and then read carefully, one wanted member at a time, up to the end of the damaged
//! frame: so only members are given up that cannot be read themselves. The rest goes on.

use super::flow::{CHUNK, Message, Sending};
use super::plan::Places;
use crate::Error;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_drive::{DriveError, DriveErrorKind, Removal, TapeDrive};
use tape_format::crypt::{Key, segment_of};
use tape_format::part::{PartLayout, PartReader, read_label};
use tape_format::{Codec, FormatError};
use uuid::Uuid;

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
    /// Where the wanted members are that are in it: places to go on at.
    pub members: Places,
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

/// Reads all segments in order. Removal of the tape is prevented meanwhile. A drive that was reset, or says that its medium
/// may have changed, is gone on with if the tape still is `tape`.
///
/// # Errors
/// Those that are not about a place on the tape.
pub fn read(
    drive: &mut dyn TapeDrive,
    segments: &[SegmentJob],
    sender: &Sending,
    stop: &AtomicBool,
    tape: Option<Uuid>,
) -> Result<VisitReport, ReadError> {
    if drive.set_removal(Removal::Prevented).is_err() {
        // told of something that happened before; reading the label tells whether it matters
        drive.set_removal(Removal::Prevented).map_err(drive_failed)?;
    }
    let mut report = VisitReport::default();
    let result = segments
        .iter()
        .try_for_each(|segment| Feeding { segment, sender, stop, tape, report: &mut report }.read(drive));
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
    tape: Option<Uuid>,
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
        let mut follows_on = segment.continues;
        let mut attempts = 0;
        let mut careful_until = 0;
        let mut missing = None;
        while at < segment.end {
            let careful = at < careful_until;
            let mut target = at..segment.end;
            if careful {
                let Some(member) = self.member_at(at)? else { break };
                follows_on &= member.start <= at;
                at = at.max(member.start);
                target = at..member.end;
            }
            if !follows_on {
                self.send(Message::Begin { run: segment.run, at })?;
                follows_on = true;
            }
            let Err(error) = self.range(drive, &mut at, target.end)? else { continue };
            attempts = if at > target.start { 1 } else { attempts + 1 };
            if !careful && attempts < ATTEMPTS {
                tracing::warn!(%error, at, "reading is tried again");
                continue;
            }
            attempts = 0;
            careful_until = careful_until.max(self.frame_end(at));
            if !careful {
                continue;
            }
            self.report.lost += 1;
            let why = error.to_string();
            let Some(next) = self.behind(at, target.end)? else {
                missing = Some(why);
                break;
            };
            self.send(Message::Lost(why))?;
            at = next;
            follows_on = false;
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

    /// Reads from `at` to `end`, as far as it goes. The inner error is about this place on the tape.
    fn range(
        &mut self,
        drive: &mut dyn TapeDrive,
        at: &mut u64,
        end: u64,
    ) -> Result<Result<(), FormatError>, ReadError> {
        let segment = self.segment;
        let opened = PartReader::open(drive, &segment.layout, segment.key.as_ref());
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) => return self.about_place(drive, error).map(Err),
        };
        let mut sent = Ok(());
        let result = reader.read_range(*at, end, &mut |bytes| {
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
            Err(error) => self.about_place(drive, error).map(Err),
        }
    }

    /// Lets an error through after which the place on the tape can be tried again; any other ends the visit.
    fn about_place(&self, drive: &mut dyn TapeDrive, error: FormatError) -> Result<FormatError, ReadError> {
        use DriveErrorKind::{MediumChanged, ParametersChanged, Reset};
        if let (FormatError::Drive(attention), Some(tape)) = (&error, self.tape)
            && matches!(attention.kind, MediumChanged | Reset | ParametersChanged)
        {
            let same = read_label(drive).is_ok_and(|label| label.uuid == tape);
            if same && drive.set_removal(Removal::Prevented).is_ok() {
                return Ok(error);
            }
        }
        about_place(error)
    }

    /// The wanted member that `at` is in, or the next one.
    fn member_at(&self, at: u64) -> Result<Option<Range<u64>>, ReadError> {
        self.segment.members.first(|member| member.end <= at).map_err(ReadError::Part)
    }

    /// Where to go on behind a member that cannot be read from `at` to `end`. If that is all in one unit, the unit is
    /// bad, and whatever else begins in it is not even tried: a drive may take minutes to give up on a block.
    fn behind(&self, at: u64, end: u64) -> Result<Option<u64>, ReadError> {
        let bad = self.unit(at).filter(|unit| self.unit(end.saturating_sub(1)) == Some(*unit));
        let passed = |member: &Range<u64>| member.start < end || (bad.is_some() && self.unit(member.start) == bad);
        let next = self.segment.members.first(passed).map_err(ReadError::Part)?;
        Ok(next.map(|member| member.start))
    }

    fn frame(&self, at: u64) -> usize {
        self.segment.layout.frames.frames.partition_point(|(tar_offset, _)| *tar_offset <= at)
    }

    /// Where the frame ends that `at` is in.
    fn frame_end(&self, at: u64) -> u64 {
        let layout = &self.segment.layout;
        layout.frames.frames.get(self.frame(at)).map_or(layout.tar_end, |(tar_offset, _)| *tar_offset)
    }

    /// The number of what is read as a whole or not at all: a frame that is compressed, a segment that is encrypted, or
    /// a block.
    fn unit(&self, at: u64) -> Option<u64> {
        let layout = &self.segment.layout;
        let index = self.frame(at).checked_sub(1)?;
        let (tar_offset, stream_offset) = layout.frames.frames.get(index)?;
        if layout.codec != Codec::None {
            return u64::try_from(index).ok();
        }
        let within = stream_offset.checked_add(at.checked_sub(*tar_offset)?)?;
        match layout.encrypted {
            true => Some(segment_of(within).0),
            false => within.checked_div(u64::from(layout.block_size)),
        }
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
