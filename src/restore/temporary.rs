//! Names for what is not finished: in the directory of the final name, so that a rename finishes it.

use super::existing::Published;
use super::safe::SafeError;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

/// How every temporary name begins.
pub const PREFIX: &str = ".tapebackarr-";

/// Something unfinished in a directory; it is removed again unless it got its [final name](Unfinished::end).
#[derive(Debug)]
pub struct Unfinished<'d> {
    parent: BorrowedFd<'d>,
    name: Vec<u8>,
    armed: bool,
}

impl<'d> Unfinished<'d> {
    /// Lets `make` create something under a fresh name.
    pub fn make<T>(
        parent: BorrowedFd<'d>,
        action: &'static str,
        mut make: impl FnMut(BorrowedFd<'d>, &[u8]) -> Result<T, Errno>,
    ) -> Result<(Unfinished<'d>, T), SafeError> {
        // a name that cannot be foreseen: nobody can put something there before
        for _ in 0..100 {
            let name = format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()).into_bytes();
            match make(parent, &name) {
                Ok(made) => return Ok((Unfinished { parent, name, armed: true }, made)),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(SafeError::System { action, error }),
            }
        }
        Err(SafeError::System { action, error: Errno::EXIST })
    }

    /// An empty regular file, open for reading and writing.
    pub fn file(parent: BorrowedFd<'d>) -> Result<(Unfinished<'d>, OwnedFd), SafeError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Unfinished::make(parent, "create it", |parent, name| {
            rustix::fs::openat(parent.as_fd(), name, flags, Mode::RUSR | Mode::WUSR)
        })
    }

    /// It is gone on with later: it stays, and whoever has its name sees to its end.
    pub fn keep(mut self) -> Vec<u8> {
        self.armed = false;
        std::mem::take(&mut self.name)
    }

    /// What was [kept](Self::keep).
    pub fn kept(parent: BorrowedFd<'d>, name: Vec<u8>) -> Unfinished<'d> {
        Unfinished { parent, name, armed: true }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// It has its final name now, or is not wanted after all.
    pub fn end(mut self, published: &Published) {
        self.armed = matches!(published, Published::Kept(_));
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.armed
            && let Err(error) = rustix::fs::unlinkat(self.parent, &self.name, AtFlags::empty())
            && error != Errno::NOENT
        {
            tracing::warn!(name = %String::from_utf8_lossy(&self.name), %error, "a temporary file stays behind");
        }
    }
}
