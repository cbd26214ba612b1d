//! Takes a set into the catalog that the tape has and the database missed: the crash came between the two.

use super::append::AppendAt;
use super::feed::{self, Feed, Feeder};
use crate::Result;
use crate::actors::catalog::{Commit, Discard};
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::commit::{CommitPart, CommitSet};
use crate::catalog::from_toc::{FromToc, Rows, Tally, Wanted};
use crate::db::{self, SetStatus, sets::BackupSet};
use crate::executions::{Context, Lease};
use crate::keys::KeyRing;
use tape_drive::TapeDrive;
use tape_format::part::{self, PartLayout};
use tape_format::toc::TocHead;
use tape_format::{FormatError, MemberRecord};

/// Looks at the part whose table of contents begins at `toc_block`, behind the expected end of a tape on which set
/// `writing` was being written. Returns where the tape ends now, or `None` if the part is somebody else's.
pub fn adopt(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    writing: &str,
    at: AppendAt,
    toc_block: u64,
) -> Result<Option<AppendAt>> {
    let set = db::sets::find_by_uuid(&mut *context.conn()?, writing)?;
    // what the cut-off run left in the catalog is incomplete
    discard(context, set.as_ref())?;
    let (feed, feeder) = match &set {
        Some(set) => {
            let (feed, feeder) = feed::start(context.services.catalog.clone(), set.id)?;
            (Some(feed), Some(feeder))
        }
        None => (None, None),
    };
    let keys = KeyRing::open(&mut *context.conn()?, &context.services.keys)?;
    let task = ReadToc { block: toc_block, keys, uuid: writing.into(), feed };
    let found = context.perform(lease, task);
    feeder.map_or(Ok(()), Feeder::finish)?;
    let here = found?.filter(|found| (found.layout.tape_file, found.layout.first_block) == (at.file, at.block));
    let Some(Found { layout, complete, tally }) = here else {
        discard(context, set.as_ref())?;
        return Ok(None);
    };
    let end = AppendAt { file: layout.tape_file + 2, block: layout.end_block };
    let stored = layout.stream_bytes as i64;
    db::tape_lifecycle::part_written(&mut *context.conn()?, tape_id, end.file as i64, end.block as i64, stored)?;
    let unfinished = set.as_ref().filter(|set| complete && set.status != SetStatus::Completed);
    let Some(set) = unfinished else {
        discard(context, set.as_ref())?;
        context
            .why(&[format!("A part of set {writing}, which was cut off, is on the tape; this run goes behind it.")])?;
        return Ok(Some(end));
    };
    let job = db::jobs::find(&mut *context.conn()?, set.job_id)?;
    let done = CommitSet {
        set_id: set.id,
        source_id: job.source_id,
        parts: vec![CommitPart { tape_id, layout }],
        file_count: tally.files as i64,
        total_bytes: tally.totals.bytes as i64,
        warning_count: 0,
        deleted_count: tally.deleted as i64,
        checksum: Some(tally.hash.finish()),
        expires_at: (job.retention_days > 0).then(|| db::now() + chrono::Duration::days(i64::from(job.retention_days))),
        key: None,
    };
    db::sets::reopen(&mut *context.conn()?, set.id)?;
    futures_executor::block_on(context.services.catalog.send(Commit(done)))??;
    context.why(&[format!(
        "Set {} was cut off after the tape had it and before the database did; it is complete now.",
        set.id
    )])?;
    Ok(Some(end))
}

fn discard(context: &Context, set: Option<&BackupSet>) -> Result<()> {
    match set.filter(|set| set.status != SetStatus::Completed) {
        Some(set) => futures_executor::block_on(context.services.catalog.send(Discard { set_id: set.id }))?,
        None => Ok(()),
    }
}

/// What a table of contents said.
struct Found {
    layout: PartLayout,
    /// The set is this one part.
    complete: bool,
    tally: Tally,
}

struct ReadToc {
    block: u64,
    keys: KeyRing,
    uuid: String,
    /// None: the set is not in the database.
    feed: Option<Feed>,
}

impl DriveTask for ReadToc {
    /// `None`: it is of another set, or not readable.
    type Output = Option<Found>;
    const NAME: &'static str = "read a table of contents";

    fn run(mut self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Option<Found>> {
        let (block, keys) = (self.block, std::mem::take(&mut self.keys));
        let mut sink = FromToc::new(&mut self);
        let read = part::read_toc(drive, block, &keys, &mut sink);
        let tally = std::mem::take(&mut sink.tally);
        let (head, end_block) = match read.and_then(|read| tally.agrees_with(&read.0).map(|()| read)) {
            Ok(read) => read,
            Err(FormatError::Drive(error)) => return Err(error.into()),
            // another set, another key, another program, or damage: not ours to adopt
            Err(error) => {
                tracing::warn!(%error, "the table of contents behind the expected end is not usable");
                return Ok(None);
            }
        };
        let complete = head.part.last && head.part.number == 1;
        let layout = PartLayout::from_toc(head, block, end_block)?;
        Ok(Some(Found { layout, complete, tally }))
    }
}

/// Members go to the catalog, if the part is of the set that is looked for.
impl Rows for ReadToc {
    fn begin(&mut self, head: &TocHead) -> tape_format::Result<Wanted> {
        match (head.set.uuid.to_string() == self.uuid, &self.feed) {
            (false, _) => Err(FormatError::Toc(format!("it is of set {}", head.set.uuid))),
            (true, None) => Ok(Wanted::Figures),
            (true, Some(_)) => Ok(Wanted::Members),
        }
    }

    fn member(&mut self, part: u32, record: MemberRecord, block: u64) -> tape_format::Result<()> {
        if let Some(feed) = &mut self.feed {
            feed.member(part as i32, record, block);
        }
        Ok(())
    }

    fn deleted(&mut self, path: Vec<u8>) -> tape_format::Result<()> {
        if let Some(feed) = &mut self.feed {
            feed.gone(path);
        }
        Ok(())
    }
}
