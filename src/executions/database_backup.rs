//! Writes a consistent copy of the database to a tape, always encrypted: it holds password hashes and wrapped keys.

use super::backup::{SetHeader, Start, drain, next_tape};
use super::{Context, DatabaseBackupRequest};
use crate::backup::engine::{self, EngineOptions};
use crate::catalog::commit::CommitPart;
use crate::db::{
    self, DatabaseBackupStatus, database_backups::DatabaseBackupChanges, encryption_keys::EncryptionKey, tapes::Tape,
};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tape_drive::Compression;
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::toc::{SetInfo, SetKind};
use uuid::Uuid;

/// Name of the copy inside the set.
pub const MEMBER: &str = "tapebackarr.db";

/// What came of it.
struct Copy {
    part: CommitPart,
    checksum: String,
    size: u64,
    uuid: Uuid,
    fingerprint: String,
}

/// Backs the database up.
pub fn run(context: &Context, request: &DatabaseBackupRequest) -> Result<Value> {
    let tape = db::tapes::find(&mut *context.conn()?, request.tape_id)?;
    let row = match request.database_backup_id {
        Some(id) => db::database_backups::find(&mut *context.conn()?, id)?,
        None => db::database_backups::insert(&mut *context.conn()?, tape.id)?,
    };
    let done = back_up(context, request, &tape);
    let changes = match &done {
        Ok(copy) => DatabaseBackupChanges {
            file_size: Some(copy.size as i64),
            checksum: Some(Some(copy.checksum.clone())),
            block_offset: Some(Some(copy.part.layout.first_block as i64)),
            tape_file: Some(Some(copy.part.layout.tape_file as i64)),
            set_uuid: Some(Some(copy.uuid.to_string())),
            status: Some(DatabaseBackupStatus::Completed),
            ..DatabaseBackupChanges::default()
        },
        Err(error) => DatabaseBackupChanges {
            status: Some(DatabaseBackupStatus::Failed),
            error_message: Some(Some(error.message.clone())),
            ..DatabaseBackupChanges::default()
        },
    };
    db::database_backups::update(&mut *context.conn()?, row.id, &changes)?;
    let copy = done?;
    Ok(json!({
        "database_backup_id": row.id, "tape_id": tape.id, "file_size": copy.size, "checksum": copy.checksum,
        "key_fingerprint": copy.fingerprint,
    }))
}

fn back_up(context: &Context, request: &DatabaseBackupRequest, tape: &Tape) -> Result<Copy> {
    let (key_row, key) = key(context, request.encryption_key_id)?;
    let pool_id = tape.pool_id.ok_or_else(|| {
        Error::conflict("no_pool", format!("tape {} is in no pool; put it into one first", tape.label))
    })?;
    context.phase("scanning", "Copying the database.")?;
    let folder = tempfile::Builder::new().prefix("database-backup-").tempdir_in(&context.services.config.data_dir)?;
    let file = folder.path().join(MEMBER);
    db::copy_to(&mut *context.conn()?, &file)?;
    let size = std::fs::metadata(&file)?.len();
    let uuid = Uuid::new_v4();
    let header = SetHeader {
        set_id: None,
        info: SetInfo {
            uuid,
            job: "database".into(),
            kind: SetKind::Database,
            parent: None,
            start: db::now().and_utc().timestamp(),
            compression: "zstd".into(),
            copy_of: None,
        },
        codec: Codec::Zstd { level: 3 },
        key: Some(Arc::new(key)),
        drive_compression: Compression::Off,
        block_size: context.services.config.tape.block_size,
        spool_dir: context.services.config.spool_dir(),
        checkpoint_bytes: u64::MAX,
    };
    let (part, checksum) = write(context, &header, pool_id, tape.id, folder.path())?;
    Ok(Copy { part, checksum, size, uuid, fingerprint: key_row.key_fingerprint })
}

fn key(context: &Context, wanted: Option<i32>) -> Result<(EncryptionKey, Key)> {
    let mut conn = context.conn()?;
    let id = match wanted {
        Some(id) => id,
        None => db::encryption_keys::list(&mut conn)?.iter().map(|key| key.id).max().ok_or_else(|| {
            Error::conflict(
                "no_key",
                "a database backup is always encrypted, and there is no encryption key yet; create one first",
            )
        })?,
    };
    let key = context.services.keys.for_writing(&mut conn, id)?;
    Ok((db::encryption_keys::find(&mut conn, id)?, key))
}

fn write(
    context: &Context,
    header: &SetHeader,
    pool_id: i32,
    tape_id: i32,
    folder: &Path,
) -> Result<(CommitPart, String)> {
    let first = next_tape(context, pool_id, Some(tape_id), &[])?;
    let engine = engine::start(EngineOptions {
        codec: header.codec,
        cancel: context.control.flag(),
        ..EngineOptions::new(folder)
    })?;
    let (drained, _tape) = drain::drain(context, header, pool_id, engine, first, Start::default())?;
    let checksum = drained.checksum.clone();
    match <[CommitPart; 1]>::try_from(drained.parts) {
        Ok([part]) => Ok((part, checksum)),
        Err(parts) => Err(Error::conflict(
            "tape_full",
            format!("the copy took {} tapes; it must fit on one, so take an emptier tape", parts.len()),
        )),
    }
}
