//! Writes a consistent copy of the database to a tape, always encrypted: it holds password hashes and wrapped keys.

use super::backup::{SetHeader, drain, next_tape};
use super::{Context, DatabaseBackupRequest};
use crate::backup::engine::{self, EngineOptions};
use crate::catalog::commit::CommitPart;
use crate::db::{self, database_backups::NewDatabaseBackup};
use crate::{Error, Result};
use serde_json::{Value, json};
use tape_drive::Compression;
use tape_format::codec::Codec;
use uuid::Uuid;

/// Name of the copy inside the set.
pub const MEMBER: &str = "tapebackarr.db";

/// Backs the database up.
pub fn run(context: &Context, request: &DatabaseBackupRequest) -> Result<Value> {
    let key = {
        let mut conn = context.conn()?;
        let id = match request.encryption_key_id {
            Some(id) => id,
            None => db::encryption_keys::newest(&mut conn)?.map(|key| key.id).ok_or_else(|| {
                Error::conflict(
                    "no_key",
                    "a database backup is always encrypted, and there is no encryption key yet; create one first",
                )
            })?,
        };
        context.services.keys.load(&mut conn, id)?
    };
    let tape = db::tapes::find(&mut *context.conn()?, request.tape_id)?;
    let pool_id = tape.pool_id.ok_or_else(|| {
        Error::conflict("no_pool", format!("tape {} is in no pool; put it into one first", tape.label))
    })?;
    context.phase("scanning", "Copying the database.")?;
    let copy = tempfile::Builder::new().prefix("database-backup-").tempdir_in(&context.services.config.data_dir)?;
    let file = copy.path().join(MEMBER);
    db::copy_to(&mut *context.conn()?, &file)?;
    let size = std::fs::metadata(&file)?.len();
    let checksum = crate::backup::hash_file(&file)?;
    let uuid = Uuid::new_v4();
    let row = db::database_backups::insert(
        &mut *context.conn()?,
        &NewDatabaseBackup { tape_id: tape.id, file_size: size as i64, checksum: checksum.clone(), set_uuid: uuid.to_string() },
    )?;
    let work = || -> Result<CommitPart> {
        let first = next_tape(context, pool_id, Some(tape.id), &[])?;
        let header = SetHeader {
            set_id: 0,
            set_uuid: uuid,
            job: "database".into(),
            backup_type: "database".into(),
            parent: None,
            started: db::now(),
            codec: Codec::Zstd { level: 3 },
            key: Some(key.clone()),
            drive_compression: Compression::Off,
        };
        let engine = engine::start(EngineOptions::of_folder(
            copy.path(),
            header.codec,
            context.services.config.tape.buffer_size_mb as usize * (1 << 20),
            context.control.flag(),
        ))?;
        let drained = drain::drain_uncataloged(context, &header, pool_id, engine, first)?;
        match <[CommitPart; 1]>::try_from(drained.parts) {
            Ok([part]) => Ok(part),
            Err(parts) => Err(Error::conflict(
                "tape_full",
                format!("the copy took {} tapes; it must fit on one, so take an emptier tape", parts.len()),
            )),
        }
    };
    match work() {
        Ok(part) => {
            db::database_backups::complete(
                &mut *context.conn()?,
                row.id,
                part.layout.first_block as i64,
                part.layout.tape_file as i64,
            )?;
            Ok(json!({
                "database_backup_id": row.id, "tape_id": tape.id, "file_size": size, "checksum": checksum,
                "key_fingerprint": key.fingerprint,
            }))
        }
        Err(error) => {
            db::database_backups::fail(&mut *context.conn()?, row.id, &error.message)?;
            Err(error)
        }
    }
}
