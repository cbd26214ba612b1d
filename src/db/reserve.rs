//! Room that is kept on the disk of the database, so that what goes wrong when the disk is full can still be written down.
//!
//! Two things: nothing that writes to tape begins with less than a margin ([`check`]), and a file takes some room that it
//! gives back when the end of a run cannot be stored ([`Reserve`]).

use crate::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What the file takes: room for the ends of all executions that can be at work, and for what is logged with them.
const BYTES: u64 = 1 << 20;
/// The file is only made while so much more is free.
const SPARE: u64 = 4 * BYTES;

/// Bytes that are free, for this user, on the disk of a folder.
///
/// # Errors
/// Those of the operating system.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Refuses what writes to tape while the disk of one of `folders` has less than `margin` bytes free: what is on tape has to
/// be written down too. A disk that cannot be asked is not held against anybody.
///
/// # Errors
/// `disk_full`, with what is free, what is needed, and what to do.
pub fn check(folders: &[&Path], margin: u64) -> Result<()> {
    for folder in folders {
        let Ok(free) = free_bytes(folder) else { continue };
        if free < margin {
            let message = format!(
                "the disk of {} has only {} KiB free, and a run needs at least {} MiB to write down what it does: make room \
                 there, then start it again (database.reserve_mb is how much has to be free). Nothing was begun",
                folder.display(),
                free >> 10,
                margin >> 20
            );
            return Err(Error::new(ErrorKind::Unavailable, "disk_full", message));
        }
    }
    Ok(())
}

/// The file that takes room.
#[derive(Debug)]
pub struct Reserve {
    file: PathBuf,
}

impl Reserve {
    /// The one beside a database.
    pub fn beside(database: &Path) -> Reserve {
        Reserve { file: database.with_extension("reserve") }
    }

    /// Takes the room, unless it is taken, or the disk has little.
    pub fn hold(&self) {
        let taken = std::fs::metadata(&self.file).is_ok_and(|file| file.len() == BYTES);
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if taken || !free_bytes(folder).is_ok_and(|free| free >= SPARE) {
            return;
        }
        if let Err(error) = self.fill() {
            tracing::debug!(file = %self.file.display(), %error, "no room could be reserved");
            self.give_back();
        }
    }

    /// With noise: file systems that compress would not keep room for anything else.
    fn fill(&self) -> io::Result<()> {
        let mut file = File::create(&self.file)?;
        let mut noise = File::open("/dev/urandom")?.take(BYTES);
        io::copy(&mut noise, &mut file)?;
        file.flush()?;
        file.sync_all()
    }

    /// Gives the room back; false if there was none.
    pub fn give_back(&self) -> bool {
        std::fs::remove_file(&self.file).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_once_and_given_back_once() {
        let folder = tempfile::tempdir().expect("folder");
        let reserve = Reserve::beside(&folder.path().join("x.db"));
        assert!(!reserve.give_back());
        reserve.hold();
        let length = || std::fs::metadata(folder.path().join("x.reserve")).map(|file| file.len()).ok();
        assert_eq!(length(), Some(BYTES));
        // one that was cut short is made anew
        File::options().write(true).open(folder.path().join("x.reserve")).expect("open").set_len(7).expect("cut");
        reserve.hold();
        assert_eq!(length(), Some(BYTES));
        assert!(reserve.give_back());
        assert_eq!(length(), None);
    }

    #[test]
    fn too_little_room_is_told_with_figures() {
        let folder = tempfile::tempdir().expect("folder");
        check(&[folder.path()], 0).expect("nothing is needed");
        check(&[Path::new("/nonexistent")], u64::MAX).expect("not known");
        let error = check(&[folder.path()], u64::MAX).expect_err("too little");
        assert_eq!(error.code, "disk_full");
        assert!(error.message.contains("KiB free") && error.message.contains("reserve_mb"), "{error}");
    }
}
