//! What happens to something that is already at the destination under the same name.

use super::safe::{NAME_MAX, SafeError};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happens to a file that is already at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExistingPolicy {
    /// Leave what is there; the file counts as skipped.
    #[default]
    Keep,
    /// Replace it.
    Overwrite,
    /// Replace it only if the file on tape has a newer modification time.
    Newer,
    /// Restore beside it as `name.restored`, `name.restored-2`, …
    Rename,
}

/// Most names that are tried by [`ExistingPolicy::Rename`].
const MAX_NAMES: u32 = 100_000;

/// What is at the destination under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Existing {
    /// What it is.
    pub file_type: FileType,
    /// Its modification time in nanoseconds since 1970.
    pub mtime_ns: i128,
}

/// Looks at what is there; a symbolic link is itself.
pub fn look(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Existing>, SafeError> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Existing {
            file_type: FileType::from_raw_mode(stat.st_mode),
            mtime_ns: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        })),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(SafeError::System { action: "look at what is there", error }),
    }
}

impl ExistingPolicy {
    /// Why `existing` stays and the member is not restored, if so.
    pub fn keeps(self, existing: &Existing, mtime_ns: i64) -> Option<&'static str> {
        match self {
            ExistingPolicy::Keep => Some("it exists at the destination and was kept"),
            ExistingPolicy::Newer if existing.mtime_ns >= i128::from(mtime_ns) => {
                Some("what exists at the destination is as new or newer and was kept")
            }
            ExistingPolicy::Newer | ExistingPolicy::Overwrite | ExistingPolicy::Rename => None,
        }
    }
}

/// How a finished temporary name became the final one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Under its own name.
    AsNamed,
    /// Under this name, beside what was there.
    Beside(Vec<u8>),
    /// Not at all, because something appeared meanwhile; the temporary name is still there.
    Kept(&'static str),
}

/// Gives what is at `temporary` its final `name` in the same directory, as the policy says.
pub fn publish(
    parent: BorrowedFd<'_>,
    temporary: &[u8],
    name: &[u8],
    policy: ExistingPolicy,
    replaced: &mut bool,
) -> Result<Published, SafeError> {
    match policy {
        ExistingPolicy::Overwrite | ExistingPolicy::Newer => {
            replace(parent, temporary, name, replaced)?;
            Ok(Published::AsNamed)
        }
        ExistingPolicy::Keep => Ok(match rename_new(parent, temporary, name)? {
            Renamed::Done => Published::AsNamed,
            Renamed::Exists => Published::Kept("it appeared at the destination meanwhile and was kept"),
        }),
        ExistingPolicy::Rename => beside(parent, temporary, name),
    }
}

fn replace(parent: BorrowedFd<'_>, temporary: &[u8], name: &[u8], replaced: &mut bool) -> Result<(), SafeError> {
    match rustix::fs::renameat(parent, temporary, parent, name) {
        Ok(()) => Ok(()),
        Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
            *replaced = true;
            rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
                .map_err(SafeError::system("replace the directory that has its name"))?;
            rustix::fs::renameat(parent, temporary, parent, name).map_err(SafeError::system("give it its name"))
        }
        Err(error) => Err(SafeError::System { action: "give it its name", error }),
    }
}

fn beside(parent: BorrowedFd<'_>, temporary: &[u8], name: &[u8]) -> Result<Published, SafeError> {
    if rename_new(parent, temporary, name)? == Renamed::Done {
        return Ok(Published::AsNamed);
    }
    for number in 1..=MAX_NAMES {
        let ending = if number == 1 { ".restored".to_string() } else { format!(".restored-{number}") };
        let mut other = name.to_vec();
        other.truncate(NAME_MAX.saturating_sub(ending.len()));
        other.extend_from_slice(ending.as_bytes());
        if rename_new(parent, temporary, &other)? == Renamed::Done {
            return Ok(Published::Beside(other));
        }
    }
    Err(SafeError::System { action: "find a free name beside what is there", error: Errno::EXIST })
}

#[derive(Debug, PartialEq, Eq)]
enum Renamed {
    Done,
    Exists,
}

/// Renames only if nothing has the name.
fn rename_new(parent: BorrowedFd<'_>, temporary: &[u8], name: &[u8]) -> Result<Renamed, SafeError> {
    match rustix::fs::renameat_with(parent, temporary, parent, name, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(Renamed::Done),
        Err(Errno::EXIST) => return Ok(Renamed::Exists),
        // network file systems do not know the flag
        Err(Errno::INVAL | Errno::NOSYS) => {}
        Err(error) => return Err(SafeError::System { action: "give it its name", error }),
    }
    if look(parent, name)?.is_some() {
        return Ok(Renamed::Exists);
    }
    rustix::fs::renameat(parent, temporary, parent, name).map_err(SafeError::system("give it its name"))?;
    Ok(Renamed::Done)
}
