//! Set data encryption page (SECURITY PROTOCOL OUT, 0010h): SSC-5, 8.5.3. It carries the key: its bytes are wiped.

use super::key_associated_data::{self, Descriptor};
use super::{body, page};
use crate::Malformed;
use crate::bytes::{u8_at, u16_at};
use std::fmt;
use zeroize::Zeroizing;

/// Page code.
pub const CODE: u16 = 0x0010;
const OF: &str = "the set data encryption page";
/// SCOPE = ALL I_T NEXUS: one key for whoever uses the drive, as there is one medium.
const ALL_NEXUSES: u8 = 0x02;
/// CKOD: clear the key when the medium is demounted.
const CLEAR_ON_DEMOUNT: u8 = 0x04;

/// How a drive is to encrypt.
#[derive(Clone, PartialEq, Eq)]
pub struct SetDataEncryption {
    /// SCOPE, 3 bits.
    pub scope: u8,
    /// Byte 5: CEEM, RDMC, SDK, CKOD, CKORP, CKORL.
    pub flags: u8,
    /// ENCRYPTION MODE.
    pub encryption_mode: u8,
    /// DECRYPTION MODE.
    pub decryption_mode: u8,
    /// ALGORITHM INDEX.
    pub algorithm: u8,
    /// The key, in plain text; empty with both modes 0.
    pub key: Zeroizing<Vec<u8>>,
    /// Key-associated data.
    pub associated: Vec<Descriptor>,
}

impl fmt::Debug for SetDataEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetDataEncryption")
            .field("scope", &self.scope)
            .field("flags", &self.flags)
            .field("encryption_mode", &self.encryption_mode)
            .field("decryption_mode", &self.decryption_mode)
            .field("algorithm", &self.algorithm)
            .field("associated", &self.associated)
            .finish_non_exhaustive()
    }
}

impl SetDataEncryption {
    /// Encrypts with `key`, decrypts what is encrypted and reads what is not; forgets the key with the medium.
    pub fn with_key(algorithm: u8, key: &[u8], unauthenticated: &[u8]) -> SetDataEncryption {
        SetDataEncryption {
            scope: ALL_NEXUSES,
            flags: CLEAR_ON_DEMOUNT,
            encryption_mode: 2,
            decryption_mode: 3,
            algorithm,
            key: Zeroizing::new(key.to_vec()),
            associated: key_associated_data::of_unauthenticated(unauthenticated),
        }
    }

    /// Encrypts and decrypts nothing, and forgets the key.
    pub fn off(algorithm: u8) -> SetDataEncryption {
        SetDataEncryption {
            scope: ALL_NEXUSES,
            flags: 0,
            encryption_mode: 0,
            decryption_mode: 0,
            algorithm,
            key: Zeroizing::default(),
            associated: Vec::new(),
        }
    }

    /// The page, as a host sends it.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let key = self.key.get(..0xff00).unwrap_or(&self.key);
        let associated = key_associated_data::encode(&self.associated);
        // Made in one piece: a vector that grows leaves copies of the key behind.
        let mut body = Zeroizing::new(Vec::with_capacity(16 + key.len() + associated.len()));
        body.extend([self.scope << 5, self.flags, self.encryption_mode, self.decryption_mode, self.algorithm]);
        body.extend([0; 9]);
        body.extend((key.len() as u16).to_be_bytes());
        body.extend(key);
        body.extend(associated);
        Zeroizing::new(page(CODE, &body))
    }

    /// Reads the page, as a device does. Only keys in plain text (KEY FORMAT 00h) are known.
    pub fn decode(bytes: &[u8]) -> Result<SetDataEncryption, Malformed> {
        let body = body(bytes, CODE, OF)?;
        let head = (u8_at(body, 0), u8_at(body, 1), u8_at(body, 2), u8_at(body, 3), u8_at(body, 4), u8_at(body, 5));
        let (Some(scope), Some(flags), Some(encryption_mode), Some(decryption_mode), Some(algorithm), Some(format)) =
            head
        else {
            return Err(Malformed::short(OF));
        };
        let length = u16_at(body, 14).ok_or(Malformed::short(OF))?;
        let end = 16 + usize::from(length);
        let key = body.get(16..end).ok_or(Malformed::short(OF))?;
        if format != super::key_formats::PLAIN_TEXT {
            return Err(Malformed { of: OF, why: "its key is in a format that is not known" });
        }
        Ok(SetDataEncryption {
            scope: scope >> 5,
            flags,
            encryption_mode,
            decryption_mode,
            algorithm,
            key: Zeroizing::new(key.to_vec()),
            associated: key_associated_data::decode(body.get(end..).unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_specified() {
        let set = SetDataEncryption::with_key(1, &[0xab; 32], b"id");
        let mut bytes = vec![0, 0x10, 0, 0x36, 0x40, 0x04, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20];
        bytes.extend([0xab; 32]);
        bytes.extend([0, 0, 0, 2, b'i', b'd']);
        assert_eq!(*set.encode(), bytes);
        assert_eq!(SetDataEncryption::decode(&bytes), Ok(set.clone()));
        assert!(!format!("{set:?}").contains("171"), "the key is printed");
        let off = SetDataEncryption::off(1);
        assert_eq!(off.encode().len(), 20);
        assert_eq!(SetDataEncryption::decode(&off.encode()), Ok(off));
        assert!(SetDataEncryption::decode(&bytes[..30]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4..80)) {
            bytes[..2].copy_from_slice(&CODE.to_be_bytes());
            if let Ok(read) = SetDataEncryption::decode(&bytes) {
                prop_assert_eq!(SetDataEncryption::decode(&read.encode()), Ok(read));
            }
        }
    }
}
