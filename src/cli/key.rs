//! `key`: encryption keys, and the key sheet that must survive the server.

use super::args::{Body, Sure};
use super::exit::{CliResult, Doing};
use super::output::{Context, Format, json, text, text_at, time};
use super::resolve::{self, KEY};
use super::secret::SecretSource;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// List, make, rotate, import and delete encryption keys; print the key sheet
#[derive(Debug, Args)]
#[command(after_help = "\
Without the key nobody reads an encrypted tape, ever. Print the key sheet and keep it away from the server.

Examples:
  tapebackarr key generate offsite-2026
  tapebackarr key generate weekly --rotate-after-days 365
  tapebackarr key rotate offsite-2026
  tapebackarr key set offsite-2026 --expires 2027-12-31
  tapebackarr key unlock
  tapebackarr key sheet --output keysheet.txt
  tapebackarr key sheet --pdf --output keysheet.pdf
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
        #[command(flatten)]
        life: Life,
    },
    /// Make a new key that takes the place of one: jobs encrypt with it from their next run on
    Rotate {
        /// Name, fingerprint or id of the key that is replaced; it stays for the tapes that need it
        key: String,
        /// Name of the new key; without it, that of the old one with the next number
        #[arg(long)]
        name: Option<String>,
        /// Until when the new key is used: a day, a time, or `never`; without it, as long as the old one was to be
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// Change how long a key is used, and what it is for
    Set {
        /// Name, fingerprint or id
        key: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        life: Life,
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
    /// List the keys that a catalog rebuild found on tapes, closed with a passphrase, and that are not on the server
    Locked,
    /// Import these keys, with the passphrase that closes them
    Unlock {
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
        /// As a document to print, with a QR code of each key
        #[arg(long, requires = "output")]
        pdf: bool,
    },
}

/// How long a key is used.
#[derive(Debug, Args)]
struct Life {
    /// From then on nothing new is encrypted with it: a day (2027-12-31), a time, or `never`
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// So many days after it was made, or when it expires, another key takes its place by itself; or `never`
    #[arg(long, value_name = "DAYS", value_parser = days)]
    rotate_after_days: Option<Days>,
}

/// A number of days, or never.
type Days = Value;

fn days(text: &str) -> Result<Days, String> {
    match text {
        NEVER => Ok(Value::Null),
        text => text.parse::<u32>().map(Value::from).map_err(|_| "expected a number of days, or `never`".into()),
    }
}

const NEVER: &str = "never";

fn until(text: String) -> Value {
    if text == NEVER { Value::Null } else { text.into() }
}

impl Life {
    fn add(self, body: Body) -> Body {
        body.maybe("expires_at", self.expires.map(until)).maybe("rotate_after_days", self.rotate_after_days)
    }
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
                time("expires", "expires_at"),
                time("replaced", "retired_at"),
            ];
            format.list(&answer["keys"], &columns, "No encryption key yet: tapebackarr key generate NAME")
        }
        KeyCommand::Generate { name, description, life } => {
            let body = life.add(Body::new().with("name", name.as_str()).with("description", description));
            // The answer holds the key itself; a terminal's history is no place for it.
            let answer = client.post("encryption-keys", &body.json())?;
            made(context, &answer, &format!("Made the key {name}"))
        }
        KeyCommand::Rotate { key, name, expires } => {
            let row = resolve::find(client, KEY, &key)?;
            let body = Body::new().maybe("name", name).maybe("expires_at", expires.map(until));
            let path = format!("encryption-keys/{}/rotate", super::output::id_of(&row)?);
            let answer = client.post(&path, &body.json())?;
            let named = |at| text_at(&answer, at).unwrap_or_default();
            let sentence = format!(
                "{} takes the place of {}, fingerprint {}\nNow print the key sheet: tapebackarr key sheet",
                named("key.name"),
                named("replaced.name"),
                named("key.key_fingerprint")
            );
            format.done(&answer, &sentence)
        }
        KeyCommand::Set { key, description, life } => {
            let row = resolve::find(client, KEY, &key)?;
            let body = life.add(Body::new().maybe("description", description));
            let answer = client.put(&format!("encryption-keys/{}", super::output::id_of(&row)?), &body.json())?;
            format.done(&answer, &format!("Changed the key {}", text_at(&answer, "name").unwrap_or(&key)))
        }
        KeyCommand::Import { name, description, secret } => {
            let key = secret.read("Key, base64")?;
            let body =
                Body::new().with("name", name.as_str()).with("key_base64", key.trim()).with("description", description);
            let answer = client.post("encryption-keys/import", &body.json())?;
            made(context, &answer, &format!("Imported the key {name}"))
        }
        KeyCommand::Locked => {
            let columns =
                [text("fingerprint", "key_fingerprint"), text("tape", "tape_label"), time("found", "found_at")];
            format.list(&client.get("encryption-keys/locked")?, &columns, "No key on a tape that is not on the server.")
        }
        KeyCommand::Unlock { secret } => {
            let body = Body::new().with("passphrase", secret.read("Passphrase")?);
            let answer = client.post("encryption-keys/unlock", &body.json())?;
            let count = answer["keys"].as_array().map_or(0, Vec::len);
            let left = answer["still_locked"].as_u64().unwrap_or_default();
            let message = text_at(&answer, "message").unwrap_or_default();
            format.done(&answer, &format!("Imported {count} keys; {left} more have another passphrase. {message}"))
        }
        KeyCommand::Delete { key, sure } => {
            let row = resolve::find(client, KEY, &key)?;
            let name = text_at(&row, "name").unwrap_or(&key).to_owned();
            let lost = format!("Tapes written with the key {name} can then be read only with its key sheet.");
            sure.confirm(&lost, &name)?;
            let answer = client.delete(&format!("encryption-keys/{}", super::output::id_of(&row)?))?;
            format.done(&answer, &format!("Deleted the key {name}"))
        }
        KeyCommand::Sheet { output, pdf } => {
            let sheet = match format {
                _ if pdf => client.bytes("encryption-keys/keysheet/pdf")?,
                Format::Json => {
                    serde_json::to_vec_pretty(&client.get("encryption-keys/keysheet")?).doing("key sheet")?
                }
                Format::Human => client.text("encryption-keys/keysheet/text")?.into_bytes(),
            };
            match output {
                Some(path) => write_private(&path, &sheet),
                None => super::output::raw(&sheet),
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

fn write_private(path: &Path, sheet: &[u8]) -> CliResult {
    let shown = path.display();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.doing(format_args!("cannot create {shown}"))?;
    file.write_all(sheet).and_then(|()| file.sync_all()).doing(format_args!("cannot write {shown}"))?;
    eprintln!("Wrote the key sheet to {shown}. Print it, keep it away from the server, and delete the file.");
    Ok(())
}
