//! `notify outbox`: what waits, what was sent, what was given up.

use crate::cli::exit::CliResult;
use crate::cli::output::{Context, count, text, time};
use clap::{Args, Subcommand};
use serde_json::json;

/// List messages, try them again, take them out
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr notify outbox list
  tapebackarr notify outbox list --status queued,failed
  tapebackarr notify outbox show 17
  tapebackarr notify outbox retry 17
  tapebackarr notify outbox discard 17")]
pub struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// List messages, newest first
    List {
        /// Only those held, queued, sending, sent, failed, discarded or merged; commas between
        #[arg(long)]
        status: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one message
    Show {
        /// Its id
        id: i64,
    },
    /// Try a message again, at once
    Retry {
        /// Its id
        id: i64,
    },
    /// Take a message out: it is not sent
    Discard {
        /// Its id
        id: i64,
    },
}

/// Runs the subcommand.
pub fn run(args: OutboxArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        OutboxCommand::List { status, limit } => {
            let query = [("status", status), ("limit", Some(limit.to_string()))];
            let answer = client.get_with("notifications/outbox", &query)?;
            let columns = [
                text("id", "id"),
                text("status", "status"),
                text("channel", "channel_id"),
                text("severity", "severity"),
                text("title", "title"),
                count("attempts", "attempts"),
                time("next", "next_attempt_at"),
                text("error", "last_error"),
            ];
            format.list(&answer["messages"], &columns, "No message.")
        }
        OutboxCommand::Show { id } => {
            let fields = [
                text("Id", "id"),
                text("Status", "status"),
                text("Channel", "channel_id"),
                text("Topic", "topic"),
                text("Severity", "severity"),
                text("Title", "title"),
                text("Message", "notice.message"),
                count("Attempts", "attempts"),
                time("Made", "created_at"),
                time("Next attempt", "next_attempt_at"),
                time("Given up at", "give_up_at"),
                time("Sent", "sent_at"),
                text("Answer", "answer"),
                text("Last error", "last_error"),
            ];
            format.record(&client.get(&format!("notifications/outbox/{id}"))?, &fields)
        }
        OutboxCommand::Retry { id } => {
            let answer = client.post(&format!("notifications/outbox/{id}/retry"), &json!({}))?;
            format.done(&answer, &format!("Message {id} is tried again"))
        }
        OutboxCommand::Discard { id } => {
            let answer = client.post(&format!("notifications/outbox/{id}/discard"), &json!({}))?;
            format.done(&answer, &format!("Message {id} is not sent"))
        }
    }
}
