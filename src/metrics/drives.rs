//! Drives: what they are, what they told, and what streams through them.

use super::families::*;
use super::page::Page;
use crate::Result;
use crate::actors::drive::DriveSnapshot;
use crate::actors::jobs::AtWork;
use crate::db::{Conn, Severity, drive_health, drives, figures};

/// The words of [`DriveSnapshot::state`].
const STATES: [&str; 4] = ["busy", "online", "error", "offline"];

/// The drives in use. `seen` and `work` are what the actors know.
pub fn collect(conn: &mut Conn, page: &mut Page, seen: &[DriveSnapshot], work: &AtWork) -> Result<()> {
    let alerts = figures::alerts(conn)?;
    let told = drive_health::all_statistics(conn)?;
    for drive in drives::all(conn)?.into_iter().filter(|drive| drive.enabled) {
        let id = drive.id.to_string();
        let labels = [id.as_str(), drive.name()];
        let serial = drive.serial_number.as_deref().unwrap_or_default();
        let model = drive.model.as_deref().unwrap_or_default();
        page.put(&DRIVE_INFO, &[labels[0], labels[1], &drive.device_path, &drive.vendor, model, serial], 1);
        let seen = seen.iter().find(|seen| seen.drive_id == drive.id);
        page.put_one_of(&DRIVE_STATE, &labels, &STATES, seen.map_or("offline", DriveSnapshot::state));
        page.put(&DRIVE_LOADED, &labels, if seen.is_some_and(|seen| seen.medium.is_some()) { 1 } else { 0 });
        for severity in Severity::ALL {
            let of_drive = |row: &&figures::Alerts| row.drive_id == drive.id && row.severity == *severity;
            let open = alerts.iter().find(of_drive).map_or(0, |row| row.alerts);
            page.put(&DRIVE_ALERTS, &[labels[0], labels[1], severity.as_str()], open as f64);
        }
        if let Some(told) = told.iter().find(|told| told.drive_id == drive.id) {
            lifetime(page, &labels, told);
        }
        stream(page, &labels, &drive.device_path, work);
    }
    Ok(())
}

fn lifetime(page: &mut Page, labels: &[&str; 2], told: &drive_health::DriveStatistics) {
    let [id, name] = *labels;
    page.put(&DRIVE_CLEANING, labels, if told.cleaning_required { 1 } else { 0 });
    if let Some(celsius) = told.temperature_c {
        page.put(&DRIVE_TEMPERATURE, labels, celsius);
    }
    page.put_time(&DRIVE_ASKED, labels, Some(told.updated_at));
    page.put(&DRIVE_WRITTEN, labels, told.total_bytes_written as f64);
    page.put(&DRIVE_READ, labels, told.total_bytes_read as f64);
    page.put(&DRIVE_ERRORS, &[id, name, "read"], told.read_errors as f64);
    page.put(&DRIVE_ERRORS, &[id, name, "write"], told.write_errors as f64);
    page.put(&DRIVE_LOADS, labels, told.total_load_count as f64);
    page.put(&DRIVE_MOTION, labels, told.tape_motion_hours * 3600.0);
    page.put(&DRIVE_HITCHES, labels, told.back_hitches as f64);
}

fn stream(page: &mut Page, labels: &[&str], device: &str, work: &AtWork) {
    let moved = work.moved.get(device).copied().unwrap_or_default();
    page.put(&STREAM_CONTENT, labels, moved.content_bytes as f64);
    page.put(&STREAM_TAPE, labels, moved.tape_bytes as f64);
    page.put(&STREAM_WORKING, labels, moved.working_seconds);
    page.put(&STREAM_WAITING, labels, moved.waiting_seconds);
    page.put(&STREAM_STARVED, labels, moved.starved_seconds);
    page.put(&STREAM_STARVATIONS, labels, moved.starvations as f64);
    let on_it = || work.running.iter().filter(|run| run.device_path == device);
    page.put(&STREAM_SPEED, labels, on_it().map(|run| run.write_speed as f64).sum::<f64>());
    if let Some(run) = on_it().next() {
        page.put(&STREAM_BUFFER, labels, run.buffer_percent as f64 / 100.0);
    }
}
