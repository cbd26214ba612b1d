//! What `openssl enc -aes-256-cbc -pbkdf2 -iter 100000` writes: `Salted__`, 8 bytes of salt, AES-256-CBC with PKCS#7
//! padding. Key and initial value are 48 bytes of PBKDF2-HMAC-SHA256. Nothing in it proves that it is what was written.

use crate::crypt::Key;
use crate::{FormatError, Result};
use openssl::hash::MessageDigest;
use openssl::symm::{Cipher, Crypter, Mode};
use std::io::Read;
use zeroize::Zeroizing;

/// How it begins.
pub(crate) const MAGIC: &[u8] = b"Salted__";
const SALT: usize = 8;
const ITERATIONS: usize = 100_000;
/// Bytes of ciphertext that are decrypted at a time.
const CHUNK: usize = 64 << 10;
/// AES works on blocks of so many bytes.
const BLOCK: usize = 16;

/// Decrypts while it reads. The password is the base64 text of the key.
pub struct SaltedReader<R> {
    source: R,
    crypter: Crypter,
    cipher: Vec<u8>,
    plain: Vec<u8>,
    ready: std::ops::Range<usize>,
    ended: bool,
}

impl<R: Read> SaltedReader<R> {
    /// Begins at the header, `Salted__`.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] if there is none, [`FormatError::Crypto`] if the library fails. A wrong key is not
    /// noticed here: what comes out is nonsense then.
    pub fn new(key: &Key, mut source: R) -> Result<SaltedReader<R>> {
        let mut header = [0; MAGIC.len() + SALT];
        source.read_exact(&mut header).map_err(|_| FormatError::Truncated {
            what: "header of an encrypted stream".into(),
            missing: header.len() as u64,
        })?;
        let salt = header.strip_prefix(MAGIC).ok_or_else(|| FormatError::Crypto {
            action: "decrypt",
            reason: "it does not begin as openssl enc begins its output".into(),
        })?;
        Ok(SaltedReader {
            source,
            crypter: crypter(key, salt)?,
            cipher: vec![0; CHUNK],
            plain: vec![0; CHUNK + BLOCK],
            ready: 0..0,
            ended: false,
        })
    }

    fn fill(&mut self) -> Result<()> {
        while self.ready.is_empty() && !self.ended {
            let length = self.source.read(&mut self.cipher).map_err(FormatError::from_io)?;
            let decrypted = match self.cipher.get(..length).filter(|cipher| !cipher.is_empty()) {
                Some(cipher) => self.crypter.update(cipher, &mut self.plain).map_err(|e| failed("decrypt", &e)),
                None => {
                    self.ended = true;
                    self.crypter.finalize(&mut self.plain).map_err(|_| FormatError::Crypto {
                        action: "decrypt the end of the data",
                        reason: "it is cut short or damaged, or the key is another".into(),
                    })
                }
            };
            self.ready = 0..decrypted?;
        }
        Ok(())
    }
}

fn crypter(key: &Key, salt: &[u8]) -> Result<Crypter> {
    let password = Zeroizing::new(openssl::base64::encode_block(key.bytes()));
    let mut derived = Zeroizing::new([0; 48]);
    let digest = MessageDigest::sha256();
    openssl::pkcs5::pbkdf2_hmac(password.as_bytes(), salt, ITERATIONS, digest, derived.as_mut_slice())
        .map_err(|e| failed("derive a key", &e))?;
    let (key, iv) = derived.split_at(32);
    Crypter::new(Cipher::aes_256_cbc(), Mode::Decrypt, key, Some(iv)).map_err(|e| failed("begin to decrypt", &e))
}

fn failed(action: &'static str, error: &openssl::error::ErrorStack) -> FormatError {
    FormatError::Crypto { action, reason: error.to_string() }
}

impl<R: Read> Read for SaltedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.fill().map_err(FormatError::into_io)?;
        let rest = self.plain.get(self.ready.clone()).unwrap_or_default();
        let length = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.ready.start += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::base64::decode_block;
    use proptest::prelude::*;

    /// `printf 'what version 1 wrote\n' | openssl enc -aes-256-cbc -salt -pbkdf2 -iter 100000 -pass pass:$(head -c 32
    /// /dev/zero | tr '\0' '\7' | base64)`
    const SAMPLE: &str = "U2FsdGVkX1/wc5adf6ZUl4FFLN3USlEnvLJ3yAX/iLCfezunLR82EW1lN35IHuIw";

    fn decrypt(key: &Key, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        SaltedReader::new(key, bytes).map_err(FormatError::into_io)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn what_openssl_wrote_is_read_and_cutting_is_noticed() {
        let (key, bytes) = (Key::new([7; 32]), decode_block(SAMPLE).unwrap());
        assert_eq!(decrypt(&key, &bytes).unwrap(), b"what version 1 wrote\n");
        assert!(decrypt(&key, &bytes[..bytes.len() - 16]).is_err());
        assert!(decrypt(&key, &bytes[..12]).is_err());
        assert!(decrypt(&Key::new([8; 32]), &bytes).map_or(true, |plain| plain != b"what version 1 wrote\n"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decrypt(&Key::new([7; 32]), &bytes);
            let _ = decrypt(&Key::new([7; 32]), &[MAGIC, &bytes].concat());
        }
    }
}
