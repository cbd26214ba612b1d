//! The row of a set that a tape names.

use super::time;
use crate::Result;
use crate::db::encryption_keys::find_by_fingerprint;
use crate::db::jobs::{self, Job, NewJob};
use crate::db::returned::Returned;
use crate::db::schema::{backup_jobs, backup_sets, backup_sources};
use crate::db::sets::{self, BackupSet, NewSet};
use crate::db::sources::NewSource;
use crate::db::tapes::Tape;
use crate::db::{BackupType, Compression, Conn, SetStatus, copies, now, pools, sources, write_transaction};
use diesel::prelude::*;
use tape_format::toc::{SealedHead, SetInfo, SetKind, Summary};

/// Nobody has said how long the sets of a stand-in are kept: so long that a person decides it. (0 would leave it to the
/// pool.)
const KEPT_DAYS: i32 = 36_500;

/// What is to be done with a part that a tape has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is to be taken in.
    Take {
        /// The set's row.
        set_id: i32,
        /// What the row was before; none: it was made for it.
        before: Option<SetStatus>,
    },
    /// The database has it already: it is compared.
    Known {
        /// The set's row.
        set_id: i32,
    },
    /// It is left alone, for this reason.
    Left(String),
}

/// What a tape says of a set, and the tape.
pub struct Named<'a> {
    /// The set.
    pub info: &'a SetInfo,
    /// Fingerprint of its key; empty: it is not encrypted.
    pub key_fingerprint: &'a str,
    /// Number of the part.
    pub part: i32,
    /// Whether the set ends with it.
    pub last: bool,
    /// The tape.
    pub tape: &'a Tape,
}

/// What the database has of a part, without changing anything.
pub fn look(conn: &mut Conn, uuid: &str, part: i32, last: bool) -> Result<Found> {
    let Some(set) = sets::find_by_uuid(conn, uuid)? else {
        return Ok(Found::Take { set_id: 0, before: None });
    };
    let has_part = crate::db::set_parts::of_set(conn, set.id)?.iter().any(|row| row.part_number == part);
    Ok(match set.status {
        SetStatus::Completed => Found::Known { set_id: set.id },
        SetStatus::Incomplete if has_part => Found::Known { set_id: set.id },
        SetStatus::Incomplete => Found::Take { set_id: set.id, before: Some(set.status) },
        SetStatus::Failed | SetStatus::Cancelled if last => Found::Take { set_id: set.id, before: Some(set.status) },
        SetStatus::Failed | SetStatus::Cancelled => {
            Found::Left(format!("set {} did not come to its end: the database says that it {}", set.id, set.status))
        }
        SetStatus::Running | SetStatus::Pending => Found::Left(format!("set {} is being written", set.id)),
    })
}

/// Makes the row of a set ready to take a part: made if there is none, `incomplete` until all is there.
pub fn open(conn: &mut Conn, named: &Named<'_>) -> Result<Found> {
    write_transaction(conn, |conn| {
        let uuid = named.info.uuid.to_string();
        let (set_id, before) = match look(conn, &uuid, named.part, named.last)? {
            Found::Take { set_id, before } => (set_id, before),
            other => return Ok(other),
        };
        let info = named.info;
        let key = match named.key_fingerprint {
            "" => None,
            fingerprint => find_by_fingerprint(conn, fingerprint)?.map(|key| key.id),
        };
        let job = job(conn, named, key)?;
        let parent = match info.parent {
            Some(parent) => match sets::find_by_uuid(conn, &parent.to_string())? {
                Some(set) => Some(set.id),
                None => copies::any_of(conn, &parent.to_string())?,
            },
            None => None,
        };
        let new = NewSet {
            uuid: uuid.clone(),
            job_id: job.id,
            tape_id: named.tape.id,
            backup_type: backup_type(info.kind),
            start_time: time(info.start),
            status: SetStatus::Incomplete,
            encrypted: !named.key_fingerprint.is_empty(),
            encryption_key_id: key,
            compressed: info.compression != "none",
            compression_type: info.compression.clone(),
            parent_set_id: parent,
            ..NewSet::default()
        };
        let set = if before.is_none() { sets::insert(conn, &new)? } else { overwrite(conn, set_id, &new)? };
        let unknown_parent = info.parent.filter(|_| parent.is_none()).map(|parent| parent.to_string());
        diesel::update(backup_sets::table.find(set.id))
            .set((
                backup_sets::parent_uuid.eq(unknown_parent),
                backup_sets::incomplete_reason.eq(format!(
                    "its contents on tape {} were being read; rebuild the catalog from that tape again",
                    named.tape.label
                )),
            ))
            .execute(conn)?;
        adopt_children(conn, set.id, &uuid)?;
        if let Some(original) = info.copy_of {
            // a copy stands in for a parent that is not there
            copies::insert(conn, set.id, &original.to_string())?;
            adopt_children(conn, set.id, &original.to_string())?;
        }
        Ok(Found::Take { set_id: set.id, before })
    })
}

/// What [`open`] did is undone: the part could not be taken. The catalog has no rows of it any more.
pub fn close(conn: &mut Conn, set_id: i32, before: Option<SetStatus>) -> Result<()> {
    write_transaction(conn, |conn| {
        let set = sets::find(conn, set_id)?;
        match before {
            None => {
                // children that found it go back to waiting
                diesel::update(backup_sets::table.filter(backup_sets::parent_set_id.eq(set_id)))
                    .set((backup_sets::parent_set_id.eq(None::<i32>), backup_sets::parent_uuid.eq(&set.uuid)))
                    .execute(conn)?;
                sets::delete(conn, set_id)?;
                drop_stand_in(conn, set.job_id)
            }
            Some(status) => {
                let parts = crate::db::set_parts::of_set(conn, set_id)?;
                let reason = match parts.is_empty() {
                    true => Some("none of its contents could be read".to_string()),
                    false => super::part::missing(set.parts_expected, &parts),
                };
                diesel::update(backup_sets::table.find(set_id))
                    .set((backup_sets::status.eq(status), backup_sets::incomplete_reason.eq(reason)))
                    .execute(conn)?;
                Ok(())
            }
        }
    })
}

/// The job of the sets that build on one of which nothing is in the database, or only that it exists.
pub fn job_of_increments(conn: &mut Conn, uuid: &str) -> Result<Option<String>> {
    let known = sets::find_by_uuid(conn, uuid)?.map(|set| set.id);
    Ok(backup_sets::table
        .inner_join(backup_jobs::table)
        .filter(backup_sets::parent_uuid.eq(uuid).or(backup_sets::parent_set_id.eq(known)))
        .select(backup_jobs::name)
        .first(conn)
        .optional()?)
}

/// A set whose name was made up gets the one that its data says.
pub fn rename(conn: &mut Conn, set_id: i32, uuid: &str) -> Result<()> {
    let row = diesel::update(backup_sets::table.find(set_id)).set(backup_sets::uuid.eq(uuid)).execute(conn)?;
    match row {
        0 => Err(crate::Error::not_found(format!("backup set {set_id}"))),
        _ => adopt_children(conn, set_id, uuid),
    }
}

/// Sets that were waiting for this parent have it now.
pub(super) fn adopt_children(conn: &mut Conn, set_id: i32, uuid: &str) -> Result<()> {
    diesel::update(backup_sets::table.filter(backup_sets::parent_uuid.eq(uuid)))
        .set((backup_sets::parent_set_id.eq(set_id), backup_sets::parent_uuid.eq(None::<String>)))
        .execute(conn)?;
    Ok(())
}

/// A row that was made before more was known says what the tape says. Its job, if it was a stand-in and has no other
/// set, goes.
fn overwrite(conn: &mut Conn, set_id: i32, new: &NewSet) -> Result<BackupSet> {
    let before = sets::find(conn, set_id)?;
    let set = diesel::update(backup_sets::table.find(set_id))
        .set((
            backup_sets::job_id.eq(new.job_id),
            backup_sets::backup_type.eq(new.backup_type),
            backup_sets::start_time.eq(new.start_time),
            backup_sets::status.eq(new.status),
            backup_sets::encrypted.eq(new.encrypted),
            backup_sets::encryption_key_id.eq(new.encryption_key_id),
            backup_sets::compressed.eq(new.compressed),
            backup_sets::compression_type.eq(&new.compression_type),
            backup_sets::parent_set_id.eq(new.parent_set_id),
            backup_sets::updated_at.eq(now()),
        ))
        .returning(BackupSet::as_returning())
        .returned(conn)?;
    if crate::db::set_parts::of_set(conn, set_id)?.is_empty() {
        // figures of one that was known by name only
        diesel::update(backup_sets::table.find(set_id))
            .set((
                backup_sets::file_count.eq(0),
                backup_sets::total_bytes.eq(0),
                backup_sets::stored_bytes.eq(0),
                backup_sets::deleted_count.eq(0),
                backup_sets::checksum.eq(None::<String>),
                backup_sets::end_time.eq(None::<chrono::NaiveDateTime>),
            ))
            .execute(conn)?;
    }
    if before.job_id != new.job_id {
        drop_stand_in(conn, before.job_id)?;
    }
    Ok(set)
}

/// Forgets a job that was made for sets of tapes and has none.
pub fn drop_stand_in(conn: &mut Conn, job_id: i32) -> Result<()> {
    let job = jobs::find(conn, job_id)?;
    let used: i64 = backup_sets::table.filter(backup_sets::job_id.eq(job_id)).count().returned(conn)?;
    if !job.rebuilt || used > 0 {
        return Ok(());
    }
    jobs::delete(conn, job_id)?;
    let source = sources::find(conn, job.source_id)?;
    let others: i64 = backup_jobs::table.filter(backup_jobs::source_id.eq(source.id)).count().returned(conn)?;
    if source.rebuilt && others == 0 { sources::delete(conn, source.id) } else { Ok(()) }
}

fn backup_type(kind: SetKind) -> BackupType {
    match kind {
        SetKind::Incremental => BackupType::Incremental,
        SetKind::Full | SetKind::Database => BackupType::Full,
    }
}

/// The job of a set by its name; a disabled stand-in if there is none.
fn job(conn: &mut Conn, named: &Named<'_>, key: Option<i32>) -> Result<Job> {
    let info = named.info;
    let name = if info.job.is_empty() { "unnamed" } else { &info.job };
    let compression = info.compression.parse().unwrap_or(Compression::None);
    stand_in(conn, name, named.tape, backup_type(info.kind), compression, key)
}

fn stand_in(
    conn: &mut Conn,
    name: &str,
    tape: &Tape,
    backup_type: BackupType,
    compression: Compression,
    key: Option<i32>,
) -> Result<Job> {
    let known = backup_jobs::table.filter(backup_jobs::name.eq(name)).select(Job::as_select()).first(conn);
    if let Some(job) = known.optional()? {
        if job.rebuilt && backup_type == BackupType::Incremental && job.backup_type == BackupType::Full {
            diesel::update(backup_jobs::table.find(job.id))
                .set(backup_jobs::backup_type.eq(BackupType::Incremental))
                .execute(conn)?;
        }
        return Ok(job);
    }
    let source_id = source(conn, name)?;
    let pool_id = match tape.pool_id {
        Some(pool) => pool,
        None => first_pool(conn)?,
    };
    let new = NewJob {
        name: name.into(),
        source_id,
        pool_id,
        backup_type,
        retention_days: KEPT_DAYS,
        enabled: false,
        encryption_enabled: key.is_some(),
        encryption_key_id: key,
        compression,
        ..NewJob::default()
    };
    let job = jobs::insert(conn, &new)?;
    diesel::update(backup_jobs::table.find(job.id)).set(backup_jobs::rebuilt.eq(true)).execute(conn)?;
    jobs::find(conn, job.id)
}

/// A disabled source without a path, named as its job; the tapes do not say where its files were.
fn source(conn: &mut Conn, name: &str) -> Result<i32> {
    let known = backup_sources::table
        .filter(backup_sources::name.eq(name))
        .select((backup_sources::id, backup_sources::rebuilt))
        .first::<(i32, bool)>(conn)
        .optional()?;
    let name = match known {
        Some((id, true)) => return Ok(id),
        Some((_, false)) => format!("{name} (from tape, {})", uuid::Uuid::new_v4()),
        None => name.to_string(),
    };
    let source = sources::insert(conn, &NewSource { name, enabled: false, ..NewSource::default() })?;
    diesel::update(backup_sources::table.find(source.id)).set(backup_sources::rebuilt.eq(true)).execute(conn)?;
    Ok(source.id)
}

fn first_pool(conn: &mut Conn) -> Result<i32> {
    pools::list(conn)?
        .first()
        .map(|pool| pool.pool.id)
        .ok_or_else(|| crate::Error::conflict("no_pool", "there is no pool for the jobs of these sets; make one first"))
}

/// A set whose contents cannot be read, because they are locked or damaged.
pub struct Unread<'a> {
    /// Its name on tape.
    pub uuid: uuid::Uuid,
    /// The tape.
    pub tape: &'a Tape,
    /// Fingerprint of its key; empty: it is not encrypted.
    pub key_fingerprint: &'a str,
    /// What a later table of contents says of it.
    pub summary: Option<&'a Summary>,
    /// The readable head of a sealed table of contents.
    pub head: Option<&'a SealedHead>,
    /// Why it cannot be read, in words, and what to do.
    pub reason: String,
}

/// Records a set by what is known of it without its contents. One that the database has is left as it is; `None` then.
pub fn unread(conn: &mut Conn, unread: &Unread<'_>) -> Result<Option<i32>> {
    write_transaction(conn, |conn| {
        let uuid = unread.uuid.to_string();
        if sets::find_by_uuid(conn, &uuid)?.is_some() {
            return Ok(None);
        }
        let summary = unread.summary;
        let named = summary.map(|summary| summary.job.as_str()).filter(|job| !job.is_empty());
        let short = unread.key_fingerprint.get(..12).unwrap_or(unread.key_fingerprint);
        let name = match named {
            Some(job) => job.to_string(),
            None => format!("encrypted with {short}"),
        };
        let kind = summary.map_or(BackupType::Full, |summary| backup_type(summary.kind));
        let job = stand_in(conn, &name, unread.tape, kind, Compression::None, None)?;
        let start = summary.map_or(unread.head.map_or(0, |_| label_time(unread.tape)), |summary| summary.start);
        let new = NewSet {
            uuid: uuid.clone(),
            job_id: job.id,
            tape_id: unread.tape.id,
            backup_type: kind,
            start_time: time(start),
            status: SetStatus::Incomplete,
            encrypted: !unread.key_fingerprint.is_empty(),
            encryption_key_id: find_by_fingerprint(conn, unread.key_fingerprint)?.map(|key| key.id),
            start_block: summary.map(|summary| super::number(summary.first_block)),
            ..NewSet::default()
        };
        let set = sets::insert(conn, &new)?;
        diesel::update(backup_sets::table.find(set.id))
            .set((
                backup_sets::incomplete_reason.eq(&unread.reason),
                backup_sets::file_count.eq(summary.map_or(0, |summary| super::number(summary.totals.files))),
                backup_sets::total_bytes.eq(summary.map_or(0, |summary| super::number(summary.totals.bytes))),
                backup_sets::stored_bytes.eq(unread.head.map_or(0, |head| super::number(head.stream_bytes))),
                backup_sets::end_time.eq(summary.map(|summary| time(summary.end))),
            ))
            .execute(conn)?;
        adopt_children(conn, set.id, &uuid)?;
        Ok(Some(set.id))
    })
}

fn label_time(tape: &Tape) -> i64 {
    tape.labeled_at.map_or(0, |time| time.and_utc().timestamp())
}
