//! `job`: what goes to which tapes, how and when.

use super::args::{Body, Keep, Sure};
use super::exit::CliResult;
use super::human;
use super::output::{Context, Format, count, id_of, json, line, text, text_at, time, yes_no};
use super::pool::yes_or_no;
use super::resolve::{self, JOB, KEY, POOL, SOURCE};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// List, create, change and delete jobs; see when they run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr job create nightly --source home --pool DAILY --type incremental \\
      --schedule '30 1 * * MON-FRI' --time-zone Europe/Berlin --compression zstd
  tapebackarr job next-runs nightly
  tapebackarr job explain '0 3 * * SUN' --time-zone America/New_York
  tapebackarr job edit nightly --enabled no
  tapebackarr job edit nightly --retention-days 14 --keep-weekly 8 --keep-monthly 12
  tapebackarr run nightly")]
pub struct JobArgs {
    #[command(subcommand)]
    command: JobCommand,
}

#[derive(Debug, Subcommand)]
enum JobCommand {
    /// List jobs
    List,
    /// Show one job
    Show {
        /// Name or id
        job: String,
    },
    /// Create a job
    Create {
        /// Its name
        name: String,
        /// What to back up
        #[arg(long)]
        source: String,
        /// On whose tapes
        #[arg(long)]
        pool: String,
        /// Encrypt with this key; cannot be changed later
        #[arg(long, value_name = "KEY_NAME")]
        encrypt_with: Option<String>,
        /// Let the drive encrypt with this key
        #[arg(long, value_name = "KEY")]
        encrypt_in_drive: Option<String>,
        #[command(flatten)]
        options: JobOptions,
    },
    /// Change a job
    Edit {
        /// Name or id
        job: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// New source
        #[arg(long)]
        source: Option<String>,
        /// New pool
        #[arg(long)]
        pool: Option<String>,
        #[command(flatten)]
        options: JobOptions,
    },
    /// Delete a job and everything the catalog knows of its sets
    Delete {
        /// Name or id
        job: String,
        /// Also if sets of it are kept: they are forgotten, and their tapes may be written anew
        #[arg(long)]
        forget_sets: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// Show when a job will run
    NextRuns {
        /// Name or id
        job: String,
        /// How many
        #[arg(long, short = 'n', default_value_t = 5)]
        count: u32,
    },
    /// Explain a schedule before you use it
    Explain {
        /// A cron expression or @name
        schedule: String,
        /// IANA time zone
        #[arg(long, default_value = "UTC")]
        time_zone: String,
        /// How many runs to show
        #[arg(long, short = 'n', default_value_t = 5)]
        count: u32,
    },
}

#[derive(Debug, Args)]
struct JobOptions {
    /// What a scheduled run sends
    #[arg(long = "type", value_enum)]
    backup_type: Option<BackupType>,
    /// When: five or six cron fields, @daily and friends; "" for by hand only
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// IANA time zone of the schedule
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// What to do about runs missed while the server was off
    #[arg(long, value_enum)]
    missed_runs: Option<Missed>,
    /// Days its sets are kept; 0 keeps them as long as the pool says
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<u32>,
    #[command(flatten)]
    keep: Keep,
    /// Copy the database to tape after each run
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    database_backup: Option<bool>,
    /// How the data is compressed
    #[arg(long, value_enum)]
    compression: Option<Compression>,
    /// Read every set back after it was written
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    verify_after: Option<bool>,
    /// Whether the schedule starts it
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    enabled: Option<bool>,
}

/// Kinds of backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackupType {
    /// Everything
    Full,
    /// What changed since the last set
    Incremental,
}

impl BackupType {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            BackupType::Full => "full",
            BackupType::Incremental => "incremental",
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Missed {
    /// Run once as soon as possible
    Run,
    /// Wait for the next
    Skip,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Compression {
    None,
    /// The drive's own
    Lto,
    Gzip,
    Zstd,
}

impl JobOptions {
    fn body(self) -> Body {
        let missed = self.missed_runs.map(|missed| match missed {
            Missed::Run => "run",
            Missed::Skip => "skip",
        });
        let compression = self.compression.map(|compression| match compression {
            Compression::None => "none",
            Compression::Lto => "lto",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        });
        Body::new()
            .maybe("backup_type", self.backup_type.map(BackupType::name))
            .maybe("schedule_cron", self.schedule)
            .maybe("time_zone", self.time_zone)
            .maybe("missed_runs", missed)
            .maybe("retention_days", self.retention_days)
            .and(|body| self.keep.add(body))
            .maybe("database_backup", self.database_backup)
            .maybe("compression", compression)
            .maybe("verify_after", self.verify_after)
            .maybe("enabled", self.enabled)
    }
}

/// Runs the subcommand.
pub fn run(args: JobArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        JobCommand::List => {
            let columns = [
                text("id", "id"),
                text("name", "name"),
                text("source", "source_name"),
                text("pool", "pool_name"),
                text("type", "backup_type"),
                text("schedule", "schedule_cron"),
                yes_no("enabled", "enabled"),
                text("compression", "compression"),
                yes_no("encrypted", "encryption_enabled"),
                time("last run", "last_run_at"),
                time("next run", "next_run_at"),
            ];
            format.list(&client.get("jobs")?, &columns, "No job yet: tapebackarr job create --help")
        }
        JobCommand::Show { job } => show(context, &job),
        JobCommand::Create { name, source, pool, encrypt_with, encrypt_in_drive, options } => {
            let key = resolve::optional_id(client, KEY, encrypt_with.as_deref())?;
            let drive_key = resolve::optional_id(client, KEY, encrypt_in_drive.as_deref())?;
            let default_type = options.backup_type.unwrap_or(BackupType::Full).name();
            let body = options
                .body()
                .with("name", name.as_str())
                .with("backup_type", default_type)
                .with("source_id", resolve::id(client, SOURCE, &source)?)
                .with("pool_id", resolve::id(client, POOL, &pool)?)
                .maybe("encryption_key_id", key)
                .maybe("hw_encryption_key_id", drive_key);
            format.done(&client.post("jobs", &body.json())?, &format!("Created the job {name}"))
        }
        JobCommand::Edit { job, name, source, pool, options } => {
            let id = resolve::id(client, JOB, &job)?;
            let body = options
                .body()
                .maybe("name", name)
                .maybe("source_id", resolve::optional_id(client, SOURCE, source.as_deref())?)
                .maybe("pool_id", resolve::optional_id(client, POOL, pool.as_deref())?);
            format.done(&client.put(&format!("jobs/{id}"), &body.changes()?)?, &format!("Changed the job {job}"))
        }
        JobCommand::Delete { job, forget_sets, sure } => {
            let row = resolve::find(client, JOB, &job)?;
            let name = text_at(&row, "name").unwrap_or(&job).to_owned();
            let lost =
                format!("This deletes the job {name} and forgets its sets; the tapes keep them until overwritten.");
            sure.confirm(&lost, &name)?;
            let path = format!("jobs/{}?forget_sets={forget_sets}", id_of(&row)?);
            format.done(&client.delete(&path)?, &format!("Deleted the job {name}"))
        }
        JobCommand::NextRuns { job, count } => {
            let id = resolve::id(client, JOB, &job)?;
            let query = [("count", Some(count.to_string()))];
            next_runs(*format, &client.get_with(&format!("jobs/{id}/next-runs"), &query)?)
        }
        JobCommand::Explain { schedule, time_zone, count } => {
            let body = json!({ "schedule_cron": schedule, "time_zone": time_zone, "count": count });
            next_runs(*format, &client.post("jobs/preview-schedule", &body)?)
        }
    }
}

fn show(context: &Context, job: &str) -> CliResult {
    let row = resolve::find(&context.client, JOB, job)?;
    if context.format == Format::Json {
        return json(&context.client.get(&format!("jobs/{}", id_of(&row)?))?);
    }
    let fields = [
        text("Id", "id"),
        text("Name", "name"),
        text("Source", "source_name"),
        text("Pool", "pool_name"),
        text("Type", "backup_type"),
        text("Schedule", "schedule_cron"),
        text("Time zone", "time_zone"),
        text("Missed runs", "missed_runs"),
        count("Days kept", "retention_days"),
        count("Last kept", "keep_last"),
        count("Daily kept", "keep_daily"),
        count("Weekly kept", "keep_weekly"),
        count("Monthly kept", "keep_monthly"),
        count("Yearly kept", "keep_yearly"),
        yes_no("Database backup", "database_backup"),
        text("Compression", "compression"),
        yes_no("Encrypted", "encryption_enabled"),
        yes_no("Encrypted by the drive", "hw_encryption_enabled"),
        yes_no("Verify after", "verify_after"),
        yes_no("Enabled", "enabled"),
        time("Last run", "last_run_at"),
        time("Next run", "next_run_at"),
    ];
    context.format.record(&row, &fields)
}

/// A schedule in words, and its next runs in its own time zone.
fn next_runs(format: Format, answer: &Value) -> CliResult {
    if format == Format::Json {
        return json(answer);
    }
    if let Some(words) = text_at(answer, "text") {
        line(words)?;
    }
    let runs = answer.get("local").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    runs.map(human::zoned_time).try_for_each(|run| line(&run))
}
