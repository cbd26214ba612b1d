//! Large files: several workers read and compress ahead, one at a time carries the hash on.
//!
//! Whoever holds the hash hashes what it reads while that is in the processor's cache; the others leave their chunks in the
//! [`HashChain`], and the holder hashes those too, so that nobody waits.

use super::chain::{Chunk, HashChain};
use super::content::{Content, Fill};
use super::hash::ContentHash;
use super::hooks::Moment;
use super::resume;
use super::scan::Stat;
use super::stats::lock;
use super::unit::record;
use super::warning::{Reporter, WarningKind};
use super::worker::Worker;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tape_format::frame::MAX_FRAME;
use tape_format::ring::Ticket;
use tape_format::{Continuation, Frame, Member, MemberRecord, Unfinished, tar};

/// Bytes that are read and hashed in one step: they fit into the cache of one core.
const STEP: usize = 256 << 10;

/// How many compressed chunks of a file may wait for the hash: what was compressed is kept in memory until then, beside
/// the ring. Enough for a worker that loses its processor for some milliseconds.
const COMPRESSED_AHEAD: usize = 4;

/// A large file that is being sent.
pub struct LargeFile {
    file: OwnedFd,
    member: Arc<Member>,
    stat: Stat,
    header: Vec<u8>,
    content: Content,
    /// Bytes of header and content that are on tape already: 0, unless a set goes on in the middle of this file.
    sent: u64,
    chain: HashChain,
    /// The worst that happened while it was read.
    fill: Mutex<Fill>,
}

impl LargeFile {
    /// A file whose header is decided.
    pub fn new(file: OwnedFd, member: Arc<Member>, stat: Stat) -> tape_format::Result<LargeFile> {
        LargeFile::make(file, member, stat, ContentHash::default(), None)
    }

    /// A file of which the tar data before `data_offset` is on tape already; that much is in `hash`.
    pub fn go_on(
        file: OwnedFd,
        member: Arc<Member>,
        stat: Stat,
        hash: ContentHash,
        data_offset: u64,
    ) -> tape_format::Result<LargeFile> {
        LargeFile::make(file, member, stat, hash, Some(data_offset))
    }

    fn make(
        file: OwnedFd,
        member: Arc<Member>,
        stat: Stat,
        hash: ContentHash,
        data_offset: Option<u64>,
    ) -> tape_format::Result<LargeFile> {
        let mut header = Vec::new();
        tar::write_header(&member, &mut header)?;
        let content = Content::of(&member)?;
        let sent = data_offset.map_or(0, |offset| header.len() as u64 + offset);
        let (chain, fill) = (HashChain::new(hash), Mutex::new(Fill::Whole));
        Ok(LargeFile { file, member, stat, header, content, sent, chain, fill })
    }

    /// Number of frames it takes, of those that are not sent yet.
    pub fn chunks(&self) -> u64 {
        let length = self.header.len() as u64 + self.content.length();
        length.saturating_sub(self.sent).div_ceil(MAX_FRAME as u64).max(1)
    }

    /// Path in the set.
    pub fn path(&self) -> &[u8] {
        &self.member.path
    }

    /// Where the chunk's data lies in the tar data: offset and length.
    fn range(&self, number: u64) -> (u64, usize) {
        let header = self.header.len() as u64;
        let begin = (self.sent + number * MAX_FRAME as u64).saturating_sub(header);
        let end = (self.sent + (number + 1) * MAX_FRAME as u64).saturating_sub(header).min(self.content.length());
        (begin, (end - begin.min(end)) as usize)
    }

    fn is_last(&self, number: u64) -> bool {
        number + 1 == self.chunks()
    }

    /// Bytes of header that open the chunk.
    fn opening(&self, number: u64) -> usize {
        if number == 0 && self.sent == 0 { self.header.len() } else { 0 }
    }

    fn note(&self, fill: Fill) {
        if fill != Fill::Whole {
            let mut worst = lock(&self.fill);
            if !matches!(*worst, Fill::Failed(_)) {
                *worst = fill;
            }
        }
    }

    /// The record of the whole file, with its place relative to the last frame; looks whether the file has changed.
    fn complete(&self, mut hash: ContentHash, reporter: &Reporter) -> MemberRecord {
        self.content.hash_end(&mut hash);
        let fill = *lock(&self.fill);
        let after = Stat::of_fd(&self.file);
        let mut stat = self.stat;
        report_changes(reporter, &self.member.path, &mut stat, after, fill);
        let before_last = self.sent + (self.chunks() - 1) * MAX_FRAME as u64;
        let length = self.header.len() as u64 + self.content.length();
        let mut record = record((*self.member).clone(), &stat, Some(hash.finish()));
        record.tar_offset = before_last.wrapping_neg();
        record.tar_length = length + tar::padding(length) as u64;
        record
    }

    /// The frame of a chunk; with the record if the file ends in it, or else with the hash of everything up to its end.
    fn frame(&self, number: u64, data: Vec<u8>, tar_length: u64, end: ChunkEnd) -> Frame {
        let continuation = |number| Continuation {
            member: self.member.clone(),
            data_offset: self.range(number).0,
            data_size: self.content.length(),
        };
        let continues = (number > 0 || self.sent > 0).then(|| continuation(number));
        let (members, goes_on) = match end {
            ChunkEnd::File(record) => (vec![record], None),
            ChunkEnd::Chunk(hash) => {
                let chaining = match self.member.sparse {
                    None => ContentHash::go_on(&hash).and_then(|hash| hash.chaining()),
                    Some(_) => None,
                };
                let state = resume::State { hash, ctime_ns: self.stat.ctime_ns, inode: self.stat.inode }.encode();
                (Vec::new(), Some(Unfinished { continuation: continuation(number + 1), state, chaining }))
            }
        };
        Frame { data, tar_length, continues, goes_on, members, ..Frame::default() }
    }
}

/// What a chunk ends with.
enum ChunkEnd {
    /// The file.
    File(MemberRecord),
    /// Itself; the state of the hash behind it.
    Chunk(Vec<u8>),
}

/// Says how a file differs from what it was before it was read; one that could not be read is marked as changed, so
/// that the next incremental sends it again.
pub fn report_changes(reporter: &Reporter, path: &[u8], stat: &mut Stat, after: Result<Stat, Errno>, fill: Fill) {
    let after = after.unwrap_or(*stat);
    if let Fill::Failed(error) = fill {
        stat.ctime_ns = 0;
        let what = format!("reading it failed ({error}); what could not be read is zeros in this set");
        reporter.report(WarningKind::ReadError, path, what);
    } else if fill == Fill::Short || after.size < stat.size {
        let what = "it became shorter while it was read; its end is zeros in this set";
        reporter.report(WarningKind::Shrunk, path, what);
    } else if after.size > stat.size {
        let what = format!("it grew while it was read; this set has its first {} bytes", stat.size);
        reporter.report(WarningKind::Grew, path, what);
    } else if (after.mtime_ns, after.ctime_ns) != (stat.mtime_ns, stat.ctime_ns) {
        let what = "it changed while it was read; its content in this set may be a mixture";
        reporter.report(WarningKind::Changed, path, what);
    }
}

impl Worker {
    /// Reads one chunk of a large file and delivers its frame, or leaves it to the one who holds the hash.
    pub(super) fn chunk(&mut self, file: &LargeFile, number: u64, mut ticket: Ticket) -> tape_format::Result<()> {
        let compressed = self.compresses();
        let mut raw = if compressed { self.take_scratch() } else { ticket.take_buffer() };
        if number == 0 {
            self.shared.hooks.at(Moment::BeforeRead, file.path());
        }
        let turn = self.read_chunk(file, number, &mut raw);
        let chunk = Chunk { number, ticket, raw, compressed: None };
        let next = if compressed { self.compressed(file, turn, chunk) } else { self.plain(file, turn, chunk) };
        self.carry_on(file, next);
        Ok(())
    }

    /// Reads the chunk and, as soon as it is its turn, hashes it; gives the hash back if it is up to date.
    fn read_chunk(&mut self, file: &LargeFile, number: u64, raw: &mut Vec<u8>) -> Option<ContentHash> {
        let (begin, length) = file.range(number);
        let opening = file.opening(number);
        let padding = if file.is_last(number) { tar::padding(file.content.length()) } else { 0 };
        let total = opening + length + padding;
        // Longer is better than cleared: what lies behind is overwritten or cut off.
        if raw.len() < total {
            raw.resize(total, 0);
        }
        raw.truncate(total);
        if let (Some(head), Some(header)) = (raw.get_mut(..opening), file.header.get(..opening)) {
            head.copy_from_slice(header);
        }
        let mut turn = file.chain.try_turn(number);
        let data = raw.get_mut(opening..opening + length).unwrap_or_default();
        let mut done = 0;
        while done < length {
            let end = (done + STEP).min(length);
            let start = Instant::now();
            let fill = file.content.fill(&file.file, begin + done as u64, data.get_mut(done..end).unwrap_or_default());
            self.place.step();
            self.times.read += start.elapsed();
            self.times.bytes += (end - done) as u64;
            file.note(fill);
            let start = Instant::now();
            if turn.is_none() {
                turn = file.chain.try_turn(number);
                if let Some(hash) = &mut turn {
                    let bytes = data.get(..done).unwrap_or_default();
                    file.content.hash(hash, begin, bytes, ContentHash::update_cold);
                }
            }
            if let Some(hash) = &mut turn {
                let bytes = data.get(done..end).unwrap_or_default();
                file.content.hash(hash, begin + done as u64, bytes, ContentHash::update);
            }
            self.times.hash += start.elapsed();
            done = end;
        }
        if let Some(tail) = raw.get_mut(opening + length..) {
            tail.fill(0);
        }
        turn
    }

    /// Without compression: delivers or leaves the chunk; gives the hash and the chunk to go on with.
    fn plain(&mut self, file: &LargeFile, turn: Option<ContentHash>, chunk: Chunk) -> Option<(ContentHash, Chunk)> {
        let Some(hash) = turn else {
            // A chunk that waits keeps its place in the ring: no more can wait than fit into that.
            return file.chain.leave(chunk.number, chunk, usize::MAX, || false);
        };
        let end = self.end_turn(file, chunk.number, hash);
        self.deliver(file, chunk, end);
        file.chain.take()
    }

    /// With compression: the hash is let go for as long as that takes.
    fn compressed(
        &mut self,
        file: &LargeFile,
        turn: Option<ContentHash>,
        mut chunk: Chunk,
    ) -> Option<(ContentHash, Chunk)> {
        let end = turn.map(|hash| self.end_turn(file, chunk.number, hash));
        let mut data = chunk.ticket.take_buffer();
        if !self.compress(&chunk.raw, &mut data) {
            return None;
        }
        chunk.compressed = Some(data);
        match end {
            Some(end) => {
                self.deliver(file, chunk, end);
                file.chain.take()
            }
            None => {
                let begin = Instant::now();
                let ring = &self.shared.ring;
                let next = file.chain.leave(chunk.number, chunk, COMPRESSED_AHEAD, || ring.is_stopped());
                self.times.waited += begin.elapsed();
                next
            }
        }
    }

    /// Hashes and delivers all chunks that wait for the hash.
    fn carry_on(&mut self, file: &LargeFile, mut next: Option<(ContentHash, Chunk)>) {
        while let Some((mut hash, chunk)) = next {
            self.hash_raw(file, chunk.number, &chunk.raw, &mut hash);
            let end = self.end_turn(file, chunk.number, hash);
            self.deliver(file, chunk, end);
            next = file.chain.take();
        }
    }

    /// The chunk is hashed: what it ends with.
    fn end_turn(&mut self, file: &LargeFile, number: u64, hash: ContentHash) -> ChunkEnd {
        if file.is_last(number) {
            self.shared.hooks.at(Moment::AfterRead, file.path());
            return ChunkEnd::File(file.complete(hash, &self.shared.reporter));
        }
        let state = hash.state();
        file.chain.release(number, hash);
        ChunkEnd::Chunk(state)
    }

    fn deliver(&mut self, file: &LargeFile, chunk: Chunk, end: ChunkEnd) {
        let tar_length = chunk.raw.len() as u64;
        let data = match chunk.compressed {
            Some(data) => {
                self.give_scratch(chunk.raw);
                data
            }
            None => chunk.raw,
        };
        chunk.ticket.deliver([file.frame(chunk.number, data, tar_length, end)]);
    }

    fn hash_raw(&mut self, file: &LargeFile, number: u64, raw: &[u8], hash: &mut ContentHash) {
        let start = Instant::now();
        let (begin, length) = file.range(number);
        let opening = file.opening(number);
        let data = raw.get(opening..opening + length).unwrap_or_default();
        file.content.hash(hash, begin, data, ContentHash::update_cold);
        self.times.hash += start.elapsed();
    }
}
