//! The thread that walks, compares, and cuts what is to be sent into units of work.

use super::content::extents;
use super::diff::{Change, Diff};
use super::directory::open_quietly;
use super::hooks::{Hooks, Moment};
use super::large::LargeFile;
use super::owners::Owners;
use super::place::Place;
use super::resume::Resume;
use super::scan::{MemberKindCode, Stat};
use super::spool::PathSpool;
use super::stats::Counters;
use super::stop::Stop;
use super::unit::{BATCH_BYTES, BATCH_MEMBERS, Batch, Item, LARGE, Link, LinkTarget, TargetOutcome, Unit, member};
use super::walk::Entry;
use super::warning::{Reporter, WarningKind};
use super::xattr::{self, Xattrs};
use crate::Result;
use crossbeam_channel::Sender;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tape_format::MemberKind;

/// What the planner needs.
pub struct Planner {
    /// The changes to send.
    pub diff: Diff,
    /// Where units go.
    pub units: Sender<Unit>,
    /// Where warnings go.
    pub reporter: Arc<Reporter>,
    /// Where files are counted.
    pub counters: Arc<Counters>,
    /// What tests do.
    pub hooks: Hooks,
    /// Where the set goes on, if it was interrupted.
    pub resume: Option<Resume>,
    /// The source's root.
    pub root: PathBuf,
}

/// How planning ended.
pub enum Planned {
    /// Everything is handed over.
    Complete(PathSpool),
    /// The run was stopped before.
    Stopped(PathSpool),
}

/// Files with several names, of which not all have come by.
type Links = HashMap<(u64, u64), (Arc<LinkTarget>, u64)>;

struct Plan {
    planner: Planner,
    batch: Batch,
    bytes: u64,
    links: Links,
    owners: Owners,
    place: Arc<Place>,
}

/// Nobody takes units any more.
struct Stopped;

impl Planner {
    /// Plans to the end of the walk; `stop` tells an end from a walk that was stopped.
    pub fn run(self, stop: &Stop) -> Result<Planned> {
        let mut deleted = PathSpool::default();
        let place = self.counters.places.join();
        let (batch, links, owners) = (Batch::default(), Links::new(), Owners::default());
        let mut plan = Plan { planner: self, batch, bytes: 0, links, owners, place };
        let mut stopped = plan.rest()?.is_err();
        while !stopped && let Some(change) = plan.planner.diff.next_change()? {
            match change {
                Change::Deleted(path) if plan.has_sent(&path)? => {}
                Change::Deleted(path) => {
                    Counters::add(&plan.planner.counters.deleted, 1);
                    deleted.push(&path)?;
                }
                Change::Send { entry, .. } if plan.passes(&entry)? => {}
                Change::Send { entry, xattrs } => stopped = plan.send(entry, xattrs).is_err(),
            }
        }
        stopped = stopped || stop.is_set();
        if !stopped {
            plan.batch.last = true;
            stopped = plan.flush().is_err();
        }
        Counters::add(&plan.planner.counters.walk_done, u64::from(!stopped));
        plan.planner.diff.finish();
        Ok(if stopped { Planned::Stopped(deleted) } else { Planned::Complete(deleted) })
    }
}

impl Plan {
    /// Sends the rest of the file in which the set was interrupted.
    fn rest(&self) -> Result<Result<(), Stopped>> {
        let Some(resume) = &self.planner.resume else { return Ok(Ok(())) };
        if let Some(path) = resume.unfinished() {
            self.place.at_path(path);
        }
        let file = resume.rest(&self.planner.root, &self.planner.reporter)?;
        self.place.rests();
        let Some(file) = file else { return Ok(Ok(())) };
        Ok(self.chunks(Arc::new(file)))
    }

    /// Whether a path that is gone has been sent by this set before: then it is there as far as the set goes.
    fn has_sent(&mut self, path: &[u8]) -> Result<bool> {
        match &mut self.planner.resume {
            Some(resume) if resume.covers(path) => resume.has(path),
            _ => Ok(false),
        }
    }

    /// Whether an entry comes before the place where the set goes on. Other names of its file may come behind it.
    fn passes(&mut self, entry: &Entry) -> Result<bool> {
        let Some(resume) = &mut self.planner.resume else { return Ok(false) };
        let path = entry.path();
        if !resume.covers(&path) {
            return Ok(false);
        }
        let sent = resume.has(&path)?;
        Counters::add(&self.planner.counters.selected_files, 1);
        Counters::add(&self.planner.counters.selected_bytes, entry.stat.size);
        if let Link::First(target) = self.link(entry) {
            target.settle(if sent { TargetOutcome::Sent } else { TargetOutcome::Missing });
        }
        Ok(true)
    }

    fn send(&mut self, entry: Entry, xattrs: Xattrs) -> Result<(), Stopped> {
        Counters::add(&self.planner.counters.selected_files, 1);
        Counters::add(&self.planner.counters.selected_bytes, entry.stat.size);
        let link = self.link(&entry);
        let is_large = entry.stat.size > LARGE;
        match link {
            Link::Again(target) if is_large && target.settled() == Some(TargetOutcome::Missing) => {
                self.large(entry, Link::No)
            }
            Link::Again(_) => self.small(entry, xattrs, link),
            link if is_large => self.large(entry, link),
            link => self.small(entry, xattrs, link),
        }
    }

    fn small(&mut self, entry: Entry, xattrs: Xattrs, link: Link) -> Result<(), Stopped> {
        let data = if matches!(link, Link::Again(_)) { 0 } else { entry.stat.size };
        let names = entry.dir.path().len() + entry.name.len();
        let header = if names < 100 { 512 } else { 1536 + names as u64 };
        let bytes = header + data.next_multiple_of(512);
        if self.bytes + bytes > BATCH_BYTES || self.batch.items.len() >= BATCH_MEMBERS {
            self.flush()?;
        }
        self.bytes += bytes;
        self.batch.items.push(Item { entry, xattrs, link });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        self.hand_over(Unit::Batch(batch))
    }

    fn hand_over(&self, unit: Unit) -> Result<(), Stopped> {
        self.planner.units.send(unit).map_err(|_| Stopped)
    }

    fn large(&mut self, entry: Entry, link: Link) -> Result<(), Stopped> {
        let path = entry.path();
        self.place.at_path(&path);
        let opened = self.open(&entry, &path);
        self.place.rests();
        if let Link::First(target) = link {
            target.settle(if opened.is_some() { TargetOutcome::Sent } else { TargetOutcome::Missing });
        }
        let Some(file) = opened.map(Arc::new) else { return Ok(()) };
        if !self.batch.items.is_empty() {
            self.flush()?;
        }
        self.chunks(file)
    }

    fn chunks(&self, file: Arc<LargeFile>) -> Result<(), Stopped> {
        for number in 0..file.chunks() {
            self.hand_over(Unit::Chunk(file.clone(), number))?;
        }
        Ok(())
    }

    /// Opens a large file and decides its header; the walk may have seen an older state of it.
    fn open(&mut self, entry: &Entry, path: &[u8]) -> Option<LargeFile> {
        self.planner.hooks.at(Moment::BeforeOpen, path);
        let opened = entry.dir.fd().and_then(|dir| {
            let file = open_quietly(&*dir, &entry.name, OFlags::RDONLY)?;
            let stat = Stat::of_fd(&file)?;
            if stat.kind == Some(MemberKindCode::File) { Ok((file, stat)) } else { Err(Errno::NOENT) }
        });
        let (file, stat) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.planner.reporter.failed(path, "open it", error);
                return None;
            }
        };
        // Only a hint, and a file system may refuse it.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        let read = xattr::of_fd(&file);
        if let Some(missing) = read.missing {
            self.planner.reporter.report(WarningKind::Attributes, path, missing);
        }
        let mut member = member(path.to_vec(), &stat, MemberKind::File);
        member.user = self.owners.user(stat.uid);
        member.group = self.owners.group(stat.gid);
        member.xattrs = read.attributes;
        member.sparse = extents(&file, &stat);
        LargeFile::new(file, Arc::new(member), stat)
            .map_err(|error| self.planner.reporter.report(WarningKind::ReadError, path, error.to_string()))
            .ok()
    }

    /// What the entry is among the names of its file.
    fn link(&mut self, entry: &Entry) -> Link {
        let stat = &entry.stat;
        if stat.kind != Some(MemberKindCode::File) || stat.links < 2 {
            return Link::No;
        }
        let key = (stat.device, stat.inode);
        match self.links.get_mut(&key) {
            None => {
                let target = LinkTarget::new(entry.path());
                self.links.insert(key, (target.clone(), stat.links - 1));
                Link::First(target)
            }
            Some((target, left)) => {
                let target = target.clone();
                *left -= 1;
                // All names have come by: nothing needs to be remembered.
                if *left == 0 {
                    self.links.remove(&key);
                }
                Link::Again(target)
            }
        }
    }
}
