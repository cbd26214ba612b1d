//! The first start: there is no default password. The server prints a one-time token, and whoever has it (so whoever
//! can read the log of this machine) makes the first administrator.
//!
//! Only the token's hash is kept, in `setup.token` of the data folder. Every start without users makes a new one, so a
//! token lost with an old log does no harm.

use crate::db::users;
use crate::db::{Conn, Role, write_transaction};
use crate::keys::secret_file;
use crate::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The one-time token of the first start.
#[derive(Debug)]
pub struct Setup {
    file: PathBuf,
}

impl Setup {
    /// In this data folder.
    pub fn new(data_dir: &Path) -> Setup {
        Setup { file: data_dir.join("setup.token") }
    }

    /// Whether there is no user yet.
    pub fn is_needed(conn: &mut Conn) -> Result<bool> {
        Ok(users::list(conn)?.is_empty())
    }

    /// A new token if there is no user yet, to be shown to the operator once; earlier ones are void.
    pub fn begin(&self, conn: &mut Conn) -> Result<Option<String>> {
        if !Self::is_needed(conn)? {
            self.forget()?;
            return Ok(None);
        }
        let mut token = [0; 32];
        openssl::rand::rand_bytes(&mut token)
            .map_err(|error| Error::internal(format!("no randomness for the set-up token: {error}")))?;
        let token = hex::encode(token);
        secret_file::write(&self.file, hash(&token).as_bytes())?;
        Ok(Some(token))
    }

    /// Make the first administrator, whose password was hashed before. The token is void afterwards.
    ///
    /// # Errors
    /// 409 `already_set_up` once there is a user; 401 `bad_setup_token`.
    pub fn finish(&self, conn: &mut Conn, token: &str, username: &str, password_hash: &str) -> Result<users::User> {
        let user = write_transaction(conn, |conn| {
            self.check(conn, token)?;
            users::insert(conn, username, password_hash, Role::Admin)
        })?;
        self.forget()?;
        Ok(user)
    }

    /// Whether `token` opens the door now: asked before the password is hashed, and again when the user is made.
    pub fn check(&self, conn: &mut Conn, token: &str) -> Result<()> {
        if !Self::is_needed(conn)? {
            let message = "this server has been set up already: log in, or ask an administrator for an account";
            return Err(Error::conflict("already_set_up", message));
        }
        let expected = std::fs::read(&self.file).unwrap_or_default();
        let given = hash(token.trim());
        if expected.len() == given.len() && openssl::memcmp::eq(&expected, given.as_bytes()) {
            return Ok(());
        }
        let message = "wrong set-up token: it is printed in the log of the server at every start until it is used";
        Err(Error::new(ErrorKind::Unauthorized, "bad_setup_token", message))
    }

    fn forget(&self) -> Result<()> {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::from(error).context(format!("cannot remove {}", self.file.display())))
            }
            _ => Ok(()),
        }
    }
}

fn hash(token: &str) -> String {
    hex::encode(openssl::sha::sha256(token.as_bytes()))
}
