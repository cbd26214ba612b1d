//! Keys from files: a key sheet, base64, hex, or the 32 bytes themselves. Never from an argument.

use crate::cli::exit::{CliError, CliResult, Doing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};
use tape_format::crypt::Key;
use zeroize::Zeroizing;

/// Bytes of a key.
const LENGTH: usize = 32;
/// A file with keys is never longer.
const MAX_FILE: u64 = 1 << 20;

/// All keys in these files.
pub fn read(paths: &[PathBuf]) -> CliResult<Vec<Key>> {
    let mut keys: Vec<Key> = Vec::new();
    for path in paths {
        let found = read_file(path)?;
        keys.extend(found);
    }
    Ok(keys)
}

fn read_file(path: &Path) -> CliResult<Vec<Key>> {
    let shown = path.display();
    let doing = format!("cannot read the key file {shown}");
    let length = std::fs::metadata(path).doing(&doing)?.len();
    if length > MAX_FILE {
        return Err(CliError::failed(format!("{shown} is not a key file: it has {length} bytes")));
    }
    let content = Zeroizing::new(std::fs::read(path).doing(&doing)?);
    let keys = parse(&content);
    if keys.is_empty() {
        return Err(CliError::failed(format!("there is no key in {shown}")).advise(
            "a key file is a key sheet (text or JSON), or one key: 44 characters of base64, 64 of hex, or 32 bytes",
        ));
    }
    Ok(keys)
}

/// The keys in a file's content.
fn parse(content: &[u8]) -> Vec<Key> {
    if content.len() == LENGTH {
        return Key::from_slice(content).into_iter().collect();
    }
    let Ok(text) = std::str::from_utf8(content) else { return Vec::new() };
    // Words, whatever is around them: `Key:         …` of the sheet, quoted values of its JSON, or the key alone.
    let mut fingerprints = Vec::new();
    let mut keys: Vec<Key> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | ';' | '\'')) {
        if let Some(key) = word_key(word) {
            keys.push(key);
            fingerprints.push(word.to_ascii_lowercase());
        }
    }
    // A fingerprint has 64 digits of hex too: one whose key is here is no key.
    let known: Vec<String> = keys.iter().map(Key::fingerprint).collect();
    keys.into_iter().zip(fingerprints).filter(|(_, word)| !known.contains(word)).map(|(key, _)| key).collect()
}

fn word_key(word: &str) -> Option<Key> {
    let bytes = match word.len() {
        64 => Zeroizing::new(hex::decode(word).ok()?),
        43 | 44 => {
            let padded = Zeroizing::new(format!("{}=", word.trim_end_matches('=')));
            Zeroizing::new(STANDARD.decode(padded.as_bytes()).ok()?)
        }
        _ => return None,
    };
    Key::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_key_is_read() {
        let bytes: [u8; 32] = std::array::from_fn(|i| i as u8 * 7);
        let key = Key::new(bytes);
        let base64 = STANDARD.encode(bytes);
        let sheet = format!(
            "TapeBackarr key sheet\n\nName:        k\nFingerprint: {}\nKey:         {base64}\n",
            key.fingerprint()
        );
        let json = format!("{{\"keys\":[{{\"fingerprint\":\"{}\",\"key_base64\":\"{base64}\"}}]}}", key.fingerprint());
        let forms: [&[u8]; 6] = [
            &bytes,
            base64.as_bytes(),
            base64.trim_end_matches('=').as_bytes(),
            &format!("{}\n", hex::encode(bytes)).into_bytes(),
            sheet.as_bytes(),
            json.as_bytes(),
        ];
        for form in forms {
            let found = parse(form);
            assert_eq!(found.len(), 1, "{}", String::from_utf8_lossy(form));
            assert_eq!(found[0].bytes(), &bytes);
        }
        let two = format!("{base64}\n{}\n", hex::encode([1; 32]));
        assert_eq!(parse(two.as_bytes()).len(), 2);
        for none in [&b""[..], b"hello", &[0xff; 31], b"Key: abc"] {
            assert!(parse(none).is_empty());
        }
    }
}
