//! `settings`: show and change the server's settings.

use super::exit::{CliError, CliResult};
use super::output::{Context, Format, json, line, text_at};
use super::secret::SecretSource;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

/// Show and change the server's settings
#[derive(Debug, Args)]
#[command(after_help = "\
Values are JSON where they can be (true, 64, \"text\"), otherwise text. A secret is asked for, never an argument.

Examples:
  tapebackarr settings show
  tapebackarr settings set tape.buffer_size_mb=1024
  tapebackarr settings set-secret notifications.email.password")]
pub struct SettingsArgs {
    #[command(subcommand)]
    command: SettingsCommand,
}

#[derive(Debug, Subcommand)]
enum SettingsCommand {
    /// Show all settings, or those below a name
    Show {
        /// Part of the settings: tape, or tape.block_size
        name: Option<String>,
    },
    /// Change settings; what is not named stays as it is
    Set {
        /// One or more NAME=VALUE
        #[arg(required = true, value_name = "NAME=VALUE")]
        changes: Vec<String>,
    },
    /// Change a secret: it is asked for, or read from standard input
    SetSecret {
        /// Its name
        name: String,
        #[command(flatten)]
        secret: SecretSource,
    },
}

/// Runs the subcommand.
pub fn run(args: SettingsArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        SettingsCommand::Show { name } => {
            let settings = client.get("settings")?;
            let shown = match &name {
                None => &settings,
                Some(name) => super::output::at(&settings, name).ok_or_else(|| {
                    CliError::new(super::exit::Exit::NotFound, format!("there is no setting \"{name}\""))
                })?,
            };
            match format {
                Format::Json => json(shown),
                Format::Human => print_flat(name.as_deref().unwrap_or_default(), shown),
            }
        }
        SettingsCommand::Set { changes } => {
            let mut body = Value::Object(Map::new());
            for change in &changes {
                let (name, value) = change
                    .split_once('=')
                    .ok_or_else(|| CliError::usage(format!("\"{change}\" is not of the form NAME=VALUE")))?;
                if is_secret(name) {
                    return Err(CliError::usage(format!("{name} is a secret, and arguments are visible to all users"))
                        .advise(format!("tapebackarr settings set-secret {name}")));
                }
                let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
                insert(&mut body, name, value);
            }
            put(context, &body)
        }
        SettingsCommand::SetSecret { name, secret } => {
            let mut body = Value::Object(Map::new());
            insert(&mut body, &name, Value::String(secret.read_new(&name)?));
            put(context, &body)
        }
    }
}

fn put(context: &Context, body: &Value) -> CliResult {
    let answer = context.client.put("settings", body)?;
    let note = text_at(&answer, "note").map(|note| format!(" ({note})")).unwrap_or_default();
    context.format.done(&answer, &format!("Saved{note}"))
}

fn is_secret(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    ["password", "secret", "token", "key"].iter().any(|word| last.ends_with(word))
}

/// Puts a value at a dotted name into nested objects.
fn insert(body: &mut Value, name: &str, value: Value) {
    match (name.split_once('.'), body) {
        (Some((head, rest)), Value::Object(map)) => {
            insert(map.entry(head).or_insert_with(|| Value::Object(Map::new())), rest, value);
        }
        (None, Value::Object(map)) => {
            map.insert(name.to_owned(), value);
        }
        // A value where an object is needed: the later name wins, as everywhere.
        (_, other) => {
            *other = Value::Object(Map::new());
            insert(other, name, value);
        }
    }
}

fn print_flat(prefix: &str, value: &Value) -> CliResult {
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, value)| match prefix {
            "" => print_flat(key, value),
            prefix => print_flat(&format!("{prefix}.{key}"), value),
        }),
        value => line(&format!("{prefix} = {value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dotted_names_become_objects() {
        let mut body = json!({});
        insert(&mut body, "tape.block_size", json!(262_144));
        insert(&mut body, "tape.verify", json!(true));
        insert(&mut body, "name", json!("x"));
        assert_eq!(body, json!({"tape": {"block_size": 262_144, "verify": true}, "name": "x"}));
        insert(&mut body, "name.first", json!("y"));
        assert_eq!(body["name"], json!({"first": "y"}));
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in ["smtp.password", "telegram.bot_token", "jwt_secret", "proxmox.api_key"] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("tape.block_size"));
    }
}
