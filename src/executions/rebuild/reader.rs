//! Reading a tape, on the drive's thread: stop by stop, or in one pass.
//!
//! In a pass a table of contents is read when the tape comes to it. Where the tape cannot be read on, the last table of
//! contents tells where the next part is, and the pass goes on there.

mod contents;

use super::heads::HeadOnly;
use super::order::{self, Stop};
use super::report::Line;
use super::salvage::{self, Lost};
use super::taking::{Reading, Tools};
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::rebuild::tape::Figures;
use crate::keys::KeyRing;
use crate::{Error, Result};
use std::collections::BTreeSet;
use tape_drive::{DriveErrorKind, TapeDrive};
use tape_format::FormatError;
use tape_format::part::{self, After, FileKind, TapeEnd, TapeFile, Visitor};
use tape_format::toc::{SealedHead, Summary, TocHead};

/// Most places at which a pass begins anew behind damage.
const MAX_RESTARTS: usize = 10_000;

/// A data file whose table of contents was not taken.
#[derive(Debug, Clone)]
pub struct Orphan {
    /// Its number.
    pub file: u64,
    /// Its first block.
    pub first_block: u64,
    /// Why, in words.
    pub why: String,
    /// Whether a table of contents stands behind it that cannot be read.
    pub has_contents: bool,
    /// The head of that, if so much could be read.
    pub head: Option<Box<TocHead>>,
}

/// What one pass found.
#[derive(Default)]
pub struct Found {
    /// The parts whose contents were read.
    pub lines: Vec<Line>,
    /// What is not as it should be.
    pub problems: Vec<String>,
    /// Data without contents.
    pub orphans: Vec<Orphan>,
    /// Contents whose key is not known, with the first block of their data.
    pub locked: Vec<(SealedHead, u64)>,
    /// What the newest table of contents says of earlier ones.
    pub earlier: Vec<Summary>,
    /// Numbers of data files that were dealt with.
    pub seen: BTreeSet<u64>,
    /// What all adds up to.
    pub figures: Figures,
    /// Where the tape ends; none if that was not reached.
    pub end: Option<TapeEnd>,
    /// Why this cartridge cannot be the one that the database knows by its label.
    pub ambiguous: Option<String>,
    /// Whether the newest part ends its set.
    pub last_is_end: bool,
    /// Sets that version 1 of the program wrote.
    pub version_1: u64,
}

/// The pass.
pub struct Reader {
    tools: Tools,
    reading: Reading,
    keys: KeyRing,
    /// What was found so far.
    pub found: Found,
    /// A data file whose table of contents has not come yet.
    waiting: Option<TapeFile>,
    /// The last file was a table of contents: behind it the next append belongs.
    behind_contents: bool,
    /// The first block of the newest table of contents.
    newest: u64,
    /// The same of the encrypted sets of jobs.
    newest_sealed: u64,
    /// The file that was visited last.
    at: Option<(u64, u64)>,
}

impl Reader {
    /// Over the tape in the drive.
    pub fn new(tools: Tools, reading: Reading, keys: KeyRing) -> Reader {
        Reader {
            tools,
            reading,
            keys,
            found: Found::default(),
            waiting: None,
            behind_contents: false,
            newest: 0,
            newest_sealed: 0,
            at: None,
        }
    }

    /// Reads the tape: stop by stop if its last table of contents lists all of it, else from file to file.
    fn read(&mut self, drive: &mut dyn TapeDrive, capacity: u64) -> Result<()> {
        let Some((head, end, stops)) = self.listed(drive, capacity) else { return self.pass(drive) };
        for stop in stops {
            self.waiting =
                Some(TapeFile { number: stop.data_file, first_block: stop.first_block, kind: FileKind::Unknown });
            match part::visit(drive, stop.data_file + 1, stop.toc_block, self) {
                Ok(_) => {}
                Err(FormatError::Drive(error)) if error.kind == DriveErrorKind::MediumError => {
                    self.give_up_waiting(&error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.behind_contents = false;
        self.found.figures.end_file = end.files;
        self.found.figures.end_block = end.block;
        self.found.last_is_end = head.part.last;
        self.found.end = Some(end);
        self.salvage(drive)
    }

    /// The last table of contents, if it lists everything on the tape; where that ends, and where to stop.
    fn listed(&mut self, drive: &mut dyn TapeDrive, capacity: u64) -> Option<(TocHead, TapeEnd, Vec<Stop>)> {
        let mut last = HeadOnly::default();
        let found = (|| -> tape_format::Result<Option<(TapeEnd, u64)>> {
            drive.space_to_end_of_data()?;
            let position = drive.position()?;
            let Some(files) = position.file.filter(|files| *files > 2) else { return Ok(None) };
            drive.space_filemarks(-2)?;
            drive.space_filemarks(1)?;
            let at = drive.position()?.at.block;
            match part::read_toc(drive, at, &self.keys, &mut last) {
                Err(FormatError::Drive(error)) => Err(error.into()),
                _ => Ok(Some((TapeEnd { files, block: position.at.block, open: false }, at))),
            }
        })();
        // whatever it is, going from file to file finds it
        let (end, toc_block) = found.ok().flatten()?;
        let head = last.head.filter(|head| head.tape.uuid == self.reading.label.uuid)?;
        let stops = order::stops(&head, toc_block, end.files, capacity)?;
        Some((head, end, stops))
    }

    fn pass(&mut self, drive: &mut dyn TapeDrive) -> Result<()> {
        let mut from = None;
        for _ in 0..MAX_RESTARTS {
            match part::scan_reading(drive, from, self) {
                Ok(end) => {
                    self.ended(end);
                    return self.salvage(drive);
                }
                Err(FormatError::Drive(error)) if error.kind == DriveErrorKind::MediumError => {
                    let reason = format!("the tape cannot be read on behind {}: {error}", self.place());
                    match self.next_after_damage(drive)? {
                        Some(next) => {
                            self.found.problems.push(format!("{reason}; it was gone on with at tape file {}", next.0));
                            from = Some(next);
                        }
                        None => {
                            self.found.problems.push(reason);
                            self.give_up_waiting("the tape cannot be read behind it");
                            return self.salvage(drive);
                        }
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::internal("the tape is damaged in too many places"))
    }

    /// Takes sets whose contents are there and cannot be read from their data. What nothing names, and has no contents
    /// behind it, is what an interrupted run left: it was never a set.
    fn salvage(&mut self, drive: &mut dyn TapeDrive) -> Result<()> {
        let (tools, reading) = (self.tools.clone(), self.reading.clone());
        let keys = self.keys.all();
        for orphan in std::mem::take(&mut self.found.orphans) {
            if self.is_known(&orphan)? {
                self.found.seen.insert(orphan.file);
                self.found.problems.push(format!(
                    "the contents of tape file {} cannot be read ({}); the database has its list of files",
                    orphan.file, orphan.why
                ));
                continue;
            }
            let summary = self.found.earlier.iter().rev().find(|line| line.tape_file == orphan.file).cloned();
            let wanted = (orphan.has_contents || summary.is_some()) && self.found.version_1 == 0;
            let lost = Lost {
                file: orphan.file,
                first_block: orphan.first_block,
                summary: summary.as_ref(),
                head: orphan.head.as_deref(),
            };
            let taken = match wanted {
                true => salvage::take(&tools, &reading, &keys, &lost, drive),
                false => Ok(None),
            };
            if self.tools.control.stopped().is_some() {
                return taken.map(drop);
            }
            match taken {
                Ok(Some(salvaged)) => {
                    self.found.seen.insert(orphan.file);
                    self.found.problems.extend(salvaged.problem);
                    self.found.lines.push(salvaged.line);
                }
                Ok(None) => self.found.orphans.push(orphan),
                Err(error) => {
                    let why = format!("{}; nor can its data: {error}", orphan.why);
                    self.found.orphans.push(Orphan { why, ..orphan });
                }
            }
        }
        Ok(())
    }

    /// Whether the database has the part that a data file is.
    fn is_known(&self, orphan: &Orphan) -> Result<bool> {
        let Some(tape) = &self.reading.tape else { return Ok(false) };
        let parts = crate::db::set_parts::of_tape(&mut *self.tools.db.get()?, tape.id)?;
        Ok(parts.iter().any(|part| u64::try_from(part.tape_file).is_ok_and(|file| file == orphan.file)))
    }

    fn place(&self) -> String {
        self.at.map_or("its beginning".into(), |(file, block)| format!("tape file {file} (block {block})"))
    }

    /// Where the next part begins behind a place that cannot be read, as the last table of contents says.
    fn next_after_damage(&mut self, drive: &mut dyn TapeDrive) -> Result<Option<(u64, u64)>> {
        let (file, block) = self.at.unwrap_or((0, 0));
        self.give_up_waiting("the tape cannot be read behind it");
        let mut last = HeadOnly::default();
        let read = (|| -> tape_format::Result<()> {
            drive.space_to_end_of_data()?;
            drive.space_filemarks(-2)?;
            drive.space_filemarks(1)?;
            let at = drive.position()?.at.block;
            match part::read_toc(drive, at, &self.keys, &mut last) {
                Err(FormatError::Drive(error)) => Err(error.into()),
                _ => Ok(()),
            }
        })();
        if let Err(error) = read {
            tracing::warn!(%error, "the last table of contents does not help");
        }
        let Some(head) = last.head else { return Ok(None) };
        if head.tape.uuid != self.reading.label.uuid {
            return Ok(None);
        }
        let listed = head.earlier.iter().map(|line| (line.tape_file, line.first_block));
        let next = listed
            .chain([(head.part.tape_file, head.part.first_block)])
            .filter(|(next, first)| *next > file && *first > block)
            .min();
        self.found.earlier = head.earlier;
        Ok(next)
    }

    fn ended(&mut self, end: TapeEnd) {
        self.note_end(end.files, end.block);
        if let Some(data) = self.waiting.take() {
            let why = match end.open {
                true => "it was cut off: there is no filemark behind it".to_string(),
                false => "there are no contents behind it".to_string(),
            };
            self.orphan(&data, why, false);
        }
        self.found.end = Some(end);
    }

    fn note_end(&mut self, file: u64, block: u64) {
        if std::mem::take(&mut self.behind_contents) {
            self.found.figures.end_file = file;
            self.found.figures.end_block = block;
        }
    }

    fn give_up_waiting(&mut self, why: &str) {
        self.behind_contents = false;
        if let Some(data) = self.waiting.take() {
            self.orphan(&data, why.into(), false);
        }
    }

    fn orphan(&mut self, data: &TapeFile, why: String, has_contents: bool) {
        self.found.orphans.push(Orphan {
            file: data.number,
            first_block: data.first_block,
            why,
            has_contents,
            head: None,
        });
    }
}

impl Visitor for Reader {
    fn file(&mut self, file: &TapeFile, first: &[u8], drive: &mut dyn TapeDrive) -> tape_format::Result<After> {
        if self.tools.control.is_paused() {
            self.tools.control.wait_while_paused();
        }
        if self.tools.control.stopped().is_some() {
            return Err(FormatError::Source("stopped".into()));
        }
        self.at = Some((file.number, file.first_block));
        self.note_end(file.number, file.first_block);
        match &file.kind {
            FileKind::Label(_) if file.number == 0 => {
                self.behind_contents = true;
                Ok(After::Untouched)
            }
            FileKind::Toc(kind) => self.contents(file, &kind.clone(), first, drive),
            // where contents belong stands something else: behind it all is well again
            other if self.waiting.is_some() && file.number.is_multiple_of(2) => {
                let why = match other {
                    FileKind::Unreadable(why) => format!("its contents cannot be read: {why}"),
                    _ => "what is behind it is no table of contents".to_string(),
                };
                if let Some(data) = self.waiting.take() {
                    self.orphan(&data, why, true);
                }
                self.behind_contents = true;
                Ok(After::Untouched)
            }
            FileKind::TocV1 | FileKind::SealedV1(_) => {
                // another format, which is imported
                self.waiting = None;
                self.found.version_1 += 1;
                Ok(After::Untouched)
            }
            _ => {
                if let Some(data) = self.waiting.replace(file.clone()) {
                    self.orphan(&data, "there are no contents behind it".into(), false);
                }
                Ok(After::Untouched)
            }
        }
    }
}

/// Reads the tape that is in the drive.
pub struct ReadTape(pub Box<Reader>);

impl DriveTask for ReadTape {
    /// The reader comes back whatever happens.
    type Output = (Result<()>, Box<Reader>);
    const NAME: &'static str = "read the contents of the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Self::Output> {
        let mut reader = self.0;
        let label = part::read_label(drive)?;
        if label.uuid != reader.reading.label.uuid {
            return Err(Error::conflict("wrong_tape", "another tape was put into the drive meanwhile"));
        }
        let capacity = drive.medium().map_or(0, |medium| medium.capacity_bytes);
        let result = reader.read(drive, capacity);
        Ok((result, reader))
    }
}
