//! Members of an archive become files, directories, links and nodes below a destination.
//!
//! A file is written to a temporary name in its own directory, compared with the catalog, given its metadata, and only
//! then its name: what has a final name is right. Directories get their modes and times last, deepest first
//! ([`Extractor::finish`]), so that filling them does not spoil them.

mod assembly;
mod finish;
mod paths;

use super::existing::{self, ExistingPolicy, Published};
use super::metadata::{Applier, Complaints, Entry, Metadata, Trust};
use super::safe::{Destination, Missing, SafeError, SafePath};
use super::temporary::Unfinished;
use super::write::{self, Broken};
use assembly::Assembly;
use paths::Paths;
use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tape_format::path_text::to_text;
use tape_format::{Member, MemberKind};

/// Mode of directories that are on the way to something restored and of which nothing is known.
const PLAIN_DIRECTORY: u32 = 0o755;

/// What the catalog says about a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
}

/// How a member ended up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// It is at the destination, complete; with its content bytes.
    Restored {
        /// Bytes of content.
        bytes: u64,
    },
    /// A directory that exists now.
    Directory,
    /// Left out as the policy says; why.
    Skipped(&'static str),
}

/// Why a member is not at the destination.
#[derive(Debug)]
pub enum Failed {
    /// Only this member: go on with the next.
    Member(String),
    /// The destination takes nothing more: stop.
    Destination(String),
    /// Its data could not be read from the archive.
    Source(std::io::Error),
}

impl From<SafeError> for Failed {
    fn from(error: SafeError) -> Failed {
        match error {
            SafeError::System { error: errno @ (Errno::NOSPC | Errno::DQUOT), .. } => Failed::Destination(format!(
                "the destination is full ({errno}): make room or choose another one; the file being written was removed"
            )),
            error if error.is_fatal() => Failed::Destination(format!("the destination cannot be written: {error}")),
            error => Failed::Member(error.to_string()),
        }
    }
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Failed {
        match broken {
            Broken::Source(error) => Failed::Source(error),
            Broken::Destination(error) => error.into(),
            Broken::Content(message) => Failed::Member(message),
        }
    }
}

/// Something the operator should know about a path that was restored all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Path in the archive.
    pub path: Vec<u8>,
    /// In words.
    pub message: String,
}

/// Writes members below a destination.
pub struct Extractor {
    destination: Destination,
    policy: ExistingPolicy,
    applier: Applier,
    stop: Arc<AtomicBool>,
    /// Directories made in this run, each with the metadata that it is given at its end; none is known of an empty one.
    directories: Paths,
    /// Metadata of directories that may have to be made on the way to something else.
    known: HashMap<Vec<u8>, Metadata>,
    renamed: HashMap<Vec<u8>, Vec<u8>>,
    /// Files that were there already, and stayed.
    kept: Paths,
    failed: HashSet<Vec<u8>>,
    /// Files of which some pieces are there.
    assemblies: HashMap<Vec<u8>, Assembly>,
    root_is_ours: bool,
    notes: Vec<Note>,
    buffer: Vec<u8>,
}

impl Extractor {
    /// Extracts into an existing directory. `stop` becoming true makes it give up within a file.
    pub fn new(path: &Path, policy: ExistingPolicy, trust: Trust, stop: Arc<AtomicBool>) -> Result<Self, SafeError> {
        let destination = Destination::open(path)?;
        let root_is_ours = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        Ok(Extractor {
            destination,
            policy,
            applier: Applier::new(trust),
            stop,
            directories: Paths::default(),
            known: HashMap::new(),
            renamed: HashMap::new(),
            kept: Paths::default(),
            failed: HashSet::new(),
            assemblies: HashMap::new(),
            root_is_ours,
            notes: Vec::new(),
            buffer: vec![0; write::BUFFER],
        })
    }

    /// Nothing is written in this directory: see [`Destination::keep_out_of`].
    pub fn keep_out_of(&mut self, own: &Path) -> Result<(), SafeError> {
        self.destination.keep_out_of(own)
    }

    /// Says how a directory looks that may have to be made on the way to something else.
    pub fn know_directory(&mut self, path: Vec<u8>, metadata: Metadata) {
        self.known.insert(path, metadata);
    }

    /// A member that will not come: hard links to it fail too, with the right reason.
    pub fn give_up(&mut self, path: &[u8]) {
        self.abandon(path);
        self.failed.insert(path.to_vec());
    }

    /// Whether a member's path was restored, as opposed to kept or failed. Only for paths that were tried.
    ///
    /// # Errors
    /// The list of what was kept cannot be read.
    pub fn has_restored(&mut self, path: &[u8]) -> Result<bool, Failed> {
        Ok(!self.failed.contains(path) && !self.kept.contains(path)?)
    }

    /// What the operator should know, since this was last asked.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Where a path of the archive was put, if beside what had its name.
    pub fn placed_as<'p>(&'p self, path: &'p [u8]) -> &'p [u8] {
        self.renamed.get(path).map_or(path, Vec::as_slice)
    }

    /// Puts one member at `path`, which is the member's own path unless the caller wants it elsewhere. `data` yields the
    /// member's runs of data; `expected` is what the content must turn out to be.
    pub fn extract(
        &mut self,
        path: &[u8],
        member: &Member,
        expected: Option<&Expected>,
        data: &mut dyn Read,
    ) -> Result<Placed, Failed> {
        let placed = self.place(path, member, expected, data);
        match &placed {
            Ok(Placed::Skipped(_)) => self.kept.insert(path.to_vec(), Vec::new())?,
            Ok(_) => {
                self.failed.remove(path);
                self.kept.remove(path)?;
            }
            Err(_) => {
                self.failed.insert(path.to_vec());
            }
        }
        placed
    }

    fn place(
        &mut self,
        path: &[u8],
        member: &Member,
        expected: Option<&Expected>,
        data: &mut dyn Read,
    ) -> Result<Placed, Failed> {
        let safe = SafePath::parse(path)?;
        match &member.kind {
            MemberKind::Directory => self.directory(&safe, member),
            MemberKind::File => self.file(path, &safe, member, expected, data),
            MemberKind::Hardlink => {
                let target =
                    member.link.as_deref().ok_or(Failed::Member("it is a hard link without a target".into()))?;
                self.hard_link(path, target, expected)
            }
            MemberKind::Symlink => self.symlink(path, &safe, member),
            MemberKind::Fifo => self.node(path, &safe, member, FileType::Fifo),
            MemberKind::CharDevice => self.node(path, &safe, member, FileType::CharacterDevice),
            MemberKind::BlockDevice => self.node(path, &safe, member, FileType::BlockDevice),
        }
    }

    fn directory(&mut self, safe: &SafePath<'_>, member: &Member) -> Result<Placed, Failed> {
        let plain = safe.to_bytes();
        let metadata = Metadata::from(member);
        if safe.is_root() {
            if self.root_is_ours || matches!(self.policy, ExistingPolicy::Overwrite) {
                self.directories.insert(plain, metadata.to_bytes())?;
            }
            return Ok(Placed::Directory);
        }
        self.make_parents(safe)?;
        let (parent, name) = self.destination.parent(safe, Missing::Refuse)?;
        match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let there = existing::look(parent, name)?;
                match there {
                    Some(there) if there.file_type == FileType::Directory => {
                        let ours = self.directories.contains(&plain)?;
                        if !ours && self.policy.keeps(&there, member.mtime_ns).is_some() {
                            return Ok(Placed::Directory);
                        }
                    }
                    Some(there) => {
                        if let Some(why) = self.policy.keeps(&there, member.mtime_ns) {
                            return Err(Failed::Member(format!(
                                "it is a directory, but something else has its name: {why}"
                            )));
                        }
                        if self.policy == ExistingPolicy::Rename {
                            return Err(Failed::Member(
                                "it is a directory, but something else has its name at the destination".into(),
                            ));
                        }
                        rustix::fs::unlinkat(parent, name, AtFlags::empty())
                            .map_err(SafeError::system("remove what has its name"))?;
                        rustix::fs::mkdirat(parent, name, Mode::RWXU).map_err(SafeError::system("make it"))?;
                    }
                    None => return Err(Failed::Member("it vanished from the destination while it was made".into())),
                }
            }
            Err(error) => return Err(SafeError::System { action: "make it", error }.into()),
        }
        self.directories.insert(plain, metadata.to_bytes())?;
        Ok(Placed::Directory)
    }

    fn file(
        &mut self,
        path: &[u8],
        safe: &SafePath<'_>,
        member: &Member,
        expected: Option<&Expected>,
        data: &mut dyn Read,
    ) -> Result<Placed, Failed> {
        if let Some(expected) = expected
            && expected.size != member.size
        {
            return Err(Failed::Member(format!(
                "on tape it has {} bytes, but the catalog says {}: this is not the file that was saved",
                member.size, expected.size
            )));
        }
        if let Some(why) = self.must_keep(safe, member)? {
            return Ok(Placed::Skipped(why));
        }
        let (parent, name) = self.destination.parent(safe, Missing::Refuse)?;
        let (temporary, fd) = Unfinished::file(parent)?;
        let file = std::fs::File::from(fd);
        write::content(&file, member, expected, data, &mut self.buffer, &self.stop)?;
        let complaints = self.applier.apply(rustix::fd::AsFd::as_fd(&file), &Metadata::from(member));
        let mut replaced = false;
        let published = existing::publish(parent, temporary.name(), name, self.policy, &mut replaced)?;
        temporary.end(&published);
        Ok(self.published(path, published, replaced, complaints, member.size))
    }

    fn symlink(&mut self, path: &[u8], safe: &SafePath<'_>, member: &Member) -> Result<Placed, Failed> {
        let target = member.link.as_deref().filter(|target| !target.is_empty() && !target.contains(&0));
        let target = target.ok_or(Failed::Member("it is a symbolic link without a usable target".into()))?;
        if let Some(why) = self.must_keep(safe, member)? {
            return Ok(Placed::Skipped(why));
        }
        let (parent, name) = self.destination.parent(safe, Missing::Refuse)?;
        let (temporary, ()) = Unfinished::make(parent, "make the symbolic link", |parent, name| {
            rustix::fs::symlinkat(target, parent, name)
        })?;
        let complaints = self.applier.apply_entry(parent, temporary.name(), &Metadata::from(member), Entry::Link);
        let mut replaced = false;
        let published = existing::publish(parent, temporary.name(), name, self.policy, &mut replaced)?;
        temporary.end(&published);
        // a link may have taken the place of a directory that is kept open
        Ok(self.published(path, published, true, complaints, 0))
    }

    fn node(&mut self, path: &[u8], safe: &SafePath<'_>, member: &Member, kind: FileType) -> Result<Placed, Failed> {
        let device = match (kind, member.device) {
            (FileType::Fifo, _) => 0,
            (_, Some((major, minor))) => {
                self.applier.may_make_devices().map_err(|why| Failed::Member(why.into()))?;
                rustix::fs::makedev(major, minor)
            }
            (_, None) => return Err(Failed::Member("it is a device, but its number is not on the tape".into())),
        };
        if let Some(why) = self.must_keep(safe, member)? {
            return Ok(Placed::Skipped(why));
        }
        let (parent, name) = self.destination.parent(safe, Missing::Refuse)?;
        let (temporary, ()) = Unfinished::make(parent, "make the FIFO or device", |parent, name| {
            rustix::fs::mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, device)
        })?;
        let complaints = self.applier.apply_entry(parent, temporary.name(), &Metadata::from(member), Entry::Node);
        let mut replaced = false;
        let published = existing::publish(parent, temporary.name(), name, self.policy, &mut replaced)?;
        temporary.end(&published);
        Ok(self.published(path, published, replaced, complaints, 0))
    }

    /// Makes `path` another name of `target`, a file that this run restored, or kept because it was there: then it must
    /// have the `expected` content.
    pub fn hard_link(&mut self, path: &[u8], target: &[u8], expected: Option<&Expected>) -> Result<Placed, Failed> {
        let outcome = self.make_hard_link(path, target, expected);
        match &outcome {
            Err(_) => {
                self.failed.insert(path.to_vec());
            }
            Ok(Placed::Skipped(_)) => self.kept.insert(path.to_vec(), Vec::new())?,
            Ok(_) => {}
        }
        outcome
    }

    fn make_hard_link(&mut self, path: &[u8], target: &[u8], expected: Option<&Expected>) -> Result<Placed, Failed> {
        let target_text = to_text(target).into_owned();
        let safe = SafePath::parse(path)?;
        SafePath::parse(target)
            .map_err(|error| Failed::Member(format!("it is a hard link to {target_text}, and that is {error}")))?;
        if self.failed.contains(target) {
            return Err(Failed::Member(format!("it is another name of {target_text}, which could not be restored")));
        }
        if self.kept.contains(target)? && !self.has_content(target, expected) {
            return Err(Failed::Member(format!(
                "it is another name of {target_text}, but the file that was kept there at the destination has other \
                 content; restore to another place, or with the policy 'overwrite'"
            )));
        }
        let there = self.placed_as(target).to_vec();
        let there = SafePath::parse(&there)?;
        self.make_parents(&safe)?;
        if let Some(why) = self.kept_by_policy(&safe, i64::MAX)? {
            return Ok(Placed::Skipped(why));
        }
        // an O_PATH descriptor would need CAP_DAC_READ_SEARCH to be linked from, so names are used, in open directories
        let (from, from_name) = self.destination.parent(&there, Missing::Refuse)?;
        let from = rustix::io::dup(from).map_err(SafeError::system("open the directory of its other name"))?;
        let Some(found) = existing::look(rustix::fd::AsFd::as_fd(&from), from_name)? else {
            return Err(Failed::Member(format!("it is another name of {target_text}, which is not there")));
        };
        if found.file_type == FileType::Directory {
            return Err(Failed::Member(format!("it is another name of {target_text}, which is a directory")));
        }
        let (parent, name) = self.destination.parent(&safe, Missing::Refuse)?;
        let (temporary, ()) = Unfinished::make(parent, "make the hard link", |parent, name| {
            rustix::fs::linkat(&from, from_name, parent, name, AtFlags::empty())
        })?;
        let mut replaced = false;
        let published = existing::publish(parent, temporary.name(), name, self.policy, &mut replaced)?;
        // not kept: renaming a name to another name of the same file does nothing, and the temporary one stays
        drop(temporary);
        Ok(self.published(path, published, replaced, Complaints::new(), 0))
    }

    /// Whether the file at the destination has the expected content.
    pub fn has_content(&mut self, path: &[u8], expected: Option<&Expected>) -> bool {
        let Some(expected) = expected else { return false };
        matches!(self.read_back(path), Ok((size, sha256)) if size == expected.size && sha256 == expected.sha256)
    }

    /// Reads a restored file back from the destination: its size and SHA-256.
    pub fn read_back(&mut self, path: &[u8]) -> Result<(u64, [u8; 32]), Failed> {
        let placed = self.placed_as(path).to_vec();
        let file = self.destination.file(&SafePath::parse(&placed)?)?;
        Ok(write::read_back(&std::fs::File::from(file), &mut self.buffer, &self.stop)?)
    }

    /// Makes sure that everything restored is on the disk, not only in its cache.
    pub fn sync(&self) -> Result<(), Failed> {
        Ok(rustix::fs::syncfs(self.destination.root()).map_err(SafeError::system("write everything to the disk"))?)
    }

    fn make_parents(&mut self, safe: &SafePath<'_>) -> Result<(), Failed> {
        self.destination.parent(safe, Missing::Make)?;
        for made in self.destination.take_made() {
            let metadata = self.known.get(&made).map(Metadata::to_bytes).unwrap_or_default();
            self.directories.insert(made, metadata)?;
        }
        Ok(())
    }

    fn must_keep(&mut self, safe: &SafePath<'_>, member: &Member) -> Result<Option<&'static str>, Failed> {
        self.make_parents(safe)?;
        Ok(self.kept_by_policy(safe, member.mtime_ns)?)
    }

    fn kept_by_policy(&mut self, safe: &SafePath<'_>, mtime_ns: i64) -> Result<Option<&'static str>, SafeError> {
        let policy = self.policy;
        let (parent, name) = self.destination.parent(safe, Missing::Refuse)?;
        Ok(existing::look(parent, name)?.and_then(|there| policy.keeps(&there, mtime_ns)))
    }

    fn published(
        &mut self,
        path: &[u8],
        published: Published,
        replaced: bool,
        complaints: Complaints,
        bytes: u64,
    ) -> Placed {
        if replaced {
            self.destination.forget();
        }
        self.notes.extend(complaints.into_iter().map(|message| Note { path: path.to_vec(), message }));
        match published {
            Published::Kept(why) => Placed::Skipped(why),
            Published::AsNamed => Placed::Restored { bytes },
            Published::Beside(name) => {
                let mut placed = path.to_vec();
                let cut = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
                placed.truncate(cut);
                placed.extend_from_slice(&name);
                self.renamed.insert(path.to_vec(), placed);
                Placed::Restored { bytes }
            }
        }
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
pub(super) mod tests;
