//! Takes a set into the catalog that the tape has and the database missed: the crash came between the two.

use super::append::AppendAt;
use crate::Result;
use crate::actors::catalog::{CatalogActor, Commit, Discard, Insert, InsertDeleted};
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::commit::{CommitPart, CommitSet};
use crate::db::{self, SetStatus, sets::BackupSet};
use crate::executions::{Context, Lease};
use actix::Addr;
use std::collections::HashMap;
use tape_drive::TapeDrive;
use tape_format::crypt::{Key, Keys};
use tape_format::part::{self, PartLayout};
use tape_format::toc::{TocHead, TocSink};
use tape_format::{FormatError, MemberRecord};

/// Members stored in one go.
const BATCH: usize = 10_000;

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
    let task = ReadToc {
        block: toc_block,
        keys: keys(context, set.as_ref())?,
        uuid: writing.into(),
        set_id: set.as_ref().map(|set| set.id),
        catalog: context.services.catalog.clone(),
    };
    let found = context.perform(lease, task)?;
    let here = found.filter(|found| (found.layout.tape_file, found.layout.first_block) == (at.file, at.block));
    let Some(Found { layout, complete, files, bytes, deleted }) = here else {
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
        file_count: files,
        total_bytes: bytes,
        warning_count: 0,
        deleted_count: deleted,
        checksum: None,
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

fn keys(context: &Context, set: Option<&BackupSet>) -> Result<KeyRing> {
    let mut ring = HashMap::new();
    let mut conn = context.conn()?;
    if let Some(id) = set.and_then(|set| set.encryption_key_id) {
        let fingerprint = db::encryption_keys::find(&mut conn, id)?.key_fingerprint;
        ring.insert(fingerprint.clone(), context.services.keys.for_reading(&mut conn, &fingerprint)?);
    }
    Ok(KeyRing(ring))
}

struct KeyRing(HashMap<String, Key>);

impl Keys for KeyRing {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        self.0.get(fingerprint).cloned()
    }
}

/// What a table of contents said.
struct Found {
    layout: PartLayout,
    /// The set is this one part.
    complete: bool,
    files: i64,
    bytes: i64,
    deleted: i64,
}

struct ReadToc {
    block: u64,
    keys: KeyRing,
    uuid: String,
    set_id: Option<i32>,
    catalog: Addr<CatalogActor>,
}

impl DriveTask for ReadToc {
    /// `None`: it is of another set, or not readable.
    type Output = Option<Found>;
    const NAME: &'static str = "read a table of contents";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Option<Found>> {
        let mut sink = Sink { task: &self, place: None, rows: Vec::new(), gone: Vec::new(), deleted: 0 };
        let (head, end_block) = match part::read_toc(drive, self.block, &self.keys, &mut sink) {
            Ok(read) => read,
            Err(FormatError::Drive(error)) => return Err(error.into()),
            // another key, another program, or damage: not ours to adopt
            Err(error) => {
                tracing::warn!(%error, "the table of contents behind the expected end is not readable");
                return Ok(None);
            }
        };
        if head.set.uuid.to_string() != self.uuid {
            return Ok(None);
        }
        sink.flush()?;
        let deleted = sink.deleted;
        let totals = head.totals;
        let complete = head.part.last && head.part.number == 1;
        let layout = PartLayout::from_toc(head, self.block, end_block)?;
        Ok(Some(Found { layout, complete, files: totals.files as i64, bytes: totals.bytes as i64, deleted }))
    }
}

/// Where the frames of a part are.
struct Place {
    part: i32,
    frames: Vec<(u64, u64)>,
    first_block: u64,
    block_size: u64,
}

/// Stores members as they are read, if the part is of the set that is looked for and the set is in the catalog.
struct Sink<'t> {
    task: &'t ReadToc,
    place: Option<Place>,
    rows: Vec<(MemberRecord, u64)>,
    gone: Vec<Vec<u8>>,
    deleted: i64,
}

impl Sink<'_> {
    fn flush(&mut self) -> tape_format::Result<()> {
        let (rows, paths) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.gone));
        let (Some(set_id), Some(place)) = (self.task.set_id, &self.place) else { return Ok(()) };
        let catalog = &self.task.catalog;
        let stored = (|| -> Result<()> {
            if !rows.is_empty() {
                futures_executor::block_on(catalog.send(Insert { set_id, part: place.part, rows }))??;
            }
            if !paths.is_empty() {
                futures_executor::block_on(catalog.send(InsertDeleted { set_id, paths }))??;
            }
            Ok(())
        })();
        stored.map_err(|error| FormatError::Source(error.message))
    }
}

impl Place {
    /// The block in which the frame begins that a place of the tar stream is in.
    fn block_of(&self, tar_offset: u64) -> u64 {
        let at = self.frames.partition_point(|(tar, _)| *tar <= tar_offset).saturating_sub(1);
        let stream = self.frames.get(at).map_or(0, |(_, stream)| *stream);
        self.first_block + stream / self.block_size.max(1)
    }
}

impl TocSink for Sink<'_> {
    fn head(&mut self, head: &TocHead) -> tape_format::Result<()> {
        self.place = (head.set.uuid.to_string() == self.task.uuid).then(|| Place {
            part: head.part.number as i32,
            frames: head.frames.clone(),
            first_block: head.part.first_block,
            block_size: u64::from(head.part.block_size),
        });
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> tape_format::Result<()> {
        let block = self.place.as_ref().map_or(0, |place| place.block_of(record.tar_offset));
        self.rows.push((record, block));
        if self.rows.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn deleted(&mut self, path: Vec<u8>) -> tape_format::Result<()> {
        self.deleted += 1;
        self.gone.push(path);
        if self.gone.len() >= BATCH { self.flush() } else { Ok(()) }
    }
}
