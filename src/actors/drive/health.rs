//! What a drive says of its condition and of the tape in it: counted, raised as alerts, and a tape that a drive warns of is
//! put on hold.

use super::tasks::Unit;
use crate::Result;
use crate::db::{self, Conn, Severity, drive_health, tape_health, tapes::Tape};
use crate::events::{Category, Event};
use tape_drive::{DriveHealth, TapeDrive, VolumeHealth};
use tape_scsi::{AlertSeverity, TapeAlert};

/// What is remembered of the tape in a drive until it leaves.
#[derive(Debug, Default)]
pub struct Sitting {
    /// The row of its figures.
    row: Option<i32>,
    /// Flags for which it was put on hold: a person who takes that back is not overruled.
    held: Vec<TapeAlert>,
}

/// Flags with which a drive is given no more work: it fails by itself, or holds a tape that is torn.
pub const UNFIT: &[u8] = &[13, 14, 30, 31];

/// Flags with which a drive says that the tape in it is old: media life, nearing media life (SSC-5, TapeAlert).
const WORN: &[u8] = &[7, 19];

/// Stores the drive's counters, raises alerts, and ends those that the drive does not raise any more. What the drive cannot
/// tell is left as it is.
pub fn take(drive: &mut dyn TapeDrive, unit: &Unit) {
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
        hold(&mut conn, unit, &alerts)?;
        let volume = drive.volume_health()?;
        count_tape(&mut conn, unit, &drive.identity().serial, (&health, &volume, &alerts))
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
    let mut words = format!("Drive {}: {}", unit.name(), raised.message);
    if UNFIT.contains(&alert.flag()) {
        words.push_str(" The drive is given no more work until the flag is gone.");
    }
    let title = if WORN.contains(&alert.flag()) { "Media Wear" } else { "TapeAlert" };
    let event = match alert.severity() {
        AlertSeverity::Critical => Event::error(Category::Drive, title, words),
        AlertSeverity::Warning => Event::warning(Category::Drive, title, words),
        AlertSeverity::Information => Event::info(Category::Drive, title, words),
    };
    let details = serde_json::json!({
        "drive_id": unit.id, "flag": alert.flag(), "severity": raised.severity, "tape_id": tape,
    });
    unit.bus.publish(event.details(details));
}

/// A tape that the drive says is not to be used any more is not written again before a person has looked at it.
fn hold(conn: &mut Conn, unit: &Unit, alerts: &[TapeAlert]) -> Result<()> {
    let condemning: Vec<TapeAlert> = alerts.iter().copied().filter(|alert| alert.condemns_tape()).collect();
    if condemning.is_empty() {
        return Ok(());
    }
    let Some(tape) = tape_in_drive(conn, unit)? else { return Ok(()) };
    for alert in condemning {
        if !unit.sitting(|sitting| {
            let new = !sitting.held.contains(&alert);
            sitting.held.push(alert);
            new
        }) {
            continue;
        }
        let now = db::tapes::find(conn, tape.id)?;
        if now.hold_reason.is_some() {
            continue;
        }
        let drive = db::drives::find(conn, unit.id)?;
        let (flag, name, words) = (alert.flag(), alert.name(), alert.text());
        let reason = format!("drive {} raised TapeAlert {flag} ({name}): {words}. {}", drive.name(), alert.action());
        db::tape_lifecycle::hold(conn, tape.id, &reason)?;
        unit.bus.publish(
            Event::error(Category::Tape, "Tape On Hold", format!("Tape {}: {reason}", tape.label))
                .details(serde_json::json!({"tape_id": tape.id, "drive_id": unit.id, "flag": flag})),
        );
    }
    Ok(())
}

/// The tape in the drive: by its label, or, where that could not be read, by the bar code of what the robot put there.
fn tape_in_drive(conn: &mut Conn, unit: &Unit) -> Result<Option<Tape>> {
    if let Some(label) = unit.snapshot().label {
        return db::tapes::find_by_uuid(conn, &label.uuid);
    }
    match db::library_slots::in_drive(conn, unit.id)? {
        Some(tape) => db::tapes::find(conn, tape).map(Some),
        None => Ok(None),
    }
}

/// Stores what drive and cartridge counted of the tape, if they count anything.
fn count_tape(
    conn: &mut Conn,
    unit: &Unit,
    serial: &str,
    (health, volume, alerts): (&DriveHealth, &VolumeHealth, &[TapeAlert]),
) -> Result<()> {
    let told = *volume != VolumeHealth::default()
        || health.rewrites.is_some()
        || health.write_compression_ratio.is_some()
        || health.read_compression_ratio.is_some();
    let Some(label) = unit.snapshot().label.filter(|_| told) else { return Ok(()) };
    let Some(tape) = db::tapes::find_by_uuid(conn, &label.uuid)? else { return Ok(()) };
    let some = |value: Option<u64>| value.map(count);
    let figures = tape_health::Figures {
        tape_id: tape.id,
        drive_id: Some(unit.id),
        drive_serial: serial.to_owned(),
        mounts: some(volume.mounts),
        bytes_written: some(volume.bytes_written),
        bytes_read: some(volume.bytes_read),
        write_retries: some(volume.write_retries),
        read_retries: some(volume.read_retries),
        unrecovered_write_errors: some(volume.unrecovered_write_errors),
        unrecovered_read_errors: some(volume.unrecovered_read_errors),
        beginning_passes: some(volume.beginning_passes),
        middle_passes: some(volume.middle_passes),
        capacity_bytes: some(volume.capacity_bytes),
        used_bytes: some(volume.used_bytes),
        effective_capacity_bytes: effective_capacity(&tape, volume),
        rewrites: some(health.rewrites),
        rereads: some(health.rereads),
        write_compression_ratio: health.write_compression_ratio,
        read_compression_ratio: health.read_compression_ratio,
        tape_alert_flags: flags(alerts),
    };
    let row = tape_health::record(conn, unit.sitting(|sitting| sitting.row), &figures)?;
    unit.sitting(|sitting| sitting.row = Some(row));
    Ok(())
}

/// What fits on a tape if it goes on as so far: its native capacity by the native capacity that was taken for what is on it.
/// `None` while a part is being written, whose bytes are not counted yet, and before a hundredth of the tape is taken.
fn effective_capacity(tape: &Tape, volume: &VolumeHealth) -> Option<i64> {
    let (capacity, used) = (volume.capacity_bytes?, volume.used_bytes?);
    if tape.writing_set.is_some() || tape.used_bytes <= 0 || used < (capacity / 100).max(1) {
        return None;
    }
    Some((capacity as f64 * (tape.used_bytes as f64 / used as f64)) as i64)
}

fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn flags(alerts: &[TapeAlert]) -> String {
    let flags: Vec<String> = alerts.iter().map(|alert| alert.flag().to_string()).collect();
    flags.join(",")
}

fn statistics(health: &DriveHealth, alerts: &[TapeAlert]) -> drive_health::StatisticsChanges {
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
        tape_alert_flags: Some(flags(alerts)),
        back_hitches: Some(count(health.back_hitches)),
        starved_ms: Some(count(health.starved_ms)),
        lifetime_power_cycles: health.power_cycles.map(count),
        write_compression_pct: percent(health.write_compression_ratio),
        read_compression_pct: percent(health.read_compression_ratio),
        ..Default::default()
    }
}

/// To two decimals of the ratio, as drives tell it.
fn percent(ratio: Option<f64>) -> Option<f64> {
    ratio.map(|ratio| (ratio * 100.0).round())
}

fn severity(alert: &TapeAlert) -> Severity {
    match alert.severity() {
        AlertSeverity::Information => Severity::Info,
        AlertSeverity::Warning => Severity::Warning,
        AlertSeverity::Critical => Severity::Critical,
    }
}
