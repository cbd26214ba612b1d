//! Makes a tree cold, as if it had not been read since the machine was started, and warm: all of it in the page cache.

use std::fs::File;
use std::path::{Path, PathBuf};

/// How cold it could be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cold {
    /// Content and inodes are out of memory.
    All,
    /// Only the content is: forgetting inodes takes root.
    Content,
}

impl Cold {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Cold::All => "cold",
            Cold::Content => "content cold, inodes warm (dropping them takes root)",
        }
    }
}

/// Drops the content of all files below `root` from the page cache, and where that is allowed all inodes that nobody uses.
pub fn cool(root: &Path) -> Cold {
    rustix::fs::sync();
    for path in files(root) {
        // What cannot be opened was not read either.
        if let Ok(file) = File::open(path) {
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }
    match std::fs::write("/proc/sys/vm/drop_caches", "2\n") {
        Ok(()) => Cold::All,
        Err(_) => Cold::Content,
    }
}

/// Reads all files below `root` into the page cache, and lets nothing wait to be written: what somebody before has changed of
/// their inodes (Bacula's client sets back when they were read) would be written while the next one is measured.
pub fn warm(root: &Path) -> std::io::Result<()> {
    for path in files(root) {
        std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
    }
    rustix::fs::sync();
    Ok(())
}

/// All files below a folder.
fn files(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}
