//! The other encryption of version 1: `TAPEBACKARR_ENC_V1`, then chunks of `length (u32, big-endian) | nonce (12 bytes) |
//! ciphertext and tag`, AES-256-GCM with the key itself. Each chunk is proved; that none is missing is not.

use crate::crypt::Key;
use crate::{FormatError, Result};
use openssl::symm::{Cipher, decrypt_aead};
use std::io::Read;

/// How it begins.
pub(crate) const MAGIC: &[u8] = b"TAPEBACKARR_ENC_V1";
const NONCE: usize = 12;
const TAG: usize = 16;
/// Most bytes of ciphertext and tag in a chunk: 1 MiB of data, and what the old program allowed on top.
const LARGEST: usize = (1 << 20) + NONCE + TAG + 1024;

/// Decrypts chunk by chunk.
pub struct ChunkReader<R> {
    source: R,
    key: Key,
    number: u64,
    plain: Vec<u8>,
    used: usize,
    ended: bool,
}

impl<R: Read> ChunkReader<R> {
    /// Begins at the header.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] if the stream ends within the header, [`FormatError::Crypto`] if it is another.
    pub fn new(key: &Key, mut source: R) -> Result<ChunkReader<R>> {
        let mut header = [0; MAGIC.len()];
        source.read_exact(&mut header).map_err(|error| cut(error, MAGIC.len()))?;
        if header != MAGIC {
            return Err(FormatError::Crypto { action: "decrypt", reason: "it does not begin with its header".into() });
        }
        Ok(ChunkReader { source, key: key.clone(), number: 0, plain: Vec::new(), used: 0, ended: false })
    }

    fn fill(&mut self) -> Result<()> {
        while self.used == self.plain.len() && !self.ended {
            let mut first = [0];
            if self.source.read(&mut first).map_err(FormatError::from_io)? == 0 {
                self.ended = true;
                return Ok(());
            }
            let mut rest = [0; 3];
            self.source.read_exact(&mut rest).map_err(|error| cut(error, rest.len()))?;
            let length = u32::from_be_bytes([first[0], rest[0], rest[1], rest[2]]) as usize;
            if !(TAG..=LARGEST).contains(&length) {
                return Err(FormatError::NotAuthentic { segment: self.number });
            }
            let mut sealed = vec![0; NONCE + length];
            self.source.read_exact(&mut sealed).map_err(|error| cut(error, NONCE + length))?;
            let (nonce, sealed) = sealed.split_at(NONCE);
            let (ciphertext, tag) = sealed.split_at(length - TAG);
            self.plain = decrypt_aead(Cipher::aes_256_gcm(), self.key.bytes(), Some(nonce), &[], ciphertext, tag)
                .map_err(|_| FormatError::NotAuthentic { segment: self.number })?;
            self.used = 0;
            self.number += 1;
        }
        Ok(())
    }
}

fn cut(error: std::io::Error, missing: usize) -> FormatError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            FormatError::Truncated { what: "encrypted stream".into(), missing: missing as u64 }
        }
        _ => FormatError::from_io(error),
    }
}

impl<R: Read> Read for ChunkReader<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.fill().map_err(FormatError::into_io)?;
        let rest = self.plain.get(self.used..).unwrap_or_default();
        let length = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.used += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::symm::encrypt_aead;
    use proptest::prelude::*;

    fn seal(key: &Key, chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (number, chunk) in chunks.iter().enumerate() {
            let (nonce, mut tag) = ([number as u8; NONCE], [0; TAG]);
            let cipher = Cipher::aes_256_gcm();
            let sealed = encrypt_aead(cipher, key.bytes(), Some(&nonce), &[], chunk, &mut tag).unwrap();
            out.extend(((sealed.len() + TAG) as u32).to_be_bytes());
            out.extend([&nonce[..], &sealed, &tag].concat());
        }
        out
    }

    fn open(key: &Key, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        ChunkReader::new(key, bytes).map_err(FormatError::into_io)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn chunks_are_opened_one_after_the_other_and_proved() {
        let key = Key::new([3; 32]);
        let large = vec![9; 1 << 20];
        let sealed = seal(&key, &[&large, b"", b"rest"]);
        assert_eq!(open(&key, &sealed).unwrap(), [&large[..], b"rest"].concat());
        for bit in [MAGIC.len() * 8, 200, 1000, (sealed.len() - 1) * 8] {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1;
            assert!(open(&key, &damaged).is_err(), "{bit}");
        }
        assert!(open(&key, &sealed[..sealed.len() - 1]).is_err());
        assert!(open(&Key::new([4; 32]), &sealed).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = open(&Key::new([3; 32]), &[MAGIC, &bytes].concat());
        }
    }
}
