//! Attributes of the medium auxiliary memory, the chip in a cartridge (SPC-5, 7.4).
//!
//! On the wire an attribute is: identifier (2 bytes), READ ONLY bit and format (1 byte), length (2 bytes), value
//! (SPC-5, 7.4.1, table 307).

use crate::attribute_id;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeValue {
    /// Format 00b: bytes, numbers big-endian.
    Binary(Vec<u8>),
    /// Format 01b: printable ASCII, padded with blanks on the wire and trimmed here.
    Ascii(String),
    /// Format 10b: text in the encoding that attribute 0805h names; here always UTF-8, padded with NUL on the wire.
    Text(String),
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its identifier; see [`attribute_id`].
    pub id: u16,
    /// The host may not change it.
    pub read_only: bool,
    /// Its value.
    pub value: AttributeValue,
}

/// Why bytes are not an attribute, or an attribute has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The answer ends within the attribute.
    #[error("cartridge memory: the answer ends after {have} bytes, the attribute needs {need}")]
    Truncated {
        /// Bytes there are.
        have: usize,
        /// Bytes the attribute announces.
        need: usize,
    },
    /// Format 11b is reserved.
    #[error("cartridge memory: attribute {id:04X}h has the reserved format 3")]
    Format {
        /// The attribute.
        id: u16,
    },
    /// An ASCII attribute with something else in it.
    #[error("cartridge memory: attribute {id:04X}h is declared ASCII but is not")]
    NotAscii {
        /// The attribute.
        id: u16,
    },
    /// Longer than the field on the wire, or than the standard allows this attribute to be.
    #[error("cartridge memory: attribute {id:04X}h takes at most {limit} bytes, not {length}")]
    TooLong {
        /// The attribute.
        id: u16,
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// Lengths that SPC-5 fixes, and so to which a value is padded (7.4.2.2 to 7.4.2.4).
const FIXED_LENGTHS: &[(u16, usize)] = &[
    (attribute_id::LAST_LOAD_DEVICE, 40),
    (attribute_id::MEDIUM_MANUFACTURER, 8),
    (attribute_id::MEDIUM_SERIAL, 32),
    (attribute_id::MEDIUM_MANUFACTURE_DATE, 8),
    (attribute_id::APPLICATION_VENDOR, 8),
    (attribute_id::APPLICATION_NAME, 32),
    (attribute_id::APPLICATION_VERSION, 8),
    (attribute_id::USER_MEDIUM_LABEL, 160),
    (attribute_id::LAST_WRITTEN, 12),
    (attribute_id::BARCODE, 32),
    (attribute_id::OWNING_HOST, 80),
    (attribute_id::MEDIA_POOL, 160),
    (attribute_id::APPLICATION_FORMAT_VERSION, 16),
];

impl Attribute {
    /// A number of `width` bytes (1 to 8), big-endian; larger numbers are cut to that width.
    pub fn number(id: u16, value: u64, width: usize) -> Attribute {
        let bytes = value.to_be_bytes();
        let start = bytes.len().saturating_sub(width);
        Attribute { id, read_only: false, value: AttributeValue::Binary(bytes[start..].to_vec()) }
    }

    /// An ASCII attribute.
    pub fn ascii(id: u16, value: impl Into<String>) -> Attribute {
        Attribute { id, read_only: false, value: AttributeValue::Ascii(value.into()) }
    }

    /// A text attribute.
    pub fn text(id: u16, value: impl Into<String>) -> Attribute {
        Attribute { id, read_only: false, value: AttributeValue::Text(value.into()) }
    }

    /// The same, marked as not to be changed by the host.
    pub fn read_only(self) -> Attribute {
        Attribute { read_only: true, ..self }
    }

    /// The value as a number, if it is binary and of 1 to 8 bytes.
    pub fn as_number(&self) -> Option<u64> {
        match &self.value {
            AttributeValue::Binary(bytes) if (1..=8).contains(&bytes.len()) => {
                Some(bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
            }
            _ => None,
        }
    }

    /// The value as a string, if it is ASCII or text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::Ascii(text) | AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }

    /// Checks that the value can be stored: ASCII where it says so, and no longer than the standard allows.
    pub fn validate(&self) -> Result<(), AttributeError> {
        let length = match &self.value {
            AttributeValue::Binary(bytes) => bytes.len(),
            AttributeValue::Ascii(text) if !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => {
                return Err(AttributeError::NotAscii { id: self.id });
            }
            AttributeValue::Ascii(text) | AttributeValue::Text(text) => text.len(),
        };
        let limit = fixed_length(self.id).unwrap_or(usize::from(u16::MAX));
        if length > limit { Err(AttributeError::TooLong { id: self.id, length, limit }) } else { Ok(()) }
    }

    /// Appends the attribute as WRITE ATTRIBUTE wants it.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), AttributeError> {
        self.validate()?;
        let (format, value, padding) = match &self.value {
            AttributeValue::Binary(bytes) => (0, bytes.as_slice(), None),
            AttributeValue::Ascii(text) => (1, text.as_bytes(), Some(b' ')),
            AttributeValue::Text(text) => (2, text.as_bytes(), Some(0)),
        };
        let length = padding.and(fixed_length(self.id)).unwrap_or(value.len());
        out.extend(self.id.to_be_bytes());
        out.push(u8::from(self.read_only) << 7 | format);
        // `validate` limits the value, and every fixed length is small.
        out.extend((length as u16).to_be_bytes());
        out.extend(value);
        out.extend(std::iter::repeat_n(padding.unwrap_or(0), length - value.len()));
        Ok(())
    }

    /// Reads the attribute at the beginning of `bytes`; also returns how many bytes it took.
    pub fn decode(bytes: &[u8]) -> Result<(Attribute, usize), AttributeError> {
        let [id_high, id_low, flags, length_high, length_low, rest @ ..] = bytes else {
            return Err(AttributeError::Truncated { have: bytes.len(), need: 5 });
        };
        let id = u16::from_be_bytes([*id_high, *id_low]);
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        let Some(value) = rest.get(..length) else {
            return Err(AttributeError::Truncated { have: bytes.len(), need: 5 + length });
        };
        let value = match flags & 0x03 {
            0 => AttributeValue::Binary(value.to_vec()),
            1 => AttributeValue::Ascii(decode_ascii(id, value)?),
            2 => AttributeValue::Text(decode_text(value)),
            _ => return Err(AttributeError::Format { id }),
        };
        Ok((Attribute { id, read_only: flags & 0x80 != 0, value }, 5 + length))
    }

    /// Reads a list of attributes one behind the other, as READ ATTRIBUTE returns them after its 4-byte length.
    pub fn decode_list(mut bytes: &[u8]) -> Result<Vec<Attribute>, AttributeError> {
        let mut attributes = Vec::new();
        while !bytes.is_empty() {
            let (attribute, used) = Attribute::decode(bytes)?;
            attributes.push(attribute);
            bytes = bytes.get(used..).unwrap_or(&[]);
        }
        Ok(attributes)
    }
}

fn fixed_length(id: u16) -> Option<usize> {
    FIXED_LENGTHS.iter().find(|&&(candidate, _)| candidate == id).map(|&(_, length)| length)
}

/// Cartridges pad with blanks, some with NUL; neither is part of the value.
fn decode_ascii(id: u16, value: &[u8]) -> Result<String, AttributeError> {
    let end = value.iter().rposition(|&byte| byte != 0 && byte != b' ').map_or(0, |last| last + 1);
    let value = value.get(..end).unwrap_or(&[]);
    if value.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        Ok(value.iter().map(|&byte| char::from(byte)).collect())
    } else {
        Err(AttributeError::NotAscii { id })
    }
}

/// Text ends at its first NUL. Other encodings than UTF-8 are shown as well as they can be: labels are for people.
fn decode_text(value: &[u8]) -> String {
    let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or(&[])).into_owned()
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}h ", self.id)?;
        match (&self.value, self.as_number()) {
            (_, Some(number)) => write!(f, "{number}"),
            (AttributeValue::Binary(bytes), None) => write!(f, "{} bytes", bytes.len()),
            (AttributeValue::Ascii(text) | AttributeValue::Text(text), None) => write!(f, "{text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capacity_is_a_number_of_eight_bytes() {
        let wire = [0x00, 0x00, 0x80, 0x00, 0x08, 0, 0, 0, 0, 0x01, 0x12, 0xa8, 0x80];
        let (attribute, used) = Attribute::decode(&wire).unwrap();
        assert_eq!((attribute.id, attribute.read_only, used), (0, true, 13));
        assert_eq!(attribute.as_number(), Some(18_000_000));
        let mut again = Vec::new();
        attribute.encode(&mut again).unwrap();
        assert_eq!(again, wire);
    }

    #[test]
    fn ascii_is_padded_to_its_length_and_trimmed_again() {
        let mut wire = Vec::new();
        Attribute::ascii(attribute_id::BARCODE, "TB0001L9").encode(&mut wire).unwrap();
        assert_eq!(wire.len(), 5 + 32);
        assert_eq!(Attribute::decode(&wire).unwrap().0.as_str(), Some("TB0001L9"));
    }

    #[test]
    fn wrong_values_are_refused() {
        let long = Attribute::ascii(attribute_id::APPLICATION_VENDOR, "far too long");
        assert_eq!(long.validate(), Err(AttributeError::TooLong { id: 0x800, length: 12, limit: 8 }));
        let umlaut = Attribute::ascii(attribute_id::APPLICATION_NAME, "Bänder");
        assert_eq!(umlaut.validate(), Err(AttributeError::NotAscii { id: 0x801 }));
        assert_eq!(Attribute::decode(&[8, 3, 2, 0, 4, b'a']), Err(AttributeError::Truncated { have: 6, need: 9 }));
        assert_eq!(Attribute::decode(&[8, 3, 3, 0, 0]), Err(AttributeError::Format { id: 0x803 }));
    }

    fn any_attribute() -> impl Strategy<Value = Attribute> {
        let value = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(AttributeValue::Binary),
            "[!-~]{0,8}".prop_map(AttributeValue::Ascii),
            "\\PC{0,20}".prop_map(AttributeValue::Text),
        ];
        // Identifiers without a fixed length among them, and some with one.
        let id = prop_oneof![0x0c00u16..0x0d00, Just(attribute_id::BARCODE), Just(attribute_id::USER_MEDIUM_LABEL)];
        (id, any::<bool>(), value).prop_map(|(id, read_only, value)| Attribute { id, read_only, value })
    }

    proptest! {
        #[test]
        fn lists_come_back(attributes in proptest::collection::vec(any_attribute(), 0..5)) {
            let mut wire = Vec::new();
            let mut kept = Vec::new();
            for attribute in attributes {
                if attribute.encode(&mut wire).is_ok() {
                    kept.push(attribute);
                }
            }
            prop_assert_eq!(Attribute::decode_list(&wire), Ok(kept));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Attribute::decode_list(&bytes).map(|list| list.iter().map(ToString::to_string).collect::<String>());
        }
    }
}
