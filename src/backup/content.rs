//! The tar data of a regular file: its bytes, or for a sparse file the map and the runs of data, read from any offset
//! and hashed as the file's apparent content.

use super::hash::ContentHash;
use super::scan::Stat;
use rustix::fd::AsFd;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use tape_format::{DataExtent, Member, tar};

/// More runs of data than this are joined over their smallest holes, so that no file fills the memory with its map.
const MAX_EXTENTS: usize = 1 << 16;

/// How tar data maps to a file.
#[derive(Debug)]
pub struct Content {
    map: Vec<u8>,
    extents: Vec<DataExtent>,
    /// Where each extent begins in the tar data.
    starts: Vec<u64>,
    apparent: u64,
    length: u64,
}

/// How reading went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// All bytes are the file's.
    Whole,
    /// The file ended early; the rest is zeros.
    Short,
    /// The file could not be read; the rest is zeros.
    Failed(Errno),
}

/// What a hash needs to know of a run of tar data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Offset in the file; `None` in the map.
    file_offset: Option<u64>,
    length: u64,
    hole_before: u64,
}

impl Content {
    /// Of `member`, with its map if it is sparse.
    pub fn of(member: &Member) -> tape_format::Result<Content> {
        let mut map = Vec::new();
        let extents = match &member.sparse {
            None => vec![DataExtent { offset: 0, length: member.size }],
            Some(extents) => {
                tar::sparse_map(member, &mut map)?;
                extents.clone()
            }
        };
        let mut next = map.len() as u64;
        let mut starts = Vec::with_capacity(extents.len());
        for extent in &extents {
            starts.push(next);
            next = next.saturating_add(extent.length);
        }
        Ok(Content { map, extents, starts, apparent: member.size, length: tar::data_size(member) })
    }

    /// Bytes of tar data, without padding.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` with the tar data from `offset` on.
    pub fn fill(&self, file: impl AsFd, offset: u64, buffer: &mut [u8]) -> Fill {
        let file = file.as_fd();
        let mut outcome = Fill::Whole;
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..)
            && !rest.is_empty()
        {
            let at = offset + done as u64;
            let piece = self.piece(at, rest.len() as u64);
            if piece.length == 0 {
                rest.fill(0);
                break;
            }
            let length = piece.length as usize;
            let target = rest.get_mut(..length).unwrap_or_default();
            match piece.file_offset {
                None => {
                    target.copy_from_slice(self.map.get(at as usize..).and_then(|map| map.get(..length)).unwrap_or(&[]))
                }
                Some(from) if outcome == Fill::Whole => outcome = read_exactly(file, from, target),
                Some(_) => target.fill(0),
            }
            done += length;
        }
        outcome
    }

    /// Adds the tar data `bytes`, which begin at `offset`, to the hash of the apparent content; `add` says how.
    pub fn hash(&self, hash: &mut ContentHash, offset: u64, bytes: &[u8], add: impl Fn(&mut ContentHash, &[u8])) {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..)
            && !rest.is_empty()
        {
            let piece = self.piece(offset + done as u64, rest.len() as u64);
            if piece.length == 0 {
                break;
            }
            if piece.file_offset.is_some() {
                hash.update_zeros(piece.hole_before);
                add(hash, rest.get(..piece.length as usize).unwrap_or_default());
            }
            done += piece.length as usize;
        }
    }

    /// Adds what follows the last run of data.
    pub fn hash_end(&self, hash: &mut ContentHash) {
        let end = self.extents.last().map_or(0, |extent| extent.offset + extent.length);
        hash.update_zeros(self.apparent.saturating_sub(end));
    }

    /// What tar data at `offset` is, up to `most` bytes of it; of length 0 behind the end.
    fn piece(&self, offset: u64, most: u64) -> Piece {
        let map = self.map.len() as u64;
        if offset < map {
            return Piece { file_offset: None, length: most.min(map - offset), hole_before: 0 };
        }
        // The last extent that begins at or before the offset is never an empty one, unless nothing follows.
        let index = self.starts.partition_point(|start| *start <= offset).checked_sub(1);
        let found = index.and_then(|index| Some((index, self.extents.get(index)?, self.starts.get(index)?)));
        let Some((index, extent, start)) = found else { return Piece { file_offset: None, length: 0, hole_before: 0 } };
        let within = offset - start;
        let hole_before = match index.checked_sub(1).and_then(|before| self.extents.get(before)) {
            _ if within > 0 => 0,
            Some(before) => extent.offset.saturating_sub(before.offset + before.length),
            None => extent.offset,
        };
        let length = most.min(extent.length.saturating_sub(within));
        Piece { file_offset: Some(extent.offset + within), length, hole_before }
    }
}

/// Fills `target` with the bytes of a file from `from` on.
pub fn read_exactly(file: impl AsFd, mut from: u64, mut target: &mut [u8]) -> Fill {
    while !target.is_empty() {
        match rustix::io::pread(&file, &mut *target, from) {
            Ok(0) => {
                target.fill(0);
                return Fill::Short;
            }
            Ok(count) => {
                from += count as u64;
                target = target.get_mut(count..).unwrap_or_default();
            }
            Err(Errno::INTR) => {}
            Err(error) => {
                target.fill(0);
                return Fill::Failed(error);
            }
        }
    }
    Fill::Whole
}

/// The runs of data of a file with holes; `None` if it has none, or nobody can tell.
pub fn extents(file: impl AsFd, stat: &Stat) -> Option<Vec<DataExtent>> {
    if stat.blocks.saturating_mul(512) >= stat.size {
        return None;
    }
    let mut found = Vec::new();
    let mut at = 0;
    let mut gap = 0;
    while at < stat.size {
        let begin = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
            Ok(begin) => begin.min(stat.size),
            Err(Errno::NXIO) => break,
            Err(_) => return None,
        };
        let end = rustix::fs::seek(&file, SeekFrom::Hole(begin)).ok()?.min(stat.size);
        if end <= begin {
            break;
        }
        push(&mut found, DataExtent { offset: begin, length: end - begin }, gap);
        if found.len() > MAX_EXTENTS {
            gap = (gap * 2).max(8192);
            let mut joined = Vec::new();
            found.into_iter().for_each(|extent| push(&mut joined, extent, gap));
            found = joined;
        }
        at = end;
    }
    let whole = DataExtent { offset: 0, length: stat.size };
    (found != [whole]).then_some(found)
}

/// Appends a run, or makes the last one longer if only a hole of at most `gap` bytes is between them.
fn push(extents: &mut Vec<DataExtent>, next: DataExtent, gap: u64) {
    match extents.last_mut() {
        Some(last) if next.offset.saturating_sub(last.offset + last.length) <= gap => {
            last.length = next.offset + next.length - last.offset;
        }
        _ => extents.push(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;
    use tape_format::MemberKind;

    fn member(size: u64, sparse: Option<Vec<DataExtent>>) -> Member {
        Member {
            path: b"f".to_vec(),
            kind: MemberKind::File,
            size,
            mode: 0o644,
            uid: 0,
            gid: 0,
            user: String::new(),
            group: String::new(),
            mtime_ns: 0,
            link: None,
            device: None,
            xattrs: Vec::new(),
            sparse,
        }
    }

    fn sparse_file(size: u64, runs: &[(u64, usize)]) -> std::fs::File {
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.set_len(size).unwrap();
        for (offset, length) in runs {
            let bytes: Vec<u8> = (0..*length).map(|n| (n * 31 + *offset as usize / 7) as u8 | 1).collect();
            file.write_all_at(&bytes, *offset).unwrap();
        }
        file
    }

    /// Reads and hashes in steps of `step`; gives the data and the hash.
    fn all(file: &std::fs::File, content: &Content, step: usize) -> (Vec<u8>, [u8; 32]) {
        let mut data = vec![0xee; content.length() as usize];
        let mut hash = ContentHash::default();
        let mut offset = 0;
        for part in data.chunks_mut(step) {
            assert_eq!(content.fill(file, offset, part), Fill::Whole);
            content.hash(&mut hash, offset, part, ContentHash::update);
            offset += part.len() as u64;
        }
        content.hash_end(&mut hash);
        (data, hash.finish())
    }

    #[test]
    fn a_sparse_file_is_map_and_runs_and_hashes_as_a_whole() {
        for (size, runs) in [
            (10 << 20, vec![(1 << 20, 5000usize), (4 << 20, 100_000)]),
            (1 << 20, vec![]),
            (3 << 20, vec![(0, 4096), ((3 << 20) - 4096, 4096)]),
        ] {
            let file = sparse_file(size, &runs);
            let stat = Stat::of_fd(&file).unwrap();
            let extents = extents(&file, &stat).expect("the file system of the source tree keeps holes");
            let content = Content::of(&member(size, Some(extents.clone()))).unwrap();
            let mut apparent = vec![0; size as usize];
            file.read_exact_at(&mut apparent, 0).unwrap();
            let map = content.map.len();
            for step in [512, 4096 + 512, 1 << 20] {
                let (data, hash) = all(&file, &content, step);
                assert_eq!(hash, openssl::sha::sha256(&apparent));
                let mut at = map;
                for extent in &extents {
                    let (from, to) = (extent.offset as usize, (extent.offset + extent.length) as usize);
                    assert_eq!(data[at..at + to - from], apparent[from..to]);
                    at += to - from;
                }
                assert_eq!(at, data.len());
            }
        }
    }

    #[test]
    fn a_file_without_holes_is_its_bytes() {
        let file = sparse_file(100_000, &[(0, 100_000)]);
        assert_eq!(extents(&file, &Stat::of_fd(&file).unwrap()), None);
        let content = Content::of(&member(100_000, None)).unwrap();
        let (data, hash) = all(&file, &content, 4096);
        assert_eq!((data.len(), hash), (100_000, openssl::sha::sha256(&data)));
    }

    #[test]
    fn what_is_missing_is_zeros() {
        let file = sparse_file(1000, &[(0, 1000)]);
        let content = Content::of(&member(3000, None)).unwrap();
        let mut data = vec![0xee; 3000];
        assert_eq!(content.fill(&file, 0, &mut data), Fill::Short);
        assert!(data[999] != 0 && data[1000..].iter().all(|byte| *byte == 0));
        let directory = std::fs::File::open("/").unwrap();
        assert_eq!(content.fill(&directory, 0, &mut data), Fill::Failed(Errno::ISDIR));
        assert!(data.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn too_many_runs_are_joined() {
        let mut extents = Vec::new();
        for n in 0..10 {
            push(&mut extents, DataExtent { offset: n * 10_000, length: 1000 }, if n < 5 { 0 } else { 9000 });
        }
        assert_eq!(extents.len(), 5);
        assert_eq!(extents[4], DataExtent { offset: 40_000, length: 51_000 });
    }
}
