//! Tells the world that an execution has begun or ended: once, also over the death of the server.

use crate::Result;
use crate::db::executions::{self, Execution};
use crate::db::{Conn, ExecutionStatus, events};
use crate::events::{Bus, Category, Event};
use crate::executions::Services;
use chrono::TimeDelta;

/// How long before the last event that was stored an execution may have ended without being told of: events are stored in
/// order, within moments.
const MOMENTS: TimeDelta = TimeDelta::minutes(10);

/// How long it worked.
fn seconds(row: &Execution) -> Option<i64> {
    Some((row.end_time? - row.start_time?).num_seconds())
}

/// Publishes the beginning of what people wait for; not again when it goes on after a restart.
pub fn began(services: &Services, row: &Execution) {
    let event = match row.kind.as_str() {
        "backup" => Event::info(Category::Backup, "Backup Started", format!("{} began", row.title)),
        "restore" => Event::info(Category::Restore, "Restore Started", format!("{} began", row.title)),
        _ => return,
    };
    let told = services.db.get().map_err(crate::Error::from).and_then(|mut conn| {
        events::told(&mut conn, &["Backup Started", "Restore Started"], ("execution_id", row.id), row.created_at)
    });
    // rather twice than never
    if told.unwrap_or(false) {
        return;
    }
    let details = serde_json::json!({"execution_id": row.id, "kind": row.kind, "job_id": row.job_id});
    services.bus.publish(event.details(details));
}

/// Writes its end into the log of the server.
pub fn log(title: &str, result: &Result<serde_json::Value>) {
    match result {
        Ok(_) => tracing::info!("{title} has ended"),
        Err(error) if matches!(error.code, "cancelled" | "shutdown") => {
            tracing::info!(code = error.code, "{title} was stopped: {error}");
        }
        Err(error) => tracing::warn!(code = error.code, "{title} failed: {error}"),
    }
}

/// Publishes its end, as an event for people and to those who watch.
pub fn ended(bus: &Bus, row: &Execution) {
    let details = serde_json::json!({
        "execution_id": row.id, "kind": row.kind, "job_id": row.job_id, "backup_set_id": row.backup_set_id,
        "status": row.status, "error_code": row.error_code, "warnings": row.warning_count,
        "files": row.files_processed, "bytes": row.bytes_processed, "seconds": seconds(row),
    });
    let category = match row.kind.as_str() {
        "backup" | "verify" => Category::Backup,
        "restore" | "raw_read" | "drill" => Category::Restore,
        "drive" => Category::Drive,
        "library" => Category::Library,
        "database_backup" | "database_restore" | "maintenance" => Category::System,
        _ => Category::Tape,
    };
    let what = match row.kind.as_str() {
        "backup" => "Backup",
        "restore" => "Restore",
        "verify" => "Verification",
        "label" => "Label",
        "batch_label" => "Batch Label",
        "format" => "Format",
        "inspect" => "Tape Inspection",
        "drive" => "Drive Operation",
        "library" => "Library Operation",
        "raw_read" => "Raw Read",
        "maintenance" => "Maintenance",
        "scrub" => "Scrub",
        "drill" => "Restore Drill",
        "copy" => "Copy",
        "database_restore" => "Database Restore",
        _ => "Database Backup",
    };
    let event = match row.status {
        ExecutionStatus::Completed if row.warning_count > 0 => Event::warning(
            category,
            format!("{what} Completed"),
            format!("{} completed with {} warnings", row.title, row.warning_count),
        ),
        ExecutionStatus::Completed => {
            Event::success(category, format!("{what} Completed"), format!("{} completed", row.title))
        }
        ExecutionStatus::Cancelled => {
            Event::info(category, format!("{what} Cancelled"), format!("{} was cancelled", row.title))
        }
        _ => Event::error(
            category,
            format!("{what} Failed"),
            format!("{} failed: {}", row.title, row.error_message.as_deref().unwrap_or("unknown reason")),
        ),
    };
    bus.publish(event.details(details));
    bus.transient("execution", serde_json::json!({"execution_id": row.id, "status": row.status}));
}

/// Publishes the end of whatever ended just before the server died, before an event of it was on disk.
pub fn untold(conn: &mut Conn, bus: &Bus) -> Result<()> {
    let Some(last) = events::recent(conn, 1)?.pop() else { return Ok(()) };
    let since = last.created_at - MOMENTS;
    let ends = |title: &str| ["Completed", "Failed", "Cancelled"].iter().any(|end| title.ends_with(end));
    let told: Vec<_> = events::since(conn, since)?
        .iter()
        .filter(|event| ends(&event.title) || event.title == "Interrupted")
        .filter_map(|event| Some((event.detail("execution_id")?, event.created_at)))
        .collect();
    // one that was interrupted, and went on, has ended only afterwards
    let is_told =
        |row: &&Execution| told.iter().any(|(id, at)| *id == row.id && row.end_time.is_none_or(|end| *at >= end));
    for row in executions::ended_since(conn, since)?.iter().filter(|row| !is_told(row)) {
        tracing::warn!(execution = row.id, "the server died before it could tell of the end of this");
        ended(bus, row);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::notifier::Notifier;
    use crate::db::executions::{ExecutionChanges, NewExecution};
    use crate::db::testing;
    use crate::notify::{Bell, Limits};
    use std::time::Duration;

    #[test]
    fn an_end_that_was_not_told_is_told_once() {
        let db = testing::database();
        let (bus, inbox) = Bus::new();
        Notifier::start(db.pool.clone(), &bus, inbox, Limits::default(), Bell::default()).unwrap();
        let conn = &mut *db.conn();
        let titles = |conn: &mut Conn| {
            assert!(bus.flush(Duration::from_secs(10)));
            events::recent(conn, 10).unwrap().into_iter().map(|event| event.title).collect::<Vec<_>>()
        };
        let end = |conn: &mut Conn, kind: &str| {
            let new = NewExecution { kind: kind.into(), title: kind.into(), ..NewExecution::default() };
            let id = executions::insert(conn, &new).unwrap().id;
            executions::finish(conn, id, ExecutionStatus::Completed, &ExecutionChanges::default()).unwrap()
        };
        end(conn, "backup");
        untold(conn, &bus).unwrap();
        assert_eq!(titles(conn), <[&str; 0]>::default(), "a database without events tells nothing of its past");

        bus.publish(Event::info(Category::System, "Server Set Up", "now"));
        titles(conn);
        untold(conn, &bus).unwrap();
        assert_eq!(titles(conn), ["Server Set Up", "Backup Completed"]);
        ended(&bus, &end(conn, "restore"));
        titles(conn);
        untold(conn, &bus).unwrap();
        assert_eq!(titles(conn), ["Server Set Up", "Backup Completed", "Restore Completed"]);

        let new = NewExecution { kind: "backup".into(), title: "backup".into(), ..NewExecution::default() };
        let id = executions::insert(conn, &new).unwrap().id;
        let goes_on = Event::warning(Category::System, "Interrupted", "it goes on");
        bus.publish(goes_on.details(serde_json::json!({"execution_id": id})));
        titles(conn);
        std::thread::sleep(Duration::from_millis(5));
        executions::finish(conn, id, ExecutionStatus::Completed, &ExecutionChanges::default()).unwrap();
        for _ in 0..2 {
            untold(conn, &bus).unwrap();
            assert_eq!(titles(conn)[3..], ["Interrupted", "Backup Completed"]);
        }
    }
}
