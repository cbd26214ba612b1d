//! The drive behind the driver.
//!
//! Owns: the driver's node, and the SCSI generic node of the same drive. Invariants: `at` is what the drive said, or
//! counted from there by writes without any doubt; `writing` is true while the driver would write a filemark by itself at
//! its next motion or when it is closed, and is ended by a flush before either.

use super::buffer::PageBuffer;
use super::ioctl::{self, Operation as Call};
use super::look::Trust;
use super::node::{open_tape, transfers_directly};
use crate::drive::*;
use crate::ssc::SscDrive;
use crate::*;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use tape_scsi::transport::SgIo;
use tape_scsi::{Attribute, TapeAlert};

/// Longest block that the driver writes directly: 256 pages (its `max_sg_segs`).
pub(super) const MAX_BLOCK_BYTES: u32 = 1 << 20;

/// A tape drive behind the kernel's tape driver.
#[derive(Debug)]
pub struct StDrive {
    pub(super) path: PathBuf,
    pub(super) tape: OwnedFd,
    pub(super) scsi: SscDrive<SgIo>,
    pub(super) buffer: PageBuffer,
    pub(super) at: Option<Position>,
    /// Where the tape was when something failed, until somebody has looked where it is now, or sent it elsewhere.
    pub(super) left: Option<Position>,
    pub(super) trust: Trust,
    pub(super) unflushed: Option<Position>,
    pub(super) writing: bool,
    /// Writes are transferred at once, so that what is wrong with one is told of it.
    pub(super) direct: bool,
    pub(super) proven: bool,
    pub(super) recovered: u64,
    /// The programmable early warning was told.
    pub(super) warned: bool,
    /// The driver has to be told anew what is in the drive.
    pub(super) stale: bool,
}

impl StDrive {
    /// A drive by the driver's node at `path`, and its generic node.
    pub(crate) fn new(path: &Path, scsi: SscDrive<SgIo>) -> Result<StDrive> {
        let tape = open_tape(path)?;
        Ok(StDrive {
            path: path.to_owned(),
            tape,
            scsi,
            buffer: PageBuffer::default(),
            at: None,
            left: None,
            trust: Trust::New,
            unflushed: None,
            writing: false,
            direct: transfers_directly(Path::new("/sys")),
            proven: false,
            recovered: 0,
            warned: false,
            stale: true,
        })
    }

    /// The drive's answer; what it tells of a change makes the driver's knowledge old.
    fn heard<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            use DriveErrorKind as Kind;
            if matches!(error.kind, Kind::MediumChanged | Kind::Reset | Kind::NoMedium | Kind::NotReady) {
                self.stale = true;
                self.doubt();
                self.trust = Trust::New;
            }
        }
        result
    }

    pub(super) fn limits(&mut self) -> Result<BlockLimits> {
        let limits = self.scsi.block_limits();
        let limits = self.heard(limits)?;
        Ok(BlockLimits { max: limits.max.min(MAX_BLOCK_BYTES), ..limits })
    }

    /// Ends the state in which the driver would write a filemark by itself: a flush does.
    pub(super) fn end_writing(&mut self, operation: Operation) -> Result<()> {
        if self.writing {
            match ioctl::operate(&self.tape, Call::WriteFilemarks, 0) {
                // Nothing was written to a cartridge that does not accept writes.
                Ok(()) | Err(Errno::ACCESS | Errno::ROFS) => self.writing = false,
                Err(errno) => return Err(self.refused(operation, errno)),
            }
        }
        Ok(())
    }

    /// A motion by the driver; where that fails, `again` does the same by a SCSI command, which tells why.
    fn motion(
        &mut self,
        operation: Operation,
        call: Call,
        count: i32,
        again: impl FnOnce(&mut SscDrive<SgIo>) -> Result<()>,
    ) -> Result<()> {
        self.fresh(operation)?;
        self.end_writing(operation)?;
        match ioctl::operate(&self.tape, call, count) {
            Ok(()) => self.arrived(None),
            Err(Errno::IO) => {
                let since = self.unflushed.take();
                let result = again(&mut self.scsi);
                self.arrived(None);
                // The driver's count is wrong now; opened anew it counts from where the drive says.
                self.stale = true;
                result.map_err(|error| DriveError { suspect_since: error.suspect_since.or(since), ..error })?;
            }
            Err(errno) => return Err(self.refused(operation, errno)),
        }
        Ok(())
    }
}

impl Drop for StDrive {
    fn drop(&mut self) {
        // Nobody hears of an error here; whoever needs the data on the tape has flushed before.
        let _ = self.end_writing(Operation::WriteFilemarks);
    }
}

impl TapeDrive for StDrive {
    fn identity(&self) -> &DriveIdentity {
        self.scsi.identity()
    }

    fn block_limits(&mut self) -> Result<BlockLimits> {
        self.limits()
    }

    fn status(&mut self) -> Result<DriveStatus> {
        let status = self.scsi.status();
        let status = self.heard(status)?;
        if status.state != DriveState::Ready {
            self.stale = true;
            self.at = None;
        }
        Ok(status)
    }

    fn load(&mut self) -> Result<()> {
        let loaded = self.scsi.load();
        self.heard(loaded)?;
        self.stale = true;
        self.arrived(None);
        Ok(())
    }

    fn unload(&mut self) -> Result<()> {
        self.motion(Operation::Unload, Call::Offline, 1, |scsi| scsi.unload())?;
        self.stale = true;
        Ok(())
    }

    fn rewind(&mut self) -> Result<()> {
        self.motion(Operation::Rewind, Call::Rewind, 1, |scsi| scsi.rewind())
    }

    fn write_block(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        self.write(block)
    }

    fn write_filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome> {
        self.filemarks(count, sync)
    }

    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        let operation = Operation::Read;
        let limits = self.limits()?;
        self.fresh(operation)?;
        self.end_writing(operation)?;
        let before = self.look(operation)?.at;
        let length = buffer.len().min(limits.max as usize);
        let read = rustix::io::read(&self.tape, self.buffer.take(length));
        self.at = None;
        match read {
            Ok(0) => {
                let status = ioctl::status(&self.tape).map_err(|errno| self.refused(operation, errno))?;
                if status.filemark {
                    return Ok(ReadOutcome::Filemark);
                }
                if status.end_of_data {
                    return Ok(ReadOutcome::EndOfData);
                }
            }
            Ok(read) => {
                let from = self.buffer.take(length);
                if let (Some(to), Some(from)) = (buffer.get_mut(..read), from.get(..read)) {
                    to.copy_from_slice(from);
                }
                return Ok(ReadOutcome::Block(read));
            }
            Err(Errno::NOMEM) => {
                let message = format!("the block is longer than the buffer of {length} bytes");
                let error = DriveError::new(DriveErrorKind::BlockTooLong { actual: None }, operation, message);
                return Err(error.at(before));
            }
            Err(Errno::IO) => {}
            Err(errno) => return Err(self.refused(operation, errno)),
        }
        // The driver does not say what is wrong: the same read by a SCSI command does, if the tape has not moved.
        if let Some(complaint) = self.complaint(operation) {
            return self.heard(Err(complaint));
        }
        if self.look(operation)?.at != before {
            let message = "the block could not be read, and was passed; the tape driver does not say why";
            return Err(DriveError::new(DriveErrorKind::MediumError, operation, message).at(before));
        }
        let again = self.scsi.read_block(buffer.get_mut(..length).unwrap_or(&mut []));
        // The driver missed that.
        self.stale = true;
        self.at = None;
        again
    }

    fn locate(&mut self, to: Position) -> Result<()> {
        let operation = Operation::Locate;
        match (to.partition, i32::try_from(to.block)) {
            (0, Ok(block)) => self.motion(operation, Call::Seek, block, |scsi| scsi.locate(to))?,
            // The driver has no words for it.
            _ => {
                self.fresh(operation)?;
                self.end_writing(operation)?;
                let result = self.scsi.locate(to);
                self.arrived(None);
                self.stale = true;
                result?;
            }
        }
        let found = self.look(operation)?.at;
        if found != to {
            let message = format!("the tape was sent to {to} and is at {found}");
            return Err(DriveError::new(DriveErrorKind::HardwareError, operation, message).at(found));
        }
        Ok(())
    }

    fn space_filemarks(&mut self, count: i64) -> Result<()> {
        let (call, distance) = if count < 0 {
            (Call::BackwardFilemarks, count.unsigned_abs())
        } else {
            (Call::ForwardFilemarks, count as u64)
        };
        let Ok(number) = i32::try_from(distance) else {
            let message = format!("{distance} filemarks are more than a tape has");
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, Operation::Space, message));
        };
        if number == 0 {
            return self.fresh(Operation::Space);
        }
        self.fresh(Operation::Space)?;
        self.end_writing(Operation::Space)?;
        let before = self.look(Operation::Space)?.at;
        // From the same place, for the driver may have gone part of the way.
        self.motion(Operation::Space, call, number, |scsi| {
            scsi.locate(before)?;
            scsi.space_filemarks(count)
        })
    }

    fn space_to_end_of_data(&mut self) -> Result<()> {
        self.motion(Operation::Space, Call::EndOfData, 1, |scsi| scsi.space_to_end_of_data())
    }

    fn position(&mut self) -> Result<TapePosition> {
        let found = self.look(Operation::ReadPosition);
        let found = self.heard(found)?;
        // Whoever asked knows it now.
        self.left = None;
        Ok(found)
    }

    fn medium(&mut self) -> Result<Medium> {
        let medium = self.scsi.medium();
        self.heard(medium)
    }

    fn read_attribute(&mut self, id: u16) -> Result<Option<Attribute>> {
        let attribute = self.scsi.read_attribute(id);
        self.heard(attribute)
    }

    fn write_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        let written = self.scsi.write_attribute(attribute);
        self.heard(written)
    }

    fn alerts(&mut self) -> Result<Vec<TapeAlert>> {
        let alerts = self.scsi.alerts();
        self.heard(alerts)
    }

    fn health(&mut self) -> Result<DriveHealth> {
        let health = self.scsi.health();
        let health = self.heard(health)?;
        Ok(DriveHealth { recovered_errors: health.recovered_errors + self.recovered, ..health })
    }

    fn volume_health(&mut self) -> Result<VolumeHealth> {
        let health = self.scsi.volume_health();
        self.heard(health)
    }

    fn capabilities(&mut self) -> Result<Capabilities> {
        let capabilities = self.scsi.capabilities();
        self.heard(capabilities)
    }

    fn encryption(&mut self) -> Result<EncryptionState> {
        let state = self.scsi.encryption();
        self.heard(state)
    }

    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()> {
        let set = self.scsi.set_encryption(key);
        self.heard(set)
    }

    fn next_block(&mut self) -> Result<NextBlock> {
        let block = self.scsi.next_block();
        self.heard(block)
    }

    fn set_compression(&mut self, compression: Compression) -> Result<()> {
        let set = self.scsi.set_compression(compression);
        self.heard(set)
    }

    fn set_programmable_early_warning(&mut self, bytes: u64) -> Result<()> {
        let set = self.scsi.set_programmable_early_warning(bytes);
        self.heard(set)
    }

    fn set_removal(&mut self, removal: Removal) -> Result<()> {
        let set = self.scsi.set_removal(removal);
        self.heard(set)
    }

    fn erase(&mut self) -> Result<()> {
        let operation = Operation::Erase;
        self.fresh(operation)?;
        self.before_write(operation)?;
        self.end_writing(operation)?;
        ioctl::operate(&self.tape, Call::Erase, 0).map_err(|errno| self.refused(operation, errno))?;
        self.at = None;
        Ok(())
    }

    fn retension(&mut self) -> Result<()> {
        self.motion(Operation::Retension, Call::Retension, 1, |scsi| scsi.retension())
    }
}
