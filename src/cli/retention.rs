//! `retention`: what the rules keep, until when and why.

use super::args::Wait;
use super::exit::CliResult;
use super::follow;
use super::human;
use super::output::{Context, Format, bytes, json, line, number_at, text, text_at, time, yes_no};
use super::resolve::{self, JOB, POOL, TAPE};
use clap::{Args, Subcommand};
use serde_json::json;

/// See what the rules of retention keep, until when and why; apply them
#[derive(Debug, Args)]
#[command(after_help = "\
A set is kept if any rule of its job (or, where the job says nothing, its pool) keeps it: by days, the last so many, \
daily, weekly, monthly, yearly; and whatever a kept set builds on. `sets protect` keeps one by hand.

Examples:
  tapebackarr retention preview
  tapebackarr retention preview --pool DAILY --at 2027-01-01T00:00:00Z
  tapebackarr retention preview --tape A00001L9
  tapebackarr retention preview --limit 20
  tapebackarr retention run")]
pub struct RetentionArgs {
    #[command(subcommand)]
    command: RetentionCommand,
}

#[derive(Debug, Subcommand)]
enum RetentionCommand {
    /// Show what would expire, when and why, and which tapes would be free; nothing is changed
    Preview {
        /// At this moment (RFC 3339) if nothing is written until then; now if not given
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Only sets of this job
        #[arg(long)]
        job: Option<String>,
        /// Only sets and tapes of this pool
        #[arg(long)]
        pool: Option<String>,
        /// Only this tape and what is on it
        #[arg(long)]
        tape: Option<String>,
        /// Only sets that have expired by then
        #[arg(long)]
        expired: bool,
        /// At most so many sets, and as many tapes; 1000 if not given
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// Apply the rules now, as the daily maintenance does
    Run {
        #[command(flatten)]
        wait: Wait,
    },
}

/// Runs the subcommand.
pub fn run(args: RetentionArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        RetentionCommand::Run { wait } => {
            let answer = client.post("retention/run", &json!({}))?;
            follow::started(context, &answer, wait, "Applying the rules of retention")
        }
        RetentionCommand::Preview { at, job, pool, tape, expired, limit } => {
            let id = |id: Option<i64>| id.map(|id| id.to_string());
            let limit = limit.map(|limit| limit.to_string());
            let query = [
                ("at", at),
                ("job_id", id(resolve::optional_id(client, JOB, job.as_deref())?)),
                ("pool_id", id(resolve::optional_id(client, POOL, pool.as_deref())?)),
                ("tape_id", id(resolve::optional_id(client, TAPE, tape.as_deref())?)),
                ("kept", expired.then(|| "false".to_owned())),
                ("limit", limit.clone()),
                ("tape_limit", limit),
            ];
            let answer = client.get_with("retention/preview", &query)?;
            if *format == Format::Json {
                return json(&answer);
            }
            line(&format!(
                "At {}: {} sets kept, {} expired ({} of them since the last maintenance); {} of {} tapes with data free",
                text_at(&answer, "at").map(human::time).unwrap_or_default(),
                human::count(number_at(&answer, "sets_kept")),
                human::count(number_at(&answer, "sets_expired")),
                human::count(number_at(&answer, "sets_expiring")),
                human::count(number_at(&answer, "tapes_free")),
                human::count(number_at(&answer, "tapes_total")),
            ))?;
            let sets = [
                text("set", "id"),
                text("job", "job_name"),
                time("begun", "start_time"),
                text("tape", "tape_label"),
                yes_no("kept", "kept"),
                time("until", "until"),
                text("why", "reasons"),
            ];
            format.list(&answer["sets"], &sets, "No set.")?;
            let tapes = [
                text("tape", "label"),
                text("pool", "pool_name"),
                text("status", "status"),
                yes_no("free", "free"),
                yes_no("reusable", "reusable"),
                time("until", "until"),
                bytes("used", "used_bytes"),
                text("why", "why"),
            ];
            format.list(&answer["tapes"], &tapes, "No tape holds anything.")
        }
    }
}
