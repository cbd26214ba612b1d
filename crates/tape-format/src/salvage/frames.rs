//! The frames of a part's stream, found without a frame table; a damaged one is a hole.

use super::{Hole, Next, Source};
use crate::codec::{Decoder, GZIP_HEADER};
use crate::frame::MAX_FRAME;
use crate::tar::{BLOCK, is_header};
use crate::toc::ZSTD_MAGIC;
use crate::{Codec, Result};
use flate2::{Decompress, FlushDecompress, Status};

/// Most bytes of a frame on tape: what does not compress grows a little.
const MAX_STORED: usize = MAX_FRAME + (MAX_FRAME >> 8) + 1024;
/// Bytes a lost frame counts in the layout's tar stream: nobody knows how many it held.
const LOST: u64 = BLOCK as u64;
/// Length of the checksum and the size that end a gzip member.
const GZIP_TRAILER: usize = 8;

/// What a candidate for a frame turned out to be.
enum Probe {
    /// A frame of so many bytes; its content is in `frame`.
    Whole(usize),
    /// Not right. Of so many bytes, if its own structure still tells that.
    Bad(Option<usize>),
    /// It goes on behind what is at hand.
    Partial,
}

/// Splits a stream into frames and decompresses them.
pub(super) struct Frames<S> {
    inner: S,
    codec: Option<Codec>,
    decoder: Option<Decoder>,
    inflate: Decompress,
    /// Of the gzip member at the beginning of the buffer: bytes that were inflated.
    inflated: usize,
    buffer: Vec<u8>,
    /// What is before it in the buffer is used up.
    head: usize,
    /// Where the rest of the buffer begins in the stream.
    start: u64,
    /// A hole behind the buffer.
    pending: Option<Hole>,
    /// Where the last frame ended in the stream.
    frame_end: u64,
    frame: Vec<u8>,
    /// (tar offset, stream offset) of each frame, lost ones included.
    table: Vec<(u64, u64)>,
    tar: u64,
    /// The buffer begins with a frame, as far as is known.
    synced: bool,
    ended: bool,
    /// A hole at the very beginning, which has to wait until it is known how the stream is compressed.
    early: Option<String>,
}

impl<S: Source> Frames<S> {
    /// `codec`, if it is known.
    pub(super) fn new(inner: S, codec: Option<Codec>) -> Frames<S> {
        Frames {
            inner,
            codec,
            decoder: None,
            inflate: Decompress::new(false),
            inflated: 0,
            buffer: Vec::new(),
            head: 0,
            start: 0,
            pending: None,
            frame_end: 0,
            frame: Vec::new(),
            table: Vec::new(),
            tar: 0,
            synced: true,
            ended: false,
            early: None,
        }
    }

    /// How the frames are compressed, once that is known.
    pub(super) fn codec(&self) -> Codec {
        self.codec.unwrap_or(Codec::None)
    }

    /// The frame table, and the tar offset behind its last frame. Empty for a stream that is not compressed.
    pub(super) fn take_table(&mut self) -> (Vec<(u64, u64)>, u64) {
        (std::mem::take(&mut self.table), self.tar)
    }

    /// The layer below.
    pub(super) fn inner(&self) -> &S {
        &self.inner
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.head..).unwrap_or_default()
    }

    /// Appends what comes next to the buffer.
    fn pull(&mut self) -> Result<Next> {
        if let Some(hole) = self.pending.take() {
            return Ok(Next::Hole(hole));
        }
        self.buffer.drain(..self.head);
        self.head = 0;
        let next = self.inner.next(&mut self.buffer)?;
        self.ended |= matches!(next, Next::End);
        Ok(next)
    }

    /// Finds out how the stream is compressed: by its beginning, or behind a hole by what can be found.
    fn detect(&mut self) -> Result<Codec> {
        while self.codec.is_none() {
            let enough = if self.early.is_some() { MAX_STORED } else { BLOCK };
            if self.rest().len() < enough && !self.ended && self.pending.is_none() {
                match self.pull()? {
                    Next::Bytes | Next::End => {}
                    Next::Hole(hole) if self.rest().len() < BLOCK => self.lose(hole),
                    // Enough to judge by.
                    Next::Hole(hole) => self.pending = Some(hole),
                }
                continue;
            }
            self.codec = Some(match self.early {
                None if self.rest().starts_with(&ZSTD_MAGIC) => Codec::Zstd { level: 1 },
                None if self.rest().starts_with(&GZIP_HEADER) => Codec::Gzip { level: 6 },
                None => Codec::None,
                Some(_) => guess(self.rest(), self.start),
            });
        }
        Ok(self.codec())
    }

    /// The stream has a hole behind what is in the buffer, which is of no use without it.
    fn lose(&mut self, hole: Hole) {
        self.consume(self.rest().len());
        self.start += hole.bytes;
        self.early = Some(hole.why);
    }

    fn consume(&mut self, bytes: usize) {
        self.head = (self.head + bytes).min(self.buffer.len());
        self.start += bytes as u64;
        self.inflated = 0;
    }

    /// A frame is lost, and whatever else until the next is found.
    fn lost_frame(&mut self, why: String) -> Next {
        if self.table.last().is_none_or(|last| last.1 < self.frame_end) {
            self.table.push((self.tar, self.frame_end));
        }
        self.tar += LOST;
        Next::Hole(Hole { bytes: LOST, why })
    }

    /// Moves the buffer to the next place that looks like the beginning of a frame; `false` if there is none in it.
    fn search(&mut self, codec: Codec) -> bool {
        let magic: &[u8] = if matches!(codec, Codec::Gzip { .. }) { &GZIP_HEADER } else { &ZSTD_MAGIC };
        let rest = self.rest();
        let found = rest.windows(magic.len()).position(|window| window == magic);
        // The beginning of one may be at the end.
        let passed = found.unwrap_or(rest.len().saturating_sub(magic.len() - 1));
        if passed > 0 {
            self.consume(passed);
        }
        found.is_some()
    }

    fn probe(&mut self, codec: Codec) -> Result<Probe> {
        match codec {
            Codec::Gzip { .. } => Ok(self.probe_gzip()),
            _ => self.probe_zstd(),
        }
    }

    fn probe_zstd(&mut self) -> Result<Probe> {
        // The longest frame header has 18 bytes.
        if self.rest().len() < 18 && !self.ended {
            return Ok(Probe::Partial);
        }
        let content = match zstd::zstd_safe::get_frame_content_size(self.rest()) {
            Ok(Some(content)) if content <= MAX_FRAME as u64 && content.is_multiple_of(BLOCK as u64) => content,
            _ => return Ok(Probe::Bad(None)),
        };
        let size = match zstd::zstd_safe::find_frame_compressed_size(self.rest()) {
            Ok(size) => size,
            Err(code) if zstd::zstd_safe::get_error_name(code) == "Src size is incorrect" => {
                let whole = self.rest().len() > MAX_STORED;
                return Ok(if whole { Probe::Bad(None) } else { Probe::Partial });
            }
            Err(_) => return Ok(Probe::Bad(None)),
        };
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new(Codec::Zstd { level: 1 })?),
        };
        let stored = self.buffer.get(self.head..self.head + size).unwrap_or_default();
        match decoder.decode(stored, content as usize, &mut self.frame) {
            Ok(()) => Ok(Probe::Whole(size)),
            Err(_) => Ok(Probe::Bad(Some(size))),
        }
    }

    fn probe_gzip(&mut self) -> Probe {
        let length = self.rest().len();
        if length < GZIP_HEADER.len() {
            return Probe::Partial;
        }
        if !self.rest().starts_with(&GZIP_HEADER) {
            return Probe::Bad(None);
        }
        if self.inflated == 0 {
            self.inflated = GZIP_HEADER.len();
            self.inflate.reset(false);
            self.frame.clear();
            self.frame.reserve(MAX_FRAME + 1);
        }
        loop {
            let before = (self.inflate.total_in(), self.frame.len());
            let input = self.buffer.get(self.head + self.inflated..).unwrap_or_default();
            let status = self.inflate.decompress_vec(input, &mut self.frame, FlushDecompress::None);
            self.inflated += (self.inflate.total_in() - before.0) as usize;
            let moved = (self.inflate.total_in(), self.frame.len()) != before;
            match status {
                _ if self.frame.len() > MAX_FRAME => return Probe::Bad(None),
                Ok(Status::StreamEnd) => break,
                Ok(_) if moved => {}
                Ok(_) if self.inflated < length => return Probe::Bad(None),
                Ok(_) => return Probe::Partial,
                Err(_) => return Probe::Bad(None),
            }
        }
        let size = self.inflated + GZIP_TRAILER;
        // If it is not all there it is asked again, from the beginning, when there is more.
        self.inflated = 0;
        let Some(trailer) = self.rest().get(size - GZIP_TRAILER..size) else { return Probe::Partial };
        let mut crc = flate2::Crc::new();
        crc.update(&self.frame);
        let good = trailer.starts_with(&crc.sum().to_le_bytes()) && trailer.ends_with(&crc.amount().to_le_bytes());
        if good { Probe::Whole(size) } else { Probe::Bad(Some(size)) }
    }

    /// Whether a frame begins at `at` in the buffer, or the stream ends there.
    fn frame_begins(&self, at: usize, codec: Codec) -> bool {
        let rest = self.rest().get(at..).unwrap_or_default();
        let magic: &[u8] = if matches!(codec, Codec::Gzip { .. }) { &GZIP_HEADER } else { &ZSTD_MAGIC };
        rest.starts_with(magic) || (rest.len() < magic.len() && magic.starts_with(rest))
    }

    fn compressed(&mut self, codec: Codec, out: &mut Vec<u8>) -> Result<Next> {
        loop {
            if let Some(why) = self.early.take() {
                self.synced = false;
                return Ok(self.lost_frame(why));
            }
            let at_frame = self.synced || self.search(codec);
            let probe = if at_frame && !self.rest().is_empty() { self.probe(codec)? } else { Probe::Partial };
            match probe {
                Probe::Whole(size) => {
                    let at = self.start;
                    self.consume(size);
                    self.synced = true;
                    self.frame_end = self.start;
                    if self.frame.is_empty() {
                        continue;
                    }
                    self.table.push((self.tar, at));
                    self.tar += self.frame.len() as u64;
                    out.extend_from_slice(&self.frame);
                    return Ok(Next::Bytes);
                }
                Probe::Bad(size) => {
                    let (at, was_synced) = (self.start, self.synced);
                    match size.filter(|&size| self.frame_begins(size, codec)) {
                        Some(size) => self.consume(size),
                        None => {
                            self.consume(1);
                            self.synced = false;
                        }
                    }
                    if was_synced {
                        return Ok(self.lost_frame(format!("a frame at byte {at} of its stream is damaged")));
                    }
                }
                Probe::Partial if self.ended && self.pending.is_none() => {
                    let cut = self.synced && !self.rest().is_empty();
                    self.consume(self.rest().len());
                    self.synced = false;
                    return Ok(if cut { self.lost_frame("its last frame is cut off".into()) } else { Next::End });
                }
                Probe::Partial => {
                    if let Next::Hole(hole) = self.pull()? {
                        self.lose(hole);
                    }
                }
            }
        }
    }

    fn plain(&mut self, out: &mut Vec<u8>) -> Result<Next> {
        if let Some(why) = self.early.take() {
            let bytes = self.start.saturating_sub(self.tar);
            self.tar = self.start;
            return Ok(Next::Hole(Hole { bytes, why }));
        }
        if self.rest().is_empty() {
            match self.pull()? {
                Next::Bytes => {}
                Next::End => return Ok(Next::End),
                Next::Hole(hole) => {
                    self.tar += hole.bytes;
                    self.start = self.tar;
                    return Ok(Next::Hole(hole));
                }
            }
        }
        out.extend_from_slice(self.rest());
        self.consume(self.rest().len());
        self.tar = self.start;
        Ok(Next::Bytes)
    }
}

impl<S: Source> Source for Frames<S> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Next> {
        match self.detect()? {
            Codec::None => self.plain(out),
            codec => self.compressed(codec, out),
        }
    }

    fn stream_bytes(&self) -> u64 {
        self.inner.stream_bytes()
    }
}

/// How a stream is compressed of which only a piece is there, that begins at `start`.
fn guess(piece: &[u8], start: u64) -> Codec {
    let skip = (start.wrapping_neg() % BLOCK as u64) as usize;
    let (blocks, _) = piece.get(skip..).unwrap_or_default().as_chunks::<BLOCK>();
    if blocks.iter().any(is_header) {
        return Codec::None;
    }
    let has = |magic: &[u8]| piece.windows(magic.len()).position(|window| window == magic);
    let frame = has(&ZSTD_MAGIC).and_then(|at| piece.get(at..));
    let sane = |frame: &[u8]| {
        matches!(zstd::zstd_safe::get_frame_content_size(frame),
            Ok(Some(content)) if content <= MAX_FRAME as u64 && content.is_multiple_of(BLOCK as u64))
    };
    match frame {
        Some(frame) if sane(frame) => Codec::Zstd { level: 1 },
        _ if has(&GZIP_HEADER).is_some() => Codec::Gzip { level: 6 },
        _ => Codec::None,
    }
}
