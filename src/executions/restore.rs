//! Brings files back: plan, tapes, extraction, verification, and a report that says success only when every requested
//! file is at the destination with the content that the catalog knows.

mod destination;
mod handler;
mod report;

use super::{Context, RestoreRequest, tape_reading};
use crate::db::{self, Conn, RestoreStatus, SourceType, restores::NewRestore, restores::RestoreChanges};
use crate::restore::Failed;
use crate::restore::extract::Extractor;
use crate::restore::metadata::Trust;
use crate::restore::select::{self, Selected, Selection};
use crate::{Error, ErrorKind, Result};
use handler::Restoring;
use report::Report;
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::Ordering;

pub use destination::prepare as prepare_destination;

/// Missing paths that are named in an error.
const NAMED: usize = 20;

/// Restores.
pub fn run(context: &Context, request: &RestoreRequest) -> Result<Value> {
    let started = db::now();
    context.phase("planning", "Looking up what is to be restored, and from which tapes.")?;
    let (set_id, selected) = select(&mut *context.conn()?, request)?;
    let kind = destination::kind(request.destination_type.as_deref())?;
    let path = destination::prepare(kind, &request.dest_path)?;
    let plan = &selected.plan;
    context.log(&format!(
        "{} files and {} bytes are to be read from {} tapes.",
        plan.file_count(),
        plan.total_bytes(),
        plan.tapes().len()
    ));
    context.progress.files_total.store(wanted(&selected), Ordering::Relaxed);
    context.progress.bytes_total.store(plan.total_bytes(), Ordering::Relaxed);
    context.progress.totals_known.store(true, Ordering::Relaxed);
    let record = db::restores::insert(&mut *context.conn()?, &new_record(context, request, kind, set_id, &selected))?;
    let mut report = Report::new(started, &path, wanted(&selected));
    for tape in plan.tapes() {
        report.tapes.push(db::tapes::find(&mut *context.conn()?, tape.tape_id)?.label);
    }
    let done = restore(context, request, &path, &selected, &mut report);
    let outcome = done.and_then(|()| report.outcome());
    let stored = db::restores::update(&mut *context.conn()?, record.id, &changes(&report, request, &outcome));
    let outcome = outcome.map_err(|error| match error.details {
        Some(_) => error,
        None => error.with_details(report.to_json()),
    });
    let value = outcome?;
    stored?;
    Ok(value)
}

/// The set that was named, and the plan for what is wanted of it.
fn select(conn: &mut Conn, request: &RestoreRequest) -> Result<(i32, Selected)> {
    let set_id = match (request.backup_set_id, request.job_id) {
        (Some(set), None) => set,
        (None, Some(job)) => select::set_as_of(conn, job, request.as_of)?,
        _ => return Err(Error::bad_request("name either a backup set, or a job with or without a moment (as_of)")),
    };
    let chain = match request.only_this_set {
        true => select::alone(conn, set_id)?,
        false => select::state_of(conn, set_id)?,
    };
    let paths: Vec<String> = request.file_paths.iter().chain(&request.folder_paths).cloned().collect();
    let selected = select::plan(conn, &Selection { chain, paths })?;
    if selected.plan.is_empty() && selected.broken.is_empty() {
        let missing = &selected.missing;
        let named: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
        let more = if missing.len() > NAMED { format!(" and {} more", missing.len() - NAMED) } else { String::new() };
        let what = format!("in the state of backup set {set_id}: {}{more}", named.join(", "));
        return Err(Error::new(
            ErrorKind::NotFound,
            "nothing_found",
            format!("nothing of what was asked for is {what}"),
        ));
    }
    Ok((set_id, selected))
}

/// How much was asked for, what cannot be had included; directories do not count.
fn wanted(selected: &Selected) -> u64 {
    let plan = &selected.plan;
    let items = plan.items.iter().filter(|item| item.kind != tape_format::MemberKind::Directory).count();
    (items + plan.links.len() + selected.missing.len() + selected.broken.len()) as u64
}

fn restore(
    context: &Context,
    request: &RestoreRequest,
    path: &Path,
    selected: &Selected,
    report: &mut Report,
) -> Result<()> {
    let unusable = |error: crate::restore::safe::SafeError| {
        Error::new(ErrorKind::Unprocessable, "destination_failed", format!("{}: {error}", path.display()))
    };
    let mut extractor =
        Extractor::new(path, request.existing(), Trust::Own, context.control.flag()).map_err(unusable)?;
    for (directory, metadata) in &selected.plan.directories {
        extractor.know_directory(directory.clone(), metadata.clone());
    }
    let mut restoring = Restoring { context, extractor, report };
    for path in &selected.missing {
        restoring.lost(path, "it is not in this backup");
    }
    for (path, why) in &selected.broken {
        restoring.lost(path, why);
    }
    let plan = &selected.plan;
    let read = tape_reading::read(context, plan, request.drive_id, &mut restoring, &|_, _| Ok(()))
        .and_then(|()| restoring.links(plan));
    // also after a failure: what was restored so far is to be as it was, not half-done
    restoring.finish();
    read?;
    restoring.extractor.sync().map_err(destination_error)?;
    if request.verify {
        restoring.verify(plan)?;
    }
    Ok(())
}

/// The error of a destination that takes nothing more.
fn destination_error(failed: Failed) -> Error {
    let why = match failed {
        Failed::Member(why) | Failed::Destination(why) => why,
        Failed::Source(error) => error.to_string(),
    };
    Error::new(ErrorKind::Unprocessable, "destination_failed", why)
}

fn new_record(
    context: &Context,
    request: &RestoreRequest,
    kind: SourceType,
    set_id: i32,
    selected: &Selected,
) -> NewRestore {
    NewRestore {
        execution_id: Some(context.id),
        backup_set_id: Some(set_id),
        destination_type: kind,
        destination_path: request.dest_path.clone(),
        files_requested: wanted(selected) as i64,
        status: RestoreStatus::Running,
        verify_enabled: request.verify,
        started_at: Some(db::now()),
    }
}

fn changes(report: &Report, request: &RestoreRequest, outcome: &Result<Value>) -> RestoreChanges {
    RestoreChanges {
        files_restored: Some(report.files as i64),
        bytes_restored: Some(report.bytes as i64),
        status: Some(if outcome.is_ok() { RestoreStatus::Completed } else { RestoreStatus::Failed }),
        error_message: Some(outcome.as_ref().err().map(|error| error.message.clone())),
        verify_passed: Some(request.verify.then_some(report.verified)),
        completed_at: Some(Some(db::now())),
        ..RestoreChanges::default()
    }
}
