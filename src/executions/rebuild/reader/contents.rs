//! Taking in a table of contents that the tape has come to.

use super::Reader;
use crate::catalog::from_toc::FromToc;
use crate::executions::rebuild::heads::{Both, HeadOnly};
use crate::executions::rebuild::report::{Line, Outcome};
use crate::executions::rebuild::taking::{ENOUGH, Spot, TWO_CARTRIDGES, Taking};
use tape_drive::{DriveErrorKind, TapeDrive};
use tape_format::FormatError;
use tape_format::crypt::Keys;
use tape_format::part::{self, After, TapeFile};
use tape_format::toc::{RECORD, SEALED_HEAD, SetKind, Summary, TocHead, TocKind};

impl Reader {
    /// A table of contents that the tape has come to; its first block was read.
    pub(super) fn contents(
        &mut self,
        file: &TapeFile,
        kind: &TocKind,
        first_block: &[u8],
        drive: &mut dyn TapeDrive,
    ) -> tape_format::Result<After> {
        let Some(data) = self.waiting.take() else {
            self.found
                .problems
                .push(format!("tape file {} holds contents, but there is no data before it", file.number));
            return Ok(After::Untouched);
        };
        self.behind_contents = true;
        if let TocKind::Sealed(head) = kind
            && self.keys.find(&head.key_fingerprint).is_none()
        {
            self.found.seen.insert(data.number);
            let figures = &mut self.found.figures;
            figures.parts += 1;
            let contents = (SEALED_HEAD as u64).saturating_add(head.sealed_bytes).div_ceil(RECORD as u64);
            figures.used_bytes += head.stream_bytes + contents * RECORD as u64;
            // whether its set ends with it is locked, too
            self.found.last_is_end = true;
            self.found.locked.push((head.clone(), data.first_block));
            return Ok(After::Untouched);
        }
        let spot = Spot { data_file: data.number, first_block: data.first_block, toc_block: file.first_block };
        let (tools, reading) = (self.tools.clone(), self.reading.clone());
        let mut taking = Taking::new(&tools, &reading, spot);
        let mut heads = HeadOnly::default();
        let mut sink = FromToc::new(&mut taking);
        let read = {
            let mut both = Both { first: &mut heads, rest: &mut sink };
            part::read_rest_of_toc(first_block, drive, &self.keys, &mut both)
        };
        let tally = sink.tally;
        let read = read.and_then(|(head, end)| tally.agrees_with(&head).map(|()| (head, end)));
        // what must not be taken in says nothing of this tape either
        let taken = taking.refused.as_ref().is_none_or(|error| error.code == ENOUGH);
        let head = heads.head.filter(|head| taken && head.tape.uuid == self.reading.label.uuid);
        if let Some(head) = &head {
            self.count(head, file.first_block);
        }
        match read {
            Ok((head, end)) => {
                self.found.seen.insert(data.number);
                self.found.figures.used_bytes += end.saturating_sub(file.first_block + 1) * RECORD as u64;
                match taking.finish(head, end, &tally) {
                    Ok(line) => {
                        if line.outcome == Outcome::Differs {
                            self.found.problems.push(format!(
                                "set {} (part {}, tape file {}) is not what the database says: {}; nothing was changed",
                                line.uuid, line.part, line.tape_file, line.note
                            ));
                        }
                        self.found.lines.push(line);
                    }
                    Err(error) => self.refused(data.number, None, &error.to_string()),
                }
                Ok(After::BehindFile)
            }
            Err(error) => {
                let (refused, line) = (taking.refused.take(), taking.line.clone());
                taking.undo().map_err(|error| FormatError::Source(error.to_string()))?;
                if self.tools.control.stopped().is_some() {
                    return Err(error);
                }
                match (refused, error) {
                    (Some(error), _) if error.code == ENOUGH => {
                        self.found.seen.insert(data.number);
                        self.found.lines.extend(line);
                    }
                    (Some(error), _) => {
                        self.found.seen.insert(data.number);
                        if error.code == TWO_CARTRIDGES {
                            self.found.ambiguous = Some(error.message.clone());
                        }
                        self.refused(data.number, line, &error.to_string());
                    }
                    // the drive or the catalog, and not this table of contents
                    (None, FormatError::Drive(error)) if error.kind != DriveErrorKind::MediumError => {
                        return Err(error.into());
                    }
                    (None, error @ FormatError::Source(_)) => return Err(error),
                    (None, error) => {
                        self.orphan(&data, error.to_string(), true);
                        if let Some(orphan) = self.found.orphans.last_mut() {
                            orphan.head = head.map(Box::new);
                        }
                    }
                }
                Ok(After::Elsewhere)
            }
        }
    }

    fn refused(&mut self, file: u64, line: Option<Line>, why: &str) {
        self.found.figures.full = Some(format!("what is behind tape file {file} was not taken in"));
        self.found.problems.push(format!("tape file {file}: {why}"));
        if let Some(mut line) = line {
            line.note = why.into();
            self.found.lines.push(line);
        }
    }

    /// What the head of a table of contents adds to the figures of the tape.
    fn count(&mut self, head: &TocHead, toc_block: u64) {
        let figures = &mut self.found.figures;
        figures.parts += 1;
        figures.used_bytes += head.part.stream_bytes;
        figures.last_end = Some(figures.last_end.unwrap_or(i64::MIN).max(head.end));
        if !head.key_fingerprint.is_empty() && head.set.kind != SetKind::Database && self.newest_sealed <= toc_block {
            self.newest_sealed = toc_block;
            figures.key_fingerprint = Some(head.key_fingerprint.clone());
        }
        if self.newest > toc_block {
            return;
        }
        self.newest = toc_block;
        self.found.last_is_end = head.part.last;
        self.found.earlier.clone_from(&head.earlier);
        self.found.earlier.push(Summary {
            set: head.set.uuid,
            job: head.set.job.clone(),
            kind: head.set.kind,
            start: head.set.start,
            end: head.end,
            part: head.part.number,
            last: head.part.last,
            tape_file: head.part.tape_file,
            first_block: head.part.first_block,
            toc_block,
            key_fingerprint: head.key_fingerprint.clone(),
            totals: head.part.totals,
        });
    }
}
