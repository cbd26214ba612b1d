//! Blocks that a virtual drive compressed or encrypted, as they are stored in the image: really encrypted, so that nothing of
//! them can be read without the key, neither in another drive nor in the file.
//!
//! Layout: [`MAGIC`], version (1), kind (0 as it is, 1 AES-256-GCM, 2 compressed, 3 compressed and then encrypted), length of
//! the key-associated data (1), 0, check of the key (8), nonce (12), key-associated data, content, tag (16). A block of a
//! host that happens to begin with the magic is stored with kind 0, so what is read is always what was written.

use super::squeezed::{self, Squeezed};
use crate::encryption::DriveKey;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

/// How a sealed block begins.
const MAGIC: &[u8; 16] = b"\x89TB-SEALED-BLK\r\n";
const VERSION: u8 = 1;
const HEAD: usize = 16 + 4 + 8 + 12;
const TAG: usize = 16;
/// Bits of the kind.
const ENCRYPTED: u8 = 1;
const COMPRESSED: u8 = 2;
/// Bytes that sealing adds to a block without key-associated data.
pub const OVERHEAD: usize = HEAD + TAG;

/// A sealed block taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<'a> {
    kind: u8,
    key_check: [u8; 8],
    nonce: [u8; 12],
    /// The data in the clear that tell which key it needs.
    pub associated: &'a [u8],
    content: &'a [u8],
    tag: &'a [u8],
}

/// Why a sealed block cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// There is no key.
    NoKey,
    /// It was sealed with another one.
    OtherKey,
    /// It was changed since.
    Changed,
    /// What is compressed in it cannot be read.
    Damaged,
}

/// What is put into a sealed block.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// The block of a host.
    AsIs(&'a [u8]),
    /// The same, compressed.
    Squeezed(&'a Squeezed),
}

/// Whether a block of a host must be stored with kind 0.
pub fn looks_sealed(block: &[u8]) -> bool {
    block.starts_with(MAGIC)
}

/// The block as it is stored: encrypted with `key`, or, without one, wrapped.
///
/// Errors: those of the cryptographic library.
pub fn seal(content: Content<'_>, key: Option<&DriveKey>) -> Result<Vec<u8>, openssl::error::ErrorStack> {
    let (block, compressed) = match content {
        Content::AsIs(block) => (block, 0),
        Content::Squeezed(squeezed) => (squeezed.bytes(), COMPRESSED),
    };
    let kind = compressed | key.map_or(0, |_| ENCRYPTED);
    let associated = key.map_or(&[][..], DriveKey::associated);
    let mut nonce = [0; 12];
    openssl::rand::rand_bytes(&mut nonce)?;
    let mut stored = Vec::with_capacity(block.len() + HEAD + associated.len() + TAG);
    stored.extend(MAGIC);
    // A DriveKey holds at most 32 bytes of it.
    stored.extend([VERSION, kind, associated.len() as u8, 0]);
    stored.extend(key.map_or([0; 8], key_check));
    stored.extend(nonce);
    stored.extend(associated);
    match key {
        None => {
            stored.extend(block);
            stored.extend([0; TAG]);
        }
        Some(key) => {
            let mut tag = [0; TAG];
            let sealed = encrypt_aead(Cipher::aes_256_gcm(), key.bytes(), Some(&nonce), &stored, block, &mut tag)?;
            stored.extend(sealed);
            stored.extend(tag);
        }
    }
    Ok(stored)
}

impl<'a> Sealed<'a> {
    /// The parts of a stored block, if it is a sealed one.
    pub fn parse(stored: &'a [u8]) -> Option<Sealed<'a>> {
        let rest = stored.strip_prefix(MAGIC)?;
        let (&[VERSION, kind @ 0..=3, associated, 0], rest) = rest.split_first_chunk::<4>()? else { return None };
        let (&key_check, rest) = rest.split_first_chunk::<8>()?;
        let (&nonce, rest) = rest.split_first_chunk::<12>()?;
        let (associated, rest) = rest.split_at_checked(usize::from(associated))?;
        let (content, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
        // What is only wrapped has neither: an encrypted block whose kind was changed is no block.
        let whole = kind & ENCRYPTED != 0 || (key_check == [0; 8] && tag == [0; TAG]);
        whole.then_some(Sealed { kind, key_check, nonce, associated, content, tag })
    }

    /// Bytes that are stored of the block inside: fewer than it has if it is compressed.
    pub fn len(&self) -> usize {
        self.content.len()
    }

    /// Whether it is encrypted, and not only wrapped.
    pub fn is_encrypted(&self) -> bool {
        self.kind & ENCRYPTED != 0
    }

    /// Whether it was encrypted with `key`.
    pub fn needs(&self, key: &DriveKey) -> bool {
        self.key_check == key_check(key)
    }

    /// The block inside.
    pub fn open(&self, stored: &[u8], key: Option<&DriveKey>) -> Result<Vec<u8>, Unopened> {
        if !self.is_encrypted() {
            return self.unpacked(self.content.to_vec());
        }
        let key = key.ok_or(Unopened::NoKey)?;
        if !self.needs(key) {
            return Err(Unopened::OtherKey);
        }
        let head = stored.get(..HEAD + self.associated.len()).unwrap_or_default();
        decrypt_aead(Cipher::aes_256_gcm(), key.bytes(), Some(&self.nonce), head, self.content, self.tag)
            .map_err(|_| Unopened::Changed)
            .and_then(|content| self.unpacked(content))
    }

    fn unpacked(&self, content: Vec<u8>) -> Result<Vec<u8>, Unopened> {
        match self.kind & COMPRESSED {
            0 => Ok(content),
            _ => squeezed::expand(&content).ok_or(Unopened::Damaged),
        }
    }
}

/// The beginning of a hash of the key: tells another key from a changed block, and nothing of the key.
fn key_check(key: &DriveKey) -> [u8; 8] {
    let mut hash = openssl::sha::Sha256::new();
    hash.update(b"virtual drive key check\0");
    hash.update(key.bytes());
    let hash = hash.finish();
    std::array::from_fn(|index| hash.get(index).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> DriveKey {
        DriveKey::new([byte; 32], b"the key's name").unwrap()
    }

    #[test]
    fn only_the_key_opens_it() {
        let block = b"something that nobody else may read".repeat(100);
        let stored = seal(Content::AsIs(&block), Some(&key(1))).unwrap();
        assert!(!stored.windows(9).any(|window| window == b"something"));
        let sealed = Sealed::parse(&stored).unwrap();
        assert_eq!((sealed.len(), sealed.associated), (block.len(), &b"the key's name"[..]));
        assert_eq!(sealed.open(&stored, Some(&key(1))), Ok(block));
        assert_eq!(sealed.open(&stored, None), Err(Unopened::NoKey));
        assert_eq!(sealed.open(&stored, Some(&key(2))), Err(Unopened::OtherKey));
        for at in [17, 19, 30, 45, 60, stored.len() - 1] {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            let opened = Sealed::parse(&changed).map(|sealed| sealed.open(&changed, Some(&key(1))));
            assert!(!matches!(opened, Some(Ok(_))), "byte {at}");
        }
    }

    #[test]
    fn a_block_that_looks_sealed_comes_back_as_it_was() {
        let block = seal(Content::AsIs(b"stolen from another image"), Some(&key(1))).unwrap();
        assert!(looks_sealed(&block));
        let stored = seal(Content::AsIs(&block), None).unwrap();
        assert_eq!(Sealed::parse(&stored).unwrap().open(&stored, None), Ok(block));
    }

    #[test]
    fn a_compressed_block_is_encrypted_too() {
        let block = b"the same again and ".repeat(1000);
        let squeezed = Squeezed::of(&block).unwrap();
        for key in [None, Some(key(1))] {
            let stored = seal(Content::Squeezed(&squeezed), key.as_ref()).unwrap();
            assert!(stored.len() < 1000, "{}", stored.len());
            let sealed = Sealed::parse(&stored).unwrap();
            assert_eq!((sealed.is_encrypted(), sealed.len()), (key.is_some(), squeezed.bytes().len()));
            assert_eq!(sealed.open(&stored, key.as_ref()), Ok(block.clone()));
            // Another kind is none, and a byte that was changed is noticed.
            for at in [17, stored.len() - TAG - 1, stored.len() - TAG - 9] {
                let mut changed = stored.clone();
                changed[at] ^= 1;
                let opened = Sealed::parse(&changed).map(|sealed| sealed.open(&changed, key.as_ref()));
                assert!(!matches!(opened, Some(Ok(_))), "byte {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), magic: bool) {
            if magic && bytes.len() >= 18 {
                bytes[..16].copy_from_slice(MAGIC);
                bytes[16] = VERSION;
                bytes[17] &= 3;
            }
            if let Some(sealed) = Sealed::parse(&bytes) {
                let _ = sealed.open(&bytes, Some(&key(1)));
            }
        }
    }
}
