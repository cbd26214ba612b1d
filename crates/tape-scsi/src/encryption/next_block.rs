//! Next block encryption status page (0021h): SSC-5, 8.5.2.

use super::key_associated_data::{self, Descriptor};
use super::{body, page};
use crate::Malformed;
use crate::bytes::{u8_at, u64_at};

/// Page code.
pub const CODE: u16 = 0x0021;
const OF: &str = "the next block encryption status page";

/// ENCRYPTION STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockEncryption {
    /// 0h: the drive cannot tell.
    Unknown,
    /// 1h: it cannot tell now.
    NotYet,
    /// 2h: it is no logical block.
    NotABlock,
    /// 3h: it is not encrypted.
    Clear,
    /// 4h: it is encrypted in a way that the drive does not know.
    OtherAlgorithm,
    /// 5h: it is encrypted, and the drive has the key.
    Readable,
    /// 6h: it is encrypted, and the drive has not the key or does not decrypt.
    Locked,
    /// Another code.
    Other(u8),
}

impl BlockEncryption {
    fn from_code(code: u8) -> BlockEncryption {
        match code {
            0 => BlockEncryption::Unknown,
            1 => BlockEncryption::NotYet,
            2 => BlockEncryption::NotABlock,
            3 => BlockEncryption::Clear,
            4 => BlockEncryption::OtherAlgorithm,
            5 => BlockEncryption::Readable,
            6 => BlockEncryption::Locked,
            other => BlockEncryption::Other(other),
        }
    }

    fn code(self) -> u8 {
        match self {
            BlockEncryption::Unknown => 0,
            BlockEncryption::NotYet => 1,
            BlockEncryption::NotABlock => 2,
            BlockEncryption::Clear => 3,
            BlockEncryption::OtherAlgorithm => 4,
            BlockEncryption::Readable => 5,
            BlockEncryption::Locked => 6,
            BlockEncryption::Other(code) => code & 0x0f,
        }
    }
}

/// What the next logical object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextBlockStatus {
    /// LOGICAL OBJECT NUMBER.
    pub object: u64,
    /// COMPRESSION STATUS, 4 bits.
    pub compression: u8,
    /// ENCRYPTION STATUS.
    pub encryption: BlockEncryption,
    /// ALGORITHM INDEX.
    pub algorithm: u8,
    /// Its key-associated data.
    pub associated: Vec<Descriptor>,
}

/// Reads the page.
pub fn decode(bytes: &[u8]) -> Result<NextBlockStatus, Malformed> {
    let body = body(bytes, CODE, OF)?;
    let (Some(object), Some(status), Some(algorithm)) = (u64_at(body, 0), u8_at(body, 8), u8_at(body, 9)) else {
        return Err(Malformed::short(OF));
    };
    Ok(NextBlockStatus {
        object,
        compression: status >> 4,
        encryption: BlockEncryption::from_code(status & 0x0f),
        algorithm,
        associated: key_associated_data::decode(body.get(12..).unwrap_or_default()),
    })
}

/// The page, as a device writes it.
pub fn encode(status: &NextBlockStatus) -> Vec<u8> {
    let mut body = status.object.to_be_bytes().to_vec();
    body.extend([status.compression << 4 | status.encryption.code(), status.algorithm, 0, 0]);
    body.extend(key_associated_data::encode(&status.associated));
    page(CODE, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_encrypted_block() {
        let bytes = [0, 0x21, 0, 0x12, 0, 0, 0, 0, 0, 0, 1, 2, 0x06, 1, 0, 0, 0, 1, 0, 2, b'i', b'd'];
        let read = decode(&bytes).unwrap();
        assert_eq!((read.object, read.encryption, read.algorithm), (258, BlockEncryption::Locked, 1));
        assert_eq!(key_associated_data::unauthenticated(&read.associated), Some(&b"id"[..]));
        assert_eq!(encode(&read), bytes);
        assert!(decode(&bytes[..12]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4..60)) {
            bytes[..2].copy_from_slice(&CODE.to_be_bytes());
            if let Ok(read) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&read)), Ok(read));
            }
        }
    }
}
