//! From a device path to the SCSI generic node of a drive.

use super::SscDrive;
use crate::{DriveError, Operation, Result};
use rustix::io::Errno;
use std::path::Path;
use tape_scsi::transport::{SgIo, Sharing};
use tape_scsi::{ScsiError, TransportError};

/// Opens a drive by its SCSI generic node, for this program alone: `/dev/sg3`, or a link to one.
///
/// Errors: `Busy` if another program has it open, `Unsupported` if it is no tape drive.
pub fn open(path: &Path) -> Result<SscDrive<SgIo>> {
    let transport = SgIo::open(path, Sharing::Exclusive).map_err(|errno| crate::open::cannot_open(path, errno))?;
    SscDrive::new(transport).map_err(|error| of_node(path, error))
}

/// The same error, with the path before its message.
pub(crate) fn of_node(path: &Path, error: DriveError) -> DriveError {
    // A file that is no device: EINVAL or ENOTTY for the first command.
    let foreign = [Errno::NOTTY, Errno::INVAL]
        .map(|errno| DriveError::from_scsi(Operation::Identify, ScsiError::Transport(TransportError::System(errno))))
        .iter()
        .any(|known| known.message == error.message);
    let message = match foreign {
        true => format!("{} does not take SCSI commands", path.display()),
        false => format!("{}: {}", path.display(), error.message),
    };
    DriveError { operation: Operation::Open, message: message.into(), ..error }
}
