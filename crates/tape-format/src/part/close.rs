//! Ending a part: the end of the data, the table of contents, and what to do if the tape ends before.

use super::checks::check_position;
use super::layout::{FrameTable, PartLayout};
use super::spec::{PartEnd, PartError, PartErrorKind, PartOutcome, TapeState};
use super::write::{Ended, Run};
use crate::toc::{self, Cut, FinishedToc, PartInfo, SealedHead, Sealing, Spool, Summary, TapeInfo, TocHead};
use crate::{FormatError, Frame, Unfinished, path_text};
use std::time::{SystemTime, UNIX_EPOCH};
use tape_drive::{DriveErrorKind, FilemarkSync, Position};

/// What went wrong, with frames that were drawn and are in nobody's hands.
pub(super) struct Failure {
    pub(super) kind: PartErrorKind,
    pub(super) drawn: Vec<Frame>,
}

/// Why a part could not be closed.
pub(super) enum Unclosed {
    /// The tape ended first. A table of contents needs so many bytes.
    NoRoom(u64),
    /// Something failed.
    Failed(PartErrorKind),
}

impl<E: Into<PartErrorKind>> From<E> for Unclosed {
    fn from(error: E) -> Self {
        Unclosed::Failed(error.into())
    }
}

impl Run<'_> {
    /// Ends the part in whatever way is left.
    pub(super) fn end(mut self, how: Ended) -> Result<PartOutcome, PartError> {
        let (closed, mut late, source_error) = match how {
            Ended::Well(PartEnd::TapeFull, late) if self.table.is_empty() => (Err(Unclosed::NoRoom(0)), late, None),
            Ended::Well(end, mut late) => (self.close(end, &mut late), late, None),
            Ended::Source(error) => {
                let mut late = Vec::new();
                (self.close(PartEnd::Stopped, &mut late), late, Some(error))
            }
            Ended::Full => {
                let mut late = Vec::new();
                (self.close_earlier(&mut late), late, None)
            }
            Ended::Failed(failure) => (Err(Unclosed::Failed(failure.kind)), failure.drawn, None),
        };
        match (closed, source_error) {
            (Ok(mut outcome), None) => {
                outcome.pending = late;
                Ok(outcome)
            }
            (Ok(outcome), Some(error)) => Err(PartError {
                kind: PartErrorKind::Source(error.into()),
                tape: TapeState::Closed(Box::new(outcome.layout)),
                pending: late,
                all_pending: false,
                goes_on: outcome.goes_on.map(Box::new),
            }),
            (Err(Unclosed::NoRoom(toc_bytes)), _) => {
                let tape = self.take_off();
                let kind = match self.whole {
                    Some(_) => PartErrorKind::NoRoom,
                    None => PartErrorKind::EndedTooEarly { toc_bytes },
                };
                Err(self.error(kind, tape, std::mem::take(&mut late)))
            }
            (Err(Unclosed::Failed(kind)), _) => {
                let tape = match kind {
                    // The drive is well: the tape can be put back into the state it was in.
                    PartErrorKind::Format(_) | PartErrorKind::Source(_) => self.take_off(),
                    _ => TapeState::Suspect { committed: Position::block(self.committed) },
                };
                Err(self.error(kind, tape, std::mem::take(&mut late)))
            }
        }
    }

    fn error(&mut self, kind: PartErrorKind, tape: TapeState, late: Vec<Frame>) -> PartError {
        let all_pending = self.whole.is_some();
        let mut pending: Vec<Frame> = self.whole.take().into_iter().flatten().map(|(frame, _)| frame).collect();
        pending.extend(self.held.drain(..).map(|held| held.frame));
        pending.extend(late);
        PartError { kind, tape, pending, all_pending, goes_on: None }
    }

    /// Erases what was written, so that the tape ends where the part began; but nothing that is before a checkpoint.
    fn take_off(&mut self) -> TapeState {
        if self.checkpoint_made {
            return TapeState::Suspect { committed: Position::block(self.committed) };
        }
        let first = Position::block(self.spec.first_block);
        let erased = self.drive.locate(first).and_then(|()| self.drive.erase()).is_ok()
            && self.drive.position().is_ok_and(|found| found.at == first);
        if erased { TapeState::AsBefore } else { TapeState::Suspect { committed: first } }
    }

    /// Ends the data here; if the tape does not take that, before the last frame, or the one before that.
    fn close(&mut self, end: PartEnd, late: &mut Vec<Frame>) -> Result<PartOutcome, Unclosed> {
        let ended =
            self.packer.finish(self.drive).and_then(|()| Ok(self.drive.write_filemarks(1, FilemarkSync::Flush)?));
        match ended {
            Ok(_) => self.close_data(end),
            Err(FormatError::Drive(error)) if error.kind == DriveErrorKind::EndOfMedium => self.close_earlier(late),
            Err(error) => Err(error.into()),
        }
    }

    /// The tape has ended: ends the data before the last frame that can be taken back.
    fn close_earlier(&mut self, late: &mut Vec<Frame>) -> Result<PartOutcome, Unclosed> {
        while let Some(held) = self.held.pop_back() {
            self.end_before(self.table.len().saturating_sub(1));
            self.tar_end = held.frame.tar_offset;
            late.insert(0, held.frame);
            if self.table.is_empty() {
                break;
            }
            let ended = self.packer.end_at(self.drive, self.spec.first_block, held.start).and_then(|possible| {
                if possible {
                    self.drive.write_filemarks(1, FilemarkSync::Flush)?;
                }
                Ok(possible)
            });
            match ended {
                Ok(true) => return self.close_data(PartEnd::TapeFull),
                Ok(false) => {}
                Err(FormatError::Drive(error)) if error.kind == DriveErrorKind::EndOfMedium => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Unclosed::NoRoom(self.spool.estimate(self.table.len(), self.spec.earlier.len())))
    }

    /// The data is flushed; the table of contents follows.
    pub(super) fn close_data(&mut self, end: PartEnd) -> Result<PartOutcome, Unclosed> {
        let toc_block = self.spec.first_block + self.packer.blocks() + 1;
        check_position(self.drive, toc_block, self.spec.tape_file + 1)?;
        self.committed = toc_block;
        while !self.held.is_empty() {
            self.accept_first()?;
        }
        self.report();
        self.observer.data_ended(self.tar_end, self.goes_on.as_ref())?;

        let head = self.head(end);
        let spool = std::mem::replace(&mut self.spool, Spool::new(self.spec.spool_dir)?);
        let deleted = (end == PartEnd::SetComplete).then_some(self.spec.deleted);
        let mut toc = spool.finish(self.spec.spool_dir, &head, deleted)?;
        let records = match self.write_toc(&mut toc, &head) {
            Ok(records) => records,
            Err(FormatError::Drive(error)) if error.kind == DriveErrorKind::EndOfMedium => {
                return Err(Unclosed::NoRoom(toc.length()));
            }
            Err(error) => return Err(error.into()),
        };
        let end_block = toc_block + records + 1;
        check_position(self.drive, end_block, self.spec.tape_file + 2)?;
        self.committed = end_block;
        self.release_whole();
        Ok(PartOutcome {
            layout: self.layout(head.frames, toc_block, end_block),
            end,
            pending: Vec::new(),
            goes_on: self.goes_on.take(),
            member_count: head.part.totals.members,
            file_count: head.part.totals.files,
            content_bytes: head.part.totals.bytes,
            deleted_count: toc.deleted(),
            toc_bytes: records * toc::RECORD as u64,
            summary: Summary {
                set: head.set.uuid,
                job: head.set.job,
                kind: head.set.kind,
                start: head.set.start,
                end: head.end,
                part: head.part.number,
                last: head.part.last,
                tape_file: self.spec.tape_file,
                first_block: self.spec.first_block,
                toc_block,
                key_fingerprint: head.key_fingerprint,
                totals: head.part.totals,
            },
        })
    }

    fn write_toc(&mut self, toc: &mut FinishedToc, head: &TocHead) -> Result<u64, FormatError> {
        let sealing = match self.spec.key {
            None => Sealing::None,
            Some(key) => {
                let fingerprint = head.key_fingerprint.clone();
                Sealing::With(key, SealedHead::new(head.set.uuid, &head.part, fingerprint, self.spec.locked_key)?)
            }
        };
        let records = toc::write(self.drive, toc, sealing)?;
        self.drive.write_filemarks(1, FilemarkSync::Flush)?;
        Ok(records)
    }

    fn head(&mut self, end: PartEnd) -> TocHead {
        let spec = self.spec;
        let key_fingerprint = spec.key.map(|key| key.fingerprint()).unwrap_or_default();
        let totals = self.spool.totals();
        let earlier = spec.earlier.iter().cloned().map(|summary| {
            let hidden = !summary.key_fingerprint.is_empty() && key_fingerprint.is_empty();
            if hidden { Summary { job: String::new(), ..summary } } else { summary }
        });
        TocHead {
            tape: TapeInfo { label: spec.tape.label.clone(), uuid: spec.tape.uuid, pool: spec.tape.pool.clone() },
            set: spec.set.clone(),
            end: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64),
            totals: spec.before + totals,
            part: PartInfo {
                number: spec.part_number,
                last: end == PartEnd::SetComplete,
                tape_file: spec.tape_file,
                first_block: spec.first_block,
                block_count: self.packer.blocks(),
                block_size: spec.block_size,
                tar_start: self.tar_start,
                tar_end: self.tar_end,
                prelude_bytes: self.prelude_bytes,
                stream_bytes: self.packer.bytes(),
                stream_header: self.packer.stream_header().map(hex::encode),
                cut: self.goes_on.as_ref().map(cut),
                totals,
            },
            earlier: earlier.collect(),
            frames: std::mem::take(&mut self.table),
            key_fingerprint,
        }
    }

    fn layout(&self, frames: Vec<(u64, u64)>, toc_block: u64, end_block: u64) -> PartLayout {
        PartLayout {
            set_uuid: self.spec.set.uuid,
            part_number: self.spec.part_number,
            tape_file: self.spec.tape_file,
            first_block: self.spec.first_block,
            block_count: self.packer.blocks(),
            block_size: self.spec.block_size,
            toc_block,
            end_block,
            tar_start: self.tar_start,
            tar_end: self.tar_end,
            prelude_bytes: self.prelude_bytes,
            stream_bytes: self.packer.bytes(),
            codec: self.spec.codec,
            encrypted: self.spec.key.is_some(),
            frames: FrameTable { frames, stream_header: self.packer.stream_header() },
        }
    }
}

/// The member that the next part goes on with.
fn cut(unfinished: &Unfinished) -> Cut {
    let continues = &unfinished.continuation;
    Cut {
        path: path_text::to_text(&continues.member.path).into_owned(),
        data_offset: continues.data_offset,
        data_size: continues.data_size,
        sha256_state: unfinished.chaining.map(hex::encode),
    }
}
