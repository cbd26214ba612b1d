//! `find`: search all names ever backed up.

use super::exit::CliResult;
use super::output::{Context, Format, bytes, json, text, time};

/// Find files in the catalog by name
#[derive(Debug, clap::Args)]
#[command(after_help = "\
`*` stands for anything. Without it, any path that contains the text is found.

Examples:
  tapebackarr find invoice-2024
  tapebackarr find '*.kdbx' --limit 200
  tapebackarr find report --json | jq -r '.[].file_path'")]
pub struct FindArgs {
    /// Part of a path
    pattern: String,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// Searches.
pub fn run(args: &FindArgs, context: &Context) -> CliResult {
    let query = [("q", Some(args.pattern.clone())), ("limit", Some(args.limit.to_string()))];
    let answer = context.client.get_with("catalog/search", &query)?;
    if context.format == Format::Json {
        return json(&answer);
    }
    let rows = ["entries", "results"].iter().find_map(|name| answer.get(name)).unwrap_or(&answer);
    let columns = [
        text("source", "source_name"),
        text("set", "backup_set_id"),
        text("tape", "tape_label"),
        bytes("size", "file_size"),
        time("modified", "mod_time"),
        text("path", "file_path"),
    ];
    context.format.list(rows, &columns, "Nothing found.")
}
