//! A destination directory that nothing in an archive can lead out of.
//!
//! Every path is taken apart first ([`SafePath`]): absolute paths, `..`, NUL and names the kernel would not take are
//! refused by name. Then it is walked from the destination's own descriptor, one component at a time, and no component
//! may be a symbolic link, whether it was there before or was planted by an earlier member. Nothing below ever uses a
//! path from the root of the file system.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_format::path_text::to_text;

/// Longest name of one component in bytes, on every file system in use.
pub const NAME_MAX: usize = 255;

/// Most components of a path: a limit on what a hostile archive can make us walk.
const MAX_COMPONENTS: usize = 4096;

/// Most directories of the last path that stay open.
const MAX_OPEN: usize = 64;

/// Mode of directories that are being filled; their own is set when they are complete.
const WORKING_MODE: Mode = Mode::RWXU;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Why something was not done below the destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafeError {
    /// The path itself is not acceptable.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// A component is a symbolic link.
    #[error("refused: {at} is a symbolic link at the destination, and nothing is written through one")]
    ThroughSymlink {
        /// The component, from the destination.
        at: String,
    },
    /// A component is something else.
    #[error("{at} exists at the destination and is not a directory")]
    NotADirectory {
        /// The component, from the destination.
        at: String,
    },
    /// The file system said no.
    #[error("cannot {action}: {error}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        error: Errno,
    },
}

impl SafeError {
    /// For `map_err`: what was tried when the kernel said no.
    pub fn system(action: &'static str) -> impl Fn(Errno) -> SafeError {
        move |error| SafeError::System { action, error }
    }

    /// Whether going on with other members is pointless: the disk is full, or cannot be written at all.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            SafeError::System { error: Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO | Errno::STALE, .. }
        )
    }
}

/// A relative path whose components are all plain names. The destination itself has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafePath<'a> {
    components: Vec<&'a [u8]>,
}

impl<'a> SafePath<'a> {
    /// Takes a member's path apart. `.` components and repeated slashes mean nothing and are dropped.
    pub fn parse(path: &'a [u8]) -> Result<SafePath<'a>, SafeError> {
        if path.is_empty() {
            return Err(SafeError::Refused("its path is empty"));
        }
        if path.starts_with(b"/") {
            return Err(SafeError::Refused("its path is absolute"));
        }
        if path.contains(&0) {
            return Err(SafeError::Refused("its path contains a NUL byte"));
        }
        let mut components = Vec::new();
        for component in path.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return Err(SafeError::Refused("its path leads upwards with '..'")),
                name if name.len() > NAME_MAX => {
                    return Err(SafeError::Refused("a name in its path is over 255 bytes"));
                }
                name => components.push(name),
            }
        }
        if components.len() > MAX_COMPONENTS {
            return Err(SafeError::Refused("its path has more than 4096 components"));
        }
        Ok(SafePath { components })
    }

    /// Whether it is the destination itself.
    pub fn is_root(&self) -> bool {
        self.components.is_empty()
    }

    /// How deep it is; 0 for the destination itself.
    pub fn depth(&self) -> usize {
        self.components.len()
    }

    /// The path in its plain form; `.` for the destination itself.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.is_root() { b".".to_vec() } else { self.components.join(&b'/') }
    }

    /// The directory it is in, and its name there; `None` for the destination itself.
    fn split(&self) -> Option<(&[&'a [u8]], &'a [u8])> {
        self.components.split_last().map(|(name, parents)| (parents, *name))
    }
}

/// What to do about directories on the way that do not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Make them.
    Make,
    /// It is an error.
    Refuse,
}

/// An open destination directory.
#[derive(Debug)]
pub struct Destination {
    root: OwnedFd,
    /// Device and inode of a directory that nothing is written in.
    own: Option<(u64, u64)>,
    open: Vec<(Vec<u8>, OwnedFd)>,
    made: Vec<Vec<u8>>,
}

impl Destination {
    /// Opens an existing directory; its own path is the operator's and may lead through symbolic links.
    pub fn open(path: &Path) -> Result<Destination, SafeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(SafeError::system("open the destination"))?;
        Ok(Destination { root, own: None, open: Vec::new(), made: Vec::new() })
    }

    /// From now on nothing is written in this directory, by whatever way it is come to.
    pub fn keep_out_of(&mut self, own: &Path) -> Result<(), SafeError> {
        let stat = rustix::fs::stat(own).map_err(SafeError::system("look at the server's own folder"))?;
        self.own = Some((stat.st_dev, stat.st_ino));
        Ok(())
    }

    /// The destination itself.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens the directory that holds `path`, for use with the name that is given back.
    pub fn parent<'p>(
        &mut self,
        path: &SafePath<'p>,
        missing: Missing,
    ) -> Result<(BorrowedFd<'_>, &'p [u8]), SafeError> {
        let (parents, name) = path.split().ok_or(SafeError::Refused("it is the destination itself"))?;
        Ok((self.walk(parents, missing)?, name))
    }

    /// Opens the directory `path` itself for reading, so that its metadata can be set.
    pub fn directory(&mut self, path: &SafePath<'_>) -> Result<OwnedFd, SafeError> {
        if path.is_root() {
            return self.root.try_clone().map_err(|_| SafeError::Refused("no file descriptor is left"));
        }
        let (parent, name) = self.parent(path, Missing::Refuse)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        open_beneath(parent, name, flags).map_err(|error| explain(parent, name, path, error))
    }

    /// Opens the regular file `path` for reading.
    pub fn file(&mut self, path: &SafePath<'_>) -> Result<OwnedFd, SafeError> {
        let (parent, name) = self.parent(path, Missing::Refuse)?;
        // NONBLOCK: a FIFO in its place must not hang us; regular files do not care
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open_beneath(parent, name, flags).map_err(|error| explain(parent, name, path, error))?;
        let stat = rustix::fs::fstat(&file).map_err(SafeError::system("look at the file"))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(file),
            _ => Err(SafeError::Refused("what is there is not a regular file")),
        }
    }

    /// Directories that were made on the way since this was last asked.
    pub fn take_made(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.made)
    }

    /// Closes what is kept open: to be called when something was removed or replaced.
    pub fn forget(&mut self) {
        self.open.clear();
    }

    fn walk(&mut self, components: &[&[u8]], missing: Missing) -> Result<BorrowedFd<'_>, SafeError> {
        let same = self.open.iter().zip(components).take_while(|((open, _), wanted)| open == *wanted).count();
        self.open.truncate(same);
        let mut beyond: Option<OwnedFd> = None;
        for (depth, name) in components.iter().enumerate().skip(same) {
            let parent = match (&beyond, self.open.last()) {
                (Some(fd), _) => fd.as_fd(),
                (None, Some((_, fd))) => fd.as_fd(),
                (None, None) => self.root.as_fd(),
            };
            let at = || components.get(..=depth).unwrap_or_default().join(&b'/');
            let (fd, made) = enter(parent, name, missing, at)?;
            if self.own.is_some() {
                let stat = rustix::fs::fstat(&fd).map_err(SafeError::system("look at a directory"))?;
                if self.own == Some((stat.st_dev, stat.st_ino)) {
                    return Err(SafeError::Refused("it is in the folder of the server's own database and keys"));
                }
            }
            self.made.extend(made);
            if self.open.len() == depth && depth < MAX_OPEN {
                self.open.push((name.to_vec(), fd));
            } else {
                beyond = Some(fd);
            }
        }
        if let Some(fd) = beyond {
            // kept only until the next walk: the name cannot be met, since no component contains a slash
            self.open.truncate(MAX_OPEN);
            self.open.push((b"/".to_vec(), fd));
        }
        Ok(self.open.last().map_or(self.root.as_fd(), |(_, fd)| fd.as_fd()))
    }
}

/// Opens one directory on the way, or makes it. Gives back the path of what it made.
fn enter(
    parent: BorrowedFd<'_>,
    name: &[u8],
    missing: Missing,
    at: impl Fn() -> Vec<u8>,
) -> Result<(OwnedFd, Option<Vec<u8>>), SafeError> {
    let whole = at();
    let path = SafePath::parse(&whole)?;
    match open_beneath(parent, name, DIRECTORY) {
        Ok(fd) => Ok((fd, None)),
        Err(Errno::NOENT) if missing == Missing::Make => {
            match rustix::fs::mkdirat(parent, name, WORKING_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(SafeError::System { action: "make the directory that holds it", error }),
            }
            let fd = open_beneath(parent, name, DIRECTORY).map_err(|error| explain(parent, name, &path, error))?;
            Ok((fd, Some(whole)))
        }
        Err(error) => Err(explain(parent, name, &path, error)),
    }
}

/// Says what is in the way.
fn explain(parent: BorrowedFd<'_>, name: &[u8], path: &SafePath<'_>, error: Errno) -> SafeError {
    if matches!(error, Errno::LOOP | Errno::NOTDIR)
        && let Ok(stat) = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
    {
        let at = to_text(&path.to_bytes()).into_owned();
        return match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => SafeError::ThroughSymlink { at },
            _ => SafeError::NotADirectory { at },
        };
    }
    SafeError::System { action: "open what is on the way to it", error }
}

/// Opens one component. The kernel is asked to refuse links and ways out as well, where it can (`openat2`, Linux 5.6):
/// the flags alone are enough for a single name, this is the second lock on the door.
fn open_beneath(parent: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    static NO_OPENAT2: AtomicBool = AtomicBool::new(false);
    let flags = flags | OFlags::NOFOLLOW;
    if !NO_OPENAT2.load(Ordering::Relaxed) {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(parent, name, flags, Mode::empty(), resolve) {
            // sandboxes answer EPERM to system calls they do not know
            Err(Errno::NOSYS | Errno::PERM) => NO_OPENAT2.store(true, Ordering::Relaxed),
            Err(Errno::AGAIN) => {}
            other => return other,
        }
    }
    rustix::fs::openat(parent, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn refusal(path: &[u8]) -> String {
        SafePath::parse(path).expect_err("accepted").to_string()
    }

    #[test]
    fn hostile_paths_are_refused_by_name() {
        assert!(refusal(b"").contains("empty"));
        assert!(refusal(b"/etc/passwd").contains("absolute"));
        assert!(refusal(b"//etc").contains("absolute"));
        assert!(refusal(b"../x").contains("'..'"));
        assert!(refusal(b"a/../../x").contains("'..'"));
        assert!(refusal(b"a/..").contains("'..'"));
        assert!(refusal(b"a\0b").contains("NUL"));
        assert!(refusal(&[b'x'; 256]).contains("255"));
        assert!(refusal("a/".repeat(5000).as_bytes()).contains("4096"));
    }

    #[test]
    fn strange_but_harmless_paths_are_taken() {
        let plain = |path: &[u8]| SafePath::parse(path).expect("refused").to_bytes();
        assert_eq!(plain(b"./a//b/."), b"a/b");
        assert_eq!(plain(b"..."), b"...");
        assert_eq!(plain(b"-rf"), b"-rf");
        assert_eq!(plain(b"a\n\\b/\xff\xfe"), b"a\n\\b/\xff\xfe");
        assert!(SafePath::parse(b"./").expect("refused").is_root());
        assert_eq!(plain(b"."), b".");
    }

    #[test]
    fn directories_are_made_and_reported_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut destination = Destination::open(folder.path()).unwrap();
        let path = SafePath::parse(b"a/b/c/file").unwrap();
        assert!(destination.parent(&path, Missing::Refuse).is_err());
        let (_, name) = destination.parent(&path, Missing::Make).unwrap();
        assert_eq!(name, b"file");
        assert_eq!(destination.take_made(), [b"a".to_vec(), b"a/b".to_vec(), b"a/b/c".to_vec()]);
        destination.parent(&SafePath::parse(b"a/b/d/file").unwrap(), Missing::Make).unwrap();
        assert_eq!(destination.take_made(), [b"a/b/d".to_vec()]);
        assert!(folder.path().join("a/b/d").is_dir());
    }

    #[test]
    fn paths_deeper_than_what_is_kept_open_work() {
        let folder = tempfile::tempdir().unwrap();
        let mut destination = Destination::open(folder.path()).unwrap();
        let deep = "d/".repeat(MAX_OPEN + 40);
        for name in ["f", "g", "x/f"] {
            let path = format!("{deep}{name}");
            let path = SafePath::parse(path.as_bytes()).unwrap();
            let (parent, name) = destination.parent(&path, Missing::Make).unwrap();
            rustix::fs::openat(parent, name, OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
        }
        for name in ["f", "g", "x/f"] {
            assert!(folder.path().join(&deep).join(name).is_file(), "{name}");
        }
        let up = SafePath::parse(b"d/e/f").unwrap();
        destination.parent(&up, Missing::Make).unwrap();
        assert!(folder.path().join("d/e").is_dir());
    }

    #[test]
    fn nothing_goes_through_a_symbolic_link() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        symlink(outside.path(), folder.path().join("out")).unwrap();
        symlink(".", folder.path().join("here")).unwrap();
        std::fs::write(folder.path().join("plain"), "x").unwrap();
        let mut destination = Destination::open(folder.path()).unwrap();
        for path in ["out/x", "here/x", "out/a/b"] {
            let error = destination.parent(&SafePath::parse(path.as_bytes()).unwrap(), Missing::Make).expect_err(path);
            assert!(matches!(error, SafeError::ThroughSymlink { .. }), "{error}");
        }
        let error = destination.parent(&SafePath::parse(b"plain/x").unwrap(), Missing::Make).expect_err("a file");
        assert_eq!(error, SafeError::NotADirectory { at: "plain".into() });
        assert!(destination.directory(&SafePath::parse(b"out").unwrap()).is_err());
        symlink(outside.path().join("secret"), folder.path().join("link")).unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        assert!(destination.file(&SafePath::parse(b"link").unwrap()).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_replaced_by_a_link_is_noticed_after_forgetting() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut destination = Destination::open(folder.path()).unwrap();
        let path = SafePath::parse(b"d/x").unwrap();
        destination.parent(&path, Missing::Make).unwrap();
        std::fs::remove_dir(folder.path().join("d")).unwrap();
        symlink(outside.path(), folder.path().join("d")).unwrap();
        destination.forget();
        assert!(matches!(destination.parent(&path, Missing::Make), Err(SafeError::ThroughSymlink { .. })));
    }

    #[test]
    fn only_regular_files_are_opened_for_reading() {
        let folder = tempfile::tempdir().unwrap();
        let mut destination = Destination::open(folder.path()).unwrap();
        rustix::fs::mkdirat(destination.root(), "d", Mode::RWXU).unwrap();
        rustix::fs::mknodat(destination.root(), "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
        std::fs::write(folder.path().join("f"), "x").unwrap();
        assert!(destination.file(&SafePath::parse(b"d").unwrap()).is_err());
        assert!(destination.file(&SafePath::parse(b"fifo").unwrap()).is_err());
        assert!(destination.file(&SafePath::parse(b"f").unwrap()).is_ok());
    }
}
