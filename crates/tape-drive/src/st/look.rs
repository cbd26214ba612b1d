//! Looking at what the driver does not say: where the tape is, which cartridge it is, and why a command failed.

use super::StDrive;
use crate::*;
use rustix::io::Errno;
use tape_scsi::attribute_id;

/// What is known of the cartridge after an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is the one that was written to, with this serial number if it has one.
    Same(Option<String>),
    /// An error came between. It had this serial number.
    Doubtful(Option<String>),
    /// It was never looked at.
    New,
}

impl StDrive {
    /// Where the drive says the tape is.
    pub(super) fn look(&mut self, operation: Operation) -> Result<TapePosition> {
        match self.scsi.told_position(operation)? {
            Some(found) => {
                self.at = Some(found.at);
                Ok(found)
            }
            None => {
                self.at = None;
                let message = "the drive does not tell where the tape is, without which the tape driver cannot be \
                               trusted; use the drive's SCSI generic node (/dev/sgN) instead";
                Err(DriveError::new(DriveErrorKind::Unsupported, operation, message))
            }
        }
    }

    fn cartridge_serial(&mut self) -> Result<Option<String>> {
        let attribute = self.scsi.read_attribute(attribute_id::MEDIUM_SERIAL)?;
        Ok(attribute.as_ref().and_then(|attribute| attribute.as_str()).map(str::to_owned))
    }

    /// Position and cartridge as they must be known before a write.
    pub(super) fn before_write(&mut self, operation: Operation) -> Result<Position> {
        match self.trust.clone() {
            Trust::Same(_) => {}
            Trust::New => self.trust = Trust::Same(self.cartridge_serial()?),
            Trust::Doubtful(before) => {
                let now = self.cartridge_serial()?;
                if before.is_none() || before != now {
                    let message = "an error came between, and the cartridge may be another one now: rewind and read \
                                   its label before anything is written";
                    return Err(DriveError::new(DriveErrorKind::MediumChanged, operation, message));
                }
                self.trust = Trust::Same(now);
            }
        }
        let at = match self.at {
            Some(at) => at,
            None => self.look(operation)?.at,
        };
        match self.left.take() {
            // A reset rewinds the tape, and the cartridge is the same.
            Some(left) if !left.is_at_or_just_before(at) => {
                self.left = Some(left);
                Err(DriveError::moved_away(operation, at, left))
            }
            _ => Ok(at),
        }
    }

    /// Nothing is certain any more.
    pub(super) fn doubt(&mut self) {
        self.left = self.left.or(self.at.take());
        self.trust = match std::mem::replace(&mut self.trust, Trust::New) {
            Trust::Same(serial) | Trust::Doubtful(serial) => Trust::Doubtful(serial),
            Trust::New => Trust::Doubtful(None),
        };
    }

    /// The caller went to a place on its own account: it knows what it is doing.
    pub(super) fn arrived(&mut self, at: Option<Position>) {
        self.at = at;
        self.left = None;
        self.trust = Trust::New;
        self.unflushed = None;
        self.warned = false;
    }

    /// Why the driver failed with `errno` where the drive is asked next. `None`: the drive has no complaint.
    pub(super) fn complaint(&mut self, operation: Operation) -> Option<DriveError> {
        match self.scsi.status() {
            Err(error) => Some(DriveError { operation, ..error }),
            Ok(DriveStatus { state: DriveState::Empty, .. }) => {
                let message = "there is no cartridge in the drive; load one";
                Some(DriveError::new(DriveErrorKind::NoMedium, operation, message))
            }
            Ok(DriveStatus { state: DriveState::Unloaded | DriveState::BecomingReady { .. }, .. }) => {
                let message = "the cartridge is not threaded; load it, or wait until it is";
                Some(DriveError::new(DriveErrorKind::NotReady, operation, message))
            }
            Ok(DriveStatus { state: DriveState::Ready, .. }) => None,
        }
    }

    /// The error of a call of the driver that says nothing but `errno`.
    pub(super) fn refused(&mut self, operation: Operation, errno: Errno) -> DriveError {
        let at = self.at;
        let since = self.unflushed.take();
        self.doubt();
        let mut error = match errno {
            Errno::ACCESS | Errno::ROFS => {
                let message = "the cartridge does not accept writes in this drive; use another one, or take off its \
                               write protection";
                DriveError::new(DriveErrorKind::WriteProtected, operation, message)
            }
            Errno::NOMEDIUM => {
                DriveError::new(DriveErrorKind::NoMedium, operation, "there is no cartridge in the drive; load one")
            }
            Errno::NODEV | Errno::NXIO => {
                DriveError::new(DriveErrorKind::Io, operation, "the connection to the drive is lost; check its cable")
            }
            errno => self.complaint(operation).unwrap_or_else(|| {
                let message = format!("the tape driver failed ({errno}) and does not say why; see the kernel's log");
                DriveError::new(DriveErrorKind::Aborted, operation, message)
            }),
        };
        error.position = at;
        error.suspect_since = error.suspect_since.or(since);
        error
    }
}
