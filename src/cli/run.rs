//! `run`: start a job now and watch it.

use super::args::{Body, Wait};
use super::exit::CliResult;
use super::follow;
use super::job::BackupType;
use super::output::{Context, Format};
use super::resolve::{self, JOB, TAPE};
use super::stages;
use clap::Args;
use serde_json::Value;

/// Start a job now and watch it until it ends
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C stops the watching, not the job.

Examples:
  tapebackarr run nightly
  tapebackarr run nightly --type full --tape DAILY-003
  tapebackarr run nightly --stats
  tapebackarr run nightly --retry
  tapebackarr run nightly --no-wait --json")]
pub struct RunArgs {
    /// Name or id of the job
    job: String,
    /// Send this instead of what the job says
    #[arg(long = "type", value_enum)]
    backup_type: Option<BackupType>,
    /// Use this tape (label, bar code or id) instead of the one the pool would choose
    #[arg(long)]
    tape: Option<String>,
    /// Take up the last run, which failed, where it stopped
    #[arg(long, conflicts_with_all = ["backup_type", "tape"])]
    retry: bool,
    /// With --retry: begin anew instead
    #[arg(long, requires = "retry")]
    from_scratch: bool,
    /// Show at the end where the time went, stage by stage, and which stage was the limit
    #[arg(long, conflicts_with = "no_wait")]
    stats: bool,
    #[command(flatten)]
    wait: Wait,
}

/// Starts the job and follows its execution.
pub fn run(args: RunArgs, context: &Context) -> CliResult {
    let job = resolve::id(&context.client, JOB, &args.job)?;
    if args.retry {
        let body = Body::new().with("use_pool", true).with("from_scratch", args.from_scratch);
        let answer = context.client.post(&format!("jobs/{job}/retry"), &body.json())?;
        return follow(context, &answer, &args, &format!("Retrying {}", args.job));
    }
    let tape = resolve::optional_id(&context.client, TAPE, args.tape.as_deref())?;
    let body = Body::new()
        .with("use_pool", tape.is_none())
        .maybe("tape_id", tape)
        .maybe("backup_type", args.backup_type.map(BackupType::name));
    let answer = context.client.post(&format!("jobs/{job}/run"), &body.json())?;
    follow(context, &answer, &args, &format!("Started {}", args.job))
}

fn follow(context: &Context, answer: &Value, args: &RunArgs, sentence: &str) -> CliResult {
    let Some(execution) = follow::ended(context, answer, args.wait, sentence)? else { return Ok(()) };
    if args.stats && context.format == Format::Human {
        stages::show(&execution)?;
    }
    follow::finish(context, &execution)
}
