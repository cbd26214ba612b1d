//! What the planner hands to the workers: a batch of small members, which makes one frame, or one frame's worth of a
//! large file.

use super::large::LargeFile;
use super::scan::Stat;
use super::stats::lock;
use super::walk::Entry;
use super::xattr::Xattrs;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tape_format::{Member, MemberKind, MemberRecord};

/// Files larger than this are sent in frames of their own, by several workers.
pub const LARGE: u64 = 1 << 20;
/// A batch has at most about this many bytes of tar stream: two huge pages of memory …
pub const BATCH_BYTES: u64 = (4 << 20) - (32 << 10);
/// … and at most this many members.
pub const BATCH_MEMBERS: usize = 4096;

/// Work that makes the frames of one place in the order.
pub enum Unit {
    /// Small members.
    Batch(Batch),
    /// The part of a large file with this number.
    Chunk(Arc<LargeFile>, u64),
}

/// Members that go into one frame.
#[derive(Default)]
pub struct Batch {
    /// In order.
    pub items: Vec<Item>,
    /// The set ends with it.
    pub last: bool,
}

/// One small member.
pub struct Item {
    /// The entry.
    pub entry: Entry,
    /// The attributes of a directory.
    pub xattrs: Xattrs,
    /// Its other names.
    pub link: Link,
}

/// What a file with several names is in this set.
pub enum Link {
    /// It has one name, or is no file.
    No,
    /// The first of its names.
    First(Arc<LinkTarget>),
    /// Another name.
    Again(Arc<LinkTarget>),
}

/// The first name of a file with several: the others can refer to it only if it got into the set.
pub struct LinkTarget {
    /// Path in the set.
    pub path: Vec<u8>,
    outcome: Mutex<Option<TargetOutcome>>,
    known: Condvar,
}

/// What became of a link's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetOutcome {
    /// It is in the set.
    Sent,
    /// It could not be read.
    Missing,
}

impl LinkTarget {
    /// Not yet known.
    pub fn new(path: Vec<u8>) -> Arc<LinkTarget> {
        Arc::new(LinkTarget { path, outcome: Mutex::new(None), known: Condvar::new() })
    }

    /// Says what became of it.
    pub fn settle(&self, outcome: TargetOutcome) {
        lock(&self.outcome).get_or_insert(outcome);
        self.known.notify_all();
    }

    /// What became of it; waits until that is known. `None` if `stopped` says that it never will be.
    pub fn outcome(&self, stopped: impl Fn() -> bool) -> Option<TargetOutcome> {
        let mut outcome = lock(&self.outcome);
        while outcome.is_none() && !stopped() {
            let waited = self.known.wait_timeout(outcome, Duration::from_millis(50));
            outcome = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        *outcome
    }

    /// What became of it, if that is known.
    pub fn settled(&self) -> Option<TargetOutcome> {
        *lock(&self.outcome)
    }
}

/// The member for an entry without content: owners' names, link and content are the caller's.
pub fn member(path: Vec<u8>, stat: &Stat, kind: MemberKind) -> Member {
    Member {
        path,
        size: if kind == MemberKind::File { stat.size } else { 0 },
        kind,
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        user: String::new(),
        group: String::new(),
        mtime_ns: stat.mtime_ns,
        link: None,
        device: stat.device_numbers(),
        xattrs: Vec::new(),
        sparse: None,
    }
}

/// What catalog and TOC keep of a member; places are the caller's.
pub fn record(member: Member, stat: &Stat, sha256: Option<[u8; 32]>) -> MemberRecord {
    MemberRecord {
        path: member.path,
        kind: member.kind,
        size: member.size,
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        user: member.user,
        group: member.group,
        mtime_ns: member.mtime_ns,
        ctime_ns: stat.ctime_ns,
        inode: stat.inode,
        link: member.link,
        sha256,
        tar_offset: 0,
        tar_length: 0,
    }
}
