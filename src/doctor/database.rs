//! The database: whether it opens, fits the program, is sound, and has a copy on tape.

use super::{Config, Report, sentence};
use crate::db::tape_list::TapeFilter;
use crate::db::upkeep::{Check, check};
use crate::db::{self, Conn, DatabaseBackupStatus, Page};
use crate::human;
use chrono::TimeDelta;

/// A copy on tape that is older should be made anew.
const OLD: TimeDelta = TimeDelta::days(14);

/// Opens it. None: it cannot be looked into.
pub fn open(report: &mut Report, config: &Config) -> Option<Conn> {
    let path = config.database_path();
    let name = path.display().to_string();
    if !path.exists() {
        let mend = "Start the server: it makes one. If there was one, look for it first, or bring it back with \
                    `tapebackarr database recover`.";
        report.fail("database", name, "There is no database.", mend);
        return None;
    }
    let opened = db::open_one(&path).and_then(|mut conn| Ok((db::schema_state(&mut conn, &path)?, conn)));
    match opened {
        Ok((db::SchemaState::Current, conn)) => Some(conn),
        Ok((db::SchemaState::Behind, _)) => {
            let about = "It was written by an older TapeBackarr, and is brought up to date at the next start.";
            report.warn(
                "database",
                name,
                about,
                "Copy the file, then start the server with this program, and look again.",
            );
            None
        }
        Err(error) => {
            let mend = "Stop the server, keep a copy of the file, and restore the newest database backup.";
            report.fail("database", name, sentence(&error.message), mend);
            None
        }
    }
}

/// Looks into it.
pub fn look(report: &mut Report, conn: &mut Conn) {
    match check(conn, Check::Quick) {
        Ok(wrong) if wrong.is_empty() => report.ok("database", "structure", "SQLite finds it sound (quick_check)."),
        Ok(wrong) => {
            let mend = "Stop the server, keep a copy of the file, and restore the newest database backup.";
            report.fail("database", "structure", format!("It is damaged: {}.", wrong.join("; ")), mend);
        }
        Err(error) => {
            report.fail("database", "structure", sentence(&error.message), "Look again when the server is idle.");
        }
    }
    copies(report, conn);
}

/// Whether it is on tape: without it, tapes have to be read from end to end to know what is on them.
fn copies(report: &mut Report, conn: &mut Conn) {
    let tapes = db::tape_list::count(conn, &TapeFilter::default()).unwrap_or(0);
    let copies = db::database_backups::list(conn, Page::first(100)).unwrap_or_default();
    let newest = copies.iter().filter(|copy| copy.backup.status == DatabaseBackupStatus::Completed);
    let newest = newest.map(|copy| copy.backup.backup_time).max();
    let mend = "tapebackarr database backup; the setting database_backup.after does it behind every run.";
    match newest {
        _ if tapes == 0 => report.ok("database", "copies", "There is no tape yet that it could be copied to."),
        None => report.warn("database", "copies", "It was never copied to tape.", mend),
        Some(time) => {
            let age = db::now() - time;
            let about = format!("The last copy on tape is of {}.", human::time(&db::time::to_rfc3339(&time)));
            if age > OLD {
                report.warn("database", "copies", about, mend)
            } else {
                report.ok("database", "copies", about)
            }
        }
    }
}
