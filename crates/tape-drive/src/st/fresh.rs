//! Making the driver see what is in the drive, which it learns only when its node is opened.

use super::StDrive;
use super::ioctl::{self, Operation as Call};
use super::node::open_tape;
use crate::*;
use rustix::io::Errno;
use std::path::Path;

impl StDrive {
    /// Makes the driver see what is in the drive: it learns that only when its node is opened. The drive is asked before,
    /// so that what it has to tell is told and not swallowed by the driver.
    pub(super) fn fresh(&mut self, operation: Operation) -> Result<()> {
        if !self.stale {
            return Ok(());
        }
        if let Some(complaint) = self.complaint_of_drive(operation) {
            return Err(complaint);
        }
        // Closing it, the driver would write a filemark behind a write that failed. Where it cannot be ended, the driver's
        // filemark fails in the same way.
        let _ = self.end_writing(operation);
        // One owner at a time: the old one has to go first.
        let nothing = rustix::fs::open("/dev/null", rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty());
        let nothing = nothing.map_err(|errno| crate::open::cannot_open(Path::new("/dev/null"), errno))?;
        drop(std::mem::replace(&mut self.tape, nothing));
        self.tape = open_tape(&self.path)?;
        let set = match self.set_up() {
            // After a reset the driver refuses everything until the tape is somewhere that it knows.
            Err(Errno::IO) => self.find_again(operation)?,
            result => result,
        };
        set.map_err(|errno| self.refused(Operation::ModeSelect, errno))?;
        self.stale = false;
        self.writing = false;
        self.proven = false;
        Ok(())
    }

    /// Variable blocks, and the options that can be had.
    fn set_up(&mut self) -> Result<(), Errno> {
        for options in ioctl::OPTIONS {
            match ioctl::operate(&self.tape, Call::SetOptions, options) {
                // Only the administrator may; the rules of this backend hold without.
                Ok(()) | Err(Errno::PERM | Errno::ACCESS) => {}
                Err(errno) => return Err(errno),
            }
        }
        ioctl::operate(&self.tape, Call::SetBlockLength, 0)
    }

    /// Rewinds for a caller that sends the tape to a certain place anyway; whoever wants something else has to do that first.
    fn find_again(&mut self, operation: Operation) -> Result<Result<(), Errno>> {
        use Operation::{Locate, Retension, Rewind, Unload};
        if !matches!(operation, Rewind | Locate | Unload | Retension) {
            let message = "the drive was reset, and the tape driver does not know where the tape is: rewind it, and read its \
                           label, before anything else";
            return Err(DriveError::new(DriveErrorKind::Reset, operation, message));
        }
        Ok(ioctl::operate(&self.tape, Call::Rewind, 1).and_then(|()| self.set_up()))
    }

    fn complaint_of_drive(&mut self, operation: Operation) -> Option<DriveError> {
        let status = match self.status() {
            Ok(status) => status,
            Err(error) => return Some(DriveError { operation, ..error }),
        };
        (status.state != DriveState::Ready).then(|| {
            let (kind, message) = match status.state {
                DriveState::Empty => (DriveErrorKind::NoMedium, "there is no cartridge in the drive; load one"),
                _ => (DriveErrorKind::NotReady, "the cartridge is not threaded; load it, or wait until it is"),
            };
            DriveError::new(kind, operation, message)
        })
    }
}
