//! Tape data encryption in support page (0000h) and out support page (0001h): SSC-5, 8.5.2.

use super::{body, page};
use crate::Malformed;

/// Page code of the list of pages for SECURITY PROTOCOL IN.
pub const IN: u16 = 0x0000;
/// Page code of the list of pages for SECURITY PROTOCOL OUT.
pub const OUT: u16 = 0x0001;

/// The codes in the list.
pub fn decode(bytes: &[u8], code: u16) -> Result<Vec<u16>, Malformed> {
    let body = body(bytes, code, "the tape data encryption support page")?;
    Ok(body.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes)).collect())
}

/// The list, as a device writes it.
pub fn encode(code: u16, pages: &[u16]) -> Vec<u8> {
    page(code, &pages.iter().flat_map(|page| page.to_be_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_specified() {
        let bytes = [0, 0, 0, 6, 0, 0, 0, 0x10, 0, 0x20];
        assert_eq!(decode(&bytes, IN), Ok(vec![0, 0x10, 0x20]));
        assert_eq!(encode(IN, &[0, 0x10, 0x20]), bytes);
        assert!(decode(&bytes, OUT).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(pages) = decode(&bytes, IN) {
                prop_assert_eq!(decode(&encode(IN, &pages), IN), Ok(pages));
            }
        }
    }
}
