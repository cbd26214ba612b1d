//! `notify channels`: where messages go.

use crate::cli::args::{Body, Sure};
use crate::cli::exit::{CliError, CliResult, Doing};
use crate::cli::output::{Context, count, id_of, text, text_at, time, yes_no};
use crate::cli::pool::yes_or_no;
use crate::cli::resolve::{self, CHANNEL};
use crate::cli::secret::SecretSource;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

/// Fields that are asked for and never are arguments.
const SECRETS: &[&str] = &["password", "bot_token", "secret", "token"];

/// List, create, change and delete channels
#[derive(Debug, Args)]
#[command(after_help = "\
Fields (--set FIELD=VALUE; secrets with --ask FIELD, asked for or read from standard input):
  email     host, port, security (starttls, tls, none), username, password, from, from_name, to (commas between),
            ca_certificate (@FILE), accept_any_certificate (yes, no)
  telegram  bot_token, chat_id, thread_id, api_url, proxy, commands (yes: the bot answers operators, see `notify pair`)
  webhook   url, secret, further headers (--header NAME asks for the value), ca_certificate (@FILE), proxy
  ntfy      server, topic, token or username and password, ca_certificate (@FILE), proxy
  gotify    server, token, ca_certificate (@FILE), proxy
A proxy with a password in its address is secret too: --ask proxy.

Examples:
  tapebackarr notify channels list
  tapebackarr notify channels create telegram team --set chat_id=-100123456 --ask bot_token
  tapebackarr notify channels create webhook hooks --ask url --ask secret
  printf '%s\\n' \"$PASSWORD\" | tapebackarr notify channels edit office --ask password --stdin
  tapebackarr notify channels edit phone --enabled no")]
pub struct ChannelsArgs {
    #[command(subcommand)]
    command: ChannelsCommand,
}

#[derive(Debug, Subcommand)]
enum ChannelsCommand {
    /// List channels
    List,
    /// Show one channel; secrets are masked
    Show {
        /// Name or id
        channel: String,
    },
    /// Create a channel
    Create {
        /// What kind of address it is
        #[arg(value_enum)]
        kind: Kind,
        /// Its name
        name: String,
        #[command(flatten)]
        options: ChannelOptions,
    },
    /// Change a channel
    Edit {
        /// Name or id
        channel: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        options: ChannelOptions,
    },
    /// Delete a channel with what waits for it
    Delete {
        /// Name or id
        channel: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Mail by SMTP
    Email,
    /// A chat of a Telegram bot
    Telegram,
    /// An HTTP POST with JSON
    Webhook,
    /// A topic of an ntfy server
    Ntfy,
    /// An application of a Gotify server
    Gotify,
}

#[derive(Debug, Args)]
struct ChannelOptions {
    /// A field of its configuration
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// A secret field: asked for, or read from standard input
    #[arg(long, value_name = "FIELD")]
    ask: Vec<String>,
    /// A further header of a webhook; its value is asked for
    #[arg(long, value_name = "NAME")]
    header: Vec<String>,
    #[command(flatten)]
    source: SecretSource,
    /// Whether anything is sent to it
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    enabled: Option<bool>,
}

impl ChannelOptions {
    fn config(&self) -> CliResult<Map<String, Value>> {
        let mut config = Map::new();
        for one in &self.set {
            let (field, value) = one.split_once('=').ok_or_else(|| {
                CliError::usage(format!("--set {one}: expected FIELD=VALUE"))
                    .advise("such as --set host=smtp.example.org")
            })?;
            if SECRETS.contains(&field) {
                return Err(CliError::usage(format!("{field} is secret: arguments are visible to everybody"))
                    .advise(format!("use --ask {field}")));
            }
            config.insert(field.to_owned(), typed(field, value)?);
        }
        for field in &self.ask {
            config.insert(field.clone(), self.source.read(field)?.into());
        }
        let mut headers = Map::new();
        for name in &self.header {
            headers.insert(name.clone(), self.source.read(&format!("value of {name}"))?.into());
        }
        if !headers.is_empty() {
            config.insert("headers".into(), headers.into());
        }
        Ok(config)
    }
}

/// A value in the type that the server expects of the field.
fn typed(field: &str, value: &str) -> CliResult<Value> {
    let wrong = |what: &str| CliError::usage(format!("--set {field}={value}: expected {what}"));
    Ok(match field {
        "port" | "thread_id" => value.parse::<i64>().map_err(|_| wrong("a number"))?.into(),
        "accept_any_certificate" | "commands" => yes_or_no(value).map_err(|error| wrong(&error))?.into(),
        "to" => value.split(',').map(str::trim).filter(|to| !to.is_empty()).collect::<Vec<_>>().into(),
        "ca_certificate" => match value.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).doing("cannot read the certificate")?.into(),
            None => value.into(),
        },
        _ => value.into(),
    })
}

/// Runs the subcommand.
pub fn run(args: ChannelsArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        ChannelsCommand::List => {
            let columns = [
                text("id", "id"),
                text("name", "name"),
                text("kind", "kind"),
                yes_no("on", "enabled"),
                count("waiting", "waiting"),
                time("sent", "last_sent_at"),
                text("error", "last_error"),
            ];
            format.list(&client.get("notifications/channels")?, &columns, "No channel yet: nobody is told anything.")
        }
        ChannelsCommand::Show { channel } => {
            let row = resolve::find(client, CHANNEL, &channel)?;
            let fields = [
                text("Id", "id"),
                text("Name", "name"),
                text("Kind", "kind"),
                yes_no("On", "enabled"),
                text("Problem", "problem"),
                text("Mail server", "config.host"),
                text("Port", "config.port"),
                text("Protection", "config.security"),
                text("User name", "config.username"),
                text("Password", "config.password"),
                text("From", "config.from"),
                text("To", "config.to"),
                text("Bot token", "config.bot_token"),
                text("Chat", "config.chat_id"),
                yes_no("Takes commands", "config.commands"),
                text("Proxy", "config.proxy"),
                text("Address", "config.url"),
                text("Key of the signature", "config.secret"),
                text("Server", "config.server"),
                text("Topic", "config.topic"),
                text("Token", "config.token"),
                text("Rules", "rules"),
                count("Messages waiting", "waiting"),
                count("Failures in a row", "failures"),
                time("Sent last", "last_sent_at"),
                text("Last error", "last_error"),
            ];
            format.record(&row, &fields)
        }
        ChannelsCommand::Create { kind, name, options } => {
            let kind = kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            let body = json!({
                "name": name, "kind": kind, "enabled": options.enabled.unwrap_or(true), "config": options.config()?,
            });
            let answer = client.post("notifications/channels", &body)?;
            format.done(&answer, &format!("Created the channel {name}; try it with `tapebackarr notify test {name}`"))
        }
        ChannelsCommand::Edit { channel, name, options } => {
            let id = resolve::id(client, CHANNEL, &channel)?;
            let config = Some(options.config()?).filter(|config| !config.is_empty());
            let body = Body::new().maybe("name", name).maybe("enabled", options.enabled).maybe("config", config);
            let answer = client.put(&format!("notifications/channels/{id}"), &body.changes()?)?;
            format.done(&answer, &format!("Changed the channel {channel}"))
        }
        ChannelsCommand::Delete { channel, sure } => {
            let row = resolve::find(client, CHANNEL, &channel)?;
            let name = text_at(&row, "name").unwrap_or(&channel).to_owned();
            sure.confirm(&format!("This deletes the channel {name} and what waits for it."), &name)?;
            let answer = client.delete(&format!("notifications/channels/{}", id_of(&row)?))?;
            format.done(&answer, &format!("Deleted the channel {name}"))
        }
    }
}
