//! Numbers in tar headers: octal text, and GNU's base-256 for what does not fit.

/// Writes `value` into `field` as octal digits and a NUL, or in base-256 if it has too many digits. Tells whether it
/// fitted as octal.
pub(super) fn write(field: &mut [u8], value: u64) -> bool {
    let digits = field.len() - 1;
    if digits * 3 < 64 && value >> (digits * 3) != 0 {
        write_binary(field, value);
        return false;
    }
    let mut rest = value;
    for place in field[..digits].iter_mut().rev() {
        *place = b'0' + (rest & 7) as u8;
        rest >>= 3;
    }
    field[digits] = 0;
    true
}

fn write_binary(field: &mut [u8], value: u64) {
    let mut rest = value;
    for place in field.iter_mut().rev() {
        *place = rest as u8;
        rest >>= 8;
    }
    field[0] |= 0x80;
}

/// Reads a numeric field: octal with spaces or NULs around it, or base-256 (negative too). `None` if it is neither or
/// does not fit.
pub(super) fn read(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => read_binary(field),
        _ => read_octal(field),
    }
}

fn read_octal(field: &[u8]) -> Option<i64> {
    let text = field.trim_ascii_start();
    let end = text.iter().position(|&b| b == 0 || b == b' ').unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    // Some old writers leave garbage behind the NUL; nothing but the digits counts.
    if rest.is_empty() && digits.len() > field.len() {
        return None;
    }
    let mut value: i64 = 0;
    for &digit in digits {
        if !(b'0'..=b'7').contains(&digit) {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(i64::from(digit - b'0'))?;
    }
    Some(value)
}

fn read_binary(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    // Bit 6 of the first byte is the sign.
    let mut value: i64 = if first & 0x40 != 0 { i64::from(first | 0x80) - 256 } else { i64::from(first & 0x3F) };
    for &byte in rest {
        value = value.checked_mul(256)?.checked_add(i64::from(byte))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        assert_eq!(read(b"0000644\0"), Some(0o644));
        assert_eq!(read(b"   644 \0"), Some(0o644));
        assert_eq!(read(b"77777777"), Some(0o77777777));
        assert_eq!(read(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(read(b"0008\0"), None);
        assert_eq!(read(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(read(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(read(b""), Some(0));
    }

    proptest! {
        #[test]
        fn roundtrip(value in 0u64..(1 << 62)) {
            let mut field = [0; 12];
            let octal = write(&mut field, value);
            prop_assert_eq!(octal, value < 1 << 33);
            prop_assert_eq!(read(&field), Some(value as i64));
        }

        #[test]
        fn any_field_is_survived(field in prop::collection::vec(any::<u8>(), 0..14)) {
            let _ = read(&field);
        }
    }
}
