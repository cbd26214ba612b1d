//! Rows that come from elsewhere with a past of their own: from the database of version 1, or from its tapes.

use super::errors::stored;
use super::kinds::{DatabaseBackupStatus, FormatType, TapeStatus};
use super::schema::{backup_sets, database_backups, tapes};
use super::set_parts::{self, NewV1Part};
use super::sets::{self, SetChanges};
use super::tapes::{self as cartridges, NewTape};
use super::time::now;
use super::{Conn, write_transaction};
use crate::Result;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// What became of a tape before it was known here.
#[derive(Debug, Clone, Default)]
pub struct TapeHistory {
    /// Bytes written to it.
    pub used_bytes: i64,
    /// How many sets were begun on it.
    pub write_count: i32,
    /// When the last one ended.
    pub last_written_at: Option<NaiveDateTime>,
    /// Where it is.
    pub offsite_location: Option<String>,
    /// When it left the house.
    pub export_time: Option<NaiveDateTime>,
    /// When it came back.
    pub import_time: Option<NaiveDateTime>,
    /// Of the key of its last encrypted set.
    pub encryption_key_fingerprint: String,
    /// The name of that key.
    pub encryption_key_name: String,
    /// What it was before it left.
    pub status_before_export: Option<TapeStatus>,
    /// Why it may not be written.
    pub hold_reason: Option<String>,
    /// When it was made known first.
    pub created_at: Option<NaiveDateTime>,
}

/// Makes a tape known, with its past.
pub fn tape(conn: &mut Conn, new: &NewTape, past: &TapeHistory) -> Result<i32> {
    write_transaction(conn, |conn| {
        let tape = cartridges::insert(conn, new)?;
        let row = diesel::update(tapes::table.find(tape.id)).set((
            (tapes::used_bytes.eq(past.used_bytes), tapes::write_count.eq(past.write_count)),
            tapes::last_written_at.eq(past.last_written_at),
            tapes::offsite_location.eq(&past.offsite_location),
            (tapes::export_time.eq(past.export_time), tapes::import_time.eq(past.import_time)),
            tapes::encryption_key_fingerprint.eq(&past.encryption_key_fingerprint),
            tapes::encryption_key_name.eq(&past.encryption_key_name),
            tapes::status_before_export.eq(past.status_before_export),
            tapes::hold_reason.eq(&past.hold_reason),
            tapes::created_at.eq(past.created_at.unwrap_or(tape.created_at)),
        ));
        stored(row.execute(conn), format_args!("tape '{}'", new.label))?;
        Ok(tape.id)
    })
}

/// A copy of a database of version 1 on a tape.
#[derive(Debug, Clone)]
pub struct OldDatabaseBackup {
    /// The tape.
    pub tape_id: i32,
    /// When the copy was taken.
    pub backup_time: NaiveDateTime,
    /// Its size in bytes.
    pub file_size: i64,
    /// Its checksum, if it has one.
    pub checksum: Option<String>,
}

/// Records such a copy; `false` if it is recorded already.
pub fn database_backup(conn: &mut Conn, copy: &OldDatabaseBackup) -> Result<bool> {
    let same = database_backups::tape_id.eq(copy.tape_id).and(database_backups::backup_time.eq(copy.backup_time));
    let known: i64 = database_backups::table.filter(same).count().get_result(conn)?;
    if known > 0 {
        return Ok(false);
    }
    let row = diesel::insert_into(database_backups::table).values((
        database_backups::tape_id.eq(copy.tape_id),
        database_backups::backup_time.eq(copy.backup_time),
        database_backups::file_size.eq(copy.file_size),
        database_backups::checksum.eq(&copy.checksum),
        database_backups::status.eq(DatabaseBackupStatus::Completed),
        database_backups::error_message.eq("a database of version 1: extract it with a raw read of the tape"),
        database_backups::created_at.eq(copy.backup_time),
    ));
    stored(row.execute(conn), format_args!("database backup on tape {}", copy.tape_id))?;
    Ok(true)
}

/// What a set of version 1 is, once all its files are in the catalog.
#[derive(Debug, Clone)]
pub struct V1Set {
    /// The set, running until now.
    pub set_id: i32,
    /// Its parts in order; none for an LTFS volume.
    pub parts: Vec<NewV1Part>,
    /// Raw or LTFS.
    pub format: FormatType,
    /// Files in it.
    pub file_count: i64,
    /// Their bytes.
    pub total_bytes: i64,
    /// When it ended.
    pub end_time: Option<NaiveDateTime>,
}

/// Makes such a set `completed`, with its parts. It is protected: no rule of today was made with it in mind.
pub fn complete_set(conn: &mut Conn, done: &V1Set) -> Result<()> {
    write_transaction(conn, |conn| {
        for part in &done.parts {
            set_parts::insert_v1(conn, part)?;
        }
        let figures = SetChanges {
            file_count: Some(done.file_count),
            total_bytes: Some(done.total_bytes),
            stored_bytes: Some(done.parts.iter().map(|part| part.stream_bytes).sum()),
            ..SetChanges::default()
        };
        let set = sets::complete(conn, done.set_id, &figures)?;
        let row = diesel::update(backup_sets::table.find(done.set_id)).set((
            backup_sets::format_type.eq(done.format),
            backup_sets::protected.eq(true),
            backup_sets::end_time.eq(done.end_time.unwrap_or(set.start_time)),
            backup_sets::updated_at.eq(now()),
        ));
        stored(row.execute(conn), format_args!("backup set {}", done.set_id))?;
        Ok(())
    })
}
