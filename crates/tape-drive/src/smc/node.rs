//! From a device path to the device node that takes commands for a robot.

use super::SmcChanger;
use crate::{DriveError, DriveErrorKind, Operation, Result};
use std::path::{Path, PathBuf};
use tape_scsi::transport::{SgIo, Sharing};

/// Opens a library: `/dev/sg3`, `/dev/sch0`, or a link to one of them such as `/dev/tape/by-id/…-changer`.
///
/// Other programs may have it open as well: the library does one command after the other.
///
/// Errors: `Unsupported` if it is no library, `Io` if it cannot be opened.
pub fn open(path: &Path) -> Result<SmcChanger<SgIo>> {
    let node = generic_node(path, Path::new("/sys")).unwrap_or_else(|| path.to_owned());
    let transport = SgIo::open(&node, Sharing::Shared).map_err(|errno| crate::open::cannot_open(path, errno))?;
    SmcChanger::new(transport).map_err(|error| {
        let unsuitable = error.kind == DriveErrorKind::Io && error.operation == Operation::Identify;
        let message = match unsuitable {
            true => format!("{} does not take SCSI commands: {}", path.display(), error.message),
            false => format!("{}: {}", path.display(), error.message),
        };
        DriveError { message: message.into(), ..error }
    })
}

/// The SCSI generic node of `/dev/schN`, of which the ch driver itself passes on only some commands.
fn generic_node(path: &Path, sysfs: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(path).ok()?;
    let name = real.file_name()?.to_str()?;
    name.strip_prefix("sch")?.parse::<u32>().ok()?;
    let device = sysfs.join("class/scsi_changer").join(name).join("device/scsi_generic");
    let generic = std::fs::read_dir(device).ok()?.filter_map(|entry| entry.ok()).next()?;
    Some(real.with_file_name(generic.file_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changer_node_leads_to_the_generic_one() {
        let folder = tempfile::tempdir().unwrap();
        let (dev, sys) = (folder.path().join("dev"), folder.path().join("sys"));
        std::fs::create_dir_all(sys.join("class/scsi_changer/sch0/device/scsi_generic/sg3")).unwrap();
        std::fs::create_dir_all(&dev).unwrap();
        std::fs::write(dev.join("sch0"), "").unwrap();
        std::fs::write(dev.join("sg3"), "").unwrap();
        std::os::unix::fs::symlink("sch0", dev.join("robot")).unwrap();
        let real = std::fs::canonicalize(&dev).unwrap();
        assert_eq!(generic_node(&dev.join("robot"), &sys), Some(real.join("sg3")));
        assert_eq!(generic_node(&dev.join("sg3"), &sys), None, "it is one already");
        assert_eq!(generic_node(&dev.join("gone"), &sys), None);
    }

    #[test]
    fn what_is_no_scsi_device_is_refused() {
        let error = open(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.kind, DriveErrorKind::Io, "{error}");
        assert!(error.message.contains("/dev/null"), "{error}");
        let error = open(Path::new("/dev/no-such-library")).unwrap_err();
        assert!(error.message.contains("/dev/no-such-library"), "{error}");
    }
}
