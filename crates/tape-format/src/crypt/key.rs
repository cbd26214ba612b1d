//! A key, and the proof that it works.

use super::{Opener, Sealer, SegmentEnd};
use crate::{FormatError, Result};
use zeroize::Zeroizing;

/// 256 bits of key. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Key {
        Key(Zeroizing::new(bytes))
    }

    /// The key with these bytes, of which there must be 32.
    ///
    /// # Errors
    /// [`FormatError::Crypto`] for any other number.
    pub fn from_slice(bytes: &[u8]) -> Result<Key> {
        bytes.try_into().map(Key::new).map_err(|_| FormatError::Crypto {
            action: "use a key",
            reason: format!("a key has 32 bytes, this one {}", bytes.len()),
        })
    }

    /// A new random key.
    ///
    /// # Errors
    /// [`FormatError::Crypto`] if the system has no randomness.
    pub fn generate() -> Result<Key> {
        let mut key = Key::new([0; 32]);
        openssl::rand::rand_bytes(key.0.as_mut_slice()).map_err(|e| super::failed("make a random key", e))?;
        Ok(key)
    }

    /// The secret itself, for wrapping it.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hex SHA-256 of the key: what tapes and the database call it.
    pub fn fingerprint(&self) -> String {
        hex::encode(openssl::sha::sha256(self.0.as_slice()))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(secret)")
    }
}

/// Where a key is found by its fingerprint.
pub trait Keys {
    /// The key with that fingerprint, if it is known.
    fn find(&self, fingerprint: &str) -> Option<Key>;
}

/// For what is not encrypted.
impl Keys for () {
    fn find(&self, _fingerprint: &str) -> Option<Key> {
        None
    }
}

impl Keys for Key {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        (self.fingerprint() == fingerprint).then(|| self.clone())
    }
}

impl Keys for Option<Key> {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        self.as_ref().and_then(|key| key.find(fingerprint))
    }
}

impl Keys for &[Key] {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        self.iter().find_map(|key| key.find(fingerprint))
    }
}

impl Keys for Vec<Key> {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        self.iter().find_map(|key| key.find(fingerprint))
    }
}

/// Encrypts a record with `key` and decrypts it with `stored`, a copy of the same key that was read back from where keys
/// are kept. To be done before anything is encrypted for tape: data that nobody can decrypt is no backup.
///
/// # Errors
/// [`FormatError::WrongKey`] if the two are not the same key, or whatever the library fails with.
pub fn test_record(key: &Key, stored: &Key) -> Result<()> {
    let (wanted, given) = (key.fingerprint(), stored.fingerprint());
    if wanted != given {
        return Err(FormatError::WrongKey { wanted, given });
    }
    const RECORD: &[u8] = b"TapeBackarr test record";
    let context = b"test record";
    let mut sealer = Sealer::new(key, context)?;
    let header = *sealer.header();
    let mut segment = RECORD.to_vec();
    let tag = sealer.seal(&mut segment, SegmentEnd::Last)?;
    segment.extend_from_slice(&tag);
    let mut opener = Opener::new(stored, &header, context)?;
    let plain = opener.open(0, &mut segment, SegmentEnd::Last)?;
    if plain != RECORD {
        return Err(FormatError::NotAuthentic { segment: 0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed_and_is_named_by_its_hash() {
        let key = Key::new([7; 32]);
        assert_eq!(format!("{key:?}"), "Key(secret)");
        assert_eq!(key.fingerprint(), "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0".to_owned());
        assert!(Key::from_slice(&[0; 31]).is_err());
        assert_ne!(Key::generate().unwrap().bytes(), Key::generate().unwrap().bytes());
    }

    #[test]
    fn the_test_record_needs_the_same_key() {
        let key = Key::generate().unwrap();
        test_record(&key, &key.clone()).unwrap();
        assert!(matches!(test_record(&key, &Key::generate().unwrap()), Err(FormatError::WrongKey { .. })));
    }
}
