//! What is only recorded, and what is left out.

use super::{Ids, Old, Report};
use crate::Result;
use crate::db::Conn;
use crate::db::imported::{self, OldDatabaseBackup};

/// Drives and libraries are not taken over: their devices may have other names here. The report says what there was.
pub fn hardware(old: &mut Old, report: &mut Report) -> Result<()> {
    for row in old.rows("tape_drives", &["id", "device_path", "display_name", "serial_number", "model"])? {
        let device = row.text_or_empty("device_path");
        let model = row.text("model").or(row.text("display_name")).unwrap_or("of unknown model");
        let reason =
            format!("drives are added anew: tapebackarr drive scan, then tapebackarr drive add {device} ({model})");
        report.skipped("drives", &device, reason);
    }
    for row in old.rows("tape_libraries", &["id", "name", "device_path"])? {
        let device = row.text_or_empty("device_path");
        let reason = format!("libraries are added anew: tapebackarr library add --name NAME {device}");
        report.skipped("libraries", &row.text_or_empty("name"), reason);
    }
    Ok(())
}

/// Copies of the old database on tape: that they exist.
pub fn database_backups(conn: &mut Conn, old: &mut Old, ids: &Ids, report: &mut Report) -> Result<()> {
    const WHAT: &str = "database_backups";
    let columns = ["id", "tape_id", "backup_time", "file_size", "checksum", "status", "created_at"];
    for row in old.rows("database_backups", &columns)? {
        if row.text("status") != Some("completed") {
            continue;
        }
        let name = row.text_or_empty("backup_time");
        let tape = row.number("tape_id").and_then(|id| ids.tapes.get(&id)).copied();
        let (Some(tape_id), Some(backup_time)) = (tape, row.time("backup_time")) else {
            report.skipped(WHAT, &name, "its tape or its time is not known");
            continue;
        };
        let copy = OldDatabaseBackup {
            tape_id,
            backup_time,
            file_size: row.count("file_size"),
            checksum: row.text("checksum").map(str::to_owned),
        };
        match imported::database_backup(conn, &copy)? {
            true => report.imported(WHAT),
            false => report.there(WHAT),
        }
    }
    Ok(())
}

/// Tables that this program has no use for, if there is something in them.
pub fn left_out(old: &mut Old, report: &mut Report) -> Result<()> {
    const PROXMOX: &str = "this server does not back up Proxmox guests; the tapes are taken over, and their archives can be \
                           extracted with a raw read";
    for (table, reason) in [
        ("snapshots", "the first run of every job here is a full one, and the catalog is the baseline from then on"),
        ("audit_logs", "what was done there stays with the old database; keep its file if you need it"),
        ("job_executions", "runs of the old program cannot be resumed here"),
        ("proxmox_backups", PROXMOX),
        ("proxmox_backup_jobs", PROXMOX),
    ] {
        let count = old.count(table)?;
        if count > 0 {
            report.skipped("tables", table, format!("{count} rows: {reason}"));
        }
    }
    Ok(())
}
