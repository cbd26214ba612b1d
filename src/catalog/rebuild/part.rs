//! A part whose table of contents was read from end to end.

use super::known::Sums;
use super::{number, time};
use crate::catalog::checksum;
use crate::catalog::from_toc::Tally;
use crate::catalog::spanning::{self, Rest};
use crate::db::schema::{backup_jobs, backup_sets, catalog_index_progress, snapshots};
use crate::db::set_parts::NewPart;
use crate::db::set_parts::{self, SetPart};
use crate::db::sets::{self, BackupSet};
use crate::db::{Conn, SetStatus, SpanningStatus, database_backups, jobs, now, schema, write_transaction};
use crate::{Error, Result};
use diesel::prelude::*;
use tape_format::part::PartLayout;

/// A part that was read; its rows are in the catalog.
pub struct Read {
    /// The set's row, as [`super::set::open`] made it ready.
    pub set_id: i32,
    /// The tape.
    pub tape_id: i32,
    /// Where the part is.
    pub layout: PartLayout,
    /// Whether the set ends with it.
    pub last: bool,
    /// When it was ended, Unix seconds.
    pub end: i64,
    /// What its members add up to.
    pub tally: Tally,
    /// SHA-256's intermediate value where a file goes on in the next part.
    pub chaining: Option<[u8; 32]>,
    /// Why the set is not complete although all its parts may be there.
    pub reserve: Option<String>,
}

/// Stores a part that was read; the set becomes `completed` with the last one that was missing.
///
/// # Errors
/// `parts_mismatch` if it does not fit to the parts of the set that are there; nothing is stored then.
pub fn store(conn: &mut Conn, read: Read) -> Result<BackupSet> {
    let Read { set_id, tape_id, layout, last, end, tally, chaining, reserve } = read;
    let before = set_parts::of_set(conn, set_id)?;
    let part_number = layout.part_number as i32;
    let expected = if last { Some(part_number) } else { sets::find(conn, set_id)?.parts_expected };
    let part = NewPart::of(set_id, tape_id, &layout, tally.totals)?.cut(chaining);
    // all rows are there, and nobody else touches them: the long work comes before the lock
    let whole = whole(expected, before.iter().map(|part| part.part_number).chain([part_number]));
    let alone = before.is_empty();
    let sums = if alone { Sums::of(&tally) } else { Sums::of_set(conn, set_id)? };
    let checksum = match (whole, alone) {
        (false, _) => None,
        (true, true) => Some(tally.hash.finish()),
        (true, false) => Some(checksum::of_set(conn, set_id)?),
    };
    write_transaction(conn, |conn| {
        set_parts::insert(conn, &part)?;
        let parts = set_parts::of_set(conn, set_id)?;
        fit(set_id, &parts)?;
        let set = sets::find(conn, set_id)?;
        let (first, final_part) = (parts.first(), parts.last());
        diesel::update(backup_sets::table.find(set_id))
            .set((
                backup_sets::tape_id.eq(first.map_or(tape_id, |part| part.tape_id)),
                backup_sets::start_block.eq(first.map(|part| part.first_block)),
                backup_sets::end_block.eq(final_part.map(|part| part.end_block)),
                backup_sets::file_count.eq(sums.files),
                backup_sets::total_bytes.eq(sums.bytes),
                backup_sets::stored_bytes.eq(parts.iter().map(|part| part.stream_bytes).sum::<i64>()),
                backup_sets::deleted_count.eq(sums.deleted),
                backup_sets::parts_expected.eq(expected),
                backup_sets::incomplete_reason.eq(reserve.clone().or_else(|| missing(expected, &parts))),
                backup_sets::updated_at.eq(now()),
            ))
            .execute(conn)?;
        // what is searchable grows with every part
        diesel::delete(catalog_index_progress::table.find(set_id)).execute(conn)?;
        if last || set.end_time.is_none() {
            diesel::update(backup_sets::table.find(set_id)).set(backup_sets::end_time.eq(time(end))).execute(conn)?;
        }
        if whole && reserve.is_none() {
            complete(conn, set_id, checksum)?;
        }
        sets::find(conn, set_id)
    })
}

fn whole(expected: Option<i32>, parts: impl Iterator<Item = i32>) -> bool {
    let mut numbers: Vec<i32> = parts.collect();
    numbers.sort_unstable();
    numbers.dedup();
    expected.is_some_and(|expected| numbers.iter().copied().eq(1..=expected))
}

/// What is missing of a set, in words; `None` if it is whole.
pub(super) fn missing(expected: Option<i32>, parts: &[SetPart]) -> Option<String> {
    let has = |number: i32| parts.iter().any(|part| part.part_number == number);
    let highest = parts.iter().map(|part| part.part_number).max().unwrap_or(0);
    let mut lacking: Vec<String> =
        (1..=expected.unwrap_or(highest)).filter(|number| !has(*number)).map(|number| number.to_string()).collect();
    if expected.is_none() {
        lacking.push(format!("{} and whatever follows", highest + 1));
    }
    if lacking.is_empty() {
        return None;
    }
    let of = expected.map(|count| format!(" of {count}")).unwrap_or_default();
    Some(format!(
        "part {}{of} is on a tape that has not been read; rebuild the catalog from that tape",
        lacking.join(", ")
    ))
}

/// That parts which follow each other do so in the set's tar stream, too.
fn fit(set_id: i32, parts: &[SetPart]) -> Result<()> {
    for pair in parts.windows(2) {
        if let [one, next] = pair
            && one.part_number + 1 == next.part_number
            && one.tar_end != next.tar_start
        {
            return Err(Error::new(
                crate::ErrorKind::Unprocessable,
                "parts_mismatch",
                format!(
                    "part {} of backup set {set_id} does not go on where part {} ends ({} and {}): one of the tapes is \
                     not what it says",
                    next.part_number, one.part_number, next.tar_start, one.tar_end
                ),
            ));
        }
    }
    Ok(())
}

/// All parts are there.
fn complete(conn: &mut Conn, set_id: i32, checksum: Option<String>) -> Result<()> {
    let set = sets::find(conn, set_id)?;
    let job = jobs::find(conn, set.job_id)?;
    let end = set.end_time.unwrap_or(set.start_time);
    diesel::update(backup_sets::table.find(set_id))
        .set((backup_sets::status.eq(SetStatus::Completed), backup_sets::checksum.eq(checksum)))
        .execute(conn)?;
    spanning::tell(conn, set_id, Rest::Nothing)?;
    crate::db::spanning::set_status(conn, set_id, SpanningStatus::Completed)?;
    diesel::insert_into(snapshots::table)
        .values((
            snapshots::source_id.eq(job.source_id),
            snapshots::backup_set_id.eq(set_id),
            snapshots::created_at.eq(end),
            snapshots::file_count.eq(set.file_count),
            snapshots::total_bytes.eq(set.total_bytes),
        ))
        .execute(conn)?;
    if job.last_run_at.is_none_or(|last| last < set.start_time) {
        diesel::update(backup_jobs::table.find(job.id))
            .set(backup_jobs::last_run_at.eq(set.start_time))
            .execute(conn)?;
    }
    Ok(())
}

/// A copy of the database that is on a tape.
pub struct DatabaseCopy {
    /// Its set.
    pub uuid: uuid::Uuid,
    /// The tape.
    pub tape_id: i32,
    /// When it was taken, Unix seconds.
    pub start: i64,
    /// Content bytes.
    pub size: u64,
    /// Number of its data file.
    pub tape_file: u64,
    /// Its first block.
    pub first_block: u64,
    /// Checksum of its list of files.
    pub checksum: String,
    /// Fingerprint of the key that opens it.
    pub key_fingerprint: String,
}

/// Lists a copy of the database; `false` if it is listed already.
pub fn store_database_copy(conn: &mut Conn, copy: &DatabaseCopy) -> Result<bool> {
    use schema::database_backups as table;
    write_transaction(conn, |conn| {
        let uuid = copy.uuid.to_string();
        // while it was locked it could not be told from a set of a job
        if let Some(set) = sets::find_by_uuid(conn, &uuid)?
            && set.status == SetStatus::Incomplete
            && set_parts::of_set(conn, set.id)?.is_empty()
        {
            sets::delete(conn, set.id)?;
            super::set::drop_stand_in(conn, set.job_id)?;
        }
        let key_fingerprint = Some(copy.key_fingerprint.clone()).filter(|known| !known.is_empty()).map(Some);
        let known: i64 = table::table.filter(table::set_uuid.eq(&uuid)).count().get_result(conn)?;
        if known > 0 {
            if key_fingerprint.is_some() {
                let learned = database_backups::DatabaseBackupChanges { key_fingerprint, ..Default::default() };
                database_backups::update_of_set(conn, &uuid, &learned)?;
            }
            return Ok(false);
        }
        let row = database_backups::insert(conn, copy.tape_id)?;
        let changes = database_backups::DatabaseBackupChanges {
            file_size: Some(number(copy.size)),
            checksum: Some(Some(copy.checksum.clone())),
            block_offset: Some(Some(number(copy.first_block))),
            tape_file: Some(Some(number(copy.tape_file))),
            set_uuid: Some(Some(uuid)),
            key_fingerprint,
            status: Some(crate::db::DatabaseBackupStatus::Completed),
            ..Default::default()
        };
        database_backups::update(conn, row.id, &changes)?;
        diesel::update(table::table.find(row.id)).set(table::backup_time.eq(time(copy.start))).execute(conn)?;
        Ok(true)
    })
}
