//! The master key: 256 bits outside the database, without which the keys in it are noise.
//!
//! It comes from the credential directory of systemd (`LoadCredential=master.key:…`) if there is one, else from
//! `master.key` in the data folder (mode 0600), made at first start. A server that finds wrapped keys but not the
//! master key that opens them does not start: it would write tapes that nobody can read.

use super::{secret_file, wrap};
use crate::db::{Conn, encryption_keys};
use crate::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use tape_format::crypt::Key;

const NAME: &str = "master.key";

/// The master key and where it came from.
#[derive(Debug)]
pub struct MasterKey {
    pub(super) key: Key,
    file: PathBuf,
}

impl MasterKey {
    /// From the credential directory of systemd, or the data folder.
    ///
    /// # Errors
    /// `master_key_missing`, `master_key_wrong`: with the keys in the database that it should open.
    pub fn open(conn: &mut Conn, data_dir: &Path) -> Result<MasterKey> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self::open_from(conn, data_dir, credentials.as_deref())
    }

    /// The same without making one: none if there is none yet and nothing that it should open.
    pub fn find(conn: &mut Conn, data_dir: &Path) -> Result<Option<MasterKey>> {
        let credential =
            std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|dir| Path::new(&dir).join(NAME).exists());
        if !credential && !data_dir.join(NAME).exists() && encryption_keys::list(conn)?.is_empty() {
            return Ok(None);
        }
        Self::open(conn, data_dir).map(Some)
    }

    /// The master key of a data folder that is being filled from a tape: the one that is there, or a new one. Which keys it
    /// opens is not asked.
    pub fn for_recovery(data_dir: &Path) -> Result<MasterKey> {
        let file = data_dir.join(NAME);
        Ok(MasterKey { key: Key::new(*secret_file::read_or_create(&file)?), file })
    }

    fn open_from(conn: &mut Conn, data_dir: &Path, credentials: Option<&Path>) -> Result<MasterKey> {
        let rows = encryption_keys::list(conn)?;
        if let Some(file) = credentials.map(|dir| dir.join(NAME))
            && let Some(secret) = secret_file::read(&file)?
        {
            return MasterKey { key: Key::new(*secret), file }.that_opens(&rows);
        }
        let file = data_dir.join(NAME);
        if !rows.is_empty() && !file.exists() {
            let message = format!(
                "the master key {} is missing, and the database holds {} keys that only it can open: put it back from \
                 your backup (or give it as the systemd credential {NAME}); never make a new one",
                file.display(),
                rows.len()
            );
            return Err(Error::new(ErrorKind::Internal, "master_key_missing", message));
        }
        MasterKey { key: Key::new(*secret_file::read_or_create(&file)?), file }.that_opens(&rows)
    }

    fn that_opens(self, rows: &[encryption_keys::EncryptionKey]) -> Result<MasterKey> {
        let closed: Vec<&str> = rows
            .iter()
            .filter(|row| wrap::unwrap(&self.key, &row.key_data, &row.key_fingerprint).is_none())
            .map(|row| row.name.as_str())
            .collect();
        if closed.is_empty() {
            return Ok(self);
        }
        let message = format!(
            "{} is not the master key of this database: it does not open the encryption key(s) {}; put back the right \
             file, or restore the database it belongs to",
            self.file.display(),
            closed.join(", ")
        );
        Err(Error::new(ErrorKind::Internal, "master_key_wrong", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use crate::keys::KeyStore;

    #[test]
    fn a_wrong_or_missing_master_key_is_refused_in_words() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::new(MasterKey::open_from(conn, dir.path(), None).unwrap());
        store.create(conn, "offsite 2026", None).unwrap();
        MasterKey::open_from(conn, dir.path(), None).unwrap();

        let other = tempfile::tempdir().unwrap();
        let missing = MasterKey::open_from(conn, other.path(), None).unwrap_err();
        assert_eq!(missing.code, "master_key_missing");
        assert!(!other.path().join(NAME).exists(), "no new key may appear");

        secret_file::read_or_create(&other.path().join(NAME)).unwrap();
        let wrong = MasterKey::open_from(conn, other.path(), None).unwrap_err();
        assert_eq!(wrong.code, "master_key_wrong");
        assert!(wrong.message.contains("offsite 2026"), "{wrong}");

        // The credential wins over the file in the data folder.
        MasterKey::open_from(conn, other.path(), Some(dir.path())).unwrap();
    }
}
