//! One table of contents on its way into the catalog.

use super::report::{Line, Outcome};
use crate::actors::catalog::{CatalogActor, Discard, DiscardPart, Index};
use crate::catalog::from_toc::{Rows, Tally, Wanted};
use crate::catalog::rebuild::{known, part, set};
use crate::db::{self, DbPool, SetStatus, tapes::Tape};
use crate::executions::backup::feed::{self, Feed, Feeder};
use crate::executions::{Control, Progress};
use crate::{Error, ErrorKind, Result};
use actix::Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tape_format::part::PartLayout;
use tape_format::toc::{Cut, SetInfo, SetKind, TocHead};
use tape_format::{FormatError, Label, MemberRecord};

/// What taking needs of the server.
#[derive(Clone)]
pub struct Tools {
    /// Database.
    pub db: DbPool,
    /// The catalog's writer.
    pub catalog: Addr<CatalogActor>,
    /// Live counters.
    pub progress: Arc<Progress>,
    /// Stop and pause.
    pub control: Arc<Control>,
}

/// The tape whose contents are read.
#[derive(Clone)]
pub struct Reading {
    /// What it calls itself.
    pub label: Label,
    /// Its row; none in a dry run of a tape that is not known.
    pub tape: Option<Tape>,
    /// Whether nothing must be changed.
    pub dry_run: bool,
}

/// Where the table of contents is, and the data file before it.
#[derive(Debug, Clone, Copy)]
pub struct Spot {
    /// Number of the data file.
    pub data_file: u64,
    /// Its first block.
    pub first_block: u64,
    /// The first block of the table of contents.
    pub toc_block: u64,
}

/// One table of contents.
pub struct Taking<'r> {
    tools: &'r Tools,
    reading: &'r Reading,
    spot: Spot,
    /// What the head said, once it was read.
    pub line: Option<Line>,
    /// Why it must not be taken, or need not be.
    pub refused: Option<Error>,
    found: Option<set::Found>,
    feed: Option<(Feed, Feeder)>,
    part: i32,
}

impl<'r> Taking<'r> {
    /// Of the data file at `spot`.
    pub fn new(tools: &'r Tools, reading: &'r Reading, spot: Spot) -> Taking<'r> {
        Taking { tools, reading, spot, line: None, refused: None, found: None, feed: None, part: 0 }
    }

    fn conn(&self) -> Result<db::PooledConn> {
        Ok(self.tools.db.get()?)
    }

    /// Looks at a head; what is to be done with the members.
    fn decide(&mut self, head: &TocHead) -> Result<Wanted> {
        let mut line = line(head);
        let (set, part) = (&head.set, &head.part);
        let tape_file = self.spot.data_file;
        self.part = i32::try_from(part.number).map_err(|_| odd("the number of its part is no number of a part"))?;
        if head.tape.uuid != self.reading.label.uuid {
            return Err(Error::conflict(
                "tape_mismatch",
                format!(
                    "the contents behind tape file {tape_file} say that they were written to tape '{}' (UUID {}), but the \
                     label says '{}' (UUID {}): the cartridge was copied or labelled over; nothing of it was taken in",
                    head.tape.label, head.tape.uuid, self.reading.label.label, self.reading.label.uuid
                ),
            ));
        }
        let toc_block = part.first_block.checked_add(part.block_count).and_then(|end| end.checked_add(1));
        if (part.tape_file, part.first_block, toc_block)
            != (tape_file, self.spot.first_block, Some(self.spot.toc_block))
            || part.number == 0
        {
            return Err(odd(&format!(
                "the contents behind tape file {tape_file} (blocks {} to {}) describe tape file {} ({} blocks from {})",
                self.spot.first_block, self.spot.toc_block, part.tape_file, part.block_count, part.first_block
            )));
        }
        if set.kind == SetKind::Database {
            line.outcome = Outcome::New;
            self.line = Some(line);
            return if self.reading.dry_run { Err(enough()) } else { Ok(Wanted::Figures) };
        }
        let mut conn = self.conn()?;
        let Some(tape) = self.reading.tape.as_ref().filter(|_| !self.reading.dry_run) else {
            line.outcome = match set::look(&mut conn, &line.uuid, self.part, part.last)? {
                set::Found::Take { .. } => Outcome::New,
                set::Found::Known { .. } => Outcome::Known,
                set::Found::Left(_) => Outcome::Unfinished,
            };
            line.set_id = db::sets::find_by_uuid(&mut conn, &line.uuid)?.map(|set| set.id);
            self.line = Some(line);
            return Err(enough());
        };
        if let Some(other) = known::other_in(&mut conn, tape.id, tape_file, &line.uuid)? {
            return Err(Error::conflict(
                TWO_CARTRIDGES,
                format!(
                    "the database knows tape file {tape_file} of tape '{}' as a part of set {other}, and on this cartridge it \
                     is of set {}: two cartridges carry the label with UUID {}; nothing of this one was taken in. Look \
                     which of them is the right one",
                    tape.label, line.uuid, self.reading.label.uuid
                ),
            ));
        }
        let named =
            set::Named { info: set, key_fingerprint: &head.key_fingerprint, part: self.part, last: part.last, tape };
        let found = set::open(&mut conn, &named)?;
        let wanted = match &found {
            set::Found::Take { set_id, .. } => {
                line.set_id = Some(*set_id);
                let discard = DiscardPart { set_id: *set_id, part: Some(self.part) };
                futures_executor::block_on(self.tools.catalog.send(discard))??;
                self.feed = Some(feed::start(self.tools.catalog.clone(), *set_id, self.tools.progress.clone())?);
                Wanted::Members
            }
            set::Found::Known { set_id } => {
                line.set_id = Some(*set_id);
                line.outcome = Outcome::Known;
                Wanted::Figures
            }
            set::Found::Left(why) => {
                line.outcome = Outcome::Unfinished;
                line.note.clone_from(why);
                Wanted::Figures
            }
        };
        self.found = Some(found);
        self.line = Some(line);
        Ok(wanted)
    }

    /// The table was read from end to end: what it says counts now.
    pub fn finish(mut self, head: TocHead, end_block: u64, tally: &Tally) -> Result<Line> {
        let stored = self.store(head, end_block, tally);
        if let Err(error) = stored {
            self.undo()?;
            return Err(error);
        }
        self.line.take().ok_or_else(|| Error::internal("contents were taken without a head"))
    }

    fn store(&mut self, head: TocHead, end_block: u64, tally: &Tally) -> Result<()> {
        self.end_feed()?;
        let (kind, last, end) = (head.set.kind, head.part.last, head.end);
        let (uuid, start) = (head.set.uuid, head.set.start);
        let key_fingerprint = head.key_fingerprint.clone();
        let chaining = head.part.cut.as_ref().and_then(Cut::chaining);
        let layout = PartLayout::from_toc(head, self.spot.toc_block, end_block)?;
        let Some(tape) = &self.reading.tape else { return Ok(()) };
        let (tape_id, mut conn) = (tape.id, self.conn()?);
        let line = self.line.as_mut().ok_or_else(|| Error::internal("contents were stored without a head"))?;
        if kind == SetKind::Database {
            let copy = part::DatabaseCopy {
                uuid,
                tape_id,
                start,
                size: tally.totals.bytes,
                tape_file: layout.tape_file,
                first_block: layout.first_block,
                checksum: tally.hash.clone().finish(),
                key_fingerprint,
            };
            let new = part::store_database_copy(&mut conn, &copy)?;
            line.outcome = if new { Outcome::Added } else { Outcome::Known };
            return Ok(());
        }
        match self.found {
            Some(set::Found::Take { set_id, .. }) => {
                let read =
                    part::Read { set_id, tape_id, layout, last, end, tally: tally.clone(), chaining, reserve: None };
                let set = part::store(&mut conn, read)?;
                line.outcome = match set.status {
                    SetStatus::Completed => Outcome::Added,
                    _ => Outcome::Incomplete,
                };
                line.note = set.incomplete_reason.unwrap_or_default();
                self.tools.catalog.do_send(Index { set_id });
            }
            Some(set::Found::Known { set_id }) => {
                if let Some(difference) = known::difference(&mut conn, set_id, tape_id, &layout, tally)? {
                    line.outcome = Outcome::Differs;
                    line.note = difference;
                }
            }
            Some(set::Found::Left(_)) | None => {}
        }
        Ok(())
    }

    /// Waits until the catalog has stored (or refused) what it was sent.
    fn end_feed(&mut self) -> Result<()> {
        match self.feed.take() {
            Some((feed, feeder)) => {
                drop(feed);
                feeder.finish()
            }
            None => Ok(()),
        }
    }

    /// The table could not be read to its end, or must not be taken: nothing of it stays.
    pub fn undo(&mut self) -> Result<()> {
        // what the catalog refused is going to be dropped anyway
        if let Err(error) = self.end_feed() {
            tracing::warn!(%error, "rows of contents that are not used were refused");
        }
        let Some(set::Found::Take { set_id, before }) = self.found.take() else { return Ok(()) };
        match before {
            None => futures_executor::block_on(self.tools.catalog.send(Discard { set_id }))??,
            Some(_) => {
                let part = Some(self.part);
                futures_executor::block_on(self.tools.catalog.send(DiscardPart { set_id, part }))??;
            }
        }
        if let Some(line) = &mut self.line {
            line.set_id = line.set_id.filter(|_| before.is_some());
        }
        set::close(&mut *self.conn()?, set_id, before)
    }
}

/// Marks a cartridge that is not the one that the database knows by its label.
pub const TWO_CARTRIDGES: &str = "two_cartridges";

/// Marks that no more of the contents is wanted.
pub const ENOUGH: &str = "enough";

fn enough() -> Error {
    Error::new(ErrorKind::Internal, ENOUGH, "only the head was wanted")
}

fn odd(what: &str) -> Error {
    Error::new(
        ErrorKind::Unprocessable,
        "toc_mismatch",
        format!("{what}: the tape is damaged, or was not written by this program; nothing of it was taken in"),
    )
}

fn line(head: &TocHead) -> Line {
    Line {
        outcome: Outcome::Refused,
        set_id: None,
        uuid: head.set.uuid.to_string(),
        job: head.set.job.clone(),
        kind: kind_word(&head.set).to_string(),
        start: head.set.start,
        part: head.part.number,
        last: head.part.last,
        files: head.part.totals.files,
        bytes: head.part.totals.bytes,
        tape_file: head.part.tape_file,
        note: String::new(),
    }
}

fn kind_word(set: &SetInfo) -> &'static str {
    super::unread::kind_word(set.kind)
}

impl Rows for Taking<'_> {
    fn begin(&mut self, head: &TocHead) -> tape_format::Result<Wanted> {
        self.decide(head).map_err(|error| {
            let text = error.to_string();
            if self.line.is_none() {
                self.line = Some(line(head));
            }
            self.refused = Some(error);
            FormatError::Source(text)
        })
    }

    fn member(&mut self, part: u32, record: MemberRecord, block: u64) -> tape_format::Result<()> {
        let Some((feed, _)) = &mut self.feed else { return Ok(()) };
        if feed.failed() {
            return Err(FormatError::Source("the catalog does not take it".into()));
        }
        if self.tools.control.stopped().is_some() {
            return Err(FormatError::Source("stopped".into()));
        }
        self.tools.progress.files.fetch_add(1, Ordering::Relaxed);
        feed.member(part as i32, record, block);
        Ok(())
    }

    fn deleted(&mut self, path: Vec<u8>) -> tape_format::Result<()> {
        if let Some((feed, _)) = &mut self.feed {
            feed.gone(path);
        }
        Ok(())
    }
}
