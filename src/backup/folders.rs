//! The folders of this machine, one level at a time: for choosing the path of a source. Only names of folders leave it.

use super::mounts::{Mount, mount_of, mounted};
use crate::{Error, Result};
use std::path::Path;

/// Entries of one folder that are looked at, at most.
const MAX_ENTRIES: usize = 1_000_000;

/// A folder in the folder that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// Whether it is a symbolic link to a folder.
    pub link: bool,
    /// What is mounted at it, if something is.
    pub mount: Option<Mount>,
}

/// What is in a folder.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// What the folder lies on.
    pub mount: Option<Mount>,
    /// Its folders by name.
    pub folders: Vec<Folder>,
    /// What else is in it.
    pub others: usize,
    /// Folders whose names are not UTF-8: no source can name them.
    pub unnamed: usize,
    /// Whether everything was looked at.
    pub complete: bool,
}

/// The folders in `path`, which is absolute and has no `..` in it.
pub fn list(path: &Path) -> Result<Listing> {
    let here = path.canonicalize()?;
    let mounts = mounted().map_err(|error| Error::from(error).context("read /proc/self/mountinfo"))?;
    let mut listing = Listing { mount: mount_of(&mounts, &here).cloned(), complete: true, ..Listing::default() };
    for (seen, entry) in std::fs::read_dir(&here)?.enumerate() {
        if seen >= MAX_ENTRIES {
            listing.complete = false;
            break;
        }
        let entry = entry?;
        // what vanishes meanwhile is no folder any more
        let Ok(kind) = entry.file_type() else { continue };
        let link = kind.is_symlink();
        let is_folder = kind.is_dir() || (link && entry.path().is_dir());
        if !is_folder {
            listing.others += 1;
            continue;
        }
        let Ok(name) = entry.file_name().into_string() else {
            listing.unnamed += 1;
            continue;
        };
        let at = here.join(&name);
        // of mounts on top of each other the last one is seen
        let mount = mounts.iter().rfind(|mount| mount.point == at).cloned();
        listing.folders.push(Folder { name, link, mount });
    }
    listing.folders.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn folders_are_listed_and_files_are_only_counted() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["b", "a", ".hidden"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::fs::write(at("file"), b"x").unwrap();
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("broken")).unwrap();
        std::fs::create_dir(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff"))).unwrap();
        let listing = list(dir.path()).unwrap();
        let names: Vec<_> = listing.folders.iter().map(|folder| (folder.name.as_str(), folder.link)).collect();
        assert_eq!(names, [(".hidden", false), ("a", false), ("b", false), ("link", true)]);
        assert_eq!((listing.others, listing.unnamed, listing.complete), (2, 1, true));
        assert!(listing.mount.is_some());
        assert!(list(&at("file")).is_err() && list(&at("gone")).is_err());
    }

    #[test]
    fn mount_points_are_seen() {
        let root = list(Path::new("/")).unwrap();
        let proc = root.folders.iter().find(|folder| folder.name == "proc").unwrap();
        assert_eq!(proc.mount.as_ref().map(|mount| mount.fs_type.as_str()), Some("proc"));
    }
}
