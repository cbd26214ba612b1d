//! A restore drill: files chosen at random are restored into a temporary folder, read back from there, compared with the
//! catalog, and with their source if that has not changed since; then they are deleted.

mod choice;
mod rehearsal;

use super::{Context, DrillRequest};
use crate::restore::select::{self, Selection};
use crate::{Error, ErrorKind, Result, db};
use choice::Dice;
use rehearsal::{Outcome, Rehearsal};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Failures that the message names.
const NAMED: usize = 3;

/// A set, and the files of it that are restored.
struct Chosen {
    set_id: i32,
    paths: Vec<String>,
}

/// Runs a drill.
pub fn run(context: &Context, request: &DrillRequest) -> Result<Value> {
    let begun = Instant::now();
    let seed = request.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_fields().0);
    context.phase("planning", format!("Choosing files with the seed {seed}."))?;
    let (chosen, bytes) = choose(context, request, seed)?;
    super::room::check(&context.services.config.spool_dir(), bytes)?;
    let folder = tempfile::Builder::new().prefix("drill-").tempdir_in(context.services.config.spool_dir())?;
    let mut files = Vec::new();
    for part in &chosen {
        files.extend(rehearse(context, part, folder.path())?);
    }
    folder.close().map_err(|error| Error::from(error).context("what was restored could not be deleted"))?;
    let failed: Vec<&Outcome> = files.iter().filter(|file| file.error.is_some()).collect();
    let report = json!({
        "seed": seed, "files": files.len(), "bytes": files.iter().map(|file| file.bytes).sum::<u64>(),
        "failed": failed.len(), "seconds": begun.elapsed().as_secs_f64(),
        "same_as_source": files.iter().filter(|file| file.source == Some("same")).count(),
        "results": files.iter().map(Outcome::to_json).collect::<Vec<_>>(),
    });
    if failed.is_empty() {
        context.log(&format!("{} files were restored as the catalog says, and deleted again.", files.len()));
        return Ok(report);
    }
    let named: Vec<String> = failed.iter().take(NAMED).map(|file| file.to_string()).collect();
    let message = format!("{} of {} files could not be restored: {}", failed.len(), files.len(), named.join("; "));
    Err(Error::new(ErrorKind::Unprocessable, "drill_failed", message).with_details(report))
}

/// The files by set, and what they need.
fn choose(context: &Context, request: &DrillRequest, seed: u32) -> Result<(Vec<Chosen>, u64)> {
    let settings = &context.services.config.drill;
    let max_bytes = i64::from(settings.max_file_mb) << 20;
    let wanted = request.files.unwrap_or(settings.files);
    let mut conn = context.conn()?;
    let sets = choice::sets(&mut conn, request.job_id, max_bytes)?;
    if sets.is_empty() {
        let message = "there is no complete backup set with a file on tapes that can be loaded without a person";
        return Err(Error::new(ErrorKind::NotFound, "nothing_found", message));
    }
    let (mut chosen, mut bytes) = (Vec::new(), 0);
    for (set_id, places) in choice::throw(&mut Dice::new(seed), &sets, wanted) {
        let mut paths = Vec::new();
        for place in places {
            if let Some((path, size)) = choice::file(&mut conn, set_id, place, max_bytes)? {
                paths.push(path);
                bytes += size;
            }
        }
        chosen.push((db::sets::find(&mut conn, set_id)?.tape_id, Chosen { set_id, paths }));
    }
    // so that each tape is loaded once
    chosen.sort_by_key(|(tape, part)| (*tape, part.set_id));
    Ok((chosen.into_iter().map(|(_, part)| part).collect(), bytes))
}

fn rehearse(context: &Context, chosen: &Chosen, folder: &Path) -> Result<Vec<Outcome>> {
    let Chosen { set_id, paths } = chosen;
    context.phase("reading", format!("Restoring {} files of backup set {set_id}.", paths.len()))?;
    let folder = folder.join(format!("set-{set_id}"));
    std::fs::create_dir_all(&folder)?;
    let selected = {
        let mut conn = context.conn()?;
        let chain = select::alone(&mut conn, *set_id)?;
        select::plan(&mut conn, &Selection { chain, paths: paths.clone() })?
    };
    let progress = &context.progress;
    progress.files_total.fetch_add(selected.plan.file_count(), Ordering::Relaxed);
    progress.bytes_total.fetch_add(selected.plan.total_bytes(), Ordering::Relaxed);
    Rehearsal::new(context, *set_id, &folder)?.run(&selected)
}
