//! Tells the world what changed in a drive: its row, those who watch, and the event list.

use super::tasks::Unit;
use super::{DriveSnapshot, LabelSeen};
use crate::Result;
use crate::db;
use crate::events::{Category, Event};
use tape_drive::{DriveState, MediumKind};

/// Writes what changed between two known states.
pub fn changed(unit: &Unit, before: &DriveSnapshot, after: &DriveSnapshot) {
    let same = before.status == after.status
        && before.label == after.label
        && before.unlabelled == after.unlabelled
        && before.medium == after.medium
        && before.error == after.error;
    if same {
        return;
    }
    unit.bus.transient("drive", serde_json::json!(after));
    if let Err(error) = store(unit, after) {
        tracing::warn!(drive = unit.id, %error, "the state of the drive could not be stored");
    }
    trouble(unit, before, after);
    if before.label != after.label
        && let Some(label) = &after.label
        && let Err(error) = announce(unit, label)
    {
        tracing::warn!(drive = unit.id, %error, "the tape in the drive could not be looked up");
    }
}

/// Tells of a drive that does not work, and that it works again.
fn trouble(unit: &Unit, before: &DriveSnapshot, after: &DriveSnapshot) {
    let details = serde_json::json!({"drive_id": unit.id, "device": unit.device_path});
    let event = match (&before.error, &after.error) {
        (None, Some(error)) => Event::error(Category::Drive, "Drive Error", format!("Drive {}: {error}", unit.name())),
        (Some(_), None) => {
            Event::success(Category::Drive, "Drive Recovered", format!("Drive {} works again.", unit.name()))
        }
        _ => return,
    };
    unit.bus.publish(event.details(details));
}

fn row_status(state: &DriveSnapshot) -> db::DriveStatus {
    use db::DriveStatus;
    match (&state.error, state.status) {
        (Some(_), _) => DriveStatus::Error,
        (None, None) => DriveStatus::Offline,
        (None, Some(_)) => DriveStatus::Ready,
    }
}

fn store(unit: &Unit, state: &DriveSnapshot) -> Result<()> {
    let mut conn = unit.db.get()?;
    let known = match &state.label {
        Some(label) => db::tapes::find_by_uuid(&mut conn, &label.uuid)?,
        None => None,
    };
    if let (Some(tape), Some(medium)) = (&known, &state.medium)
        && tape.write_once != (medium.kind == MediumKind::Worm)
    {
        let changes = db::tapes::TapeChanges { write_once: Some(!tape.write_once), ..Default::default() };
        db::tapes::update(&mut conn, tape.id, &changes)?;
    }
    let unknown = match (&state.label, &known) {
        (Some(label), None) => Some(serde_json::to_string(label)?),
        _ => None,
    };
    let changes = db::drives::DriveChanges {
        status: Some(row_status(state)),
        current_tape_id: Some(known.map(|tape| tape.id)),
        unknown_tape: Some(unknown),
        error_message: Some(state.error.clone()),
        ..Default::default()
    };
    db::drives::update(&mut conn, unit.id, &changes).map(drop)
}

fn announce(unit: &Unit, label: &LabelSeen) -> Result<()> {
    let mut conn = unit.db.get()?;
    let details =
        serde_json::json!({"drive_id": unit.id, "device": unit.device_path, "label": label.label, "uuid": label.uuid});
    match db::tapes::find_by_uuid(&mut conn, &label.uuid)? {
        Some(tape) => unit.bus.publish(
            Event::info(Category::Tape, "Tape Loaded", format!("Tape {} is in drive {}", tape.label, unit.name()))
                .details(details),
        ),
        None => unit.bus.publish(
            Event::warning(
                Category::Tape,
                "Unknown Tape Detected",
                format!(
                    "The tape in drive {} calls itself '{}', but the database does not know it. Add it, or format it.",
                    unit.name(),
                    label.label
                ),
            )
            .details(details),
        ),
    }
    Ok(())
}

/// Whether a drive has a tape that is threaded.
pub fn is_ready(state: &DriveSnapshot) -> bool {
    state.status.is_some_and(|status| status.state == DriveState::Ready)
}
