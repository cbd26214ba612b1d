//! One run of a backup job: plan, tape, stream, commit.
//!
//! The order of what becomes permanent: the set's row (`running`) before the first byte; on tape data, filemark, TOC,
//! filemark, each flushed and its position read back; then the part's row and the tape's new end; when the last part is
//! there, in one transaction, the set as `completed`. A crash between tape and database leaves a tape that is longer
//! than the database says; [`append`] finds that at the next use of the tape and heals it. One between the last part and the
//! set leaves a set that only has to be called complete ([`resume::complete`]).
//!
//! A run that is interrupted goes on where it stopped: behind its last closed part, or behind the last checkpoint of the
//! part that was being written ([`resume`]). That is the way after a restart of the server, after a drive or a medium that
//! failed (then at once, with the next tape), and when a person retries a failed run.

mod adopt;
mod append;
mod close;
pub mod drain;
pub(super) mod feed;
pub mod left;
mod plan;
pub mod resume;
mod tape;
mod write;

use super::context::stopped;
use super::{BackupRequest, Context, Stages, WarningWriter};
use crate::actors::catalog::{Commit, Index};
use crate::backup::engine;
use crate::catalog::commit::CommitSet;
use crate::db::{self, BackupType, SetStatus, TapeStatus, executions::ExecutionChanges, sets::BackupSet};
use crate::{Error, Result};
use drain::Drained;
use plan::Plan;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

pub use append::AppendAt;
pub use tape::{OpenTape, next_tape};
pub use write::{SetHeader, Start};

/// So many drives or tapes may fail in a row, without any progress between them, before a run gives up.
const MOST_FAILURES: usize = 3;

/// Shortest distance of checkpoints in bytes, once tapes end too early for the table of contents.
const LEAST_CHECKPOINT: u64 = 2 << 20;

/// Runs a job.
pub fn run(context: &Context, request: &BackupRequest) -> Result<Value> {
    if let Some(id) = request.resume_set
        && is_complete(context, id)?
    {
        return finish(context, request, id, None);
    }
    let plan = plan::make(context, request)?;
    if plan.backup_type == BackupType::Full {
        // the walk is only a little ahead of the tape: until it is over, the last full backup tells how long it takes
        let bytes = db::sets::bytes_of_last_full(&mut *context.conn()?, plan.job.id)?;
        context.progress.expected_bytes.store(bytes.map_or(0, i64::cast_unsigned), Ordering::Relaxed);
    }
    let (set, first) = match request.resume_set {
        Some(id) => (resume::reopen(context, id, &plan.source.path)?, None),
        None => {
            resume::give_up(context, plan.job.id)?;
            let tape = next_tape(context, plan.pool_id, request.tape_id, &[])?;
            let set = db::write_transaction(&mut *context.conn()?, |conn| {
                let set = db::sets::insert(conn, &plan.new_set(&tape))?;
                resume::begin(conn, set.id, &plan.source.path)?;
                Ok(set)
            })?;
            (set, Some(tape))
        }
    };
    let changes = ExecutionChanges { backup_set_id: Some(Some(set.id)), ..ExecutionChanges::default() };
    db::executions::update(&mut *context.conn()?, context.id, &changes)?;
    context.log(&format!("This is backup set {} ({}).", set.id, set.uuid));
    let mut attempts = Attempts { context, plan: &plan, set: &set, named: request.tape_id, failed: Vec::new() };
    let written = attempts.run(first);
    let committed = written.and_then(|written| match written {
        Some((drained, _tape)) => commit(context, &plan, set.id, &drained).map(|()| Some(drained.stages)),
        None => Ok(None),
    });
    let stages = match committed {
        Ok(stages) => stages,
        Err(error) => {
            if let Err(why) = fail(context, set.id, &error) {
                // the end of the run takes the set with it
                tracing::warn!(set = set.id, %why, "the end of a set could not be stored");
            }
            return Err(error);
        }
    };
    finish(context, request, set.id, stages)
}

/// Whether a set that a run is to go on with needs nothing more than to be called complete, which it is then.
fn is_complete(context: &Context, set_id: i32) -> Result<bool> {
    if db::sets::find(&mut *context.conn()?, set_id)?.status == SetStatus::Completed {
        context.log(&format!("Backup set {set_id} was complete when the run was interrupted."));
        return Ok(true);
    }
    let whole = resume::is_complete(&mut *context.conn()?, set_id)?;
    if whole {
        let changes = ExecutionChanges { backup_set_id: Some(Some(set_id)), ..ExecutionChanges::default() };
        db::executions::update(&mut *context.conn()?, context.id, &changes)?;
        resume::complete(context, set_id)?;
    }
    Ok(whole)
}

/// Verifies the set that is complete now, if the job wants that and nobody has; returns what the run has done.
fn finish(context: &Context, request: &BackupRequest, set_id: i32, stages: Option<Stages>) -> Result<Value> {
    let unverified = {
        let mut conn = context.conn()?;
        let job = db::jobs::find(&mut conn, request.job_id)?;
        job.verify_after && db::sets::find(&mut conn, set_id)?.verified_at.is_none()
    };
    if unverified {
        context.progress.second_pass();
        let verified = super::verify::verify_set(context, set_id);
        context.progress.second_pass_over();
        verified?;
    }
    report(context, request, set_id, stages)
}

/// What a run has done, for the one who asked.
fn report(context: &Context, request: &BackupRequest, set_id: i32, stages: Option<Stages>) -> Result<Value> {
    let mut conn = context.conn()?;
    let set = db::sets::find(&mut conn, set_id)?;
    let parts = db::set_parts::of_set(&mut conn, set_id)?.len();
    Ok(json!({
        "backup_set_id": set.id, "uuid": set.uuid, "backup_type": set.backup_type, "parent_set_id": set.parent_set_id,
        "files": set.file_count, "bytes": set.total_bytes, "stored_bytes": set.stored_bytes,
        "deleted": set.deleted_count, "parts": parts, "verified": set.verified_at.is_some(),
        "resumed": request.resume_set.is_some(),
        "warnings": context.progress.warnings.load(Ordering::Relaxed), "stages": stages,
    }))
}

/// A run that goes on with another tape when one fails.
struct Attempts<'a> {
    context: &'a Context,
    plan: &'a Plan,
    set: &'a BackupSet,
    /// The tape that a person named for the run.
    named: Option<i32>,
    /// Tapes that failed since the last progress.
    failed: Vec<i32>,
}

impl Attempts<'_> {
    /// Writes the set to its end. `None`: a tape was found to have all of it already.
    fn run(&mut self, first: Option<OpenTape>) -> Result<Option<(Drained, OpenTape)>> {
        let mut header = SetHeader::of(self.context, self.set)?;
        let mut first = first;
        let mut failures = 0;
        let mut reached = 0;
        // the last tape ended before the part could be closed
        let mut ended_early = false;
        loop {
            let tape = match first.take() {
                Some(tape) => tape,
                None => self.tape()?,
            };
            if std::mem::take(&mut ended_early) && self.parts()? == reached {
                // the table of contents does not even fit behind the first checkpoint: there must be one before
                header.checkpoint_bytes = (header.checkpoint_bytes / 4).max(LEAST_CHECKPOINT);
            }
            if db::sets::find(&mut *self.context.conn()?, self.set.id)?.status == SetStatus::Completed {
                return Ok(None);
            }
            let (tape_id, drive) = (tape.tape_id, tape.lease.drive());
            let error = match self.write(&header, tape) {
                Ok(drained) => return Ok(Some(drained)),
                Err(error) => error,
            };
            if !goes_on_elsewhere(&error) {
                return Err(error);
            }
            let drive = self.failed_in(drive, &error)?;
            let parts = self.parts()?;
            failures = if parts > reached { 1 } else { failures + 1 };
            ended_early = error.code == "tape_full";
            reached = parts;
            self.failed.push(tape_id);
            if failures >= MOST_FAILURES {
                let many = format!("{failures} tapes in a row failed, the last in drive {drive}, which may be broken");
                return Err(error.context(many));
            }
            let message = &error.message;
            self.context
                .why(&[format!("Writing in drive {drive} failed ({message}); the set goes on with another tape.")])?;
        }
    }

    /// Parts that are on tape.
    fn parts(&self) -> Result<usize> {
        Ok(db::set_parts::of_set(&mut *self.context.conn()?, self.set.id)?.len())
    }

    /// Names the drive in which a tape failed; if it is its fault, the run takes another one from now on.
    fn failed_in(&self, drive: i32, error: &Error) -> Result<String> {
        let context = self.context;
        let name = db::drives::find(&mut *context.conn()?, drive)?.name().to_owned();
        if error.code == "hardware_error" && context.failed_drives.add(drive) {
            context
                .why(&[format!("Drive {name} has a hardware error: this run takes another one if it can have one.")])?;
        }
        Ok(name)
    }

    /// One try: everything that is not on tape yet.
    fn write(&self, header: &SetHeader, tape: OpenTape) -> Result<(Drained, OpenTape)> {
        let context = self.context;
        let (start, resume) = resume::go_on(context, self.set.id)?;
        let (warnings, writer) = WarningWriter::start(&context.lines)?;
        let options = self.plan.engine_options(context, warnings, resume)?;
        let drained = engine::start(options)
            .and_then(|engine| drain::drain(context, header, self.plan.pool_id, engine, tape, start));
        writer.finish();
        // whoever reads or writes ends with an error of its own when it is told to stop
        drained.map_err(|error| match context.control.stopped() {
            Some(why) if error.code == "source_failed" => stopped(why),
            _ => error,
        })
    }

    /// The tape to go on with: the one with the part that was cut off, if that can be saved and written on; else the one that
    /// was named for the run, as long as it has room; else the next one of the pool.
    fn tape(&self) -> Result<OpenTape> {
        let context = self.context;
        let open = db::checkpoints::find(&mut *context.conn()?, self.set.id)?.and_then(|progress| progress.tape_id);
        if let Some(tape_id) = open {
            match tape::put_in_order(context, tape_id) {
                Ok(tape) if self.writable(tape_id)? => return Ok(tape),
                Ok(_) => {}
                Err(error) if keeps_part(&error) => return Err(error),
                Err(error) => {
                    let lost =
                        "the tape with the part that was cut off cannot be gone on with; what is in it is sent again";
                    context.warn(None, &format!("{lost}: {}", error.message));
                }
            }
        }
        next_tape(context, self.plan.pool_id, self.named_one()?, &self.failed)
    }

    /// The tape that was named for the run, unless the set has outgrown it or it failed.
    fn named_one(&self) -> Result<Option<i32>> {
        let Some(named) = self.named else { return Ok(None) };
        let tape = db::tapes::find(&mut *self.context.conn()?, named)?;
        let has_room = !matches!(tape.status, TapeStatus::Full) && tape.blocked().is_none();
        Ok((has_room && !self.failed.contains(&named)).then_some(named))
    }

    fn writable(&self, tape_id: i32) -> Result<bool> {
        let tape = db::tapes::find(&mut *self.context.conn()?, tape_id)?;
        let usable = matches!(tape.status, TapeStatus::Blank | TapeStatus::Active);
        Ok(usable && tape.blocked().is_none() && !self.failed.contains(&tape_id))
    }
}

/// Whether what went wrong is neither of the tape nor of drives, which were tried again: the part that was cut off is as good
/// as it was, and the run can go on with it later.
fn keeps_part(error: &Error) -> bool {
    matches!(
        error.code,
        "cancelled"
            | "shutdown"
            | "restarting"
            | "internal"
            | "database_busy"
            | "database_io"
            | "disk_full"
            | "io"
            | "source_failed"
            | "crypto"
            | "key_needed"
            | "key_unknown"
            | "key_damaged"
            | "master_key_missing"
            | "master_key_wrong"
    )
}

/// Whether another tape, or another drive, may do better.
fn goes_on_elsewhere(error: &Error) -> bool {
    matches!(
        error.code,
        // what a write-once tape says to a part that would have to be ended before its last block
        "data_protect"
            | "medium_error"
            | "hardware_error"
            | "deferred_error"
            | "tape_full"
            | "command_aborted"
            | "drive_reset"
            | "medium_changed"
            | "device_io"
            | "position_mismatch"
            | "blank_tape"
    )
}

/// Makes the set `completed`, now that the tape has it.
fn commit(context: &Context, plan: &Plan, set_id: i32, drained: &Drained) -> Result<()> {
    context.phase("cataloging", "Committing the catalog.")?;
    let done = CommitSet {
        set_id,
        source_id: plan.source.id,
        parts: Vec::new(),
        file_count: drained.files as i64,
        total_bytes: drained.bytes as i64,
        warning_count: context.progress.warnings.load(Ordering::Relaxed) as i64,
        deleted_count: drained.deleted as i64,
        checksum: Some(drained.checksum.clone()),
        expires_at: plan.expires_at(db::now()),
        key: plan.key.as_ref().map(|(row, _)| (row.key_fingerprint.clone(), row.name.clone())),
    };
    futures_executor::block_on(context.services.catalog.send(Commit(done)))??;
    // searching is a convenience that may come a moment later
    context.services.catalog.do_send(Index { set_id });
    Ok(())
}

/// Ends a run that did not complete its set. If the server shuts down, the set waits as it is; after a failure it can go
/// on where it stopped, if there is anything to go on from; after a cancellation nothing of it counts.
fn fail(context: &Context, set_id: i32, error: &Error) -> Result<()> {
    if error.code == "shutdown" {
        return Ok(());
    }
    let mut conn = context.conn()?;
    let cancelled = error.code == "cancelled";
    let can_resume = !cancelled && resume::is_worth(&mut conn, set_id)?;
    if !can_resume {
        resume::forget(&context.services.catalog, &mut conn, set_id)?;
    }
    let changes = ExecutionChanges { can_resume: Some(can_resume), ..ExecutionChanges::default() };
    db::executions::update(&mut conn, context.id, &changes)?;
    let status = if cancelled { SetStatus::Cancelled } else { SetStatus::Failed };
    db::sets::fail(&mut conn, set_id, status).map(drop)
}
