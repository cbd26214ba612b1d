//! From a device path to a drive or a changer.

use crate::fault::{FaultChanger, FaultDrive};
use crate::null::NullDrive;
use crate::virt::{VirtualChanger, VirtualDrive, control, drive};
use crate::{Changer, DriveError, DriveErrorKind, Operation, Result, TapeDrive};
use crate::{smc, ssc, st};
use rustix::io::Errno;
use std::path::Path;

/// Opens a tape drive: `virtual:LIBRARY_DIR#drive0`, `null:NAME`, or a device node: `/dev/sg3` (the first choice),
/// `/dev/nst0`, or a link to one of these such as `/dev/tape/by-id/…-sg`.
///
/// Errors: `Unsupported` for what is no drive and for rewinding nodes (`/dev/st0`), `Busy` if the drive is open elsewhere, `Io` if
/// the library's directory cannot be read.
pub fn open_drive(device_path: &str) -> Result<Box<dyn TapeDrive>> {
    if let Some(name) = device_path.strip_prefix("null:") {
        return Ok(Box::new(NullDrive::open(name)?));
    }
    if let Some((directory, unit)) = virtual_unit(device_path) {
        let number = drive::number_of(unit)?;
        return Ok(Box::new(open_virtual_drive(directory, number)?));
    }
    if device_path.starts_with('/') {
        let path = Path::new(device_path);
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if st::node::is_tape_node(&real) {
            return Ok(Box::new(st::node::open(path)?));
        }
        return Ok(Box::new(ssc::node::open(path)?));
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

/// The directory of a virtual device: `DIRECTORY` of `virtual:DIRECTORY#UNIT`.
pub fn virtual_directory(device_path: &str) -> Option<&Path> {
    virtual_unit(device_path).map(|(directory, _)| directory)
}

/// Directory and unit of `virtual:DIRECTORY#UNIT`. The last `#` counts: a directory may have one in its name.
fn virtual_unit(device_path: &str) -> Option<(&Path, &str)> {
    let (directory, unit) = device_path.strip_prefix("virtual:")?.rsplit_once('#')?;
    Some((Path::new(directory), unit))
}

fn unsupported(device_path: &str) -> DriveError {
    let message = format!(
        "{device_path:?} is not a device path; use /dev/sg0, /dev/nst0, virtual:DIRECTORY#drive0, \
         virtual:DIRECTORY#changer or null:NAME"
    );
    DriveError::new(DriveErrorKind::Unsupported, Operation::Open, message)
}
