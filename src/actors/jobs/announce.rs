//! Tells the world that an execution has begun or ended.

use crate::db::ExecutionStatus;
use crate::db::executions::Execution;
use crate::events::{Category, Event};
use crate::executions::Services;

/// How long it worked.
fn seconds(row: &Execution) -> Option<i64> {
    Some((row.end_time? - row.start_time?).num_seconds())
}

/// Publishes the beginning of what people wait for.
pub fn began(services: &Services, row: &Execution) {
    let event = match row.kind.as_str() {
        "backup" => Event::info(Category::Backup, "Backup Started", format!("{} began", row.title)),
        "restore" => Event::info(Category::Restore, "Restore Started", format!("{} began", row.title)),
        _ => return,
    };
    let details = serde_json::json!({"execution_id": row.id, "kind": row.kind, "job_id": row.job_id});
    services.bus.publish(event.details(details));
}

/// Publishes its end, as an event for people and to those who watch.
pub fn ended(services: &Services, row: &Execution) {
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
    services.bus.publish(event.details(details));
    services.bus.transient("execution", serde_json::json!({"execution_id": row.id, "status": row.status}));
}
