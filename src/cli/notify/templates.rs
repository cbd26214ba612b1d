//! `notify templates`: the words of messages.

use crate::cli::args::Body;
use crate::cli::exit::{CliError, CliResult, Doing};
use crate::cli::output::Format;
use crate::cli::output::{Context, json, line, text, text_at, yes_no};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Show, change and preview the words of messages
#[derive(Debug, Args)]
#[command(after_help = "\
The language is that of Jinja: {{ title }}, {% if job %}…{% endif %}. docs/notifications.md lists what can be inserted.

Examples:
  tapebackarr notify templates list
  tapebackarr notify templates show email > mail.txt
  tapebackarr notify templates preview email --topic tape_required --body mail.txt
  tapebackarr notify templates set email --topic tape_required --subject '{{ title }}' --body mail.txt
  tapebackarr notify templates reset email --topic tape_required")]
pub struct TemplatesArgs {
    #[command(subcommand)]
    command: TemplatesCommand,
}

#[derive(Debug, Subcommand)]
enum TemplatesCommand {
    /// List the words: the default of each kind of channel, and what was written
    List,
    /// Print the text of a template
    Show {
        /// email, telegram, webhook, ntfy or gotify
        kind: String,
        /// The topic
        #[arg(long, default_value = "default")]
        topic: String,
    },
    /// Put words in place of those that are there
    Set {
        /// email, telegram, webhook, ntfy or gotify
        kind: String,
        /// The topic; `default`: all without words of their own
        #[arg(long, default_value = "default")]
        topic: String,
        #[command(flatten)]
        words: Words,
    },
    /// Use the words that come with the program again
    Reset {
        /// email, telegram, webhook, ntfy or gotify
        kind: String,
        /// The topic
        #[arg(long, default_value = "default")]
        topic: String,
    },
    /// Print a message as it would be sent
    Preview {
        /// email, telegram, webhook, ntfy or gotify
        kind: String,
        /// A sample of this topic
        #[arg(long)]
        topic: Option<String>,
        /// An event that happened, in place of a sample
        #[arg(long, value_name = "ID")]
        event: Option<i64>,
        #[command(flatten)]
        words: Words,
    },
}

#[derive(Debug, Args)]
struct Words {
    /// Subject or title
    #[arg(long, value_name = "TEMPLATE")]
    subject: Option<String>,
    /// File with the text
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// File with the HTML part of mail
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Words {
    fn read(self) -> CliResult<Option<Value>> {
        let file = |path: &Path| std::fs::read_to_string(path).doing("cannot read the template");
        let body = Body::new()
            .maybe("subject", self.subject)
            .maybe("body", self.body.as_deref().map(file).transpose()?)
            .maybe("html", self.html.as_deref().map(file).transpose()?)
            .json();
        Ok(Some(body).filter(|body| body.as_object().is_some_and(|fields| !fields.is_empty())))
    }
}

/// Runs the subcommand.
pub fn run(args: TemplatesArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        TemplatesCommand::List => {
            let columns =
                [text("kind", "kind"), text("topic", "topic"), yes_no("written", "custom"), text("subject", "subject")];
            format.list(&client.get("notifications/templates")?, &columns, "No template.")
        }
        TemplatesCommand::Show { kind, topic } => {
            let all = client.get("notifications/templates")?;
            let found = all.as_array().into_iter().flatten().find(|row| row["kind"] == *kind && row["topic"] == *topic);
            let row = found.ok_or_else(|| {
                CliError::usage(format!("nothing was written for {kind} and {topic}"))
                    .advise("the default is used: leave --topic out")
            })?;
            match format {
                Format::Json => json(row),
                _ => line(text_at(row, "body").unwrap_or_default()),
            }
        }
        TemplatesCommand::Set { kind, topic, words } => {
            let body = words.read()?.ok_or_else(|| CliError::usage("give --subject, --body or --html"))?;
            let answer = client.put(&format!("notifications/templates/{kind}/{topic}"), &body)?;
            format.done(&answer, &format!("The words for {kind} and {topic} were changed"))
        }
        TemplatesCommand::Reset { kind, topic } => {
            let answer = client.delete(&format!("notifications/templates/{kind}/{topic}"))?;
            format.done(&answer, &format!("The words that come with the program are used for {kind} and {topic}"))
        }
        TemplatesCommand::Preview { kind, topic, event, words } => {
            let body = Body::new()
                .with("kind", kind)
                .maybe("topic", topic)
                .maybe("event_id", event)
                .maybe("words", words.read()?)
                .json();
            let answer = client.post("notifications/templates/preview", &body)?;
            match format {
                Format::Json => json(&answer),
                _ => line(&format!(
                    "{}\n\n{}",
                    text_at(&answer, "subject").unwrap_or_default(),
                    text_at(&answer, "body").unwrap_or_default()
                )),
            }
        }
    }
}
