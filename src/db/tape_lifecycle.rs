//! What may become of a tape, and when.
//!
//! ```text
//! blank ──▶ active ──▶ full ──▶ expired ──▶ blank | active          any but exported ──▶ retired
//!              └────────────────▶ expired                           any but blank ⇄ exported (and back to what it was)
//! ```
//!
//! A tape leaves `active` or `full` for `blank` only through `expired` or by being formatted on purpose
//! ([`formatted`]); so no click makes data vanish. A retired tape may come back as what its content says, but never
//! directly as a tape for writing. Beside all that a tape may be lost ([`crate::db::lost`]): then its status stays.

use super::errors::{changed, found};
use super::kinds::TapeStatus;
use super::schema::{backup_sets, tapes};
use super::tapes::{Tape, find};
use super::time::now;
use super::{Conn, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Whether `from` may become `to` by a change of status alone.
pub fn allowed(from: TapeStatus, to: TapeStatus) -> bool {
    use TapeStatus::*;
    match (from, to) {
        (from, to) if from == to => true,
        (Blank, Active | Full | Retired) => true,
        (Active, Full | Expired | Retired) => true,
        (Full, Active | Expired | Retired) => true,
        (Expired, Blank | Active | Full | Retired) => true,
        (Retired, Full | Expired) => true,
        _ => false,
    }
}

/// Changes the status of a tape if that is [`allowed`]; otherwise `tape_transition`.
pub fn set_status(conn: &mut Conn, id: i32, to: TapeStatus) -> Result<Tape> {
    write_transaction(conn, |conn| {
        let tape = find(conn, id)?;
        tape.must_not_be_lost()?;
        if !allowed(tape.status, to) {
            return Err(refused(&tape, to));
        }
        Ok(diesel::update(tapes::table.find(id))
            .set((tapes::status.eq(to), tapes::updated_at.eq(now())))
            .returning(Tape::as_returning())
            .returned(conn)?)
    })
}

fn refused(tape: &Tape, to: TapeStatus) -> Error {
    use TapeStatus::*;
    let advice = match (tape.status, to) {
        (Exported, _) => "import it first",
        (_, Exported) => "use export, which also records where it goes",
        (Active | Full, Blank) => "expire it, or format it if its data is not needed any more",
        _ => "there is no such step in the life of a tape",
    };
    Error::conflict(
        "tape_transition",
        format!("tape '{}' is {} and cannot become {to}: {advice}", tape.label, tape.status),
    )
}

/// The tape left the house for `location`. Refused for blank tapes and those that are out already.
pub fn export(conn: &mut Conn, id: i32, location: Option<&str>) -> Result<Tape> {
    write_transaction(conn, |conn| {
        let tape = find(conn, id)?;
        tape.must_not_be_lost()?;
        let problem = match tape.status {
            TapeStatus::Exported => Some("is exported already"),
            TapeStatus::Blank => Some("is blank: there is nothing on it to keep elsewhere"),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Error::conflict("tape_transition", format!("tape '{}' {problem}", tape.label)));
        }
        let time = now();
        Ok(diesel::update(tapes::table.find(id))
            .set((
                tapes::status.eq(TapeStatus::Exported),
                tapes::status_before_export.eq(tape.status),
                tapes::offsite_location.eq(location),
                tapes::export_time.eq(time),
                tapes::updated_at.eq(time),
            ))
            .returning(Tape::as_returning())
            .returned(conn)?)
    })
}

/// The tape is back. It becomes `full` (or stays retired or expired): data that was kept elsewhere is not appended to.
pub fn import(conn: &mut Conn, id: i32) -> Result<Tape> {
    write_transaction(conn, |conn| {
        let tape = find(conn, id)?;
        tape.must_not_be_lost()?;
        if tape.status != TapeStatus::Exported {
            let message = format!("tape '{}' is {}, not exported", tape.label, tape.status);
            return Err(Error::conflict("tape_transition", message));
        }
        let back = match tape.status_before_export {
            Some(before @ (TapeStatus::Retired | TapeStatus::Expired)) => before,
            _ => TapeStatus::Full,
        };
        let time = now();
        Ok(diesel::update(tapes::table.find(id))
            .set((
                tapes::status.eq(back),
                tapes::status_before_export.eq(None::<TapeStatus>),
                tapes::offsite_location.eq(None::<String>),
                tapes::import_time.eq(time),
                tapes::updated_at.eq(time),
            ))
            .returning(Tape::as_returning())
            .returned(conn)?)
    })
}

/// A new label was written: the tape is blank, with this identity, and nothing that was on it counts any more.
/// `labelled` is the time that the label itself tells, so that a rebuild from the tapes finds the same.
/// Refused while sets are recorded on it (delete those first; they are gone).
pub fn formatted(
    conn: &mut Conn,
    id: i32,
    uuid: &str,
    labelled: NaiveDateTime,
    end_file: i64,
    end_block: i64,
) -> Result<Tape> {
    write_transaction(conn, |conn| {
        let tape = find(conn, id)?;
        let sets: i64 = backup_sets::table.filter(backup_sets::tape_id.eq(id)).count().returned(conn)?;
        if sets > 0 {
            let message = format!(
                "{sets} backup sets are still recorded on tape '{}'; delete them before it is formatted",
                tape.label
            );
            return Err(Error::conflict("in_use", message));
        }
        Ok(diesel::update(tapes::table.find(id))
            .set((
                tapes::uuid.eq(uuid),
                tapes::status.eq(TapeStatus::Blank),
                tapes::used_bytes.eq(0),
                tapes::labeled_at.eq(labelled),
                tapes::end_file.eq(end_file),
                tapes::end_block.eq(end_block),
                tapes::encryption_key_fingerprint.eq(""),
                tapes::encryption_key_name.eq(""),
                tapes::hold_reason.eq(None::<String>),
                tapes::writing_set.eq(None::<String>),
                tapes::labelling_uuid.eq(None::<String>),
                tapes::last_verified_at.eq(None::<NaiveDateTime>),
                tapes::updated_at.eq(now()),
            ))
            .returning(Tape::as_returning())
            .returned(conn)?)
    })
}

/// Notes the uuid of the label that is about to be written to a tape, or that it was not written.
pub fn labelling(conn: &mut Conn, id: i32, uuid: Option<&str>) -> Result<()> {
    let row = diesel::update(tapes::table.find(id)).set(tapes::labelling_uuid.eq(uuid));
    changed(row.execute(conn), format_args!("tape {id}"))
}

/// Whether it is not known if the label that was to be written to a tape is on it.
pub fn is_labelling(conn: &mut Conn, id: i32) -> Result<bool> {
    let uuid: Option<String> = tapes::table.find(id).select(tapes::labelling_uuid).first(conn)?;
    Ok(uuid.is_some())
}

/// The tape whose label with this uuid was being written when the server died.
pub fn find_labelling(conn: &mut Conn, uuid: &str) -> Result<Option<Tape>> {
    Ok(tapes::table.filter(tapes::labelling_uuid.eq(uuid)).select(Tape::as_select()).first(conn).optional()?)
}

/// Notes which set will be written to a tape next, before anything of it is.
pub fn will_write(conn: &mut Conn, id: i32, set_uuid: &str) -> Result<()> {
    let row = diesel::update(tapes::table.find(id)).set(tapes::writing_set.eq(set_uuid));
    changed(row.execute(conn), format_args!("tape {id}"))
}

/// A set is about to be written: counts it, and makes a blank or expired tape active.
pub fn begin_writing(conn: &mut Conn, id: i32, set_uuid: &str) -> Result<Tape> {
    write_transaction(conn, |conn| {
        let tape = find(conn, id)?;
        tape.must_not_be_lost()?;
        let writable = matches!(tape.status, TapeStatus::Blank | TapeStatus::Active | TapeStatus::Expired);
        if let Some(reason) = tape.hold_reason.as_deref() {
            let message = format!("tape '{}' is on hold: {reason}", tape.label);
            return Err(Error::conflict("tape_on_hold", message));
        }
        if !writable {
            let message = format!("tape '{}' is {}; it takes no more data", tape.label, tape.status);
            return Err(Error::conflict("tape_not_writable", message));
        }
        Ok(diesel::update(tapes::table.find(id))
            .set((
                tapes::status.eq(TapeStatus::Active),
                tapes::write_count.eq(tapes::write_count + 1),
                tapes::writing_set.eq(set_uuid),
                tapes::updated_at.eq(now()),
            ))
            .returning(Tape::as_returning())
            .returned(conn)?)
    })
}

/// A part is safe on the tape: where the next append belongs, and how many bytes it has now.
pub fn part_written(conn: &mut Conn, id: i32, end_file: i64, end_block: i64, added_bytes: i64) -> Result<Tape> {
    let time = now();
    let row = diesel::update(tapes::table.find(id))
        .set((
            tapes::end_file.eq(end_file),
            tapes::end_block.eq(end_block),
            tapes::used_bytes.eq(tapes::used_bytes + added_bytes),
            tapes::last_written_at.eq(time),
            tapes::writing_set.eq(None::<String>),
            tapes::updated_at.eq(time),
        ))
        .returning(Tape::as_returning())
        .returned(conn);
    found(row, format_args!("tape {id}"))
}

/// Nothing more goes onto this tape; what was being written behind its end counts for nothing.
pub fn close(conn: &mut Conn, id: i32) -> Result<Tape> {
    write_transaction(conn, |conn| {
        diesel::update(tapes::table.find(id)).set(tapes::writing_set.eq(None::<String>)).execute(conn)?;
        set_status(conn, id, TapeStatus::Full)
    })
}

/// Words in the reason of a hold that ends when the catalog was rebuilt from the tape.
pub const DATABASE_OLDER: &str = "the database is older than the tape";

/// Nothing is written to this tape until a person has looked at it, for `reason`.
pub fn hold(conn: &mut Conn, id: i32, reason: &str) -> Result<()> {
    let row = diesel::update(tapes::table.find(id)).set((tapes::hold_reason.eq(reason), tapes::updated_at.eq(now())));
    changed(row.execute(conn), format_args!("tape {id}"))
}

/// The tape may be written again.
pub fn release(conn: &mut Conn, id: i32) -> Result<()> {
    let row =
        diesel::update(tapes::table.find(id)).set((tapes::hold_reason.eq(None::<String>), tapes::updated_at.eq(now())));
    changed(row.execute(conn), format_args!("tape {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn data_never_vanishes_by_a_change_of_status() {
        use TapeStatus::*;
        for holds_data in [Active, Full, Exported] {
            assert!(!allowed(holds_data, Blank), "{holds_data}");
        }
        assert!(TapeStatus::ALL.iter().all(|to| *to == Exported || !allowed(Exported, *to)));
        assert!(!allowed(Retired, Active) && !allowed(Retired, Blank));
    }

    #[test]
    fn a_life() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let id = testing::tape(conn, "A00001").id;
        assert_eq!(export(conn, id, None).expect_err("blank").code, "tape_transition");
        let tape = begin_writing(conn, id, "u").expect("begin");
        assert_eq!((tape.status, tape.write_count), (TapeStatus::Active, 1));
        let tape = part_written(conn, id, 3, 120, 500).expect("part");
        assert_eq!((tape.end_file, tape.end_block, tape.used_bytes), (Some(3), Some(120), 500));
        let error = set_status(conn, id, TapeStatus::Blank).expect_err("holds data");
        assert!(error.message.contains("expire it, or format it"), "{error}");
        set_status(conn, id, TapeStatus::Full).expect("full");
        assert_eq!(begin_writing(conn, id, "u").expect_err("full").code, "tape_not_writable");
        let tape = export(conn, id, Some("Safe 2")).expect("export");
        assert_eq!((tape.status, tape.offsite_location.as_deref()), (TapeStatus::Exported, Some("Safe 2")));
        assert!(set_status(conn, id, TapeStatus::Expired).is_err());
        assert_eq!(import(conn, id).expect("import").status, TapeStatus::Full);
        set_status(conn, id, TapeStatus::Expired).expect("expire");
        let tape = formatted(conn, id, "4be1", now(), 1, 2).expect("format");
        assert_eq!((tape.status, tape.used_bytes, tape.end_block), (TapeStatus::Blank, 0, Some(2)));
    }

    #[test]
    fn a_tape_on_hold_is_not_written() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let id = testing::tape(conn, "A00001").id;
        hold(conn, id, "TapeAlert 4: media").expect("hold");
        assert!(begin_writing(conn, id, "u").expect_err("hold").message.contains("TapeAlert 4"));
        release(conn, id).expect("release");
        assert!(begin_writing(conn, id, "u").is_ok());
    }
}
