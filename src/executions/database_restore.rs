//! Reads a copy of the database back from tape into a file. The database in use stays as it is.

use super::database_backup::MEMBER;
use super::tape_change::Refusal;
use super::{Context, DatabaseRestoreRequest, tape_reading};
use crate::actors::drive::{DriveTask, Unit};
use crate::db::{self, staged};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_drive::{Position, TapeDrive};
use tape_format::crypt::Key;
use tape_format::part::{PartKey, PartStream};
use tape_format::tar;
use tempfile::NamedTempFile;
use uuid::Uuid;

/// Bytes moved at a time.
const CHUNK: usize = 1 << 20;
/// A copy has one part, and that is its number.
const PART: u32 = 1;

/// Brings the copy back.
pub fn run(context: &Context, request: &DatabaseRestoreRequest) -> Result<Value> {
    let copy = db::database_backups::find(&mut *context.conn()?, request.database_backup_id)?;
    let incomplete =
        || Error::conflict("database_backup_state", format!("database backup {} has no place on tape", copy.id));
    let block = copy.block_offset.and_then(|block| u64::try_from(block).ok()).ok_or_else(incomplete)?;
    let set = copy.set_uuid.as_deref().and_then(|uuid| Uuid::parse_str(uuid).ok()).ok_or_else(incomplete)?;
    let destination = PathBuf::from(&request.dest_path);
    let folder = destination.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("/"));
    let file = NamedTempFile::with_prefix_in("database-restore-", folder)
        .map_err(|error| Error::from(error).context(format!("a file in {}", folder.display())))?;
    let keys = keys(context)?;
    let (lease, _) = tape_reading::bring_one(context, copy.tape_id, None, Refusal::EndsExecution)?;
    context.phase("reading", format!("Reading database backup {} from tape.", copy.id))?;
    let task = ReadCopy { block, set, keys, file: file.reopen()?, stop: context.control.flag() };
    let size = context.perform(&lease, task)?;
    if i64::try_from(size).ok() != Some(copy.file_size) {
        let message = format!("the copy on tape has {size} bytes, but {} were written", copy.file_size);
        return Err(Error::new(crate::ErrorKind::Unprocessable, "database_backup_damaged", message));
    }
    context.phase("verifying", "Checking the restored database.")?;
    staged::check(file.path())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&destination).map_err(|error| Error::from(error.error).context(destination.display()))?;
    Ok(json!({
        "status": "restored", "dest_path": request.dest_path, "file_size": size, "database_backup_id": copy.id,
    }))
}

/// All keys of this server: the copy does not say openly which is its own.
fn keys(context: &Context) -> Result<Vec<Key>> {
    let mut conn = context.conn()?;
    let rows = db::encryption_keys::list(&mut conn)?;
    rows.iter().map(|row| context.services.keys.for_reading(&mut conn, &row.key_fingerprint)).collect()
}

/// Reads the copy into a file.
struct ReadCopy {
    block: u64,
    set: Uuid,
    keys: Vec<Key>,
    file: std::fs::File,
    stop: Arc<AtomicBool>,
}

impl DriveTask for ReadCopy {
    type Output = u64;
    const NAME: &'static str = "read the copy of the database";

    fn run(mut self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<u64> {
        let mut last = None;
        for key in &self.keys {
            drive.locate(Position::block(self.block))?;
            match PartStream::open(drive, Some(PartKey { key, set: self.set, part: PART })) {
                Ok(stream) => return extract(stream, &mut self.file, &self.stop),
                Err(error) => last = Some(error),
            }
        }
        let message = match last {
            Some(error) => format!("no key of this server opens the copy (the last one tried: {error})"),
            None => "the copy is encrypted, and this server has no key; import it from its key sheet".into(),
        };
        Err(Error::new(crate::ErrorKind::Unprocessable, "key_unknown", message))
    }
}

fn extract(stream: PartStream, file: &mut std::fs::File, stop: &AtomicBool) -> Result<u64> {
    let mut archive = tar::Reader::new(stream);
    while let Some(member) = archive.next_member()? {
        if member.path != MEMBER.as_bytes() {
            continue;
        }
        let mut chunk = vec![0; CHUNK];
        let mut size = 0;
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(super::context::stopped(super::Stop::Cancelled));
            }
            match archive.read(&mut chunk)? {
                0 => return Ok(size),
                length => {
                    file.write_all(chunk.get(..length).unwrap_or_default())?;
                    size += length as u64;
                }
            }
        }
    }
    Err(Error::new(crate::ErrorKind::Unprocessable, "database_backup_damaged", "the set on tape has no database in it"))
}
