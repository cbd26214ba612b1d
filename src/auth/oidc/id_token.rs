//! The ID token: what the provider says of somebody, signed by it, for us, for this one login (OpenID Connect Core 1.0, 3.1.3.7).

use crate::auth::public_key::ACCEPTED;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use serde_json::{Map, Value};

/// Longest token that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// Longest name of a subject (OpenID Connect Core 1.0, section 2).
const LONGEST_SUBJECT: usize = 255;
/// The provider's clock may be ahead by so many seconds.
const AHEAD: i64 = 60;

/// What the token must be for.
#[derive(Debug)]
pub struct Expected<'a> {
    /// Who signed it.
    pub issuer: &'a str,
    /// For whom: us.
    pub client_id: &'a str,
    /// For which login.
    pub nonce: &'a str,
}

/// Why a token is not believed.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// None of these keys signed it: the provider may have new ones.
    NoKey,
    /// It is not good, and no other key makes it better.
    Bad(String),
}

/// What it says, if it is to be believed.
pub fn verify(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Map<String, Value>, Wrong> {
    if token.len() > LONGEST {
        return Err(bad("it is too long"));
    }
    // "none" and whatever else nobody knows fail here
    let header =
        jsonwebtoken::decode_header(token).map_err(|error| bad(format!("its head cannot be read ({error})")))?;
    if !ACCEPTED.contains(&header.alg) {
        return Err(bad(format!("it is signed with {:?}, which is not accepted", header.alg)));
    }
    if header.crit.is_some() {
        return Err(bad("it wants to be understood in a way that this server does not know (crit)"));
    }
    let named = |key: &&Jwk| header.kid.is_none() || key.common.key_id == header.kid;
    for key in keys.iter().filter(named).filter(|key| fits(key, header.alg)) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        match jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation(header.alg, expected)) {
            Ok(data) => return check(&data.claims, expected).map(|()| data.claims).map_err(bad),
            Err(error) => match error.kind() {
                ErrorKind::InvalidSignature | ErrorKind::InvalidKeyFormat => {}
                ErrorKind::ExpiredSignature => {
                    return Err(bad("it has expired: compare the clocks of this server and of the provider"));
                }
                ErrorKind::InvalidIssuer => return Err(bad("it is of another issuer")),
                ErrorKind::InvalidAudience => return Err(bad("it is for somebody else (aud)")),
                _ => return Err(bad(error.to_string())),
            },
        }
    }
    Err(Wrong::NoKey)
}

fn bad(why: impl Into<String>) -> Wrong {
    Wrong::Bad(why.into())
}

/// Whether the key is one for signatures of this kind.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let shape = match &key.algorithm {
        AlgorithmParameters::RSA(_) => algorithm.family() == AlgorithmFamily::Rsa,
        AlgorithmParameters::EllipticCurve(key) => match algorithm {
            Algorithm::ES256 => key.curve == EllipticCurve::P256,
            Algorithm::ES384 => key.curve == EllipticCurve::P384,
            _ => false,
        },
        _ => false,
    };
    let used = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let meant =
        key.common.key_algorithm.is_none_or(|meant| Algorithm::try_from(meant).is_ok_and(|meant| meant == algorithm));
    shape && used && meant
}

fn validation(algorithm: Algorithm, expected: &Expected<'_>) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    // it would be taken off the time, which panics in the first seconds of 1970, where a clock without a battery begins
    validation.leeway = 0;
    validation
}

/// What `jsonwebtoken` does not look at, or not as strictly.
fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), String> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err("it is of another issuer".into());
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    let party = claims.get("azp");
    if (several || party.is_some()) && party.and_then(Value::as_str) != Some(expected.client_id) {
        return Err("it was given to somebody else (azp)".into());
    }
    if text("nonce") != Some(expected.nonce) {
        return Err("it is for another login (nonce)".into());
    }
    let latest = chrono::Utc::now().timestamp() + AHEAD;
    for name in ["iat", "nbf"] {
        let time = claims.get(name).map(|value| value.as_f64().unwrap_or(f64::INFINITY));
        // to the second is enough
        if time.is_some_and(|time| time > latest as f64) {
            return Err(format!("it is of the future ({name}): compare the clocks of this server and of the provider"));
        }
    }
    let subject = text("sub").unwrap_or_default();
    if subject.is_empty() || subject.len() > LONGEST_SUBJECT || subject.chars().any(char::is_control) {
        return Err("its subject (sub) is no name of at most 255 characters".into());
    }
    Ok(())
}
