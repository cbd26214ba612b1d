//! The row of a tape that calls itself by a label.

use super::{number, time};
use crate::db::kinds::{AllocationPolicy, WriteOnce};
use crate::db::pools::{self, NewPool};
use crate::db::schema::tapes;
use crate::db::tapes::{
    NewTape, Tape, TapeChanges, find, find_by_barcode, find_by_label, find_by_uuid, insert, update,
};
use crate::db::{Conn, TapeStatus, now, tape_lifecycle, write_transaction};
use crate::{Error, Result};
use diesel::prelude::*;
use tape_format::Label;

/// A tape in a drive.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it calls itself.
    pub label: Label,
    /// What the library or the drive reads from the outside of the cartridge.
    pub barcode: Option<String>,
    /// Generation, if the drive tells it.
    pub lto_type: Option<String>,
    /// Native capacity in bytes, if the drive tells it.
    pub capacity_bytes: Option<u64>,
}

/// The row of a tape, if the database has one.
///
/// # Errors
/// `tape_ambiguous` if another tape of that name is known, `unlabelled_tape` if the label names no uuid.
pub fn lookup(conn: &mut Conn, label: &Label) -> Result<Option<Tape>> {
    if label.uuid.is_nil() {
        return Err(Error::conflict(
            "unlabelled_tape",
            format!("the label of tape '{}' has no uuid: an older program wrote it", label.label),
        ));
    }
    let uuid = label.uuid.to_string();
    if let Some(tape) = find_by_uuid(conn, &uuid)? {
        return Ok(Some(tape));
    }
    match find_by_label(conn, &label.label)? {
        None => Ok(None),
        Some(tape) if tape.uuid.is_none() => Ok(Some(tape)),
        Some(tape) => Err(Error::conflict(
            "tape_ambiguous",
            format!(
                "two tapes call themselves '{}': this one has UUID {uuid}, the database knows one with UUID {}; rename \
                 that one, or delete it if it is gone, and read this one again",
                label.label,
                tape.uuid.as_deref().unwrap_or_default()
            ),
        )),
    }
}

/// The row of a tape; it is made if there is none, with its pool. The flag says whether it was.
///
/// # Errors
/// Those of [`lookup`].
pub fn row(conn: &mut Conn, seen: &Seen) -> Result<(Tape, bool)> {
    write_transaction(conn, |conn| {
        let label = &seen.label;
        let barcode = match &seen.barcode {
            Some(code) if !code.is_empty() && find_by_barcode(conn, code)?.is_none() => Some(code.clone()),
            _ => None,
        };
        let known = lookup(conn, label)?;
        let made = known.is_none();
        let tape = match known {
            Some(tape) => tape,
            None => {
                let pool_id = pool(conn, label)?;
                insert(
                    conn,
                    &NewTape {
                        uuid: Some(label.uuid.to_string()),
                        barcode: barcode.clone(),
                        label: label.label.clone(),
                        pool_id,
                        labeled_at: Some(time(label.timestamp)),
                        ..NewTape::default()
                    },
                )?
            }
        };
        let changes = TapeChanges {
            uuid: tape.uuid.is_none().then(|| Some(label.uuid.to_string())),
            labeled_at: tape.labeled_at.is_none().then(|| Some(time(label.timestamp))),
            barcode: barcode.filter(|_| tape.barcode.is_none()).map(Some),
            lto_type: seen.lto_type.clone().filter(|_| tape.lto_type.is_empty()),
            capacity_bytes: seen.capacity_bytes.filter(|_| tape.capacity_bytes == 0).map(number),
            ..TapeChanges::default()
        };
        let nothing_new = changes.uuid.is_none()
            && changes.labeled_at.is_none()
            && changes.barcode.is_none()
            && changes.lto_type.is_none()
            && changes.capacity_bytes.is_none();
        Ok((if nothing_new { tape } else { update(conn, tape.id, &changes)? }, made))
    })
}

/// The pool that a label names; a new one if there is none of that name.
fn pool(conn: &mut Conn, label: &Label) -> Result<Option<i32>> {
    if label.pool.is_empty() {
        return Ok(None);
    }
    if let Some(pool) = pools::find_by_name(conn, &label.pool)? {
        return Ok(Some(pool.id));
    }
    let new = NewPool {
        name: label.pool.clone(),
        description: Some(format!("Named by tape {} when the catalog was rebuilt", label.label)),
        // for ever, until a person says otherwise
        retention_days: 0,
        keep_last: 0,
        keep_daily: 0,
        keep_weekly: 0,
        keep_monthly: 0,
        keep_yearly: 0,
        allow_reuse: 0,
        allocation_policy: AllocationPolicy::Continue,
        write_once: WriteOnce::Allow,
    };
    Ok(Some(pools::insert(conn, &new)?.id))
}

/// What all files of a tape add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Tape files before the place where the next append belongs: behind the last table of contents.
    pub end_file: u64,
    /// That place.
    pub end_block: u64,
    /// Bytes of data and contents.
    pub used_bytes: u64,
    /// Parts.
    pub parts: u32,
    /// When the last part ended, Unix seconds.
    pub last_end: Option<i64>,
    /// Fingerprint of the key of the last encrypted part of a job.
    pub key_fingerprint: Option<String>,
    /// Why nothing more must be written to it, in words: it is marked full.
    pub full: Option<String>,
}

/// What the row of a tape became after all of it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// Where it ends was not what the database said.
    pub end_moved: bool,
    /// It was on hold because the database was older than the tape, and is not any more.
    pub released: bool,
}

/// Makes a row say what was found on its tape: where it ends, and what is used of it. A hold that said that the database
/// is older than the tape ends with that.
pub fn settle(conn: &mut Conn, id: i32, found: &Figures) -> Result<Settled> {
    write_transaction(conn, |conn| {
        let tape = find(conn, id)?;
        let end = (Some(number(found.end_file)), Some(number(found.end_block)));
        let end_moved = (tape.end_file, tape.end_block) != end;
        let outdated = |reason: &str| reason.contains(tape_lifecycle::DATABASE_OLDER);
        let released = tape.hold_reason.as_deref().is_some_and(outdated);
        if released {
            tape_lifecycle::release(conn, id)?;
        }
        note_key(conn, &tape, found.key_fingerprint.as_deref())?;
        if !end_moved {
            return Ok(Settled { end_moved, released });
        }
        let status = match (tape.status, &found.full) {
            (TapeStatus::Blank | TapeStatus::Active, Some(_)) => TapeStatus::Full,
            (TapeStatus::Blank, None) if found.parts > 0 => TapeStatus::Active,
            (status, _) => status,
        };
        diesel::update(tapes::table.find(id))
            .set((
                tapes::end_file.eq(end.0),
                tapes::end_block.eq(end.1),
                tapes::used_bytes.eq(number(found.used_bytes)),
                tapes::write_count.eq(tape.write_count.max(i32::try_from(found.parts).unwrap_or(i32::MAX))),
                tapes::last_written_at.eq(found.last_end.map(time).or(tape.last_written_at)),
                tapes::status.eq(status),
                tapes::writing_set.eq(None::<String>),
                tapes::updated_at.eq(now()),
            ))
            .execute(conn)?;
        Ok(Settled { end_moved, released })
    })
}

/// The key of the last encrypted set of a job.
fn note_key(conn: &mut Conn, tape: &Tape, fingerprint: Option<&str>) -> Result<()> {
    let Some(fingerprint) = fingerprint.filter(|found| *found != tape.encryption_key_fingerprint) else {
        return Ok(());
    };
    let name = crate::db::encryption_keys::find_by_fingerprint(conn, fingerprint)?.map(|key| key.name);
    let changes = TapeChanges {
        encryption_key_fingerprint: Some(fingerprint.into()),
        encryption_key_name: Some(name.unwrap_or_default()),
        ..TapeChanges::default()
    };
    update(conn, tape.id, &changes).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use uuid::Uuid;

    fn seen(name: &str, uuid: u128) -> Seen {
        let label = Label {
            label: name.into(),
            uuid: Uuid::from_u128(uuid),
            pool: "OFFSITE".into(),
            timestamp: 1_700_000_000,
            ..Label::default()
        };
        Seen { label, barcode: Some(format!("{name}L9")), lto_type: Some("LTO-9".into()), capacity_bytes: Some(18) }
    }

    #[test]
    fn a_tape_and_its_pool_are_made_once() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, made) = row(conn, &seen("A00001", 1)).expect("row");
        assert!(made);
        assert_eq!((tape.barcode.as_deref(), tape.lto_type.as_str()), (Some("A00001L9"), "LTO-9"));
        assert_eq!(pools::find(conn, tape.pool_id.expect("pool")).expect("pool").name, "OFFSITE");
        assert_eq!(row(conn, &seen("A00001", 1)).expect("again"), (tape, false));
    }

    #[test]
    fn two_tapes_of_one_name_are_told_apart_and_neither_is_touched() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, _) = row(conn, &seen("A00001", 1)).expect("row");
        let error = row(conn, &seen("A00001", 2)).expect_err("another");
        assert_eq!(error.code, "tape_ambiguous");
        assert_eq!(find(conn, tape.id).expect("tape"), tape);
        assert_eq!(row(conn, &seen("A00001", 0)).expect_err("no uuid").code, "unlabelled_tape");
    }

    #[test]
    fn a_tape_that_was_entered_by_hand_gets_its_identity() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let entered = testing::tape(conn, "A00001");
        let (tape, made) = row(conn, &seen("A00001", 7)).expect("row");
        assert!(!made);
        assert_eq!((tape.id, tape.uuid), (entered.id, Some(Uuid::from_u128(7).to_string())));
    }

    #[test]
    fn a_hold_ends_only_if_the_database_was_older() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (tape, _) = row(conn, &seen("A00001", 1)).expect("row");
        let found = Figures { end_file: 3, end_block: 9, used_bytes: 500, parts: 1, ..Figures::default() };
        tape_lifecycle::hold(conn, tape.id, "TapeAlert 4: media").expect("hold");
        assert_eq!(settle(conn, tape.id, &found).expect("settle"), Settled { end_moved: true, released: false });
        tape_lifecycle::hold(conn, tape.id, &format!("or {} it", tape_lifecycle::DATABASE_OLDER)).expect("hold");
        assert_eq!(settle(conn, tape.id, &found).expect("settle"), Settled { end_moved: false, released: true });
        let tape = find(conn, tape.id).expect("tape");
        assert_eq!((tape.status, tape.used_bytes, tape.hold_reason), (TapeStatus::Active, 500, None));
    }
}
