//! `restore`: bring files back.

use super::args::{Body, Wait};
use super::exit::CliResult;
use super::follow;
use super::ls::Which;
use super::output::{Context, Format, bytes, count, json, line, text, text_at};
use clap::{Args, ValueEnum};
use serde_json::Value;

/// Restore a set, files, folders, or a job's state as of a moment
#[derive(Debug, Args)]
#[command(after_help = "\
Every restored file is compared with the SHA-256 of the catalog. Nothing restored is an error.

Examples:
  tapebackarr restore --job nightly --to /srv/restore             the newest state
  tapebackarr restore --job nightly --as-of '2026-11-01 12:00' --to /tmp/r home/anna/thesis.tex
  tapebackarr restore --set 17 --to /tmp/r --folder etc --plan   which tapes it needs
  tapebackarr restore --set 17 --to /tmp/r --only-this-set       what is known of an incomplete set")]
pub struct RestoreArgs {
    /// Files to restore, relative to the source; everything if neither files nor folders are given
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Folders to restore with everything in them; may be given several times
    #[arg(long, value_name = "DIR")]
    folder: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Only what the set itself holds, without the sets it builds on; of an incomplete set what there is
    #[arg(long)]
    only_this_set: bool,
    /// The folder on the server to restore into
    #[arg(long, value_name = "DIR")]
    to: String,
    /// Where that folder is; a share must be mounted
    #[arg(long, value_enum, default_value_t = Destination::Local)]
    to_type: Destination,
    /// What to do with files that are already there
    #[arg(long, value_enum, default_value_t = Policy::Keep)]
    policy: Policy,
    /// Read the restored files back from disk and compare once more
    #[arg(long)]
    verify: bool,
    /// Only show which tapes are needed, in which order
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Destination {
    Local,
    Nfs,
    Smb,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Policy {
    /// Replace them
    Overwrite,
    /// Leave them
    Keep,
    /// Replace them if the backup is newer
    Newer,
    /// Restore beside them under another name
    Rename,
}

/// Plans or runs the restore.
pub fn run(args: RestoreArgs, context: &Context) -> CliResult {
    let policy = match args.policy {
        Policy::Overwrite => "overwrite",
        Policy::Keep => "keep",
        Policy::Newer => "newer",
        Policy::Rename => "rename",
    };
    let destination = match args.to_type {
        Destination::Local => "local",
        Destination::Nfs => "nfs",
        Destination::Smb => "smb",
    };
    let mut body = Body::new()
        .list("file_paths", args.files)
        .list("folder_paths", args.folder)
        .with("dest_path", args.to.as_str())
        .with("destination_type", destination)
        .with("policy", policy)
        .with("verify", args.verify)
        .with("only_this_set", args.only_this_set);
    for (name, value) in args.which.parameters(context)? {
        body = body.with(name, value);
    }
    if args.plan {
        return plan(context.format, &context.client.post("restore/plan", &body.json())?);
    }
    let answer = context.client.post("restore/run", &body.json())?;
    follow::started(context, &answer, args.wait, &format!("Restoring to {}", args.to))
}

fn plan(format: Format, answer: &Value) -> CliResult {
    if format == Format::Json {
        return json(answer);
    }
    let columns = [
        text("order", "order"),
        text("tape", "tape.label"),
        text("bar code", "tape.barcode"),
        text("where", "tape.offsite_location"),
        text("status", "tape.status"),
        count("files", "file_count"),
        bytes("bytes", "total_bytes"),
    ];
    format.list(answer.get("required_tapes").unwrap_or(answer), &columns, "No tape is needed.")?;
    match text_at(answer, "message") {
        Some(message) => line(&super::human::printable(message)),
        None => Ok(()),
    }
}
