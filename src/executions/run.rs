//! Runs an execution: one arm per kind of request.

use super::{Context, Request};
use super::{
    backup, batch_label, copy, database_backup, database_restore, drill, drive_action, format, inspect, label,
    library_action, maintenance, raw_read, rebuild, restore, scrub, v1, verify,
};
use crate::Result;
use crate::config::Config;
use crate::db::reserve;
use serde_json::Value;
use std::path::Path;

/// Refuses what writes to tape while the server's own disks are nearly full: a run that cannot be written down must not
/// begin.
///
/// # Errors
/// `disk_full`.
pub fn has_room(config: &Config, request: &Request) -> Result<()> {
    if !request.writes_tapes() {
        return Ok(());
    }
    let database = config.database_path();
    let beside = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    reserve::check(&[beside, &config.data_dir], config.database.reserve_mb << 20)
}

/// Does the work of an execution on the calling thread and returns its result for the person who asked.
pub fn run(context: &Context) -> Result<Value> {
    // it may have waited in the queue
    has_room(&context.services.config, &context.request)?;
    match context.request.clone() {
        Request::Backup(request) => backup::run(context, &request),
        Request::Restore(request) => restore::run(context, &request),
        Request::Verify(request) => verify::run(context, &request),
        Request::Label(request) => label::run(context, &request),
        Request::BatchLabel(request) => batch_label::run(context, &request),
        Request::Format(request) => format::run(context, &request),
        Request::Inspect(request) => inspect::run(context, &request),
        Request::Drive(request) => drive_action::run(context, &request),
        Request::Library(request) => library_action::run(context, &request),
        Request::RawRead(request) => raw_read::run(context, &request),
        Request::DatabaseBackup(request) => database_backup::run(context, &request),
        Request::DatabaseRestore(request) => database_restore::run(context, &request),
        Request::ImportV1Database(request) => v1::import_database::run(context, &request),
        Request::ImportV1Tape(request) => v1::import_tape::run(context, &request),
        Request::Rebuild(request) => rebuild::run(context, &request),
        Request::Maintenance(request) => maintenance::run(context, &request),
        Request::Scrub(request) => scrub::run(context, &request),
        Request::Drill(request) => drill::run(context, &request),
        Request::Copy(request) => copy::run(context, &request),
    }
}
