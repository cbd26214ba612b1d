//! `catalog`: the catalog out of what tapes say of themselves.

use super::args::{Body, Wait};
use super::exit::CliResult;
use super::output::{Context, Format, text_at};
use super::resolve::{self, DRIVE, LIBRARY, TAPE};
use super::{follow, human};
use clap::{Args, Subcommand};
use serde_json::Value;

/// Rebuild the catalog from tapes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr catalog rebuild --library lib1 --dry-run    what would be taken in
  tapebackarr catalog rebuild --library lib1
  tapebackarr catalog rebuild --drive D0                  the tape in a drive, known or not
  tapebackarr catalog rebuild --tape DAILY-003 --tape DAILY-004")]
pub struct CatalogArgs {
    #[command(subcommand)]
    command: CatalogCommand,
}

#[derive(Debug, Subcommand)]
enum CatalogCommand {
    /// Take in what tapes say of themselves: tapes, pools, jobs, sets, files. What is there stays as it is
    #[command(after_help = "\
Import the encryption keys first; encrypted sets whose key is missing are only noted.
Jobs that are not known are made, disabled: give their sources a path, and enable both.
Tapes may come in any order, and again.

Examples:
  tapebackarr catalog rebuild --library lib1
  tapebackarr catalog rebuild --drive D0 --dry-run --json | jq '.result.tapes[].sets[]'")]
    Rebuild(Rebuild),
}

#[derive(Debug, Args)]
struct Rebuild {
    /// All tapes of this library
    #[arg(long, conflicts_with = "tape", required_unless_present_any = ["tape", "drive"])]
    library: Option<String>,
    /// A tape that is known (label, bar code or id); may be repeated
    #[arg(long)]
    tape: Vec<String>,
    /// The tape in this drive; with --library or --tape: the drive to use
    #[arg(long)]
    drive: Option<String>,
    /// Change nothing, only say what would be taken in
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: Wait,
}

/// Runs the subcommand.
pub fn run(args: CatalogArgs, context: &Context) -> CliResult {
    let CatalogCommand::Rebuild(args) = args.command;
    let client = &context.client;
    let tapes: Vec<i64> =
        args.tape.iter().map(|tape| resolve::id(client, TAPE, tape)).collect::<CliResult<Vec<_>>>()?;
    let body = Body::new()
        .maybe("library_id", resolve::optional_id(client, LIBRARY, args.library.as_deref())?)
        .maybe("drive_id", resolve::optional_id(client, DRIVE, args.drive.as_deref())?)
        .maybe("tape_ids", (!tapes.is_empty()).then_some(tapes))
        .with("dry_run", args.dry_run);
    let answer = client.post("catalog/rebuild", &body.json())?;
    let Some(id) = answer.get("execution_id").and_then(Value::as_i64).filter(|_| !args.wait.no_wait) else {
        return follow::started(context, &answer, args.wait, "Started the rebuild of the catalog");
    };
    let execution = follow::follow(context, id)?;
    if context.format == Format::Human {
        for line in found(execution.get("result").unwrap_or(&Value::Null)) {
            println!("{}", human::printable(&line));
        }
    }
    follow::finish(context, &execution)
}

/// `DAILY-003  added  full  homes  2026-11-20 01:00  1 234 files`: a line for each part, and the notes of each tape.
fn found(result: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for tape in list(result, "tapes") {
        let label = text_at(&tape, "label").unwrap_or_default().to_string();
        for set in list(&tape, "sets") {
            let word = |name: &str| text_at(&set, name).unwrap_or_default().to_string();
            let start = set.get("start").and_then(Value::as_i64).unwrap_or_default();
            let start =
                chrono::DateTime::from_timestamp(start, 0).map(|time| time.format("%Y-%m-%d %H:%M").to_string());
            let files = set.get("files").and_then(Value::as_u64).unwrap_or_default();
            let mut line = format!(
                "{label}  {:10} {:11} {}  {}  {files} files",
                word("outcome"),
                word("type"),
                word("job"),
                start.unwrap_or_default()
            );
            if !word("note").is_empty() {
                line.push_str(&format!("  ({})", word("note")));
            }
            lines.push(line);
        }
        lines.extend(list(&tape, "notes").iter().filter_map(Value::as_str).map(|note| format!("{label}  {note}")));
    }
    lines.extend(list(result, "skipped").iter().filter_map(Value::as_str).map(|what| format!("skipped: {what}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_part_has_a_line() {
        let set = json!({"outcome": "incomplete", "type": "full", "job": "homes", "start": 1_700_000_000, "files": 7,
            "note": "part 2 is missing"});
        let result = json!({"tapes": [{"label": "A1", "sets": [set], "notes": ["Full."]}], "skipped": ["A2: blank"]});
        assert_eq!(
            found(&result),
            [
                "A1  incomplete full        homes  2023-11-14 22:13  7 files  (part 2 is missing)",
                "A1  Full.",
                "skipped: A2: blank"
            ]
        );
        assert!(found(&Value::Null).is_empty());
    }
}
