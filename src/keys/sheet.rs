//! The key sheet: every key, readable, to be printed and kept where the tapes are not.

mod paper;
mod pdf;

use super::KeyStore;
use crate::Result;
use crate::db::key_uses::{self, SheetTape};
use crate::db::{Conn, encryption_keys, now, time};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDateTime;
use serde::Serialize;
use std::fmt::Write;

const INSTRUCTIONS: &str = "Print this sheet or keep it on a medium that is not connected, in another place than the \
    tapes. Who has it reads every encrypted tape; without it, and without this server, nobody does. To use a key \
    again: Encryption, Import, and paste its base64 text. The fingerprint is the SHA-256 of the key's 32 bytes and \
    stands in the label of every tape that needs the key.";

/// What the commands on the sheet take for granted.
const ABOUT_COMMANDS: &str = "With the program and a drive, on any machine. keysheet.txt is this sheet as text, or what the QR codes \
    say, one key in a line; /dev/nst0 is the drive.";

/// Tapes that are named for one key; of the others it is told how many there are.
const NAMED: usize = 300;

/// The sheet.
#[derive(Serialize, utoipa::ToSchema)]
pub struct KeySheet {
    /// When it was made, UTC.
    #[serde(serialize_with = "time::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub generated_at: NaiveDateTime,
    /// Every key.
    pub keys: Vec<SheetKey>,
    /// What to do with it.
    pub instructions: &'static str,
    /// Commands that read tapes with it, without this server.
    pub commands: Vec<SheetCommand>,
}

/// A command on the sheet.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SheetCommand {
    /// What it does.
    pub about: String,
    /// As it is typed.
    pub line: String,
}

/// One key on the sheet.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SheetKey {
    /// Its id on this server.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Hex SHA-256 of its bytes.
    pub fingerprint: String,
    /// `aes-256-gcm`.
    pub algorithm: String,
    /// The secret.
    pub key_base64: String,
    /// When it was made, UTC.
    #[serde(serialize_with = "time::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: NaiveDateTime,
    /// From then on nothing new is encrypted with it; none: never.
    #[serde(serialize_with = "time::rfc3339_option")]
    pub expires_at: Option<NaiveDateTime>,
    /// When another key took its place.
    #[serde(serialize_with = "time::rfc3339_option")]
    pub retired_at: Option<NaiveDateTime>,
    /// Jobs that encrypt with it.
    pub jobs: Vec<String>,
    /// Tapes that cannot be read without it.
    pub tapes: Vec<SheetTape>,
    /// Copies of the database on them.
    pub database_copies: i64,
}

impl SheetKey {
    /// Until when it is used, to stand behind when it was made.
    fn ends(&self) -> String {
        match (self.retired_at, self.expires_at) {
            (Some(end), _) => format!(", replaced {}", time::to_rfc3339(&end)),
            (None, Some(end)) => format!(", expires {}", time::to_rfc3339(&end)),
            (None, None) => String::new(),
        }
    }

    /// What needs it, in lines for people.
    fn needed_by(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.jobs.is_empty() {
            lines.push(format!("Jobs that encrypt with it: {}", self.jobs.join(", ")));
        }
        let mut pools: Vec<Option<&str>> = self.tapes.iter().map(|tape| tape.pool.as_deref()).collect();
        pools.sort_unstable();
        pools.dedup();
        let mut left = NAMED;
        for pool in pools {
            let labels: Vec<&str> =
                self.tapes.iter().filter(|tape| tape.pool.as_deref() == pool).map(|tape| tape.label.as_str()).collect();
            let named: Vec<&str> = labels.iter().copied().take(left).collect();
            left -= named.len();
            let more = match labels.len() - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let of = pool.map_or_else(|| "in no pool".to_owned(), |pool| format!("of pool {pool}"));
            lines.push(format!("Tapes {of} that need it: {}{more}", named.join(", ")));
        }
        if self.database_copies > 0 {
            lines.push(format!("Copies of the database that need it: {}", self.database_copies));
        }
        lines
    }
}

impl KeySheet {
    /// With all keys of `store`. That they were put on a sheet is noted.
    pub fn new(store: &KeyStore, conn: &mut Conn) -> Result<KeySheet> {
        let opened = store.open_all(conn)?;
        let ids: Vec<i32> = opened.iter().map(|(row, _)| row.id).collect();
        encryption_keys::on_sheet(conn, &ids)?;
        let keys = opened
            .into_iter()
            .map(|(row, key)| {
                let (jobs, tapes, database_copies) = key_uses::for_sheet(conn, row.id)?;
                Ok(SheetKey {
                    id: row.id,
                    name: row.name,
                    fingerprint: row.key_fingerprint,
                    algorithm: row.algorithm,
                    key_base64: STANDARD.encode(key.bytes()),
                    created_at: row.created_at,
                    expires_at: row.expires_at,
                    retired_at: row.retired_at,
                    jobs,
                    tapes,
                    database_copies,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(KeySheet { generated_at: now(), commands: commands(&keys), keys, instructions: INSTRUCTIONS })
    }

    /// As text for paper.
    pub fn to_text(&self) -> String {
        let mut text = format!("TapeBackarr key sheet, {}\n\n", time::to_rfc3339(&self.generated_at));
        for line in wrapped(self.instructions, 76) {
            text.push_str(&line);
            text.push('\n');
        }
        for key in &self.keys {
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "\nName:        {}\nAlgorithm:   {}\nCreated:     {}{}\nFingerprint: {}\nKey:         {}\n",
                key.name,
                key.algorithm,
                time::to_rfc3339(&key.created_at),
                key.ends(),
                key.fingerprint,
                key.key_base64
            );
            for line in key.needed_by().iter().flat_map(|line| wrapped(line, 76)) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text.push_str("\nReading the tapes\n\n");
        for line in wrapped(ABOUT_COMMANDS, 76) {
            text.push_str(&line);
            text.push('\n');
        }
        for command in &self.commands {
            let _ = write!(text, "\n{}\n    {}\n", command.about, command.line);
        }
        text
    }

    /// As a document for paper, with QR codes: PDF.
    pub fn to_pdf(&self) -> Result<Vec<u8>> {
        pdf::document(self)
    }
}

/// What is typed where there is nothing but the tapes, the sheet and the program.
fn commands(keys: &[SheetKey]) -> Vec<SheetCommand> {
    let command = |about: &str, line: &str| SheetCommand { about: about.into(), line: line.into() };
    let mut all = vec![
        command("What is on the tape in the drive?", "tapebackarr recover /dev/nst0 --list --key-file keysheet.txt"),
        command(
            "The newest state of everything on it, into a folder:",
            "tapebackarr recover /dev/nst0 --key-file keysheet.txt --to /restore",
        ),
    ];
    if keys.iter().any(|key| key.database_copies > 0) {
        all.push(command(
            "The whole server, from the newest copy of its database on the tape:",
            "tapebackarr database recover --device /dev/nst0 --key-file keysheet.txt --data-dir /var/lib/tapebackarr",
        ));
    }
    all
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| !line.is_empty() && line.len() + 1 + word.len() > width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
