//! Which tapes a plan needs, where they are now, and what each contributes: for people, before anything moves.

use super::plan::Plan;
use crate::Result;
use crate::db::{self, Conn, SlotType, TapeStatus, tapes::Tape};
use serde_json::{Value, json};

/// The tapes in the order in which they are needed.
pub fn tapes(conn: &mut Conn, plan: &Plan) -> Result<Vec<Value>> {
    let shares = plan.tapes()?;
    let mut required = Vec::with_capacity(shares.len());
    for (index, share) in shares.iter().enumerate() {
        let tape = db::tapes::find(conn, share.tape_id)?;
        required.push(json!({
            "place": place(conn, &tape)?, "tape": tape, "file_count": share.files, "total_bytes": share.bytes,
            "order": index + 1,
        }));
    }
    Ok(required)
}

/// Where a tape is, for programs and in words.
fn place(conn: &mut Conn, tape: &Tape) -> Result<Value> {
    if let Some(drive) = db::drives::holding(conn, tape.id)? {
        return Ok(json!({"kind": "drive", "drive_id": drive.id, "text": format!("in drive {}", drive.name())}));
    }
    let slot = db::library_slots::of_tape(conn, tape.id)?.filter(|slot| !slot.is_empty);
    if let Some(slot) = slot {
        let library = db::libraries::find(conn, slot.library_id)?;
        let kind = if slot.slot_type == SlotType::Drive { "drive" } else { "slot" };
        return Ok(json!({
            "kind": kind, "library_id": library.id, "slot": slot.slot_number,
            "text": format!("in library {}, element {}", library.name, slot.slot_number),
        }));
    }
    let location = tape.offsite_location.as_deref().filter(|location| !location.is_empty());
    Ok(match (tape.status, location) {
        (TapeStatus::Exported, Some(location)) => json!({"kind": "offsite", "text": format!("off-site: {location}")}),
        (TapeStatus::Exported, None) => json!({"kind": "offsite", "text": "off-site"}),
        _ => json!({"kind": "shelf", "text": "in no drive and no library: on the shelf"}),
    })
}
