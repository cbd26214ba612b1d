//! Text fields: ASCII, filled with blanks (SPC-5, 4.3.1), as devices really send it.

/// The text of a field, without what fills it: blanks, and the zeros that some devices use instead. What is no printable
/// ASCII becomes `?`, so that nothing of it can play tricks on a terminal or a page.
pub(crate) fn ascii(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { fill_or_unknown(byte) })
        .collect();
    text.trim().to_owned()
}

/// Zeros fill like blanks; so does FFh, which unwritten memory is full of.
fn fill_or_unknown(byte: u8) -> char {
    if matches!(byte, 0x00 | 0xff) { ' ' } else { '?' }
}

/// Writes text into a field, cut to its length and filled with blanks.
pub(crate) fn put_ascii(field: &mut [u8], text: &str) {
    let mut bytes = text.bytes();
    for place in field {
        *place = bytes.next().unwrap_or(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_trimmed_and_harmless() {
        assert_eq!(ascii(b"  HU19477T3A  "), "HU19477T3A");
        assert_eq!(ascii(b"A00001L9\0\0\0"), "A00001L9");
        assert_eq!(ascii(&[0xff; 8]), "");
        assert_eq!(ascii(b"A\x1b[31mB"), "A?[31mB");
        let mut field = [0; 4];
        put_ascii(&mut field, "IBM");
        assert_eq!(&field, b"IBM ");
        put_ascii(&mut field, "STORAGETEK");
        assert_eq!(&field, b"STOR");
    }
}
