//! Wrapping: AES-256-GCM with a random nonce, the fingerprint as associated data (so that wrapped keys cannot be
//! swapped between rows). Stored as base64 of nonce (12), ciphertext (32), tag (16).

use crate::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use tape_format::crypt::Key;
use zeroize::Zeroizing;

const NONCE: usize = 12;
const TAG: usize = 16;

/// `plain`, readable only with `master` and under the same `label`.
pub fn seal(master: &Key, label: &str, plain: &[u8]) -> Result<String> {
    let failed = |error: openssl::error::ErrorStack| Error::internal(format!("cannot seal a secret: {error}"));
    let mut nonce = [0; NONCE];
    openssl::rand::rand_bytes(&mut nonce).map_err(failed)?;
    let mut tag = [0; TAG];
    let cipher = Cipher::aes_256_gcm();
    let sealed =
        encrypt_aead(cipher, master.bytes(), Some(&nonce), label.as_bytes(), plain, &mut tag).map_err(failed)?;
    Ok(STANDARD.encode([&nonce[..], &sealed, &tag].concat()))
}

/// What [`seal`] sealed; none if another master did, or under another label, or if it is damaged.
pub fn open(master: &Key, label: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, rest) = bytes.split_at_checked(NONCE)?;
    let (sealed, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
    let cipher = Cipher::aes_256_gcm();
    decrypt_aead(cipher, master.bytes(), Some(nonce), label.as_bytes(), sealed, tag).ok().map(Zeroizing::new)
}

/// `key` as it goes into the database.
pub fn wrap(master: &Key, key: &Key) -> Result<String> {
    seal(master, &key.fingerprint(), key.bytes())
}

/// The key in `wrapped` if `master` wrapped it and its fingerprint is `fingerprint`; none otherwise.
pub fn unwrap(master: &Key, wrapped: &str, fingerprint: &str) -> Option<Key> {
    let key = Key::from_slice(&open(master, fingerprint, wrapped)?).ok()?;
    (key.fingerprint() == fingerprint).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_wrapped_is_unwrapped_by_the_same_master_only(key: [u8; 32], master: [u8; 32], flip in 0usize..60) {
            let (key, master) = (Key::new(key), Key::new(master));
            let wrapped = wrap(&master, &key).unwrap();
            let back = unwrap(&master, &wrapped, &key.fingerprint()).unwrap();
            prop_assert_eq!(back.bytes(), key.bytes());

            let mut other = *master.bytes();
            other[0] ^= 1;
            prop_assert!(unwrap(&Key::new(other), &wrapped, &key.fingerprint()).is_none());
            prop_assert!(unwrap(&master, &wrapped, &master.fingerprint()).is_none());

            let mut damaged = STANDARD.decode(&wrapped).unwrap();
            damaged[flip] ^= 1;
            prop_assert!(unwrap(&master, &STANDARD.encode(damaged), &key.fingerprint()).is_none());
        }

        #[test]
        fn garbage_is_no_key(text in ".{0,100}") {
            prop_assert!(unwrap(&Key::new([0; 32]), &text, "x").is_none());
        }
    }
}
