//! From a device path to a drive or a changer.

use crate::fault::{FaultChanger, FaultDrive};
use crate::null::NullDrive;
use crate::smc;
use crate::virt::{VirtualChanger, VirtualDrive, control, drive};
use crate::{Changer, DriveError, DriveErrorKind, Operation, Result, TapeDrive};
use rustix::io::Errno;
use std::path::Path;

/// Opens a tape drive: `virtual:LIBRARY_DIR#drive0` or `null:NAME`.
///
/// Errors: `Unsupported` for device paths that this build cannot drive, `Busy` if the drive is open elsewhere, `Io` if
/// the library's directory cannot be read.
pub fn open_drive(device_path: &str) -> Result<Box<dyn TapeDrive>> {
    if let Some(name) = device_path.strip_prefix("null:") {
        return Ok(Box::new(NullDrive::open(name)?));
    }
    if let Some((directory, unit)) = virtual_unit(device_path) {
        let number = drive::number_of(unit)?;
        return Ok(Box::new(open_virtual_drive(directory, number)?));
    }
    Err(unsupported(device_path))
}

/// Opens drive `number` of the virtual library in `directory`, with its fault plan, for those who need more of it than the
/// interface of every drive.
///
/// Errors as for [`open_drive`].
pub fn open_virtual_drive(directory: &Path, number: u16) -> Result<FaultDrive<VirtualDrive>> {
    let inner = VirtualDrive::open(directory, number)?;
    Ok(FaultDrive::new(inner, control::opened(directory, &format!("drive{number}"))?))
}

/// Opens a changer: `virtual:LIBRARY_DIR#changer`, `/dev/sg3`, `/dev/sch0`, or a link to one of these.
///
/// Errors as for [`open_drive`].
pub fn open_changer(device_path: &str) -> Result<Box<dyn Changer>> {
    if let Some((directory, "changer")) = virtual_unit(device_path) {
        let inner = VirtualChanger::open(directory)?;
        return Ok(Box::new(FaultChanger::new(inner, control::opened(directory, "changer")?)));
    }
    if device_path.starts_with('/') {
        return Ok(Box::new(smc::node::open(Path::new(device_path))?));
    }
    Err(unsupported(device_path))
}

/// Why a device node cannot be opened, and what to do about it.
pub(crate) fn cannot_open(path: &Path, errno: Errno) -> DriveError {
    let (kind, advice) = match errno {
        Errno::BUSY => (DriveErrorKind::Busy, "another program uses it"),
        Errno::ACCESS | Errno::PERM => {
            (DriveErrorKind::Io, "the right to use it is missing; the service's user must be in the group that owns it")
        }
        Errno::NOENT | Errno::NXIO | Errno::NODEV => (
            DriveErrorKind::Io,
            "there is no such device; check its power and its cable, and look which there are (scan)",
        ),
        _ => (DriveErrorKind::Io, "the operating system refuses it"),
    };
    DriveError::new(kind, Operation::Open, format!("{} cannot be opened: {advice} ({errno})", path.display()))
}

/// Directory and unit of `virtual:DIRECTORY#UNIT`. The last `#` counts: a directory may have one in its name.
fn virtual_unit(device_path: &str) -> Option<(&Path, &str)> {
    let (directory, unit) = device_path.strip_prefix("virtual:")?.rsplit_once('#')?;
    Some((Path::new(directory), unit))
}

fn unsupported(device_path: &str) -> DriveError {
    let message = if device_path.starts_with("/dev/") {
        format!("{device_path}: this build drives only virtual and null devices (virtual:DIRECTORY#drive0, null:NAME)")
    } else {
        format!(
            "{device_path:?} is not a device path; use virtual:DIRECTORY#drive0, virtual:DIRECTORY#changer or null:NAME"
        )
    };
    DriveError::new(DriveErrorKind::Unsupported, Operation::Open, message)
}
