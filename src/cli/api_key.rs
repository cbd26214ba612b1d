//! `api-key`: keys for programs.

use super::args::{Body, Sure};
use super::exit::CliResult;
use super::output::{Context, Format, json, line, text, text_at, time};
use super::resolve::{self, API_KEY};
use super::user::Role;
use clap::{Args, Subcommand};

/// List, create and delete API keys for programs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr api-key create monitoring --role readonly --expires-in-days 365 > key
  tapebackarr api-key list
  TAPEBACKARR_API_KEY=$(cat key) tapebackarr status")]
pub struct ApiKeyArgs {
    #[command(subcommand)]
    command: ApiKeyCommand,
}

#[derive(Debug, Subcommand)]
enum ApiKeyCommand {
    /// List API keys (never the keys themselves)
    List,
    /// Create a key; it is printed once and cannot be shown again
    Create {
        /// What it is for
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = Role::Readonly)]
        role: Role,
        /// Days until it ends; without it, it does not end by itself
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
    /// Delete a key; programs that use it are refused from now on
    Delete {
        /// Name, prefix or id
        key: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Runs the subcommand.
pub fn run(args: ApiKeyArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        ApiKeyCommand::List => {
            let columns = [
                text("id", "id"),
                text("name", "name"),
                text("prefix", "key_prefix"),
                text("role", "role"),
                time("last used", "last_used_at"),
                time("expires", "expires_at"),
            ];
            format.list(&client.get("api-keys")?, &columns, "No API key yet.")
        }
        ApiKeyCommand::Create { name, role, expires_in_days } => {
            let body = Body::new().with("name", name.as_str()).with("role", role.name());
            let answer = client.post("api-keys", &body.maybe("expires_in_days", expires_in_days).json())?;
            if *format == Format::Json {
                return json(&answer);
            }
            eprintln!("Keep this key now, it cannot be shown again:");
            line(text_at(&answer, "key").unwrap_or_default())
        }
        ApiKeyCommand::Delete { key, sure } => {
            let row = resolve::find(client, API_KEY, &key)?;
            let name = text_at(&row, "name").unwrap_or(&key).to_owned();
            sure.confirm(&format!("Programs that use the API key {name} will be refused."), &name)?;
            let answer = client.delete(&format!("api-keys/{}", super::output::id_of(&row)?))?;
            format.done(&answer, &format!("Deleted the API key {name}"))
        }
    }
}
