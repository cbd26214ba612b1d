//! What is new or changed, and what is gone: the walk joined with the state as of the parent set.
//!
//! Both sides come in the order of names within each directory, so one pass over one directory at a time is enough.

use super::scan::{MemberKindCode, Stat};
use super::walk::{Contents, Entry, Step, Walk};
use super::xattr::Xattrs;
use crate::Result;
use std::collections::VecDeque;
use std::vec::IntoIter;
use tape_format::MemberKind;

/// The effective state of a directory's entry as of the parent set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineEntry {
    /// Its name; `.` for the source's root, which is listed in the directory with the empty path.
    pub name: Vec<u8>,
    /// What it was.
    pub kind: MemberKind,
    /// Apparent size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds.
    pub mtime_ns: i64,
    /// Change time in nanoseconds; 0: it must be sent again.
    pub ctime_ns: i64,
    /// Inode number; 0: unknown.
    pub inode: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What the sets up to the parent say of the source.
pub trait Baseline: Send {
    /// The entries of a directory (the empty path: the root), sorted by name; none if it did not exist.
    fn children(&mut self, dir: &[u8]) -> Result<Vec<BaselineEntry>>;
}

/// Whether inode numbers tell files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inodes {
    /// Another inode is another file.
    #[default]
    Compare,
    /// The file system invents them (CIFS, FUSE): they say nothing.
    Ignore,
}

/// Something that the set must record.
#[derive(Debug)]
pub enum Change {
    /// New or changed: to be sent.
    Send {
        /// The entry.
        entry: Entry,
        /// The extended attributes of a directory; those of anything else are read with it.
        xattrs: Xattrs,
    },
    /// Gone since the parent set; what was below it follows, path by path.
    Deleted(Vec<u8>),
}

/// A directory that both sides are in.
struct Level {
    path: Vec<u8>,
    known: std::iter::Peekable<IntoIter<BaselineEntry>>,
    /// A missing name means a deleted entry.
    missing_is_deleted: bool,
    /// The directory itself, while nothing below it is selected.
    waiting: Option<Waiting>,
}

struct Waiting {
    change: Option<Change>,
    existed: bool,
}

/// The join.
pub struct Diff {
    walk: Walk,
    baseline: Option<Box<dyn Baseline>>,
    inodes: Inodes,
    levels: Vec<Level>,
    ready: VecDeque<Change>,
    /// Directories that are gone and whose content is still to be listed.
    gone: Vec<Vec<u8>>,
}

impl Diff {
    /// Joins a walk with a baseline; without one everything is new.
    pub fn new(walk: Walk, baseline: Option<Box<dyn Baseline>>, inodes: Inodes) -> Diff {
        Diff { walk, baseline, inodes, levels: Vec::new(), ready: VecDeque::new(), gone: Vec::new() }
    }

    /// The next change; `None` at the end, or when the walk was cancelled.
    pub fn next_change(&mut self) -> Result<Option<Change>> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(Some(change));
            }
            if let Some(path) = self.gone.pop() {
                for child in self.children(&path)? {
                    self.delete(join(&path, &child.name), &child.kind);
                }
                continue;
            }
            match self.walk.step()? {
                None => return Ok(None),
                Some(step) => self.join(step)?,
            }
        }
    }

    /// Ends the walk.
    pub fn finish(self) {
        self.walk.finish();
    }

    fn join(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Enter { entry, selected, xattrs, contents } => self.enter(entry, selected, xattrs, contents)?,
            Step::Leaf(entry) => {
                let prior = self.advance(&entry.name);
                self.something_selected();
                if let Some(prior) = &prior
                    && prior.kind == MemberKind::Directory
                {
                    self.gone.push(entry.path());
                }
                if prior.is_none_or(|prior| self.differs(&prior, &entry.stat)) {
                    self.ready.push_back(Change::Send { entry, xattrs: Vec::new() });
                }
            }
            Step::Unknown { name } => {
                self.advance(&name);
                self.something_selected();
            }
            Step::Leave => self.leave(),
        }
        Ok(())
    }

    fn enter(&mut self, entry: Entry, selected: bool, xattrs: Xattrs, contents: Contents) -> Result<()> {
        let is_root = self.levels.is_empty();
        let path = if is_root { Vec::new() } else { entry.path() };
        let mut known = Vec::new();
        let prior = if is_root {
            known = self.children(&path)?;
            let at = known.iter().position(|child| child.name == super::directory::ROOT_NAME);
            at.map(|at| known.remove(at))
        } else {
            let prior = self.advance(&entry.name);
            if prior.as_ref().is_some_and(|prior| prior.kind == MemberKind::Directory) {
                known = self.children(&path)?;
            }
            prior
        };
        let existed = prior.is_some();
        let changed = prior.is_none_or(|prior| self.differs(&prior, &entry.stat));
        let change = changed.then_some(Change::Send { entry, xattrs });
        let waiting = if selected {
            self.something_selected();
            self.ready.extend(change);
            None
        } else {
            Some(Waiting { change, existed: existed && !is_root })
        };
        let missing_is_deleted = contents != Contents::Partial;
        self.levels.push(Level { path, known: known.into_iter().peekable(), missing_is_deleted, waiting });
        Ok(())
    }

    fn leave(&mut self) {
        let Some(mut level) = self.levels.pop() else { return };
        if !level.missing_is_deleted {
            return;
        }
        for prior in level.known.by_ref() {
            self.delete(join(&level.path, &prior.name), &prior.kind);
        }
        if level.waiting.is_some_and(|waiting| waiting.existed) {
            self.ready.push_back(Change::Deleted(level.path));
        }
    }

    /// Passes the known entries before `name`, which are gone, and gives the one of that name.
    fn advance(&mut self, name: &[u8]) -> Option<BaselineEntry> {
        loop {
            let level = self.levels.last_mut()?;
            let prior = level.known.next_if(|prior| prior.name.as_slice() <= name)?;
            if prior.name == name {
                return Some(prior);
            }
            if level.missing_is_deleted {
                let path = join(&level.path, &prior.name);
                self.delete(path, &prior.kind);
            }
        }
    }

    /// The directories above something selected are sent too, if they are new or changed.
    fn something_selected(&mut self) {
        for level in &mut self.levels {
            if let Some(waiting) = level.waiting.take() {
                self.ready.extend(waiting.change);
            }
        }
    }

    fn delete(&mut self, path: Vec<u8>, kind: &MemberKind) {
        if *kind == MemberKind::Directory {
            self.gone.push(path.clone());
        }
        self.ready.push_back(Change::Deleted(path));
    }

    fn children(&mut self, path: &[u8]) -> Result<Vec<BaselineEntry>> {
        let Some(baseline) = &mut self.baseline else { return Ok(Vec::new()) };
        let mut children = baseline.children(path)?;
        if !children.is_sorted_by(|a, b| a.name < b.name) {
            children.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(children)
    }

    fn differs(&self, prior: &BaselineEntry, stat: &Stat) -> bool {
        let was_file = matches!(prior.kind, MemberKind::File | MemberKind::Hardlink);
        let same_kind = match stat.kind {
            Some(MemberKindCode::File) => was_file,
            Some(kind) => kind.member_kind() == prior.kind,
            None => false,
        };
        // A hard link is recorded without a size; its change time tells a change of its content.
        let same_size = prior.kind != MemberKind::File || prior.size == stat.size;
        let same_inode = self.inodes == Inodes::Ignore || prior.inode == 0 || prior.inode == stat.inode;
        !(same_kind
            && same_size
            && same_inode
            && prior.ctime_ns != 0
            && (prior.mtime_ns, prior.ctime_ns) == (stat.mtime_ns, stat.ctime_ns)
            && (prior.mode, prior.uid, prior.gid) == (stat.mode, stat.uid, stat.gid))
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
