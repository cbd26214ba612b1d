//! `tape-changes`: what a person has to do so that work can go on, and the answers to that.

use super::exit::CliResult;
use super::output::{Column, Context, text, time};
use super::resolve::{self, TAPE};
use clap::{Args, Subcommand};
use serde_json::json;

/// See which tapes are waited for, and answer
///
/// Mostly nobody has to answer: inserting a tape that fits, or putting it into a library, is enough.
#[derive(Debug, Args)]
#[command(
    visible_alias = "tape-change",
    after_help = "\
Examples:
  tapebackarr tape-changes list
  tapebackarr tape-changes complete 3
  tapebackarr tape-changes complete 3 --tape A00007
  tapebackarr tape-changes cancel 3"
)]
pub struct TapeChangesArgs {
    #[command(subcommand)]
    command: TapeChangesCommand,
}

#[derive(Debug, Subcommand)]
enum TapeChangesCommand {
    /// List the requests that wait for somebody, newest first
    List {
        /// Also those that are done or cancelled
        #[arg(long)]
        all: bool,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one request
    Show {
        /// Its id
        id: i64,
    },
    /// Say that it is done; the server looks at all drives and libraries
    Complete {
        /// Its id
        id: i64,
        /// The tape to go on with, if not the one that was suggested
        #[arg(long)]
        tape: Option<String>,
    },
    /// Say that it will not be done: a backup ends behind its last complete part, a restore goes on without that tape
    Cancel {
        /// Its id
        id: i64,
    },
}

const COLUMNS: &[Column] = &[
    text("id", "id"),
    text("status", "status"),
    text("for", "execution_title"),
    text("execution", "execution_id"),
    text("what to do", "message"),
    text("notice", "notice"),
    time("since", "requested_at"),
];

/// Runs the subcommand.
pub fn run(args: TapeChangesArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        TapeChangesCommand::List { all, limit } => {
            let status = (!all).then(|| "open".to_owned());
            let query = [("status", status), ("limit", Some(limit.to_string()))];
            format.list(&client.get_with("tape-changes", &query)?, COLUMNS, "Nobody waits for a tape.")
        }
        TapeChangesCommand::Show { id } => {
            let fields = [
                text("Id", "id"),
                text("Status", "status"),
                text("For", "execution_title"),
                text("Execution", "execution_id"),
                text("What to do", "message"),
                text("Notice", "notice"),
                text("Reason", "reason"),
                text("Tape before", "current_tape_label"),
                text("Tape", "tape_label"),
                text("Pool", "pool_name"),
                text("Drive", "drive_name"),
                text("Tape now", "new_tape_label"),
                time("Since", "requested_at"),
                time("Ended", "resolved_at"),
                text("By", "resolved_by"),
            ];
            format.record(&client.get(&format!("tape-changes/{id}"))?, &fields)
        }
        TapeChangesCommand::Complete { id, tape } => {
            let tape = resolve::optional_id(client, TAPE, tape.as_deref())?;
            let answer = client.post(&format!("tape-changes/{id}/complete"), &json!({"tape_id": tape}))?;
            format.done(&answer, &format!("Request {id} is answered; the server looks for the tape"))
        }
        TapeChangesCommand::Cancel { id } => {
            let answer = client.post(&format!("tape-changes/{id}/cancel"), &json!({}))?;
            format.done(&answer, &format!("Cancelled request {id}"))
        }
    }
}
