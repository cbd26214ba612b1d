//! Drives that do not answer, complain, want to be cleaned, or hold a tape that nobody knows; libraries with cartridges
//! that nobody knows.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::drives::Drive;
use crate::db::{Conn, DriveStatus, Severity, SlotType, drive_health, drives, libraries, library_slots};
use tape_drive::lto;
use tape_scsi::TapeAlert;

/// What drives and libraries need.
pub fn look(conn: &mut Conn) -> Result<Vec<Attention>> {
    let mut all = Vec::new();
    for drive in drives::all(conn)?.into_iter().filter(|drive| drive.enabled) {
        all.extend(state(&drive));
        all.extend(health(conn, &drive)?);
    }
    for library in libraries::list(conn)?.into_iter().filter(|library| library.enabled) {
        let slots = library_slots::list(conn, library.id)?;
        let link = format!("/library?id={}", library.id);
        let of_library = |mut item: Attention| {
            item.library_id = Some(library.id);
            item
        };
        for listed in &slots {
            if let Some(exception) = &listed.slot.exception {
                let title = format!("Library {}: {} has a problem", library.name, listed.name);
                let item = Attention::new(Topic::Library, Urgency::Warning, listed.slot.id, title, exception);
                all.push(of_library(item.at(link.clone(), "Look")));
            }
        }
        let unknown: Vec<&str> = slots
            .iter()
            .map(|listed| &listed.slot)
            .filter(|slot| !slot.is_empty && slot.tape_id.is_none() && slot.slot_type != SlotType::Drive)
            .filter(|slot| !lto::is_cleaning_barcode(&slot.barcode))
            .map(|slot| if slot.barcode.is_empty() { "one without a bar code" } else { slot.barcode.as_str() })
            .collect();
        if !unknown.is_empty() {
            let title = match unknown.len() {
                1 => format!("A cartridge in {} is not in the catalog", library.name),
                many => format!("{many} cartridges in {} are not in the catalog", library.name),
            };
            let more = if unknown.len() > 5 { " …" } else { "" };
            let shown = unknown.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let about = format!("{shown}{more}. Label those that are blank, or take in what is on them.");
            let item = Attention::new(Topic::UnknownCartridges, Urgency::Info, library.id, title, about);
            all.push(of_library(item.at(link, "Open library")));
        }
    }
    Ok(all)
}

fn of_drive(drive: &Drive, item: Attention, action: &'static str) -> Attention {
    let mut item = item.at(format!("/drives/{}", drive.id), action);
    item.drive_id = Some(drive.id);
    item
}

fn state(drive: &Drive) -> Option<Attention> {
    let name = drive.name();
    if matches!(drive.status, DriveStatus::Error | DriveStatus::Offline) {
        let failed = drive.status == DriveStatus::Error;
        let title = format!("{name} {}", if failed { "reports an error" } else { "does not answer" });
        let about = drive.error_message.clone().unwrap_or_else(|| "Is it switched on and connected?".into());
        return Some(of_drive(drive, Attention::new(Topic::Drive, Urgency::Critical, drive.id, title, about), "Look"));
    }
    drive.unknown_tape.as_ref()?;
    let title = format!("{name} holds a tape that is not in the catalog");
    let about = "Take in what is on it, label it anew if nothing on it is needed, or eject it.";
    let item = Attention::new(Topic::UnknownTape, Urgency::Warning, drive.id, title, about)
        .command(format!("tapebackarr catalog rebuild --drive {}", drive.id));
    Some(of_drive(drive, item, "Look"))
}

fn health(conn: &mut Conn, drive: &Drive) -> Result<Vec<Attention>> {
    let mut all = Vec::new();
    let wants = [TapeAlert::CLEAN_NOW, TapeAlert::CLEAN_PERIODIC];
    if drive_health::wants_cleaning(conn, drive.id)? {
        let title = format!("{} wants to be cleaned", drive.name());
        let about = "Run a cleaning cartridge; until then errors become more likely.";
        let item = Attention::new(Topic::Cleaning, Urgency::Warning, drive.id, title, about)
            .command(format!("tapebackarr drive clean {}", drive.id));
        all.push(of_drive(drive, item, "Clean"));
    }
    for alert in drive_health::open_alerts(conn, drive.id)? {
        if wants.iter().any(|flag| alert.message.starts_with(flag.name())) {
            continue;
        }
        let severity = match alert.severity {
            Severity::Critical => Urgency::Critical,
            Severity::Warning => Urgency::Warning,
            Severity::Info => continue,
        };
        let title = format!("{} raises an alert", drive.name());
        let item = Attention::new(Topic::DriveAlert, severity, alert.id, title, &alert.message).since(alert.created_at);
        all.push(of_drive(drive, item, "Look"));
    }
    Ok(all)
}
