//! Passwords: bcrypt, with its two traps closed.
//!
//! bcrypt looks at the first 72 bytes only, so longer passwords would be cut in silence: they are **refused** when set
//! (hashing them first would make hashes that no other program understands, and those of the old program are plain
//! bcrypt). A user who does not exist costs as much time as one who does.

use crate::{Error, ErrorKind, Result};

/// The longest password, in bytes.
pub const LONGEST: usize = 72;

/// Hashes and checks passwords.
#[derive(Debug, Clone)]
pub struct Hasher {
    cost: u32,
    least_characters: usize,
    /// The hash that is checked for users who do not exist.
    nobody: String,
}

impl Hasher {
    /// With work factor `cost`, for new passwords of at least `least_characters`.
    pub fn new(cost: u32, least_characters: usize) -> Result<Hasher> {
        let nobody = hash("nobody has this password", cost)?;
        Ok(Hasher { cost, least_characters, nobody })
    }

    /// The hash of a new password. Slow on purpose: not on a thread that must not block.
    ///
    /// # Errors
    /// 400 `bad_password`: too short, too long, or with a NUL byte.
    pub fn hash(&self, password: &str) -> Result<String> {
        if password.chars().count() < self.least_characters {
            return Err(bad(format!(
                "the password is too short: it needs at least {} characters",
                self.least_characters
            )));
        }
        if password.len() > LONGEST {
            return Err(bad(format!("the password is too long: at most {LONGEST} bytes, this has {}", password.len())));
        }
        if password.contains('\0') {
            return Err(bad("the password contains a NUL byte"));
        }
        hash(password, self.cost)
    }

    /// Whether `password` is the one that was hashed. Without a hash (no such user) it takes as long and is false.
    pub fn verify(&self, password: &str, hashed: Option<&str>) -> bool {
        let matches = bcrypt::verify(password, hashed.unwrap_or(&self.nobody)).unwrap_or(false);
        matches && hashed.is_some() && password.len() <= LONGEST
    }
}

fn hash(password: &str, cost: u32) -> Result<String> {
    bcrypt::hash(password, cost).map_err(|error| Error::internal(format!("cannot hash a password: {error}")))
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadRequest, "bad_password", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_is_known_and_no_other() {
        let hasher = Hasher::new(4, 8).unwrap();
        let hashed = hasher.hash("correct horse").unwrap();
        assert!(hasher.verify("correct horse", Some(&hashed)));
        assert!(!hasher.verify("correct horsf", Some(&hashed)));
        assert!(!hasher.verify("", Some(&hashed)));
        assert!(!hasher.verify("nobody has this password", None));
        assert!(!hasher.verify("x", Some("not a hash")));
    }

    #[test]
    fn what_bcrypt_would_cut_is_refused() {
        let hasher = Hasher::new(4, 8).unwrap();
        let longest = "x".repeat(LONGEST);
        let hashed = hasher.hash(&longest).unwrap();
        assert!(hasher.verify(&longest, Some(&hashed)));
        assert!(!hasher.verify(&format!("{longest}y"), Some(&hashed)));
        for refused in ["short", &format!("{longest}y"), "long enough\0but", ""] {
            assert_eq!(hasher.hash(refused).unwrap_err().code, "bad_password", "{refused:?}");
        }
    }

    #[test]
    fn hashes_of_the_old_program_are_understood() {
        // Go's golang.org/x/crypto/bcrypt writes $2a$; this is the test vector of its own suite for "allmine".
        let hasher = Hasher::new(4, 8).unwrap();
        let go = "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga";
        assert!(hasher.verify("allmine", Some(go)));
    }
}
