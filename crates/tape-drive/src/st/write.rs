//! Writing through the driver, and finding out what it really did.

use super::buffer::is_aligned;
use super::ioctl::{self, Operation as Call};
use super::{StDrive, drive::MAX_BLOCK_BYTES};
use crate::*;
use rustix::io::Errno;

impl StDrive {
    pub(super) fn write(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        let operation = Operation::Write;
        let BlockLimits { min, max } = self.limits()?;
        if block.len() < min as usize || block.len() > max as usize {
            let message = format!("a block has {min} to {max} bytes through the tape driver, not {}", block.len());
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, operation, message));
        }
        self.fresh(operation)?;
        let at = self.before_write(operation)?;
        self.unflushed.get_or_insert(at);
        self.writing = true;
        let mut result = self.write_once(block);
        // Behind early warning the driver refuses every second write without asking the drive.
        if result == Err(Errno::NOSPC) && self.look(operation)?.at == at {
            result = self.write_once(block);
        }
        // And it calls a block not written that the drive says is: where the tape is tells.
        if result == Err(Errno::NOSPC) && self.look(operation)?.at == (Position { block: at.block + 1, ..at }) {
            return self.verified(operation, at, 1);
        }
        match result {
            Ok(length) if length == block.len() => self.accepted(operation, at, 1),
            Ok(length) => {
                let found = self.look(operation)?.at;
                if found == at {
                    return Err(self.end_of_medium(operation, at));
                }
                self.doubt();
                let message = format!(
                    "only {length} of the {} bytes of a block got on the tape, which is now at {found}",
                    block.len()
                );
                let error = DriveError::new(DriveErrorKind::MediumError, operation, message).at(at);
                Err(self.suspect(error))
            }
            Err(Errno::NOSPC) if self.look(operation)?.at == at => Err(self.end_of_medium(operation, at)),
            Err(errno) => Err(self.write_refused(operation, at, errno)),
        }
    }

    fn write_once(&mut self, block: &[u8]) -> Result<usize, Errno> {
        debug_assert!(block.len() <= MAX_BLOCK_BYTES as usize);
        if is_aligned(block) {
            return rustix::io::write(&self.tape, block);
        }
        let buffer = self.buffer.take(block.len());
        buffer.copy_from_slice(block);
        rustix::io::write(&self.tape, buffer)
    }

    pub(super) fn filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome> {
        let operation = Operation::WriteFilemarks;
        let Ok(number) = i32::try_from(count) else {
            let message = format!("{count} filemarks are too many at once");
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, operation, message));
        };
        self.fresh(operation)?;
        let at = self.before_write(operation)?;
        if count > 0 {
            self.unflushed.get_or_insert(at);
        }
        let call = match sync {
            FilemarkSync::Flush => Call::WriteFilemarks,
            FilemarkSync::Immediate => Call::WriteFilemarksImmediate,
        };
        match ioctl::operate(&self.tape, call, number) {
            Ok(()) => {}
            Err(Errno::NOSPC) if self.look(operation)?.at == at => return Err(self.end_of_medium(operation, at)),
            Err(errno) => return Err(self.write_refused(operation, at, errno)),
        }
        self.writing = false;
        // The driver reports success for filemarks that the drive did not write.
        let outcome = self.verified(operation, at, count.into())?;
        if sync == FilemarkSync::Flush {
            self.unflushed = None;
        }
        Ok(outcome)
    }

    /// A write that the driver calls a success. With its end-of-tape flag that may be untrue, and also where it writes behind
    /// the program's back.
    fn accepted(&mut self, operation: Operation, at: Position, objects: u64) -> Result<WriteOutcome> {
        let status = ioctl::status(&self.tape).map_err(|errno| self.write_refused(operation, at, errno))?;
        self.recovered += status.recovered;
        if status.end_of_tape || !self.proven || !self.direct {
            return Ok(match self.verified(operation, at, objects)? {
                // The driver's flag stays for both warnings; one that is not early warning is the programmable one, and
                // that is told once.
                WriteOutcome::EarlyWarning => WriteOutcome::EarlyWarning,
                _ if status.end_of_tape && !self.warned => {
                    self.warned = true;
                    WriteOutcome::ProgrammableEarlyWarning
                }
                _ => WriteOutcome::Written,
            });
        }
        self.at = Some(Position { block: at.block + objects, ..at });
        Ok(WriteOutcome::Written)
    }

    /// Asks the drive whether `objects` objects were added at `at`.
    fn verified(&mut self, operation: Operation, at: Position, objects: u64) -> Result<WriteOutcome> {
        let found = self.scsi.told_flags(operation)?;
        let Some((found, programmable)) = found else {
            self.look(operation)?;
            return Err(DriveError::new(DriveErrorKind::HardwareError, operation, "the drive lost its position").at(at));
        };
        self.at = Some(found.at);
        if found.at == at && objects > 0 {
            // Whatever happened, the driver hid it: an earlier failure may be behind it, so nothing since the last flush
            // is certain.
            self.doubt();
            let message = "the tape driver said that the write succeeded, but the drive did not write it; everything \
                           since the last flush is in doubt";
            let error = DriveError::new(DriveErrorKind::Deferred, operation, message).at(at);
            return Err(self.suspect(error));
        }
        if found.at != (Position { block: at.block + objects, ..at }) {
            self.doubt();
            let message = format!("after {objects} objects were written at {at} the drive says {}", found.at);
            let error = DriveError::new(DriveErrorKind::HardwareError, operation, message).at(at);
            return Err(self.suspect(error));
        }
        self.proven = true;
        Ok(match (found.end_zone, programmable) {
            (true, _) => WriteOutcome::EarlyWarning,
            (false, true) => WriteOutcome::ProgrammableEarlyWarning,
            (false, false) => WriteOutcome::Written,
        })
    }

    /// The tape is full: what was to be written is not on it, and the tape is where it was.
    fn end_of_medium(&mut self, operation: Operation, at: Position) -> DriveError {
        self.at = Some(at);
        let message = "the tape is full; the block is not on it and belongs on the next tape";
        DriveError::new(DriveErrorKind::EndOfMedium, operation, message).at(at)
    }

    /// A write that the driver refused, without saying why.
    fn write_refused(&mut self, operation: Operation, at: Position, errno: Errno) -> DriveError {
        self.at = Some(at);
        let mut error = self.refused(operation, errno);
        if error.kind == DriveErrorKind::Aborted {
            // An error whose sense data the driver kept: of this write, of an earlier one, or a cartridge that was
            // changed. The worst of these is assumed that cannot be excluded.
            let found = self.before_write(operation);
            let (kind, message) = match &found {
                Err(found) if found.kind == DriveErrorKind::Reset => (DriveErrorKind::Reset, &*found.message),
                Err(_) => (
                    DriveErrorKind::MediumChanged,
                    "a write failed, the tape driver does not say why, and the cartridge cannot be told from another \
                     one: read its label again",
                ),
                Ok(_) => (
                    DriveErrorKind::Deferred,
                    "a write failed and the tape driver does not say why; everything since the last flush is in doubt",
                ),
            };
            error.kind = kind;
            error.message = message.into();
            self.doubt();
        }
        error
    }

    fn suspect(&mut self, error: DriveError) -> DriveError {
        DriveError { suspect_since: self.unflushed.take(), ..error }
    }
}
