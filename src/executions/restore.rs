//! Brings files back: plan, tapes, extraction, verification, and a report that says success only when every requested
//! file is at the destination with the content that the catalog knows.

mod destination;
mod handler;
mod report;

use super::{Context, RestoreRequest, tape_reading};
use crate::db::{self, Conn, RestoreStatus, SourceType, restores::NewRestore, restores::RestoreChanges};
use crate::restore::extract::Extractor;
use crate::restore::metadata::Trust;
use crate::restore::select::{self, Selected, Selection};
use crate::restore::{Failed, copies};
use crate::{Error, ErrorKind, Result};
use handler::Restoring;
use report::Report;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use destination::prepare as prepare_destination;

/// Missing paths that are named in an error.
const NAMED: usize = 20;

/// Restores.
pub fn run(context: &Context, request: &RestoreRequest) -> Result<Value> {
    let started = db::now();
    context.phase("planning", "Looking up what is to be restored, and from which tapes.")?;
    let Chosen { set_id, chain, selected, why } = select(&mut *context.conn()?, request)?;
    context.why(&why)?;
    let kind = destination::kind(request.destination_type.as_deref())?;
    let path = destination::prepare(kind, &request.dest_path, &context.services.config.data_dir)?;
    let plan = &selected.plan;
    context.log(&format!(
        "{} files and {} bytes are to be read from {} tapes.",
        plan.file_count(),
        plan.total_bytes(),
        plan.tapes()?.len()
    ));
    context.progress.files_total.store(wanted(&selected), Ordering::Relaxed);
    context.progress.bytes_total.store(plan.total_bytes(), Ordering::Relaxed);
    context.progress.totals_known.store(true, Ordering::Relaxed);
    let record = db::restores::insert(&mut *context.conn()?, &new_record(context, request, kind, set_id, &selected))?;
    let mut report = Report::new(started, &path, wanted(&selected));
    for tape in plan.tapes()? {
        report.tapes.push(db::tapes::find(&mut *context.conn()?, tape.tape_id)?.label);
    }
    let done = restore(context, request, &path, (&chain, &selected), &mut report);
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

/// What is restored.
struct Chosen {
    /// The set that was named.
    set_id: i32,
    /// The sets that are read: its chain, or copies of them.
    chain: Vec<i32>,
    selected: Selected,
    /// Why copies.
    why: Vec<String>,
}

/// The set that was named, and the plan for what is wanted of it.
fn select(conn: &mut Conn, request: &RestoreRequest) -> Result<Chosen> {
    let set_id = match (request.backup_set_id, request.job_id) {
        (Some(set), None) => set,
        (None, Some(job)) => select::set_as_of(conn, job, request.as_of)?,
        _ => return Err(Error::bad_request("name either a backup set, or a job with or without a moment (as_of)")),
    };
    let chain = match request.only_this_set {
        true => select::alone(conn, set_id)?,
        false => select::state_of(conn, set_id)?,
    };
    let (chain, why) = copies::best(conn, &chain)?;
    let selected = plan(conn, &chain, request)?;
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
    Ok(Chosen { set_id, chain, selected, why })
}

fn plan(conn: &mut Conn, chain: &[i32], request: &RestoreRequest) -> Result<Selected> {
    let paths = request.file_paths.iter().chain(&request.folder_paths).cloned().collect();
    select::plan_without(conn, &Selection { chain: chain.to_vec(), paths }, &request.exclude_paths)
}

/// How much was asked for, what cannot be had included; directories do not count.
fn wanted(selected: &Selected) -> u64 {
    let plan = &selected.plan;
    let sums = plan.items.sums();
    let others = plan.links.len() + selected.missing.len() + selected.broken.len();
    (sums.members + others) as u64 - sums.directories
}

fn restore(
    context: &Context,
    request: &RestoreRequest,
    path: &Path,
    (chain, selected): (&[i32], &Selected),
    report: &mut Report,
) -> Result<()> {
    let unusable = |error: crate::restore::safe::SafeError| {
        Error::new(ErrorKind::Unprocessable, "destination_failed", format!("{}: {error}", path.display()))
    };
    let mut extractor =
        Extractor::new(path, request.existing(), Trust::Own, context.control.flag()).map_err(unusable)?;
    extractor.keep_out_of(&context.services.config.data_dir).map_err(unusable)?;
    for (directory, metadata) in &selected.plan.directories {
        extractor.know_directory(directory.clone(), metadata.clone());
    }
    let mut restoring = Restoring { context, extractor, report, unread: Vec::new() };
    for path in &selected.missing {
        restoring.lost(path, "it is not in this backup");
    }
    for (path, why) in &selected.broken {
        restoring.lost(path, why);
    }
    let plan = &selected.plan;
    let read = tape_reading::read(context, plan, request.drive_id, &mut restoring, &|_, _| Ok(()))
        .and_then(|()| from_copies(context, request, chain, &mut restoring))
        .and_then(|()| restoring.links(plan));
    for (path, why) in std::mem::take(&mut restoring.unread) {
        restoring.give_up(&path, &why);
    }
    // also after a failure: what was restored so far is to be as it was, not half-done
    restoring.finish();
    read?;
    restoring.extractor.sync().map_err(destination_error)?;
    if request.verify {
        restoring.verify(plan)?;
    }
    Ok(())
}

/// Tries what could not be read again with copies of its sets, until there are no others. What remains is lost.
fn from_copies(
    context: &Context,
    request: &RestoreRequest,
    chain: &[i32],
    restoring: &mut Restoring<'_>,
) -> Result<()> {
    let (mut chain, mut tried) = (chain.to_vec(), chain.to_vec());
    loop {
        let unread = std::mem::take(&mut restoring.unread);
        let next = match unread.is_empty() {
            true => return Ok(()),
            false => copies::next(&mut *context.conn()?, &chain, &tried)?,
        };
        let Some(next) = next else {
            unread.iter().for_each(|(path, why)| restoring.give_up(path, why));
            return Ok(());
        };
        let mut plan = plan(&mut *context.conn()?, &next, request)?.plan;
        let mut wanted: HashMap<Box<[u8]>, String> = unread.into_iter().collect();
        let others: Vec<bool> = plan.sets.iter().map(|set| !tried.contains(&set.set_id)).collect();
        let items = plan
            .items
            .filtered(|item| others.get(item.set).copied().unwrap_or_default() && wanted.remove(&item.path).is_some());
        plan.items = Arc::new(items?);
        plan.links.clear();
        select::arrange(&mut plan, &|_| 0)?;
        wanted.iter().for_each(|(path, why)| restoring.give_up(path, why));
        tried.extend(&next);
        chain = next;
        if plan.items.is_empty() {
            continue;
        }
        let sets: Vec<String> = plan.sets.iter().map(|set| set.set_id.to_string()).collect();
        context.why(&[format!(
            "{} entries could not be read; they are read from copies (sets {}).",
            plan.items.len(),
            sets.join(", ")
        )])?;
        for tape in plan.tapes()? {
            restoring.report.tapes.push(db::tapes::find(&mut *context.conn()?, tape.tape_id)?.label);
        }
        tape_reading::read(context, &plan, request.drive_id, restoring, &|_, _| Ok(()))?;
    }
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
