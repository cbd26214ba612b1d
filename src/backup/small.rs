//! Small members: a batch of them becomes one frame, built by one worker.

use super::content::{self, Content, Fill, extents};
use super::directory::{Dir, open_quietly};
use super::hash::{self, ContentHash};
use super::hooks::Moment;
use super::lanes;
use super::large::report_changes;
use super::scan::{MemberKindCode, Stat};
use super::unit::{Batch, Item, Link, TargetOutcome, member, record};
use super::walk::Entry;
use super::warning::WarningKind;
use super::worker::{Lap, Worker};
use super::xattr::{self, Xattrs};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tape_format::frame::MAX_FRAME;
use tape_format::ring::Ticket;
use tape_format::{Frame, Member, MemberKind, MemberRecord, tar};

/// A file that has grown beyond this between the walk and its reading is cut to its old size.
const MAX_SMALL: u64 = 4 << 20;

/// Content up to this size is hashed together with that of its neighbours …
const TOGETHER: usize = 64 << 10;
/// … so many, or so many bytes, at a time: they are still in the processor's cache.
const MOST_TOGETHER: usize = 64;
const MOST_TOGETHER_BYTES: usize = 512 << 10;
/// After so many members the gate hears whether this worker waits for devices: a whole batch from a cold disk takes a second.
const HEARD_EVERY: usize = 32;

/// The frame, or frames, of one place in the order, while they are built.
pub struct Building {
    raw: Vec<u8>,
    position: usize,
    members: Vec<MemberRecord>,
    /// Members whose hash is missing, and where their content is.
    unhashed: Vec<(usize, Range<usize>)>,
    unhashed_bytes: usize,
    hashing: Duration,
    complete: Vec<Frame>,
}

/// The hash of a member's content.
enum Hashed {
    /// It is done.
    Now([u8; 32]),
    /// It is done with those of its neighbours; this is where the content is, from the member's first byte.
    Later(Range<usize>),
}

impl Building {
    fn new(raw: Vec<u8>) -> Building {
        Building {
            raw,
            position: 0,
            members: Vec::new(),
            unhashed: Vec::new(),
            unhashed_bytes: 0,
            hashing: Duration::ZERO,
            complete: Vec::new(),
        }
    }

    /// Room for a member of `length` bytes at the current position; a frame that it would not fit into is completed.
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.position > 0 && self.position + length > MAX_FRAME {
            let frame = self.take_frame();
            self.complete.push(frame);
        }
        let end = self.position + length;
        if self.raw.len() < end {
            self.raw.resize(end, 0);
        }
        self.raw.get_mut(self.position..end).unwrap_or_default()
    }

    /// The member at the current position is good: its `length` bytes stay.
    fn keep(&mut self, mut record: MemberRecord, length: usize) {
        record.tar_offset = self.position as u64;
        record.tar_length = length as u64;
        self.members.push(record);
        self.position += length;
    }

    /// A file's member: as [`keep`](Self::keep).
    fn keep_file(&mut self, record: MemberRecord, length: usize, hashed: Hashed) {
        let (index, begin) = (self.members.len(), self.position);
        match hashed {
            Hashed::Now(hash) => self.keep(MemberRecord { sha256: Some(hash), ..record }, length),
            Hashed::Later(content) => {
                self.unhashed_bytes += content.len();
                self.unhashed.push((index, begin + content.start..begin + content.end));
                self.keep(record, length);
            }
        }
        if self.unhashed.len() >= MOST_TOGETHER || self.unhashed_bytes >= MOST_TOGETHER_BYTES {
            self.hash();
        }
    }

    /// Hashes what has waited for its neighbours.
    fn hash(&mut self) {
        if self.unhashed.is_empty() {
            return;
        }
        let start = Instant::now();
        let contents: Vec<&[u8]> =
            self.unhashed.iter().map(|(_, place)| self.raw.get(place.clone()).unwrap_or_default()).collect();
        let hashes = lanes::hash_all(&contents);
        for ((index, _), hash) in self.unhashed.drain(..).zip(hashes) {
            if let Some(member) = self.members.get_mut(index) {
                member.sha256 = Some(hash);
            }
        }
        self.unhashed_bytes = 0;
        self.hashing += start.elapsed();
    }

    fn take_frame(&mut self) -> Frame {
        self.hash();
        self.raw.truncate(self.position);
        let frame = Frame {
            tar_length: self.position as u64,
            data: std::mem::take(&mut self.raw),
            members: std::mem::take(&mut self.members),
            ..Frame::default()
        };
        self.position = 0;
        frame
    }
}

/// The directory that was opened last, so that the files of one directory open it once.
#[derive(Default)]
pub struct OpenDirectory(Option<(Arc<Dir>, Arc<OwnedFd>)>);

impl OpenDirectory {
    fn get(&mut self, dir: &Arc<Dir>) -> Result<Arc<OwnedFd>, Errno> {
        if let Some((open, fd)) = &self.0
            && Arc::ptr_eq(open, dir)
        {
            return Ok(fd.clone());
        }
        let fd = dir.fd()?;
        self.0 = Some((dir.clone(), fd.clone()));
        Ok(fd)
    }
}

impl Worker {
    /// Builds and delivers the frame of a batch.
    pub(super) fn batch(&mut self, batch: &Batch, mut ticket: Ticket) -> tape_format::Result<()> {
        let compressed = self.compresses();
        let raw = if compressed { self.take_scratch() } else { ticket.take_buffer() };
        let mut building = Building::new(raw);
        for (index, item) in batch.items.iter().enumerate() {
            if self.shared.ring.is_stopped() {
                return Ok(());
            }
            if index % HEARD_EVERY == HEARD_EVERY - 1 {
                self.tell();
            }
            self.place.at_item(index);
            self.item(&mut building, item)?;
        }
        self.directory = OpenDirectory::default();
        if batch.last {
            building.room(tar::EOF.len()).copy_from_slice(&tar::EOF);
            building.position += tar::EOF.len();
        }
        if building.position > 0 {
            let frame = building.take_frame();
            building.complete.push(frame);
        }
        self.times.hash += building.hashing;
        let mut frames = building.complete;
        if compressed {
            for frame in &mut frames {
                let mut data = ticket.take_buffer();
                let raw = std::mem::take(&mut frame.data);
                if !self.compress(&raw, &mut data) {
                    return Ok(());
                }
                self.give_scratch(raw);
                frame.data = data;
            }
        }
        ticket.deliver(frames);
        Ok(())
    }

    fn item(&mut self, building: &mut Building, item: &Item) -> tape_format::Result<()> {
        match &item.link {
            Link::No => {
                self.entry(building, &item.entry, &item.xattrs)?;
            }
            Link::First(target) => {
                let sent = self.entry(building, &item.entry, &item.xattrs)?;
                target.settle(if sent { TargetOutcome::Sent } else { TargetOutcome::Missing });
            }
            Link::Again(target) => {
                let start = Instant::now();
                let ring = &self.shared.ring;
                let outcome = target.outcome(|| ring.is_stopped());
                self.times.waited += start.elapsed();
                match outcome {
                    Some(TargetOutcome::Sent) => {
                        let stat = &item.entry.stat;
                        let mut link = self.named(member(item.entry.path(), stat, MemberKind::Hardlink));
                        link.link = Some(target.path.clone());
                        self.without_data(building, link, stat)?;
                    }
                    Some(TargetOutcome::Missing) => {
                        self.entry(building, &item.entry, &item.xattrs)?;
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Adds an entry; false if it could not be read and is not in the set.
    fn entry(&mut self, building: &mut Building, entry: &Entry, xattrs: &Xattrs) -> tape_format::Result<bool> {
        let path = entry.path();
        self.shared.hooks.at(Moment::BeforeOpen, &path);
        let Some(kind) = entry.stat.kind else { return Ok(false) };
        if kind == MemberKindCode::File {
            return self.file(building, entry, path);
        }
        let mut member = self.named(member(path, &entry.stat, kind.member_kind()));
        if kind == MemberKindCode::Directory {
            member.xattrs.clone_from(xattrs);
            return self.without_data(building, member, &entry.stat).map(|()| true);
        }
        let dir = match self.directory.get(&entry.dir) {
            Ok(dir) => dir,
            Err(error) => return Ok(self.failed(&member.path, "open its directory", error)),
        };
        if kind == MemberKindCode::Symlink {
            match rustix::fs::readlinkat(&*dir, entry.name.as_slice(), Vec::new()) {
                Ok(target) => member.link = Some(target.into_bytes()),
                Err(Errno::INVAL) => return Ok(self.failed(&member.path, "read the link", Errno::NOENT)),
                Err(error) => return Ok(self.failed(&member.path, "read the link", error)),
            }
        }
        let read = xattr::of_entry(&*dir, &entry.name);
        self.attributes(&mut member, read);
        self.without_data(building, member, &entry.stat).map(|()| true)
    }

    fn file(&mut self, building: &mut Building, entry: &Entry, path: Vec<u8>) -> tape_format::Result<bool> {
        let mut lap = self.times.lap(entry.stat.size);
        let opened = self.directory.get(&entry.dir).and_then(|dir| open_quietly(&*dir, &entry.name, OFlags::RDONLY));
        let file = match opened {
            Ok(file) => file,
            Err(error) => return Ok(self.failed(&path, "open it", error)),
        };
        self.shared.hooks.at(Moment::BeforeRead, &path);
        let mut stat = entry.stat;
        // What changed between the walk and the opening is no reason to warn: it is read as it is now.
        for is_second in [false, true] {
            let mut member = self.named(member(path.clone(), &stat, MemberKind::File));
            self.attributes(&mut member, xattr::of_fd(&file));
            member.sparse = extents(&file, &stat);
            lap.ends(&mut self.times.read);
            let (fill, hashed, length) = self.content(building, &file, &member, &mut lap)?;
            self.shared.hooks.at(Moment::AfterRead, &path);
            let after = Stat::of_fd(&file);
            lap.ends(&mut self.times.read);
            if let Fill::Failed(error) = fill {
                return Ok(self.failed(&path, "read it", error));
            }
            if let Ok(after) = after
                && !stat.same_content(&after)
            {
                if after.kind != Some(MemberKindCode::File) {
                    return Ok(self.failed(&path, "open it", Errno::NOENT));
                }
                if !is_second && after.size <= MAX_SMALL {
                    stat = after;
                    continue;
                }
                report_changes(&self.shared.reporter, &path, &mut stat, Ok(after), fill);
            }
            building.keep_file(record(member, &stat, None), length, hashed);
            return Ok(true);
        }
        Ok(false)
    }

    /// Puts header, content and padding of a file at the current position; gives the hash and the length of all.
    fn content(
        &mut self,
        building: &mut Building,
        file: impl AsFd,
        member: &Member,
        lap: &mut Lap,
    ) -> tape_format::Result<(Fill, Hashed, usize)> {
        self.header.clear();
        tar::write_header(member, &mut self.header)?;
        let data = tar::data_size(member) as usize;
        let opening = self.header.len();
        let total = opening + data + tar::padding(data as u64);
        let room = building.room(total);
        let (head, rest) = room.split_at_mut(opening.min(room.len()));
        head.copy_from_slice(&self.header);
        let (body, padding) = rest.split_at_mut(data.min(rest.len()));
        padding.fill(0);
        if data == 0 && member.sparse.is_none() {
            return Ok((Fill::Whole, Hashed::Now(hash::EMPTY), total));
        }
        self.times.bytes += data as u64;
        if member.sparse.is_none() && data <= TOGETHER {
            lap.skips();
            let fill = content::read_exactly(&file, 0, body);
            lap.ends(&mut self.times.read);
            return Ok((fill, Hashed::Later(opening..opening + data), total));
        }
        let content = Content::of(member)?;
        lap.skips();
        let fill = content.fill(&file, 0, body);
        lap.ends(&mut self.times.read);
        let mut hash = ContentHash::default();
        content.hash(&mut hash, 0, body, ContentHash::update);
        content.hash_end(&mut hash);
        let sha256 = hash.finish();
        lap.ends(&mut self.times.hash);
        Ok((fill, Hashed::Now(sha256), total))
    }

    fn without_data(&mut self, building: &mut Building, member: Member, stat: &Stat) -> tape_format::Result<()> {
        self.header.clear();
        tar::write_header(&member, &mut self.header)?;
        building.room(self.header.len()).copy_from_slice(&self.header);
        building.keep(record(member, stat, None), self.header.len());
        Ok(())
    }

    fn attributes(&self, member: &mut Member, read: xattr::Read) {
        member.xattrs = read.attributes;
        if let Some(missing) = read.missing {
            self.shared.reporter.report(WarningKind::Attributes, &member.path, missing);
        }
    }

    /// Reports what failed; always false.
    fn failed(&self, path: &[u8], doing: &str, error: Errno) -> bool {
        self.shared.reporter.failed(path, doing, error);
        false
    }
}
