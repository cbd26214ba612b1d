//! Tells the world what changed in a drive: its row, those who watch, and the event list.

use super::tasks::Unit;
use super::{DriveSnapshot, LabelSeen};
use crate::Result;
use crate::db;
use crate::events::Event;
use tape_drive::{DriveState, TapeDrive};

/// Writes what changed between two known states.
pub fn changed(unit: &Unit, before: &DriveSnapshot, after: &DriveSnapshot) {
    let same = before.status == after.status
        && before.label == after.label
        && before.medium == after.medium
        && before.error == after.error;
    if same {
        return;
    }
    unit.bus.transient("drive", serde_json::json!(after));
    if let Err(error) = store(unit, after) {
        tracing::warn!(drive = unit.id, %error, "the state of the drive could not be stored");
    }
    if before.label != after.label
        && let Some(label) = &after.label
        && let Err(error) = announce(unit, label)
    {
        tracing::warn!(drive = unit.id, %error, "the tape in the drive could not be looked up");
    }
}

fn row_status(state: &DriveSnapshot) -> db::drives::DriveStatus {
    use db::drives::DriveStatus;
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
    let unknown = match (&state.label, &known) {
        (Some(label), None) => Some(serde_json::to_string(label)?),
        _ => None,
    };
    db::drives::observe(
        &mut conn,
        unit.id,
        &db::drives::Observed {
            status: row_status(state),
            current_tape_id: known.map(|tape| tape.id),
            unknown_tape: unknown,
            error_message: state.error.clone(),
        },
    )
}

fn announce(unit: &Unit, label: &LabelSeen) -> Result<()> {
    let mut conn = unit.db.get()?;
    let details = serde_json::json!({"drive_id": unit.id, "device": unit.device_path, "label": label.label, "uuid": label.uuid});
    match db::tapes::find_by_uuid(&mut conn, &label.uuid)? {
        Some(tape) => unit.bus.publish(
            Event::info("tape", "Tape Loaded", format!("Tape {} is in drive {}", tape.label, unit.id)).with(details),
        ),
        None => unit.bus.publish(
            Event::warning(
                "tape",
                "Unknown Tape Detected",
                format!(
                    "The tape in drive {} calls itself '{}', but the database does not know it. Add it, or format it.",
                    unit.id, label.label
                ),
            )
            .with(details),
        ),
    }
    Ok(())
}

/// Stores the drive's counters and raises alerts. What the drive cannot tell is left as it is.
pub fn health(drive: &mut dyn TapeDrive, unit: &Unit) {
    let stored = (|| -> Result<()> {
        let health = drive.health()?;
        let alerts = drive.alerts()?;
        let mut conn = unit.db.get()?;
        db::drives::store_health(&mut conn, unit.id, &health, &alerts)?;
        for alert in db::drives::raise_alerts(&mut conn, unit.id, &alerts)? {
            unit.bus.publish(
                Event::warning("drive", "TapeAlert", format!("Drive {}: {}", unit.id, alert.message))
                    .with(serde_json::json!({"drive_id": unit.id, "severity": alert.severity})),
            );
        }
        Ok(())
    })();
    if let Err(error) = stored {
        tracing::debug!(drive = unit.id, %error, "no health figures");
    }
}

/// Whether a drive has a tape that is threaded.
pub fn is_ready(state: &DriveSnapshot) -> bool {
    state.status.is_some_and(|status| status.state == DriveState::Ready)
}
