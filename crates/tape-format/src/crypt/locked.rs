//! A key as it may lie on the tape that it encrypts: closed with a passphrase.
//!
//! Argon2id makes a *closing key* of the passphrase and of what a [`Lock`] says; AES-256-GCM closes the key of a set with it
//! ([`LockedKey`]). Whoever has the closing key of a lock closes more keys without the passphrase, and opens them.
//!
//! A tape may be hostile: what Argon2id may cost is bounded before it takes any memory, and one of them runs at a time.

use super::Key;
use crate::{FormatError, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use zeroize::Zeroizing;

/// What it costs to try a passphrase: four times the memory of the second recommendation of RFC 9106 (64 MiB, three passes), in
/// one lane, for the time is of no account and whoever finds a tape may guess for years.
const MEMORY_KIB: u32 = 256 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// What a lock on a tape may cost at most: a GiB of memory, and some seconds to some tens of them.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;
/// Memory times passes, in KiB.
const MAX_WORK: u64 = 4 << 20;

const KDF: &str = "argon2id";
const SALT: usize = 16;
const NONCE: usize = 12;
const KEY: usize = 32;
const TAG: usize = 16;
/// Bytes of the checksum, which tells damage from another passphrase.
const CHECK: usize = 8;

/// How a closing key is made of a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lock {
    /// `argon2id` (version 0x13).
    kdf: String,
    /// Its memory in KiB.
    memory_kib: u32,
    /// Its passes.
    passes: u32,
    /// Its lanes.
    lanes: u32,
    /// Its salt, 16 bytes in hex.
    salt: String,
}

/// A key, closed with a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LockedKey {
    /// What the passphrase is for.
    #[serde(flatten)]
    pub lock: Lock,
    /// The key, closed: nonce, ciphertext, tag, in hex. Associated data: the lock, and the fingerprint of the key.
    key: String,
    /// The beginning of the SHA-256 of all of it and of the fingerprint, in hex.
    check: String,
}

impl Lock {
    /// A new one, with a random salt.
    ///
    /// # Errors
    /// [`FormatError::Crypto`] if there is no randomness.
    pub fn new() -> Result<Lock> {
        Lock::that_costs(MEMORY_KIB, PASSES, LANES)
    }

    fn that_costs(memory_kib: u32, passes: u32, lanes: u32) -> Result<Lock> {
        let mut salt = [0; SALT];
        openssl::rand::rand_bytes(&mut salt).map_err(|e| super::failed("make a random salt", e))?;
        Ok(Lock { kdf: KDF.into(), memory_kib, passes, lanes, salt: hex::encode(salt) })
    }

    /// Whether it may be tried, without trying it.
    ///
    /// # Errors
    /// [`FormatError::LockedKey`] if no program of ours made it, or it costs more than any of those does.
    pub fn check(&self) -> Result<()> {
        self.parameters().map(drop)
    }

    fn parameters(&self) -> Result<([u8; SALT], Params)> {
        if self.kdf != KDF {
            return Err(FormatError::LockedKey(format!(
                "'{}' is not known here; a newer version may read it",
                self.kdf
            )));
        }
        let work = u64::from(self.memory_kib) * u64::from(self.passes);
        let bounded = self.memory_kib <= MAX_MEMORY_KIB && self.passes <= MAX_PASSES && self.lanes <= MAX_LANES;
        if !bounded || work > MAX_WORK {
            let (memory, passes, lanes) = (self.memory_kib, self.passes, self.lanes);
            let reason =
                format!("it asks for {memory} KiB of memory, {passes} passes and {lanes} lanes: it was not tried");
            return Err(FormatError::LockedKey(reason));
        }
        let mut salt = [0; SALT];
        hex::decode_to_slice(&self.salt, &mut salt)
            .map_err(|_| FormatError::LockedKey("its salt is damaged".into()))?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY));
        Ok((salt, params.map_err(|error| FormatError::LockedKey(format!("its parameters are wrong: {error}")))?))
    }

    /// The closing key that this passphrase makes; whether it is the right one a [`LockedKey`] tells.
    ///
    /// # Errors
    /// Those of [`check`](Lock::check); [`FormatError::Crypto`] if there is not enough memory.
    pub fn derive(&self, passphrase: &str) -> Result<Key> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let (salt, params) = self.parameters()?;
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failed = |reason: String| FormatError::Crypto { action: "make a key of a passphrase", reason };
        let mut memory = Zeroizing::new(Vec::new());
        let blocks = params.block_count();
        memory.try_reserve_exact(blocks).map_err(|_| failed(format!("there are no {blocks} KiB of memory for it")))?;
        memory.resize(blocks, Block::new());
        let mut derived = Zeroizing::new([0; KEY]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase.as_bytes(), &salt, derived.as_mut_slice(), memory.as_mut_slice())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Key::new(*derived))
    }

    /// Closes a key with the closing key of this lock.
    ///
    /// # Errors
    /// [`FormatError::Crypto`] if there is no randomness.
    pub fn close(&self, with: &Key, key: &Key) -> Result<LockedKey> {
        let fingerprint = key.fingerprint();
        let mut nonce = [0; NONCE];
        openssl::rand::rand_bytes(&mut nonce).map_err(|e| super::failed("make a random nonce", e))?;
        let mut tag = [0; TAG];
        let context = self.context(&fingerprint);
        let sealed =
            encrypt_aead(Cipher::aes_256_gcm(), with.bytes(), Some(&nonce), context.as_bytes(), key.bytes(), &mut tag)
                .map_err(|e| super::failed("close a key", e))?;
        let key = hex::encode([&nonce[..], &sealed, &tag].concat());
        let check = check(&context, &key);
        Ok(LockedKey { lock: self.clone(), key, check })
    }

    /// The associated data of a closed key.
    fn context(&self, fingerprint: &str) -> String {
        let Lock { kdf, memory_kib, passes, lanes, salt } = self;
        format!("{kdf}:{memory_kib}:{passes}:{lanes}:{salt}:{fingerprint}")
    }
}

impl LockedKey {
    /// What stands beside a set whose key has this fingerprint.
    ///
    /// # Errors
    /// [`FormatError::LockedKey`] if it is damaged, that of another key, or nothing that this program may try.
    pub fn parse(value: &serde_json::Value, fingerprint: &str) -> Result<LockedKey> {
        let locked = LockedKey::deserialize(value).map_err(|error| FormatError::LockedKey(error.to_string()))?;
        if check(&locked.lock.context(fingerprint), &locked.key) != locked.check {
            return Err(FormatError::LockedKey("its checksum is wrong".into()));
        }
        locked.lock.check()?;
        Ok(locked)
    }

    /// The key with this fingerprint, with the closing key that a passphrase made.
    ///
    /// # Errors
    /// [`FormatError::Passphrase`] if it was another passphrase.
    pub fn open(&self, with: &Key, fingerprint: &str) -> Result<Key> {
        let open = || {
            let mut bytes = [0; NONCE + KEY + TAG];
            hex::decode_to_slice(&self.key, &mut bytes).ok()?;
            let (nonce, rest) = bytes.split_at_checked(NONCE)?;
            let (sealed, tag) = rest.split_at_checked(KEY)?;
            let context = self.lock.context(fingerprint);
            let plain = decrypt_aead(Cipher::aes_256_gcm(), with.bytes(), Some(nonce), context.as_bytes(), sealed, tag);
            Key::from_slice(&Zeroizing::new(plain.ok()?)).ok()
        };
        open().filter(|key| key.fingerprint() == fingerprint).ok_or(FormatError::Passphrase)
    }
}

fn check(context: &str, key: &str) -> String {
    let hash = openssl::sha::sha256(format!("{context}:{key}").as_bytes());
    hex::encode(hash.get(..CHECK).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const PASSPHRASE: &str = "correct horse battery staple";

    /// One that is tried in no time.
    fn cheap() -> Lock {
        Lock::that_costs(8, 1, 1).unwrap()
    }

    fn locked(key: &Key) -> (LockedKey, Value) {
        let lock = cheap();
        let locked = lock.close(&lock.derive(PASSPHRASE).unwrap(), key).unwrap();
        let value = serde_json::to_value(&locked).unwrap();
        (locked, value)
    }

    #[test]
    fn a_key_comes_back_with_its_passphrase_and_no_other() {
        let lock = Lock::new().unwrap();
        assert!(lock.memory_kib >= 64 << 10 && lock.passes >= 3 && lock.lanes == 1, "{lock:?}");
        assert_ne!(lock, Lock::new().unwrap(), "each has a salt of its own");
        let with = lock.derive(PASSPHRASE).unwrap();
        let (one, two) = (Key::generate().unwrap(), Key::generate().unwrap());
        let (first, second) = (lock.close(&with, &one).unwrap(), lock.close(&with, &two).unwrap());
        assert_ne!(first, lock.close(&with, &one).unwrap(), "each has a nonce of its own");
        let json = serde_json::to_value(&first).unwrap();
        assert!(json.to_string().len() < 500, "{json}");
        let back = LockedKey::parse(&json, &one.fingerprint()).unwrap();
        assert_eq!(back, first);
        let with = back.lock.derive(PASSPHRASE).unwrap();
        assert_eq!(back.open(&with, &one.fingerprint()).unwrap().bytes(), one.bytes());
        assert_eq!(second.open(&with, &two.fingerprint()).unwrap().bytes(), two.bytes());
        assert!(matches!(second.open(&with, &one.fingerprint()), Err(FormatError::Passphrase)));
        let wrong = back.lock.derive("correct horse battery stable").unwrap();
        assert!(matches!(back.open(&wrong, &one.fingerprint()), Err(FormatError::Passphrase)));
    }

    #[test]
    fn every_byte_that_is_changed_is_told_as_damage() {
        let key = Key::generate().unwrap();
        let (_, value) = locked(&key);
        let text = value.to_string();
        for at in 0..text.len() {
            for flip in [1, 2, 16] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= flip;
                // what is no JSON any more is no head of a table of contents either
                let Ok(damaged) = serde_json::from_slice(&bytes) else { continue };
                let error = LockedKey::parse(&damaged, &key.fingerprint()).unwrap_err();
                assert!(matches!(error, FormatError::LockedKey(_)), "{damaged}: {error}");
            }
        }
        let other = LockedKey::parse(&value, &Key::generate().unwrap().fingerprint()).unwrap_err();
        assert!(matches!(other, FormatError::LockedKey(_)), "{other}");
    }

    /// Whoever changes a record and its checksum gets nothing opened, and no other key taken for it.
    #[test]
    fn what_was_changed_on_purpose_does_not_open() {
        let key = Key::generate().unwrap();
        let (good, _) = locked(&key);
        let fingerprint = key.fingerprint();
        for at in 0..good.key.len() / 2 {
            let mut bytes = hex::decode(&good.key).unwrap();
            bytes[at] ^= 1;
            let bad = LockedKey { key: hex::encode(bytes), ..good.clone() };
            let with = bad.lock.derive(PASSPHRASE).unwrap();
            assert!(matches!(bad.open(&with, &fingerprint), Err(FormatError::Passphrase)), "byte {at}");
        }
        let with = good.lock.derive(PASSPHRASE).unwrap();
        for key in ["", "zz", &good.key[2..]] {
            let bad = LockedKey { key: key.into(), ..good.clone() };
            assert!(matches!(bad.open(&with, &fingerprint), Err(FormatError::Passphrase)), "{key}");
        }
        // the parameters are part of what is authenticated
        let lock = Lock { passes: 2, ..good.lock.clone() };
        let bad = LockedKey { lock, ..good.clone() };
        assert!(matches!(bad.open(&with, &fingerprint), Err(FormatError::Passphrase)));
    }

    #[test]
    fn hostile_locks_are_not_tried() {
        let key = Key::generate().unwrap();
        let (good, _) = locked(&key);
        let hostile: [fn(&mut Lock); 9] = [
            |lock| lock.memory_kib = u32::MAX,
            |lock| lock.memory_kib = MAX_MEMORY_KIB + 1,
            |lock| lock.memory_kib = 0,
            |lock| lock.passes = u32::MAX,
            |lock| lock.passes = 0,
            |lock| lock.lanes = u32::MAX,
            |lock| (lock.memory_kib, lock.passes) = (MAX_MEMORY_KIB, MAX_PASSES),
            |lock| lock.kdf = "scrypt".into(),
            |lock| lock.salt = "00".into(),
        ];
        for change in hostile {
            let mut bad = good.clone();
            change(&mut bad.lock);
            bad.check = check(&bad.lock.context(&key.fingerprint()), &bad.key);
            let value = serde_json::to_value(&bad).unwrap();
            let error = LockedKey::parse(&value, &key.fingerprint()).unwrap_err();
            assert!(matches!(error, FormatError::LockedKey(_)), "{error}");
            assert!(matches!(bad.lock.derive(PASSPHRASE), Err(FormatError::LockedKey(_))), "{bad:?}");
        }
    }

    /// Made by Python's cryptography: the format is what docs/tape-format.md says.
    #[test]
    fn what_others_made_by_the_book_is_opened() {
        let value: Value = serde_json::from_str(include_str!("locked_by_others.json")).unwrap();
        let key = Key::new([7; 32]);
        let locked = LockedKey::parse(&value, &key.fingerprint()).unwrap();
        let with = locked.lock.derive("Grüße aus dem Keller").unwrap();
        assert_eq!(locked.open(&with, &key.fingerprint()).unwrap().bytes(), key.bytes());
    }

    proptest! {
        #[test]
        fn garbage_is_no_key(kdf in "(argon2id|.{0,9})", numbers: [u32; 3], salt in "[0-9a-f]{0,40}", key in ".{0,130}", fix: bool) {
            let lock = Lock { kdf, memory_kib: numbers[0], passes: numbers[1], lanes: numbers[2], salt };
            let check = if fix { check(&lock.context("x"), &key) } else { String::new() };
            let value = serde_json::to_value(LockedKey { lock, key, check }).unwrap();
            if let Ok(locked) = LockedKey::parse(&value, "x") {
                prop_assert!(locked.lock.memory_kib <= MAX_MEMORY_KIB);
                prop_assert!(locked.open(&Key::new([1; 32]), "x").is_err());
            }
            prop_assert!(LockedKey::parse(&json!([numbers[0], "x", null]), "x").is_err());
        }
    }
}
