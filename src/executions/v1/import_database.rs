//! Takes a database of version 1 over.

use super::store::{self, Filling, V1File};
use crate::db::{self, sets::NewSet, write_transaction};
use crate::executions::{Context, ImportV1DatabaseRequest};
use crate::import::old::OldFile;
use crate::import::sets::OldSet;
use crate::import::{self, Old, Report, parse_time};
use crate::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Takes over what the file holds. The file is deleted afterwards, for it holds keys in the clear.
pub fn run(context: &Context, request: &ImportV1DatabaseRequest) -> Result<Value> {
    let path = Path::new(&request.file);
    let result = import(context, request, path);
    if let Err(error) = std::fs::remove_file(path) {
        context.log(&format!("The uploaded database {} could not be deleted: {error}. Delete it.", path.display()));
    }
    result
}

fn import(context: &Context, request: &ImportV1DatabaseRequest, path: &Path) -> Result<Value> {
    if !path.exists() {
        let message = "the uploaded database is not there any more; send it again";
        return Err(Error::new(ErrorKind::Unprocessable, "not_v1_database", message));
    }
    context.phase("reading", "Reading the old database.")?;
    let mut old = Old::open(path)?;
    let mut report = Report::default();
    let sets = small_tables(context, request.dry_run, &mut old, &mut report)?;
    tell(context, &mut report);
    let mut files = 0;
    for set in &sets {
        for part in &set.parts {
            files += old.count_files(part.old_set)?;
        }
    }
    context.progress.files_total.store(files, Ordering::Relaxed);
    context.progress.totals_known.store(true, Ordering::Relaxed);
    if request.dry_run {
        report.add("backup_sets", sets.len() as u64);
        report.add("files", files);
        return Ok(result(request, &report));
    }
    for (index, set) in sets.iter().enumerate() {
        context.check()?;
        context.phase("cataloging", format!("Backup set {} of {}: {}.", index + 1, sets.len(), set.name))?;
        let taken = take_set(context, &mut old, set, &mut report);
        tell(context, &mut report);
        if let Err(error) = taken {
            context.check()?;
            return Err(error.context(format!("backup set {}", set.name)).with_details(result(request, &report)));
        }
    }
    Ok(result(request, &report))
}

fn result(request: &ImportV1DatabaseRequest, report: &Report) -> Value {
    let mut value = report.to_json();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("dry_run".into(), json!(request.dry_run));
    }
    value
}

fn tell(context: &Context, report: &mut Report) {
    for line in report.take_lines() {
        context.log(&line);
    }
}

/// Everything but the sets. A trial run is a transaction that is rolled back.
fn small_tables(context: &Context, dry_run: bool, old: &mut Old, report: &mut Report) -> Result<Vec<OldSet>> {
    let keys = &context.services.keys;
    let mut conn = context.conn()?;
    if !dry_run {
        return import::take_over(&mut conn, old, keys, report);
    }
    let mut sets = None;
    let rolled_back: Result<()> = write_transaction(&mut conn, |conn| {
        sets = Some(import::take_over(conn, old, keys, report)?);
        Err(Error::internal("a trial run"))
    });
    match (sets, rolled_back) {
        (Some(sets), _) => Ok(sets),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(Error::internal("a trial run that did nothing")),
    }
}

/// Takes one set over with its files.
fn take_set(context: &Context, old: &mut Old, set: &OldSet, report: &mut Report) -> Result<()> {
    if let Some(leftover) = set.leftover {
        store::discard(context, leftover)?;
    }
    let mut filling = Filling::begin(context, &row(context, set)?)?;
    let filled = fill(context, old, set, &mut filling);
    if let Err(error) = filled {
        filling.give_up()?;
        return Err(error);
    }
    if filling.refused > 0 {
        let reason = format!("{} entries that are no files (sockets), or whose paths lead elsewhere", filling.refused);
        report.attention("backup_sets", &set.name, reason);
    }
    let files = filling.entries();
    filling.finish(set.format, set.end_time)?;
    report.imported("backup_sets");
    report.add("files", files);
    Ok(())
}

fn fill(context: &Context, old: &mut Old, set: &OldSet, filling: &mut Filling<'_>) -> Result<()> {
    for part in &set.parts {
        filling.part(part.tape_id, 1);
        let mut after = i64::MIN;
        loop {
            let files = old.files(part.old_set, after)?;
            let Some(last) = files.last() else { break };
            after = last.id;
            for file in &files {
                filling.file(&old_file(file))?;
            }
            context.progress.files.fetch_add(files.len() as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn old_file(file: &OldFile) -> V1File {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    let mtime = parse_time(&text(&file.mtime));
    V1File {
        path: file.path.clone().unwrap_or_default(),
        size: file.size.unwrap_or_default(),
        mode: file.mode.unwrap_or_default(),
        mtime_ns: mtime.and_then(|time| time.and_utc().timestamp_nanos_opt()).unwrap_or_default(),
        checksum: text(&file.checksum),
    }
}

fn row(context: &Context, set: &OldSet) -> Result<NewSet> {
    let first = set.parts.first().ok_or_else(|| Error::internal("a set on no tape"))?;
    let mut parent_set_id = None;
    for parent in &set.parents {
        let known = db::sets::find_by_uuid(&mut *context.conn()?, parent)?;
        parent_set_id = parent_set_id.or(known.map(|known| known.id));
    }
    Ok(NewSet {
        uuid: set.uuid.clone(),
        job_id: set.job_id,
        tape_id: first.tape_id,
        backup_type: set.backup_type,
        start_time: set.start_time,
        encrypted: set.encrypted,
        encryption_key_id: set.key_id,
        hw_encrypted: set.hw_encrypted,
        hw_encryption_key_id: set.hw_key_id,
        compressed: !matches!(set.compression.as_str(), "none" | "lto"),
        compression_type: set.compression.clone(),
        parent_set_id,
        ..NewSet::default()
    })
}
