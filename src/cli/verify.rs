//! `verify`: read a set back from tape and compare every hash.

use super::args::Wait;
use super::exit::CliResult;
use super::follow;
use super::output::Context;
use serde_json::json;

/// Read a backup set back from tape and compare every file with its hash
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tapebackarr verify 17
  tapebackarr verify 17 --no-wait")]
pub struct VerifyArgs {
    /// Id of the backup set (tapebackarr sets list)
    set: i64,
    #[command(flatten)]
    wait: Wait,
}

/// Starts the verification and follows it.
pub fn run(args: &VerifyArgs, context: &Context) -> CliResult {
    let answer = context.client.post(&format!("backup-sets/{}/verify", args.set), &json!({}))?;
    follow::started(context, &answer, args.wait, &format!("Verifying set {}", args.set))
}
