//! Codes of an app: time-based one-time passwords (RFC 6238), six digits of HMAC-SHA-1 for each half minute, which is what every
//! app understands.

use crate::{Error, Result};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use zeroize::Zeroizing;

/// Seconds that one code is shown.
pub const PERIOD: i64 = 30;
/// Clocks differ: so many codes before and after the present one are taken, too (RFC 6238, 5.2).
const SLACK: i64 = 1;
/// As long as the hash (RFC 4226, 4).
const SECRET: usize = 20;
const ISSUER: &str = "TapeBackarr";

/// What the app and the server know, and nobody else.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A new one.
    pub fn generate() -> Result<Secret> {
        let mut bytes = Zeroizing::new(vec![0; SECRET]);
        openssl::rand::rand_bytes(&mut bytes)
            .map_err(|error| Error::internal(format!("no randomness for a second factor: {error}")))?;
        Ok(Secret(bytes))
    }

    /// One that was kept.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Secret {
        Secret(bytes)
    }

    /// To be kept, sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(base32(&self.0))
    }

    /// As an app reads it from a picture; `account` tells several apart.
    pub fn uri(&self, account: &str) -> Zeroizing<String> {
        let (label, secret) = (escaped(account), base32(&self.0));
        Zeroizing::new(format!(
            "otpauth://totp/{ISSUER}:{label}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits=6&period={PERIOD}"
        ))
    }

    /// The half minute whose code `typed` is, if it is one of now or close to it.
    pub fn step_of(&self, typed: &str, unix_seconds: i64) -> Result<Option<i64>> {
        let now = unix_seconds.div_euclid(PERIOD);
        let mut found = None;
        for step in now - SLACK..=now + SLACK {
            let code = self.code(step)?;
            // every one is compared, and each in the same time
            if code.len() == typed.len() && openssl::memcmp::eq(code.as_bytes(), typed.as_bytes()) {
                found = Some(step);
            }
        }
        Ok(found)
    }

    /// The code of a half minute (RFC 4226, 5.3).
    pub fn code(&self, step: i64) -> Result<String> {
        let mac = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
            let key = PKey::hmac(&self.0)?;
            Signer::new(MessageDigest::sha1(), &key)?.sign_oneshot_to_vec(&step.to_be_bytes())
        };
        let mac = mac().map_err(|error| Error::internal(format!("cannot compute a code: {error}")))?;
        let offset = usize::from(mac.last().copied().unwrap_or_default() & 0x0f);
        let four: [u8; 4] = mac
            .get(offset..offset + 4)
            .and_then(|four| four.try_into().ok())
            .ok_or_else(|| Error::internal("cannot compute a code: the hash is too short"))?;
        Ok(format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000))
    }
}

/// Base 32 (RFC 4648) without padding.
pub fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut held, mut bits) = (String::new(), 0u32, 0);
    let mut put = |five: u32| text.extend(LETTERS.get(five as usize & 31).map(|letter| char::from(*letter)));
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            put(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        put(held << (5 - bits));
    }
    text
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_standard() -> Secret {
        Secret(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, its last six digits
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(of_the_standard().code(seconds / PERIOD).unwrap(), code);
            assert_eq!(of_the_standard().step_of(code, seconds).unwrap(), Some(seconds / PERIOD));
        }
    }

    #[test]
    fn clocks_may_differ_by_half_a_minute_and_no_more() {
        let (secret, now) = (of_the_standard(), 1_234_567_890);
        let taken = |offset: i64| secret.step_of(&secret.code(now / PERIOD + offset).unwrap(), now).unwrap();
        assert_eq!([-2, -1, 0, 1, 2].map(|offset| taken(offset).is_some()), [false, true, true, true, false]);
        for wrong in ["", "00592", "0059240", "５92400", "garbage"] {
            assert_eq!(secret.step_of(wrong, now).unwrap(), None, "{wrong}");
        }
    }

    #[test]
    fn base32_is_that_of_the_standard() {
        // RFC 4648, 10
        for (plain, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), text);
        }
        assert_eq!(Secret::generate().unwrap().text().len(), 32);
    }

    #[test]
    fn an_app_can_read_the_address() {
        let uri = of_the_standard().uri("ann & bob@tapes");
        assert_eq!(
            *uri,
            "otpauth://totp/TapeBackarr:ann%20%26%20bob%40tapes?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=TapeBackarr\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
