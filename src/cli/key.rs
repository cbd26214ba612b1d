//! `key`: encryption keys, and the key sheet that must survive the server.

use super::args::{Body, Sure};
use super::exit::{CliResult, Doing};
use super::output::{Context, Format, json, text, text_at, time};
use super::resolve::{self, KEY};
use super::secret::SecretSource;
use clap::{Args, Subcommand};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// List, make, import and delete encryption keys; print the key sheet
#[derive(Debug, Args)]
#[command(after_help = "\
Without the key nobody reads an encrypted tape, ever. Print the key sheet and keep it away from the server.

Examples:
  tapebackarr key generate offsite-2026
  tapebackarr key sheet --output keysheet.txt
  tapebackarr key import old-server --stdin < key.base64")]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// List keys (never the keys themselves)
    List,
    /// Make a new random key
    Generate {
        /// Its name
        name: String,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Import a key (base64 of 32 bytes), asked for or from standard input
    Import {
        /// Its name
        name: String,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        secret: SecretSource,
    },
    /// Delete a key that nothing uses
    Delete {
        /// Name, fingerprint or id
        key: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Write the key sheet: all keys in a form to print and to restore from
    Sheet {
        /// The file to write, with mode 0600; it must not exist
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Runs the subcommand.
pub fn run(args: KeyArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        KeyCommand::List => {
            let answer = client.get("encryption-keys")?;
            if *format == Format::Json {
                return json(&answer);
            }
            let columns = [
                text("id", "id"),
                text("name", "name"),
                text("fingerprint", "key_fingerprint"),
                text("description", "description"),
                time("created", "created_at"),
            ];
            format.list(&answer["keys"], &columns, "No encryption key yet: tapebackarr key generate NAME")
        }
        KeyCommand::Generate { name, description } => {
            let body = Body::new().with("name", name.as_str()).with("description", description);
            // The answer holds the key itself; a terminal's history is no place for it.
            let answer = client.post("encryption-keys", &body.json())?;
            made(context, &answer, &format!("Made the key {name}"))
        }
        KeyCommand::Import { name, description, secret } => {
            let key = secret.read("Key, base64")?;
            let body =
                Body::new().with("name", name.as_str()).with("key_base64", key.trim()).with("description", description);
            let answer = client.post("encryption-keys/import", &body.json())?;
            made(context, &answer, &format!("Imported the key {name}"))
        }
        KeyCommand::Delete { key, sure } => {
            let row = resolve::find(client, KEY, &key)?;
            let name = text_at(&row, "name").unwrap_or(&key).to_owned();
            let lost = format!("Tapes written with the key {name} can then be read only with its key sheet.");
            sure.confirm(&lost, &name)?;
            let answer = client.delete(&format!("encryption-keys/{}", super::output::id_of(&row)?))?;
            format.done(&answer, &format!("Deleted the key {name}"))
        }
        KeyCommand::Sheet { output } => {
            let sheet = match format {
                Format::Json => {
                    serde_json::to_string_pretty(&client.get("encryption-keys/keysheet")?).doing("key sheet")?
                }
                Format::Human => client.text("encryption-keys/keysheet/text")?,
            };
            match output {
                Some(path) => write_private(&path, &sheet),
                None => super::output::raw(sheet.as_bytes()),
            }
        }
    }
}

fn made(context: &Context, answer: &serde_json::Value, sentence: &str) -> CliResult {
    let fingerprint = text_at(answer, "key.key_fingerprint").unwrap_or_default();
    let public = answer.get("key").cloned().unwrap_or_default();
    let sentence = format!("{sentence}, fingerprint {fingerprint}\nNow print the key sheet: tapebackarr key sheet");
    context.format.done(&public, &sentence)
}

fn write_private(path: &Path, text: &str) -> CliResult {
    let shown = path.display();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.doing(format_args!("cannot create {shown}"))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).doing(format_args!("cannot write {shown}"))?;
    eprintln!("Wrote the key sheet to {shown}. Print it, keep it away from the server, and delete the file.");
    Ok(())
}
