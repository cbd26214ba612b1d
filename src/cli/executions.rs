//! `executions`: all long work, running and past.

use super::exit::CliResult;
use super::follow;
use super::output::{Column, Context, Format, bytes, count, json, line, text, time};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// List, watch, pause, resume and cancel running work; read its log
#[derive(Debug, Args)]
#[command(
    visible_alias = "exec",
    after_help = "\
Examples:
  tapebackarr executions list --status running
  tapebackarr executions follow 42
  tapebackarr executions log 42
  tapebackarr executions cancel 42"
)]
pub struct ExecutionsArgs {
    #[command(subcommand)]
    command: ExecutionsCommand,
}

#[derive(Debug, Subcommand)]
enum ExecutionsCommand {
    /// List executions, newest first
    List {
        /// Only those that are pending, running, paused, completed, failed or cancelled
        #[arg(long)]
        status: Option<String>,
        /// Only of this kind: backup, restore, verify, label, format, …
        #[arg(long)]
        kind: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 30)]
        limit: u32,
    },
    /// Show one execution, and why it did what it did
    Show {
        /// Its id
        id: i64,
    },
    /// Watch an execution until it ends
    Follow {
        /// Its id
        id: i64,
    },
    /// Print the log
    Log {
        /// Its id
        id: i64,
    },
    /// Stop it; what is committed on tape stays
    Cancel {
        /// Its id
        id: i64,
    },
    /// Let it wait at the next safe place
    Pause {
        /// Its id
        id: i64,
    },
    /// Let it go on
    Resume {
        /// Its id
        id: i64,
    },
}

/// Columns of a list of executions.
pub const COLUMNS: &[Column] = &[
    text("id", "id"),
    text("what", "title"),
    text("status", "status"),
    text("phase", "phase"),
    text("tape", "tape_label"),
    count("files", "files_processed"),
    bytes("bytes", "bytes_processed"),
    time("start", "start_time"),
    time("end", "end_time"),
    count("warnings", "warning_count"),
    text("error", "error_message"),
];

/// Runs the subcommand.
pub fn run(args: ExecutionsArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        ExecutionsCommand::List { status, kind, limit } => {
            let query = [("status", status), ("kind", kind), ("limit", Some(limit.to_string()))];
            format.list(&client.get_with("executions", &query)?, COLUMNS, "No execution.")
        }
        ExecutionsCommand::Show { id } => show(*format, &client.get(&format!("executions/{id}"))?),
        ExecutionsCommand::Follow { id } => follow::finish(context, &follow::follow(context, id)?),
        ExecutionsCommand::Log { id } => log(context, id),
        ExecutionsCommand::Cancel { id } => command(context, id, "cancel", "Cancelling"),
        ExecutionsCommand::Pause { id } => command(context, id, "pause", "Pausing"),
        ExecutionsCommand::Resume { id } => command(context, id, "resume", "Resuming"),
    }
}

fn command(context: &Context, id: i64, verb: &str, doing: &str) -> CliResult {
    let answer = context.client.post(&format!("executions/{id}/{verb}"), &json!({}))?;
    context.format.done(&answer, &format!("{doing} execution {id}"))
}

fn show(format: Format, execution: &Value) -> CliResult {
    let fields = [
        text("Id", "id"),
        text("What", "title"),
        text("Kind", "kind"),
        text("Job", "job_name"),
        text("Status", "status"),
        text("Phase", "phase"),
        text("Message", "message"),
        text("Tape", "tape_label"),
        text("Drive", "drive_id"),
        text("Backup set", "backup_set_id"),
        time("Start", "start_time"),
        time("End", "end_time"),
        count("Files", "files_processed"),
        bytes("Bytes", "bytes_processed"),
        count("Warnings", "warning_count"),
        text("Error", "error_message"),
        text("Error code", "error_code"),
    ];
    format.record(execution, &fields)?;
    if format == Format::Human {
        for why in execution.get("why").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            line(&format!("Why: {}", super::human::printable(why)))?;
        }
    }
    Ok(())
}

/// The whole log, page by page.
fn log(context: &Context, id: i64) -> CliResult {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let query = [("after", Some(after.to_string()))];
        let answer = context.client.get_with(&format!("executions/{id}/logs"), &query)?;
        let page = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        let newest = page.iter().filter_map(|entry| entry.get("id")?.as_i64()).max().unwrap_or(after);
        match context.format {
            Format::Human => page.iter().try_for_each(|entry| line(&follow::log_line(entry)))?,
            Format::Json => all.extend_from_slice(page),
        }
        if newest <= after {
            break;
        }
        after = newest;
    }
    match context.format {
        Format::Human => Ok(()),
        Format::Json => json(&Value::Array(all)),
    }
}
