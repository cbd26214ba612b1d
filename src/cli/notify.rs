//! `notify`: who is told what, where and when.

mod channels;
mod outbox;
mod rules;
mod templates;

use super::exit::CliResult;
use super::output::{Context, text, time};
use super::resolve::{self, CHANNEL};
use clap::{Args, Subcommand};
use serde_json::json;

/// Notification channels, rules, words and the outbox
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr notify channels create ntfy phone --set topic=my-tapes-4711
  tapebackarr notify channels create email office --set host=smtp.example.org --set from=tapes@example.org \\
      --set to=ann@example.org,bob@example.org --set username=tapes@example.org --ask password
  tapebackarr notify test office
  tapebackarr notify rules create trouble --channel office --channel phone --min-severity warning \\
      --quiet 22:00-07:00 --time-zone Europe/Berlin --remind-minutes 60
  tapebackarr notify pair team
  tapebackarr notify outbox list --status queued,failed
  tapebackarr notify outbox retry 17")]
pub struct NotifyArgs {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    Channels(channels::ChannelsArgs),
    Rules(rules::RulesArgs),
    Templates(templates::TemplatesArgs),
    Outbox(outbox::OutboxArgs),
    /// Send a test message now, and print what the other side answered
    Test {
        /// The channel: name or id
        channel: String,
    },
    /// Make a code that pairs you with a Telegram bot: send it there as `/pair CODE`
    Pair {
        /// The bot's channel: name or id
        channel: String,
    },
    /// List who may give Telegram bots commands
    Chats,
    /// Take that right away
    Unpair {
        /// Id of the chat (`notify chats`)
        id: i64,
    },
    /// List what there is to tell: the topics that rules and templates name
    Topics,
}

/// Runs the subcommand.
pub fn run(args: NotifyArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        NotifyCommand::Channels(args) => channels::run(args, context),
        NotifyCommand::Rules(args) => rules::run(args, context),
        NotifyCommand::Templates(args) => templates::run(args, context),
        NotifyCommand::Outbox(args) => outbox::run(args, context),
        NotifyCommand::Test { channel } => {
            let id = resolve::id(client, CHANNEL, &channel)?;
            let answer = client.post(&format!("notifications/channels/{id}/test"), &json!({}))?;
            let said = answer["answer"].as_str().unwrap_or_default().to_owned();
            format.done(&answer, &format!("The test message was taken: {said}"))
        }
        NotifyCommand::Pair { channel } => {
            let id = resolve::id(client, CHANNEL, &channel)?;
            let answer = client.post("notifications/telegram/codes", &json!({"channel_id": id}))?;
            let code = answer["code"].as_str().unwrap_or_default().to_owned();
            format.done(&answer, &format!("Send this to the bot within ten minutes:  /pair {code}"))
        }
        NotifyCommand::Chats => {
            let columns = [
                text("id", "id"),
                text("user", "username"),
                text("person", "sender_name"),
                text("chat", "chat_id"),
                time("last command", "last_used_at"),
            ];
            format.list(&client.get("notifications/telegram/chats")?, &columns, "Nobody is paired with a bot.")
        }
        NotifyCommand::Unpair { id } => {
            let answer = client.delete(&format!("notifications/telegram/chats/{id}"))?;
            format.done(&answer, "The chat is paired no more")
        }
        NotifyCommand::Topics => {
            let columns = [text("topic", "word"), text("group", "group"), text("what", "description")];
            format.list(&client.get("notifications/topics")?, &columns, "No topic.")
        }
    }
}
