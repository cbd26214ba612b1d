//! A set whose table of contents cannot be read, taken from its data instead: slower, for all of it has to be read, and
//! without what only the table knows (change times, inode numbers, the paths that are gone, the parent).

use super::report::{Line, Outcome};
use super::taking::{Reading, Tools};
use crate::actors::catalog::{Discard, Index};
use crate::catalog::from_toc::Tally;
use crate::catalog::rebuild::{part, set};
use crate::db::{self, SetStatus, tapes::Tape};
use crate::executions::backup::feed::{self, Feed};
use crate::{Error, Result};
use std::sync::atomic::Ordering;
use tape_drive::TapeDrive;
use tape_format::FormatError;
use tape_format::crypt::Key;
use tape_format::salvage::{self, Damage, Identity, Place, SalvageSink, SalvagedMember, SalvagedPart};
use tape_format::toc::{SetInfo, SetKind, Summary, TocHead, Totals};
use uuid::Uuid;

/// Places and files that are named in a report.
const NAMED: usize = 20;

/// A data file, and what is known of it from elsewhere.
pub struct Lost<'a> {
    /// Number of the tape file.
    pub file: u64,
    /// Its first block.
    pub first_block: u64,
    /// What a table of contents says of it.
    pub summary: Option<&'a Summary>,
    /// The head of its own table of contents, if that much could be read.
    pub head: Option<&'a TocHead>,
}

impl Lost<'_> {
    /// What is known of its set; of one that nothing names, a name of its own until its data tells.
    fn info(&self) -> SetInfo {
        match (self.head, self.summary) {
            (Some(head), _) => head.set.clone(),
            (None, Some(line)) => SetInfo {
                uuid: line.set,
                job: line.job.clone(),
                kind: line.kind,
                parent: None,
                start: line.start,
                compression: "none".into(),
                copy_of: None,
            },
            (None, None) => SetInfo {
                uuid: Uuid::new_v4(),
                job: String::new(),
                kind: SetKind::Full,
                parent: None,
                start: 0,
                compression: "none".into(),
                copy_of: None,
            },
        }
    }

    fn part(&self) -> u32 {
        self.summary.map_or(1, |line| line.part)
    }

    fn key_fingerprint(&self) -> &str {
        self.summary.map_or("", |line| &line.key_fingerprint)
    }
}

/// What came of it.
pub struct Salvaged {
    /// The set in the report.
    pub line: Line,
    /// What is not as it should be.
    pub problem: Option<String>,
}

/// Reads a data file and takes its members in. `None`: it cannot be taken in this way (a later part of a set).
///
/// # Errors
/// Why nothing of it was taken in.
pub fn take(
    tools: &Tools,
    reading: &Reading,
    keys: &[Key],
    lost: &Lost<'_>,
    drive: &mut dyn TapeDrive,
) -> Result<Option<Salvaged>> {
    let Some(tape) = reading.tape.as_ref().filter(|_| !reading.dry_run && lost.part() == 1) else { return Ok(None) };
    let mut info = lost.info();
    if info.kind == SetKind::Database {
        return Ok(None);
    }
    if info.job.is_empty() {
        // of an encrypted set only its increments name the job
        info.job = set::job_of_increments(&mut *tools.db.get()?, &info.uuid.to_string())?.unwrap_or_default();
    }
    let open = |info: &SetInfo, key: &str, last: bool| -> Result<set::Found> {
        let named = set::Named { info, key_fingerprint: key, part: 1, last, tape };
        set::open(&mut *tools.db.get()?, &named)
    };
    let conn = &mut *tools.db.get()?;
    let before = match set::look(conn, &info.uuid.to_string(), 1, true)? {
        set::Found::Take { before: None, .. } => None,
        // an earlier rebuild noted that it is there, and had no key, or a drive that could not read it
        set::Found::Take { set_id, before: Some(SetStatus::Incomplete) }
            if db::set_parts::of_set(conn, set_id)?.is_empty() =>
        {
            Some(SetStatus::Incomplete)
        }
        // something of it is known already; that stays as it is
        _ => return Ok(None),
    };
    let set::Found::Take { set_id, .. } = open(&info, lost.key_fingerprint(), true)? else { return Ok(None) };
    let done = (|| -> Result<Option<Salvaged>> {
        let read = read(tools, set_id, keys, lost, &info, drive)?;
        let identity = read
            .part
            .identity
            .or((info.uuid != Uuid::nil() && lost.summary.is_some()).then_some(Identity { set: info.uuid, part: 1 }));
        let Some(identity) = identity.filter(|identity| identity.part == 1) else { return Ok(None) };
        if identity.set != info.uuid {
            if lost.summary.is_some()
                || db::sets::find_by_uuid(&mut *tools.db.get()?, &identity.set.to_string())?.is_some()
            {
                return Err(Error::new(
                    crate::ErrorKind::Unprocessable,
                    "toc_mismatch",
                    format!("its data says that it is of set {}, and the tape says otherwise", identity.set),
                ));
            }
            set::rename(&mut *tools.db.get()?, set_id, &identity.set.to_string())?;
            info.uuid = identity.set;
        }
        info.compression = read.part.layout.codec.name().into();
        open(&info, &read.part.key_fingerprint, read.part.complete)?;
        store(tools, tape, set_id, lost, &info, read).map(Some)
    })();
    match done {
        Ok(Some(salvaged)) => Ok(Some(salvaged)),
        other => {
            futures_executor::block_on(tools.catalog.send(Discard { set_id }))??;
            set::close(&mut *tools.db.get()?, set_id, before)?;
            other
        }
    }
}

/// What the data gave.
struct Read {
    part: SalvagedPart,
    tally: Tally,
    lost: Vec<String>,
    lost_count: u64,
}

fn read(
    tools: &Tools,
    set_id: i32,
    keys: &[Key],
    lost: &Lost<'_>,
    info: &SetInfo,
    drive: &mut dyn TapeDrive,
) -> Result<Read> {
    let (feed, feeder) = feed::start(tools.catalog.clone(), set_id, tools.progress.clone())?;
    let place = Place {
        tape_file: lost.file,
        first_block: lost.first_block,
        may_be: lost.summary.map(|line| Identity { set: info.uuid, part: line.part }).into_iter().collect(),
        ..Place::default()
    };
    let mut sink =
        Sink { tools, feed, first_block: lost.first_block, tally: Tally::default(), lost: Vec::new(), lost_count: 0 };
    let part = salvage::read_part(drive, &place, keys, &mut sink);
    let Sink { feed, tally, lost, lost_count, .. } = sink;
    drop(feed);
    feeder.finish()?;
    Ok(Read { part: part?, tally, lost, lost_count })
}

/// Stores what was read. A full set that is whole is complete; anything else can be restored as far as it goes.
fn store(tools: &Tools, tape: &Tape, set_id: i32, lost: &Lost<'_>, info: &SetInfo, read: Read) -> Result<Salvaged> {
    let Read { part, tally, lost: names, lost_count } = read;
    let promised = lost.summary.map(|line| line.totals);
    let reserve = if !part.undamaged || lost_count > 0 {
        Some("its data is damaged, too".to_string())
    } else if lost.summary.is_none() {
        Some("nothing on the tape says of which job it is, and what it builds on".to_string())
    } else if info.kind == SetKind::Incremental {
        Some("which files were gone since the set before was only in its contents".to_string())
    } else if promised.is_some_and(|promised| !agree(&promised, &tally)) {
        Some("its data has other files than a later table of contents says".to_string())
    } else {
        None
    };
    let reserve = reserve.map(|why| {
        format!(
            "its contents cannot be read; what there is was found in its data, to be restored with only_this_set; {why}"
        )
    });
    let complete = part.complete;
    let stored = part::Read {
        set_id,
        tape_id: tape.id,
        layout: part.layout,
        last: complete,
        end: lost.summary.map_or(info.start, |line| line.end),
        tally: tally.clone(),
        chaining: None,
        reserve: reserve.clone(),
    };
    let set = part::store(&mut *tools.db.get()?, stored)?;
    tools.catalog.do_send(Index { set_id });
    let note = set.incomplete_reason.clone().unwrap_or_else(|| {
        "its contents cannot be read; it was taken from its data, without change times: the next incremental sends its \
         files again"
            .into()
    });
    let damaged = match lost_count {
        0 => String::new(),
        count => format!("; {count} files or places are lost: {}", names.join(", ")),
    };
    let problem = (set.status != SetStatus::Completed || lost_count > 0)
        .then(|| format!("set {} (tape file {}): {note}{damaged}", info.uuid, lost.file));
    let line = Line {
        outcome: Outcome::Salvaged,
        set_id: Some(set_id),
        uuid: info.uuid.to_string(),
        job: info.job.clone(),
        kind: super::unread::kind_word(info.kind).into(),
        start: info.start,
        part: 1,
        last: complete,
        files: tally.totals.files,
        bytes: tally.totals.bytes,
        tape_file: lost.file,
        note,
    };
    Ok(Salvaged { line, problem })
}

/// Whether a later table of contents and the data name the same files. Its figures count hard links, if they came from the
/// database, and do not, if they came from the part.
fn agree(promised: &Totals, tally: &Tally) -> bool {
    promised.bytes == tally.totals.bytes && [tally.files, tally.totals.files].contains(&promised.files)
}

struct Sink<'t> {
    tools: &'t Tools,
    feed: Feed,
    first_block: u64,
    tally: Tally,
    lost: Vec<String>,
    lost_count: u64,
}

impl Sink<'_> {
    fn note(&mut self, what: String) {
        self.lost_count += 1;
        if self.lost.len() < NAMED {
            self.lost.push(what);
        }
    }
}

impl SalvageSink for Sink<'_> {
    fn member(&mut self, member: SalvagedMember) -> tape_format::Result<()> {
        if self.feed.failed() {
            return Err(FormatError::Source("the catalog does not take it".into()));
        }
        if member.cut.is_some() {
            // it is complete with the next part
            return Ok(());
        }
        if !member.is_whole() {
            self.note(tape_format::path_text::to_text(&member.record.path).into_owned());
            return Ok(());
        }
        self.tally.add(&member.record);
        self.tools.progress.files.fetch_add(1, Ordering::Relaxed);
        // the frames are known when all of it was read; whoever reads goes by the tar offset
        self.feed.member(1, member.record, self.first_block);
        Ok(())
    }

    fn damage(&mut self, damage: &Damage) -> tape_format::Result<()> {
        self.note(damage.reason.clone());
        Ok(())
    }

    fn progress(&mut self, stream_bytes: u64) -> tape_format::Result<()> {
        self.tools.progress.tape_bytes.store(stream_bytes, Ordering::Relaxed);
        match self.tools.control.stopped() {
            Some(_) => Err(FormatError::Source("stopped".into())),
            None => Ok(()),
        }
    }
}
