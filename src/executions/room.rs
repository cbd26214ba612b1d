//! Whether a folder has room for what is about to be put there.

use crate::{Error, Result};
use std::path::Path;

/// Left free for everything else.
const MARGIN: u64 = 64 << 20;

/// Refuses to fill a disk that the server needs.
pub fn check(folder: &Path, bytes: u64) -> Result<()> {
    let system = rustix::fs::statvfs(folder).map_err(std::io::Error::from)?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free >= bytes.saturating_add(MARGIN) {
        return Ok(());
    }
    let message = format!(
        "{} has {free} bytes free, and {bytes} bytes and {MARGIN} to spare are needed: make room there, or choose less",
        folder.display()
    );
    Err(Error::conflict("no_room", message))
}
