//! Supported log pages page (00h): SPC-5, 7.3. Its body is a list of page codes, not of parameters.

use crate::Malformed;
use crate::bytes::u16_at;

/// Page code.
pub const CODE: u8 = 0x00;

/// The codes of the pages that the device has.
pub fn decode(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let length = u16_at(bytes, 2).ok_or(Malformed::short("the supported log pages page"))?;
    let list = bytes.get(4..).unwrap_or_default();
    let list = list.get(..usize::from(length)).unwrap_or(list);
    Ok(list.iter().map(|code| code & 0x3f).collect())
}

/// The page, as a device writes it; at most 64 codes.
pub fn encode(codes: &[u8]) -> Vec<u8> {
    let codes = codes.get(..64).unwrap_or(codes);
    let mut bytes = vec![CODE, 0, 0, codes.len() as u8];
    bytes.extend(codes.iter().map(|code| code & 0x3f));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_specified() {
        let bytes = [0, 0, 0, 5, 0x00, 0x02, 0x03, 0x0c, 0x2e];
        assert_eq!(decode(&bytes), Ok(vec![0, 2, 3, 0x0c, 0x2e]));
        assert_eq!(encode(&[0, 2, 3, 0x0c, 0x2e]), bytes);
        assert_eq!(decode(&bytes[..6]), Ok(vec![0, 2]));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(codes) = decode(&bytes) {
                prop_assert!(codes.len() <= bytes.len());
            }
        }
    }
}
