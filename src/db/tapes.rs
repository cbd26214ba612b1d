//! Tapes: one row per cartridge the server knows. Changes of status have rules; see [`crate::db::tape_lifecycle`].

use super::errors::{changed, found, refuse_if_used, stored};
use super::kinds::{FormatType, TapeStatus};
use super::schema::{backup_set_parts, backup_sets, database_backups, tapes};
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::HashMap;

/// Ids that are asked for in one statement: far fewer than SQLite takes.
const AT_ONCE: usize = 1000;

/// A cartridge.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = tapes)]
pub struct Tape {
    /// Its id.
    pub id: i32,
    /// The identity written in its label; absent until it is known.
    pub uuid: Option<String>,
    /// What is printed on the cartridge.
    pub barcode: Option<String>,
    /// Its name.
    pub label: String,
    /// The pool it belongs to.
    pub pool_id: Option<i32>,
    /// Where it is in its life.
    pub status: TapeStatus,
    /// Generation, `LTO-9`; empty if unknown.
    pub lto_type: String,
    /// Native capacity in bytes; 0 if unknown.
    pub capacity_bytes: i64,
    /// Bytes written to it.
    pub used_bytes: i64,
    /// How many sets were begun on it.
    pub write_count: i32,
    /// When the last set ended.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_written_at: Option<NaiveDateTime>,
    /// Where it is when it is out of the house.
    pub offsite_location: Option<String>,
    /// When it left.
    #[serde(serialize_with = "rfc3339_option")]
    pub export_time: Option<NaiveDateTime>,
    /// When it came back.
    #[serde(serialize_with = "rfc3339_option")]
    pub import_time: Option<NaiveDateTime>,
    /// When its label was written.
    #[serde(serialize_with = "rfc3339_option")]
    pub labeled_at: Option<NaiveDateTime>,
    /// Of the key of its last encrypted set; empty if none.
    pub encryption_key_fingerprint: String,
    /// The name of that key.
    pub encryption_key_name: String,
    /// What is on it.
    pub format_type: FormatType,
    /// Tape files (filemarks) before the end of data.
    pub end_file: Option<i64>,
    /// Logical object number of the end of data: where the next append belongs.
    pub end_block: Option<i64>,
    /// What it was when it left the house.
    pub status_before_export: Option<TapeStatus>,
    /// Why it may not be written at the moment, in words.
    pub hold_reason: Option<String>,
    /// The set of which a part is being written behind the end, or was when that was cut off.
    #[serde(skip)]
    pub writing_set: Option<String>,
    /// When all that counts on it was last read back, and compared as far as the tapes at hand allow.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_verified_at: Option<NaiveDateTime>,
    /// A cartridge that takes every block only once, as a drive said: appended to, never written anew.
    pub write_once: bool,
    /// When it was made known.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
    /// Since when a person has given it up for lost; absent: it is not lost.
    #[serde(serialize_with = "rfc3339_option")]
    pub lost_at: Option<NaiveDateTime>,
    /// What became of it, in the words of that person.
    pub lost_reason: Option<String>,
}

impl Tape {
    /// Why nothing can be done with it at the moment, whatever its status: it is lost, or on hold.
    pub fn blocked(&self) -> Option<String> {
        match self.lost_at {
            Some(since) => Some(lost_since(since, self.lost_reason.as_deref())),
            None => self.hold_reason.clone(),
        }
    }

    /// ` (reason)`, if there is one.
    pub fn why_lost(&self) -> String {
        in_brackets(self.lost_reason.as_deref())
    }

    /// Refuses work that needs a tape which is lost.
    ///
    /// # Errors
    /// `tape_lost`.
    pub fn must_not_be_lost(&self) -> Result<()> {
        match self.lost_at {
            None => Ok(()),
            Some(since) => Err(Error::conflict(
                "tape_lost",
                format!(
                    "tape '{}' is recorded as lost since {}{}; if it is there again, say so first (`tape found {}`)",
                    self.label,
                    since.format("%Y-%m-%d"),
                    self.why_lost(),
                    self.label
                ),
            )),
        }
    }

    /// Bytes left; 0 when the capacity is unknown.
    pub fn free_bytes(&self) -> i64 {
        (self.capacity_bytes - self.used_bytes).max(0)
    }
}

/// `lost since 2026-11-20 (fire)`
pub(super) fn lost_since(since: NaiveDateTime, reason: Option<&str>) -> String {
    format!("lost since {}{}", since.format("%Y-%m-%d"), in_brackets(reason))
}

fn in_brackets(reason: Option<&str>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// A tape as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TapeListed {
    /// The tape.
    #[serde(flatten)]
    pub tape: Tape,
    /// Name of its pool.
    pub pool_name: Option<String>,
}

/// A tape to be made known.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = tapes)]
pub struct NewTape {
    /// Identity in the label.
    pub uuid: Option<String>,
    /// What is printed on the cartridge.
    pub barcode: Option<String>,
    /// Its name.
    pub label: String,
    /// The pool it belongs to.
    pub pool_id: Option<i32>,
    /// Where it is in its life.
    pub status: TapeStatus,
    /// Generation.
    pub lto_type: String,
    /// Native capacity in bytes.
    pub capacity_bytes: i64,
    /// What is on it.
    pub format_type: FormatType,
    /// When its label was written.
    pub labeled_at: Option<NaiveDateTime>,
}

impl Default for NewTape {
    fn default() -> Self {
        NewTape {
            uuid: None,
            barcode: None,
            label: String::new(),
            pool_id: None,
            status: TapeStatus::Blank,
            lto_type: String::new(),
            capacity_bytes: 0,
            format_type: FormatType::Raw,
            labeled_at: None,
        }
    }
}

/// What to change of a tape; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, AsChangeset)]
#[diesel(table_name = tapes)]
pub struct TapeChanges {
    /// Identity in the label.
    pub uuid: Option<Option<String>>,
    /// What is printed on the cartridge.
    pub barcode: Option<Option<String>>,
    /// Its name.
    pub label: Option<String>,
    /// The pool it belongs to.
    pub pool_id: Option<Option<i32>>,
    /// Generation.
    pub lto_type: Option<String>,
    /// Native capacity in bytes.
    pub capacity_bytes: Option<i64>,
    /// Where it is when it is out of the house.
    pub offsite_location: Option<Option<String>>,
    /// When its label was written.
    pub labeled_at: Option<Option<NaiveDateTime>>,
    /// Of the key of its last encrypted set.
    pub encryption_key_fingerprint: Option<String>,
    /// The name of that key.
    pub encryption_key_name: Option<String>,
    /// What is on it.
    pub format_type: Option<FormatType>,
    /// Why it may not be written at the moment.
    pub hold_reason: Option<Option<String>>,
    /// When all that counts on it was last read and compared.
    pub last_verified_at: Option<Option<NaiveDateTime>>,
    /// Whether it takes every block only once.
    pub write_once: Option<bool>,
}

/// The tape with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<Tape> {
    found(tapes::table.find(id).select(Tape::as_select()).first(conn), format_args!("tape {id}"))
}

/// The tape with this identity in its label.
pub fn find_by_uuid(conn: &mut Conn, uuid: &str) -> Result<Option<Tape>> {
    Ok(tapes::table.filter(tapes::uuid.eq(uuid)).select(Tape::as_select()).first(conn).optional()?)
}

/// The tape with this name.
pub fn find_by_label(conn: &mut Conn, label: &str) -> Result<Option<Tape>> {
    Ok(tapes::table.filter(tapes::label.eq(label)).select(Tape::as_select()).first(conn).optional()?)
}

/// The tape with this barcode.
pub fn find_by_barcode(conn: &mut Conn, barcode: &str) -> Result<Option<Tape>> {
    Ok(tapes::table.filter(tapes::barcode.eq(barcode)).select(Tape::as_select()).first(conn).optional()?)
}

/// Tapes of a pool in a state, those with the most data first, so that few tapes are open at a time.
pub fn of_pool(conn: &mut Conn, pool_id: i32, status: TapeStatus) -> Result<Vec<Tape>> {
    Ok(tapes::table
        .filter(tapes::pool_id.eq(pool_id).and(tapes::status.eq(status)))
        .order((tapes::used_bytes.desc(), tapes::label))
        .select(Tape::as_select())
        .load(conn)?)
}

/// Makes a tape known.
pub fn insert(conn: &mut Conn, new: &NewTape) -> Result<Tape> {
    let time = now();
    let values = (new, tapes::created_at.eq(time), tapes::updated_at.eq(time));
    let row = diesel::insert_into(tapes::table).values(values).returning(Tape::as_returning()).returned(conn);
    stored(row, format_args!("tape '{}'", new.label))
}

/// Changes fields of a tape that have no rules of their own.
pub fn update(conn: &mut Conn, id: i32, changes: &TapeChanges) -> Result<Tape> {
    let row = diesel::update(tapes::table.find(id))
        .set((changes, tapes::updated_at.eq(now())))
        .returning(Tape::as_returning())
        .returned(conn);
    stored(row, format_args!("tape {id}"))
}

/// Forgets a tape. Refused while sets or database backups are recorded on it, and in states that hold data.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let tape = find(conn, id)?;
        if matches!(tape.status, TapeStatus::Active | TapeStatus::Exported) {
            let message =
                format!("tape '{}' is {}; format, expire or import it before deleting it", tape.label, tape.status);
            return Err(Error::conflict("tape_in_use", message));
        }
        let sets = backup_sets::table.filter(backup_sets::tape_id.eq(id)).count().returned(conn)?;
        let parts = backup_set_parts::table.filter(backup_set_parts::tape_id.eq(id)).count().returned(conn)?;
        let copies = database_backups::table.filter(database_backups::tape_id.eq(id)).count().returned(conn)?;
        refuse_if_used(
            format_args!("tape '{}'", tape.label),
            &[("backup sets", sets), ("parts of backup sets", parts), ("database backups", copies)],
            "delete those first",
        )?;
        changed(diesel::delete(tapes::table.find(id)).execute(conn), format_args!("tape {id}"))
    })
}

/// Bar codes of tapes that carry a label.
pub fn labelled_barcodes(conn: &mut Conn) -> Result<std::collections::HashSet<String>> {
    let rows: Vec<Option<String>> =
        tapes::table.filter(tapes::labeled_at.is_not_null()).select(tapes::barcode).load(conn)?;
    Ok(rows.into_iter().flatten().collect())
}

/// All tapes by label.
pub fn all(conn: &mut Conn) -> Result<Vec<Tape>> {
    Ok(tapes::table.order(tapes::label).select(Tape::as_select()).load(conn)?)
}

/// These tapes, by id.
pub fn these(conn: &mut Conn, ids: &[i32]) -> Result<Vec<Tape>> {
    let mut all = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        let query = tapes::table.filter(tapes::id.eq_any(some)).order(tapes::id);
        all.extend(query.select(Tape::as_select()).load(conn)?);
    }
    Ok(all)
}

/// Labels of these tapes.
pub fn labels(conn: &mut Conn, ids: &[i32]) -> Result<HashMap<i32, String>> {
    let mut labels = HashMap::new();
    for some in ids.chunks(AT_ONCE) {
        let rows: Vec<(i32, String)> =
            tapes::table.filter(tapes::id.eq_any(some)).select((tapes::id, tapes::label)).load(conn)?;
        labels.extend(rows);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn a_tape_is_kept_found_and_forgotten() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let tape = testing::tape(conn, "A_001");
        assert_eq!(find(conn, tape.id).expect("find"), tape);
        assert_eq!(find(conn, 77).expect_err("missing").message, "tape 77 not found");
        delete(conn, tape.id).expect("delete");
        assert!(find(conn, tape.id).is_err());
    }

    #[test]
    fn a_second_label_is_refused_by_name() {
        let db = testing::database();
        let conn = &mut *db.conn();
        testing::tape(conn, "A00001");
        let new = NewTape { label: "A00001".into(), ..Default::default() };
        let error = insert(conn, &new).expect_err("duplicate");
        assert_eq!(error.code, "already_exists");
        assert_eq!(error.message, "tape 'A00001': another one has the same label already");
    }

    #[test]
    fn fields_can_be_changed_and_cleared() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let id = testing::tape(conn, "A00001").id;
        let set = TapeChanges { barcode: Some(Some("A00001L9".into())), ..Default::default() };
        assert_eq!(update(conn, id, &set).expect("set").barcode.as_deref(), Some("A00001L9"));
        assert!(find_by_barcode(conn, "A00001L9").expect("find").is_some());
        let clear = TapeChanges { barcode: Some(None), ..Default::default() };
        let tape = update(conn, id, &clear).expect("clear");
        assert_eq!((tape.barcode, tape.label.as_str()), (None, "A00001"));
    }

    #[test]
    fn a_tape_with_sets_is_not_forgotten() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let tape = testing::tape(conn, "A00001");
        let job = testing::job(conn, "etc");
        testing::set(conn, &job, &tape, None);
        let error = delete(conn, tape.id).expect_err("in use");
        assert_eq!(error.message, "tape 'A00001' is still used by 1 backup sets; delete those first");
    }
}
