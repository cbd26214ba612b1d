//! Data encryption capabilities page (0010h): SSC-5, 8.5.2.

use super::{body, page};
use crate::Malformed;
use crate::bytes::{u8_at, u16_at, u32_at};

/// Page code.
pub const CODE: u16 = 0x0010;
/// Bytes before the first algorithm descriptor, without the page's head.
const HEAD: usize = 16;
/// DESCRIPTOR LENGTH of what is written here; it does not count the first four bytes.
const DESCRIPTOR: u16 = 0x14;

/// What the drive can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// EXTDECC and CFG_P, byte 4.
    pub configuration: u8,
    /// Its algorithms.
    pub algorithms: Vec<Algorithm>,
}

/// One algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Algorithm {
    /// ALGORITHM INDEX: what the other pages call it.
    pub index: u8,
    /// Byte 4: AVFMV, SDK_C, MAC_C, DED_C, DECRYPT_C, ENCRYPT_C.
    pub abilities: u8,
    /// Byte 5: AVFCLP, NONCE_C, KADF_C, VCELB_C, UKADF, AKADF.
    pub associated: u8,
    /// Most bytes of unauthenticated key-associated data.
    pub max_unauthenticated: u16,
    /// Most bytes of authenticated key-associated data.
    pub max_authenticated: u16,
    /// Length of the key in bytes.
    pub key_bytes: u16,
    /// SECURITY ALGORITHM CODE; [`super::AES_256_GCM`] for LTO drives.
    pub code: u32,
}

impl Algorithm {
    /// AES-256-GCM as LTO drives have it: done by the drive, 32 bytes of unauthenticated and 12 of authenticated data.
    pub fn lto(index: u8) -> Algorithm {
        Algorithm {
            index,
            // MAC_C, DED_C; DECRYPT_C and ENCRYPT_C = 2: in hardware.
            abilities: 0x3a,
            associated: 0x00,
            max_unauthenticated: 32,
            max_authenticated: 12,
            key_bytes: 32,
            code: super::AES_256_GCM,
        }
    }

    /// Whether the drive encrypts with it (ENCRYPT_C is 1 or 2).
    pub fn encrypts(&self) -> bool {
        matches!(self.abilities & 0x03, 1 | 2)
    }

    /// Whether it decrypts with it (DECRYPT_C is 1 or 2).
    pub fn decrypts(&self) -> bool {
        matches!(self.abilities >> 2 & 0x03, 1 | 2)
    }
}

/// Reads the page. A descriptor that is cut off ends the list.
pub fn decode(bytes: &[u8]) -> Result<Capabilities, Malformed> {
    const OF: &str = "the data encryption capabilities page";
    let body = body(bytes, CODE, OF)?;
    let configuration = u8_at(body, 0).ok_or(Malformed::short(OF))?;
    let mut rest = body.get(HEAD..).unwrap_or_default();
    let mut algorithms = Vec::new();
    while let Some(length) = u16_at(rest, 2) {
        let fields = (u8_at(rest, 0), u8_at(rest, 4), u8_at(rest, 5), u16_at(rest, 6), u16_at(rest, 8));
        let (Some(index), Some(abilities), Some(associated), Some(max_unauthenticated), Some(max_authenticated)) =
            fields
        else {
            break;
        };
        let (Some(key_bytes), Some(code)) = (u16_at(rest, 10), u32_at(rest, 20)) else { break };
        algorithms.push(Algorithm {
            index,
            abilities,
            associated,
            max_unauthenticated,
            max_authenticated,
            key_bytes,
            code,
        });
        rest = rest.get(4 + usize::from(length)..).unwrap_or_default();
    }
    Ok(Capabilities { configuration, algorithms })
}

/// The page, as a device writes it.
pub fn encode(capabilities: &Capabilities) -> Vec<u8> {
    let mut body = vec![0; HEAD];
    if let Some(first) = body.first_mut() {
        *first = capabilities.configuration;
    }
    for algorithm in &capabilities.algorithms {
        let [high, low] = DESCRIPTOR.to_be_bytes();
        body.extend([algorithm.index, 0, high, low, algorithm.abilities, algorithm.associated]);
        body.extend(algorithm.max_unauthenticated.to_be_bytes());
        body.extend(algorithm.max_authenticated.to_be_bytes());
        body.extend(algorithm.key_bytes.to_be_bytes());
        body.extend([0; 8]);
        body.extend(algorithm.code.to_be_bytes());
    }
    page(CODE, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_lto_drive() {
        let mut bytes = vec![0, 0x10, 0, 0x28, 0x09];
        bytes.extend([0; 15]);
        bytes.extend([1, 0, 0, 0x14, 0x3a, 0, 0, 0x20, 0, 0x0c, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x14]);
        let read = decode(&bytes).unwrap();
        assert_eq!(read.algorithms, [Algorithm::lto(1)]);
        assert!(read.algorithms[0].encrypts() && read.algorithms[0].decrypts());
        assert_eq!(encode(&read), bytes);
        assert_eq!(decode(&bytes[..30]).unwrap().algorithms, []);
        assert!(decode(&bytes[..4]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 4..120)) {
            bytes[..2].copy_from_slice(&CODE.to_be_bytes());
            if let Ok(read) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&read)), Ok(read));
            }
        }
    }
}
