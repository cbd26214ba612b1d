//! `notify rules`: what goes where, and when.

use crate::cli::args::{Body, Sure};
use crate::cli::client::Client;
use crate::cli::exit::{CliError, CliResult};
use crate::cli::output::{Context, id_of, text, text_at, yes_no};
use crate::cli::pool::yes_or_no;
use crate::cli::resolve::{self, CHANNEL, JOB, POOL, RULE};
use clap::{Args, Subcommand};

/// List, create, change and delete rules
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr notify rules list
  tapebackarr notify rules create everything --channel office --digest '0 8 * * *' --time-zone Europe/Berlin
  tapebackarr notify rules create hands --channel phone --topic tape_required --topic wrong_tape --remind-minutes 30
  tapebackarr notify rules create archive --channel office --pool ARCHIVE --min-severity warning
  tapebackarr notify rules edit hands --enabled no")]
pub struct RulesArgs {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// List rules
    List,
    /// Show one rule
    Show {
        /// Name or id
        rule: String,
    },
    /// Create a rule
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        options: RuleOptions,
    },
    /// Change a rule; lists that are given replace those that are there
    Edit {
        /// Name or id
        rule: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        options: RuleOptions,
    },
    /// Delete a rule; what it has put into the outbox is sent all the same
    Delete {
        /// Name or id
        rule: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
struct RuleOptions {
    /// A channel it sends to: name or id
    #[arg(long, value_name = "CHANNEL")]
    channel: Vec<String>,
    /// Only this topic (`tapebackarr notify topics`); none: all
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// Only what matters at least so much: info, warning or error
    #[arg(long, value_name = "SEVERITY")]
    min_severity: Option<String>,
    /// Only what is about this job; none: all
    #[arg(long, value_name = "JOB")]
    job: Vec<String>,
    /// Only what is about this pool; none: all
    #[arg(long, value_name = "POOL")]
    pool: Vec<String>,
    /// Quiet hours, such as 22:00-07:00; `off`: none
    #[arg(long, value_name = "FROM-UNTIL")]
    quiet: Option<String>,
    /// Whether errors are sent in quiet hours
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    errors_break_quiet: Option<bool>,
    /// Gather, and send together at these times (cron); `off`: at once
    #[arg(long, value_name = "CRON")]
    digest: Option<String>,
    /// Zone of its times
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Remind after so many minutes while something waits for a person; 0: never
    #[arg(long, value_name = "MINUTES")]
    remind_minutes: Option<u32>,
    /// Whether it tells that a problem is over
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    recovery: Option<bool>,
    /// Whether it sends anything
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    enabled: Option<bool>,
}

impl RuleOptions {
    fn body(self, client: &Client) -> CliResult<Body> {
        let ids = |kind, names: &[String]| -> CliResult<Option<Vec<i64>>> {
            let ids = names.iter().map(|name| resolve::id(client, kind, name)).collect::<CliResult<Vec<_>>>()?;
            Ok((!ids.is_empty()).then_some(ids))
        };
        let (from, until) = match self.quiet.as_deref() {
            None => (None, None),
            Some("off") => (Some(String::new()), Some(String::new())),
            Some(hours) => {
                let (from, until) = hours.split_once('-').ok_or_else(|| {
                    CliError::usage(format!("--quiet {hours}: expected FROM-UNTIL")).advise("such as 22:00-07:00")
                })?;
                (Some(from.trim().to_owned()), Some(until.trim().to_owned()))
            }
        };
        Ok(Body::new()
            .maybe("channel_ids", ids(CHANNEL, &self.channel)?)
            .maybe("job_ids", ids(JOB, &self.job)?)
            .maybe("pool_ids", ids(POOL, &self.pool)?)
            .list("topics", self.topic)
            .maybe("min_severity", self.min_severity)
            .maybe("quiet_from", from)
            .maybe("quiet_until", until)
            .maybe("errors_break_quiet", self.errors_break_quiet)
            .maybe("digest_cron", self.digest.map(|cron| if cron == "off" { String::new() } else { cron }))
            .maybe("time_zone", self.time_zone)
            .maybe("reminder_minutes", self.remind_minutes)
            .maybe("recovery", self.recovery)
            .maybe("enabled", self.enabled))
    }
}

/// Runs the subcommand.
pub fn run(args: RulesArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        RulesCommand::List => {
            let columns = [
                text("id", "id"),
                text("name", "name"),
                yes_no("on", "enabled"),
                text("from", "min_severity"),
                text("topics", "topics"),
                text("channels", "channel_ids"),
                text("digest", "digest_cron"),
                text("quiet from", "quiet_from"),
                text("until", "quiet_until"),
                text("reminds", "reminder_minutes"),
            ];
            format.list(&client.get("notifications/rules")?, &columns, "No rule yet: nobody is told anything.")
        }
        RulesCommand::Show { rule } => {
            let fields = [
                text("Id", "id"),
                text("Name", "name"),
                yes_no("On", "enabled"),
                text("Channels", "channel_ids"),
                text("Topics (none: all)", "topics"),
                text("Least severity", "min_severity"),
                text("Jobs (none: all)", "job_ids"),
                text("Pools (none: all)", "pool_ids"),
                text("Time zone", "time_zone"),
                text("Quiet from", "quiet_from"),
                text("Quiet until", "quiet_until"),
                yes_no("Errors break the quiet", "errors_break_quiet"),
                text("Digest", "digest_cron"),
                text("Reminder minutes", "reminder_minutes"),
                yes_no("Tells that a problem is over", "recovery"),
            ];
            format.record(&resolve::find(client, RULE, &rule)?, &fields)
        }
        RulesCommand::Create { name, options } => {
            let body = options.body(client)?.with("name", name.as_str()).json();
            format.done(&client.post("notifications/rules", &body)?, &format!("Created the rule {name}"))
        }
        RulesCommand::Edit { rule, name, options } => {
            let id = resolve::id(client, RULE, &rule)?;
            let body = options.body(client)?.maybe("name", name).changes()?;
            format.done(&client.put(&format!("notifications/rules/{id}"), &body)?, &format!("Changed the rule {rule}"))
        }
        RulesCommand::Delete { rule, sure } => {
            let row = resolve::find(client, RULE, &rule)?;
            let name = text_at(&row, "name").unwrap_or(&rule).to_owned();
            sure.confirm(&format!("This deletes the rule {name}."), &name)?;
            let answer = client.delete(&format!("notifications/rules/{}", id_of(&row)?))?;
            format.done(&answer, &format!("Deleted the rule {name}"))
        }
    }
}
