//! The key sheet: every key, readable, to be printed and kept where the tapes are not.

use super::KeyStore;
use crate::Result;
use crate::db::{Conn, now, time};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDateTime;
use serde::Serialize;
use std::fmt::Write;

const INSTRUCTIONS: &str = "Print this sheet or keep it on a medium that is not connected, in another place than the \
    tapes. Who has it reads every encrypted tape; without it, and without this server, nobody does. To use a key \
    again: Encryption, Import, and paste its base64 text. The fingerprint is the SHA-256 of the key's 32 bytes and \
    stands in the label of every tape that needs the key.";

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
}

impl KeySheet {
    /// With all keys of `store`.
    pub fn new(store: &KeyStore, conn: &mut Conn) -> Result<KeySheet> {
        let keys = store
            .open_all(conn)?
            .into_iter()
            .map(|(row, key)| SheetKey {
                id: row.id,
                name: row.name,
                fingerprint: row.key_fingerprint,
                algorithm: row.algorithm,
                key_base64: STANDARD.encode(key.bytes()),
                created_at: row.created_at,
            })
            .collect();
        Ok(KeySheet { generated_at: now(), keys, instructions: INSTRUCTIONS })
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
                "\nName:        {}\nAlgorithm:   {}\nCreated:     {}\nFingerprint: {}\nKey:         {}\n",
                key.name,
                key.algorithm,
                time::to_rfc3339(&key.created_at),
                key.fingerprint,
                key.key_base64
            );
        }
        text
    }
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
