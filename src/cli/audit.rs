//! `audit`: who did what, and whether somebody changed that.

use super::exit::{CliError, CliResult, Exit};
use super::human;
use super::output::{Column, Context, Format, json, line, text, time};
use clap::{Args, Subcommand};

/// See who did what; verify that nobody changed the audit log
#[derive(Debug, Args)]
#[command(after_help = "\
Every line carries a hash over itself and the line before it. `verify` shows lines that were changed, deleted, inserted or \
moved. Note what it prints as the newest line in another place: with --noted it shows later whether the log was written anew as \
a whole.

Examples:
  tapebackarr audit list --user anna
  tapebackarr audit list --outcome denied --start 2026-11-01
  tapebackarr audit verify
  tapebackarr audit export --format csv")]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List lines, newest first
    List {
        #[command(flatten)]
        which: Which,
        /// At most this many
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Print all lines that fit, oldest first, for a file
    Export {
        #[command(flatten)]
        which: Which,
        /// As what
        #[arg(long, value_parser = ["json", "csv"], default_value = "json")]
        format: String,
    },
    /// Verify that every line is as it was written and none is missing; if not, it ends with 1
    Verify {
        /// A line and its hash that were noted earlier
        #[arg(long, value_name = "ID:HASH")]
        noted: Option<String>,
    },
}

/// Which lines.
#[derive(Debug, Args)]
struct Which {
    /// Only by this user name
    #[arg(long)]
    user: Option<String>,
    /// Only this action: create, delete, login …
    #[arg(long)]
    action: Option<String>,
    /// Only on this kind of object: tape, user, auth …
    #[arg(long)]
    kind: Option<String>,
    /// Only those that ended so
    #[arg(long, value_parser = ["ok", "denied", "failed"])]
    outcome: Option<String>,
    /// From this day (UTC) or moment on
    #[arg(long)]
    start: Option<String>,
    /// Up to this day (UTC), or before this moment
    #[arg(long)]
    end: Option<String>,
}

impl Which {
    fn query(self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("username", self.user),
            ("action", self.action),
            ("resource_type", self.kind),
            ("outcome", self.outcome),
            ("start", self.start),
            ("end", self.end),
        ]
    }
}

const COLUMNS: &[Column] = &[
    text("line", "id"),
    time("when", "created_at"),
    text("who", "username"),
    text("action", "action"),
    text("on", "resource_type"),
    text("id", "resource_id"),
    text("outcome", "outcome"),
    text("from", "ip_address"),
    text("details", "details"),
];

/// Runs the subcommand.
pub fn run(args: AuditArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        AuditCommand::List { which, limit } => {
            let mut query = which.query();
            query.push(("limit", Some(limit.to_string())));
            format.list(&client.get_with("logs/audit", &query)?, COLUMNS, "Nobody did that.")
        }
        AuditCommand::Export { which, format } => {
            let mut query = which.query();
            query.push(("format", Some(format)));
            line(client.text_with("logs/export", &query)?.trim_end_matches('\n'))
        }
        AuditCommand::Verify { noted } => verify(context, noted),
    }
}

fn verify(context: &Context, noted: Option<String>) -> CliResult {
    let answer = context.client.get_with("logs/audit/verify", &[("noted", noted)])?;
    let number = |field: &str| answer[field].as_u64().unwrap_or_default();
    let sound = answer["ok"] == true;
    if context.format == Format::Json {
        json(&answer)?;
    } else {
        for problem in answer["problems"].as_array().into_iter().flatten() {
            let message = problem["message"].as_str().unwrap_or_default();
            line(&format!("Wrong: {}", human::printable(message)))?;
        }
        if sound {
            let pruned = match number("pruned_id") {
                0 => String::new(),
                id => format!(" Retention deleted those up to {id}."),
            };
            line(&format!("{} lines are as they were written.{pruned}", number("lines")))?;
        }
        let hash = answer["last_hash"].as_str().unwrap_or_default();
        if !hash.is_empty() {
            line(&format!("Newest: {}:{}", number("last_id"), human::printable(hash)))?;
        }
    }
    match sound {
        true => Ok(()),
        false => Err(CliError::new(
            Exit::Failed,
            format!("the audit log is not what was written: {} problems", number("problem_count")),
        )
        .advise("keep a copy of the database file, and find out who can write to it")),
    }
}
