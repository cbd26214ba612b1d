//! Makes a tape empty: a fresh label, and nothing behind it.

use super::{Context, FormatRequest, label};
use crate::actors::drive::tasks::{FirstBlock, Precondition};
use crate::db;
use crate::media::lifecycle;
use crate::{Error, Result};
use serde_json::{Value, json};

/// Formats the tape in the drive. With a tape named, it must be that one; sets that have not expired forbid it.
pub fn run(context: &Context, request: &FormatRequest) -> Result<Value> {
    let drive_id = match (request.drive_id, request.tape_id) {
        (Some(drive), _) => drive,
        (None, Some(tape)) => {
            db::drives::holding(&mut *context.conn()?, tape)?.map(|drive| drive.id).ok_or_else(|| {
                Error::conflict(
                    "tape_not_loaded",
                    format!("tape {tape} is in no drive; load it, or name the drive it is in"),
                )
            })?
        }
        (None, None) => return Err(Error::bad_request("name a drive or a tape")),
    };
    let lease = context.take_drive(drive_id, request.tape_id)?;
    context.phase("checking", "Looking at the tape in the drive.")?;
    let found = super::drive_action::load(context, &lease)?;
    let mut conn = context.conn()?;
    let in_drive = match &found {
        FirstBlock::Ours(found) => db::tapes::find_by_uuid(&mut conn, &found.uuid.to_string())?,
        _ => None,
    };
    let tape = match (request.tape_id, in_drive) {
        (Some(wanted), Some(found)) if found.id != wanted => {
            let wanted = db::tapes::find(&mut conn, wanted)?;
            return Err(Error::conflict(
                "wrong_tape",
                format!("the tape in the drive is '{}', not '{}'; nothing was erased", found.label, wanted.label),
            ));
        }
        (Some(wanted), None) => {
            let wanted = db::tapes::find(&mut conn, wanted)?;
            if wanted.labeled_at.is_some() {
                return Err(Error::conflict(
                    "wrong_tape",
                    format!("the tape in the drive does not carry the label of '{}'; nothing was erased", wanted.label),
                ));
            }
            Some(wanted)
        }
        (_, found) => found,
    };
    drop(conn);
    let looked_at = lifecycle::may_destroy_loaded(context, &lease, tape.as_ref().map(|tape| tape.id))?;
    let Some(tape) = tape else {
        context.phase("erasing", "Erasing the tape.")?;
        context.perform(&lease, lifecycle::EraseAll(looked_at))?;
        return Ok(json!({"drive_id": drive_id, "tape_id": null, "message": "Tape erased; it is blank now"}));
    };
    let label = label::write(context, &lease, &tape, &tape.label, Precondition::Holds(looked_at))?;
    Ok(json!({
        "drive_id": drive_id, "tape_id": tape.id, "label": label.label, "uuid": label.uuid,
        "message": format!("Tape '{}' formatted", label.label),
    }))
}
