//! One run of a backup job: plan, tape, stream, commit.
//!
//! The order of what becomes permanent: the set's row (`running`) before the first byte; on tape data, filemark, TOC,
//! filemark, each flushed and its position read back; then, in one transaction, the parts, the tape's new end and the
//! set as `completed`. A crash between tape and database leaves a set that is not completed and a tape that is longer
//! than the database says; [`append`] finds that at the next use of the tape and heals it.

mod adopt;
mod append;
pub mod drain;
pub(super) mod feed;
mod plan;
mod tape;
mod write;

use super::{BackupRequest, Context, WarningWriter};
use crate::actors::catalog::{Commit, Discard, Index};
use crate::backup::engine;
use crate::catalog::commit::CommitSet;
use crate::db::{self, SetStatus, executions::ExecutionChanges};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

pub use append::AppendAt;
pub use tape::next_tape;
pub use write::SetHeader;

/// Runs a job.
pub fn run(context: &Context, request: &BackupRequest) -> Result<Value> {
    let plan = plan::make(context, request)?;
    let (warnings, writer) = WarningWriter::start(&context.lines)?;
    let options = plan.engine_options(context, warnings)?;
    let first = next_tape(context, plan.pool_id, request.tape_id, &[])?;
    let set = db::sets::insert(&mut *context.conn()?, &plan.new_set(&first))?;
    let changes = ExecutionChanges { backup_set_id: Some(Some(set.id)), ..ExecutionChanges::default() };
    db::executions::update(&mut *context.conn()?, context.id, &changes)?;
    context.log(&format!("This is backup set {} ({}).", set.id, set.uuid));
    let header = plan.header(context, &set);
    let drained = engine::start(options).and_then(|engine| drain::drain(context, &header, plan.pool_id, engine, first));
    writer.finish();
    let drained = drained.and_then(|drained| commit(context, &plan, set.id, &drained).map(|()| drained));
    let drained = match drained {
        Ok(drained) => drained,
        Err(error) => {
            fail(context, set.id, &error)?;
            return Err(error);
        }
    };
    if plan.job.verify_after {
        drop(drained.last_tape);
        super::verify::verify_set(context, set.id)?;
    }
    Ok(json!({
        "backup_set_id": set.id, "uuid": set.uuid, "backup_type": plan.backup_type, "parent_set_id": plan.parent,
        "files": drained.files, "bytes": drained.bytes, "stored_bytes": drained.stored_bytes,
        "deleted": drained.deleted, "parts": drained.parts.len(), "verified": plan.job.verify_after,
        "warnings": context.progress.warnings.load(Ordering::Relaxed), "stats": drained.stats,
    }))
}

/// Makes the set `completed`, now that the tape has it.
fn commit(context: &Context, plan: &plan::Plan, set_id: i32, drained: &drain::Drained) -> Result<()> {
    context.phase("cataloging", "Committing the catalog.")?;
    let done = CommitSet {
        set_id,
        source_id: plan.source.id,
        parts: drained.parts.clone(),
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

/// Ends a set that will not be completed: its rows go, the tape can be used again.
fn fail(context: &Context, set_id: i32, error: &Error) -> Result<()> {
    futures_executor::block_on(context.services.catalog.send(Discard { set_id }))??;
    let status = if error.code == "cancelled" { SetStatus::Cancelled } else { SetStatus::Failed };
    db::sets::fail(&mut *context.conn()?, set_id, status).map(drop)
}
