//! CHAP (RFC 7143, 12.1.3; RFC 1994): the initiator proves that it knows the secret without sending it.

use super::text::{binary, hexadecimal, put, value};
use openssl::hash::{MessageDigest, hash};
use std::fmt;
use zeroize::Zeroizing;

/// Shortest secret that is taken: RFC 7143, 9.2.1 asks for 96 bits where no IPsec protects the connection.
pub const MIN_SECRET: usize = 12;
/// Algorithms: MD5 of RFC 1994, and SHA-256, which newer initiators know.
const MD5: &str = "5";
const SHA256: &str = "7";

/// Who may log in.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    secret: Zeroizing<Vec<u8>>,
}

impl Credentials {
    /// A user and the secret; surrounding white space of the secret does not count.
    ///
    /// Errors: in words, if the secret is too short to be one.
    pub fn new(user: &str, secret: &[u8]) -> Result<Credentials, String> {
        let secret = secret.trim_ascii();
        if user.is_empty() {
            return Err("the CHAP user has no name".into());
        }
        if secret.len() < MIN_SECRET {
            return Err(format!("a CHAP secret has at least {MIN_SECRET} characters, this one has {}", secret.len()));
        }
        Ok(Credentials { user: user.to_owned(), secret: Zeroizing::new(secret.to_vec()) })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// One exchange: a challenge that is used once.
pub(crate) struct Challenge {
    digest: MessageDigest,
    identifier: u8,
    challenge: [u8; 16],
}

impl Challenge {
    /// Chooses one of the algorithms that the initiator offers (`CHAP_A`), and writes the challenge. `None` if none fits.
    pub fn new(pairs: &[(String, String)], answer: &mut Vec<u8>) -> Option<Challenge> {
        let offered = value(pairs, "CHAP_A")?;
        let known = |algorithm: &&str| matches!(*algorithm, MD5 | SHA256);
        let algorithm = offered.split(',').map(str::trim).find(known)?;
        let digest = if algorithm == SHA256 { MessageDigest::sha256() } else { MessageDigest::md5() };
        let mut random = [0; 17];
        openssl::rand::rand_bytes(&mut random).ok()?;
        let [identifier, challenge @ ..] = random;
        put(answer, "CHAP_A", algorithm);
        put(answer, "CHAP_I", &identifier.to_string());
        put(answer, "CHAP_C", &hexadecimal(&challenge));
        Some(Challenge { digest, identifier, challenge })
    }

    /// Whether the answer (`CHAP_N`, `CHAP_R`) proves knowledge of the secret.
    pub fn proves(&self, pairs: &[(String, String)], credentials: &Credentials) -> bool {
        let (Some(user), Some(response)) = (value(pairs, "CHAP_N"), value(pairs, "CHAP_R").and_then(binary)) else {
            return false;
        };
        let Some(expected) = self.expected(&credentials.secret) else { return false };
        let same = response.len() == expected.len() && openssl::memcmp::eq(&response, &expected);
        same && user == credentials.user
    }

    fn expected(&self, secret: &[u8]) -> Option<Vec<u8>> {
        let mut input = Zeroizing::new(vec![self.identifier]);
        input.extend(secret);
        input.extend(self.challenge);
        hash(self.digest, &input).ok().map(|digest| digest.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::decode;
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        decode(text.replace(' ', "\0").as_bytes()).unwrap()
    }

    #[test]
    fn only_the_secret_answers() {
        let credentials = Credentials::new("robot", b"a long secret\n").unwrap();
        for (offer, chosen) in [("CHAP_A=5", "5"), ("CHAP_A=7,5", "7"), ("CHAP_A=6,8,5", "5")] {
            let mut answer = Vec::new();
            let challenge = Challenge::new(&pairs(offer), &mut answer).unwrap();
            assert_eq!(value(&decode(&answer).unwrap(), "CHAP_A"), Some(chosen));
            let right = hexadecimal(&challenge.expected(b"a long secret").unwrap());
            let wrong = hexadecimal(&challenge.expected(b"another secret").unwrap());
            assert!(challenge.proves(&pairs(&format!("CHAP_N=robot CHAP_R={right}")), &credentials));
            assert!(!challenge.proves(&pairs(&format!("CHAP_N=robot CHAP_R={wrong}")), &credentials));
            assert!(!challenge.proves(&pairs(&format!("CHAP_N=other CHAP_R={right}")), &credentials));
            assert!(!challenge.proves(&pairs("CHAP_N=robot CHAP_R=0x"), &credentials));
            assert!(!challenge.proves(&pairs("CHAP_N=robot"), &credentials));
        }
        assert!(Challenge::new(&pairs("CHAP_A=6"), &mut Vec::new()).is_none());
    }

    /// MD5 over identifier 1, secret, challenge; the value was computed with another program (md5sum).
    #[test]
    fn the_digest_is_that_of_rfc_1994() {
        let challenge = Challenge { digest: MessageDigest::md5(), identifier: b'1', challenge: *b"0123456789abcdef" };
        let digest = challenge.expected(b"secretsecret").unwrap();
        assert_eq!(hexadecimal(&digest), MD5_OF_1SECRETSECRET0123456789ABCDEF);
    }

    const MD5_OF_1SECRETSECRET0123456789ABCDEF: &str = "0x65f967ba50af18c5de54f949cfe482e5";

    #[test]
    fn secrets_are_long_and_never_printed() {
        assert!(Credentials::new("robot", b"short").is_err());
        assert!(Credentials::new("", b"a long secret").is_err());
        assert!(!format!("{:?}", Credentials::new("robot", b"a long secret").unwrap()).contains("long"));
    }
}
