//! A directory of the source that can be opened again.
//!
//! Everything is opened relative to a directory's descriptor and never through a symbolic link, so no rename in the
//! source can lead the backup outside it. Descriptors are kept while there are few of them; a directory whose
//! descriptor was given up is opened again level by level from the root, which also works for paths of any length.

use super::stats::lock;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Descriptors of directories that are kept beyond the ones in use.
const KEPT: usize = 256;

/// The path of the root itself, and its name within itself.
pub const ROOT_NAME: &[u8] = b".";

/// What all directories of one walk share.
#[derive(Debug)]
struct Tree {
    root: Arc<OwnedFd>,
    open: AtomicUsize,
}

/// One directory of the source.
#[derive(Debug)]
pub struct Dir {
    tree: Arc<Tree>,
    path: Vec<u8>,
    fd: Mutex<Option<Arc<OwnedFd>>>,
}

impl Dir {
    /// The root of a source; a symbolic link here is followed, for the operator named it.
    pub fn root(path: &std::path::Path) -> Result<Arc<Dir>, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = Arc::new(rustix::fs::open(path, flags, Mode::empty())?);
        let tree = Tree { root: root.clone(), open: AtomicUsize::new(1) };
        Ok(Arc::new(Dir { tree: Arc::new(tree), path: Vec::new(), fd: Mutex::new(Some(root)) }))
    }

    /// Opens a directory in this one.
    pub fn child(&self, name: &[u8]) -> Result<Arc<Dir>, Errno> {
        let fd = Arc::new(open_directory(&*self.fd()?, name)?);
        self.tree.open.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Dir { tree: self.tree.clone(), path: self.join(name), fd: Mutex::new(Some(fd)) }))
    }

    /// Path relative to the root; empty for the root.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The path of an entry of this directory.
    pub fn join(&self, name: &[u8]) -> Vec<u8> {
        if self.path.is_empty() {
            return name.to_vec();
        }
        let mut path = Vec::with_capacity(self.path.len() + 1 + name.len());
        path.extend_from_slice(&self.path);
        path.push(b'/');
        path.extend_from_slice(name);
        path
    }

    /// A descriptor of it, opened again if it was given up.
    pub fn fd(&self) -> Result<Arc<OwnedFd>, Errno> {
        let mut kept = lock(&self.fd);
        if let Some(fd) = &*kept {
            return Ok(fd.clone());
        }
        let mut fd = self.tree.root.clone();
        for name in self.path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            fd = Arc::new(open_directory(&*fd, name)?);
        }
        if self.tree.open.load(Ordering::Relaxed) < KEPT {
            self.tree.open.fetch_add(1, Ordering::Relaxed);
            *kept = Some(fd.clone());
        }
        Ok(fd)
    }

    /// Gives the descriptor up if there are many.
    pub fn rest(&self) {
        if self.tree.open.load(Ordering::Relaxed) > KEPT {
            self.release();
        }
    }

    fn release(&self) {
        if lock(&self.fd).take().is_some() {
            self.tree.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        self.release();
    }
}

fn open_directory(parent: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_quietly(parent, name, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens without following a link, without waiting for a FIFO's other end and, where that is allowed, without touching
/// the access time.
pub fn open_quietly(parent: impl AsFd, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::openat(&parent, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::openat(&parent, name, flags, Mode::empty()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_far_below_is_opened_again() {
        let temporary = tempfile::tempdir().unwrap();
        let mut dirs = vec![Dir::root(temporary.path()).unwrap()];
        let name = "d".repeat(200);
        for _ in 0..30 {
            let parent = dirs.last().unwrap();
            rustix::fs::mkdirat(&*parent.fd().unwrap(), name.as_str(), Mode::from(0o700)).unwrap();
            dirs.push(parent.child(name.as_bytes()).unwrap());
        }
        let deepest = dirs.last().unwrap();
        assert!(deepest.path().len() > 4096);
        let inode = rustix::fs::fstat(&*deepest.fd().unwrap()).unwrap().st_ino;
        deepest.release();
        assert_eq!(rustix::fs::fstat(&*deepest.fd().unwrap()).unwrap().st_ino, inode);
        assert_eq!(deepest.tree.open.load(Ordering::Relaxed), 31);
        let tree = deepest.tree.clone();
        drop(dirs);
        assert_eq!(tree.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_link_is_not_followed() {
        let temporary = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/usr", temporary.path().join("link")).unwrap();
        let root = Dir::root(temporary.path()).unwrap();
        assert_eq!(root.child(b"link").unwrap_err(), Errno::NOTDIR);
    }
}
