//! Rotation: another key takes the place of one, which stays for what it encrypted.
//!
//! A key encrypts new sets until it expires or is retired. From its rotation on, jobs, and copies of the database, use its
//! successor, full or incremental alike: an increment may have another key than the set it is based on, and a restore
//! takes each set's own. What goes on with a set that was interrupted, or copies one, keeps the key of that set.

use super::KeyStore;
use crate::db::encryption_keys::{self, EncryptionKey, KeyChanges};
use crate::db::{self, Conn, write_transaction};
use crate::events::{Bus, Category, Event};
use crate::{Error, Result};
use chrono::NaiveDateTime;
use serde_json::json;

/// A rotation.
#[derive(Debug)]
pub struct Rotation {
    /// The key that was replaced.
    pub old: EncryptionKey,
    /// The one in its place.
    pub new: EncryptionKey,
    /// Jobs that use the new one now.
    pub jobs: usize,
}

impl Rotation {
    /// What people read of it, and are to do.
    pub fn event(&self) -> Event {
        let message = format!(
            "Key '{}' is replaced by '{}'; jobs that encrypt with it from their next run on: {}. Print a new key sheet; the \
             old key stays for the tapes that need it.",
            self.old.name, self.new.name, self.jobs
        );
        let details = json!({
            "encryption_key_id": self.new.id, "fingerprint": self.new.key_fingerprint,
            "replaced_key_id": self.old.id, "replaced_fingerprint": self.old.key_fingerprint, "jobs": self.jobs,
        });
        Event::warning(Category::Encryption, "Encryption Key Rotated", message).details(details)
    }
}

/// Makes a successor of a key, and lets all jobs that use the key use it. Without a name it is called after the key, with
/// the next number. It rotates as its predecessor did, and lives as long, if `expires_at` does not say otherwise.
///
/// # Errors
/// 409 `key_retired` if it has been replaced already; `already_exists` if the name is taken.
pub fn rotate(
    store: &KeyStore,
    conn: &mut Conn,
    id: i32,
    name: Option<&str>,
    expires_at: Option<Option<NaiveDateTime>>,
) -> Result<Rotation> {
    write_transaction(conn, |conn| {
        let old = encryption_keys::find(conn, id)?;
        if old.retired_at.is_some() {
            return Err(retired(conn, &old));
        }
        let name = match name {
            Some(name) => name.to_owned(),
            None => next_name(conn, &old)?,
        };
        let (new, _) = store.create(conn, &name, old.description.as_deref())?;
        let inherited = old.expires_at.map(|end| end - old.created_at).filter(|life| *life > chrono::TimeDelta::zero());
        let changes = KeyChanges {
            expires_at: Some(expires_at.unwrap_or(inherited.map(|life| db::now() + life))),
            rotate_after_days: Some(old.rotate_after_days),
            ..KeyChanges::default()
        };
        let new = encryption_keys::update(conn, new.id, &changes)?;
        let jobs = encryption_keys::replace(conn, old.id, new.id)?;
        Ok(Rotation { old: encryption_keys::find(conn, id)?, new, jobs })
    })
}

/// Rotates all keys that are to be by themselves, as of `now`.
pub fn rotate_due(store: &KeyStore, conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Rotation>> {
    let due: Vec<i32> =
        encryption_keys::list(conn)?.iter().filter(|key| key.rotation_due(now)).map(|key| key.id).collect();
    due.into_iter().map(|id| rotate(store, conn, id, None, None)).collect()
}

/// The key with which a new set that asks for `id` is to be encrypted: it, or the one that took its place. Rotates it if that
/// is due, and tells the bus.
///
/// # Errors
/// 409 `key_expired`, `key_retired`: there is none, and a person has to decide.
pub fn for_new_set(store: &KeyStore, conn: &mut Conn, bus: &Bus, id: i32) -> Result<EncryptionKey> {
    let now = db::now();
    // in one transaction: of two runs that find it due, one rotates it
    let (key, rotated) = write_transaction(conn, |conn| {
        let key = newest(conn, id)?;
        if key.rotation_due(now) {
            let rotation = rotate(store, conn, key.id, None, None)?;
            let event = rotation.event();
            return Ok((rotation.new, Some(event)));
        }
        fit(conn, &key, now).map(|()| (key, None))
    })?;
    if let Some(event) = rotated {
        bus.publish(event);
    }
    Ok(key)
}

/// The last one in the line of successors.
pub fn newest(conn: &mut Conn, id: i32) -> Result<EncryptionKey> {
    let mut key = encryption_keys::find(conn, id)?;
    while let Some(next) = key.successor_id {
        key = encryption_keys::find(conn, next)?;
    }
    Ok(key)
}

/// Whether something new may be encrypted with the key as of `now`. One that rotates by itself may be chosen for a job also when
/// that is due: it is rotated by whoever uses it.
pub fn fit(conn: &mut Conn, key: &EncryptionKey, now: NaiveDateTime) -> Result<()> {
    if key.retired_at.is_some() {
        return Err(retired(conn, key));
    }
    match key.expires_at.filter(|_| key.expired(now) && !key.rotation_due(now)) {
        None => Ok(()),
        Some(end) => {
            let message = format!(
                "the encryption key '{}' expired on {}, and nothing new is encrypted with it: rotate it (Encryption keys, \
                 or `tapebackarr key rotate`), or let it expire later",
                key.name,
                end.format("%Y-%m-%d")
            );
            Err(Error::conflict("key_expired", message))
        }
    }
}

/// The key for a copy of the database for which none is named: the newest one with which something new may be encrypted.
pub fn newest_of_all(conn: &mut Conn, now: NaiveDateTime) -> Result<Option<EncryptionKey>> {
    let mut keys = encryption_keys::list(conn)?;
    keys.sort_by_key(|key| std::cmp::Reverse(key.id));
    let good = keys.iter().position(|key| fit(conn, key, now).is_ok());
    // all have expired: whoever uses the newest one says so
    Ok(match good {
        Some(at) => Some(keys.swap_remove(at)),
        None => keys.into_iter().next(),
    })
}

fn retired(conn: &mut Conn, key: &EncryptionKey) -> Error {
    let instead = match newest(conn, key.id) {
        Ok(newest) if newest.id != key.id => format!("use '{}'", newest.name),
        _ => "use another key".into(),
    };
    let message =
        format!("the encryption key '{}' was replaced, and stays only for what it encrypted: {instead}", key.name);
    Error::conflict("key_retired", message)
}

/// The name of a successor: that of the first of the line, and a number that is free.
fn next_name(conn: &mut Conn, key: &EncryptionKey) -> Result<String> {
    let keys = encryption_keys::list(conn)?;
    let predecessor = |id: i32| keys.iter().find(|key| key.successor_id == Some(id));
    let mut first = key;
    while let Some(earlier) = predecessor(first.id) {
        first = earlier;
    }
    let taken = |name: &str| keys.iter().any(|key| key.name == name);
    let free = (2..).map(|number: u32| format!("{}-{number}", first.name)).find(|name| !taken(name));
    free.ok_or_else(|| Error::internal("no name is free for the new key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{jobs, testing};
    use crate::keys::MasterKey;
    use chrono::TimeDelta;

    struct Keys {
        db: testing::TestDatabase,
        _dir: tempfile::TempDir,
        store: KeyStore,
    }

    fn keys() -> Keys {
        let db = testing::database();
        let dir = tempfile::tempdir().unwrap();
        let store = KeyStore::new(MasterKey::open(&mut db.conn(), dir.path()).unwrap());
        Keys { db, _dir: dir, store }
    }

    fn schedule(conn: &mut Conn, id: i32, expires_at: Option<NaiveDateTime>, days: Option<i32>) {
        let changes =
            KeyChanges { expires_at: Some(expires_at), rotate_after_days: Some(days), ..KeyChanges::default() };
        encryption_keys::update(conn, id, &changes).unwrap();
    }

    #[test]
    fn jobs_go_over_to_the_successor_and_the_old_key_stays_for_reading() {
        let keys = keys();
        let conn = &mut *keys.db.conn();
        let (old, secret) = keys.store.create(conn, "k", Some("what for")).unwrap();
        let job = testing::job(conn, "etc");
        let mut using = jobs::NewJob {
            name: "soft".into(),
            source_id: job.source_id,
            pool_id: job.pool_id,
            encryption_enabled: true,
            encryption_key_id: Some(old.id),
            ..Default::default()
        };
        let soft = jobs::insert(conn, &using).unwrap().id;
        (using.name, using.encryption_enabled, using.encryption_key_id) = ("hard".into(), false, None);
        (using.hw_encryption_enabled, using.hw_encryption_key_id) = (true, Some(old.id));
        let hard = jobs::insert(conn, &using).unwrap().id;
        let day = TimeDelta::days(1);
        schedule(conn, old.id, Some(old.created_at + day * 30), Some(20));

        let done = rotate(&keys.store, conn, old.id, None, None).unwrap();
        assert_eq!((done.new.name.as_str(), done.new.description.as_deref(), done.jobs), ("k-2", Some("what for"), 2));
        assert_eq!((done.new.rotate_after_days, done.old.successor_id), (Some(20), Some(done.new.id)));
        let life = done.new.expires_at.unwrap() - done.new.created_at;
        assert!((life - day * 30).abs() < TimeDelta::minutes(5), "{life}");
        assert_eq!(jobs::find(conn, soft).unwrap().encryption_key_id, Some(done.new.id));
        assert_eq!(jobs::find(conn, hard).unwrap().hw_encryption_key_id, Some(done.new.id));
        assert_eq!(keys.store.for_reading(conn, &old.key_fingerprint).unwrap().bytes(), secret.bytes());

        let again = rotate(&keys.store, conn, old.id, None, None).unwrap_err();
        assert_eq!(again.code, "key_retired");
        assert!(again.message.ends_with("use 'k-2'"), "{again}");
        let third = rotate(&keys.store, conn, done.new.id, None, Some(None)).unwrap().new;
        assert_eq!((third.name.as_str(), third.expires_at), ("k-3", None));
        assert_eq!(newest(conn, old.id).unwrap().id, third.id);
        assert_eq!(newest_of_all(conn, db::now()).unwrap().unwrap().id, third.id);
        encryption_keys::delete(conn, third.id).expect_err("jobs use it");
        encryption_keys::delete(conn, done.new.id).expect("nothing was encrypted with it");
        assert_eq!(encryption_keys::find(conn, old.id).unwrap().successor_id, None);
    }

    #[test]
    fn an_expired_key_is_refused_or_rotated_as_it_says() {
        let keys = keys();
        let conn = &mut *keys.db.conn();
        let bus = Bus::new().0;
        let (key, _) = keys.store.create(conn, "k", None).unwrap();
        assert_eq!(for_new_set(&keys.store, conn, &bus, key.id).unwrap().id, key.id);
        let past = db::now() - TimeDelta::hours(1);
        schedule(conn, key.id, Some(past), None);
        let error = for_new_set(&keys.store, conn, &bus, key.id).unwrap_err();
        assert_eq!(error.code, "key_expired");
        assert!(error.message.contains(&format!("'k' expired on {}", past.format("%Y-%m-%d"))), "{error}");
        assert!(rotate_due(&keys.store, conn, db::now()).unwrap().is_empty(), "it does not rotate by itself");

        schedule(conn, key.id, Some(past), Some(365));
        let next = for_new_set(&keys.store, conn, &bus, key.id).unwrap();
        assert_eq!(next.name, "k-2");
        assert_eq!(for_new_set(&keys.store, conn, &bus, key.id).unwrap().id, next.id, "once");

        // by age, as maintenance finds it
        schedule(conn, next.id, None, Some(10));
        assert!(rotate_due(&keys.store, conn, next.created_at + TimeDelta::days(9)).unwrap().is_empty());
        let done = rotate_due(&keys.store, conn, next.created_at + TimeDelta::days(10)).unwrap();
        assert_eq!(done.iter().map(|one| one.new.name.as_str()).collect::<Vec<_>>(), ["k-3"]);
    }
}
