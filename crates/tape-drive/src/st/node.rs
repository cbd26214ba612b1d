//! From `/dev/nst0` to the driver's node and the drive's SCSI generic node.

use super::StDrive;
use crate::{DriveError, DriveErrorKind, Operation, Result, ssc};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::path::{Path, PathBuf};

/// Opens a drive by its non-rewinding node: `/dev/nst0`, or a link to one.
///
/// Errors: `Unsupported` for a rewinding node (`/dev/st0`), `Busy` if another program has the drive, `Io` if its SCSI
/// generic node is missing.
pub fn open(path: &Path) -> Result<StDrive> {
    let found = std::fs::canonicalize(path);
    let real = found.as_deref().unwrap_or(path).to_owned();
    if is_rewinding(&real) {
        let message = format!(
            "{} rewinds the tape whenever it is closed, after which the next write would destroy what is on it; use the \
             node that does not ({})",
            path.display(),
            sibling(&real).display()
        );
        return Err(DriveError::new(DriveErrorKind::Unsupported, Operation::Open, message));
    }
    if let Err(error) = found {
        let message = format!("{}: {error}; `tapebackarr drive scan` lists the drives that are there", path.display());
        return Err(DriveError::new(DriveErrorKind::Io, Operation::Open, message));
    }
    let generic = generic_node(&real, Path::new("/sys")).ok_or_else(|| {
        let message = format!(
            "{} has no SCSI generic node, without which it cannot be known what is on the tape after an error; load the \
             sg module (modprobe sg)",
            path.display()
        );
        DriveError::new(DriveErrorKind::Io, Operation::Open, message)
    })?;
    let scsi = ssc::node::open(&generic)?;
    StDrive::new(&real, scsi).map_err(|error| ssc::node::of_node(path, error))
}

/// Whether this is a node of the tape driver, rewinding or not.
pub(crate) fn is_tape_node(real: &Path) -> bool {
    number(real).is_some()
}

/// `st0`, and its other modes `st0l`, `st0m`, `st0a`.
fn is_rewinding(real: &Path) -> bool {
    number(real).is_some() && name(real).is_some_and(|name| name.starts_with("st"))
}

fn name(real: &Path) -> Option<&str> {
    real.file_name()?.to_str()
}

/// The number of the drive, without the mode behind it.
fn number(real: &Path) -> Option<u32> {
    let name = name(real)?;
    let rest = name.strip_prefix("nst").or_else(|| name.strip_prefix("st"))?;
    rest.strip_suffix(['l', 'm', 'a']).unwrap_or(rest).parse().ok()
}

fn sibling(real: &Path) -> PathBuf {
    real.with_file_name(format!("n{}", name(real).unwrap_or_default()))
}

/// The SCSI generic node of the same drive.
fn generic_node(real: &Path, sysfs: &Path) -> Option<PathBuf> {
    let device = sysfs.join("class/scsi_tape").join(name(real)?).join("device/scsi_generic");
    let generic = std::fs::read_dir(device).ok()?.filter_map(|entry| entry.ok()).next()?;
    Some(real.with_file_name(generic.file_name()))
}

/// Whether the driver transfers from and to the memory of programs (its parameter `try_direct_io`). If not it writes behind
/// the program's back, and after a reset not even its status tells that a write failed.
pub(super) fn transfers_directly(sysfs: &Path) -> bool {
    let setting = std::fs::read_to_string(sysfs.join("bus/scsi/drivers/st/try_direct_io"));
    setting.is_ok_and(|setting| setting.trim() != "0")
}

/// Opens the driver's node; an empty drive does not make it wait.
pub(super) fn open_tape(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| crate::open::cannot_open(path, errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewinding_nodes_are_told_from_others() {
        for (path, tape, rewinding) in [
            ("/dev/st0", true, true),
            ("/dev/st12m", true, true),
            ("/dev/nst0", true, false),
            ("/dev/nst1a", true, false),
            ("/dev/sg0", false, false),
            ("/dev/stdin", false, false),
            ("/dev/nst", false, false),
        ] {
            assert_eq!(is_tape_node(Path::new(path)), tape, "{path}");
            assert_eq!(is_rewinding(Path::new(path)), rewinding, "{path}");
        }
        let error = open(Path::new("/dev/st99")).unwrap_err();
        assert_eq!(error.kind, DriveErrorKind::Unsupported);
        assert!(error.message.contains("/dev/nst99"), "{error}");
    }

    #[test]
    fn what_the_driver_does_not_say_it_does_is_not_relied_on() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!transfers_directly(folder.path()));
        let settings = folder.path().join("bus/scsi/drivers/st");
        std::fs::create_dir_all(&settings).unwrap();
        for (setting, direct) in [("1\n", true), ("0\n", false)] {
            std::fs::write(settings.join("try_direct_io"), setting).unwrap();
            assert_eq!(transfers_directly(folder.path()), direct);
        }
    }

    #[test]
    fn the_generic_node_is_that_of_the_same_drive() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("class/scsi_tape/nst0/device/scsi_generic/sg3")).unwrap();
        assert_eq!(generic_node(Path::new("/dev/nst0"), folder.path()), Some(PathBuf::from("/dev/sg3")));
        assert_eq!(generic_node(Path::new("/dev/nst1"), folder.path()), None);
    }
}
