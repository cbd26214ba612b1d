//! Where a part is on tape, and where each frame is in it.

use crate::crypt::{HEADER_SIZE, StreamHeader, plaintext_length};
use crate::toc::TocHead;
use crate::{Codec, FormatError, Result};
use std::io::Read;
use std::ops::Range;
use uuid::Uuid;

/// Most frames in a part: enough for 128 TiB of full frames.
pub const MAX_FRAMES: usize = 1 << 24;

/// Everything needed to read a part back, besides the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartLayout {
    /// The set it belongs to.
    pub set_uuid: Uuid,
    /// Its number in the set, from 1.
    pub part_number: u32,
    /// Number of its data file on tape; the label is 0, its table of contents is the next.
    pub tape_file: u64,
    /// Logical object number of the first data block.
    pub first_block: u64,
    /// Data blocks.
    pub block_count: u64,
    /// Bytes in each of them but the last, which may be shorter.
    pub block_size: u32,
    /// Logical object number of the first block of the table of contents.
    pub toc_block: u64,
    /// Logical object number behind the filemark of the table of contents.
    pub end_block: u64,
    /// Offset of the part's first frame in the set's tar stream.
    pub tar_start: u64,
    /// Offset behind its last frame there.
    pub tar_end: u64,
    /// Length of its opening records in its own tar stream, before the first frame.
    pub prelude_bytes: u64,
    /// Bytes of the data file on tape, encrypted if it is.
    pub stream_bytes: u64,
    /// How the frames are compressed; the level does not matter for reading.
    pub codec: Codec,
    /// Whether the stream is encrypted.
    pub encrypted: bool,
    /// Where each frame begins.
    pub frames: FrameTable,
}

impl PartLayout {
    /// The layout of the part that a table of contents describes, which begins at `toc_block` and whose filemark ends at
    /// `end_block`.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] if the table contradicts itself.
    pub fn from_toc(head: TocHead, toc_block: u64, end_block: u64) -> Result<PartLayout> {
        let part = head.part;
        let stream_header = match part.stream_header {
            None => None,
            Some(text) => {
                let mut header = [0; HEADER_SIZE];
                hex::decode_to_slice(&text, &mut header)
                    .map_err(|_| inconsistent("the header of its stream is not one".into()))?;
                Some(header)
            }
        };
        let layout = PartLayout {
            set_uuid: head.set.uuid,
            part_number: part.number,
            tape_file: part.tape_file,
            first_block: part.first_block,
            block_count: part.block_count,
            block_size: part.block_size,
            toc_block,
            end_block,
            tar_start: part.tar_start,
            tar_end: part.tar_end,
            prelude_bytes: part.prelude_bytes,
            stream_bytes: part.stream_bytes,
            codec: Codec::from_name(&head.set.compression)?,
            encrypted: !head.key_fingerprint.is_empty(),
            frames: FrameTable { frames: head.frames, stream_header },
        };
        layout.check()?;
        Ok(layout)
    }

    /// About where on the tape a range of the tar stream lies, in bytes from the tape's beginning.
    pub fn bytes_on_tape(&self, tar: Range<u64>) -> Range<u64> {
        let first = self.first_block.saturating_mul(u64::from(self.block_size));
        let frames = &self.frames.frames;
        let stream = |index: usize| frames.get(index).map_or(self.stream_bytes, |frame| frame.1);
        let start = stream(frames.partition_point(|frame| frame.0 <= tar.start).saturating_sub(1));
        let end = stream(frames.partition_point(|frame| frame.0 < tar.end));
        first.saturating_add(start)..first.saturating_add(end.max(start))
    }

    /// Bytes of the stream of frames: what is on tape, or what it holds once decrypted.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] if no encrypted stream has that length.
    pub fn plain_bytes(&self) -> Result<u64> {
        if !self.encrypted {
            return Ok(self.stream_bytes);
        }
        plaintext_length(self.stream_bytes)
            .ok_or_else(|| inconsistent(format!("no encrypted stream has {} bytes", self.stream_bytes)))
    }

    /// Checks that the numbers agree with each other, before they are used to read a tape.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] saying which do not.
    pub fn check(&self) -> Result<()> {
        let size = u64::from(self.block_size);
        if self.block_size == 0 || self.block_size > MAX_BLOCK {
            return Err(inconsistent(format!("a block size of {} bytes", self.block_size)));
        }
        if self.stream_bytes.div_ceil(size) != self.block_count {
            let reason = format!("{} bytes do not make {} blocks of {size}", self.stream_bytes, self.block_count);
            return Err(inconsistent(reason));
        }
        if self.tar_start > self.tar_end {
            return Err(inconsistent("it ends before it begins".into()));
        }
        self.frames.check(self.tar_start, self.tar_end, self.plain_bytes()?)
    }
}

/// Largest block that SSC-5 can describe (READ BLOCK LIMITS has 24 bits).
pub(super) const MAX_BLOCK: u32 = (1 << 24) - 1;

pub(super) fn inconsistent(reason: String) -> FormatError {
    FormatError::Inconsistent { what: "the description of the part", reason }
}

/// Where each frame of a part begins: in the set's tar stream, and in the part's stream of frames (before encryption).
/// For an encrypted part also the header of its stream, so that any place in it can be read without reading its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FrameTable {
    /// (tar offset, stream offset) of each frame, both ascending.
    pub frames: Vec<(u64, u64)>,
    /// Header of the encrypted stream.
    pub stream_header: Option<StreamHeader>,
}

const TABLE_VERSION: u8 = 1;

impl FrameTable {
    /// The table as bytes for the database: zstd of a version byte, the stream header (or a zero byte), and the
    /// differences between one pair and the next as little-endian 64-bit numbers.
    ///
    /// # Errors
    /// [`FormatError::Codec`] if zstd fails.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut raw = Vec::with_capacity(self.frames.len() * 16 + 64);
        raw.push(TABLE_VERSION);
        match &self.stream_header {
            Some(header) => raw.extend_from_slice(header),
            None => raw.push(0),
        }
        let mut last = (0u64, 0u64);
        for &(tar, stream) in &self.frames {
            raw.extend_from_slice(&tar.wrapping_sub(last.0).to_le_bytes());
            raw.extend_from_slice(&stream.wrapping_sub(last.1).to_le_bytes());
            last = (tar, stream);
        }
        zstd::bulk::compress(&raw, 3).map_err(|e| FormatError::Codec {
            action: "compress",
            codec: "zstd",
            reason: e.to_string(),
        })
    }

    /// The table that [`encode`](Self::encode) made.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<FrameTable> {
        let bad = |reason: &str| FormatError::Inconsistent { what: "a frame table", reason: reason.to_owned() };
        let cap = (MAX_FRAMES * 16 + 64) as u64;
        let mut raw = Vec::new();
        zstd::stream::read::Decoder::new(bytes)
            .and_then(|decoder| decoder.take(cap).read_to_end(&mut raw))
            .map_err(|e| bad(&e.to_string()))?;
        let rest = raw.strip_prefix(&[TABLE_VERSION]).ok_or_else(|| bad("it is of another version"))?;
        let (stream_header, pairs) = match rest.first() {
            Some(0) => (None, rest.get(1..).unwrap_or(&[])),
            Some(_) => {
                let (header, pairs) = rest.split_at_checked(HEADER_SIZE).ok_or_else(|| bad("it is cut short"))?;
                (Some(header.try_into().map_err(|_| bad("it is cut short"))?), pairs)
            }
            None => return Err(bad("it is cut short")),
        };
        let (pairs, rest) = pairs.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(bad("it is cut short"));
        }
        let mut last = (0u64, 0u64);
        let mut frames = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let value = u128::from_le_bytes(*pair);
            last = (last.0.wrapping_add(value as u64), last.1.wrapping_add((value >> 64) as u64));
            frames.push(last);
        }
        Ok(FrameTable { frames, stream_header })
    }

    /// Checks that the table describes a part from `tar_start` to `tar_end` with a stream of `stream_end` bytes.
    pub(super) fn check(&self, tar_start: u64, tar_end: u64, stream_end: u64) -> Result<()> {
        let bad = |reason: &str| FormatError::Inconsistent { what: "a frame table", reason: reason.to_owned() };
        let ascending = self.frames.windows(2).all(|pair| matches!(pair, [a, b] if a.0 < b.0 && a.1 < b.1));
        if !ascending {
            return Err(bad("its offsets do not ascend"));
        }
        if self.frames.first().is_some_and(|first| first.0 != tar_start)
            || self.frames.last().is_some_and(|last| last.0 >= tar_end || last.1 >= stream_end)
            || (self.frames.is_empty() && tar_start != tar_end)
        {
            return Err(bad("it does not cover the part"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn roundtrip(frames in prop::collection::vec((any::<u64>(), any::<u64>()), 0..200), header in any::<Option<[u8; 39]>>()) {
            let stream_header = header.map(|rest| [&[40], rest.as_slice()].concat().try_into().unwrap());
            let table = FrameTable { frames, stream_header };
            prop_assert_eq!(FrameTable::decode(&table.encode().unwrap()).unwrap(), table);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = FrameTable::decode(&bytes);
            let _ = FrameTable::decode(&zstd::bulk::compress(&bytes, 1).unwrap());
        }
    }

    #[test]
    fn a_table_that_contradicts_the_part_is_refused() {
        let table = |frames: &[(u64, u64)]| FrameTable { frames: frames.to_vec(), stream_header: None };
        table(&[(512, 10), (1024, 20)]).check(512, 2048, 30).unwrap();
        table(&[]).check(512, 512, 30).unwrap();
        for frames in
            [&[(512, 10), (512, 20)][..], &[(512, 20), (1024, 20)], &[(0, 10)], &[(512, 30)], &[(2048, 10)], &[]]
        {
            assert!(table(frames).check(512, 2048, 30).is_err(), "{frames:?}");
        }
    }
}
