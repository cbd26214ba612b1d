//! Recovery codes: for whoever has lost the app. 80 random bits each, so that a plain SHA-256 cannot be guessed back.

use super::totp::base32;
use crate::{Error, Result};

/// How many there are.
const COUNT: usize = 10;
/// Random bytes of one.
const BYTES: usize = 10;
/// Letters and digits of one.
const LENGTH: usize = BYTES * 8 / 5;

/// New codes as people write them down: `ABCD-EFGH-IJKL-MNOP`.
pub fn generate() -> Result<Vec<String>> {
    let one = |_| {
        let mut bytes = [0; BYTES];
        openssl::rand::rand_bytes(&mut bytes)
            .map_err(|error| Error::internal(format!("no randomness for a recovery code: {error}")))?;
        let text = base32(&bytes);
        let groups: Vec<&str> = (0..LENGTH).step_by(4).filter_map(|at| text.get(at..at + 4)).collect();
        Ok(groups.join("-"))
    };
    (0..COUNT).map(one).collect()
}

/// What is kept of a code, however it was typed; none if it cannot be one.
pub fn hash(typed: &str) -> Option<String> {
    let plain: String = typed.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase()).collect();
    let fits = plain.len() == LENGTH && plain.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    fits.then(|| hex::encode(openssl::sha::sha256(plain.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_are_known_however_they_are_typed() {
        let codes = generate().unwrap();
        assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), COUNT);
        for code in &codes {
            assert_eq!(code.len(), 19, "{code}");
            let sloppy = format!(" {} ", code.to_lowercase().replace('-', " "));
            assert_eq!(hash(code).unwrap(), hash(&sloppy).unwrap());
        }
        for other in ["", "123456", "ABCD-EFGH-IJKL-MNO1", "ABCD-EFGH-IJKL-MNOPQ", "ÄBCD-EFGH-IJKL-MNO"] {
            assert_eq!(hash(other), None, "{other}");
        }
    }
}
