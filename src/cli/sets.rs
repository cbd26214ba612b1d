//! `sets`: what was written, and where.

use super::args::{Sure, Wait};
use super::exit::CliResult;
use super::follow;
use super::output::{Context, bytes, count, text, time, yes_no};
use super::resolve::{self, JOB, POOL};
use super::verify::{self, VerifyArgs};
use clap::{Args, Subcommand};
use serde_json::json;

/// List, show, verify, protect and forget backup sets
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr sets list --job nightly
  tapebackarr sets show 17
  tapebackarr sets verify 17
  tapebackarr sets copy 17 --to OFFSITE
  tapebackarr sets protect 17
  tapebackarr ls --set 17 /")]
pub struct SetsArgs {
    #[command(subcommand)]
    command: SetsCommand,
}

#[derive(Debug, Subcommand)]
enum SetsCommand {
    /// List sets, newest first
    List {
        /// Only of this job
        #[arg(long)]
        job: Option<String>,
    },
    /// Show one set
    Show {
        /// Its id
        set: i64,
    },
    /// Read it back from tape and compare every hash
    Verify(VerifyArgs),
    /// Copy a set to tapes of another pool
    Copy {
        /// Its id
        set: i64,
        /// The pool
        #[arg(long = "to", value_name = "POOL")]
        pool: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Keep a set, and what it builds on, whatever the rules of retention say
    Protect {
        /// Its id
        set: i64,
    },
    /// Let the rules of retention decide about a protected set again
    Release {
        /// Its id
        set: i64,
    },
    /// Forget a set; its bytes stay on tape until the tape is written anew
    Delete {
        /// Its id
        set: i64,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Runs the subcommand.
pub fn run(args: SetsArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        SetsCommand::List { job } => {
            let job = resolve::optional_id(client, JOB, job.as_deref())?.map(|id| id.to_string());
            let columns = [
                text("id", "id"),
                text("job", "job_name"),
                text("type", "backup_type"),
                text("status", "status"),
                text("tape", "tape_label"),
                text("pool", "pool_name"),
                count("files", "file_count"),
                bytes("bytes", "total_bytes"),
                yes_no("encrypted", "encrypted"),
                text("compression", "compression_type"),
                time("start", "start_time"),
                time("verified", "verified_at"),
                time("expires", "expires_at"),
                yes_no("protected", "protected"),
            ];
            format.list(&client.get_with("backup-sets", &[("job_id", job)])?, &columns, "No backup set yet.")
        }
        SetsCommand::Show { set } => {
            let fields = [
                text("Id", "id"),
                text("Uuid", "uuid"),
                text("Job", "job_name"),
                text("Type", "backup_type"),
                text("Parent set", "parent_set_id"),
                text("Copy of", "copy_of"),
                text("Status", "status"),
                text("Tape", "tape_label"),
                count("Files", "file_count"),
                bytes("Bytes", "total_bytes"),
                bytes("Bytes on tape", "stored_bytes"),
                count("Deletions recorded", "deleted_count"),
                count("Warnings", "warning_count"),
                yes_no("Encrypted", "encrypted"),
                text("Compression", "compression_type"),
                text("Checksum", "checksum"),
                time("Start", "start_time"),
                time("End", "end_time"),
                time("Verified", "verified_at"),
                yes_no("Protected", "protected"),
                time("Expires", "expires_at"),
            ];
            format.record(&client.get(&format!("backup-sets/{set}"))?, &fields)
        }
        SetsCommand::Verify(args) => verify::run(&args, context),
        SetsCommand::Copy { set, pool, wait } => {
            let body = json!({ "pool_id": resolve::id(client, POOL, &pool)? });
            let answer = client.post(&format!("backup-sets/{set}/copy"), &body)?;
            follow::started(context, &answer, wait, &format!("Copying set {set} to pool {pool}"))
        }
        SetsCommand::Protect { set } => protect(context, set, true),
        SetsCommand::Release { set } => protect(context, set, false),
        SetsCommand::Delete { set, sure } => {
            let lost = format!("The catalog forgets set {set} and its files; sets that build on it may need it.");
            sure.confirm(&lost, &set.to_string())?;
            format.done(&client.delete(&format!("backup-sets/{set}"))?, &format!("Forgot set {set}"))
        }
    }
}

fn protect(context: &Context, set: i64, protected: bool) -> CliResult {
    let answer = context.client.put(&format!("backup-sets/{set}"), &json!({ "protected": protected }))?;
    let done = if protected { "is protected" } else { "is kept as long as the rules say" };
    context.format.done(&answer, &format!("Set {set} {done}"))
}
