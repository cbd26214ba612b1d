//! Reads a copy of the database back from tape: one that this server knows, or one that is found on the tape in a drive. It
//! becomes a file, or the database of this server from the next start on. The one in use stays as it is until then.

use super::inspect::FindCopies;
use super::tape_change::Refusal;
use super::{Context, DatabaseRestoreRequest, Lease, drive_action, tape_reading};
use crate::actors::drive::{DriveTask, Unit};
use crate::db::database_backups::{self, DatabaseBackupChanges};
use crate::db::{self, DatabaseBackupStatus, staged};
use crate::restore::database::{self, damaged};
use crate::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tape_drive::TapeDrive;
use tape_format::crypt::Key;
use tempfile::NamedTempFile;
use uuid::Uuid;

/// Where a copy is, and what it must be.
struct Place {
    tape_file: Option<u64>,
    block: u64,
    set: Uuid,
    size: Option<u64>,
    /// Of the set, as [`database::set_checksum`].
    checksum: Option<String>,
}

/// Brings the copy back.
pub fn run(context: &Context, request: &DatabaseRestoreRequest) -> Result<Value> {
    let destination = request.dest_path.as_ref().map(PathBuf::from);
    let folder = match &destination {
        Some(path) => path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("/")),
        None => &context.services.config.data_dir,
    };
    let file = NamedTempFile::with_prefix_in("database-restore-", folder)
        .map_err(|error| Error::from(error).context(format!("a file in {}", folder.display())))?;
    let keys = context.services.keys.all(&mut *context.conn()?)?;
    let (place, lease) = match (request.database_backup_id, request.drive_id) {
        (Some(id), _) => known(context, id)?,
        (None, Some(drive)) => found(context, drive, request.tape_file, &keys)?,
        (None, None) => return Err(Error::bad_request("name a database backup, or a drive with a tape that it is on")),
    };
    context.phase("reading", "Reading the copy of the database from tape.")?;
    let task = ReadCopy {
        place: (place.block, place.set),
        keys: keys.clone(),
        file: file.reopen()?,
        stop: context.control.flag(),
    };
    let (size, sha256) = context.perform(&lease, task)?;
    drop(lease);
    if place.size.is_some_and(|expected| expected != size) {
        return Err(damaged(format!("the copy on tape has {size} bytes, and that is not what was written")));
    }
    let checksum = database::set_checksum(&sha256);
    if place.checksum.as_ref().is_some_and(|expected| *expected != checksum) {
        return Err(damaged("the SHA-256 of the copy on tape is not that of what was written"));
    }
    context.phase("verifying", "Checking the restored database.")?;
    file.as_file().sync_all()?;
    let base = json!({"status": "restored", "file_size": size, "database_backup_id": request.database_backup_id});
    let Some(destination) = destination else {
        take_over(context, file.path(), &keys, &place, size, &checksum)?;
        return Ok(super::inspect::merge(
            base,
            json!({"restart_required": true, "message": "The database is laid ready: restart the server to run with it."}),
        ));
    };
    staged::check(file.path())?;
    file.persist_noclobber(&destination).map_err(|error| Error::from(error.error).context(destination.display()))?;
    Ok(super::inspect::merge(base, json!({"dest_path": destination})))
}

/// A copy in the list of this server, and its tape in a drive.
fn known(context: &Context, id: i32) -> Result<(Place, Lease)> {
    let copy = database_backups::find(&mut *context.conn()?, id)?;
    let incomplete = || Error::conflict("database_backup_state", format!("database backup {id} has no place on tape"));
    let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
    let place = Place {
        tape_file: number(copy.tape_file),
        block: number(copy.block_offset).ok_or_else(incomplete)?,
        set: copy.set_uuid.as_deref().and_then(|uuid| Uuid::parse_str(uuid).ok()).ok_or_else(incomplete)?,
        size: u64::try_from(copy.file_size).ok().filter(|size| *size > 0),
        checksum: copy.checksum,
    };
    let (lease, _) = tape_reading::bring_one(context, copy.tape_id, None, Refusal::EndsExecution)?;
    Ok((place, lease))
}

/// A copy on the tape in a drive, of which this server need not know anything.
fn found(context: &Context, drive: i32, tape_file: Option<u64>, keys: &[Key]) -> Result<(Place, Lease)> {
    let lease = context.take_drive(drive, None)?;
    let label = drive_action::load(context, &lease)?.require_label()?;
    context.phase("scanning", format!("Looking for copies of the database on tape {}.", label.label))?;
    let survey = context.perform(&lease, FindCopies { keys: keys.to_vec(), stop: context.control.flag() })?;
    let wanted = survey.copies.iter().filter(|copy| tape_file.is_none_or(|file| file == copy.tape_file));
    let Some(copy) = wanted.max_by_key(|copy| (copy.start, copy.tape_file)) else {
        let which = tape_file.map_or(String::new(), |file| format!(" in tape file {file}"));
        return Err(match survey.closed.is_empty() {
            true => Error::not_found(format_args!("a copy of the database on tape {}{which}", label.label)),
            false => Error::new(
                ErrorKind::Unprocessable,
                "key_unknown",
                format!(
                    "no copy of the database was found on tape {}{which}, but there are parts whose keys this server \
                     does not have ({}): import them from the key sheet",
                    label.label,
                    survey.closed.join(", ")
                ),
            ),
        });
    };
    let time =
        chrono::DateTime::from_timestamp(copy.start, 0).map(|time| time.format("%Y-%m-%d %H:%M UTC").to_string());
    context.why(&[format!("The copy in tape file {} is from {}.", copy.tape_file, time.unwrap_or_default())])?;
    let place = Place {
        tape_file: Some(copy.tape_file),
        block: copy.block,
        set: copy.set,
        size: Some(copy.size),
        checksum: Some(database::set_checksum(&copy.sha256)),
    };
    Ok((place, lease))
}

/// Lays a database ready for the next start: its keys are wrapped anew, and it learns that it was written to tape, which it
/// could not know when it was copied.
fn take_over(context: &Context, file: &Path, keys: &[Key], place: &Place, size: u64, checksum: &str) -> Result<()> {
    staged::check(file)?;
    let mut conn = db::open_copy(file)?;
    let lost = context.services.keys.take_over(&mut conn, keys)?;
    if !lost.is_empty() {
        return Err(lost_keys(&lost));
    }
    let done = DatabaseBackupChanges {
        status: Some(DatabaseBackupStatus::Completed),
        file_size: i64::try_from(size).ok(),
        checksum: Some(Some(checksum.into())),
        block_offset: Some(i64::try_from(place.block).ok()),
        tape_file: Some(place.tape_file.and_then(|file| i64::try_from(file).ok())),
        ..DatabaseBackupChanges::default()
    };
    database_backups::update_of_set(&mut conn, &place.set.to_string(), &done)?;
    // closed, so that all of it is in the one file
    drop(conn);
    staged::stage(file, &context.services.config.database_path())
}

/// The error of a database with keys that nobody can open.
pub fn lost_keys(lost: &[String]) -> Error {
    let message = format!(
        "the database holds encryption keys that neither the master key nor the keys at hand open: {}. Import them from the \
         key sheet (or put the master key of the old server into the data folder), and restore again",
        lost.join(", ")
    );
    Error::new(ErrorKind::Unprocessable, "key_unknown", message)
}

/// Reads the copy into a file.
struct ReadCopy {
    place: (u64, Uuid),
    keys: Vec<Key>,
    file: std::fs::File,
    stop: Arc<AtomicBool>,
}

impl DriveTask for ReadCopy {
    type Output = (u64, String);
    const NAME: &'static str = "read the copy of the database";

    fn run(mut self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<(u64, String)> {
        database::extract(drive, self.place, &self.keys, &mut self.file, &self.stop)
    }
}
