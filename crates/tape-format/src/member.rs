//! A member of the archive: one file, directory or link, as it is on disk and as it is on tape.

use serde::{Deserialize, Serialize};

/// What kind of thing a member is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Another name of a file that is in the same set.
    Hardlink,
    /// Named pipe.
    Fifo,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
}

impl MemberKind {
    /// The word used in the TOC, the database and the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            MemberKind::File => "file",
            MemberKind::Directory => "directory",
            MemberKind::Symlink => "symlink",
            MemberKind::Hardlink => "hardlink",
            MemberKind::Fifo => "fifo",
            MemberKind::CharDevice => "char_device",
            MemberKind::BlockDevice => "block_device",
        }
    }
}

/// A run of data in a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataExtent {
    /// Offset in the file in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

/// Everything about a member but its content: enough to write its tar header, and what reading one gives back.
///
/// Paths are bytes, relative, without a leading or trailing slash; the source's root itself is `.`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Path within the set.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: MemberKind,
    /// Apparent size of a regular file in bytes; 0 for everything else.
    pub size: u64,
    /// Permission bits, including set-id and sticky (no file type bits).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Owner's name on the machine of the backup, empty if unknown.
    pub user: String,
    /// Group's name on the machine of the backup, empty if unknown.
    pub group: String,
    /// Modification time: nanoseconds since 1970-01-01 UTC.
    pub mtime_ns: i64,
    /// Target of a symbolic link, or the member that a hard link names.
    pub link: Option<Vec<u8>>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// Extended attributes, name and value, including POSIX ACLs (`system.posix_acl_access`, `…_default`).
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The runs of data of a sparse file (GNU sparse format 1.0); `None` for an ordinary one.
    pub sparse: Option<Vec<DataExtent>>,
}

/// What the catalog and the TOC keep of a member once its last byte is in a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRecord {
    /// Path within the set.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: MemberKind,
    /// Apparent size in bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Owner's name, empty if unknown.
    pub user: String,
    /// Group's name, empty if unknown.
    pub group: String,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode change time, nanoseconds since 1970; 0 if unknown. What the next incremental compares.
    pub ctime_ns: i64,
    /// Inode number; 0 if unknown.
    pub inode: u64,
    /// Link target of symbolic and hard links.
    pub link: Option<Vec<u8>>,
    /// SHA-256 of a regular file's content (its apparent content: holes are zeros); `None` for everything else.
    pub sha256: Option<[u8; 32]>,
    /// Where its first header record begins: offset in the set's tar stream (not counting the opening records of parts).
    pub tar_offset: u64,
    /// Length in the tar stream: all its headers, data and padding.
    pub tar_length: u64,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An empty regular file.
    pub(crate) fn file(path: &str) -> Member {
        Member {
            path: path.as_bytes().to_vec(),
            kind: MemberKind::File,
            size: 0,
            mode: 0o644,
            uid: 0,
            gid: 0,
            user: "root".into(),
            group: "root".into(),
            mtime_ns: 0,
            link: None,
            device: None,
            xattrs: Vec::new(),
            sparse: None,
        }
    }
}
