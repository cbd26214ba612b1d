//! Owner, permissions, times, extended attributes and ACLs of what was restored.
//!
//! Content is what a restore is judged by; metadata that the destination cannot hold is a warning by name, never a reason
//! to give up a file.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use tape_format::Member;

/// Set-user-id and set-group-id.
const SET_ID: u32 = 0o6000;

/// Whether the archive is one of ours or may come from anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Everything is restored.
    Own,
    /// No devices, no set-id bits, no attributes that give privileges: a stranger's tape must not open the machine.
    Foreign,
}

/// The metadata of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Extended attributes and ACLs.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    /// As bytes, for [`Metadata::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).unwrap_or_default()
    }

    /// What [`Metadata::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Metadata> {
        rmp_serde::from_slice(bytes).ok()
    }
}

impl From<&Member> for Metadata {
    fn from(member: &Member) -> Metadata {
        Metadata {
            mode: member.mode,
            uid: member.uid,
            gid: member.gid,
            mtime_ns: member.mtime_ns,
            xattrs: member.xattrs.clone(),
        }
    }
}

/// Sets metadata, with what this process may do.
#[derive(Debug)]
pub struct Applier {
    trust: Trust,
    superuser: bool,
    own_uid: u32,
    /// Entries that could not be given to their owner because the server does not run as root.
    pub not_owned: u64,
}

/// What could not be set, in words.
pub type Complaints = Vec<String>;

impl Applier {
    /// For the user this process runs as.
    pub fn new(trust: Trust) -> Applier {
        let own_uid = rustix::process::geteuid().as_raw();
        Applier { trust, superuser: own_uid == 0, own_uid, not_owned: 0 }
    }

    /// Whether devices may be made.
    pub fn may_make_devices(&self) -> Result<(), &'static str> {
        match (self.trust, self.superuser) {
            (Trust::Foreign, _) => Err("refused: it is a device, and this tape is not one of ours"),
            (Trust::Own, false) => Err("it is a device, and only root can make devices: run the server as root for it"),
            (Trust::Own, true) => Ok(()),
        }
    }

    /// Sets everything on an open file or directory.
    pub fn apply(&mut self, fd: BorrowedFd<'_>, metadata: &Metadata) -> Complaints {
        let mut complaints = Vec::new();
        // the owner first: changing it clears set-id bits and capabilities
        let owned = self.give(metadata, &mut complaints, |uid, gid| rustix::fs::fchown(fd, uid, gid));
        for (name, value) in &metadata.xattrs {
            if self.allows(name) {
                let set = rustix::fs::fsetxattr(fd, name.as_slice(), value, XattrFlags::empty());
                complain_attribute(name, set, &mut complaints);
            }
        }
        let mode = Mode::from_raw_mode(self.mode(metadata.mode, owned));
        if let Err(error) = rustix::fs::fchmod(fd, mode) {
            complaints.push(format!("its permissions could not be set: {error}"));
        }
        if let Err(error) = rustix::fs::futimens(fd, &times(metadata.mtime_ns)) {
            complaints.push(format!("its time could not be set: {error}"));
        }
        complaints
    }

    /// Sets what can be set on an entry that is not opened: a link, a FIFO, a device.
    pub fn apply_entry(&mut self, parent: BorrowedFd<'_>, name: &[u8], metadata: &Metadata, kind: Entry) -> Complaints {
        let mut complaints = Vec::new();
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        let owned =
            self.give(metadata, &mut complaints, |uid, gid| rustix::fs::chownat(parent, name, uid, gid, nofollow));
        if !metadata.xattrs.is_empty() {
            let mut path = format!("/proc/self/fd/{}/", parent.as_fd().as_raw_fd()).into_bytes();
            path.extend_from_slice(name);
            for (attribute, value) in metadata.xattrs.iter().filter(|(attribute, _)| self.allows(attribute)) {
                let set = rustix::fs::lsetxattr(path.as_slice(), attribute.as_slice(), value, XattrFlags::empty());
                complain_attribute(attribute, set, &mut complaints);
            }
        }
        if kind == Entry::Node {
            let mode = Mode::from_raw_mode(self.mode(metadata.mode, owned));
            // chmodat follows links, but this name was made by us and is no link
            if let Err(error) = rustix::fs::chmodat(parent, name, mode, AtFlags::empty()) {
                complaints.push(format!("its permissions could not be set: {error}"));
            }
        }
        if let Err(error) = rustix::fs::utimensat(parent, name, &times(metadata.mtime_ns), nofollow) {
            complaints.push(format!("its time could not be set: {error}"));
        }
        complaints
    }

    /// Gives an entry to its owner. Tells whether it belongs to that owner now.
    fn give(
        &mut self,
        metadata: &Metadata,
        complaints: &mut Complaints,
        chown: impl FnOnce(Option<Uid>, Option<Gid>) -> Result<(), Errno>,
    ) -> bool {
        if metadata.uid == u32::MAX || metadata.gid == u32::MAX {
            complaints.push("its owner is not a valid number and was not set".into());
            return false;
        }
        if !self.superuser && metadata.uid != self.own_uid {
            self.not_owned += 1;
            return false;
        }
        match chown(Some(Uid::from_raw(metadata.uid)), Some(Gid::from_raw(metadata.gid))) {
            Ok(()) => true,
            Err(_) if !self.superuser => {
                self.not_owned += 1;
                false
            }
            Err(error) => {
                complaints.push(format!("its owner could not be set: {error}"));
                false
            }
        }
    }

    /// The mode to set: a program must not run as somebody it did not belong to.
    fn mode(&self, mode: u32, owned: bool) -> u32 {
        if owned && self.trust == Trust::Own { mode & 0o7777 } else { mode & 0o7777 & !SET_ID }
    }

    fn allows(&self, attribute: &[u8]) -> bool {
        self.trust == Trust::Own || attribute.starts_with(b"user.") || attribute.starts_with(b"system.posix_acl_")
    }
}

/// What an entry is that is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A symbolic link: it has no permissions of its own.
    Link,
    /// A FIFO or a device.
    Node,
}

fn complain_attribute(name: &[u8], set: Result<(), Errno>, complaints: &mut Complaints) {
    if let Err(error) = set {
        let name = tape_format::path_text::to_text(name);
        complaints.push(format!("its extended attribute {name} could not be set: {error}"));
    }
}

fn times(mtime_ns: i64) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec {
            tv_sec: mtime_ns.div_euclid(1_000_000_000),
            tv_nsec: mtime_ns.rem_euclid(1_000_000_000),
        },
    }
}
