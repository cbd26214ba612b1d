//! The walk through a source: every selected entry once, in the order of names within each directory, a directory
//! before what it holds.
//!
//! Symbolic links are never followed, other file systems are left out on request, and the next directories are listed
//! ahead of the walk by a few threads. What cannot be read is reported by name and never ends the walk.

use super::directory::{Dir, ROOT_NAME};
use super::filter::{Filter, PathState};
use super::lookahead::{Lookahead, Slot};
use super::place::Place;
use super::scan::{Found, Listing, MemberKindCode, Scanned, Stat, scan};
use super::stats::{Clocks, Counters, thread_cpu};
use super::stop::Stop;
use super::warning::{Reporter, WarningKind};
use super::xattr::Xattrs;
use crate::{Error, ErrorKind, Result};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Directories and pieces of directories that may be listed ahead of the walk, in all.
const MAX_AHEAD: usize = 256;
/// The same for one directory.
const WINDOW: usize = 16;
/// Pieces of one large directory that are looked at ahead.
const CHUNKS_AHEAD: usize = 4;

/// Whether mount points are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mounts {
    /// Mounted file systems below the source belong to it; those without files (proc, sysfs, …) never do.
    #[default]
    Cross,
    /// Only the file system of the source's root; a mount point is an empty directory.
    Stay,
}

/// An entry of the source.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The directory it is in; the root is in itself.
    pub dir: Arc<Dir>,
    /// Its name; `.` for the root.
    pub name: Vec<u8>,
    /// What it was when the walk came by.
    pub stat: Stat,
}

impl Entry {
    /// Path in the set.
    pub fn path(&self) -> Vec<u8> {
        self.dir.join(&self.name)
    }
}

/// How much is known of what a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// All names are known.
    Complete,
    /// Names are missing, for listing it failed: nothing follows from a name that is not there.
    Partial,
    /// It belongs to another file system: it counts as empty.
    Outside,
}

/// A step of the walk.
#[derive(Debug)]
pub enum Step {
    /// Into a directory.
    Enter {
        /// The directory.
        entry: Entry,
        /// It is selected itself; otherwise it is needed only above something that is.
        selected: bool,
        /// Its extended attributes.
        xattrs: Xattrs,
        /// What follows of it.
        contents: Contents,
    },
    /// Out of the directory entered last.
    Leave,
    /// Anything but a directory.
    Leaf(Entry),
    /// A name of the directory entered last, of which nothing more could be found out.
    Unknown {
        /// The name.
        name: Vec<u8>,
    },
}

enum Job {
    Directory { parent: Arc<Dir>, name: Vec<u8>, state: PathState },
    Chunk { listing: Arc<Listing>, chunk: usize },
}

enum Answer {
    Directory(std::result::Result<Scanned, Errno>),
    Chunk(Vec<Found>),
}

/// A directory that the walk is in.
struct Level {
    listing: Arc<Listing>,
    stat: Stat,
    found: VecDeque<Found>,
    /// Entries at the front of `found` that were considered for listing ahead.
    considered: usize,
    directories: VecDeque<Slot<Job, Answer>>,
    next_chunk: usize,
    chunks: VecDeque<Slot<Job, Answer>>,
}

/// What a walk needs to know.
pub struct WalkOptions {
    /// What is selected.
    pub filter: Arc<Filter>,
    /// Whether mount points are passed.
    pub mounts: Mounts,
    /// Threads that list ahead.
    pub scan_threads: usize,
    /// Where warnings go.
    pub reporter: Arc<Reporter>,
    /// Where time is counted.
    pub clocks: Arc<Clocks>,
    /// Where entries are counted.
    pub counters: Arc<Counters>,
    /// Ends the walk when set.
    pub stop: Stop,
}

/// The walk.
pub struct Walk {
    options: WalkOptions,
    pool: Lookahead<Job, Answer>,
    place: Arc<Place>,
    ahead: usize,
    levels: Vec<Level>,
    root: Option<(Arc<Dir>, Scanned)>,
    /// The directory just entered has no level, so the next step leaves it.
    leave: bool,
}

impl Walk {
    /// Opens and lists the root.
    pub fn new(root: &Path, options: WalkOptions) -> Result<Walk> {
        let unreadable = |error: Errno| {
            let message = format!(
                "the source {} cannot be read: {error}; check that it exists, is a directory, and that the server's user may read it",
                root.display()
            );
            Error::new(ErrorKind::Unprocessable, "source_unreadable", message)
        };
        let place = options.counters.places.join();
        place.at_path(ROOT_NAME);
        let dir = Dir::root(root).map_err(unreadable)?;
        let scanned = scan(dir.clone(), options.filter.root().state, &options.filter).map_err(unreadable)?;
        place.rests();
        let filter = options.filter.clone();
        let pool = Lookahead::new(options.scan_threads, move |job| match job {
            Job::Directory { parent, name, state } => {
                Answer::Directory(parent.child(&name).and_then(|dir| scan(dir, state, &filter)))
            }
            Job::Chunk { listing, chunk } => Answer::Chunk(listing.look(chunk)),
        })
        .map_err(|error| Error::from(error).context("start the threads that list directories"))?;
        Ok(Walk { options, pool, place, ahead: 0, levels: Vec::new(), root: Some((dir, scanned)), leave: false })
    }

    /// The next step; `None` at the end, or when the walk was cancelled.
    pub fn step(&mut self) -> Result<Option<Step>> {
        if self.options.stop.is_set() {
            return Ok(None);
        }
        if let Some((dir, scanned)) = self.root.take() {
            let entry = Entry { dir, name: ROOT_NAME.to_vec(), stat: scanned.stat };
            return Ok(Some(self.enter(entry, self.options.filter.root().selected, scanned)));
        }
        if self.leave {
            self.leave = false;
            return Ok(Some(Step::Leave));
        }
        while let Some(level) = self.levels.last_mut() {
            let Some(found) = level.found.pop_front() else {
                if self.next_chunk()? {
                    continue;
                }
                if let Some(level) = self.levels.pop() {
                    level.listing.dir.rest();
                }
                return Ok(Some(Step::Leave));
            };
            let was_considered = level.considered > 0;
            level.considered = level.considered.saturating_sub(1);
            if let Some(step) = self.visit(found, was_considered)? {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// Ends the threads and counts their time.
    pub fn finish(self) {
        let scanners = self.pool.finish();
        self.options.clocks.scan_cpu.set(scanners + thread_cpu());
    }

    fn visit(&mut self, found: Found, was_considered: bool) -> Result<Option<Step>> {
        let Some(level) = self.levels.last_mut() else { return Ok(None) };
        let dir = level.listing.dir.clone();
        // The slot must leave the queue whatever becomes of the entry.
        let slot = (was_considered && is_ahead(&found, level, self.options.mounts))
            .then(|| level.directories.pop_front())
            .flatten();
        if slot.is_some() {
            self.ahead -= 1;
        }
        let stat = match found.stat {
            Ok(stat) => stat,
            Err(error) => {
                let gone = error == Errno::NOENT;
                if found.decision.selected || !gone {
                    self.options.reporter.failed(&dir.join(&found.name), "look at it", error);
                }
                return Ok((!gone).then_some(Step::Unknown { name: found.name }));
            }
        };
        let entry = Entry { dir, name: found.name, stat };
        match stat.kind {
            Some(MemberKindCode::Directory) => self.directory(entry, found.decision, slot),
            _ if !found.decision.selected => Ok(None),
            None => {
                let what = "a socket has no content and is left out; the program that uses it makes it again";
                self.options.reporter.report(WarningKind::Socket, &entry.path(), what);
                Ok(None)
            }
            Some(_) => {
                Counters::add(&self.options.counters.scanned_files, 1);
                Counters::add(&self.options.counters.scanned_bytes, stat.size);
                Ok(Some(Step::Leaf(entry)))
            }
        }
    }

    fn directory(
        &mut self,
        mut entry: Entry,
        decision: super::filter::Decision,
        slot: Option<Slot<Job, Answer>>,
    ) -> Result<Option<Step>> {
        let here = self.levels.last().map_or(entry.stat.device, |level| level.stat.device);
        let selected = decision.selected;
        if entry.stat.device != here && self.options.mounts == Mounts::Stay {
            return Ok(Some(self.outside(entry, selected)));
        }
        let job = || Job::Directory { parent: entry.dir.clone(), name: entry.name.clone(), state: decision.state };
        let slot = slot.or_else(|| self.pool.submit(vec![job()]).pop());
        self.look_ahead();
        self.options.clocks.scan_cpu.set(self.pool.cpu() + thread_cpu());
        self.place.at_path(&entry.path());
        let answer = slot.and_then(|slot| self.pool.take(slot, &self.options.clocks.scan_wait));
        self.place.rests();
        let Some(Answer::Directory(answer)) = answer else { return Err(lost(&entry.path())) };
        let scanned = match answer {
            Ok(scanned) => scanned,
            Err(error) => {
                self.options.reporter.failed(&entry.path(), "open the directory", error);
                if matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP) {
                    return Ok(None);
                }
                self.leave = true;
                Counters::add(&self.options.counters.scanned_files, 1);
                let contents = Contents::Partial;
                return Ok(Some(Step::Enter { entry, selected, xattrs: Vec::new(), contents }));
            }
        };
        entry.stat = scanned.stat;
        let identity = (scanned.stat.device, scanned.stat.inode);
        if self.levels.iter().any(|level| (level.stat.device, level.stat.inode) == identity) {
            let what = "this directory contains itself, through a mount or a broken file system; it is not entered";
            self.options.reporter.report(WarningKind::Loop, &entry.path(), what);
            return Ok(None);
        }
        let crossing = scanned.stat.device != here;
        if crossing && (self.options.mounts == Mounts::Stay || holds_no_files(&scanned)) {
            return Ok(Some(self.outside(entry, selected)));
        }
        Ok(Some(self.enter(entry, selected, scanned)))
    }

    fn outside(&mut self, entry: Entry, selected: bool) -> Step {
        let what = "another file system begins here; its content is left out";
        self.options.reporter.report(WarningKind::OtherFileSystem, &entry.path(), what);
        self.leave = true;
        Counters::add(&self.options.counters.scanned_files, 1);
        Step::Enter { entry, selected, xattrs: Vec::new(), contents: Contents::Outside }
    }

    fn enter(&mut self, entry: Entry, selected: bool, scanned: Scanned) -> Step {
        let path = entry.path();
        let mut contents = Contents::Complete;
        if let Some(error) = scanned.failure {
            contents = Contents::Partial;
            let what = format!("the directory could not be listed to its end: {error}");
            self.options.reporter.report(WarningKind::ReadError, &path, what);
        }
        if let Some(missing) = scanned.xattrs.missing {
            self.options.reporter.report(WarningKind::Attributes, &path, missing);
        }
        Counters::add(&self.options.counters.scanned_files, 1);
        self.levels.push(Level {
            listing: scanned.listing,
            stat: scanned.stat,
            found: scanned.first.into(),
            considered: 0,
            directories: VecDeque::new(),
            next_chunk: 1,
            chunks: VecDeque::new(),
        });
        if let Some(far) = self.levels.len().checked_sub(64).and_then(|index| self.levels.get(index)) {
            far.listing.dir.rest();
        }
        self.look_ahead();
        Step::Enter { entry, selected, xattrs: scanned.xattrs.attributes, contents }
    }

    /// Replaces the exhausted piece of the current directory by the next; false if there is none.
    fn next_chunk(&mut self) -> Result<bool> {
        let Some(level) = self.levels.last_mut() else { return Ok(false) };
        if level.chunks.is_empty() && level.next_chunk >= level.listing.chunks() {
            return Ok(false);
        }
        let last = level.listing.chunks().min(level.next_chunk + CHUNKS_AHEAD - level.chunks.len());
        let jobs = (level.next_chunk..last).map(|chunk| Job::Chunk { listing: level.listing.clone(), chunk }).collect();
        level.next_chunk = last;
        level.chunks.extend(self.pool.submit(jobs));
        self.place.at_path(level.listing.dir.path());
        let answer = level.chunks.pop_front().and_then(|slot| self.pool.take(slot, &self.options.clocks.scan_wait));
        self.place.rests();
        let Some(Answer::Chunk(found)) = answer else { return Err(lost(level.listing.dir.path())) };
        level.found = found.into();
        level.considered = 0;
        self.look_ahead();
        Ok(true)
    }

    /// Has the next directories of the current one listed.
    fn look_ahead(&mut self) {
        let Some(level) = self.levels.last_mut() else { return };
        if level.directories.len() > WINDOW / 2 {
            return;
        }
        let mut jobs = Vec::new();
        while level.directories.len() + jobs.len() < WINDOW && self.ahead + jobs.len() < MAX_AHEAD {
            let Some(found) = level.found.get(level.considered) else { break };
            if is_ahead(found, level, self.options.mounts) {
                let (parent, name) = (level.listing.dir.clone(), found.name.clone());
                jobs.push(Job::Directory { parent, name, state: found.decision.state });
            }
            level.considered += 1;
        }
        self.ahead += jobs.len();
        level.directories.extend(self.pool.submit(jobs));
    }
}

/// Whether an entry is a directory that is listed ahead: one on the same file system.
fn is_ahead(found: &Found, level: &Level, mounts: Mounts) -> bool {
    found.decision.descend
        && found.stat.is_ok_and(|stat| {
            stat.kind == Some(MemberKindCode::Directory)
                && (mounts == Mounts::Cross || stat.device == level.stat.device)
        })
}

fn lost(path: &[u8]) -> Error {
    let path = tape_format::path_text::to_text(path);
    Error::internal(format!("listing the directory {path} failed without an answer; please report this"))
}

/// File systems that show the state of the kernel instead of files (`statfs` magic numbers of linux/magic.h).
fn holds_no_files(scanned: &Scanned) -> bool {
    const WITHOUT_FILES: [u32; 16] = [
        0x9fa0,      // proc
        0x6265_6572, // sysfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0xcafe_4a11, // bpf
        0x6165_676c, // pstore
        0xde5e_81e4, // efivarfs
        0x6265_6570, // configfs
        0x1cd1,      // devpts
        0x1980_0202, // mqueue
        0xf97c_ff8c, // selinuxfs
        0x4249_4e4d, // binfmt_misc
        0x6573_5543, // fusectl
    ];
    let Ok(fd) = scanned.listing.dir.fd() else { return false };
    rustix::fs::fstatfs(&*fd).is_ok_and(|stat| WITHOUT_FILES.contains(&(stat.f_type as u32)))
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
