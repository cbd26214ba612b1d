//! Keys on the tapes that they encrypt, closed with a passphrase: the tape and the passphrase are enough then.
//!
//! A pool is given a passphrase once. It is kept nowhere: what stays is how a key was made of it, and that key, sealed with the
//! master key. With it the server closes the keys of sets that are written later, also those that a rotation makes.

use super::KeyStore;
use crate::db::encryption_keys::{self, EncryptionKey};
use crate::db::locked_keys::{self, Found};
use crate::db::{Conn, write_transaction};
use crate::{Error, ErrorKind, Result};
use tape_format::FormatError;
use tape_format::crypt::{Key, Lock, LockedKey};

/// Least characters of a passphrase, and least different ones among them.
const LEAST_LENGTH: usize = 16;
const LEAST_DIFFERENT: usize = 8;
const MOST_LENGTH: usize = 1024;
/// Locks that one passphrase is tried on at once: each costs time.
pub const MOST_LOCKS: usize = 64;

/// Whether it is not one of those that are guessed at once, and is the same again when it comes from paper or a file. That it is
/// hard to guess nobody can tell.
///
/// # Errors
/// 400 `weak_passphrase`, with what would be better.
pub fn check(passphrase: &str) -> Result<()> {
    let letters: Vec<char> = passphrase.chars().collect();
    let mut different: Vec<char> = passphrase.to_lowercase().chars().collect();
    different.sort_unstable();
    different.dedup();
    // as in 12345… and aaaa…
    let next = |pair: &[char]| matches!(pair, [one, two] if u32::from(*one).abs_diff(u32::from(*two)) <= 1);
    let runs = letters.windows(2).filter(|pair| next(pair)).count();
    let long = (LEAST_LENGTH..=MOST_LENGTH).contains(&letters.len());
    let refused = |message: String| Err(Error::new(ErrorKind::BadRequest, "weak_passphrase", message));
    if passphrase.trim() != passphrase || letters.iter().any(|letter| letter.is_control()) {
        return refused("the passphrase must not begin or end with a space, nor hold control characters".into());
    }
    if long && different.len() >= LEAST_DIFFERENT && runs * 2 < letters.len() {
        return Ok(());
    }
    refused(format!(
        "the passphrase must have {LEAST_LENGTH} to {MOST_LENGTH} characters, {LEAST_DIFFERENT} different ones among them, and not \
         count up or down: whoever finds a tape can guess for years. Six words that do not belong together are good"
    ))
}

/// What a pool keeps of a passphrase: how a key was made of it, and that key.
pub struct PoolLock {
    lock: Lock,
    closing: Key,
}

impl PoolLock {
    /// Of a new passphrase. Takes a second, and a quarter of a GiB of memory.
    ///
    /// # Errors
    /// 400 `weak_passphrase`.
    pub fn new(passphrase: &str) -> Result<PoolLock> {
        check(passphrase)?;
        let lock = Lock::new()?;
        let closing = lock.derive(passphrase)?;
        Ok(PoolLock { lock, closing })
    }

    /// Gives it to a pool. Tapes that were written before keep the passphrase that they were written with.
    pub fn set(&self, store: &KeyStore, conn: &mut Conn, pool: i32) -> Result<()> {
        let lock = serde_json::to_string(&self.lock)?;
        let sealed = store.seal(&label(pool), self.closing.bytes())?;
        locked_keys::set_of_pool(conn, pool, Some((lock, sealed)))
    }
}

/// The key as it goes onto tapes of a pool; none if the pool has no passphrase.
///
/// # Errors
/// 409 `passphrase_needed` if what belongs to the passphrase cannot be read: it has to be given anew.
pub fn for_pool(store: &KeyStore, conn: &mut Conn, pool: i32, key: &Key) -> Result<Option<LockedKey>> {
    let Some((lock, sealed)) = locked_keys::of_pool(conn, pool)? else { return Ok(None) };
    let lock: Option<Lock> = serde_json::from_str(&lock).ok();
    let closing = store.open_sealed(&label(pool), &sealed).and_then(|bytes| Key::from_slice(&bytes).ok());
    let (Some(lock), Some(closing)) = (lock, closing) else {
        let message = "keys are to be written onto the tapes of this pool, closed with its passphrase, and what belongs to that \
                       cannot be read with the master key of this server: give the pool its passphrase again, or take it away";
        return Err(Error::conflict("passphrase_needed", message));
    };
    Ok(Some(lock.close(&closing, key)?))
}

/// Takes the locks away that this server cannot use: the database comes from another one. Names of the pools.
pub fn take_over(store: &KeyStore, conn: &mut Conn) -> Result<Vec<String>> {
    let mut lost = Vec::new();
    for (id, name, sealed) in locked_keys::pools(conn)? {
        if store.open_sealed(&label(id), &sealed).is_none() {
            locked_keys::set_of_pool(conn, id, None)?;
            lost.push(name);
        }
    }
    Ok(lost)
}

/// The keys among these that a passphrase opens. Takes a second for each passphrase that the pools of the tapes had.
///
/// # Errors
/// 422 `wrong_passphrase` if it opens none.
pub fn open(found: Vec<Found>, passphrase: &str) -> Result<Vec<(Found, Key)>> {
    let mut opened: Vec<(Found, Key)> = Vec::new();
    let mut tried: Vec<(Lock, Key)> = Vec::new();
    for row in found {
        if opened.iter().any(|(other, _)| other.key_fingerprint == row.key_fingerprint) {
            continue;
        }
        let Ok(locked) = LockedKey::parse(&serde_json::from_str(&row.locked)?, &row.key_fingerprint) else { continue };
        let closing = match tried.iter().find(|(lock, _)| *lock == locked.lock) {
            Some((_, closing)) => closing.clone(),
            None if tried.len() >= MOST_LOCKS => continue,
            None => {
                let closing = locked.lock.derive(passphrase)?;
                tried.push((locked.lock.clone(), closing.clone()));
                closing
            }
        };
        if let Ok(key) = locked.open(&closing, &row.key_fingerprint) {
            opened.push((row, key));
        }
    }
    match opened.is_empty() {
        false => Ok(opened),
        true => Err(Error::new(ErrorKind::Unprocessable, "wrong_passphrase", FormatError::Passphrase.to_string())),
    }
}

/// Keeps keys that were opened.
pub fn import(store: &KeyStore, conn: &mut Conn, opened: &[(Found, Key)]) -> Result<Vec<EncryptionKey>> {
    write_transaction(conn, |conn| {
        let mut imported = Vec::new();
        for (row, key) in opened {
            locked_keys::forget(conn, &row.key_fingerprint)?;
            // somebody may have imported it meanwhile
            if encryption_keys::find_by_fingerprint(conn, &row.key_fingerprint)?.is_none() {
                let short = row.key_fingerprint.get(..16).unwrap_or_default();
                let name = format!("from tape {} ({short})", row.tape_label);
                imported.push(store.keep(conn, &name, Some("found on a tape, closed with a passphrase"), key)?);
            }
        }
        Ok(imported)
    })
}

/// What seals the closing key of a pool.
fn label(pool: i32) -> String {
    format!("key lock of pool {pool}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use crate::keys::MasterKey;

    const PASSPHRASE: &str = "correct horse battery staple";

    #[test]
    fn weak_passphrases_are_refused() {
        let weak =
            ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaaa", "abababababababababab", "1234567 1234567", "1234567890123456"];
        for weak in [&weak[..], &[" a space before and behind ", "a tab\tin the midst of it"]].concat() {
            assert_eq!(check(weak).unwrap_err().code, "weak_passphrase", "{weak}");
        }
        check(PASSPHRASE).unwrap();
        check("Grüße aus dem Keller").unwrap();
        check(&"x1y2z3u4v".repeat(200)).unwrap_err();
    }

    #[test]
    fn a_pool_closes_keys_until_another_server_has_its_database() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::new(MasterKey::open(conn, dir.path()).unwrap());
        let (row, key) = store.create(conn, "k", None).unwrap();
        let pool = testing::job(conn, "etc").pool_id;
        assert!(for_pool(&store, conn, pool, &key).unwrap().is_none());
        PoolLock::new(PASSPHRASE).unwrap().set(&store, conn, pool).unwrap();
        let locked = for_pool(&store, conn, pool, &key).unwrap().unwrap();
        let (lock, sealed) = locked_keys::of_pool(conn, pool).unwrap().unwrap();
        assert!(!lock.contains("horse") && !sealed.contains("horse"), "{lock} {sealed}");
        assert!(crate::db::pools::find(conn, pool).unwrap().key_lock_at.is_some());

        // on another server, which rebuilt its catalog from two tapes
        let other = testing::database();
        let there = &mut *other.conn();
        let elsewhere = tempfile::tempdir().unwrap();
        let new = KeyStore::new(MasterKey::open(there, elsewhere.path()).unwrap());
        let json = serde_json::to_string(&locked).unwrap();
        for tape in ["A00001", "A00002"] {
            let tape = testing::tape(there, tape).id;
            locked_keys::found(there, &row.key_fingerprint, tape, &json).unwrap();
            locked_keys::found(there, &row.key_fingerprint, tape, &json).unwrap();
        }
        let found = locked_keys::missing(there).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(open(found.clone(), "wrong horse battery staple").unwrap_err().code, "wrong_passphrase");
        let opened = open(found, PASSPHRASE).unwrap();
        let imported = import(&new, there, &opened).unwrap();
        assert_eq!((imported.len(), &imported[0].key_fingerprint), (1, &row.key_fingerprint));
        assert_eq!(new.for_reading(there, &row.key_fingerprint).unwrap().bytes(), key.bytes());
        assert_eq!(locked_keys::missing(there).unwrap(), []);
        assert_eq!(import(&new, there, &opened).unwrap().len(), 0, "it is here already");

        // the database of the first with the master key of the second
        assert_eq!(for_pool(&new, conn, pool, &key).unwrap_err().code, "passphrase_needed");
        assert!(take_over(&store, conn).unwrap().is_empty());
        assert_eq!(take_over(&new, conn).unwrap().len(), 1);
        assert!(for_pool(&new, conn, pool, &key).unwrap().is_none());
    }

    #[test]
    fn what_was_found_damaged_is_passed_over() {
        let (key, lock) = (Key::generate().unwrap(), Lock::new().unwrap());
        let closed = lock.close(&lock.derive(PASSPHRASE).unwrap(), &key).unwrap();
        let found = |locked: String| Found {
            key_fingerprint: key.fingerprint(),
            tape_id: 1,
            tape_label: "A00001".into(),
            locked,
            found_at: crate::db::now(),
        };
        let good = serde_json::to_string(&closed).unwrap();
        let bad = found(good.replace("argon2id", "argon2i"));
        assert_eq!(open(vec![bad.clone()], PASSPHRASE).unwrap_err().code, "wrong_passphrase");
        assert_eq!(open(vec![bad, found(good)], PASSPHRASE).unwrap().len(), 1);
    }
}
