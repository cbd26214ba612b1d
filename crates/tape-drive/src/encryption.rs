//! Encryption by the drive itself: the key it is given, and what it says about its state.

use crate::{DriveError, DriveErrorKind, Operation, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// Longest key-associated data: LTO drives keep 32 bytes of unauthenticated key-associated data with each block.
pub const MAX_KEY_ASSOCIATED_DATA: usize = 32;

/// A key for the drive (AES-256), and the name by which blocks written with it tell which key they need.
///
/// The key is wiped from memory when it is dropped, and is never printed.
#[derive(Clone)]
pub struct DriveKey {
    key: Zeroizing<[u8; 32]>,
    associated: Vec<u8>,
}

impl DriveKey {
    /// A key, with the data that the drive stores in the clear with every block (SSC-5, 8.5.3: unauthenticated
    /// key-associated data).
    ///
    /// Errors: `IllegalRequest` if the associated data are longer than [`MAX_KEY_ASSOCIATED_DATA`].
    pub fn new(key: [u8; 32], associated: &[u8]) -> Result<DriveKey> {
        if associated.len() > MAX_KEY_ASSOCIATED_DATA {
            let message = format!("key-associated data have at most {MAX_KEY_ASSOCIATED_DATA} bytes");
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, Operation::Encryption, message));
        }
        Ok(DriveKey { key: Zeroizing::new(key), associated: associated.to_vec() })
    }

    /// The key itself: for the drive only.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// The key-associated data.
    pub fn associated(&self) -> &[u8] {
        &self.associated
    }
}

impl fmt::Debug for DriveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriveKey").field("associated", &self.associated).finish_non_exhaustive()
    }
}

/// What the drive does with the blocks it is given (ENCRYPTION MODE, SSC-5, 8.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionMode {
    /// DISABLE: stores them as they are.
    Off,
    /// EXTERNAL: stores them as they are, and marks them as encrypted by the host.
    External,
    /// ENCRYPT: encrypts them.
    On,
}

/// What the drive does with blocks that it reads (DECRYPTION MODE, SSC-5, 8.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecryptionMode {
    /// DISABLE: encrypted blocks are refused.
    Off,
    /// RAW: encrypted blocks are given as they are.
    Raw,
    /// DECRYPT: blocks must be encrypted.
    On,
    /// MIXED: encrypted blocks are decrypted, others are given as they are.
    Mixed,
}

/// Data encryption status (SECURITY PROTOCOL 20h, page 0020h; SSC-5, 8.5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptionState {
    /// For writing.
    pub mode: EncryptionMode,
    /// For reading.
    pub decryption: DecryptionMode,
    /// Index of the algorithm in use, where one is in use.
    pub algorithm: Option<u8>,
    /// Changes with every key that is set, changed or lost: a key that is found with another number is another key.
    pub key_instance: u32,
    /// Unauthenticated key-associated data of the key in use.
    pub key_associated_data: Option<Vec<u8>>,
}

impl EncryptionState {
    /// Whether blocks written now are encrypted with `key` and with no other: what must be true before the first write of
    /// encrypted data, and again after every unit attention.
    pub fn uses(&self, key: &DriveKey) -> bool {
        self.mode == EncryptionMode::On && self.key_associated_data.as_deref() == Some(key.associated())
    }

    /// Whether blocks written now are stored as they are.
    pub fn is_off(&self) -> bool {
        self.mode == EncryptionMode::Off
    }
}

/// What the next block is (SECURITY PROTOCOL 20h, page 0021h; SSC-5, 8.5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextBlock {
    /// The drive cannot tell, or not yet.
    Unknown,
    /// It is no block: a filemark, or the end of data.
    NotABlock,
    /// It is not encrypted.
    Clear,
    /// It is encrypted.
    Encrypted {
        /// Whether the drive has the key for it.
        readable: bool,
        /// Its unauthenticated key-associated data, if it has any: which key it needs.
        key_associated_data: Option<Vec<u8>>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let key = DriveKey::new([0xab; 32], b"name").unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains("171") && !shown.contains("ab, ab") && shown.contains("associated"), "{shown}");
        assert!(DriveKey::new([0; 32], &[0; MAX_KEY_ASSOCIATED_DATA + 1]).is_err());
    }
}
