//! `session`: one's own logins, here and elsewhere.

use super::exit::CliResult;
use super::output::{Column, Context, text, time, yes_no};
use super::resolve::{self, USER};
use clap::{Args, Subcommand};
use serde_json::json;

/// See where you are logged in, and end that
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr session list
  tapebackarr session list --user anna
  tapebackarr session end 5f0c2d
  tapebackarr session end --user anna
  tapebackarr logout --everywhere")]
pub struct SessionArgs {
    #[command(subcommand)]
    command: SessionCommand,
}

#[derive(Debug, Subcommand)]
enum SessionCommand {
    /// List the logins that are good, the last used first
    List {
        /// Of this user, for administrators
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// End one of your logins, or all of a user
    End {
        /// Its id, or the beginning of it
        #[arg(required_unless_present = "user", conflicts_with = "user")]
        id: Option<String>,
        /// End all logins of this user, for administrators
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
}

const COLUMNS: &[Column] = &[
    text("id", "id"),
    text("program", "client"),
    text("from", "ip_address"),
    time("last used", "last_used_at"),
    time("since", "created_at"),
    time("ends", "expires_at"),
    yes_no("this one", "current"),
];

/// Runs the subcommand.
pub fn run(args: SessionArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        SessionCommand::List { user: None } => {
            format.list(&client.get("auth/sessions")?, COLUMNS, "There are no logins.")
        }
        SessionCommand::List { user: Some(name) } => {
            let id = resolve::id(client, USER, &name)?;
            format.list(&client.get(&format!("users/{id}/sessions"))?, COLUMNS, "There are no logins.")
        }
        SessionCommand::End { user: Some(name), .. } => {
            let id = resolve::id(client, USER, &name)?;
            let answer = client.delete(&format!("users/{id}/sessions"))?;
            format.done(&answer, &format!("All logins of {name} have ended"))
        }
        SessionCommand::End { id, .. } => {
            let wanted = id.unwrap_or_default();
            let known = client.get("auth/sessions")?;
            let ids: Vec<&str> = known.as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).collect();
            let fitting: Vec<&str> = ids.into_iter().filter(|id| id.starts_with(&wanted)).collect();
            let [id] = fitting.as_slice() else {
                let message = format!("{} of your logins begin with \"{wanted}\"", fitting.len());
                return Err(super::exit::CliError::new(super::exit::Exit::NotFound, message)
                    .advise("`tapebackarr session list` shows them"));
            };
            client.delete(&format!("auth/sessions/{id}"))?;
            format.done(&json!({ "ended": id }), "The login has ended")
        }
    }
}
