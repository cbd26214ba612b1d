//! Makes a set `completed`: in one transaction its parts, its totals and what became of the job and the source.
//!
//! By then the tape has the set (I2: the tape commits first, the database second).

use super::spanning::{self, Rest};
use crate::Result;
use crate::db::schema::{backup_sets, snapshots};
use crate::db::{self, Conn, set_parts::NewPart, sets::BackupSet, sets::SetChanges, write_transaction};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use tape_format::part::PartLayout;
use tape_format::toc::Totals;

/// A part that is on tape.
#[derive(Debug, Clone)]
pub struct CommitPart {
    /// The tape.
    pub tape_id: i32,
    /// Where it is.
    pub layout: PartLayout,
    /// What its members add up to.
    pub totals: Totals,
}

/// A set that is complete on tape.
#[derive(Debug, Clone)]
pub struct CommitSet {
    /// Its row, `running` until now; or one that was cut off and was found whole on the tape.
    pub set_id: i32,
    /// The source it was read from.
    pub source_id: i32,
    /// Its parts that are not recorded yet.
    pub parts: Vec<CommitPart>,
    /// Files in it.
    pub file_count: i64,
    /// Content bytes of them.
    pub total_bytes: i64,
    /// Warnings of the run.
    pub warning_count: i64,
    /// Paths recorded as gone.
    pub deleted_count: i64,
    /// Hex SHA-256 over its list of files.
    pub checksum: Option<String>,
    /// Until when it is kept.
    pub expires_at: Option<NaiveDateTime>,
    /// Fingerprint and name of the key it was encrypted with.
    pub key: Option<(String, String)>,
}

/// A copy is complete on tape: its figures and times are those of what was copied.
pub fn commit_copy(conn: &mut Conn, set_id: i32, original: &BackupSet) -> Result<BackupSet> {
    write_transaction(conn, |conn| {
        let parts = db::set_parts::of_set(conn, set_id)?;
        if let Some(key) = original.encryption_key_id.filter(|_| original.encrypted) {
            let key = db::encryption_keys::find(conn, key)?;
            let changes = db::tapes::TapeChanges {
                encryption_key_fingerprint: Some(key.key_fingerprint),
                encryption_key_name: Some(key.name),
                ..Default::default()
            };
            for part in &parts {
                db::tapes::update(conn, part.tape_id, &changes)?;
            }
        }
        spanning::tell(conn, set_id, Rest::Nothing)?;
        let changes = SetChanges {
            tape_id: parts.first().map(|part| part.tape_id),
            file_count: Some(original.file_count),
            total_bytes: Some(original.total_bytes),
            stored_bytes: Some(parts.iter().map(|part| part.stream_bytes).sum()),
            warning_count: Some(original.warning_count),
            deleted_count: Some(original.deleted_count),
            start_block: parts.first().map(|part| Some(part.first_block)),
            end_block: parts.last().map(|part| Some(part.end_block)),
            checksum: Some(original.checksum.clone()),
            ..Default::default()
        };
        db::sets::complete(conn, set_id, &changes)?;
        diesel::update(backup_sets::table.find(set_id))
            .set(backup_sets::end_time.eq(original.end_time))
            .execute(conn)?;
        db::checkpoints::end(conn, set_id)?;
        db::sets::find(conn, set_id)
    })
}

/// Stores it.
///
/// # Errors
/// 409 if the set has been completed already; nothing is stored then.
pub fn commit(conn: &mut Conn, done: &CommitSet) -> Result<BackupSet> {
    write_transaction(conn, |conn| {
        for part in &done.parts {
            db::set_parts::insert(conn, &NewPart::of(done.set_id, part.tape_id, &part.layout, part.totals)?)?;
        }
        let parts = db::set_parts::of_set(conn, done.set_id)?;
        if let Some((fingerprint, name)) = &done.key {
            let changes = db::tapes::TapeChanges {
                encryption_key_fingerprint: Some(fingerprint.clone()),
                encryption_key_name: Some(name.clone()),
                ..Default::default()
            };
            for part in &parts {
                db::tapes::update(conn, part.tape_id, &changes)?;
            }
        }
        spanning::tell(conn, done.set_id, Rest::Nothing)?;
        let stored: i64 = parts.iter().map(|part| part.stream_bytes).sum();
        let changes = SetChanges {
            tape_id: parts.first().map(|part| part.tape_id),
            file_count: Some(done.file_count),
            total_bytes: Some(done.total_bytes),
            stored_bytes: Some(stored),
            warning_count: Some(done.warning_count),
            deleted_count: Some(done.deleted_count),
            start_block: parts.first().map(|part| Some(part.first_block)),
            end_block: parts.last().map(|part| Some(part.end_block)),
            checksum: Some(done.checksum.clone()),
            expires_at: Some(done.expires_at),
            ..Default::default()
        };
        let set = db::sets::complete(conn, done.set_id, &changes)?;
        db::checkpoints::end(conn, done.set_id)?;
        diesel::insert_into(snapshots::table)
            .values((
                snapshots::source_id.eq(done.source_id),
                snapshots::backup_set_id.eq(done.set_id),
                snapshots::created_at.eq(db::now()),
                snapshots::file_count.eq(done.file_count),
                snapshots::total_bytes.eq(done.total_bytes),
            ))
            .execute(conn)?;
        Ok(set)
    })
}
