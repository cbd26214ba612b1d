//! Paths as text, without loss.
//!
//! The kernel allows any bytes in a name; JSON, the database and people want text. Valid UTF-8 stays as it is. A byte
//! that is not part of valid UTF-8 becomes the character U+10FF00 + byte (the end of a private plane), and a real
//! character of U+10FF00..=U+10FFFF has each of its four bytes written like that, so that nothing is ambiguous.

use std::borrow::Cow;

const ESCAPE: u32 = 0x10FF00;

fn escaped(byte: u8) -> char {
    // Always a valid character: the range ends at U+10FFFF.
    char::from_u32(ESCAPE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn is_escape(c: char) -> bool {
    u32::from(c) >= ESCAPE
}

/// A path as text. Lossless: [`from_text`] gives the same bytes back.
pub fn to_text(path: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(path)
        && (text.is_ascii() || !text.contains(is_escape))
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(path.len() + 16);
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_escape(c) {
                let mut bytes = [0; 4];
                out.extend(c.encode_utf8(&mut bytes).bytes().map(escaped));
            } else {
                out.push(c);
            }
        }
        out.extend(chunk.invalid().iter().copied().map(escaped));
    }
    Cow::Owned(out)
}

/// The bytes of a path that was made by [`to_text`].
pub fn from_text(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() || !text.contains(is_escape) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        if is_escape(c) {
            out.push((u32::from(c) & 0xFF) as u8);
        } else {
            let mut bytes = [0; 4];
            out.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn utf8_stays_and_bad_bytes_are_escaped() {
        assert_eq!(to_text("a/ä/日本\n".as_bytes()), "a/ä/日本\n");
        assert_eq!(to_text(b"a\xffb"), "a\u{10FFFF}b");
        assert_eq!(to_text("\u{10FFFF}".as_bytes()).chars().count(), 4);
        assert_eq!(from_text("a\u{10FF80}b").as_ref(), b"a\x80b");
    }

    proptest! {
        #[test]
        fn lossless(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let text = to_text(&bytes).into_owned();
            let back = from_text(&text);
            prop_assert_eq!(back.as_ref(), &bytes[..]);
        }

        #[test]
        fn lossless_near_the_escapes(chars in prop::collection::vec(0x10FE00u32..=0x10FFFF, 0..8), cut in 0usize..4) {
            let text: String = chars.into_iter().filter_map(char::from_u32).collect();
            let bytes = &text.as_bytes()[cut.min(text.len())..];
            let back = to_text(bytes).into_owned();
            let back = from_text(&back);
            prop_assert_eq!(back.as_ref(), bytes);
        }

        #[test]
        fn valid_text_is_kept(text in "[a-zäöü日/. \n-]{0,40}") {
            prop_assert_eq!(to_text(text.as_bytes()), text.clone());
        }
    }
}
