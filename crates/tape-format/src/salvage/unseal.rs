//! The segments of an encrypted stream, each opened alone; a damaged one is a hole.

use super::{Hole, Next, Source};
use crate::crypt::{
    HEADER_SIZE, Key, Opener, SEGMENT_SIZE, SegmentEnd, StreamHeader, TAG_SIZE, data_context, part_of,
    plaintext_length, segment_room,
};
use crate::{FormatError, Result};
use uuid::Uuid;

/// Segments without a hole that are tried in vain before the keys are held for wrong ones.
const PATIENCE: u32 = 8;

/// A key and a part that may be the right ones.
struct Candidate {
    key: usize,
    set: Uuid,
    part: u32,
    opener: Opener,
}

/// Opens an encrypted stream whose key, set and part are one of several.
pub(super) struct Unseal<S> {
    inner: S,
    header: Option<StreamHeader>,
    candidates: Vec<Candidate>,
    proven: bool,
    in_vain: u32,
    number: u64,
    /// Ciphertext of the segment that grows, and how much of it is accounted for, holes included.
    segment: Vec<u8>,
    filled: usize,
    broken: Option<String>,
    incoming: Vec<u8>,
    used: usize,
    hole: u64,
    why: String,
    inner_ended: bool,
    /// The stream ended with its last segment; its length.
    complete: Option<u64>,
    /// Whole segments that were opened and were not the last.
    more: u64,
    plain: Vec<u8>,
}

impl<S: Source> Unseal<S> {
    /// `header`, if a table of contents told it; else it is read. Every key is tried with the part that the header names,
    /// or with each of `parts`.
    pub(super) fn open(
        mut inner: S,
        header: Option<StreamHeader>,
        keys: &[Key],
        parts: &[(Uuid, u32)],
    ) -> Result<Unseal<S>> {
        let mut incoming = Vec::new();
        let (mut hole, mut why, mut inner_ended) = (0, String::new(), false);
        while incoming.len() < HEADER_SIZE && hole == 0 && !inner_ended {
            match inner.next(&mut incoming)? {
                Next::Bytes => {}
                Next::Hole(found) => (hole, why) = (found.bytes, found.why),
                Next::End => inner_ended = true,
            }
        }
        let read = incoming.get(..HEADER_SIZE).and_then(|start| StreamHeader::try_from(start).ok());
        let header = header.or(read).filter(|header| usize::from(header[0]) == HEADER_SIZE);
        let mut candidates = Vec::new();
        if let Some(header) = &header {
            let named = part_of(header);
            let parts = named.as_ref().map_or(parts, std::slice::from_ref);
            for (index, key) in keys.iter().enumerate() {
                for &(set, part) in parts {
                    let opener = Opener::new(key, header, &data_context(&set, part))?;
                    candidates.push(Candidate { key: index, set, part, opener });
                }
            }
        }
        let mut unseal = Unseal {
            inner,
            header,
            candidates,
            proven: false,
            in_vain: 0,
            number: 0,
            segment: Vec::new(),
            filled: 0,
            broken: None,
            incoming,
            used: 0,
            hole,
            why,
            inner_ended,
            complete: None,
            more: 0,
            plain: Vec::new(),
        };
        unseal.pass_header()?;
        Ok(unseal)
    }

    /// Takes the header off the stream, or what there is of it.
    fn pass_header(&mut self) -> Result<()> {
        let mut left = HEADER_SIZE;
        while left > 0 && self.more_input()? {
            left -= self.input(left).0;
        }
        Ok(())
    }

    /// Makes sure that something of the stream is at hand, bytes or a hole.
    fn more_input(&mut self) -> Result<bool> {
        while self.used == self.incoming.len() && self.hole == 0 {
            if self.inner_ended {
                return Ok(false);
            }
            self.incoming.clear();
            self.used = 0;
            match self.inner.next(&mut self.incoming)? {
                Next::Bytes => {}
                Next::Hole(hole) => (self.hole, self.why) = (hole.bytes, hole.why),
                Next::End => self.inner_ended = true,
            }
        }
        Ok(true)
    }

    /// Takes up to `wanted` bytes of what is at hand: how many, and where in `incoming`; nothing there for a hole.
    fn input(&mut self, wanted: usize) -> (usize, std::ops::Range<usize>) {
        let ready = self.incoming.len() - self.used;
        if ready > 0 {
            let taken = ready.min(wanted);
            self.used += taken;
            return (taken, self.used - taken..self.used);
        }
        let taken = usize::try_from(self.hole).map_or(wanted, |hole| hole.min(wanted));
        self.hole -= taken as u64;
        (taken, 0..0)
    }

    /// The key, the set and the part, once a segment has proved them; the index is that of the key.
    pub(super) fn proven(&self) -> Option<(usize, Uuid, u32)> {
        let candidate = self.candidates.first().filter(|_| self.proven)?;
        Some((candidate.key, candidate.set, candidate.part))
    }

    /// The header of the stream.
    pub(super) fn header(&self) -> Option<StreamHeader> {
        self.header
    }

    /// The layer below.
    pub(super) fn inner(&self) -> &S {
        &self.inner
    }

    /// Whether there is any key and part to try.
    pub(super) fn has_candidates(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// Bytes of ciphertext to be given in a description of the stream, of which `reached` can be read, so that every
    /// segment that was opened can be opened again: the real length, or if the end is missing one that makes none of
    /// them the last.
    pub(super) fn described_bytes(&self, reached: u64) -> u64 {
        let more = self.more.saturating_mul(SEGMENT_SIZE as u64);
        match self.complete {
            Some(bytes) => bytes,
            None if reached > more && plaintext_length(reached).is_some() => reached,
            None => reached.max(more).max(HEADER_SIZE as u64) + TAG_SIZE as u64 + 1,
        }
    }

    /// Opens the whole segment at hand into `out`; tells whether it was the last.
    fn try_open(&mut self, out: &mut Vec<u8>) -> Option<SegmentEnd> {
        let full = self.filled == full_length(self.number);
        let ends: &[SegmentEnd] = if full { &[SegmentEnd::More, SegmentEnd::Last] } else { &[SegmentEnd::Last] };
        for index in 0..self.candidates.len() {
            for &end in ends {
                self.plain.clear();
                self.plain.extend_from_slice(&self.segment);
                let candidate = self.candidates.get_mut(index)?;
                if let Ok(plain) = candidate.opener.open(self.number, &mut self.plain, end) {
                    out.extend_from_slice(plain);
                    if !self.proven {
                        self.candidates.swap(0, index);
                        self.candidates.truncate(1);
                        self.proven = true;
                    }
                    return Some(end);
                }
            }
        }
        None
    }
}

fn full_length(number: u64) -> usize {
    segment_room(number) + TAG_SIZE
}

impl<S: Source> Source for Unseal<S> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Next> {
        if self.complete.is_some() {
            return Ok(Next::End);
        }
        let full = full_length(self.number);
        self.segment.clear();
        (self.filled, self.broken) = (0, None);
        while self.filled < full && self.more_input()? {
            let (taken, range) = self.input(full - self.filled);
            if range.is_empty() {
                self.broken = Some(self.why.clone());
            }
            self.segment.extend_from_slice(self.incoming.get(range).unwrap_or_default());
            self.filled += taken;
        }
        if self.filled == 0 {
            return Ok(Next::End);
        }
        let number = self.number;
        let opened = if self.broken.is_none() { self.try_open(out) } else { None };
        self.number += 1;
        match opened {
            Some(SegmentEnd::More) => {
                self.more = self.number;
                Ok(Next::Bytes)
            }
            Some(SegmentEnd::Last) => {
                let start = if number == 0 { HEADER_SIZE as u64 } else { number.saturating_mul(SEGMENT_SIZE as u64) };
                self.complete = Some(start + self.filled as u64);
                Ok(if self.filled > TAG_SIZE { Next::Bytes } else { Next::End })
            }
            None => {
                if self.broken.is_none() && !self.proven {
                    self.in_vain += 1;
                    if self.in_vain >= PATIENCE || (self.inner_ended && self.hole == 0) {
                        return Err(FormatError::KeyNeeded { fingerprint: "that its set names".into() });
                    }
                }
                let why = self.broken.take();
                let why = why.unwrap_or_else(|| format!("segment {number} of its encrypted stream is damaged"));
                Ok(Next::Hole(Hole { bytes: self.filled.saturating_sub(TAG_SIZE) as u64, why }))
            }
        }
    }

    fn stream_bytes(&self) -> u64 {
        self.inner.stream_bytes()
    }
}
