//! Signatures of OpenID providers, checked by OpenSSL for `jsonwebtoken`: RSA (PKCS #1 and PSS) and ECDSA (P-256, P-384), as
//! RFC 7518 has them.

use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::RsaPssSaltlen;

/// RFC 7518, section 3.3: an RSA key has at least so many bits.
const LEAST_RSA_BITS: u32 = 2048;

/// What is accepted: nothing without a signature, and nothing that is signed with a secret that others know.
pub const ACCEPTED: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// A key of somebody else, for one algorithm.
pub(super) struct PublicKey {
    algorithm: Algorithm,
    key: PKey<Public>,
}

impl PublicKey {
    /// The key for `algorithm`.
    ///
    /// # Errors
    /// It is not accepted, or the key is none for it.
    pub fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<PublicKey> {
        if !ACCEPTED.contains(&algorithm) || key.family() != algorithm.family() {
            return Err(Error::from(ErrorKind::InvalidAlgorithm));
        }
        let read = match (key.family(), key.kind()) {
            (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => rsa(n, e),
            (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => elliptic(algorithm, point),
            _ => return Err(Error::from(ErrorKind::InvalidKeyFormat)),
        };
        let key = read.map_err(|_| Error::from(ErrorKind::InvalidKeyFormat))?;
        if algorithm.family() == AlgorithmFamily::Rsa && key.bits() < LEAST_RSA_BITS {
            return Err(Error::from(ErrorKind::InvalidKeyFormat));
        }
        Ok(PublicKey { algorithm, key })
    }

    fn is_right(&self, message: &[u8], given: &[u8]) -> std::result::Result<bool, ErrorStack> {
        let digest = match self.algorithm {
            Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => MessageDigest::sha384(),
            Algorithm::RS512 | Algorithm::PS512 => MessageDigest::sha512(),
            _ => MessageDigest::sha256(),
        };
        let mut verifier = openssl::sign::Verifier::new(digest, &self.key)?;
        match self.algorithm {
            Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512 => {
                verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                verifier.set_rsa_mgf1_md(digest)?;
                verifier.verify_oneshot(given, message)
            }
            Algorithm::ES256 | Algorithm::ES384 => {
                // two numbers of a fixed length, which OpenSSL wants as ASN.1
                let length = if self.algorithm == Algorithm::ES256 { 32 } else { 48 };
                if given.len() != 2 * length {
                    return Ok(false);
                }
                let (r, s) = given.split_at(length);
                let pair = EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
                verifier.verify_oneshot(&pair.to_der()?, message)
            }
            _ => verifier.verify_oneshot(given, message),
        }
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> std::result::Result<PKey<Public>, ErrorStack> {
    PKey::from_rsa(Rsa::from_public_components(BigNum::from_slice(modulus)?, BigNum::from_slice(exponent)?)?)
}

fn elliptic(algorithm: Algorithm, point: &[u8]) -> std::result::Result<PKey<Public>, ErrorStack> {
    let curve = if algorithm == Algorithm::ES256 { Nid::X9_62_PRIME256V1 } else { Nid::SECP384R1 };
    let group = EcGroup::from_curve_name(curve)?;
    let point = EcPoint::from_bytes(&group, point, &mut *BigNumContext::new()?)?;
    let key = EcKey::from_public_key(&group, &point)?;
    key.check_key()?;
    PKey::from_ec_key(key)
}

impl Verifier<Vec<u8>> for PublicKey {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        match self.is_right(message, given) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(signature::Error::new()),
        }
    }
}

impl JwtVerifier for PublicKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
