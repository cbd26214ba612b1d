//! Tells the world what changed in a drive: its row, those who watch, and the event list.

use super::tasks::Unit;
use super::{DriveSnapshot, LabelSeen};
use crate::Result;
use crate::db::{self, Severity, drive_health};
use crate::events::{Category, Event};
use tape_drive::{DriveHealth, DriveState, TapeDrive};
use tape_scsi::{AlertSeverity, TapeAlert};

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
    if before.label != after.label
        && let Some(label) = &after.label
        && let Err(error) = announce(unit, label)
    {
        tracing::warn!(drive = unit.id, %error, "the tape in the drive could not be looked up");
    }
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
            Event::info(Category::Tape, "Tape Loaded", format!("Tape {} is in drive {}", tape.label, unit.id))
                .details(details),
        ),
        None => unit.bus.publish(
            Event::warning(
                Category::Tape,
                "Unknown Tape Detected",
                format!(
                    "The tape in drive {} calls itself '{}', but the database does not know it. Add it, or format it.",
                    unit.id, label.label
                ),
            )
            .details(details),
        ),
    }
    Ok(())
}

/// Flags with which a drive is given no more work: it fails by itself, or holds a tape that is torn.
pub const UNFIT: &[u8] = &[13, 14, 30, 31];

/// Stores the drive's counters, raises alerts, and ends those that the drive does not raise any more. What the drive cannot
/// tell is left as it is.
pub fn health(drive: &mut dyn TapeDrive, unit: &Unit) {
    let stored = (|| -> Result<()> {
        let health = drive.health()?;
        let alerts = drive.alerts()?;
        let mut conn = unit.db.get()?;
        drive_health::update_statistics(&mut conn, unit.id, &statistics(&health, &alerts))?;
        let mut still = Vec::new();
        for alert in &alerts {
            let new = drive_health::NewAlert {
                drive_id: unit.id,
                severity: severity(alert),
                category: "tape_alert".into(),
                message: format!("{}: {} {}", alert.name(), alert.text(), alert.action()),
            };
            if let Some(raised) = drive_health::raise_alert(&mut conn, &new)? {
                tell(unit, alert, &raised, db::drives::find(&mut conn, unit.id)?.current_tape_id);
            }
            still.push(new.message);
        }
        drive_health::resolve_others(&mut conn, unit.id, "tape_alert", &still)?;
        Ok(())
    })();
    if let Err(error) = stored {
        // told now, and to nobody again
        if matches!(error.code, "medium_changed" | "drive_reset") {
            unit.forget_medium();
        }
        tracing::debug!(drive = unit.id, %error, "no health figures");
    }
}

/// Tells people of an alert that is new, and with which tape in the drive.
fn tell(unit: &Unit, alert: &TapeAlert, raised: &drive_health::DriveAlert, tape: Option<i32>) {
    let mut words = format!("Drive {}: {}", unit.id, raised.message);
    if UNFIT.contains(&alert.flag()) {
        words.push_str(" The drive is given no more work until the flag is gone.");
    }
    let event = match alert.severity() {
        AlertSeverity::Critical => Event::error(Category::Drive, "TapeAlert", words),
        AlertSeverity::Warning => Event::warning(Category::Drive, "TapeAlert", words),
        AlertSeverity::Information => Event::info(Category::Drive, "TapeAlert", words),
    };
    let details = serde_json::json!({
        "drive_id": unit.id, "flag": alert.flag(), "severity": raised.severity, "tape_id": tape,
    });
    unit.bus.publish(event.details(details));
}

fn statistics(health: &DriveHealth, alerts: &[TapeAlert]) -> drive_health::StatisticsChanges {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let flags: Vec<String> = alerts.iter().map(|alert| alert.flag().to_string()).collect();
    drive_health::StatisticsChanges {
        total_bytes_read: Some(count(health.bytes_read)),
        total_bytes_written: Some(count(health.bytes_written)),
        read_errors: Some(count(health.read_errors)),
        write_errors: Some(count(health.write_errors)),
        total_load_count: Some(count(health.load_count)),
        cleaning_required: Some(health.cleaning_required),
        power_on_hours: health.power_on_hours.map(count),
        tape_motion_hours: health.motion_hours,
        temperature_c: Some(health.temperature_c),
        tape_alert_flags: Some(flags.join(",")),
        back_hitches: Some(count(health.back_hitches)),
        starved_ms: Some(count(health.starved_ms)),
        ..Default::default()
    }
}

fn severity(alert: &TapeAlert) -> Severity {
    match alert.severity() {
        AlertSeverity::Information => Severity::Info,
        AlertSeverity::Warning => Severity::Warning,
        AlertSeverity::Critical => Severity::Critical,
    }
}

/// Whether a drive has a tape that is threaded.
pub fn is_ready(state: &DriveSnapshot) -> bool {
    state.status.is_some_and(|status| status.state == DriveState::Ready)
}
