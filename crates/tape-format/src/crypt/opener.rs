//! Opening: any segment alone, and a reader for whole streams.

use super::{HEADER_SIZE, Key, SEGMENT_SIZE, SegmentEnd, StreamHeader, TAG_SIZE, derive, failed, nonce};
use crate::{FormatError, Result};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use std::io::Read;

/// Opens the segments of one stream, in any order.
pub struct Opener {
    context: CipherCtx,
    header: StreamHeader,
}

impl Opener {
    /// The stream that begins with `header` and was bound to `context`.
    ///
    /// # Errors
    /// [`FormatError::NotAuthentic`] if it is not a header, [`FormatError::Crypto`] if the library fails.
    pub fn new(key: &Key, header: &StreamHeader, context: &[u8]) -> Result<Opener> {
        if usize::from(header[0]) != HEADER_SIZE {
            return Err(FormatError::NotAuthentic { segment: 0 });
        }
        let derived = derive(key, &header[1..33], context)?;
        let mut cipher = CipherCtx::new().map_err(|e| failed("make a cipher", e))?;
        cipher
            .decrypt_init(Some(Cipher::aes_256_gcm()), Some(derived.as_slice()), None)
            .map_err(|e| failed("set a key", e))?;
        Ok(Opener { context: cipher, header: *header })
    }

    /// Opens segment number `segment` in place: ciphertext and tag (without the stream's header) become plaintext.
    ///
    /// # Errors
    /// [`FormatError::NotAuthentic`] unless it is that segment, whole, unchanged, and last or not as `end` says. The
    /// buffer then holds nothing to be used.
    pub fn open<'a>(&mut self, segment: u64, sealed: &'a mut [u8], end: SegmentEnd) -> Result<&'a [u8]> {
        let not_authentic = || FormatError::NotAuthentic { segment };
        let number = u32::try_from(segment).map_err(|_| not_authentic())?;
        let length = sealed.len().checked_sub(TAG_SIZE).ok_or_else(not_authentic)?;
        let (text, tag) = sealed.split_at_mut(length);
        let nonce = nonce(&self.header, number, end);
        let mut run = || {
            self.context.decrypt_init(None, None, Some(&nonce))?;
            if length > 0 {
                self.context.cipher_update_inplace(text, length)?;
            }
            self.context.set_tag(tag)?;
            self.context.cipher_final(&mut [])
        };
        match run() {
            Ok(_) => Ok(text),
            Err(_) => {
                text.fill(0);
                Err(not_authentic())
            }
        }
    }
}

/// Reads the plaintext of a whole stream; an error, not an end, if the stream was cut.
pub struct OpenReader<R: Read> {
    opener: Opener,
    inner: R,
    segment: Vec<u8>,
    ahead: Option<u8>,
    plain: std::ops::Range<usize>,
    number: u64,
    ended: bool,
}

impl<R: Read> OpenReader<R> {
    /// Reads the header from `inner` and prepares to open what follows.
    ///
    /// # Errors
    /// Those of [`Opener::new`], and of reading.
    pub fn new(key: &Key, context: &[u8], mut inner: R) -> Result<OpenReader<R>> {
        let mut header = [0; HEADER_SIZE];
        inner.read_exact(&mut header).map_err(FormatError::from_io)?;
        let opener = Opener::new(key, &header, context)?;
        Ok(OpenReader { opener, inner, segment: Vec::new(), ahead: None, plain: 0..0, number: 0, ended: false })
    }

    fn next_segment(&mut self) -> Result<()> {
        let full = if self.number == 0 { SEGMENT_SIZE - HEADER_SIZE } else { SEGMENT_SIZE };
        self.segment.clear();
        self.segment.extend(self.ahead.take());
        let wanted = (full + 1 - self.segment.len()) as u64;
        // One byte more than a segment tells whether it is the last.
        self.inner.by_ref().take(wanted).read_to_end(&mut self.segment).map_err(FormatError::from_io)?;
        let end = if self.segment.len() > full {
            self.ahead = self.segment.pop();
            SegmentEnd::More
        } else {
            self.ended = true;
            SegmentEnd::Last
        };
        let opened = self.opener.open(self.number, &mut self.segment, end)?.len();
        self.plain = 0..opened;
        self.number += 1;
        Ok(())
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.plain.is_empty() {
            if self.ended {
                return Ok(0);
            }
            self.next_segment().map_err(FormatError::into_io)?;
        }
        let rest = self.segment.get(self.plain.clone()).unwrap_or(&[]);
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        self.plain.start += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SealWriter, ciphertext_length, segment_room};
    use super::*;
    use std::io::Write;

    fn seal(plain: &[u8], key: &Key, context: &[u8]) -> Vec<u8> {
        let mut writer = SealWriter::new(key, context, Vec::new()).unwrap();
        for piece in plain.chunks(300_001) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    fn open(sealed: &[u8], key: &Key, context: &[u8]) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        OpenReader::new(key, context, sealed)?.read_to_end(&mut plain).map_err(FormatError::from_io)?;
        Ok(plain)
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    #[test]
    fn sizes_around_every_boundary() {
        let key = Key::generate().unwrap();
        let (first, other) = (segment_room(0), segment_room(1));
        for base in [0, first, first + other] {
            for length in base.saturating_sub(2)..base + 3 {
                let plain = sample(length);
                let sealed = seal(&plain, &key, b"x:1");
                assert_eq!(sealed.len() as u64, ciphertext_length(length as u64));
                assert!(open(&sealed, &key, b"x:1").unwrap() == plain, "{length}");
            }
        }
    }

    #[test]
    fn cutting_at_every_segment_end_is_noticed() {
        let key = Key::generate().unwrap();
        let sealed = seal(&sample(3 << 20), &key, b"x:1");
        for cut in [40, 41, 56, SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 2 * SEGMENT_SIZE, sealed.len() - 1] {
            assert!(matches!(open(&sealed[..cut], &key, b"x:1"), Err(FormatError::NotAuthentic { .. })), "{cut}");
        }
        let mut longer = sealed.clone();
        longer.push(0);
        assert!(open(&longer, &key, b"x:1").is_err());
    }

    #[test]
    fn swapping_changing_and_another_place_are_noticed() {
        let key = Key::generate().unwrap();
        let sealed = seal(&sample(4 << 20), &key, b"x:1");
        let mut swapped = sealed.clone();
        swapped[SEGMENT_SIZE..3 * SEGMENT_SIZE].rotate_left(SEGMENT_SIZE);
        assert!(open(&swapped, &key, b"x:1").is_err());
        for at in [0, 1, 33, 40, 39, 100_000, SEGMENT_SIZE - 1, SEGMENT_SIZE, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&changed, &key, b"x:1").is_err(), "{at}");
        }
        assert!(open(&sealed, &key, b"x:2").is_err());
        assert!(open(&sealed, &Key::generate().unwrap(), b"x:1").is_err());
    }

    #[test]
    fn any_segment_opens_alone() {
        let key = Key::generate().unwrap();
        let plain = sample(3 << 20);
        let sealed = seal(&plain, &key, b"x:1");
        let header: StreamHeader = sealed[..40].try_into().unwrap();
        let mut opener = Opener::new(&key, &header, b"x:1").unwrap();
        let mut segment = sealed[SEGMENT_SIZE..2 * SEGMENT_SIZE].to_vec();
        let start = segment_room(0);
        assert!(
            opener.open(1, &mut segment.clone(), SegmentEnd::More).unwrap() == &plain[start..start + segment_room(1)]
        );
        assert!(opener.open(2, &mut segment.clone(), SegmentEnd::More).is_err());
        assert!(opener.open(1, &mut segment, SegmentEnd::Last).is_err());
    }
}
