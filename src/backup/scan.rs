//! Listing one directory: names in order, what the filter says of each, and what each of them is.

use super::directory::{Dir, open_quietly};
use super::filter::{Decision, EntryKind, Filter, PathState};
use super::xattr;
use rustix::fs::{AtFlags, FileType, OFlags, RawDir};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::sync::Arc;
use tape_format::MemberKind;

/// Entries that are looked at in one go; a larger directory is looked at piece by piece, so that its size in memory is
/// that of its names.
pub const CHUNK: usize = 1024;

/// What an entry is, from `fstatat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its type; `None` for a socket.
    pub kind: Option<MemberKindCode>,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Apparent size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds.
    pub mtime_ns: i64,
    /// Change time in nanoseconds.
    pub ctime_ns: i64,
    /// Inode number.
    pub inode: u64,
    /// Device of the file system.
    pub device: u64,
    /// Number of names.
    pub links: u64,
    /// 512-byte blocks in use.
    pub blocks: u64,
    /// Device number of a device file.
    pub special: u64,
}

/// [`MemberKind`] of what is on disk, where every name of a file is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MemberKindCode {
    File,
    Directory,
    Symlink,
    Fifo,
    CharDevice,
    BlockDevice,
}

impl MemberKindCode {
    /// As the tape knows it.
    pub fn member_kind(self) -> MemberKind {
        match self {
            MemberKindCode::File => MemberKind::File,
            MemberKindCode::Directory => MemberKind::Directory,
            MemberKindCode::Symlink => MemberKind::Symlink,
            MemberKindCode::Fifo => MemberKind::Fifo,
            MemberKindCode::CharDevice => MemberKind::CharDevice,
            MemberKindCode::BlockDevice => MemberKind::BlockDevice,
        }
    }
}

impl Stat {
    /// From what the kernel says.
    pub fn new(stat: &rustix::fs::Stat) -> Stat {
        let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Some(MemberKindCode::File),
            FileType::Directory => Some(MemberKindCode::Directory),
            FileType::Symlink => Some(MemberKindCode::Symlink),
            FileType::Fifo => Some(MemberKindCode::Fifo),
            FileType::CharacterDevice => Some(MemberKindCode::CharDevice),
            FileType::BlockDevice => Some(MemberKindCode::BlockDevice),
            _ => None,
        };
        // Another width on other processors.
        #[allow(clippy::unnecessary_cast)]
        let links = stat.st_nlink as u64;
        Stat {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: if kind == Some(MemberKindCode::File) { stat.st_size.max(0) as u64 } else { 0 },
            mtime_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: stat.st_ino,
            device: stat.st_dev,
            links,
            blocks: stat.st_blocks.max(0) as u64,
            special: stat.st_rdev,
        }
    }

    /// Of an open file.
    pub fn of_fd(fd: impl rustix::fd::AsFd) -> Result<Stat, Errno> {
        Ok(Stat::new(&rustix::fs::fstat(fd)?))
    }

    /// Whether the content seen with `self` is still the content seen with `later`.
    pub fn same_content(&self, later: &Stat) -> bool {
        (self.inode, self.device, self.size, self.mtime_ns, self.ctime_ns)
            == (later.inode, later.device, later.size, later.mtime_ns, later.ctime_ns)
    }

    /// Device number of a device file as major and minor.
    pub fn device_numbers(&self) -> Option<(u32, u32)> {
        matches!(self.kind, Some(MemberKindCode::CharDevice | MemberKindCode::BlockDevice))
            .then(|| (rustix::fs::major(self.special), rustix::fs::minor(self.special)))
    }
}

/// One name of a listing.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    length: u16,
    kind: Option<EntryKind>,
}

/// The names of a directory in the order of their bytes.
#[derive(Debug)]
pub struct Listing {
    /// The directory.
    pub dir: Arc<Dir>,
    state: PathState,
    filter: Arc<Filter>,
    names: Vec<u8>,
    spans: Vec<Span>,
}

/// An entry that is selected, or a directory in which something may be.
#[derive(Debug)]
pub struct Found {
    /// Its name.
    pub name: Vec<u8>,
    /// What the filter says.
    pub decision: Decision,
    /// What it is, or why that could not be found out.
    pub stat: Result<Stat, Errno>,
}

/// A directory that was opened and listed.
#[derive(Debug)]
pub struct Scanned {
    /// Its names.
    pub listing: Arc<Listing>,
    /// What the open directory is.
    pub stat: Stat,
    /// Its extended attributes.
    pub xattrs: xattr::Read,
    /// The first entries.
    pub first: Vec<Found>,
    /// Why the listing is not complete, if it is not.
    pub failure: Option<Errno>,
}

/// Opens and lists a directory, and looks at its first entries.
pub fn scan(dir: Arc<Dir>, state: PathState, filter: &Arc<Filter>) -> Result<Scanned, Errno> {
    let fd = dir.fd()?;
    let stat = Stat::of_fd(&*fd)?;
    let xattrs = xattr::of_fd(&*fd);
    let mut listing = Listing { dir, state, filter: filter.clone(), names: Vec::new(), spans: Vec::new() };
    let failure = listing.read(&fd).err();
    let listing = Arc::new(listing);
    let first = listing.look(0);
    Ok(Scanned { listing, stat, xattrs, first, failure })
}

impl Listing {
    /// Number of pieces of [`CHUNK`] names.
    pub fn chunks(&self) -> usize {
        self.spans.len().div_ceil(CHUNK).max(1)
    }

    /// Looks at the entries of one piece, in order; what the filter leaves out is not even asked for.
    pub fn look(&self, chunk: usize) -> Vec<Found> {
        let from = chunk * CHUNK;
        let spans = self.spans.get(from..(from + CHUNK).min(self.spans.len())).unwrap_or_default();
        if spans.is_empty() {
            return Vec::new();
        }
        let fd = self.dir.fd();
        let mut found = Vec::with_capacity(spans.len());
        for span in spans {
            let name = self.name(span);
            let stat = || match &fd {
                Ok(fd) => rustix::fs::statat(&**fd, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| Stat::new(&stat)),
                Err(error) => Err(*error),
            };
            let (kind, early) = match span.kind {
                Some(kind) => (kind, None),
                None => {
                    let stat = stat();
                    (stat.map_or(EntryKind::Other, |stat| kind_of(&stat)), Some(stat))
                }
            };
            let decide = |kind| match self.filter.is_everything() {
                true => self.filter.decide(self.state, &[], kind),
                false => self.filter.decide(self.state, &self.dir.join(name), kind),
            };
            let mut decision = decide(kind);
            if !decision.selected && !decision.descend {
                continue;
            }
            let stat = early.unwrap_or_else(stat);
            if let Ok(stat) = &stat
                && kind_of(stat) != kind
            {
                decision = decide(kind_of(stat));
            }
            found.push(Found { name: name.to_vec(), decision, stat });
        }
        found
    }

    fn name(&self, span: &Span) -> &[u8] {
        let start = span.start as usize;
        self.names.get(start..start + usize::from(span.length)).unwrap_or_default()
    }

    fn read(&mut self, dir: &rustix::fd::OwnedFd) -> Result<(), Errno> {
        // A descriptor of its own: the position of a shared one would be shared too.
        let own = open_quietly(dir, super::directory::ROOT_NAME, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
        let mut entries = RawDir::new(own, &mut buffer);
        let mut outcome = Ok(());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let (Ok(start), Ok(length)) = (u32::try_from(self.names.len()), u16::try_from(name.len())) else {
                outcome = Err(Errno::OVERFLOW);
                break;
            };
            let kind = match entry.file_type() {
                FileType::Unknown => None,
                FileType::Directory => Some(EntryKind::Directory),
                _ => Some(EntryKind::Other),
            };
            self.names.extend_from_slice(name);
            self.spans.push(Span { start, length, kind });
        }
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_unstable_by(|a, b| self.name(a).cmp(self.name(b)));
        self.spans = spans;
        outcome
    }
}

fn kind_of(stat: &Stat) -> EntryKind {
    if stat.kind == Some(MemberKindCode::Directory) { EntryKind::Directory } else { EntryKind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::filter::{Case, FilterSpec};

    #[test]
    fn names_come_sorted_and_in_pieces() {
        let temporary = tempfile::tempdir().unwrap();
        for number in 0..CHUNK + 10 {
            std::fs::write(temporary.path().join(format!("{number:05}")), b"").unwrap();
        }
        std::fs::create_dir(temporary.path().join("-dir")).unwrap();
        std::fs::write(temporary.path().join("x.tmp"), b"").unwrap();
        let spec = FilterSpec { exclude: vec!["*.tmp".into()], case: Case::Sensitive, ..FilterSpec::default() };
        let filter = Arc::new(Filter::new(&spec).unwrap());
        let root = Dir::root(temporary.path()).unwrap();
        let scanned = scan(root, filter.root().state, &filter).unwrap();
        assert_eq!(scanned.failure, None);
        assert_eq!(scanned.listing.chunks(), 2);
        let mut all = scanned.first;
        assert_eq!(all.len(), CHUNK);
        all.extend(scanned.listing.look(1));
        assert_eq!(all.len(), CHUNK + 11);
        assert!(all.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(all[0].name, b"-dir");
        assert!(all[0].decision.descend);
        assert_eq!(all[1].stat.unwrap().kind, Some(MemberKindCode::File));
        assert!(scanned.listing.look(9).is_empty());
    }
}
