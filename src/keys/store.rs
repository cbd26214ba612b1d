//! Making, importing, handing out and deleting keys.

use super::{MasterKey, wrap};
use crate::db::encryption_keys::{self, EncryptionKey, NewEncryptionKey};
use crate::db::{Conn, write_transaction};
use crate::{Error, ErrorKind, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tape_format::crypt::{Key, test_record};
use zeroize::Zeroizing;

const ALGORITHM: &str = "aes-256-gcm";

/// The keys of this server. Knows the master key.
#[derive(Debug)]
pub struct KeyStore {
    master: MasterKey,
}

impl KeyStore {
    /// With this master key.
    pub fn new(master: MasterKey) -> KeyStore {
        KeyStore { master }
    }

    /// A secret that is no key, as it goes into the database: readable only by this server, and under the same label.
    pub fn seal(&self, label: &str, plain: &[u8]) -> Result<String> {
        wrap::seal(&self.master.key, label, plain)
    }

    /// What [`seal`](Self::seal) sealed; none if another server did, or if it is damaged.
    pub fn open_sealed(&self, label: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        wrap::open(&self.master.key, label, sealed)
    }

    /// A new random key.
    pub fn create(&self, conn: &mut Conn, name: &str, description: Option<&str>) -> Result<(EncryptionKey, Key)> {
        let key = Key::generate().map_err(|error| Error::internal(error.to_string()))?;
        Ok((self.keep(conn, name, description, &key)?, key))
    }

    /// A key that exists elsewhere, as base64 of its 32 bytes.
    ///
    /// # Errors
    /// 400 `bad_key`; 409 if the name or the key itself is there already.
    pub fn import(
        &self,
        conn: &mut Conn,
        name: &str,
        key_base64: &str,
        description: Option<&str>,
    ) -> Result<EncryptionKey> {
        self.keep(conn, name, description, &read(key_base64)?)
    }

    /// The fingerprint of a key that exists elsewhere, as base64 of its 32 bytes.
    ///
    /// # Errors
    /// 400 `bad_key`.
    pub fn fingerprint_of(key_base64: &str) -> Result<String> {
        Ok(read(key_base64)?.fingerprint())
    }

    pub(super) fn keep(
        &self,
        conn: &mut Conn,
        name: &str,
        description: Option<&str>,
        key: &Key,
    ) -> Result<EncryptionKey> {
        if name.trim().is_empty() {
            return Err(Error::bad_request("the key needs a name"));
        }
        let new = NewEncryptionKey {
            name: name.trim().into(),
            algorithm: ALGORITHM.into(),
            key_data: wrap::wrap(&self.master.key, key)?,
            key_fingerprint: key.fingerprint(),
            description: description.map(str::to_owned),
        };
        write_transaction(conn, |conn| {
            let row = encryption_keys::insert(conn, &new)?;
            prove(key, &self.open(&encryption_keys::find(conn, row.id)?)?)?;
            Ok(row)
        })
    }

    /// The key `id`, to encrypt with: proven by a test record against what is stored (invariant I9).
    pub fn for_writing(&self, conn: &mut Conn, id: i32) -> Result<Key> {
        let key = self.open(&encryption_keys::find(conn, id)?)?;
        let stored = self.open(&encryption_keys::find(conn, id)?)?;
        prove(&key, &stored)?;
        Ok(key)
    }

    /// The key with this fingerprint, to decrypt with.
    ///
    /// # Errors
    /// 422 `key_unknown` with the fingerprint to look for.
    pub fn for_reading(&self, conn: &mut Conn, fingerprint: &str) -> Result<Key> {
        match encryption_keys::find_by_fingerprint(conn, fingerprint)? {
            Some(row) => self.open(&row),
            None => {
                let message = format!(
                    "the encryption key with the fingerprint {fingerprint} is not on this server: import it from its \
                     key sheet"
                );
                Err(Error::new(ErrorKind::Unprocessable, "key_unknown", message))
            }
        }
    }

    /// Makes a database from elsewhere usable by this server: the keys in it are wrapped with the master key of this server,
    /// as far as it opens them or has them in `known`. Names and fingerprints of those for which that cannot be done.
    pub fn take_over(&self, foreign: &mut Conn, known: &[Key]) -> Result<Vec<String>> {
        let mut lost = Vec::new();
        for row in encryption_keys::list(foreign)? {
            if wrap::unwrap(&self.master.key, &row.key_data, &row.key_fingerprint).is_some() {
                continue;
            }
            match known.iter().find(|key| key.fingerprint() == row.key_fingerprint) {
                Some(key) => encryption_keys::rewrap(foreign, row.id, &wrap::wrap(&self.master.key, key)?)?,
                None => lost.push(format!("{} ({})", row.name, row.key_fingerprint)),
            }
        }
        // a passphrase can be given again; a key cannot
        for pool in super::locks::take_over(self, foreign)? {
            tracing::warn!(pool, "its passphrase has to be given again: until then no keys are written onto its tapes");
        }
        Ok(lost)
    }

    /// All keys of this server, readable, to try them on a tape.
    pub fn all(&self, conn: &mut Conn) -> Result<Vec<Key>> {
        Ok(self.open_all(conn)?.into_iter().map(|(_, key)| key).collect())
    }

    /// All keys, readable. Only for key sheets.
    pub(super) fn open_all(&self, conn: &mut Conn) -> Result<Vec<(EncryptionKey, Key)>> {
        let rows = encryption_keys::list(conn)?;
        rows.into_iter().map(|row| self.open(&row).map(|key| (row, key))).collect()
    }

    fn open(&self, row: &EncryptionKey) -> Result<Key> {
        wrap::unwrap(&self.master.key, &row.key_data, &row.key_fingerprint).ok_or_else(|| {
            let message = format!(
                "the encryption key '{}' cannot be opened with the master key of this server: its row was changed, or \
                 the master key replaced",
                row.name
            );
            Error::new(ErrorKind::Internal, "key_damaged", message)
        })
    }
}

fn read(key_base64: &str) -> Result<Key> {
    let bad = |message: String| Error::new(ErrorKind::BadRequest, "bad_key", message);
    let bytes = Zeroizing::new(
        STANDARD.decode(key_base64.trim()).map_err(|error| bad(format!("the key is not valid base64: {error}")))?,
    );
    Key::from_slice(&bytes).map_err(|_| bad(format!("key must be 32 bytes (256 bits), got {} bytes", bytes.len())))
}

fn prove(key: &Key, stored: &Key) -> Result<()> {
    test_record(key, stored).map_err(|error| Error::internal(format!("the test record of a key failed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    fn store(conn: &mut Conn) -> (tempfile::TempDir, KeyStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::new(MasterKey::open(conn, dir.path()).unwrap());
        (dir, store)
    }

    #[test]
    fn keys_come_back_as_they_were_made() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (_dir, store) = store(conn);
        let (row, key) = store.create(conn, "K1", Some("d")).unwrap();
        assert_eq!(row.key_fingerprint, key.fingerprint());
        assert_eq!(store.for_writing(conn, row.id).unwrap().bytes(), key.bytes());
        assert_eq!(store.for_reading(conn, &key.fingerprint()).unwrap().bytes(), key.bytes());
        assert!(!row.key_data.contains(&STANDARD.encode(key.bytes())[..20]));
        let unknown = store.for_reading(conn, "abcd").unwrap_err();
        assert!(unknown.message.contains("abcd"), "{unknown}");
    }

    #[test]
    fn import_refuses_what_is_no_key_and_what_is_there() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (_dir, store) = store(conn);
        let short = store.import(conn, "K", &STANDARD.encode([1, 2, 3]), None).unwrap_err();
        assert_eq!(short.message, "key must be 32 bytes (256 bits), got 3 bytes");
        assert_eq!(store.import(conn, "K", "***", None).unwrap_err().code, "bad_key");
        assert_eq!(store.import(conn, " ", &STANDARD.encode([1; 32]), None).unwrap_err().code, "bad_request");
        store.import(conn, "K", &STANDARD.encode([1; 32]), None).unwrap();
        assert_eq!(store.import(conn, "K", &STANDARD.encode([2; 32]), None).unwrap_err().code, "already_exists");
        assert_eq!(store.import(conn, "L", &STANDARD.encode([1; 32]), None).unwrap_err().code, "already_exists");
    }
}
