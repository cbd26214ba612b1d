//! Keys and values of login and text messages (RFC 7143, 6.1): `Key=value`, each ended by a zero.

use super::Broken;

/// As much as one exchange may need; the keys of a login are a few hundred bytes.
pub(crate) const MAX_TEXT: usize = 16 << 10;

/// Reads the pairs in their order.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<(String, String)>, Broken> {
    let mut pairs = Vec::new();
    for pair in bytes.split(|&byte| byte == 0).filter(|pair| !pair.is_empty()) {
        let text = std::str::from_utf8(pair).map_err(|_| Broken::Protocol("keys are no text"))?;
        let (key, value) = text.split_once('=').ok_or(Broken::Protocol("a key without a value"))?;
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

/// Writes one pair.
pub(crate) fn put(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend(key.as_bytes());
    out.push(b'=');
    out.extend(value.as_bytes());
    out.push(0);
}

/// The value of a key.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// A large binary value: `0x…`, or `0b…` in base 64 (RFC 7143, 6.1).
pub(crate) fn binary(value: &str) -> Option<Vec<u8>> {
    if let Some(digits) = value.strip_prefix("0x").or(value.strip_prefix("0X")) {
        let padded = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
        return hex::decode(padded).ok();
    }
    let digits = value.strip_prefix("0b").or(value.strip_prefix("0B"))?;
    openssl::base64::decode_block(digits).ok()
}

/// A binary value in hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_come_in_order() {
        let pairs = decode(b"A=1\0B=x=y\0\0C=\0").unwrap();
        assert_eq!(pairs.len(), 3);
        assert_eq!((value(&pairs, "B"), value(&pairs, "C"), value(&pairs, "D")), (Some("x=y"), Some(""), None));
        assert!(decode(b"nothing\0").is_err());
        assert!(decode(&[b'A', b'=', 0xff, 0]).is_err());
    }

    #[test]
    fn binary_values_in_both_notations() {
        assert_eq!(binary("0x0aFf"), Some(vec![10, 255]));
        assert_eq!(binary("0xaff"), Some(vec![10, 255]));
        assert_eq!(binary("0bCv8="), Some(vec![10, 255]));
        for wrong in ["12", "0xgg", "0x+1", "0b*", "0xé"] {
            assert_eq!(binary(wrong), None, "{wrong}");
        }
        assert_eq!(hexadecimal(&[10, 255]), "0x0aff");
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            let _ = decode(&bytes);
            let _ = binary(&text);
            let _ = binary(&format!("0x{text}"));
        }
    }
}
