//! Where an append belongs, and what to do when the tape does not end where the database says.
//!
//! Shorter than expected: something is wrong with the tape or the database; nothing is written. Longer: either a run of
//! ours was cut off (a crash between the tape and the database, a drive that failed), or somebody else wrote to it. Ours
//! is recognised by the set's uuid at the expected place: if its table of contents is whole, the set is adopted; if not,
//! what it left is written over, for nothing of it was ever promised. Anything else: refuse, say what was found.

use crate::actors::catalog::{Commit, Discard, Insert, InsertDeleted};
use crate::actors::drive::tasks::GoToEnd;
use crate::actors::drive::{DriveTask, Unit};
use crate::catalog::commit::{CommitPart, CommitSet, TapeEnd};
use crate::db::{self, tapes::TapeStatus};
use crate::events::{Category, Event};
use crate::executions::{Context, Lease};
use crate::{Error, ErrorKind, Result};
use serde_json::json;
use tape_drive::{Position, TapeDrive, TapePosition};
use tape_format::Label;
use tape_format::part::{self, TailFound};

/// Where the next data file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendAt {
    /// Tape file number.
    pub file: u64,
    /// Logical object number.
    pub block: u64,
}

/// Goes to the end of data and compares it with what the database says.
pub fn prepare(context: &Context, lease: &Lease, tape_id: i32, label: &Label) -> Result<AppendAt> {
    context.phase("positioning", format!("Going to the end of data of tape {}.", label.label))?;
    let tape = db::tapes::find(&mut *context.conn()?, tape_id)?;
    let expected = AppendAt {
        file: u64::try_from(tape.end_file.unwrap_or(1)).unwrap_or(1),
        block: u64::try_from(tape.end_block.unwrap_or(2)).unwrap_or(2),
    };
    let found = context.perform(lease, GoToEnd { uuid: label.uuid })?;
    if agrees(&found, expected) {
        return Ok(expected);
    }
    let mismatch = mismatch(&label.label, &found, expected);
    if found.at.block < expected.block {
        return Err(refuse(context, tape_id, mismatch)?);
    }
    let interrupted = db::sets::interrupted_at(&mut *context.conn()?, tape_id, expected.block as i64)?;
    let tail = context.perform(lease, ReadTail { at: expected })?;
    let ours = |uuid: &uuid::Uuid| interrupted.iter().find(|set| set.uuid == uuid.to_string());
    match &tail {
        TailFound::Part { toc, .. } if toc.is_complete_set() && ours(&toc.set.uuid).is_some() => {
            let set = ours(&toc.set.uuid).map(|set| set.id).unwrap_or_default();
            adopt(context, lease, tape_id, set, expected, &tail)
        }
        TailFound::Part { toc, .. } if ours(&toc.set.uuid).is_some() => overwrite(context, label, expected),
        TailFound::Unfinished { set_uuid: Some(uuid) } if ours(uuid).is_some() => overwrite(context, label, expected),
        // a run that was cut off before its first block reached the medium leaves nothing to recognise
        TailFound::Unfinished { set_uuid: None } if !interrupted.is_empty() => overwrite(context, label, expected),
        _ => Err(refuse(context, tape_id, mismatch)?),
    }
}

fn agrees(found: &TapePosition, expected: AppendAt) -> bool {
    found.at == Position::block(expected.block) && found.file.is_none_or(|file| file == expected.file)
}

fn mismatch(label: &str, found: &TapePosition, expected: AppendAt) -> Error {
    let file = found.file.map_or("unknown".to_string(), |file| file.to_string());
    Error::conflict(
        "tape_end_mismatch",
        format!(
            "tape {label} ends at file {file}, block {}, but the database expects file {}, block {}: it was written \
             elsewhere, or the database is older than the tape. Nothing was written. Inspect the tape; then rebuild the \
             catalog from it, or retire it",
            found.at.block, expected.file, expected.block
        ),
    )
    .with_details(json!({
        "found_file": found.file, "found_block": found.at.block,
        "expected_file": expected.file, "expected_block": expected.block,
    }))
}

fn refuse(context: &Context, tape_id: i32, error: Error) -> Result<Error> {
    db::tape_lifecycle::hold(&mut *context.conn()?, tape_id, &error.message)?;
    context.services.bus.publish(
        Event::error(Category::Tape, "Tape Positioning Failed", &error.message)
            .details(json!({"tape_id": tape_id, "execution_id": context.id})),
    );
    Ok(error)
}

fn overwrite(context: &Context, label: &Label, at: AppendAt) -> Result<AppendAt> {
    context.why(&[format!(
        "Tape {} holds the beginning of a set that was cut off; it was never completed, so this run writes over it.",
        label.label
    )])?;
    Ok(at)
}

/// Takes a set into the catalog that the tape has and the database missed.
fn adopt(
    context: &Context,
    lease: &Lease,
    tape_id: i32,
    set_id: i32,
    at: AppendAt,
    tail: &TailFound,
) -> Result<AppendAt> {
    let TailFound::Part { toc, layout, .. } = tail else {
        return Err(Error::internal("a set is adopted from a part"));
    };
    context.phase("cataloging", format!("Set {set_id} is whole on the tape, though its run was cut off: adopting it."))?;
    let catalog = &context.services.catalog;
    futures_executor::block_on(catalog.send(Discard { set_id }))??;
    let key = match toc.key_fingerprint.as_str() {
        "" => None,
        fingerprint => Some(context.services.keys.by_fingerprint(&mut *context.conn()?, fingerprint)?),
    };
    let (sender, batches) = crossbeam_channel::bounded(4);
    let mut totals = (0i64, 0i64, 0i64);
    std::thread::scope(|scope| -> Result<()> {
        let storing = scope.spawn(move || -> Result<()> {
            for batch in batches {
                match batch {
                    Listed::Members(rows) => futures_executor::block_on(catalog.send(Insert { set_id, part: 1, rows }))??,
                    Listed::Deleted(paths) => futures_executor::block_on(catalog.send(InsertDeleted { set_id, paths }))??,
                }
            }
            Ok(())
        });
        let read = context.perform(lease, ReadToc { at, key: key.as_ref().map(|key| key.key.clone()), batches: sender })?;
        totals = read;
        storing.join().unwrap_or_else(|_| Err(Error::internal("the catalog could not take the set")))
    })?;
    let set = db::sets::find(&mut *context.conn()?, set_id)?;
    let job = db::jobs::find(&mut *context.conn()?, set.job_id)?;
    let end = TapeEnd {
        tape_id,
        end_file: layout.tape_file as i64 + 2,
        end_block: layout.end_block as i64,
        added_bytes: layout.stream_bytes as i64,
        status: TapeStatus::Active,
    };
    let commit = CommitSet {
        set_id,
        source_id: job.source_id,
        parts: vec![CommitPart { tape_id, frame_table: layout.frames.encode()?, layout: layout.clone() }],
        end_time: db::now(),
        file_count: totals.0,
        total_bytes: totals.1,
        stored_bytes: layout.stream_bytes as i64,
        warning_count: 0,
        deleted_count: totals.2,
        checksum: String::new(),
        expires_at: (job.retention_days > 0)
            .then(|| db::now() + chrono::Duration::days(i64::from(job.retention_days))),
        key: key.map(|key| (key.fingerprint.clone(), key.name.clone())),
    };
    futures_executor::block_on(catalog.send(Commit(commit)))??;
    super::note_tape_end(context, &end)?;
    context.why(&[format!("Set {set_id} was cut off after the tape had it and before the database did; it is complete now.")])?;
    Ok(AppendAt { file: end.end_file as u64, block: end.end_block as u64 })
}

enum Listed {
    Members(Vec<(tape_format::MemberRecord, u64)>),
    Deleted(Vec<Vec<u8>>),
}

/// Goes to an append position, and makes sure to be there (I4).
pub fn go_to(drive: &mut dyn TapeDrive, at: AppendAt) -> Result<()> {
    drive.locate(Position::block(at.block))?;
    let found = drive.position()?;
    if !agrees(&found, at) {
        return Err(Error::new(
            ErrorKind::Internal,
            "position_mismatch",
            format!("the drive says it is at {}, file {:?}, but block {}, file {} was asked for", found.at, found.file, at.block, at.file),
        ));
    }
    Ok(())
}

/// Reads what begins at an append position.
struct ReadTail {
    at: AppendAt,
}

impl DriveTask for ReadTail {
    type Output = TailFound;
    const NAME: &'static str = "read what is behind the expected end";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<TailFound> {
        go_to(drive, self.at)?;
        part::read_tail(drive).map_err(Error::from)
    }
}
