//! Members out of a tar stream with holes: behind each the next valid header is looked for.

use super::{Damage, Hole, Next, SalvageSink, SalvagedMember, Source};
use crate::tar::{BLOCK, MemberPlace, Reader, is_header, padding};
use crate::{DataExtent, FormatError, Member, MemberKind, MemberRecord, Result};
use openssl::sha::Sha256;
use std::io::{self, Read};

/// Bytes of content after which progress is told.
const TELL: u64 = 16 << 20;
/// Bytes of content that are read at a time.
const BUFFER: usize = 1 << 18;
/// Bytes of holes in a sparse file that are hashed as zeros; one with more goes without a hash.
const MOST_HOLES: u64 = 1 << 40;
/// The name that the header of a sparse file has, whose real one is in records before it.
const SHADOW: &[u8] = b"GNUSparseFile.0";
const NAME_FIELD: usize = 100;

/// What the members of a part say of it.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The comment of the global header that opens the first part of a set.
    pub(super) comment: Option<Vec<u8>>,
    /// Length of the opening records.
    pub(super) prelude_bytes: u64,
    /// The archive's end was found, and nothing behind it: the set ends with this part.
    pub(super) complete: bool,
}

/// The tar stream as something to read from; a hole is an error, and reading goes on behind it when that was taken.
struct Input<'s, S> {
    source: &'s mut S,
    chunk: Vec<u8>,
    used: usize,
    /// Offset of the next byte in the tar stream, opening records included.
    at: u64,
    hole: Option<Hole>,
    failed: Option<FormatError>,
    ended: bool,
    /// Progress was told last at so many bytes of the data file.
    told: u64,
}

impl<S: Source> Read for Input<'_, S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.used == self.chunk.len() {
            if self.ended || self.failed.is_some() {
                return Ok(0);
            }
            if let Some(hole) = &self.hole {
                return Err(io::Error::other(hole.why.clone()));
            }
            self.chunk.clear();
            self.used = 0;
            match self.source.next(&mut self.chunk) {
                Ok(Next::Bytes) => {}
                Ok(Next::Hole(hole)) => self.hole = Some(hole),
                Ok(Next::End) => self.ended = true,
                Err(error) => self.failed = Some(error),
            }
        }
        let rest = self.chunk.get(self.used..).unwrap_or_default();
        let length = rest.len().min(out.len());
        if let (Some(target), Some(bytes)) = (out.get_mut(..length), rest.get(..length)) {
            target.copy_from_slice(bytes);
        }
        self.used += length;
        self.at += length as u64;
        Ok(length)
    }
}

impl<S: Source> Input<'_, S> {
    /// Fills a whole block; `false` if a hole or the end comes first.
    fn block(&mut self, block: &mut [u8]) -> bool {
        let mut filled = 0;
        while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.read(room) {
                Ok(length) if length > 0 => filled += length,
                _ => return false,
            }
        }
        true
    }

    /// Puts a block back that was read last.
    fn unread(&mut self, block: &[u8; BLOCK]) {
        let mut chunk = block.to_vec();
        chunk.extend_from_slice(self.chunk.get(self.used..).unwrap_or_default());
        (self.chunk, self.used) = (chunk, 0);
        self.at -= BLOCK as u64;
    }

    /// Goes on to the next valid header, over holes and whatever else; `false` if there is none. Tells of each hole.
    fn find_header(&mut self, tell: &mut dyn FnMut(u64, &str) -> Result<()>) -> Result<bool> {
        let mut block = [0; BLOCK];
        loop {
            if let Some(hole) = self.hole.take() {
                tell(self.at, &hole.why)?;
                self.at += hole.bytes;
            }
            let skip = (self.at.wrapping_neg() % BLOCK as u64) as usize;
            let aligned = skip == 0 || block.get_mut(..skip).is_some_and(|rest| self.block(rest));
            if aligned && self.block(&mut block) {
                if is_header(&block) {
                    self.unread(&block);
                    return Ok(true);
                }
            } else if self.ended || self.failed.is_some() {
                return Ok(false);
            }
        }
    }
}

/// Reads all members of a stream and tells `sink`; offsets are from the stream's beginning.
pub(super) fn walk<S: Source>(source: &mut S, sink: &mut dyn SalvageSink) -> Result<Walked> {
    let mut input =
        Input { source, chunk: Vec::new(), used: 0, at: 0, hole: None, failed: None, ended: false, told: 0 };
    let mut walked = Walked::default();
    let mut first = true;
    let mut after_damage = false;
    loop {
        let end = run(&mut input, sink, &mut walked, first, after_damage)?;
        if let Some(error) = input.failed.take() {
            return Err(error);
        }
        first = false;
        walked.complete = matches!(end, End::OfArchive);
        let at = input.at.saturating_sub(walked.prelude_bytes);
        let mut damaged = !matches!(end, End::OfArchive | End::OfStream);
        if let End::Broken(reason) = end
            && input.hole.is_none()
        {
            sink.damage(&Damage { tar_offset: at, reason })?;
        }
        let found = input.find_header(&mut |tar_offset, reason| {
            damaged = true;
            let tar_offset = tar_offset.saturating_sub(walked.prelude_bytes);
            sink.damage(&Damage { tar_offset, reason: reason.to_owned() })
        })?;
        if let Some(error) = input.failed.take() {
            return Err(error);
        }
        if !found {
            return Ok(walked);
        }
        after_damage = true;
        if !damaged {
            let reason = "the archive seems to end here, and goes on: its end is not real".into();
            sink.damage(&Damage { tar_offset: at, reason })?;
        }
    }
}

/// How a run of members ended.
enum End {
    /// With the two blocks of zeros that end an archive.
    OfArchive,
    /// With the stream, between two members or within one that goes on in the next part.
    OfStream,
    /// At something that cannot be read.
    Broken(String),
}

/// Reads members until something ends it.
fn run<S: Source>(
    input: &mut Input<'_, S>,
    sink: &mut dyn SalvageSink,
    walked: &mut Walked,
    mut first: bool,
    mut after_damage: bool,
) -> Result<End> {
    let base = input.at;
    let mut reader = Reader::new(input);
    loop {
        let member = match reader.next_member() {
            Ok(Some(member)) => member,
            Ok(None) if !reader.inner().ended => return Ok(End::OfArchive),
            Err(error) if !reader.inner().ended => return Ok(End::Broken(error.to_string())),
            Ok(None) | Err(_) => return Ok(End::OfStream),
        };
        let place = reader.place().clone();
        if std::mem::take(&mut first) {
            walked.comment = reader.comment().map(<[u8]>::to_vec);
            walked.prelude_bytes = base + start_of(&place);
        }
        let content = content(&mut reader, &member, sink)?;
        let mut found = SalvagedMember {
            record: record(&member, (base + start_of(&place)).saturating_sub(walked.prelude_bytes), &place),
            continues: place.continues,
            cut: None,
            damage: None,
            after_damage: std::mem::take(&mut after_damage),
        };
        if found.after_damage && is_shortened(&member) {
            found.damage = Some("the records before its header are lost, and with them its name".to_owned());
        }
        match content {
            Ok(sha256) if found.is_whole() => found.record.sha256 = sha256,
            Ok(_) => {}
            Err(_) if reader.inner().ended => {
                found.cut = Some((place.data_size.saturating_sub(reader.remaining()), place.data_size));
            }
            Err(error) => found.damage = found.damage.or(Some(error.to_string())),
        }
        sink.member(found)?;
    }
}

/// Reads all of a member's data; the SHA-256 of a file's content. The inner error is one of the stream.
fn content<S: Source>(
    reader: &mut Reader<&mut Input<'_, S>>,
    member: &Member,
    sink: &mut dyn SalvageSink,
) -> Result<Result<Option<[u8; 32]>>> {
    let mut sum = (member.kind == MemberKind::File && holes(member) <= MOST_HOLES).then(Sha256::new);
    let whole = [DataExtent { offset: 0, length: reader.remaining() }];
    let extents = member.sparse.as_deref().unwrap_or(&whole);
    let mut buffer = vec![0; BUFFER];
    let mut hashed = 0;
    for extent in extents {
        zeros(&mut sum, extent.offset.saturating_sub(hashed));
        let mut left = extent.length;
        while left > 0 {
            let room = usize::try_from(left).map_or(BUFFER, |left| left.min(BUFFER));
            let length = match reader.read(buffer.get_mut(..room).unwrap_or_default()) {
                Ok(length) => length,
                Err(error) => return Ok(Err(FormatError::from_io(error))),
            };
            if length == 0 {
                return Ok(Err(FormatError::Truncated { what: "content of a file".into(), missing: left }));
            }
            if let Some(sum) = &mut sum {
                sum.update(buffer.get(..length).unwrap_or_default());
            }
            left -= length as u64;
            let input = reader.inner_mut();
            let read = input.source.stream_bytes();
            if read >= input.told.saturating_add(TELL) {
                input.told = read;
                sink.progress(read)?;
            }
        }
        hashed = extent.offset.saturating_add(extent.length);
    }
    if member.sparse.is_some() {
        zeros(&mut sum, member.size.saturating_sub(hashed));
    }
    Ok(Ok(sum.map(Sha256::finish)))
}

fn holes(member: &Member) -> u64 {
    let data = member.sparse.iter().flatten().fold(0u64, |sum, extent| sum.saturating_add(extent.length));
    if member.sparse.is_some() { member.size.saturating_sub(data) } else { 0 }
}

fn zeros(sum: &mut Option<Sha256>, mut count: u64) {
    const ZEROS: [u8; 4096] = [0; 4096];
    let Some(sum) = sum else { return };
    while count > 0 {
        let some = count.min(ZEROS.len() as u64);
        sum.update(ZEROS.get(..some as usize).unwrap_or(&ZEROS));
        count -= some;
    }
}

/// Whether a header stands for a member whose real name can only have been in records before it.
fn is_shortened(member: &Member) -> bool {
    let base = member.path.rsplit(|&b| b == b'/').nth(1).unwrap_or_default();
    member.path.len() == NAME_FIELD || (member.sparse.is_none() && base == SHADOW)
}

/// Where a member begins in what is read: of the rest of one only the data belongs to the set's stream.
fn start_of(place: &MemberPlace) -> u64 {
    if place.continues.is_some() { place.data_offset } else { place.header_offset }
}

fn record(member: &Member, tar_offset: u64, place: &MemberPlace) -> MemberRecord {
    let data_end = place.data_offset.saturating_add(place.data_size).saturating_add(padding(place.data_size) as u64);
    let path = place.continues.as_ref().map_or(&member.path, |start| &start.path);
    MemberRecord {
        path: path.clone(),
        kind: member.kind.clone(),
        size: member.size,
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        user: member.user.clone(),
        group: member.group.clone(),
        mtime_ns: member.mtime_ns,
        ctime_ns: 0,
        inode: 0,
        link: member.link.clone(),
        sha256: None,
        tar_offset,
        tar_length: data_end.saturating_sub(start_of(place)),
    }
}
