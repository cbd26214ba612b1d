//! `drill`: rehearse restoring.

use super::args::{Body, Wait};
use super::exit::CliResult;
use super::follow;
use super::output::Context;
use super::resolve::{self, JOB};
use clap::{Args, Subcommand};

/// Restore files chosen at random, compare them, and delete them again
#[derive(Debug, Args)]
#[command(after_help = "\
By itself this happens by the settings drill.schedule, drill.files and drill.max_file_mb.
The seed of a drill is in its log and its result; with the same seed and the same sets it chooses the same files.

Examples:
  tapebackarr drill run
  tapebackarr drill run --files 50 --job nightly
  tapebackarr drill run --seed 4711")]
pub struct DrillArgs {
    #[command(subcommand)]
    command: DrillCommand,
}

#[derive(Debug, Subcommand)]
enum DrillCommand {
    /// Do it now
    Run {
        /// So many files; as the settings say if not given
        #[arg(long)]
        files: Option<u32>,
        /// Only of this job
        #[arg(long)]
        job: Option<String>,
        /// Repeat the choice of an earlier drill
        #[arg(long)]
        seed: Option<u32>,
        #[command(flatten)]
        wait: Wait,
    },
}

/// Runs the subcommand.
pub fn run(args: DrillArgs, context: &Context) -> CliResult {
    let DrillCommand::Run { files, job, seed, wait } = args.command;
    let job = resolve::optional_id(&context.client, JOB, job.as_deref())?;
    let body = Body::new().maybe("files", files).maybe("job_id", job).maybe("seed", seed);
    follow::started(context, &context.client.post("drills", &body.json())?, wait, "Restore drill")
}
