//! Supported key formats page (0011h): SSC-5, 8.5.2.

use super::{body, page};
use crate::Malformed;

/// Page code.
pub const CODE: u16 = 0x0011;
/// The key itself.
pub const PLAIN_TEXT: u8 = 0x00;

/// The key formats that the drive takes.
pub fn decode(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    body(bytes, CODE, "the supported key formats page").map(<[u8]>::to_vec)
}

/// The page, as a device writes it.
pub fn encode(formats: &[u8]) -> Vec<u8> {
    page(CODE, formats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_specified() {
        assert_eq!(decode(&[0, 0x11, 0, 1, 0]), Ok(vec![PLAIN_TEXT]));
        assert_eq!(encode(&[PLAIN_TEXT]), [0, 0x11, 0, 1, 0]);
        assert_eq!(decode(&[0, 0x11, 0, 9, 0]), Ok(vec![0]));
        assert!(decode(&[0, 0x12, 0, 1, 0]).is_err() && decode(&[0]).is_err());
    }
}
