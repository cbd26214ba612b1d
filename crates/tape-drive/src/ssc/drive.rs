//! One drive: opened, asked who it is, and driven.
//!
//! Owns: the open device. Invariants: `at` is the drive's own answer, or counted from one by acknowledged commands, and
//! `None` after anything that makes it doubtful; `configured` is true only while the drive is known to be in
//! variable-block mode; `unflushed` is where the first object lies that no flush has confirmed yet.

use super::motion::Positioning;
use super::tally::Tally;
use crate::drive::*;
use crate::*;
use tape_scsi::command::inquiry::{self, DeviceType, vpd};
use tape_scsi::command::motion::{self, EraseLength, LoadAction, Prevent};
use tape_scsi::command::{mode, read_block_limits, test_unit_ready};
use tape_scsi::{Attribute, ScsiError, Sense, SenseKey, TapeAlert, Transport, TransportError};

/// A tape drive behind a transport.
#[derive(Debug)]
pub struct SscDrive<T> {
    pub(super) transport: Tally<T>,
    identity: DriveIdentity,
    limits: Option<BlockLimits>,
    pub(super) mode_form: mode::ModeForm,
    pub(super) positioning: Positioning,
    pub(super) at: Option<Position>,
    /// Filemarks before `at`, while the position is counted.
    pub(super) file: Option<u64>,
    pub(super) configured: bool,
    pub(super) unflushed: Option<Position>,
    /// The position was seen to move with a write since the tape was last new.
    pub(super) proven: bool,
    /// It tells its position, but not by the flag that this is the beginning of the tape.
    pub(super) flagless: bool,
    /// TapeAlert flags that were told, and so cleared, since the cartridge came.
    pub(super) told: u64,
    /// Where the tape was when something failed, until somebody has looked where it is now, or sent it elsewhere.
    pub(super) left: Option<Position>,
}

impl<T: Transport> SscDrive<T> {
    /// Learns who the drive is. Sends no command that a unit attention could be lost by.
    ///
    /// Errors: `Unsupported` if it is no tape drive.
    pub fn new(transport: T) -> Result<SscDrive<T>> {
        let mut transport = Tally::new(transport);
        let identify = |error| DriveError::from_scsi(Operation::Identify, error);
        let inquiry = inquiry::inquiry(&mut transport).map_err(identify)?;
        if inquiry.device_type != DeviceType::SequentialAccess {
            let what = match inquiry.device_type {
                DeviceType::MediumChanger => "a tape library",
                _ => "another kind of device",
            };
            let message = format!("{} {} is {what}, no tape drive", inquiry.vendor, inquiry.product);
            return Err(DriveError::new(DriveErrorKind::Unsupported, Operation::Identify, message));
        }
        let serial = vpd::serial_number(&mut transport, vpd::UNIT_SERIAL_NUMBER).map_err(identify)?;
        Ok(SscDrive {
            transport,
            identity: DriveIdentity {
                vendor: inquiry.vendor,
                product: inquiry.product,
                revision: inquiry.revision,
                serial: serial.unwrap_or_default(),
            },
            limits: None,
            mode_form: mode::ModeForm::Six,
            positioning: Positioning::default(),
            at: None,
            file: None,
            configured: false,
            unflushed: None,
            proven: false,
            flagless: false,
            left: None,
            told: 0,
        })
    }

    /// The error of a command, after drawing from it what it means for what is known of the drive.
    pub(crate) fn failed(&mut self, operation: Operation, error: ScsiError) -> DriveError {
        let at = self.at.take();
        // A motion that fails leaves the tape anywhere, which whoever began it knows.
        let moving = matches!(operation, Operation::Rewind | Operation::Locate | Operation::Space | Operation::Load);
        let mut failure = DriveError::from_scsi(operation, error);
        failure.position = at;
        match failure.kind {
            DriveErrorKind::MediumChanged | DriveErrorKind::Reset | DriveErrorKind::ParametersChanged => {
                self.configured = false;
                self.file = None;
                self.proven = false;
                if failure.kind != DriveErrorKind::ParametersChanged {
                    self.told = 0;
                }
                failure.suspect_since = self.unflushed.take();
                self.left = self.left.or(at).filter(|_| !moving);
            }
            // What was in the drive's buffer when an earlier command failed is not on the tape, or may not be.
            DriveErrorKind::Deferred | DriveErrorKind::Aborted | DriveErrorKind::HardwareError | DriveErrorKind::Io => {
                failure.suspect_since = self.unflushed.take();
                self.left = self.left.or(at).filter(|_| !moving);
            }
            // These commands did nothing, so the tape is where it was.
            DriveErrorKind::IllegalRequest
            | DriveErrorKind::Unsupported
            | DriveErrorKind::WriteProtected
            | DriveErrorKind::Busy => self.at = at,
            _ => {}
        }
        failure
    }

    /// Runs a command that transfers nothing and moves nothing.
    fn simply(&mut self, operation: Operation, command: &tape_scsi::Command) -> Result<()> {
        motion::run(&mut self.transport, command).map_err(|error| self.failed(operation, error))
    }

    /// LOAD, in one of its ways. A drive that ignores it while a tape is threaded leaves the tape where it is, so the
    /// position is asked for, or made, before the next transfer (see `configure`).
    fn loaded(&mut self, operation: Operation, action: LoadAction) -> Result<()> {
        self.configured = false;
        self.simply(operation, &motion::load_command(action))?;
        self.moved(None);
        Ok(())
    }

    pub(crate) fn limits(&mut self) -> Result<BlockLimits> {
        if let Some(limits) = self.limits {
            return Ok(limits);
        }
        let drive = read_block_limits::read_block_limits(&mut self.transport)
            .map_err(|error| self.failed(Operation::Identify, error))?;
        let longest = tape_scsi::command::read_write::MAX_LENGTH as u32;
        let max = if drive.maximum == 0 { longest } else { drive.maximum.min(longest) };
        let max = max.min(self.longest_transfer(max)?);
        let limits = BlockLimits { min: u32::from(drive.minimum).max(1), max };
        self.limits = Some(limits);
        Ok(limits)
    }

    /// The longest transfer that adapter and kernel carry, up to `wanted` bytes: tried with INQUIRY, which answers at any
    /// time and leaves the rest of the buffer alone.
    fn longest_transfer(&mut self, wanted: u32) -> Result<u32> {
        const LEAST: u32 = 64 << 10;
        let mut length = wanted;
        loop {
            match self.transport.fetch(&inquiry::command(36), length as usize) {
                Ok(_) => return Ok(length),
                Err(ScsiError::Transport(TransportError::System(_) | TransportError::Adapter { .. }))
                    if length > LEAST =>
                {
                    // The next lower power of two.
                    length = (1 << (31 - (length - 1).leading_zeros())).max(LEAST);
                }
                Err(error) => return Err(self.failed(Operation::Identify, error)),
            }
        }
    }

    fn ready_state(&mut self) -> Result<DriveState> {
        let error = match test_unit_ready::test_unit_ready(&mut self.transport) {
            Ok(()) => return Ok(DriveState::Ready),
            Err(error) => error,
        };
        match error.sense().filter(|sense| !sense.deferred).and_then(not_ready) {
            Some(state) => {
                self.at = None;
                self.configured = false;
                Ok(state)
            }
            None => Err(self.failed(Operation::Status, error)),
        }
    }
}

/// What NOT READY says, where it is a state and not a fault (SPC-5, annex F).
fn not_ready(sense: &Sense) -> Option<DriveState> {
    match sense.code() {
        // Medium not present, loadable; initializing command required: LOAD threads it.
        (SenseKey::NotReady, 0x3a, 0x03) | (SenseKey::NotReady, 0x04, 0x02) => Some(DriveState::Unloaded),
        (SenseKey::NotReady, 0x3a, _) => Some(DriveState::Empty),
        // In process of becoming ready, format in progress, operation in progress, calibration.
        (SenseKey::NotReady, 0x04, 0x00 | 0x01 | 0x04 | 0x07 | 0x0d | 0x13) => {
            let percent = sense.progress().map(|done| (u32::from(done) * 100 / 65536) as u8);
            Some(DriveState::BecomingReady { percent })
        }
        _ => None,
    }
}

impl<T: Transport> TapeDrive for SscDrive<T> {
    fn identity(&self) -> &DriveIdentity {
        &self.identity
    }

    fn block_limits(&mut self) -> Result<BlockLimits> {
        self.limits()
    }

    fn status(&mut self) -> Result<DriveStatus> {
        let state = self.ready_state()?;
        let write_protected = state == DriveState::Ready && self.header()?.write_protected;
        Ok(DriveStatus { state, write_protected })
    }

    fn load(&mut self) -> Result<()> {
        self.loaded(Operation::Load, LoadAction::Load)
    }

    fn unload(&mut self) -> Result<()> {
        self.simply(Operation::Unload, &motion::load_command(LoadAction::Unload))?;
        self.at = None;
        self.left = None;
        self.configured = false;
        self.unflushed = None;
        self.told = 0;
        Ok(())
    }

    fn rewind(&mut self) -> Result<()> {
        self.simply(Operation::Rewind, &motion::rewind_command())?;
        self.moved(Some(Position::START));
        self.file = Some(0);
        Ok(())
    }

    fn write_block(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        self.write(block)
    }

    fn write_filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome> {
        self.filemarks(count, sync)
    }

    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        self.read(buffer)
    }

    fn locate(&mut self, to: Position) -> Result<()> {
        self.go(to)
    }

    fn space_filemarks(&mut self, count: i64) -> Result<()> {
        self.pass_filemarks(count)
    }

    fn space_to_end_of_data(&mut self) -> Result<()> {
        self.go_to_end_of_data()
    }

    fn position(&mut self) -> Result<TapePosition> {
        let found = self.find_position(Operation::ReadPosition)?;
        // Whoever asked knows it now.
        self.left = None;
        Ok(found)
    }

    fn medium(&mut self) -> Result<Medium> {
        self.describe_medium()
    }

    fn read_attribute(&mut self, id: u16) -> Result<Option<Attribute>> {
        self.attribute(id)
    }

    fn write_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        self.put_attribute(attribute)
    }

    fn alerts(&mut self) -> Result<Vec<TapeAlert>> {
        self.raised_alerts()
    }

    fn health(&mut self) -> Result<DriveHealth> {
        self.counters()
    }

    fn volume_health(&mut self) -> Result<VolumeHealth> {
        self.volume_counters()
    }

    fn capabilities(&mut self) -> Result<Capabilities> {
        self.abilities()
    }

    fn encryption(&mut self) -> Result<EncryptionState> {
        self.encryption_state()
    }

    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()> {
        self.give_key(key)
    }

    fn next_block(&mut self) -> Result<NextBlock> {
        self.what_is_next()
    }

    fn set_compression(&mut self, compression: Compression) -> Result<()> {
        self.compress(compression)
    }

    fn set_programmable_early_warning(&mut self, bytes: u64) -> Result<()> {
        self.warn_early(bytes)
    }

    fn set_removal(&mut self, removal: Removal) -> Result<()> {
        let prevent = match removal {
            Removal::Allowed => Prevent::Nothing,
            Removal::Prevented => Prevent::Removal,
        };
        self.simply(Operation::PreventRemoval, &motion::removal_command(prevent))
    }

    fn erase(&mut self) -> Result<()> {
        self.before_write(Operation::Erase)?;
        self.simply(Operation::Erase, &motion::erase_command(EraseLength::Short))
    }

    fn retension(&mut self) -> Result<()> {
        self.loaded(Operation::Retension, LoadAction::Retension)
    }
}
