//! Backup sets: what one run of a job put on tape. Their parts: [`crate::db::set_parts`].

use super::errors::{changed, found, refuse_if_used, stored};
use super::kinds::{BackupType, FormatType, PartFormat, SetStatus, SpanningStatus};
use super::schema::{backup_jobs, backup_set_parts, backup_sets, catalog_versions, set_copies, tape_pools, tapes};
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, Page, lost, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A set.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = backup_sets)]
pub struct BackupSet {
    /// Its id.
    pub id: i32,
    /// Its name on tape.
    pub uuid: String,
    /// The job that made it.
    pub job_id: i32,
    /// The tape its first part is on.
    pub tape_id: i32,
    /// Everything, or what changed since its parent.
    pub backup_type: BackupType,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub start_time: NaiveDateTime,
    /// When it ended.
    #[serde(serialize_with = "rfc3339_option")]
    pub end_time: Option<NaiveDateTime>,
    /// Where it is in its life.
    pub status: SetStatus,
    /// Members in it.
    pub file_count: i64,
    /// Content bytes of its files.
    pub total_bytes: i64,
    /// Bytes on tape, after compression and encryption.
    pub stored_bytes: i64,
    /// Files that were left out or changed while they were read.
    pub warning_count: i64,
    /// Paths recorded as gone since the parent.
    pub deleted_count: i64,
    /// Where its first part begins.
    pub start_block: Option<i64>,
    /// Where its last part ends.
    pub end_block: Option<i64>,
    /// Hex SHA-256 over the sorted list of its files and their hashes.
    pub checksum: Option<String>,
    /// Whether it was encrypted in software.
    pub encrypted: bool,
    /// With this key.
    pub encryption_key_id: Option<i32>,
    /// Whether the drive encrypted it.
    pub hw_encrypted: bool,
    /// With this key.
    pub hw_encryption_key_id: Option<i32>,
    /// Whether it was compressed in software.
    pub compressed: bool,
    /// How.
    pub compression_type: String,
    /// Our own format or LTFS.
    pub format_type: FormatType,
    /// What it is an increment of.
    pub parent_set_id: Option<i32>,
    /// When every hash was last compared with the tape.
    #[serde(serialize_with = "rfc3339_option")]
    pub verified_at: Option<NaiveDateTime>,
    /// Kept whatever the rules say, until a person releases it.
    pub protected: bool,
    /// When the rules let it go, or have let it go, as of the last look; absent = never, or that cannot be said.
    #[serde(serialize_with = "rfc3339_option")]
    pub expires_at: Option<NaiveDateTime>,
    /// The parent as the tape names it, while it is not in the database.
    pub parent_uuid: Option<String>,
    /// How many parts a set found on tapes has, once its last one was read.
    pub parts_expected: Option<i32>,
    /// What is missing of an incomplete set, in words.
    pub incomplete_reason: Option<String>,
    /// When its row was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
}

/// A set as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SetListed {
    /// The set.
    #[serde(flatten)]
    pub set: BackupSet,
    /// Name of its job.
    pub job_name: String,
    /// Label of the tape its first part is on.
    pub tape_label: String,
    /// Name of that tape's pool.
    pub pool_name: Option<String>,
    /// If it is a copy: the name on tape (uuid) of its original.
    pub copy_of: Option<String>,
    /// Labels of the lost tapes that have parts of it.
    pub lost_tapes: Vec<String>,
    /// Whether its state cannot be restored in full any more: parts of it, or of a set that it builds on, are on lost tapes,
    /// and no set with the same content is whole.
    pub lost: bool,
}

/// A set that begins.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = backup_sets)]
pub struct NewSet {
    /// Its name on tape.
    pub uuid: String,
    /// The job that makes it.
    pub job_id: i32,
    /// The tape its first part goes to.
    pub tape_id: i32,
    /// Everything, or what changed.
    pub backup_type: BackupType,
    /// When it begins.
    pub start_time: NaiveDateTime,
    /// `running`, or `completed` when it was found on a tape.
    pub status: SetStatus,
    /// Whether it is encrypted in software.
    pub encrypted: bool,
    /// With this key.
    pub encryption_key_id: Option<i32>,
    /// Whether the drive encrypts it.
    pub hw_encrypted: bool,
    /// With this key.
    pub hw_encryption_key_id: Option<i32>,
    /// Whether it is compressed in software.
    pub compressed: bool,
    /// How.
    pub compression_type: String,
    /// What it is an increment of.
    pub parent_set_id: Option<i32>,
    /// Until when it is kept at least.
    pub expires_at: Option<NaiveDateTime>,
    /// Where its first part begins on the tape.
    pub start_block: Option<i64>,
}

impl Default for NewSet {
    fn default() -> Self {
        NewSet {
            uuid: String::new(),
            job_id: 0,
            tape_id: 0,
            backup_type: BackupType::Full,
            start_time: now(),
            status: SetStatus::Running,
            encrypted: false,
            encryption_key_id: None,
            hw_encrypted: false,
            hw_encryption_key_id: None,
            compressed: false,
            compression_type: "none".into(),
            parent_set_id: None,
            expires_at: None,
            start_block: None,
        }
    }
}

/// What to change of a set; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = backup_sets)]
pub struct SetChanges {
    /// The tape its first part is on.
    pub tape_id: Option<i32>,
    /// Members in it.
    pub file_count: Option<i64>,
    /// Content bytes of its files.
    pub total_bytes: Option<i64>,
    /// Bytes on tape.
    pub stored_bytes: Option<i64>,
    /// Warnings.
    pub warning_count: Option<i64>,
    /// Paths recorded as gone.
    pub deleted_count: Option<i64>,
    /// Where its first part begins.
    pub start_block: Option<Option<i64>>,
    /// Where its last part ends.
    pub end_block: Option<Option<i64>>,
    /// Hex SHA-256 over the list of its files.
    pub checksum: Option<Option<String>>,
    /// When every hash was last compared with the tape.
    pub verified_at: Option<Option<NaiveDateTime>>,
    /// Until when it is kept at least.
    pub expires_at: Option<Option<NaiveDateTime>>,
}

/// Which sets a list is to show; absent conditions do not matter.
#[derive(Debug, Clone, Default)]
pub struct SetFilter {
    /// Of this job.
    pub job_id: Option<i32>,
    /// With their first part on this tape.
    pub tape_id: Option<i32>,
    /// In this state.
    pub status: Option<SetStatus>,
}

/// The set with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<BackupSet> {
    found(backup_sets::table.find(id).select(BackupSet::as_select()).first(conn), format_args!("backup set {id}"))
}

/// The set with this name on tape.
pub fn find_by_uuid(conn: &mut Conn, uuid: &str) -> Result<Option<BackupSet>> {
    Ok(backup_sets::table.filter(backup_sets::uuid.eq(uuid)).select(BackupSet::as_select()).first(conn).optional()?)
}

/// The set with this id, with the names around it.
pub fn find_listed(conn: &mut Conn, id: i32) -> Result<SetListed> {
    let row = backup_sets::table
        .inner_join(backup_jobs::table)
        .inner_join(tapes::table)
        .left_join(tape_pools::table.on(tapes::pool_id.eq(tape_pools::id.nullable())))
        .left_join(set_copies::table)
        .filter(backup_sets::id.eq(id))
        .select((
            BackupSet::as_select(),
            backup_jobs::name,
            tapes::label,
            tape_pools::name.nullable(),
            set_copies::copy_of.nullable(),
        ))
        .first(conn);
    let row = found(row, format_args!("backup set {id}"))?;
    listed(conn, vec![row])?.pop().ok_or_else(|| Error::not_found(format_args!("backup set {id}")))
}

type Listed = (BackupSet, String, String, Option<String>, Option<String>);

fn listed(conn: &mut Conn, rows: Vec<Listed>) -> Result<Vec<SetListed>> {
    let ids: Vec<i32> = rows.iter().map(|row| row.0.id).collect();
    let mut lost_tapes = lost::tapes_of_sets(conn, &ids)?;
    let lost = lost::sets(conn)?;
    let one = |(set, job_name, tape_label, pool_name, copy_of): Listed| SetListed {
        lost_tapes: lost_tapes.remove(&set.id).unwrap_or_default().into_iter().collect(),
        lost: lost.contains(&set.id),
        set,
        job_name,
        tape_label,
        pool_name,
        copy_of,
    };
    Ok(rows.into_iter().map(one).collect())
}

/// Sets, newest first.
pub fn list(conn: &mut Conn, filter: &SetFilter, page: Page) -> Result<Vec<SetListed>> {
    let mut query = backup_sets::table
        .inner_join(backup_jobs::table)
        .inner_join(tapes::table)
        .left_join(tape_pools::table.on(tapes::pool_id.eq(tape_pools::id.nullable())))
        .left_join(set_copies::table)
        .select((
            BackupSet::as_select(),
            backup_jobs::name,
            tapes::label,
            tape_pools::name.nullable(),
            set_copies::copy_of.nullable(),
        ))
        .order((backup_sets::start_time.desc(), backup_sets::id.desc()))
        .limit(page.limit)
        .offset(page.offset)
        .into_boxed();
    if let Some(job) = filter.job_id {
        query = query.filter(backup_sets::job_id.eq(job));
    }
    if let Some(tape) = filter.tape_id {
        query = query.filter(backup_sets::tape_id.eq(tape));
    }
    if let Some(status) = filter.status {
        query = query.filter(backup_sets::status.eq(status));
    }
    let rows = query.load(conn)?;
    listed(conn, rows)
}

/// The newest completed set of a job that an incremental can be an increment of: not one of version 1, which does not
/// know what its files were like exactly enough, and not a copy, which has a life of its own.
pub fn latest_completed(conn: &mut Conn, job_id: i32) -> Result<Option<BackupSet>> {
    let of_v1 = backup_set_parts::table
        .filter(backup_set_parts::backup_set_id.eq(backup_sets::id).and(backup_set_parts::layout.eq(PartFormat::V1)));
    let newest_first: Vec<BackupSet> = backup_sets::table
        .filter(backup_sets::job_id.eq(job_id).and(backup_sets::status.eq(SetStatus::Completed)))
        .filter(backup_sets::format_type.eq(FormatType::Raw).and(diesel::dsl::not(diesel::dsl::exists(of_v1))))
        .filter(diesel::dsl::not(diesel::dsl::exists(set_copies::table.filter(set_copies::set_id.eq(backup_sets::id)))))
        .order((backup_sets::start_time.desc(), backup_sets::id.desc()))
        .limit(SAME_SECOND)
        .select(BackupSet::as_select())
        .load(conn)?;
    // times of sets that were found on tapes are whole seconds: of those of one second, an increment is the newer one
    let mut newest = newest_first.first();
    for _ in 0..newest_first.len() {
        let increment = newest.and_then(|set| {
            let soon = |other: &&BackupSet| (set.start_time - other.start_time).num_seconds().abs() < 1;
            newest_first.iter().find(|other| other.parent_set_id == Some(set.id) && soon(other))
        });
        let Some(increment) = increment else { break };
        newest = Some(increment);
    }
    Ok(newest.cloned())
}

/// Content bytes of the newest completed full backup of a job; none: it has none.
pub fn bytes_of_last_full(conn: &mut Conn, job_id: i32) -> Result<Option<i64>> {
    Ok(backup_sets::table
        .filter(backup_sets::job_id.eq(job_id).and(backup_sets::status.eq(SetStatus::Completed)))
        .filter(backup_sets::backup_type.eq(BackupType::Full))
        .order((backup_sets::start_time.desc(), backup_sets::id.desc()))
        .select(backup_sets::total_bytes)
        .first(conn)
        .optional()?)
}

/// More runs of a job do not begin within a second.
const SAME_SECOND: i64 = 16;

/// The sets that are increments of this one.
pub fn children(conn: &mut Conn, id: i32) -> Result<Vec<BackupSet>> {
    Ok(backup_sets::table
        .filter(backup_sets::parent_set_id.eq(id))
        .order(backup_sets::id)
        .select(BackupSet::as_select())
        .load(conn)?)
}

/// Sets in state `running` or `pending`: after a start, those that a crash left behind.
pub fn unfinished(conn: &mut Conn) -> Result<Vec<BackupSet>> {
    Ok(backup_sets::table
        .filter(backup_sets::status.eq_any([SetStatus::Pending, SetStatus::Running]))
        .order(backup_sets::id)
        .select(BackupSet::as_select())
        .load(conn)?)
}

/// Sets of which not all parts have been read from their tapes.
pub fn incomplete(conn: &mut Conn) -> Result<Vec<BackupSet>> {
    Ok(backup_sets::table
        .filter(backup_sets::status.eq(SetStatus::Incomplete))
        .order(backup_sets::id)
        .select(BackupSet::as_select())
        .load(conn)?)
}

/// A set begins.
pub fn insert(conn: &mut Conn, new: &NewSet) -> Result<BackupSet> {
    let time = now();
    let values = (new, backup_sets::created_at.eq(time), backup_sets::updated_at.eq(time));
    let row = diesel::insert_into(backup_sets::table).values(values).returning(BackupSet::as_returning());
    stored(row.returned(conn), format_args!("backup set '{}'", new.uuid))
}

/// Changes figures of a set.
pub fn update(conn: &mut Conn, id: i32, changes: &SetChanges) -> Result<BackupSet> {
    let row = diesel::update(backup_sets::table.find(id))
        .set((changes, backup_sets::updated_at.eq(now())))
        .returning(BackupSet::as_returning())
        .returned(conn);
    stored(row, format_args!("backup set {id}"))
}

/// The set is complete on tape and in the catalog. Refused unless it is running or pending.
pub fn complete(conn: &mut Conn, id: i32, changes: &SetChanges) -> Result<BackupSet> {
    write_transaction(conn, |conn| {
        must_be_unfinished(conn, id, SetStatus::Completed)?;
        super::spanning::set_status(conn, id, SpanningStatus::Completed)?;
        let time = now();
        Ok(diesel::update(backup_sets::table.find(id))
            .set((
                changes,
                backup_sets::status.eq(SetStatus::Completed),
                backup_sets::end_time.eq(time),
                backup_sets::updated_at.eq(time),
            ))
            .returning(BackupSet::as_returning())
            .returned(conn)?)
    })
}

/// The set ends as `failed` or `cancelled`. Refused unless it is running or pending.
pub fn fail(conn: &mut Conn, id: i32, status: SetStatus) -> Result<BackupSet> {
    write_transaction(conn, |conn| {
        must_be_unfinished(conn, id, status)?;
        super::spanning::set_status(conn, id, SpanningStatus::Failed)?;
        let time = now();
        Ok(diesel::update(backup_sets::table.find(id))
            .set((backup_sets::status.eq(status), backup_sets::end_time.eq(time), backup_sets::updated_at.eq(time)))
            .returning(BackupSet::as_returning())
            .returned(conn)?)
    })
}

fn must_be_unfinished(conn: &mut Conn, id: i32, to: SetStatus) -> Result<()> {
    let set = find(conn, id)?;
    if matches!(set.status, SetStatus::Running | SetStatus::Pending) {
        return Ok(());
    }
    Err(Error::conflict("set_state", format!("backup set {id} is {} and cannot become {to}", set.status)))
}

/// Deletes a set with its parts. Refused while it is being written, while others are increments of it (unless a copy of
/// it takes its place), and while the catalog still knows its files ([`crate::catalog::discard`] first).
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let set = find(conn, id)?;
        if matches!(set.status, SetStatus::Running | SetStatus::Pending) {
            return Err(Error::conflict("set_state", format!("backup set {id} is {}; cancel it first", set.status)));
        }
        super::copies::hand_over(conn, id, &[])?;
        let increments = backup_sets::table.filter(backup_sets::parent_set_id.eq(id)).count().returned(conn)?;
        let what = format!("backup set {id}");
        refuse_if_used(&what, &[("later incremental sets", increments)], "delete those first")?;
        let cataloged: bool =
            diesel::select(diesel::dsl::exists(catalog_versions::table.filter(catalog_versions::set_id.eq(id))))
                .returned(conn)?;
        if cataloged {
            return Err(Error::conflict("in_use", format!("the catalog still lists the files of {what}")));
        }
        super::spanning::forget(conn, id)?;
        changed(diesel::delete(backup_sets::table.find(id)).execute(conn), what)
    })
}

/// All sets that have a part on a tape, or began on it.
pub fn on_tape(conn: &mut Conn, tape_id: i32) -> Result<Vec<BackupSet>> {
    let with_part =
        backup_set_parts::table.filter(backup_set_parts::tape_id.eq(tape_id)).select(backup_set_parts::backup_set_id);
    Ok(backup_sets::table
        .filter(backup_sets::tape_id.eq(tape_id).or(backup_sets::id.eq_any(with_part)))
        .order(backup_sets::id)
        .select(BackupSet::as_select())
        .load(conn)?)
}

/// A set that was cut off is being looked at again: it was found whole on its tape, and will be completed.
pub fn reopen(conn: &mut Conn, id: i32) -> Result<()> {
    super::spanning::set_status(conn, id, SpanningStatus::InProgress)?;
    let row = diesel::update(backup_sets::table.find(id)).set(backup_sets::status.eq(SetStatus::Running));
    changed(row.execute(conn), format_args!("backup set {id}"))
}

#[cfg(test)]
mod tests;
