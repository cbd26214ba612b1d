//! The row of a tape that version 1 labelled.

use crate::Result;
use crate::db::imported::{self, TapeHistory};
use crate::db::tapes::{self, NewTape, Tape, TapeChanges};
use crate::db::{Conn, TapeStatus, pools, tape_lifecycle, time, write_transaction};
use crate::import::{Report, media};
use tape_drive::{Medium, lto};
use tape_format::Label;

/// The tape with this label: the row that is there, or a new one. It is never written to from now on.
pub fn of_label(conn: &mut Conn, label: &Label, medium: Option<&Medium>, report: &mut Report) -> Result<Tape> {
    write_transaction(conn, |conn| {
        if let Some(known) = tapes::find_by_uuid(conn, &label.uuid.to_string())? {
            report.there("tapes");
            return keep(conn, known);
        }
        let barcode = medium.and_then(|medium| medium.barcode.clone());
        let barcode = match barcode {
            Some(code) if tapes::find_by_barcode(conn, &code)?.is_none() => Some(code),
            _ => None,
        };
        let format = medium.and_then(|medium| lto::format_of_density(medium.density));
        let new = NewTape {
            uuid: Some(label.uuid.to_string()),
            barcode,
            label: media::label(conn, &label.label, report)?,
            pool_id: pools::find_by_name(conn, &label.pool)?.map(|pool| pool.id),
            status: TapeStatus::Full,
            lto_type: format.map(|format| format.name.to_owned()).unwrap_or_default(),
            capacity_bytes: medium.map_or(0, |medium| i64::try_from(medium.capacity_bytes).unwrap_or(i64::MAX)),
            labeled_at: time::from_unix(label.timestamp).filter(|_| label.timestamp > 0).or_else(|| Some(time::now())),
            ..NewTape::default()
        };
        let past = TapeHistory {
            encryption_key_fingerprint: label.key_fingerprint.clone(),
            hold_reason: Some(media::HOLD.to_owned()),
            ..TapeHistory::default()
        };
        let id = imported::tape(conn, &new, &past)?;
        report.imported("tapes");
        tapes::find(conn, id)
    })
}

/// Makes sure that a tape that is here already is not appended to.
fn keep(conn: &mut Conn, tape: Tape) -> Result<Tape> {
    if tape.hold_reason.is_none() {
        let changes = TapeChanges { hold_reason: Some(Some(media::HOLD.to_owned())), ..TapeChanges::default() };
        tapes::update(conn, tape.id, &changes)?;
    }
    match tape.status {
        TapeStatus::Blank | TapeStatus::Active => tape_lifecycle::set_status(conn, tape.id, TapeStatus::Full),
        _ => tapes::find(conn, tape.id),
    }
}
