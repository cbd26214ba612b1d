//! `status`: what runs, what the drives do, what needs a hand, on one screen.

use super::exit::CliResult;
use super::output::{Context, Format, bytes, count, json, line, text_at, time};
use super::{drive, executions};
use serde_json::{Value, json};

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
    let attention = context.client.get("dashboard/attention")?;
    let running = context.client.get_with("executions", &[("status", Some("running".to_owned()))])?;
    if context.format == Format::Json {
        return json(&json!({ "dashboard": dashboard, "drives": drives, "running": running, "attention": attention }));
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
    line("")?;
    let needs = attention.as_array().map(Vec::as_slice).unwrap_or_default();
    if needs.is_empty() {
        return line("Nothing needs you.");
    }
    for item in needs {
        line(&needed(item))?;
    }
    Ok(())
}

/// `waiting   Insert tape A00001. (Restore)`, and below it the command that deals with it.
fn needed(item: &Value) -> String {
    let of = |name| super::human::printable(text_at(item, name).unwrap_or_default()).into_owned();
    let mut text = format!("{:<9} {}", of("severity"), of("title"));
    let about = of("about");
    if !about.is_empty() {
        text.push_str(&format!("\n          {about}"));
    }
    let command = of("command");
    if !command.is_empty() {
        text.push_str(&format!("\n          → {command}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_hand_is_said_with_what_to_do() {
        let item = json!({
            "severity": "waiting", "title": "Insert tape A00001.", "about": "Backup of job mail",
            "command": "tapebackarr tape-changes complete 3",
        });
        let wanted = "waiting   Insert tape A00001.\n          Backup of job mail\n          → tapebackarr tape-changes complete 3";
        assert_eq!(needed(&item), wanted);
        let bare = json!({"severity": "info", "title": "A \u{1b}[31mthing", "about": "", "command": null});
        assert!(!needed(&bare).contains('\u{1b}') && !needed(&bare).contains('\n'), "{}", needed(&bare));
    }
}
