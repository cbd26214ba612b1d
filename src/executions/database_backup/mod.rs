//! Writes a consistent copy of the database to a tape, always encrypted: it holds password hashes and wrapped keys.
//!
//! On demand, and after runs ([`after`]). The tape is got first and told what will be written to it, then the copy is made: so a
//! server that runs with the copy one day knows that the tape goes on behind the end that it has on record.

mod after;

use super::backup::{OpenTape, SetHeader, Start, drain, next_tape};
use super::{Context, DatabaseBackupRequest};
use crate::backup::engine::{self, EngineOptions};
use crate::catalog::commit::CommitPart;
use crate::db::database_backups::{self, DatabaseBackupChanges};
use crate::db::{self, DatabaseBackupStatus, TapeStatus, encryption_keys::EncryptionKey};
use crate::keys::{locks, rotation};
use crate::restore::database::MEMBER;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::sync::Arc;
use tape_drive::Compression;
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::toc::{SetInfo, SetKind};
use uuid::Uuid;

pub use after::after;

/// Tapes that are tried, when one turns out to be too full.
const TRIES: usize = 3;

/// What came of it.
struct Copy {
    part: CommitPart,
    checksum: String,
    size: u64,
}

/// Backs the database up.
pub fn run(context: &Context, request: &DatabaseBackupRequest) -> Result<Value> {
    let mut row = request.database_backup_id;
    let done = back_up(context, request, &mut row);
    let (key, copy) = match done {
        Ok(done) => done,
        Err(error) => {
            if let Some(row) = row {
                let failed = DatabaseBackupChanges {
                    status: Some(DatabaseBackupStatus::Failed),
                    error_message: Some(Some(error.message.clone())),
                    ..DatabaseBackupChanges::default()
                };
                database_backups::update(&mut *context.conn()?, row, &failed)?;
            }
            return Err(error);
        }
    };
    Ok(json!({
        "database_backup_id": row, "tape_id": copy.part.tape_id, "file_size": copy.size, "checksum": copy.checksum,
        "key_fingerprint": key.key_fingerprint,
    }))
}

fn back_up(context: &Context, request: &DatabaseBackupRequest, row: &mut Option<i32>) -> Result<(EncryptionKey, Copy)> {
    let lock = lock(context, request)?;
    let (pool_id, mut named) = target(context, request)?;
    let mut tries = 1;
    loop {
        let tape = next_tape(context, pool_id, named, &[])?;
        match write(context, &lock, pool_id, tape, row) {
            // the tape has become full, and another one is chosen now; one that a person named is not exchanged
            Err(error) if error.code == "tape_full" && request.tape_id.is_none() && tries < TRIES => {
                context.log(&format!("{}; trying another tape.", error.message));
                tries += 1;
                named = None;
            }
            done => return done.map(|copy| (lock.row, copy)),
        }
    }
}

/// The pool it goes to, and the tape, if it is decided already.
fn target(context: &Context, request: &DatabaseBackupRequest) -> Result<(i32, Option<i32>)> {
    let mut conn = context.conn()?;
    let no_pool =
        |label: &str| Error::conflict("no_pool", format!("tape {label} is in no pool; put it into one first"));
    if let Some(id) = request.tape_id {
        let tape = db::tapes::find(&mut conn, id)?;
        return Ok((tape.pool_id.ok_or_else(|| no_pool(&tape.label))?, Some(id)));
    }
    let after = request.after_tape.map(|id| db::tapes::find(&mut conn, id)).transpose()?;
    let pool_id = request.pool_id.or(after.as_ref().and_then(|tape| tape.pool_id)).ok_or_else(|| {
        Error::conflict("no_pool", "name a tape or a pool for the database backup (setting database_backup.pool)")
    })?;
    let size = db::upkeep::size(&mut conn)?.size_bytes;
    let suits = |tape: &db::tapes::Tape| {
        tape.pool_id == Some(pool_id)
            && tape.status == TapeStatus::Active
            && tape.blocked().is_none()
            && (tape.capacity_bytes == 0 || tape.free_bytes() > size)
    };
    let named = after.filter(suits);
    if let Some(tape) = &named {
        context.why(&[format!("The copy goes behind the run, on tape {}.", tape.label)])?;
    }
    Ok((pool_id, named.map(|tape| tape.id)))
}

/// What the copy is encrypted with.
struct Lock {
    row: EncryptionKey,
    key: Arc<Key>,
    /// Whoever asked for the copy named it.
    by_hand: bool,
}

fn lock(context: &Context, request: &DatabaseBackupRequest) -> Result<Lock> {
    let mut conn = context.conn()?;
    let id = match request.encryption_key_id {
        Some(id) => id,
        None => rotation::newest_of_all(&mut conn, db::now())?.map(|key| key.id).ok_or_else(|| {
            Error::conflict(
                "no_key",
                "a database backup is always encrypted, and there is no encryption key yet; create one first",
            )
        })?,
    };
    let id = rotation::for_new_set(&context.services.keys, &mut conn, &context.services.bus, id)?.id;
    let key = context.services.keys.for_writing(&mut conn, id)?;
    // after a run it is the settings that name it
    let by_hand = request.encryption_key_id.is_some() && request.after_tape.is_none();
    Ok(Lock { row: db::encryption_keys::find(&mut conn, id)?, key: Arc::new(key), by_hand })
}

/// Copies the database, and the copy to a tape. `row` is its row in the list, which is made if there is none.
fn write(context: &Context, lock: &Lock, pool_id: i32, tape: OpenTape, row: &mut Option<i32>) -> Result<Copy> {
    let uuid = Uuid::new_v4();
    let id = announce(context, lock, tape.tape_id, uuid, row)?;
    context.phase("scanning", "Copying the database.")?;
    let folder = tempfile::Builder::new().prefix("database-backup-").tempdir_in(&context.services.config.data_dir)?;
    let file = folder.path().join(MEMBER);
    db::copy_to(&mut *context.conn()?, &file)?;
    let size = std::fs::metadata(&file)?.len();
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
        key: Some(lock.key.clone()),
        locked_key: locks::for_pool(&context.services.keys, &mut *context.conn()?, pool_id, &lock.key)?,
        drive_key: None,
        drive_compression: Compression::Off,
        block_size: context.services.config.tape.block_size,
        spool_dir: context.services.config.spool_dir(),
        checkpoint_bytes: u64::MAX,
    };
    let engine = engine::start(EngineOptions {
        codec: header.codec,
        cancel: context.control.flag(),
        ..EngineOptions::new(folder.path())
    })?;
    let (drained, _tape) = drain::drain(context, &header, pool_id, engine, tape, Start::default())?;
    let checksum = drained.checksum.clone();
    let part = match <[CommitPart; 1]>::try_from(drained.parts) {
        Ok([part]) => part,
        Err(parts) => {
            let message = format!("the copy took {} tapes; it must fit on one, so take an emptier tape", parts.len());
            return Err(Error::conflict("tape_full", message));
        }
    };
    let done = DatabaseBackupChanges {
        tape_id: Some(part.tape_id),
        file_size: Some(size as i64),
        checksum: Some(Some(checksum.clone())),
        block_offset: Some(Some(part.layout.first_block as i64)),
        tape_file: Some(Some(part.layout.tape_file as i64)),
        status: Some(DatabaseBackupStatus::Completed),
        ..DatabaseBackupChanges::default()
    };
    database_backups::update(&mut *context.conn()?, id, &done)?;
    Ok(Copy { part, checksum, size })
}

/// Stores, before the copy is made, what will be written to which tape with which key: the copy must know of itself, and from
/// now on the key cannot be deleted.
fn announce(context: &Context, lock: &Lock, tape_id: i32, uuid: Uuid, row: &mut Option<i32>) -> Result<i32> {
    db::write_transaction(&mut *context.conn()?, |conn| {
        db::encryption_keys::find(conn, lock.row.id)?;
        let id = match *row {
            Some(id) => id,
            None => database_backups::insert(conn, tape_id)?.id,
        };
        *row = Some(id);
        let changes = DatabaseBackupChanges {
            tape_id: Some(tape_id),
            set_uuid: Some(Some(uuid.to_string())),
            key_fingerprint: Some(Some(lock.row.key_fingerprint.clone())),
            key_by_hand: Some(lock.by_hand),
            ..DatabaseBackupChanges::default()
        };
        database_backups::update(conn, id, &changes)?;
        db::tape_lifecycle::will_write(conn, tape_id, &uuid.to_string())?;
        Ok(id)
    })
}
