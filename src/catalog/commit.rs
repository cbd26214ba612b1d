//! Makes a set `completed`: in one transaction its parts, its totals and what became of the job and the source.
//!
//! By then the tape has the set (I2: the tape commits first, the database second).

use super::kind;
use crate::Result;
use crate::db::schema::snapshots;
use crate::db::spanning::NewMember;
use crate::db::{self, Conn, set_parts::NewPart, sets::BackupSet, sets::SetChanges, write_transaction};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use tape_format::MemberKind;
use tape_format::part::PartLayout;

/// A part that is on tape.
#[derive(Debug, Clone)]
pub struct CommitPart {
    /// The tape.
    pub tape_id: i32,
    /// Where it is.
    pub layout: PartLayout,
}

/// A set that is complete on tape.
#[derive(Debug, Clone)]
pub struct CommitSet {
    /// Its row, `running` until now; or one that was cut off and was found whole on the tape.
    pub set_id: i32,
    /// The source it was read from.
    pub source_id: i32,
    /// Its parts in order.
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

fn new_part(set_id: i32, part: &CommitPart) -> Result<NewPart> {
    let layout = &part.layout;
    Ok(NewPart {
        backup_set_id: set_id,
        part_number: layout.part_number as i32,
        tape_id: part.tape_id,
        tape_file: layout.tape_file as i64,
        first_block: layout.first_block as i64,
        block_count: layout.block_count as i64,
        block_size: layout.block_size as i32,
        toc_block: layout.toc_block as i64,
        end_block: layout.end_block as i64,
        tar_start: layout.tar_start as i64,
        tar_end: layout.tar_end as i64,
        prelude_bytes: layout.prelude_bytes as i64,
        stream_bytes: layout.stream_bytes as i64,
        frame_table: layout.frames.encode()?,
    })
}

/// The parts of a set with the files that end in each, as the catalog has them.
fn members(conn: &mut Conn, done: &CommitSet) -> Result<Vec<NewMember>> {
    use crate::db::schema::catalog_versions::dsl;
    let counts: Vec<(i32, i64)> = dsl::catalog_versions
        .filter(dsl::set_id.eq(done.set_id).and(dsl::kind.eq_any([kind::to_code(&MemberKind::File), kind::HARDLINK])))
        .group_by(dsl::part)
        .select((dsl::part, diesel::dsl::count_star()))
        .load(conn)?;
    let files_in = |part: i32| counts.iter().find(|(number, _)| *number == part).map_or(0, |(_, count)| *count);
    let mut before = 0;
    let member = |part: &CommitPart| {
        let sequence_number = part.layout.part_number as i32;
        let files_start_index = before;
        before += files_in(sequence_number);
        NewMember {
            tape_id: part.tape_id,
            sequence_number,
            bytes_written: part.layout.stream_bytes as i64,
            files_start_index,
            files_end_index: before,
        }
    };
    Ok(done.parts.iter().map(member).collect())
}

/// Stores it.
///
/// # Errors
/// 409 if the set has been completed already; nothing is stored then.
pub fn commit(conn: &mut Conn, done: &CommitSet) -> Result<BackupSet> {
    write_transaction(conn, |conn| {
        for part in &done.parts {
            db::set_parts::insert(conn, &new_part(done.set_id, part)?)?;
            if let Some((fingerprint, name)) = &done.key {
                let changes = db::tapes::TapeChanges {
                    encryption_key_fingerprint: Some(fingerprint.clone()),
                    encryption_key_name: Some(name.clone()),
                    ..Default::default()
                };
                db::tapes::update(conn, part.tape_id, &changes)?;
            }
        }
        if done.parts.len() > 1 {
            let members = members(conn, done)?;
            db::spanning::record(conn, done.set_id, &members)?;
        }
        let stored: u64 = done.parts.iter().map(|part| part.layout.stream_bytes).sum();
        let changes = SetChanges {
            tape_id: done.parts.first().map(|part| part.tape_id),
            file_count: Some(done.file_count),
            total_bytes: Some(done.total_bytes),
            stored_bytes: Some(stored as i64),
            warning_count: Some(done.warning_count),
            deleted_count: Some(done.deleted_count),
            start_block: done.parts.first().map(|part| Some(part.layout.first_block as i64)),
            end_block: done.parts.last().map(|part| Some(part.layout.end_block as i64)),
            checksum: Some(done.checksum.clone()),
            expires_at: Some(done.expires_at),
            ..Default::default()
        };
        let set = db::sets::complete(conn, done.set_id, &changes)?;
        diesel::insert_into(snapshots::table)
            .values((
                snapshots::source_id.eq(done.source_id),
                snapshots::backup_set_id.eq(done.set_id),
                snapshots::created_at.eq(db::now()),
                snapshots::file_count.eq(done.file_count),
                snapshots::total_bytes.eq(done.total_bytes),
            ))
            .execute(conn)?;
        db::jobs::began(conn, set.job_id)?;
        Ok(set)
    })
}
