//! Copies sets to another pool: each copy is a set of its own, with its own name on tape, the same members and hashes,
//! and a stream that is encrypted anew.
//!
//! With two drives what is read goes straight to the drive that writes; with one it waits in a file meanwhile. Everything
//! is compared with the catalog on the way; a copy counts only if all of it was right.

mod checking;
mod compress;
mod frames;
mod members;
mod reading;
mod source;
mod spool;

use super::backup::{OpenTape, SetHeader, drain, next_tape, resume};
use super::{Context, CopyRequest, Lease, tape_reading};
use crate::actors::catalog::Index;
use crate::catalog::commit;
use crate::db::executions::ExecutionChanges;
use crate::db::sets::{BackupSet, NewSet};
use crate::db::{self, SetStatus, pools::Pool};
use crate::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use source::Source;
use spool::{Live, Sink, Spool};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tape_format::FrameSource;

/// How often somebody who needs two drives looks whether they are free.
const LOOK: Duration = Duration::from_secs(1);

/// Copies sets.
pub fn run(context: &Context, request: &CopyRequest) -> Result<Value> {
    let pool = db::pools::find(&mut *context.conn()?, request.pool_id)?;
    let (mut copied, mut skipped, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for set_id in &request.set_ids {
        context.check()?;
        if let Some(other) = source::copy_in(&mut *context.conn()?, *set_id, pool.id)? {
            context.log(&format!("Backup set {set_id} is in pool {} already, as set {other}.", pool.name));
            skipped.push(json!({"backup_set_id": set_id, "copy_set_id": other}));
            continue;
        }
        match copy(context, *set_id, &pool) {
            Ok(copy) => {
                context.log(&format!("Backup set {set_id} is copied: set {}.", copy.id));
                copied.push(json!({"backup_set_id": set_id, "copy_set_id": copy.id, "uuid": copy.uuid}));
            }
            Err(error) if matches!(error.code, "cancelled" | "shutdown") || request.set_ids.len() == 1 => {
                return Err(error);
            }
            Err(error) => {
                context.warn(None, &format!("backup set {set_id} could not be copied: {error}"));
                failed.push(format!("set {set_id}: {error}"));
            }
        }
    }
    let result = json!({"copied": copied, "skipped": skipped, "failed": failed});
    match failed.is_empty() {
        true => Ok(result),
        false => {
            let message = format!("not all sets could be copied: {}", failed.join("; "));
            Err(Error::new(ErrorKind::Unprocessable, "copy_failed", message).with_details(result))
        }
    }
}

fn copy(context: &Context, set_id: i32, pool: &Pool) -> Result<BackupSet> {
    context.phase("planning", format!("Looking up backup set {set_id}."))?;
    let source = Source::read(context, set_id, pool)?;
    context.progress.files_total.fetch_add(source.set.file_count.unsigned_abs(), Ordering::Relaxed);
    context.progress.bytes_total.fetch_add(source.set.total_bytes.unsigned_abs(), Ordering::Relaxed);
    context.progress.totals_known.store(true, Ordering::Relaxed);
    match two_drives(context, &source, pool)? {
        Some((first, lease)) => live(context, &source, pool, first, lease),
        None => spooled(context, &source, pool),
    }
}

/// A drive with the tape to be written, and one for the tape to be read, if both can be had now. Who waits for one holds
/// none, so that two copies never wait for each other.
fn two_drives(context: &Context, source: &Source, pool: &Pool) -> Result<Option<(OpenTape, Lease)>> {
    let drives = db::drives::all(&mut *context.conn()?)?.iter().filter(|drive| drive.enabled).count();
    if drives > 1
        && let Some(both) = take_both(context, source, pool)?
    {
        context.why(&["Two drives are free: what one reads, the other writes.".into()])?;
        return Ok(Some(both));
    }
    source.check_room(context)?;
    context.why(&["Only one drive is free: the set is read to the disk first, and written from there.".into()])?;
    Ok(None)
}

/// Both, as soon as they are free, unless the disk can stand in for one of them.
fn take_both(context: &Context, source: &Source, pool: &Pool) -> Result<Option<(OpenTape, Lease)>> {
    let mut told = false;
    loop {
        let first = next_tape(context, pool.id, None, &[])?;
        if let Some(lease) = tape_reading::try_take(context, source.first_tape()?)? {
            return Ok(Some((first, lease)));
        }
        drop(first);
        if source.check_room(context).is_ok() {
            return Ok(None);
        }
        if !std::mem::replace(&mut told, true) {
            context.phase("waiting", "Waiting: for two free drives, for there is no room on the disk.")?;
        }
        context.check()?;
        context.control.sleep(LOOK);
    }
}

fn live(context: &Context, source: &Source, pool: &Pool, first: OpenTape, lease: Lease) -> Result<BackupSet> {
    let (sender, receiver) = crossbeam_channel::bounded(spool::DEPTH);
    let (read, written) = std::thread::scope(|scope| {
        let pump = move || reading::pump(context, source, Some(lease), Sink::Live(sender)).map(drop);
        let reading = std::thread::Builder::new()
            .name(format!("copy-{}", context.id))
            .spawn_scoped(scope, move || context.span.in_scope(pump))?;
        let written = write(context, source, pool, Box::new(Live(receiver)), first);
        let read = reading.join().unwrap_or_else(|_| Err(Error::internal("the thread that reads the set panicked")));
        Ok::<_, Error>((read, written))
    })?;
    // what went wrong while reading says more than that nothing came any more
    match (read, written) {
        (Err(error), Err(_)) => Err(error),
        (_, written) => written,
    }
}

fn spooled(context: &Context, source: &Source, pool: &Pool) -> Result<BackupSet> {
    let spool = Spool::new(&context.services.config.spool_dir(), source.set.encrypted)?;
    let Sink::File(spool) = reading::pump(context, source, None, Sink::File(Box::new(spool)))? else {
        return Err(Error::internal("the spool did not come back"));
    };
    let first = next_tape(context, pool.id, None, &[])?;
    write(context, source, pool, Box::new(spool.rewind()?), first)
}

/// Writes the copy and makes it count; if that fails, nothing of it does.
fn write(
    context: &Context,
    source: &Source,
    pool: &Pool,
    frames: Box<dyn FrameSource>,
    first: OpenTape,
) -> Result<BackupSet> {
    let set = db::write_transaction(&mut *context.conn()?, |conn| {
        let set = db::sets::insert(conn, &new_set(source, &first))?;
        db::copies::insert(conn, set.id, &source.original)?;
        resume::begin(conn, set.id, "")?;
        Ok(set)
    })?;
    let changes = ExecutionChanges { backup_set_id: Some(Some(set.id)), ..ExecutionChanges::default() };
    db::executions::update(&mut *context.conn()?, context.id, &changes)?;
    let written = SetHeader::of(context, &set).and_then(|header| {
        let header = SetHeader { checkpoint_bytes: u64::MAX, ..header };
        drain::write_frames(context, &header, pool.id, frames, source.deleted.clone(), first)
    });
    match written.and_then(|_tape| commit::commit_copy(&mut *context.conn()?, set.id, &source.set)) {
        Ok(copy) => {
            context.services.catalog.do_send(Index { set_id: copy.id });
            Ok(copy)
        }
        Err(error) => {
            if let Err(why) = give_up(context, set.id, &error) {
                // the end of the run takes the set with it
                tracing::warn!(set = set.id, %why, "the end of a copy could not be stored");
            }
            Err(error)
        }
    }
}

/// The copy will never be complete.
fn give_up(context: &Context, set_id: i32, error: &Error) -> Result<()> {
    let mut conn = context.conn()?;
    resume::forget(&context.services.catalog, &mut conn, set_id)?;
    let status = if error.code == "cancelled" { SetStatus::Cancelled } else { SetStatus::Failed };
    db::sets::fail(&mut conn, set_id, status).map(drop)
}

/// The row of the copy: what it is, is what the original is.
fn new_set(source: &Source, tape: &OpenTape) -> NewSet {
    let original = &source.set;
    NewSet {
        uuid: uuid::Uuid::new_v4().to_string(),
        job_id: original.job_id,
        tape_id: tape.tape_id,
        backup_type: original.backup_type,
        start_time: original.start_time,
        status: SetStatus::Running,
        encrypted: original.encrypted,
        encryption_key_id: original.encryption_key_id,
        hw_encrypted: original.hw_encrypted,
        hw_encryption_key_id: original.hw_encryption_key_id,
        compressed: original.compressed,
        compression_type: original.compression_type.clone(),
        parent_set_id: original.parent_set_id,
        start_block: Some(tape.at.block as i64),
        ..NewSet::default()
    }
}
