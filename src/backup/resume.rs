//! Going on with a set that was interrupted: what is on tape already is passed over, a half-sent file is ended first.
//!
//! The walk goes the same way again, so everything up to the last member on tape is known by its path alone. What
//! changed there since is the business of the next incremental; this set keeps what it has sent.

use super::hash::ContentHash;
use super::large::LargeFile;
use super::scan::{MemberKindCode, Stat};
use super::warning::{Reporter, WarningKind};
use crate::{Error, Result};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::os::fd::OwnedFd;
use std::path::Path;
use tape_format::Unfinished;

/// Where a set goes on.
pub struct Resume {
    /// Offset in the set's tar stream.
    pub tar_start: u64,
    /// The last member that is on tape, whole or in part; everything before it was sent or passed over.
    pub after: Option<Vec<u8>>,
    /// The member in whose data the set goes on.
    pub goes_on: Option<Unfinished>,
    /// What the set has.
    pub sent: Box<dyn Sent>,
}

/// Tells what a set has sent already.
pub trait Sent: Send {
    /// Whether it has this path.
    fn has(&mut self, path: &[u8]) -> Result<bool>;
}

/// What is stored of a half-sent file besides its header.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// [`ContentHash::state`].
    #[serde(with = "hex")]
    pub hash: Vec<u8>,
    /// Change time when it was opened, in nanoseconds.
    pub ctime_ns: i64,
    /// Inode number then.
    pub inode: u64,
}

impl State {
    /// As bytes for [`Unfinished::state`].
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// How two paths follow each other in the walk: by the names of their directories, a directory before what it holds.
pub fn order(a: &[u8], b: &[u8]) -> Ordering {
    fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
        path.split(|byte| *byte == b'/').filter(|name| *name != b".")
    }
    names(a).cmp(names(b))
}

impl Resume {
    /// Whether a path comes before the place where the set goes on.
    pub fn covers(&self, path: &[u8]) -> bool {
        self.after.as_ref().is_some_and(|after| order(path, after) != Ordering::Greater)
    }

    /// Whether the set has a path, or will have it once the half-sent file is ended.
    pub fn has(&mut self, path: &[u8]) -> Result<bool> {
        let open = self.goes_on.as_ref().is_some_and(|goes_on| goes_on.continuation.member.path == path);
        Ok(open || self.sent.has(path)?)
    }

    /// The path of the half-sent file, if there is one.
    pub fn unfinished(&self) -> Option<&[u8]> {
        self.goes_on.as_ref().map(|goes_on| goes_on.continuation.member.path.as_slice())
    }

    /// The rest of the half-sent file. One that is gone is ended with zeros, and reported.
    pub fn rest(&self, root: &Path, reporter: &Reporter) -> Result<Option<LargeFile>> {
        let Some(Unfinished { continuation, state, .. }) = &self.goes_on else { return Ok(None) };
        let member = continuation.member.clone();
        let damaged = || Error::internal("the stored state of a half-sent file cannot be read; run the job anew");
        let state: State = serde_json::from_slice(state).map_err(|_| damaged())?;
        let hash = ContentHash::go_on(&state.hash).ok_or_else(damaged)?;
        let (file, stat) = match open(root, &member.path) {
            Ok(opened) => opened,
            Err(error) => {
                let what = format!("it cannot be read any more ({error}); its end is zeros in this set");
                reporter.report(WarningKind::ReadError, &member.path, what);
                let nothing = openat(rustix::fs::CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
                let nothing = nothing.map_err(|error| Error::from(std::io::Error::from(error)))?;
                let stat = Stat::of_fd(&nothing).map_err(|error| Error::from(std::io::Error::from(error)))?;
                (nothing, stat)
            }
        };
        let changed = (stat.inode, stat.ctime_ns, stat.size) != (state.inode, state.ctime_ns, member.size);
        if changed {
            let what = "it changed between the two runs that sent it; its content in this set may be a mixture";
            reporter.report(WarningKind::Changed, &member.path, what);
        }
        // The header is on tape; what is not as it says is reported, and sent again by the next incremental.
        let stat =
            Stat { size: member.size, mtime_ns: member.mtime_ns, ctime_ns: state.ctime_ns, inode: state.inode, ..stat };
        let offset = continuation.data_offset;
        Ok(Some(LargeFile::go_on(file, member, stat, hash, offset)?))
    }
}

/// Opens a regular file below the source's root without following links in its last name.
fn open(root: &Path, path: &[u8]) -> Result<(OwnedFd, Stat), Errno> {
    use std::os::unix::ffi::OsStrExt;
    let path = root.join(std::ffi::OsStr::from_bytes(path));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(rustix::fs::CWD, &path, flags, Mode::empty())?;
    let stat = Stat::of_fd(&file)?;
    if stat.kind == Some(MemberKindCode::File) { Ok((file, stat)) } else { Err(Errno::NOENT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_in_the_order_of_the_walk() {
        let walked: [&[u8]; 8] = [b".", b"a", b"a/b", b"a/b/c", b"a/b.txt", b"a-b", b"a.txt", b"b"];
        for (i, a) in walked.iter().enumerate() {
            for (j, b) in walked.iter().enumerate() {
                assert_eq!(order(a, b), i.cmp(&j), "{} {}", String::from_utf8_lossy(a), String::from_utf8_lossy(b));
            }
        }
    }
}
