//! `scrub`: read whole tapes back.

use super::args::{Body, Wait};
use super::exit::CliResult;
use super::follow;
use super::output::Context;
use super::resolve::{self, DRIVE};
use clap::{Args, Subcommand};

/// Read whole tapes back and compare every hash, those first that were not verified for the longest time
#[derive(Debug, Args)]
#[command(after_help = "\
By itself this happens by the settings scrub.schedule, scrub.tapes, scrub.hours and scrub.which.
One tape, at once: tapebackarr tape verify LABEL

Examples:
  tapebackarr scrub run
  tapebackarr scrub run --tapes 3 --no-wait")]
pub struct ScrubArgs {
    #[command(subcommand)]
    command: ScrubCommand,
}

#[derive(Debug, Subcommand)]
enum ScrubCommand {
    /// Do it now
    Run {
        /// So many tapes; as the settings say if not given
        #[arg(long)]
        tapes: Option<u32>,
        /// The drive to use; any if not given
        #[arg(long)]
        drive: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
}

/// Runs the subcommand.
pub fn run(args: ScrubArgs, context: &Context) -> CliResult {
    let ScrubCommand::Run { tapes, drive, wait } = args.command;
    let drive = resolve::optional_id(&context.client, DRIVE, drive.as_deref())?;
    let body = Body::new().maybe("tapes", tapes).maybe("drive_id", drive);
    follow::started(context, &context.client.post("scrub", &body.json())?, wait, "Scrub")
}
