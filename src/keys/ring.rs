//! All keys of this server at once, to read a tape that says which one it needs.

use super::{DriveKeys, KeyStore};
use crate::Result;
use crate::db::{Conn, DbPool, encryption_keys};
use std::collections::HashMap;
use std::sync::Arc;
use tape_format::crypt::{Key, Keys};

/// Keys by fingerprint.
#[derive(Clone, Default)]
pub struct KeyRing(HashMap<String, Key>);

impl KeyRing {
    /// All keys that can be opened.
    pub fn open(conn: &mut Conn, store: &KeyStore) -> Result<KeyRing> {
        let mut ring = HashMap::new();
        for row in encryption_keys::list(conn)? {
            match store.for_reading(conn, &row.key_fingerprint) {
                Ok(key) => drop(ring.insert(row.key_fingerprint, key)),
                Err(error) => tracing::warn!(key = row.name, %error, "a key cannot be used"),
            }
        }
        Ok(KeyRing(ring))
    }

    /// Each of them, to be tried.
    pub fn all(&self) -> Vec<Key> {
        self.0.values().cloned().collect()
    }
}

impl Keys for KeyRing {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        self.0.get(fingerprint).cloned()
    }
}

/// The keys of a server, opened when one is needed: most tapes need none.
pub struct KeysOnDemand {
    /// Where they are stored.
    pub db: DbPool,
    /// What opens them.
    pub store: Arc<KeyStore>,
}

impl Keys for KeysOnDemand {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        self.store.for_reading(&mut *self.db.get().ok()?, fingerprint).ok()
    }
}

impl DriveKeys for KeysOnDemand {
    fn all(&self) -> Vec<Key> {
        self.db.get().ok().and_then(|mut conn| self.store.all(&mut conn).ok()).unwrap_or_default()
    }
}
