//! Reading any range of a set's tar stream out of a part, with one locate and as few blocks as possible.

use super::layout::PartLayout;
use crate::codec::Decoder;
use crate::crypt::{
    HEADER_SIZE, Key, Opener, SEGMENT_SIZE, SegmentEnd, StreamHeader, data_context, segment_of, segment_room,
};
use crate::{Codec, FormatError, Result};
use std::io::Read;
use std::ops::Range;
use tape_drive::{Position, ReadOutcome, TapeDrive};

/// Most bytes that are passed on at once from a part that is not compressed.
const PIECE: u64 = 1 << 20;

/// Reads one part.
///
/// A failed read does not spoil the reader: the next range is located anew, so that one bad spot on the tape costs the
/// members in it and no others.
pub struct PartReader<'a> {
    layout: &'a PartLayout,
    blocks: Blocks<'a>,
    opener: Option<Opener>,
    decoder: Decoder,
    plain_bytes: u64,
    /// The segment that was opened last.
    segment: Vec<u8>,
    segment_number: Option<u64>,
    frame: Vec<u8>,
    content: Vec<u8>,
}

impl<'a> PartReader<'a> {
    /// Prepares to read the part that `layout` describes, from the tape that is in the drive. Does not move the tape,
    /// unless the part is encrypted and the layout lacks the header of its stream.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] if the layout contradicts itself, [`FormatError::KeyNeeded`] if the part is
    /// encrypted and there is no key.
    pub fn open(drive: &'a mut dyn TapeDrive, layout: &'a PartLayout, key: Option<&Key>) -> Result<PartReader<'a>> {
        layout.check()?;
        let mut blocks = Blocks::new(drive, layout);
        let opener = match (layout.encrypted, key) {
            (false, _) => None,
            (true, None) => return Err(FormatError::KeyNeeded { fingerprint: "that its set names".into() }),
            (true, Some(key)) => {
                let header = match layout.frames.stream_header {
                    Some(header) => header,
                    None => blocks.stream_header()?,
                };
                Some(Opener::new(key, &header, &data_context(&layout.set_uuid, layout.part_number))?)
            }
        };
        Ok(PartReader {
            layout,
            blocks,
            opener,
            decoder: Decoder::new(layout.codec)?,
            plain_bytes: layout.plain_bytes()?,
            segment: Vec::new(),
            segment_number: None,
            frame: Vec::new(),
            content: Vec::new(),
        })
    }

    /// Blocks read from the tape so far.
    pub fn blocks_read(&self) -> u64 {
        self.blocks.read
    }

    /// Passes the bytes of the set's tar stream from `tar_start` to `tar_end` to `sink`, in order, piece by piece.
    ///
    /// # Errors
    /// [`FormatError::Drive`] with the position if the tape cannot be read there, [`FormatError::Inconsistent`] if the
    /// range is not in this part, others if what is there is not what was written, and those of `sink`.
    pub fn read_range(
        &mut self,
        tar_start: u64,
        tar_end: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        self.check_range(tar_start, tar_end)?;
        let mut at = tar_start;
        while at < tar_end {
            let piece = self.piece(at, tar_end)?;
            at += piece.len() as u64;
            sink(self.content.get(piece).unwrap_or(&[]))?;
        }
        Ok(())
    }

    /// The same range as something to read from.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] if the range is not in this part. Reading gives the errors of
    /// [`read_range`](Self::read_range) inside [`std::io::Error`]: see [`FormatError::from_io`].
    pub fn range<'r>(&'r mut self, tar_start: u64, tar_end: u64) -> Result<RangeReader<'r, 'a>> {
        self.check_range(tar_start, tar_end)?;
        Ok(RangeReader { part: self, at: tar_start, end: tar_end, ready: 0..0 })
    }

    fn check_range(&self, start: u64, end: u64) -> Result<()> {
        if start > end || start < self.layout.tar_start || end > self.layout.tar_end {
            let part = format!("{} to {}", self.layout.tar_start, self.layout.tar_end);
            return Err(FormatError::Inconsistent {
                what: "the place of a file",
                reason: format!("{start} to {end} is not within this part, which has {part}"),
            });
        }
        Ok(())
    }

    /// Fetches bytes from tar offset `at` on, at least one and none behind `end`; tells where in `content` they are.
    fn piece(&mut self, at: u64, end: u64) -> Result<Range<usize>> {
        let frames = &self.layout.frames.frames;
        let index = frames.partition_point(|frame| frame.0 <= at);
        let next = frames.get(index).copied().unwrap_or((self.layout.tar_end, self.plain_bytes));
        let frame = index.checked_sub(1).and_then(|index| frames.get(index)).copied();
        let (tar, stream) = frame.ok_or_else(|| inconsistent("no frame begins before it"))?;
        let within = at - tar;
        if self.layout.codec == Codec::None {
            let length = (end.min(next.0) - at).min(PIECE);
            let from = stream + within;
            if next.1 - stream != next.0 - tar {
                return Err(inconsistent("a frame that is not compressed has another length than its content"));
            }
            let mut content = std::mem::take(&mut self.content);
            let read = self.stream(from, from + length, &mut content);
            self.content = content;
            read?;
            return Ok(0..length as usize);
        }
        let mut frame = std::mem::take(&mut self.frame);
        let read = self.stream(stream, next.1, &mut frame);
        self.frame = frame;
        read?;
        let length = next.0 - tar;
        if length > crate::frame::MAX_FRAME as u64 {
            return Err(inconsistent("a frame is longer than any frame"));
        }
        self.decoder.decode(&self.frame, length as usize, &mut self.content)?;
        Ok(within as usize..(end.min(next.0) - tar) as usize)
    }

    /// Bytes `from` to `to` of the stream of frames, decrypted.
    fn stream(&mut self, from: u64, to: u64, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let Some(opener) = &mut self.opener else { return self.blocks.bytes(from, to, out) };
        let mut at = from;
        while at < to {
            let (number, within) = segment_of(at);
            if self.segment_number != Some(number) {
                self.segment_number = None;
                let start = number * SEGMENT_SIZE as u64 + if number == 0 { HEADER_SIZE as u64 } else { 0 };
                let end = ((number + 1) * SEGMENT_SIZE as u64).min(self.layout.stream_bytes);
                let last = if end == self.layout.stream_bytes { SegmentEnd::Last } else { SegmentEnd::More };
                self.segment.clear();
                self.blocks.bytes(start, end, &mut self.segment)?;
                let length = opener.open(number, &mut self.segment, last)?.len();
                self.segment.truncate(length);
                self.segment_number = Some(number);
            }
            let wanted = (to - at).min((segment_room(number) - within) as u64) as usize;
            let bytes = self.segment.get(within..within + wanted);
            out.extend_from_slice(bytes.ok_or_else(|| inconsistent("its encrypted stream ends before it"))?);
            at += wanted as u64;
        }
        Ok(())
    }
}

/// A range of a part as a stream.
pub struct RangeReader<'r, 'a> {
    part: &'r mut PartReader<'a>,
    at: u64,
    end: u64,
    ready: Range<usize>,
}

impl Read for RangeReader<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.ready.is_empty() && self.at < self.end {
            self.ready = self.part.piece(self.at, self.end).map_err(FormatError::into_io)?;
            self.at += self.ready.len() as u64;
        }
        let rest = self.part.content.get(self.ready.clone()).unwrap_or(&[]);
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        self.ready.start += length;
        Ok(length)
    }
}

fn inconsistent(reason: &str) -> FormatError {
    FormatError::Inconsistent { what: "the place of a file", reason: reason.to_owned() }
}

/// The blocks of the data file by number.
struct Blocks<'a> {
    drive: &'a mut dyn TapeDrive,
    first_block: u64,
    block_size: u64,
    stream_bytes: u64,
    /// The block the tape is at, if that is known.
    next: Option<u64>,
    /// The block that is in the buffer: seams are asked for twice.
    held: Option<u64>,
    buffer: Vec<u8>,
    read: u64,
}

impl<'a> Blocks<'a> {
    fn new(drive: &'a mut dyn TapeDrive, layout: &PartLayout) -> Blocks<'a> {
        Blocks {
            drive,
            first_block: layout.first_block,
            block_size: u64::from(layout.block_size),
            stream_bytes: layout.stream_bytes,
            next: None,
            held: None,
            buffer: vec![0; layout.block_size as usize],
            read: 0,
        }
    }

    /// Appends bytes `from` to `to` of the data file.
    fn bytes(&mut self, from: u64, to: u64, out: &mut Vec<u8>) -> Result<()> {
        let mut at = from;
        while at < to {
            let block = at / self.block_size;
            let length = self.load(block)? as u64;
            let start = block * self.block_size;
            let end = to.min(start + length);
            match self.buffer.get((at - start) as usize..(end - start) as usize) {
                Some(bytes) if !bytes.is_empty() => out.extend_from_slice(bytes),
                _ => return Err(self.unexpected(block, "the data ends before the description says".into())),
            }
            at = end;
        }
        Ok(())
    }

    fn load(&mut self, block: u64) -> Result<usize> {
        let expected = self.stream_bytes.saturating_sub(block * self.block_size).min(self.block_size) as usize;
        if self.held == Some(block) {
            return Ok(expected);
        }
        self.held = None;
        if self.next.take() != Some(block) {
            self.drive.locate(Position::block(self.first_block + block))?;
        }
        match self.drive.read_block(&mut self.buffer)? {
            ReadOutcome::Block(length) if length == expected => {
                self.held = Some(block);
                self.next = Some(block + 1);
                self.read += 1;
                Ok(length)
            }
            ReadOutcome::Block(length) => {
                Err(self.unexpected(block, format!("a block of {length} bytes instead of {expected}")))
            }
            ReadOutcome::Filemark => Err(self.unexpected(block, "a filemark instead of data".into())),
            ReadOutcome::EndOfData => Err(self.unexpected(block, "the end of the tape's data".into())),
        }
    }

    fn unexpected(&self, block: u64, reason: String) -> FormatError {
        FormatError::Unexpected { place: Position::block(self.first_block + block).to_string(), reason }
    }

    fn stream_header(&mut self) -> Result<StreamHeader> {
        let mut header = Vec::new();
        self.bytes(0, HEADER_SIZE as u64, &mut header)?;
        header.try_into().map_err(|_| FormatError::NotAuthentic { segment: 0 })
    }
}
