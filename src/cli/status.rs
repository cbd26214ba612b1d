//! `status`: what runs, what the drives do, what needs a hand, on one screen.

use super::exit::CliResult;
use super::output::{Context, Format, bytes, count, json, line, text_at, time};
use super::{drive, executions};
use serde_json::json;

/// Show what runs, the drives, and the totals
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tapebackarr status
  watch -n 5 tapebackarr status
  tapebackarr status --json | jq .running")]
pub struct StatusArgs {}

/// Prints dashboard, drives and running executions.
pub fn run(_: &StatusArgs, context: &Context) -> CliResult {
    let dashboard = context.client.get("dashboard")?;
    let drives = context.client.get("drives")?;
    let running = context.client.get_with("executions", &[("status", Some("running".to_owned()))])?;
    if context.format == Format::Json {
        return json(&json!({ "dashboard": dashboard, "drives": drives, "running": running }));
    }
    context.format.record(
        &dashboard,
        &[
            count("Tapes", "total_tapes"),
            count("Jobs", "total_jobs"),
            count("Backup sets", "total_backup_sets"),
            count("Files cataloged", "total_files_cataloged"),
            bytes("Data on tape", "total_data_bytes"),
            count("Backups, last 24 hours", "recent_backups"),
            count("Tapes waited for", "open_tape_changes"),
            time("Last backup", "last_backup_time"),
        ],
    )?;
    line("")?;
    context.format.list(&drives, drive::COLUMNS, "No drive yet: tapebackarr drive scan finds them")?;
    line("")?;
    context.format.list(&running, executions::COLUMNS, "Nothing runs.")?;
    for row in running.as_array().into_iter().flatten() {
        if let Some(message) = text_at(row, "tape_change.message") {
            let notice = text_at(row, "tape_change.notice").unwrap_or_default();
            line(&super::human::printable(&format!("{message} {notice}")))?;
        }
    }
    for row in drives.as_array().into_iter().flatten() {
        if let Some(unknown) = text_at(row, "unknown_tape.label") {
            let drive = text_at(row, "display_name").or(text_at(row, "device_path")).unwrap_or("a drive");
            line(&super::human::printable(&format!("Unknown tape \"{unknown}\" in {drive}.")))?;
        }
    }
    Ok(())
}
