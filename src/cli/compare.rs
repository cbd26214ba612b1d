//! Compares two trees by looking at the disk only: what was restored against what was backed up.
//!
//! It knows nothing of tapes, catalogs or hashes, so it can contradict all of them: contents byte by byte, kind, mode,
//! owner, times to the nanosecond, link targets, which names are hard links of each other, device numbers, extended
//! attributes (POSIX ACLs are some of them).

use rustix::fs as raw;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Differences kept in words; beyond them only the count goes on.
pub const MOST_DIFFERENCES: usize = 20;
const BUFFER: usize = 1 << 20;
/// Attributes of one file are never larger than this together (the kernel's limit for one value and for the list).
const MOST_ATTRIBUTE_BYTES: usize = 64 << 10;

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Files, folders, links and everything else that was compared.
    pub entries: u64,
    /// Regular files among them, each name counted.
    pub files: u64,
    /// Content bytes compared.
    pub bytes: u64,
    /// Things that differ.
    pub mismatches: u64,
    /// The first of them in words: path and reason.
    pub differences: Vec<(PathBuf, String)>,
    /// Things that tar cannot carry (sockets) and were therefore not looked for.
    pub passed_over: u64,
}

/// Whether owners are compared: only root can restore them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// User and group must be equal.
    Compare,
    /// Files belong to whoever restored them.
    Ignore,
}

impl Owners {
    /// What this process can expect of a restore that it, or its like, has run.
    pub fn expected() -> Self {
        if rustix::process::geteuid().is_root() { Owners::Compare } else { Owners::Ignore }
    }
}

/// Compares everything below two folders, and the folders themselves.
///
/// # Errors
/// Only if one of the two folders cannot be read at all; what fails further down is a difference.
pub fn trees(expected: &Path, found: &Path, owners: Owners) -> io::Result<Comparison> {
    for root in [expected, found] {
        std::fs::read_dir(root)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", root.display())))?;
    }
    let mut comparer = Comparer {
        result: Comparison::default(),
        owners,
        links: HashMap::new(),
        names_of_found: HashMap::new(),
        buffers: (vec![0; BUFFER], vec![0; BUFFER]),
        compared_contents: HashMap::new(),
    };
    // A list and not recursion, because trees can be deeper than a stack.
    let mut waiting = vec![(PathBuf::new(), expected.to_owned(), found.to_owned())];
    while let Some((path, expected, found)) = waiting.pop() {
        let children = comparer.entry(&path, &expected, &found);
        waiting.extend(children.into_iter().map(|name| (path.join(&name), expected.join(&name), found.join(&name))));
    }
    Ok(comparer.result)
}

/// A file by device and inode.
type Identity = (u64, u64);

struct Comparer {
    result: Comparison,
    owners: Owners,
    /// Files with several names: the identity on the expected side → the identity found under its first name.
    links: HashMap<Identity, Identity>,
    /// The same the other way round.
    names_of_found: HashMap<Identity, Identity>,
    buffers: (Vec<u8>, Vec<u8>),
    /// Pairs of identities whose contents were compared under another name.
    compared_contents: HashMap<Identity, Identity>,
}

impl Comparer {
    /// Compares one entry; returns the names below it that exist on both sides.
    fn entry(&mut self, path: &Path, expected: &Path, found: &Path) -> Vec<OsString> {
        let metadata = match (expected.symlink_metadata(), found.symlink_metadata()) {
            (Ok(expected), _) if expected.file_type().is_socket() => {
                self.result.passed_over += 1;
                return Vec::new();
            }
            (Ok(expected), Ok(found)) => (expected, found),
            (Err(error), _) => return self.differ(path, format!("the original cannot be read: {error}")),
            (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => return self.differ(path, "is missing"),
            (_, Err(error)) => return self.differ(path, format!("cannot be read: {error}")),
        };
        self.result.entries += 1;
        let (a, b) = (&metadata.0, &metadata.1);
        if a.file_type() != b.file_type() {
            return self.differ(path, format!("is a {}, should be a {}", kind(b), kind(a)));
        }
        self.attributes(path, a, b);
        self.hard_link(path, a, b);
        if let Err(reason) = extended_attributes(expected, found) {
            self.differ(path, reason);
        }
        let kind = a.file_type();
        if kind.is_symlink() {
            self.link_target(path, expected, found);
        } else if kind.is_file() {
            self.contents(path, (expected, a), (found, b));
        } else if kind.is_dir() {
            return self.names(path, expected, found);
        } else if a.rdev() != b.rdev() {
            self.differ(path, format!("device number is {:#x}, should be {:#x}", b.rdev(), a.rdev()));
        }
        Vec::new()
    }

    fn differ(&mut self, path: &Path, reason: impl Into<String>) -> Vec<OsString> {
        self.result.mismatches += 1;
        if self.result.differences.len() < MOST_DIFFERENCES {
            let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            self.result.differences.push((path.to_owned(), reason.into()));
        }
        Vec::new()
    }

    fn attributes(&mut self, path: &Path, a: &Metadata, b: &Metadata) {
        // Linux gives symbolic links no mode of their own.
        if !a.file_type().is_symlink() && a.mode() != b.mode() {
            self.differ(path, format!("mode is {:o}, should be {:o}", b.mode() & 0o7777, a.mode() & 0o7777));
        }
        if self.owners == Owners::Compare && (a.uid(), a.gid()) != (b.uid(), b.gid()) {
            let (found, expected) = ((b.uid(), b.gid()), (a.uid(), a.gid()));
            self.differ(path, format!("owner is {}:{}, should be {}:{}", found.0, found.1, expected.0, expected.1));
        }
        if (a.mtime(), a.mtime_nsec()) != (b.mtime(), b.mtime_nsec()) {
            let show = |time: &Metadata| format!("{}.{:09}", time.mtime(), time.mtime_nsec());
            self.differ(path, format!("modification time is {}, should be {}", show(b), show(a)));
        }
    }

    /// Names that share a file must share one on the other side too, and others must not.
    fn hard_link(&mut self, path: &Path, a: &Metadata, b: &Metadata) {
        if a.is_dir() || (a.nlink() < 2 && b.nlink() < 2) {
            return;
        }
        let (expected, found) = ((a.dev(), a.ino()), (b.dev(), b.ino()));
        let first_found = *self.links.entry(expected).or_insert(found);
        let first_expected = *self.names_of_found.entry(found).or_insert(expected);
        if first_found != found {
            self.differ(path, "is a file of its own, should be a hard link of another name");
        } else if first_expected != expected {
            self.differ(path, "is a hard link of another name, should be a file of its own");
        }
    }

    fn link_target(&mut self, path: &Path, expected: &Path, found: &Path) {
        match (std::fs::read_link(expected), std::fs::read_link(found)) {
            (Ok(a), Ok(b)) if a == b => {}
            (Ok(a), Ok(b)) => {
                self.differ(path, format!("points to {}, should point to {}", b.display(), a.display()));
            }
            (Err(error), _) | (_, Err(error)) => {
                self.differ(path, format!("the link cannot be read: {error}"));
            }
        }
    }

    fn contents(&mut self, path: &Path, expected: (&Path, &Metadata), found: (&Path, &Metadata)) {
        self.result.files += 1;
        let pair = ((expected.1.dev(), expected.1.ino()), (found.1.dev(), found.1.ino()));
        if expected.1.nlink() > 1 && self.compared_contents.insert(pair.0, pair.1) == Some(pair.1) {
            return;
        }
        if expected.1.len() != found.1.len() {
            self.differ(path, format!("has {} bytes, should have {}", found.1.len(), expected.1.len()));
            return;
        }
        match self.same_bytes(expected.0, found.0) {
            Ok(None) => self.result.bytes += expected.1.len(),
            Ok(Some(offset)) => {
                self.differ(path, format!("content differs from byte {offset} on"));
            }
            Err(error) => {
                self.differ(path, format!("content cannot be compared: {error}"));
            }
        }
    }

    /// The offset of the first difference, if there is one.
    fn same_bytes(&mut self, expected: &Path, found: &Path) -> io::Result<Option<u64>> {
        let (mut a, mut b) = (File::open(expected)?, File::open(found)?);
        let (left, right) = &mut self.buffers;
        let mut offset = 0;
        loop {
            let (in_left, in_right) = (fill(&mut a, left)?, fill(&mut b, right)?);
            let (left, right) = (left.get(..in_left).unwrap_or_default(), right.get(..in_right).unwrap_or_default());
            if left != right {
                let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
                return Ok(Some(offset + same as u64));
            }
            if left.is_empty() {
                return Ok(None);
            }
            offset += in_left as u64;
        }
    }

    fn names(&mut self, path: &Path, expected: &Path, found: &Path) -> Vec<OsString> {
        let (a, b) = match (names_in(expected), names_in(found)) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(error), _) | (_, Err(error)) => return self.differ(path, format!("cannot be listed: {error}")),
        };
        for name in b.iter().filter(|name| a.binary_search(name).is_err()) {
            self.differ(&path.join(name), "should not exist");
        }
        a
    }
}

/// Fills the buffer as far as the file goes.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn names_in(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

fn kind(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => "file",
        () if kind.is_dir() => "folder",
        () if kind.is_symlink() => "symbolic link",
        () if kind.is_fifo() => "FIFO",
        () if kind.is_char_device() => "character device",
        () if kind.is_block_device() => "block device",
        () => "socket",
    }
}

fn extended_attributes(expected: &Path, found: &Path) -> Result<(), String> {
    let read =
        |path: &Path| attributes_of(path).map_err(|error| format!("extended attributes cannot be read: {error}"));
    let (a, b) = (read(expected)?, read(found)?);
    let show = |name: &OsStr| name.to_string_lossy().into_owned();
    for (name, value) in &a {
        match b.get(name) {
            None => return Err(format!("extended attribute {} is missing", show(name))),
            Some(other) if other != value => return Err(format!("extended attribute {} differs", show(name))),
            Some(_) => {}
        }
    }
    match b.keys().find(|name| !a.contains_key(*name)) {
        Some(name) => Err(format!("extended attribute {} should not exist", show(name))),
        None => Ok(()),
    }
}

fn attributes_of(path: &Path) -> io::Result<BTreeMap<OsString, Vec<u8>>> {
    let mut list = vec![0; MOST_ATTRIBUTE_BYTES];
    let length = match raw::llistxattr(path, &mut list[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let names = list.get(..length).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut attributes = BTreeMap::new();
    for name in names.map(OsStr::from_bytes).filter(|name| belongs_to_the_file(name)) {
        let mut value = vec![0; MOST_ATTRIBUTE_BYTES];
        let length = raw::lgetxattr(path, name, &mut value[..])?;
        value.truncate(length);
        attributes.insert(name.to_owned(), value);
    }
    Ok(attributes)
}

/// Not what the kernel's security modules attach on their own, and without root not what only root may set.
fn belongs_to_the_file(name: &OsStr) -> bool {
    let name = name.as_bytes();
    if name == b"security.selinux" || name.starts_with(b"security.ima") || name.starts_with(b"security.evm") {
        return false;
    }
    rustix::process::geteuid().is_root() || !(name.starts_with(b"security.") || name.starts_with(b"trusted."))
}

#[cfg(test)]
mod tests;
