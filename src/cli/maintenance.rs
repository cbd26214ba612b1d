//! `maintenance`: what is put away and checked, and when.

use super::args::Wait;
use super::exit::CliResult;
use super::follow;
use super::output::{Context, bytes, json, line, text, text_at, time, yes_no};
use crate::executions::Chore;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// See how the database and its upkeep are; put away what is over; check the database
#[derive(Debug, Args)]
#[command(after_help = "\
Every day (the setting maintenance.schedule) sets that no rule keeps expire, old executions, logs and events are deleted, \
free space is given back, and once a week the database is checked.

Examples:
  tapebackarr maintenance status
  tapebackarr maintenance run
  tapebackarr maintenance run prune optimize
  tapebackarr maintenance run integrity-check")]
pub struct MaintenanceArgs {
    #[command(subcommand)]
    command: MaintenanceCommand,
}

#[derive(Debug, Subcommand)]
enum MaintenanceCommand {
    /// Show when it runs, what it did last, and how the database is
    Status,
    /// Say that the clock is right, after it was too far ahead to be believed
    BelieveClock,
    /// Do it now
    Run {
        /// What; nothing: what is done every day
        #[arg(value_enum)]
        chores: Vec<Chore>,
        #[command(flatten)]
        wait: Wait,
    },
}

/// Runs the subcommand.
pub fn run(args: MaintenanceArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        MaintenanceCommand::Run { chores, wait } => {
            let answer = client.post("maintenance/run", &json!({ "chores": chores }))?;
            follow::started(context, &answer, wait, "Maintenance")
        }
        MaintenanceCommand::BelieveClock => {
            let answer = client.post("maintenance/believe-clock", &json!({}))?;
            format.done(&answer, "The clock is believed: data expires by it.")
        }
        MaintenanceCommand::Status => {
            let answer = client.get("maintenance")?;
            if *format == super::output::Format::Json {
                return json(&answer);
            }
            let fields = [
                text("Schedule", "schedule_text"),
                time("Next run", "next_run_at"),
                text("Last run", "last_run.status"),
                time("Last run ended", "last_run.end_time"),
                text("Error", "last_run.error_message"),
                text("Last check", "last_check.kind"),
                time("Checked", "last_check.at"),
                yes_no("Sound", "last_check.ok"),
                bytes("Database", "database.size_bytes"),
                bytes("Free in it", "database.free_bytes"),
                bytes("Write-ahead log", "wal_bytes"),
                time("Clock believed until", "clock_believed_until"),
            ];
            format.record(&answer, &fields)?;
            let mut problems =
                answer["last_check"]["problems"].as_array().into_iter().flatten().filter_map(Value::as_str);
            problems.try_for_each(|problem| line(&format!("Damaged: {}", super::human::printable(problem))))?;
            if text_at(&answer, "clock_believed_until").is_some() {
                line(
                    "The clock is too far ahead to be believed: nothing more expires. If it is right: tapebackarr maintenance \
                     believe-clock",
                )?;
            }
            match text_at(&answer, "schedule") {
                Some("") => line("No schedule is set (maintenance.schedule): maintenance runs only by hand."),
                _ => Ok(()),
            }
        }
    }
}
