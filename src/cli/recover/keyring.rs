//! Keys at hand: those from files, and those that passphrases open on the tapes themselves.

use crate::cli::exit::{CliError, CliResult, Doing};
use crate::cli::secret::SecretSource;
use crate::keys::locks::MOST_LOCKS;
use std::cell::RefCell;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use tape_format::FormatError;
use tape_format::crypt::{Key, Lock, LockedKey};
use tape_format::toc::SealedHead;
use zeroize::Zeroizing;

/// How often a passphrase is asked for.
const TRIES: usize = 3;
/// A file with a passphrase is never longer.
const MAX_FILE: u64 = 4096;

/// The keys, and what may open more.
pub struct Keyring(RefCell<State>);

struct State {
    keys: Vec<Key>,
    passphrases: Vec<Zeroizing<String>>,
    /// What passphrases, by their number, made of locks: each costs time.
    made: Vec<(Lock, usize, Key)>,
    /// Whether a person is there who may know a passphrase.
    asking: bool,
    /// Locks whose passphrase that person was asked for in vain.
    asked: Vec<Lock>,
    told: Vec<String>,
}

impl Keyring {
    /// With keys, and the passphrases in files; asks at the terminal for others if `interactive`.
    pub fn new(keys: Vec<Key>, files: &[PathBuf], interactive: bool) -> CliResult<Keyring> {
        let passphrases = files.iter().map(|path| passphrase_in(path)).collect::<CliResult<Vec<_>>>()?;
        let asking = interactive && std::io::stdin().is_terminal();
        Ok(Keyring(RefCell::new(State {
            keys,
            passphrases,
            made: Vec::new(),
            asking,
            asked: Vec::new(),
            told: Vec::new(),
        })))
    }

    /// All keys at hand.
    pub fn all(&self) -> Vec<Key> {
        self.0.borrow().keys.clone()
    }

    /// Opens the keys that lie beside these tables of contents and are not at hand yet. What does not open stays closed; why, is
    /// told once.
    pub fn unlock<'h>(&self, heads: impl Iterator<Item = &'h SealedHead>, mut tell: impl FnMut(String)) {
        let state = &mut *self.0.borrow_mut();
        for head in heads {
            let fingerprint = &head.key_fingerprint;
            if state.keys.iter().any(|key| key.fingerprint() == *fingerprint) {
                continue;
            }
            let Some(locked) = head.locked_key() else { continue };
            match locked.and_then(|locked| state.open(fingerprint, &locked)) {
                Ok(key) => state.keys.extend(key),
                Err(error) => {
                    let why = format!("the key {fingerprint} is not at hand: {error}");
                    if !state.told.contains(&why) {
                        state.told.push(why.clone());
                        tell(why);
                    }
                }
            }
        }
    }
}

impl State {
    /// Opens a key with one of the passphrases that are known, or with one that a person types; none if there is neither.
    fn open(&mut self, fingerprint: &str, locked: &LockedKey) -> Result<Option<Key>, FormatError> {
        let mut opened = Ok(None);
        for number in 0..self.passphrases.len() {
            opened = self.open_with(number, fingerprint, locked).map(Some);
            if opened.is_ok() {
                return opened;
            }
        }
        if !self.asking || self.asked.contains(&locked.lock) {
            return opened;
        }
        for _ in 0..TRIES {
            let question = format!("The key {fingerprint} is on the tape. Its passphrase (empty: go on without): ");
            let typed = Zeroizing::new(rpassword::prompt_password(question)?);
            if typed.is_empty() {
                self.asking = false;
                return opened;
            }
            let number = self.passphrases.len();
            self.passphrases.push(typed);
            opened = self.open_with(number, fingerprint, locked).map(Some);
            let Err(error) = &opened else { return opened };
            eprintln!("{error}");
            self.passphrases.truncate(number);
            self.made.retain(|(_, by, _)| *by != number);
        }
        self.asked.push(locked.lock.clone());
        opened
    }

    fn open_with(&mut self, number: usize, fingerprint: &str, locked: &LockedKey) -> Result<Key, FormatError> {
        let known = self.made.iter().find(|(lock, by, _)| (lock, *by) == (&locked.lock, number));
        if let Some((_, _, closing)) = known {
            return locked.open(closing, fingerprint);
        }
        let Some(passphrase) = self.passphrases.get(number).filter(|_| self.made.len() < MOST_LOCKS) else {
            return Err(FormatError::LockedKey(format!("{MOST_LOCKS} other passphrases were tried before it")));
        };
        let closing = locked.lock.derive(passphrase)?;
        let opened = locked.open(&closing, fingerprint);
        self.made.push((locked.lock.clone(), number, closing));
        opened
    }
}

/// The passphrase in a file: its first line; `-` is standard input.
fn passphrase_in(path: &Path) -> CliResult<Zeroizing<String>> {
    if path == Path::new("-") {
        return SecretSource { stdin: true }.read("Passphrase").map(Zeroizing::new);
    }
    let shown = path.display();
    let doing = format!("cannot read the passphrase in {shown}");
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)).doing(&doing)?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Zeroizing::new(line.to_owned())),
        None => Err(CliError::usage(format!("{shown} is empty; its first line must be the passphrase"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        for text in ["five words on a slip", "five words on a slip\n", "five words on a slip\r\nand a note\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(*passphrase_in(&path).unwrap(), "five words on a slip");
        }
        for text in ["", "\nsecond line\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(passphrase_in(&path).unwrap_err().message.contains("is empty"), "{text:?}");
        }
        assert!(passphrase_in(&folder.path().join("none")).is_err());
    }
}
