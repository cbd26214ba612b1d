//! Where a set stands that is not complete, and how it goes on from there.
//!
//! Its row in `backup_checkpoints` has the place behind the last closed part, and of the part that is being written the
//! last checkpoint. When a set is taken up, the tape with the open part is put in order first ([`super::append`]); what is
//! behind its checkpoint counts for nothing.

use super::plan;
use super::write::Start;
use crate::actors::catalog::{CatalogActor, Commit, Cut, Discard, Index};
use crate::backup::resume::Resume;
use crate::catalog::commit::CommitSet;
use crate::catalog::from_toc::Tally;
use crate::catalog::partial::{self, Cataloged};
use crate::catalog::spanning::{self, Rest};
use crate::db::checkpoints::{self, SetProgress};
use crate::db::{self, Conn, DbPool, SetStatus, sets::BackupSet};
use crate::executions::Context;
use crate::{Error, Result};
use actix::Addr;
use serde::{Deserialize, Serialize};
use tape_format::crypt::SEGMENT_SIZE;
use tape_format::part::{Checkpoint, FrameTable, PartLayout};
use tape_format::toc::Totals;
use tape_format::{FormatError, Unfinished};

/// A place in a set's tar stream at which a part can begin.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Offset.
    pub tar_end: u64,
    /// The member in which it lies.
    pub goes_on: Option<Unfinished>,
    /// Nothing follows: the tape has the whole set, and the catalog too.
    #[serde(default)]
    pub complete: bool,
}

impl Place {
    fn parse(text: &str) -> Result<Place> {
        serde_json::from_str(text).map_err(|error| unreadable(&error))
    }

    fn text(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::internal(format!("the stored state of the run cannot be read ({error}); run the job anew"))
}

/// A set begins: from now on it can be taken up again.
pub fn begin(conn: &mut Conn, set_id: i32, source_path: &str) -> Result<()> {
    checkpoints::begin(conn, set_id, source_path, &Place::default().text()?)
}

/// The set that a run is to go on with.
///
/// # Errors
/// If it is complete, was given up, or its source is another folder now.
pub fn reopen(context: &Context, set_id: i32, source_path: &str) -> Result<BackupSet> {
    let mut conn = context.conn()?;
    let set = db::sets::find(&mut conn, set_id)?;
    let lost = |why: &str| {
        let message = format!("backup set {set_id} cannot go on where it stopped: {why}; run the job anew");
        Error::conflict("not_resumable", message)
    };
    let progress = checkpoints::find(&mut conn, set_id)?.ok_or_else(|| lost("what it had was given up"))?;
    if matches!(set.status, SetStatus::Completed | SetStatus::Cancelled) {
        return Err(lost(&format!("it is {}", set.status)));
    }
    if let Some(label) = lost_tape(&mut conn, set_id, progress.tape_id)? {
        return Err(lost(&format!("tape {label}, on which it is, is lost")));
    }
    if progress.source_path != source_path {
        return Err(lost(&format!("it was reading {}, and the source is {source_path} now", progress.source_path)));
    }
    db::sets::reopen(&mut conn, set_id)?;
    db::sets::find(&mut conn, set_id)
}

/// A lost tape that has a part of a set, or on which one was being written.
fn lost_tape(conn: &mut Conn, set_id: i32, open: Option<i32>) -> Result<Option<String>> {
    let open = open.map(|id| db::tapes::find(conn, id)).transpose()?.filter(|tape| tape.lost_at.is_some());
    let closed = db::lost::tapes_of_sets(conn, &[set_id])?.remove(&set_id).unwrap_or_default();
    Ok(open.map(|tape| tape.label).or_else(|| closed.into_iter().next()))
}

/// Gives up what failed runs of a job have left: a new run begins. What is complete on tape only has to be said to be so.
pub fn give_up(context: &Context, job_id: i32) -> Result<()> {
    for set_id in checkpoints::waiting(&mut *context.conn()?, job_id)? {
        if is_complete(&mut *context.conn()?, set_id)? {
            complete(context, set_id)?;
            continue;
        }
        context.log(&format!("What backup set {set_id}, which failed, has on tape is given up: this run begins anew."));
        forget(&context.services.catalog, &mut *context.conn()?, set_id)?;
    }
    Ok(())
}

/// Forgets everything that a set has: it will never be complete.
pub fn forget(catalog: &Addr<CatalogActor>, conn: &mut Conn, set_id: i32) -> Result<()> {
    futures_executor::block_on(catalog.send(Discard { set_id }))??;
    forget_parts(conn, set_id)
}

/// The part of that which the catalog has nothing to do with.
pub(super) fn forget_parts(conn: &mut Conn, set_id: i32) -> Result<()> {
    db::set_parts::delete_of_set(conn, set_id)?;
    checkpoints::end(conn, set_id)
}

/// Whether a set has anything on tape that is worth going on with.
pub fn is_worth(conn: &mut Conn, set_id: i32) -> Result<bool> {
    let Some(progress) = checkpoints::find(conn, set_id)? else { return Ok(false) };
    let place = Place::parse(&progress.place)?;
    Ok(progress.checkpoint.is_some() || place.tar_end > 0 || place.complete)
}

/// Whether the tape and the catalog have the whole set, which is not called complete yet: whatever came between.
pub fn is_complete(conn: &mut Conn, set_id: i32) -> Result<bool> {
    let progress = checkpoints::find(conn, set_id)?;
    progress.map_or(Ok(false), |progress| Ok(Place::parse(&progress.place)?.complete))
}

/// Makes a set complete whose last part is [closed](part_closed), with the figures that the catalog has.
pub fn complete(context: &Context, set_id: i32) -> Result<()> {
    let mut conn = context.conn()?;
    let set = db::sets::find(&mut conn, set_id)?;
    let job = db::jobs::find(&mut conn, set.job_id)?;
    let pool = db::pools::find(&mut conn, job.pool_id)?;
    let key = set.encryption_key_id.or(set.hw_encryption_key_id);
    let key = key.map(|id| db::encryption_keys::find(&mut conn, id)).transpose()?;
    let mut tally = Tally::default();
    partial::members(&mut conn, set_id, None, &mut |record| {
        tally.add(&record);
        Ok(())
    })?;
    let deleted = partial::deleted(&mut conn, set_id)?.len();
    db::sets::reopen(&mut conn, set_id)?;
    drop(conn);
    let done = CommitSet {
        set_id,
        source_id: job.source_id,
        parts: Vec::new(),
        file_count: tally.files as i64,
        total_bytes: tally.totals.bytes as i64,
        warning_count: set.warning_count,
        deleted_count: deleted as i64,
        checksum: Some(tally.hash.finish()),
        expires_at: plan::expires_at(&job, pool.retention_days, db::now()),
        key: key.map(|key| (key.key_fingerprint, key.name)),
    };
    futures_executor::block_on(context.services.catalog.send(Commit(done)))??;
    context.services.catalog.do_send(Index { set_id });
    context.why(&[format!(
        "Set {set_id} was cut off after the tape had it and before the database called it complete; it is complete now."
    )])
}

/// Checkpoints before the last one that are kept: so often can the end of a part be moved forward, if the table of
/// contents does not fit behind the last one.
const EARLIER: usize = 4;
/// Two checkpoints of which either may end the part are at least so far apart, in bytes of stream: never in the same
/// segment of an encrypted part, for one that was sealed as the last must not be sealed as such once more.
const APART: u64 = 2 * SEGMENT_SIZE as u64;

/// The checkpoints of the part that is being written, without their frames.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoints {
    #[serde(flatten)]
    last: Checkpoint,
    /// The newest first.
    #[serde(default)]
    earlier: Vec<Checkpoint>,
}

impl Checkpoints {
    fn parse(text: &str) -> Result<Checkpoints> {
        serde_json::from_str(text).map_err(|error| unreadable(&error))
    }

    /// With one more behind `before`.
    fn with(last: &Checkpoint, before: Option<Checkpoints>) -> Checkpoints {
        let before = before.filter(|before| before.last.part_number == last.part_number);
        let mut earlier: Vec<Checkpoint> = before
            .into_iter()
            .flat_map(|before| std::iter::once(before.last).chain(before.earlier))
            .filter(|before| before.stream_end.saturating_add(APART) <= last.stream_end)
            .collect();
        earlier.truncate(EARLIER);
        Checkpoints { last: Checkpoint { frames: FrameTable::default(), ..last.clone() }, earlier }
    }
}

/// The places at which the part that is being written can be ended, the last one first.
pub fn checkpoints_of(progress: &SetProgress) -> Result<Vec<Checkpoint>> {
    let (Some(text), Some(frames)) = (&progress.checkpoint, &progress.frame_table) else { return Ok(Vec::new()) };
    let Checkpoints { last, earlier } = Checkpoints::parse(text)?;
    let table = FrameTable::decode(frames)?;
    let with_frames = |checkpoint: Checkpoint| {
        let before = table.frames.partition_point(|(tar_offset, _)| *tar_offset < checkpoint.tar_end);
        let frames = table.frames.get(..before).unwrap_or_default().to_vec();
        Checkpoint { frames: FrameTable { frames, stream_header: table.stream_header }, ..checkpoint }
    };
    Ok(std::iter::once(last).chain(earlier).map(with_frames).collect())
}

/// From now on this is the last place at which the part that is being written can be ended. That is stored before the tape
/// and the catalog are cut there: what lies between it and a later one is gone then.
pub fn last_is(conn: &mut Conn, set_id: i32, checkpoint: &Checkpoint) -> Result<()> {
    let Some(text) = checkpoints::last_checkpoint(conn, set_id)? else { return Ok(()) };
    let Checkpoints { last, mut earlier } = Checkpoints::parse(&text)?;
    if last.stream_end == checkpoint.stream_end {
        return Ok(());
    }
    earlier.retain(|before| before.stream_end < checkpoint.stream_end);
    let last = Checkpoint { frames: FrameTable::default(), ..checkpoint.clone() };
    let text = serde_json::to_string(&Checkpoints { last, earlier })?;
    checkpoints::checkpoint(conn, set_id, &text, &checkpoint.frames.encode()?)
}

/// Where a set goes on behind its open part, if the data of that part is known to be on tape up to `tar_end`: where its data
/// ended, or at a checkpoint at which it was ended.
pub fn behind_data(progress: &SetProgress, tar_end: u64) -> Result<Option<Place>> {
    let place = progress.data_ended.as_deref().map(Place::parse).transpose()?;
    if let Some(place) = place.filter(|place| place.tar_end == tar_end) {
        return Ok(Some(place));
    }
    let ended = checkpoints_of(progress)?.into_iter().find(|checkpoint| checkpoint.tar_end == tar_end);
    Ok(ended.map(|checkpoint| Place { tar_end, goes_on: checkpoint.goes_on, complete: false }))
}

/// A part is closed on its tape: it counts from now on, also if the set is never completed.
pub fn part_closed(
    conn: &mut Conn,
    set_id: i32,
    tape_id: i32,
    (layout, totals): (&PartLayout, Totals),
    toc_bytes: u64,
    place: &Place,
) -> Result<()> {
    db::write_transaction(conn, |conn| {
        let chaining = place.goes_on.as_ref().and_then(|goes_on| goes_on.chaining);
        let part = db::set_parts::NewPart::of(set_id, tape_id, layout, totals)?.cut(chaining);
        db::set_parts::insert(conn, &part)?;
        spanning::tell(conn, set_id, Rest::Nothing)?;
        checkpoints::part_ends(conn, set_id, Some(&place.text()?))?;
        tape_ends(conn, tape_id, layout, toc_bytes)
    })
}

/// Where a tape ends now, behind this part.
pub fn tape_ends(conn: &mut Conn, tape_id: i32, layout: &PartLayout, toc_bytes: u64) -> Result<()> {
    let (file, block) = (layout.tape_file as i64 + 2, layout.end_block as i64);
    let added = (layout.stream_bytes + toc_bytes) as i64;
    db::tape_lifecycle::part_written(conn, tape_id, file, block, added).map(drop)
}

/// Nothing of the part that was being written counts: the set goes on behind the one before.
pub fn drop_open_part(context: &Context, set_id: i32) -> Result<()> {
    let mut conn = context.conn()?;
    let Some(progress) = checkpoints::find(&mut conn, set_id)? else { return Ok(()) };
    cut(context, set_id, Place::parse(&progress.place)?.tar_end)?;
    checkpoints::part_ends(&mut conn, set_id, None)
}

/// Forgets the members of a set that end behind a place.
pub fn cut(context: &Context, set_id: i32, tar_end: u64) -> Result<()> {
    futures_executor::block_on(context.services.catalog.send(Cut { set_id, tar_end }))?
}

/// Where a set stands, and how the source is to be read from there; `None`: from its beginning. The open part, if there
/// is one, is dropped: whatever could be saved of it has been saved.
pub fn go_on(context: &Context, set_id: i32) -> Result<(Start, Option<Resume>)> {
    drop_open_part(context, set_id)?;
    let mut conn = context.conn()?;
    let keeper = Some(Keeper { db: context.services.db.clone(), set_id });
    let Some(progress) = checkpoints::find(&mut conn, set_id)? else {
        return Err(Error::internal(format!("backup set {set_id} has no stored state")));
    };
    let place = Place::parse(&progress.place)?;
    let parts = db::set_parts::of_set(&mut conn, set_id)?;
    if parts.is_empty() {
        return Ok((Start { keeper, ..Start::default() }, None));
    }
    let mut tally = Tally::default();
    let mut after = None;
    partial::members(&mut conn, set_id, None, &mut |record| {
        tally.add(&record);
        after = Some(record.path);
        Ok(())
    })?;
    let count = parts.len();
    context.log(&format!(
        "Backup set {set_id} goes on behind part {count}: {} files and {} bytes are on tape already.",
        tally.files, tally.totals.bytes
    ));
    let open = place.goes_on.as_ref().map(|goes_on| goes_on.continuation.member.path.clone());
    let resume = Resume {
        tar_start: place.tar_end,
        after: open.or(after),
        goes_on: place.goes_on,
        sent: Box::new(Cataloged::new(&context.services.db, set_id)?),
    };
    let stored_bytes = parts.iter().map(|part| part.stream_bytes.cast_unsigned()).sum();
    Ok((Start { parts: count as u32, tally, stored_bytes, keeper }, Some(resume)))
}

/// Stores how far a part is, from the thread that writes it.
#[derive(Clone)]
pub struct Keeper {
    /// Database.
    pub db: DbPool,
    /// The set.
    pub set_id: i32,
}

impl Keeper {
    /// The part that is being written is safe up to here.
    pub fn checkpoint(&self, checkpoint: &Checkpoint) -> tape_format::Result<()> {
        let store = || -> Result<()> {
            let mut conn = self.db.get()?;
            let before = checkpoints::last_checkpoint(&mut conn, self.set_id)?;
            let before = before.map(|text| Checkpoints::parse(&text)).transpose()?;
            let text = serde_json::to_string(&Checkpoints::with(checkpoint, before))?;
            tape_drive::breakpoint::pass("before a checkpoint is stored");
            checkpoints::checkpoint(&mut conn, self.set_id, &text, &checkpoint.frames.encode()?)?;
            tape_drive::breakpoint::pass("after a checkpoint was stored");
            Ok(())
        };
        store().map_err(|error| FormatError::Source(error.message))
    }

    /// The data of the part is on tape.
    pub fn data_ended(&self, place: &Place) -> tape_format::Result<()> {
        tape_drive::breakpoint::pass("before the end of a part's data is stored");
        let store = || checkpoints::data_ended(&mut *self.db.get()?, self.set_id, &place.text()?);
        store().map_err(|error: Error| FormatError::Source(error.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(part_number: u32, stream_end: u64, frames: u64) -> Checkpoint {
        Checkpoint {
            part_number,
            tape_file: 1,
            first_block: 2,
            block_size: 512,
            blocks: 9,
            stream_end,
            tar_start: 0,
            tar_end: stream_end,
            prelude_bytes: 512,
            frames: FrameTable {
                frames: (0..frames).map(|frame| (frame << 20, frame << 20)).collect(),
                stream_header: None,
            },
            goes_on: None,
        }
    }

    #[test]
    fn a_part_can_be_ended_at_several_places_that_are_far_enough_apart() {
        let mut stored: Option<Checkpoints> = None;
        for megabytes in [2, 3, 5, 9, 16, 32, 64, 65] {
            let next = Checkpoints::with(&at(1, megabytes << 20, 1), stored.take());
            // as the database has it
            stored = Some(Checkpoints::parse(&serde_json::to_string(&next).unwrap()).unwrap());
        }
        let frames = at(1, 0, 65).frames;
        let progress = SetProgress {
            backup_set_id: 1,
            source_path: String::new(),
            place: String::new(),
            tape_id: Some(1),
            data_ended: None,
            checkpoint: stored.as_ref().map(|stored| serde_json::to_string(stored).unwrap()),
            frame_table: Some(frames.encode().unwrap()),
        };
        let places = checkpoints_of(&progress).unwrap();
        let ends: Vec<u64> = places.iter().map(|place| place.stream_end >> 20).collect();
        assert_eq!(ends, [65, 32, 16, 9, 5], "64 is too near");
        for place in &places {
            assert_eq!(place.frames.frames.len() as u64, place.tar_end >> 20, "the frames before it");
        }
        // those of another part do not count
        assert!(Checkpoints::with(&at(2, 80 << 20, 1), stored).earlier.is_empty());
        // and a row of an older version has only the last
        let old = serde_json::to_string(&at(1, 7, 0)).unwrap();
        assert_eq!(Checkpoints::parse(&old).unwrap().last.stream_end, 7);
    }
}
