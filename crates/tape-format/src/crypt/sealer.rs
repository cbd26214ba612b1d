//! Sealing: segments in place, and a writer for whole streams.

use super::mark::mark;
use super::{HEADER_SIZE, Key, SegmentEnd, StreamHeader, TAG_SIZE, data_context, derive, failed, nonce, segment_room};
use crate::{FormatError, Result};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use std::io::Write;
use uuid::Uuid;

/// Seals the segments of one stream, in order. Never uses a nonce twice, whatever it is asked.
pub struct Sealer {
    context: CipherCtx,
    header: StreamHeader,
    next: u32,
    /// Segments below this one have been sealed as not the last.
    used_more: u32,
    /// Segments that have been sealed as the last.
    used_last: Vec<u32>,
}

impl Sealer {
    /// A new stream with a random salt and nonce prefix, bound to `context`.
    ///
    /// # Errors
    /// [`FormatError::Crypto`] if the library fails.
    pub fn new(key: &Key, context: &[u8]) -> Result<Sealer> {
        Sealer::with_header(key, random_header()?, context)
    }

    fn with_header(key: &Key, header: StreamHeader, context: &[u8]) -> Result<Sealer> {
        let context = Sealer::cipher(key, &header, context)?;
        Ok(Sealer { context, header, next: 0, used_more: 0, used_last: Vec::new() })
    }

    /// Seals the segments of a stream whose header exists already, from `segment` on, to end it there: as the last one
    /// only. Safe if that segment was never sealed as the last one, or with the same content.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn resealing(key: &Key, header: &StreamHeader, context: &[u8], segment: u64) -> Result<Sealer> {
        let refused = |reason: &str| FormatError::Crypto { action: "seal a segment again", reason: reason.into() };
        let next = u32::try_from(segment).map_err(|_| refused("the stream has at most 2^32 segments"))?;
        let context = Sealer::cipher(key, header, context)?;
        Ok(Sealer { context, header: *header, next, used_more: u32::MAX, used_last: Vec::new() })
    }

    fn cipher(key: &Key, header: &StreamHeader, context: &[u8]) -> Result<CipherCtx> {
        let derived = derive(key, &header[1..33], context)?;
        let mut cipher = CipherCtx::new().map_err(|e| failed("make a cipher", e))?;
        cipher
            .encrypt_init(Some(Cipher::aes_256_gcm()), Some(derived.as_slice()), None)
            .map_err(|e| failed("set a key", e))?;
        Ok(cipher)
    }

    /// The stream of a part's data file, which names the part in its header: see [`part_of`](super::part_of).
    ///
    /// # Errors
    /// [`FormatError::Crypto`] if the library fails.
    pub fn for_part(key: &Key, set: &Uuid, part: u32) -> Result<Sealer> {
        let mut header = random_header()?;
        mark(&mut header, set, part);
        Sealer::with_header(key, header, &data_context(set, part))
    }

    /// What opens the stream: comes before the first segment.
    pub fn header(&self) -> &StreamHeader {
        &self.header
    }

    /// Number of the segment that comes next.
    pub fn next_segment(&self) -> u64 {
        u64::from(self.next)
    }

    /// Encrypts the next segment in place and returns the tag that follows it.
    ///
    /// # Errors
    /// [`FormatError::Crypto`] if a segment that is not the last is not full, if the nonce was used before, after 2^32
    /// segments (4 PiB), or if the library fails.
    pub fn seal(&mut self, plain: &mut [u8], end: SegmentEnd) -> Result<[u8; TAG_SIZE]> {
        let refused = |reason: String| FormatError::Crypto { action: "seal a segment", reason };
        let room = segment_room(self.next_segment());
        if plain.len() > room || (end == SegmentEnd::More && plain.len() != room) {
            return Err(refused(format!("segment {} has {} bytes of {room}", self.next, plain.len())));
        }
        let used = match end {
            SegmentEnd::More => self.next < self.used_more,
            SegmentEnd::Last => !self.can_end_at(self.next_segment()),
        };
        if used {
            return Err(refused(format!("segment {} was sealed before", self.next)));
        }
        let following = self.next.checked_add(1).ok_or_else(|| refused("the stream has 2^32 segments".into()))?;
        match end {
            SegmentEnd::More => self.used_more = following,
            SegmentEnd::Last => self.used_last.push(self.next),
        }
        let nonce = nonce(&self.header, self.next, end);
        let mut tag = [0; TAG_SIZE];
        let length = plain.len();
        let mut run = || {
            self.context.encrypt_init(None, None, Some(&nonce))?;
            if length > 0 {
                self.context.cipher_update_inplace(plain, length)?;
            }
            self.context.cipher_final(&mut [])?;
            self.context.tag(&mut tag)
        };
        run().map_err(|e| failed("seal a segment", e))?;
        self.next = following;
        Ok(tag)
    }

    /// Whether `segment` can be sealed as the last one without using a nonce again: it was not yet.
    pub fn can_end_at(&self, segment: u64) -> bool {
        !self.used_last.iter().any(|&used| u64::from(used) == segment)
    }

    /// Goes back, so that the next segment to be sealed, as the last one, is `segment`. The flag of the last segment
    /// makes its nonce another one than it had before.
    pub fn end_at(&mut self, segment: u64) {
        self.next = self.next.min(u32::try_from(segment).unwrap_or(u32::MAX));
    }
}

fn random_header() -> Result<StreamHeader> {
    let mut header = [0; HEADER_SIZE];
    header[0] = HEADER_SIZE as u8;
    openssl::rand::rand_bytes(&mut header[1..]).map_err(|e| failed("make a random salt", e))?;
    Ok(header)
}

/// Seals whatever is written to it; [`finish`](SealWriter::finish) ends the stream.
pub struct SealWriter<W: Write> {
    sealer: Sealer,
    inner: W,
    segment: Vec<u8>,
}

impl<W: Write> SealWriter<W> {
    /// Begins a stream on `inner` with its header.
    ///
    /// # Errors
    /// Those of [`Sealer::new`], and of writing.
    pub fn new(key: &Key, context: &[u8], mut inner: W) -> Result<SealWriter<W>> {
        let sealer = Sealer::new(key, context)?;
        inner.write_all(sealer.header())?;
        Ok(SealWriter { sealer, inner, segment: Vec::new() })
    }

    fn flush_segment(&mut self, end: SegmentEnd) -> Result<()> {
        let tag = self.sealer.seal(&mut self.segment, end)?;
        self.inner.write_all(&self.segment)?;
        self.inner.write_all(&tag)?;
        self.segment.clear();
        Ok(())
    }

    /// Ends the stream and gives the writer back.
    ///
    /// # Errors
    /// Those of sealing and writing; the stream is then not usable.
    pub fn finish(mut self) -> Result<W> {
        self.flush_segment(SegmentEnd::Last)?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let room = segment_room(self.sealer.next_segment());
        // A full segment waits for more: only then is it known not to be the last.
        if self.segment.len() == room {
            self.flush_segment(SegmentEnd::More).map_err(FormatError::into_io)?;
        }
        let room = segment_room(self.sealer.next_segment()) - self.segment.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.segment.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nonce_is_used_twice() {
        let mut sealer = Sealer::new(&Key::generate().unwrap(), b"x").unwrap();
        let mut first = vec![1; segment_room(0)];
        sealer.seal(&mut first, SegmentEnd::More).unwrap();
        sealer.seal(&mut [1, 2, 3], SegmentEnd::Last).unwrap();
        assert!(sealer.can_end_at(0) && !sealer.can_end_at(1));
        sealer.end_at(1);
        assert!(sealer.seal(&mut [9], SegmentEnd::Last).is_err());
        sealer.end_at(0);
        assert!(sealer.seal(&mut first, SegmentEnd::More).is_err());
        sealer.seal(&mut [9], SegmentEnd::Last).unwrap();
        sealer.end_at(0);
        assert!(sealer.seal(&mut [9], SegmentEnd::Last).is_err());
    }

    #[test]
    fn a_segment_that_is_not_the_last_must_be_full() {
        let mut sealer = Sealer::new(&Key::generate().unwrap(), b"x").unwrap();
        assert!(sealer.seal(&mut vec![0; segment_room(0) - 1], SegmentEnd::More).is_err());
        assert!(sealer.seal(&mut vec![0; segment_room(0) + 1], SegmentEnd::Last).is_err());
    }
}
