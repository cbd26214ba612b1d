//! The label: the one 512-byte block in file 0 that says which tape this is.
//!
//! `TAPEBACKARR|label|uuid|pool|timestamp|encryption_fingerprint|compression_type`, NUL padded. Written whole or not at
//! all: what does not fit is refused when the tape is created, never cut. Readers accept 2 to 7 fields, and uuids with
//! or without dashes; a label of version 1 that has no uuid gets one made of its name.

use crate::{FormatError, Result};
use uuid::Uuid;

/// Size of the label block in bytes.
pub const LABEL_SIZE: usize = 512;
/// Longest name of a tape in bytes.
pub const MAX_NAME: usize = 64;

const MAGIC: &str = "TAPEBACKARR";

/// What a label says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// Name of the tape.
    pub label: String,
    /// Identity of the tape; [made of its name](Label::uuid_of_name) if the label has none.
    pub uuid: Uuid,
    /// Pool it was labelled for.
    pub pool: String,
    /// When it was labelled, in Unix seconds; 0 if the label does not say.
    pub timestamp: i64,
    /// Fingerprint of the encryption key of the tape, empty if none.
    pub key_fingerprint: String,
    /// Compression the tape was labelled for, empty if none.
    pub compression: String,
}

impl Label {
    /// The label as the block that goes to tape.
    ///
    /// # Errors
    /// [`FormatError::InvalidName`] if a field holds what a label cannot, or if they do not fit together.
    pub fn encode(&self) -> Result<[u8; LABEL_SIZE]> {
        Self::validate_name(&self.label)?;
        for (what, value) in
            [("pool", &self.pool), ("key fingerprint", &self.key_fingerprint), ("compression", &self.compression)]
        {
            validate_field(what, value)?;
        }
        let text = format!(
            "{MAGIC}|{}|{}|{}|{}|{}|{}",
            self.label, self.uuid, self.pool, self.timestamp, self.key_fingerprint, self.compression
        );
        let mut block = [0; LABEL_SIZE];
        match block.get_mut(..text.len()) {
            // One NUL at least ends the text, so that a reader of strings stops.
            Some(room) if text.len() < LABEL_SIZE => room.copy_from_slice(text.as_bytes()),
            _ => {
                return Err(FormatError::InvalidName {
                    what: "label block",
                    value: self.label.clone(),
                    reason: format!("its fields need {} bytes together, and {} fit", text.len(), LABEL_SIZE - 1),
                });
            }
        }
        Ok(block)
    }

    /// The label in the first block of a tape.
    ///
    /// # Errors
    /// [`FormatError::NotALabel`] for anything else.
    pub fn decode(block: &[u8]) -> Result<Label> {
        let bad = |reason: &str| FormatError::NotALabel(reason.to_owned());
        let head = block.get(..LABEL_SIZE).unwrap_or(block);
        let end = head.iter().position(|&b| b == 0).unwrap_or(head.len());
        let (text, padding) = head.split_at(end);
        if !text.starts_with(MAGIC.as_bytes()) {
            return Err(bad("it does not begin with TAPEBACKARR"));
        }
        if padding.iter().any(|&b| b != 0) {
            return Err(bad("there is data behind its text"));
        }
        let text = std::str::from_utf8(text).map_err(|_| bad("it is not text"))?;
        let fields: Vec<&str> = text.trim_end_matches(['\n', ' ']).split('|').collect();
        if fields.first() != Some(&MAGIC) || !(2..=7).contains(&fields.len()) {
            return Err(bad("it does not have 2 to 7 fields"));
        }
        let field = |i: usize| fields.get(i).copied().unwrap_or("");
        let uuid = match field(2) {
            "" => Label::uuid_of_name(field(1)),
            text => Uuid::try_parse(text).map_err(|_| bad("its uuid is not one"))?,
        };
        let timestamp = match field(4) {
            "" => 0,
            text => text.parse().map_err(|_| bad("its time is not a number"))?,
        };
        let label = Label {
            label: field(1).to_owned(),
            uuid,
            pool: field(3).to_owned(),
            timestamp,
            key_fingerprint: field(5).to_owned(),
            compression: field(6).to_owned(),
        };
        if label.label.is_empty() || label.label.chars().any(char::is_control) {
            return Err(bad("it has no usable name"));
        }
        Ok(label)
    }

    /// The identity of a tape whose label has a name only, as labels of version 1 may: always the same for a name.
    pub fn uuid_of_name(name: &str) -> Uuid {
        let mut hash = openssl::sha::Sha256::new();
        hash.update(b"tape without a uuid: ");
        hash.update(name.as_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finish()).for_each(|(to, from)| *to = from);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Whether `name` can be the name of a tape: 1 to 64 bytes, no `|`, no control characters, no space at its ends.
    ///
    /// # Errors
    /// [`FormatError::InvalidName`] saying what is wrong with it.
    pub fn validate_name(name: &str) -> Result<()> {
        validate_field("label", name)?;
        let reason = if name.is_empty() {
            "it is empty".to_owned()
        } else if name.len() > MAX_NAME {
            format!("it has {} bytes, and at most {MAX_NAME} are allowed", name.len())
        } else {
            return Ok(());
        };
        Err(FormatError::InvalidName { what: "label", value: name.to_owned(), reason })
    }
}

fn validate_field(what: &'static str, value: &str) -> Result<()> {
    let reason = if value.contains('|') {
        "it contains '|', which separates the fields of a label"
    } else if value.chars().any(char::is_control) {
        "it contains control characters"
    } else if value.trim() != value {
        "it begins or ends with a space"
    } else {
        return Ok(());
    };
    Err(FormatError::InvalidName { what, value: value.to_owned(), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(text: &[u8]) -> [u8; LABEL_SIZE] {
        let mut block = [0; LABEL_SIZE];
        block[..text.len()].copy_from_slice(text);
        block
    }

    #[test]
    fn reads_short_and_undashed_labels() {
        let label = Label::decode(&block(b"TAPEBACKARR|ABC001")).unwrap();
        assert_eq!((label.label.as_str(), label.timestamp), ("ABC001", 0));
        assert_eq!(label.uuid, Label::decode(&block(b"TAPEBACKARR|ABC001||POOL|5")).unwrap().uuid);
        assert_ne!(label.uuid, Label::decode(&block(b"TAPEBACKARR|ABC002")).unwrap().uuid);
        let label =
            Label::decode(&block(b"TAPEBACKARR|A|6fa459eaee8a3ca4894edb77e160355e|DAILY|1700000000||none")).unwrap();
        assert_eq!(label.uuid.to_string(), "6fa459ea-ee8a-3ca4-894e-db77e160355e");
        assert_eq!(
            (label.timestamp, label.pool.as_str(), label.compression.as_str()),
            (1_700_000_000, "DAILY", "none")
        );
    }

    #[test]
    fn refuses_what_is_not_a_label() {
        for text in [
            &b""[..],
            b"TAPEBACKARR",
            b"TAPEBACKARRX|A",
            b"TAPEBACKARR|",
            b"TAPEBACKARR|a|b|c|d|e|f|g",
            b"TAPEBACKARR|a|nouuid",
            b"TAPEBACKARR|a||p|yesterday",
            b"TAPEBACKARR|a\xff",
            b"TAPEBACKARR|a\0junk",
            b"TAPEBACKARR|a\x07b",
        ] {
            assert!(Label::decode(&block(text)).is_err(), "{}", String::from_utf8_lossy(text));
        }
        assert!(Label::decode(&[]).is_err());
    }

    #[test]
    fn refuses_names_that_do_not_fit() {
        for name in ["", "a|b", "a\nb", " a", "a ", &"x".repeat(65)] {
            assert!(Label::validate_name(name).is_err(), "{name:?}");
        }
        let label = Label { label: "A".into(), pool: "p".repeat(500), ..Label::default() };
        assert!(label.encode().is_err());
    }

    proptest! {
        #[test]
        fn roundtrip(name in "[A-Za-z0-9äß_-]{1,20}", pool in "[A-Z]{0,30}", timestamp: i64, bytes: [u8; 16],
                     fingerprint in "([0-9a-f]{64})?", compression in "(none|zstd|)") {
            let label = Label { label: name, uuid: Uuid::from_bytes(bytes), pool, timestamp,
                                key_fingerprint: fingerprint, compression };
            prop_assert_eq!(Label::decode(&label.encode().unwrap()).unwrap(), label);
        }

        #[test]
        fn hostile_blocks_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Label::decode(&bytes);
            let mut with_magic = b"TAPEBACKARR|".to_vec();
            with_magic.extend(&bytes);
            let _ = Label::decode(&with_magic);
        }
    }
}
