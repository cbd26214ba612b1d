//! Data encryption status page (0020h): SSC-5, 8.5.2.

use super::key_associated_data::{self, Descriptor};
use super::{body, page};
use crate::Malformed;
use crate::bytes::{u8_at, u32_at};

/// Page code.
pub const CODE: u16 = 0x0020;
const OF: &str = "the data encryption status page";

/// How the drive encrypts now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataEncryptionStatus {
    /// I_T NEXUS SCOPE (3 bits): 0 public, 1 local, 2 all.
    pub nexus_scope: u8,
    /// KEY SCOPE (3 bits).
    pub key_scope: u8,
    /// ENCRYPTION MODE: 0 disable, 1 external, 2 encrypt.
    pub encryption_mode: u8,
    /// DECRYPTION MODE: 0 disable, 1 raw, 2 decrypt, 3 mixed.
    pub decryption_mode: u8,
    /// ALGORITHM INDEX.
    pub algorithm: u8,
    /// KEY INSTANCE COUNTER.
    pub key_instance: u32,
    /// Byte 12: PARAMETERS CONTROL, VCELB, CEEMS, RDMD.
    pub control: u8,
    /// Key-associated data of the key in use.
    pub associated: Vec<Descriptor>,
}

/// Reads the page.
pub fn decode(bytes: &[u8]) -> Result<DataEncryptionStatus, Malformed> {
    let body = body(bytes, CODE, OF)?;
    let fields = (u8_at(body, 0), u8_at(body, 1), u8_at(body, 2), u8_at(body, 3), u32_at(body, 4), u8_at(body, 8));
    let (
        Some(scopes),
        Some(encryption_mode),
        Some(decryption_mode),
        Some(algorithm),
        Some(key_instance),
        Some(control),
    ) = fields
    else {
        return Err(Malformed::short(OF));
    };
    Ok(DataEncryptionStatus {
        nexus_scope: scopes >> 5,
        key_scope: scopes & 0x07,
        encryption_mode,
        decryption_mode,
        algorithm,
        key_instance,
        control,
        associated: key_associated_data::decode(body.get(20..).unwrap_or_default()),
    })
}

/// The page, as a device writes it.
pub fn encode(status: &DataEncryptionStatus) -> Vec<u8> {
    let mut body = vec![
        status.nexus_scope << 5 | status.key_scope & 0x07,
        status.encryption_mode,
        status.decryption_mode,
        status.algorithm,
    ];
    body.extend(status.key_instance.to_be_bytes());
    body.push(status.control);
    body.extend([0; 11]);
    body.extend(key_associated_data::encode(&status.associated));
    page(CODE, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_drive_with_a_key() {
        let mut bytes = vec![0, 0x20, 0, 0x1b, 0x42, 2, 3, 1, 0, 0, 0, 7, 0x30];
        bytes.extend([0; 11]);
        bytes.extend([0, 1, 0, 3, b'k', b'e', b'y']);
        let read = decode(&bytes).unwrap();
        assert_eq!((read.nexus_scope, read.encryption_mode, read.decryption_mode), (2, 2, 3));
        assert_eq!((read.algorithm, read.key_instance), (1, 7));
        assert_eq!(key_associated_data::unauthenticated(&read.associated), Some(&b"key"[..]));
        assert_eq!(encode(&read), bytes);
        assert!(decode(&bytes[..12]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4..80)) {
            bytes[..2].copy_from_slice(&CODE.to_be_bytes());
            if let Ok(read) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&read)), Ok(read));
            }
        }
    }
}
