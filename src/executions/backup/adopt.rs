//! Takes a set into the catalog that the tape has and the database missed: the crash came between the two.

use super::append::AppendAt;
use crate::actors::catalog::{CatalogActor, Commit, Discard, Insert, InsertDeleted};
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::commit::{CommitPart, CommitSet};
use crate::db::{self, sets::BackupSet};
use crate::executions::{Context, Lease};
use crate::{Error, Result};
use actix::Addr;
use std::collections::HashMap;
use tape_drive::TapeDrive;
use tape_format::crypt::{Key, Keys};
use tape_format::part::{self, PartLayout};
use tape_format::toc::{TocHead, TocSink};
use tape_format::{FormatError, MemberRecord};

/// Members stored in one go.
const BATCH: usize = 10_000;

/// Adopts the set whose table of contents begins at `toc_block`, if it is one of `interrupted` and complete. `None`:
/// it is somebody else's.
pub fn adopt(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    interrupted: &[BackupSet],
    at: AppendAt,
    toc_block: u64,
) -> Result<Option<AppendAt>> {
    for set in interrupted {
        // what the failed run left in the catalog is incomplete
        futures_executor::block_on(context.services.catalog.send(Discard { set_id: set.id }))??;
    }
    let task = ReadToc {
        block: toc_block,
        keys: keys(context, interrupted)?,
        sets: interrupted.iter().map(|set| (set.uuid.clone(), set.id)).collect(),
        catalog: context.services.catalog.clone(),
    };
    let Some(adopted) = context.perform(lease, task)? else { return Ok(None) };
    let Some(set) = interrupted.iter().find(|set| set.id == adopted.set_id) else { return Ok(None) };
    let layout = adopted.layout;
    let end = AppendAt { file: layout.tape_file + 2, block: layout.end_block };
    let bytes = layout.stream_bytes as i64;
    if layout.tape_file != at.file || layout.first_block != at.block {
        return Ok(None);
    }
    db::tape_lifecycle::part_written(&mut *context.conn()?, tape_id, end.file as i64, end.block as i64, bytes)?;
    if !adopted.complete {
        futures_executor::block_on(context.services.catalog.send(Discard { set_id: set.id }))??;
        context
            .why(&[format!("A part of set {}, which was cut off, is on the tape; this run goes behind it.", set.id)])?;
        return Ok(Some(end));
    }
    let job = db::jobs::find(&mut *context.conn()?, set.job_id)?;
    let done = CommitSet {
        set_id: set.id,
        source_id: job.source_id,
        parts: vec![CommitPart { tape_id, layout }],
        file_count: adopted.files,
        total_bytes: adopted.bytes,
        warning_count: 0,
        deleted_count: adopted.deleted,
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

fn keys(context: &Context, sets: &[BackupSet]) -> Result<KeyRing> {
    let mut ring = HashMap::new();
    let mut conn = context.conn()?;
    for id in sets.iter().filter_map(|set| set.encryption_key_id) {
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
struct Adopted {
    set_id: i32,
    layout: PartLayout,
    complete: bool,
    files: i64,
    bytes: i64,
    deleted: i64,
}

struct ReadToc {
    block: u64,
    keys: KeyRing,
    sets: HashMap<String, i32>,
    catalog: Addr<CatalogActor>,
}

impl DriveTask for ReadToc {
    /// `None`: the set is none of ours.
    type Output = Option<Adopted>;
    const NAME: &'static str = "read a table of contents";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Option<Adopted>> {
        let mut sink = Sink {
            task: &self,
            set_id: None,
            part: 1,
            frames: Vec::new(),
            head: None,
            rows: Vec::new(),
            gone: Vec::new(),
            deleted: 0,
        };
        let (head, end_block) = match part::read_toc(drive, self.block, &self.keys, &mut sink) {
            Ok(read) => read,
            // another key, another program, or damage: not ours to adopt
            Err(FormatError::Drive(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the table of contents behind the expected end is not readable");
                return Ok(None);
            }
        };
        let Some(set_id) = sink.set_id else { return Ok(None) };
        sink.flush().map_err(Error::from)?;
        let deleted = sink.deleted;
        let totals = head.totals;
        let complete = head.part.last && head.part.number == 1;
        let layout = PartLayout::from_toc(head, self.block, end_block)?;
        Ok(Some(Adopted { set_id, layout, complete, files: totals.files as i64, bytes: totals.bytes as i64, deleted }))
    }
}

/// Stores members as they are read.
struct Sink<'t> {
    task: &'t ReadToc,
    set_id: Option<i32>,
    part: i32,
    frames: Vec<(u64, u64)>,
    head: Option<(u64, u64)>,
    rows: Vec<(MemberRecord, u64)>,
    gone: Vec<Vec<u8>>,
    deleted: i64,
}

impl Sink<'_> {
    fn flush(&mut self) -> tape_format::Result<()> {
        let Some(set_id) = self.set_id else { return Ok(()) };
        let (rows, paths) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.gone));
        let stored = (|| -> Result<()> {
            if !rows.is_empty() {
                futures_executor::block_on(self.task.catalog.send(Insert { set_id, part: self.part, rows }))??;
            }
            if !paths.is_empty() {
                futures_executor::block_on(self.task.catalog.send(InsertDeleted { set_id, paths }))??;
            }
            Ok(())
        })();
        stored.map_err(|error| FormatError::Source(error.message))
    }

    /// The block in which the frame begins that a place of the tar stream is in.
    fn block_of(&self, tar_offset: u64) -> u64 {
        let Some((first_block, block_size)) = self.head else { return 0 };
        let at = self.frames.partition_point(|(tar, _)| *tar <= tar_offset).saturating_sub(1);
        let stream = self.frames.get(at).map_or(0, |(_, stream)| *stream);
        first_block + stream / block_size.max(1)
    }
}

impl TocSink for Sink<'_> {
    fn head(&mut self, head: &TocHead) -> tape_format::Result<()> {
        self.set_id = self.task.sets.get(&head.set.uuid.to_string()).copied();
        self.part = head.part.number as i32;
        self.frames = head.frames.clone();
        self.head = Some((head.part.first_block, u64::from(head.part.block_size)));
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> tape_format::Result<()> {
        let block = self.block_of(record.tar_offset);
        self.rows.push((record, block));
        if self.rows.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn deleted(&mut self, path: Vec<u8>) -> tape_format::Result<()> {
        self.deleted += 1;
        self.gone.push(path);
        if self.gone.len() >= BATCH { self.flush() } else { Ok(()) }
    }
}
