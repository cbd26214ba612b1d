//! The clock: schedules and retention live by it.

use super::Report;
use crate::db::{self, Conn};
use chrono::TimeDelta;

/// How much later than now the last event may be.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// Looks whether time went back, and whether somebody sets the clock.
pub fn look(report: &mut Report, conn: &mut Conn) {
    let now = db::now();
    let last = db::events::recent(conn, 1).unwrap_or_default().pop();
    match last {
        Some(event) if event.created_at > now + SLACK => {
            let about = format!(
                "The last event is of {}, which is still to come.",
                event.created_at.format("%Y-%m-%d %H:%M:%S UTC")
            );
            let mend = "Set the clock right before the server starts: what expires and what is due depends on it.";
            report.fail("clock", "time", about, mend);
        }
        _ => report.ok("clock", "time", format!("It is {}.", now.format("%Y-%m-%d %H:%M:%S UTC"))),
    }
    match crate::clock::synchronised() {
        Some(true) => report.ok("clock", "synchronisation", "The kernel says that the clock is kept right."),
        Some(false) => report.warn(
            "clock",
            "synchronisation",
            "Nothing keeps the clock right, says the kernel.",
            "Install or start chrony or systemd-timesyncd: timedatectl set-ntp true",
        ),
        None => report.ok("clock", "synchronisation", "The kernel does not tell whether the clock is kept right."),
    }
}
