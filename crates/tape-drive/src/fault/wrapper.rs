//! A drive that fails as its plan says.

use super::handle::FaultHandle;
use super::plan::{Condition, NoReply};
use crate::drive::*;
use crate::{
    Capabilities, DriveError, DriveErrorKind, DriveHealth, DriveKey, EncryptionState, NextBlock, Operation, Position,
    Result, TapePosition, VolumeHealth,
};
use std::collections::BTreeSet;
use tape_scsi::{Attribute, Sense, SenseKey, TapeAlert};

/// What a fault needs to be able to do to the drive behind it, besides not letting commands through.
pub trait Faulty: TapeDrive {
    /// Where the tape is, without a command.
    fn peek_position(&self) -> Option<Position>;

    /// Loses what is in the buffer. Returns the position from which on everything is in doubt, if anything is.
    fn lose_buffer(&mut self) -> Option<Position>;

    /// Writes what is in the buffer, goes to the beginning, and forgets modes and removal prevention.
    fn reset(&mut self);

    /// Loses the buffer and everything that a reset loses; the next command is told (unit attention 29h).
    fn power_cut(&mut self);
}

/// A drive with a fault plan.
#[derive(Debug)]
pub struct FaultDrive<D> {
    inner: D,
    faults: FaultHandle,
    alerts: BTreeSet<TapeAlert>,
    recovered: u64,
    write_errors: u64,
    read_errors: u64,
}

/// What becomes of a command.
enum Course {
    /// It is carried out.
    Pass,
    /// It is not.
    Fail(DriveError),
    /// It is, but this is the answer.
    PassAndFail(DriveError),
    /// It is a write that is accepted with a warning.
    Warn(WriteOutcome),
    /// It is a read that finds the end of data.
    Blank,
}

impl<D: Faulty> FaultDrive<D> {
    /// Puts a plan before a drive.
    pub fn new(inner: D, faults: FaultHandle) -> FaultDrive<D> {
        FaultDrive { inner, faults, alerts: BTreeSet::new(), recovered: 0, write_errors: 0, read_errors: 0 }
    }

    /// The drive behind it.
    pub fn inner(&mut self) -> &mut D {
        &mut self.inner
    }

    /// Raises a TapeAlert flag, until the cartridge is unloaded.
    pub fn raise(&mut self, alert: TapeAlert) {
        self.alerts.insert(alert);
    }

    /// The flags that are raised. This is no command: no plan counts it.
    ///
    /// Errors: those of the drive.
    pub fn raised(&mut self) -> Result<Vec<TapeAlert>> {
        let mut alerts = self.inner.alerts()?;
        alerts.extend(&self.alerts);
        alerts.sort_unstable();
        alerts.dedup();
        Ok(alerts)
    }

    /// Its plan.
    pub fn faults(&self) -> &FaultHandle {
        &self.faults
    }

    fn course(&mut self, operation: Operation) -> Course {
        crate::breakpoint::pass_at("before a command of a drive", format_args!("{operation}"));
        let position = self.inner.peek_position();
        let Some(condition) = self.faults.command(operation, position) else { return Course::Pass };
        crate::breakpoint::tell(format_args!("fault: {condition:?}: {operation}"));
        let error = |key, asc, ascq| located(DriveError::from_sense(operation, Sense::new(key, asc, ascq)), position);
        match condition {
            Condition::EarlyWarning => Course::Warn(WriteOutcome::EarlyWarning),
            Condition::ProgrammableEarlyWarning => Course::Warn(WriteOutcome::ProgrammableEarlyWarning),
            Condition::VolumeOverflow => {
                let sense = Sense::new(SenseKey::VolumeOverflow, 0x00, 0x02).at_end_of_medium();
                Course::Fail(located(DriveError::from_sense(operation, sense), position))
            }
            Condition::EndOfMediumWithErrorKey => {
                let sense = Sense::new(SenseKey::MediumError, 0x0c, 0x00).at_end_of_medium();
                Course::Fail(located(DriveError::from_sense(operation, sense), position))
            }
            Condition::DeferredError => {
                self.write_errors += 1;
                let suspect = self.inner.lose_buffer();
                let sense = Sense::new(SenseKey::MediumError, 0x0c, 0x00).deferred();
                let mut error = located(DriveError::from_sense(operation, sense), position);
                error.suspect_since = suspect;
                Course::Fail(error)
            }
            Condition::MediumChanged => {
                // If it cannot even rewind, the command that follows will say why.
                let _ = self.inner.rewind();
                Course::Fail(error(SenseKey::UnitAttention, 0x28, 0x00))
            }
            Condition::Reset => {
                self.inner.reset();
                Course::Fail(error(SenseKey::UnitAttention, 0x29, 0x00))
            }
            Condition::ParametersChanged => Course::Fail(error(SenseKey::UnitAttention, 0x2a, 0x01)),
            Condition::RecoveredError => {
                self.recovered += 1;
                Course::Pass
            }
            Condition::MediumError if operation == Operation::Read => {
                self.read_errors += 1;
                Course::PassAndFail(error(SenseKey::MediumError, 0x11, 0x00))
            }
            Condition::MediumError => {
                self.write_errors += 1;
                Course::Fail(error(SenseKey::MediumError, 0x0c, 0x00))
            }
            Condition::WriteProtected => Course::Fail(error(SenseKey::DataProtect, 0x27, 0x00)),
            Condition::BlankCheck if operation == Operation::Read => Course::Blank,
            Condition::BlankCheck => Course::Fail(error(SenseKey::BlankCheck, 0x00, 0x05)),
            Condition::HardwareError => Course::Fail(error(SenseKey::HardwareError, 0x44, 0x00)),
            Condition::Aborted => Course::Fail(error(SenseKey::AbortedCommand, 0x4b, 0x00)),
            Condition::NoReply(NoReply::Lost) => Course::Fail(no_reply(operation)),
            Condition::NoReply(NoReply::CarriedOut) => Course::PassAndFail(no_reply(operation)),
            Condition::PowerCut => {
                self.inner.power_cut();
                Course::Fail(no_reply(operation))
            }
            Condition::Alert(alert) => {
                self.alerts.insert(alert);
                Course::Pass
            }
            Condition::Robot(_) => Course::Pass,
        }
    }

    fn command<T>(&mut self, operation: Operation, run: impl FnOnce(&mut D) -> Result<T>) -> Result<T> {
        match self.course(operation) {
            Course::Fail(error) => Err(error),
            Course::PassAndFail(error) => {
                run(&mut self.inner)?;
                Err(error)
            }
            Course::Pass | Course::Warn(_) | Course::Blank => run(&mut self.inner),
        }
    }

    fn write(
        &mut self,
        operation: Operation,
        run: impl FnOnce(&mut D) -> Result<WriteOutcome>,
    ) -> Result<WriteOutcome> {
        match self.course(operation) {
            Course::Fail(error) => Err(error),
            Course::PassAndFail(error) => {
                run(&mut self.inner)?;
                Err(error)
            }
            Course::Warn(warning) => match (run(&mut self.inner)?, warning) {
                (WriteOutcome::EarlyWarning, _) => Ok(WriteOutcome::EarlyWarning),
                _ => Ok(warning),
            },
            Course::Pass | Course::Blank => run(&mut self.inner),
        }
    }
}

fn located(mut error: DriveError, position: Option<Position>) -> DriveError {
    error.position = position;
    error
}

/// The host's own error: there is no sense data of a command that was not answered.
fn no_reply(operation: Operation) -> DriveError {
    let message = "the drive did not answer in time; whether the command was carried out is not known";
    DriveError::new(DriveErrorKind::Aborted, operation, message)
}

impl<D: Faulty> TapeDrive for FaultDrive<D> {
    fn identity(&self) -> &DriveIdentity {
        self.inner.identity()
    }

    fn block_limits(&mut self) -> Result<BlockLimits> {
        self.command(Operation::Identify, |drive| drive.block_limits())
    }

    fn status(&mut self) -> Result<DriveStatus> {
        self.command(Operation::Status, |drive| drive.status())
    }

    fn load(&mut self) -> Result<()> {
        self.command(Operation::Load, |drive| drive.load())
    }

    fn unload(&mut self) -> Result<()> {
        self.command(Operation::Unload, |drive| drive.unload())?;
        self.alerts.clear();
        Ok(())
    }

    fn rewind(&mut self) -> Result<()> {
        self.command(Operation::Rewind, |drive| drive.rewind())
    }

    fn write_block(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        self.write(Operation::Write, |drive| drive.write_block(block))
    }

    fn write_filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome> {
        self.write(Operation::WriteFilemarks, |drive| drive.write_filemarks(count, sync))
    }

    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        match self.course(Operation::Read) {
            Course::Fail(error) => Err(error),
            Course::PassAndFail(error) => {
                self.inner.read_block(buffer)?;
                Err(error)
            }
            Course::Blank => Ok(ReadOutcome::EndOfData),
            Course::Pass | Course::Warn(_) => self.inner.read_block(buffer),
        }
    }

    fn locate(&mut self, to: Position) -> Result<()> {
        self.command(Operation::Locate, |drive| drive.locate(to))
    }

    fn space_filemarks(&mut self, count: i64) -> Result<()> {
        self.command(Operation::Space, |drive| drive.space_filemarks(count))
    }

    fn space_to_end_of_data(&mut self) -> Result<()> {
        self.command(Operation::Space, |drive| drive.space_to_end_of_data())
    }

    fn position(&mut self) -> Result<TapePosition> {
        self.command(Operation::ReadPosition, |drive| drive.position())
    }

    fn medium(&mut self) -> Result<Medium> {
        self.command(Operation::ModeSense, |drive| drive.medium())
    }

    fn read_attribute(&mut self, id: u16) -> Result<Option<Attribute>> {
        self.command(Operation::ReadAttribute, |drive| drive.read_attribute(id))
    }

    fn write_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        self.command(Operation::WriteAttribute, |drive| drive.write_attribute(attribute))
    }

    fn alerts(&mut self) -> Result<Vec<TapeAlert>> {
        self.command(Operation::LogSense, |_| Ok(()))?;
        self.raised()
    }

    fn health(&mut self) -> Result<DriveHealth> {
        let mut health = self.command(Operation::LogSense, |drive| drive.health())?;
        health.recovered_errors += self.recovered;
        health.write_errors += self.write_errors;
        health.read_errors += self.read_errors;
        health.cleaning_required |= self.alerts.contains(&TapeAlert::CLEAN_NOW);
        Ok(health)
    }

    fn set_compression(&mut self, compression: Compression) -> Result<()> {
        self.command(Operation::ModeSelect, |drive| drive.set_compression(compression))
    }

    fn set_programmable_early_warning(&mut self, bytes: u64) -> Result<()> {
        self.command(Operation::ModeSelect, |drive| drive.set_programmable_early_warning(bytes))
    }

    fn set_removal(&mut self, removal: Removal) -> Result<()> {
        self.command(Operation::PreventRemoval, |drive| drive.set_removal(removal))
    }

    fn erase(&mut self) -> Result<()> {
        self.command(Operation::Erase, |drive| drive.erase())
    }

    fn volume_health(&mut self) -> Result<VolumeHealth> {
        self.command(Operation::LogSense, |drive| drive.volume_health())
    }

    fn capabilities(&mut self) -> Result<Capabilities> {
        self.command(Operation::Identify, |drive| drive.capabilities())
    }

    fn encryption(&mut self) -> Result<EncryptionState> {
        self.command(Operation::Encryption, |drive| drive.encryption())
    }

    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()> {
        self.command(Operation::Encryption, |drive| drive.set_encryption(key))
    }

    fn next_block(&mut self) -> Result<NextBlock> {
        self.command(Operation::Encryption, |drive| drive.next_block())
    }

    fn retension(&mut self) -> Result<()> {
        self.command(Operation::Retension, |drive| drive.retension())
    }
}
