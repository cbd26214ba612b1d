//! One run of a backup job: plan, tape, stream, commit.
//!
//! The order of what becomes permanent: the set's row (`running`) before the first byte; on tape data, filemark, TOC,
//! filemark, each flushed and its position read back; then, in one transaction, the parts, the tape's new end and the
//! set as `completed`. A crash between tape and database leaves a set that is not completed and a tape that is longer
//! than the database says; [`append`] finds that at the next use of the tape and heals it.

mod append;
pub mod drain;
mod feed;
mod plan;
mod tape;
mod write;

use super::{BackupRequest, Context};
use crate::actors::catalog::{Commit, Discard, Index};
use crate::backup::engine;
use crate::catalog::commit::{CommitSet, TapeEnd};
use crate::db::{self, sets::SetStatus};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

pub use append::{AppendAt, prepare};
pub use tape::{OpenTape, next_tape};
pub use write::{Stream, WritePart};

/// Runs a job.
pub fn run(context: &Context, request: &BackupRequest) -> Result<Value> {
    let plan = plan::make(context, request)?;
    let engine_options = plan.engine_options(context)?;
    let first = next_tape(context, plan.pool_id, request.tape_id, &[])?;
    let set = db::sets::insert(&mut *context.conn()?, &plan.new_set(&first))?;
    db::executions::set_backup_set(&mut *context.conn()?, context.id, set.id)?;
    context.log(&format!("This is backup set {} ({}).", set.id, set.uuid));
    let result = engine::start(engine_options)
        .map_err(Error::from)
        .and_then(|engine| drain::drain(context, &plan.header(&set), plan.pool_id, engine, first));
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            fail(context, set.id, &error)?;
            return Err(error);
        }
    };
    let now = db::now();
    let commit = CommitSet {
        set_id: set.id,
        source_id: plan.source.id,
        parts: outcome.parts.clone(),
        end_time: now,
        file_count: outcome.totals.files as i64,
        total_bytes: outcome.totals.bytes as i64,
        stored_bytes: outcome.stored_bytes as i64,
        warning_count: context.progress.warnings.load(Ordering::Relaxed) as i64,
        deleted_count: outcome.deleted as i64,
        checksum: outcome.totals.checksum.clone(),
        expires_at: plan.expires_at(now),
        key: plan.key.as_ref().map(|key| (key.fingerprint.clone(), key.name.clone())),
    };
    context.phase("cataloging", "Committing the catalog.")?;
    futures_executor::block_on(context.services.catalog.send(Commit(commit)))??;
    // searching is a convenience that may come a moment later
    context.services.catalog.do_send(Index { set_id: set.id });
    let verified = if plan.job.verify_after {
        drop(outcome.last_tape);
        super::verify::verify_set(context, set.id)?;
        true
    } else {
        false
    };
    Ok(json!({
        "backup_set_id": set.id, "uuid": set.uuid, "backup_type": plan.backup_type, "parent_set_id": plan.parent,
        "files": outcome.totals.files, "bytes": outcome.totals.bytes, "stored_bytes": outcome.stored_bytes,
        "deleted": outcome.deleted, "parts": outcome.parts.len(), "verified": verified,
        "warnings": context.progress.warnings.load(Ordering::Relaxed), "stats": outcome.stats,
    }))
}

/// Ends a set that will not be completed: its rows go, the tape can be used again.
fn fail(context: &Context, set_id: i32, error: &Error) -> Result<()> {
    let status = if error.code == "cancelled" { SetStatus::Cancelled } else { SetStatus::Failed };
    db::sets::end_without_commit(&mut *context.conn()?, set_id, status, db::now())?;
    futures_executor::block_on(context.services.catalog.send(Discard { set_id }))??;
    Ok(())
}

/// Where a tape ends now, after something was committed to it.
pub fn note_tape_end(context: &Context, end: &TapeEnd) -> Result<()> {
    db::tape_lifecycle::advance(&mut *context.conn()?, end)
}
