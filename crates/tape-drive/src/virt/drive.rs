//! A virtual drive: what is in it, what it must tell before it obeys, and what it counts.
//!
//! Owns: the drive's lock file, the image of the threaded cartridge. Invariants: the folder's state says *threaded*
//! whenever this process has an image open, so nobody takes the cartridge away; a unit attention is told once.
//! The commands themselves are in [`super::commands`].

use super::cartridge::{Cartridge, WriteProtection};
use super::encrypting::Encryption;
use super::files::Lock;
use super::image::Image;
use super::library::{bay_mut, drive_lock, refused};
use super::speed::Pace;
use super::state::*;
use super::transferred::Transferred;
use crate::drive::*;
use crate::fault::Faulty;
use crate::lto::{Access, Generation};
use crate::{DriveError, DriveErrorKind, DriveHealth, Operation, Position, Result};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;
use tape_scsi::{Sense, SenseKey, TapeAlert};

/// A drive of a virtual library.
#[derive(Debug)]
pub struct VirtualDrive {
    pub(super) identity: DriveIdentity,
    pub(super) folder: Folder,
    pub(super) number: u16,
    pub(super) settings: Settings,
    pub(super) generation: Generation,
    pub(super) bay: Bay,
    pub(super) attention: Option<Attention>,
    pub(super) early_warning_ahead_bytes: u64,
    pub(super) encryption: Encryption,
    pub(super) compression: Compression,
    pub(super) transferred: Transferred,
    pub(super) health: DriveHealth,
    pub(super) alerts: BTreeSet<TapeAlert>,
    pub(super) pace: Option<Pace>,
    /// A cartridge was put in, and is being threaded from the first time to the second.
    pub(super) threading: Option<(Instant, Instant)>,
    _lock: Lock,
}

/// What is in the drive.
#[derive(Debug)]
pub(super) enum Bay {
    Empty,
    /// A cartridge that can be taken.
    Ejected(Ejected),
    Threaded(Box<Tape>),
}

/// Why a cartridge is not threaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ejected {
    /// It was unloaded.
    Unloaded,
    /// It is for cleaning, and has done its work or cannot.
    Cleaning,
    /// Wrong generation.
    Incompatible,
    /// Its files cannot be used, for this reason.
    Broken(Box<str>),
}

/// A threaded cartridge.
#[derive(Debug)]
pub(super) struct Tape {
    pub name: String,
    pub cartridge: Cartridge,
    pub image: Image,
    pub access: Access,
    /// Number of the next object.
    pub position: u64,
}

impl Tape {
    /// Whether writes are refused.
    pub fn write_protected(&self) -> bool {
        self.access == Access::ReadOnly || self.cartridge.write_protection == WriteProtection::On
    }
}

/// What the next command will be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attention {
    MediumChanged,
    Reset,
}

/// Who a drive of this library is.
pub(super) fn identity(state: &LibraryState, bay: &DriveBay) -> DriveIdentity {
    DriveIdentity {
        vendor: state.vendor.clone(),
        product: format!("VIRTUAL LTO-{}", bay.generation.number()),
        revision: env!("CARGO_PKG_VERSION").into(),
        serial: bay.serial.clone(),
    }
}

impl VirtualDrive {
    /// Opens drive `number` of the library in `dir`. `Busy` if it is open, here or in another process.
    pub fn open(dir: &Path, number: u16) -> Result<VirtualDrive> {
        let folder = Folder::open(dir)?;
        let mut state = folder.read()?;
        let bay = bay_mut(&mut state, number)?.clone();
        let Some(lock) = drive_lock(&folder, number)? else {
            let message = format!("drive {number} of {} is in use by another program", folder.path().display());
            return Err(DriveError::new(DriveErrorKind::Busy, Operation::Open, message));
        };
        let pace = state.settings.speed.clone().map(|speed| Pace::new(speed, state.settings.buffer_bytes));
        let mut drive = VirtualDrive {
            identity: identity(&state, &bay),
            folder,
            number,
            generation: bay.generation,
            bay: Bay::Empty,
            attention: None,
            early_warning_ahead_bytes: 0,
            encryption: Encryption::default(),
            compression: Compression::Off,
            transferred: Transferred::default(),
            health: bay.health,
            alerts: BTreeSet::new(),
            pace,
            threading: None,
            settings: state.settings,
            _lock: lock,
        };
        drive.refresh()?;
        Ok(drive)
    }

    /// Looks at what others did to the library, then tells of a unit attention if there is one. Every command begins so.
    pub(super) fn attend(&mut self, operation: Operation) -> Result<()> {
        self.refresh()?;
        if self.threading_percent().is_some() {
            return match operation {
                Operation::Status => Ok(()),
                _ => Err(sense(operation, SenseKey::NotReady, 0x04, 0x01)),
            };
        }
        match self.attention.take() {
            None => Ok(()),
            Some(Attention::MediumChanged) => Err(sense(operation, SenseKey::UnitAttention, 0x28, 0x00)),
            Some(Attention::Reset) => Err(sense(operation, SenseKey::UnitAttention, 0x29, 0x01)),
        }
    }

    /// The same, and the tape, for commands that need one.
    pub(super) fn ready(&mut self, operation: Operation) -> Result<&mut Tape> {
        self.attend(operation)?;
        self.threaded(operation)
    }

    /// The tape, if it is threaded.
    pub(super) fn threaded(&mut self, operation: Operation) -> Result<&mut Tape> {
        match &mut self.bay {
            Bay::Threaded(tape) => Ok(tape),
            Bay::Empty => Err(sense(operation, SenseKey::NotReady, 0x3a, 0x00)),
            Bay::Ejected(reason) => Err(reason.error(operation)),
        }
    }

    /// The same, for commands that change what is recorded.
    pub(super) fn writable(&mut self, operation: Operation) -> Result<&mut Tape> {
        let Bay::Threaded(tape) = &self.bay else { return self.threaded(operation) };
        if tape.access == Access::ReadOnly {
            return Err(sense(operation, SenseKey::DataProtect, 0x30, 0x05).saying(format!(
                "a drive of generation {} cannot write a cartridge of an older generation; use a newer one",
                self.generation
            )));
        }
        if tape.cartridge.write_protection == WriteProtection::On {
            self.alerts.insert(TapeAlert::WRITE_PROTECT);
            return Err(sense(operation, SenseKey::DataProtect, 0x27, 0x00));
        }
        self.threaded(operation)
    }

    /// The bay as the folder has it now.
    pub(super) fn bay_state(&self) -> Result<DriveBay> {
        bay_mut(&mut self.folder.read()?, self.number).cloned()
    }

    /// Changes the bay in the folder.
    pub(super) fn update_bay(&mut self, change: impl FnOnce(&mut DriveBay)) -> Result<()> {
        let number = self.number;
        self.folder.update(|state| {
            change(bay_mut(state, number)?);
            Ok(())
        })
    }

    /// The drive's counters, with what the speed model counted.
    pub(super) fn counters(&self) -> DriveHealth {
        let mut health = self.health;
        if let Some(pace) = &self.pace {
            health.back_hitches += pace.back_hitches();
            health.starved_ms += u64::try_from(pace.starved().as_millis()).unwrap_or(u64::MAX);
            health.motion_hours = Some(health.motion_hours.unwrap_or(0.0) + pace.moved().as_secs_f64() / 3600.0);
        }
        health
    }

    /// Cuts the power: what was not flushed is lost, the tape is at its beginning, and the next command is told.
    pub fn power_cut(&mut self) {
        self.lose_buffer();
        self.forget_modes();
        self.attention = Some(Attention::Reset);
        // A power cut that cannot be counted is one all the same.
        let _ = self.update_bay(|bay| bay.health.power_cycles = bay.health.power_cycles.map(|cycles| cycles + 1));
    }

    /// What went through the drive since its cartridge was loaded.
    pub fn transferred(&self) -> Transferred {
        self.transferred
    }

    fn forget_modes(&mut self) {
        self.early_warning_ahead_bytes = 0;
        self.encryption.set(None);
        self.compression = Compression::Off;
        if let Bay::Threaded(tape) = &mut self.bay {
            tape.position = 0;
        }
        // The prevention is gone in the drive whether or not it can be written down; a stale note only makes the
        // library ask for the release that the host owes it after a reset anyway.
        let _ = self.update_bay(|bay| bay.removal_prevented = false);
    }
}

impl Faulty for VirtualDrive {
    fn peek_position(&self) -> Option<Position> {
        match &self.bay {
            Bay::Threaded(tape) => Some(Position::block(tape.position)),
            _ => None,
        }
    }

    fn lose_buffer(&mut self) -> Option<Position> {
        let buffer_bytes = self.settings.buffer_bytes;
        let Bay::Threaded(tape) = &mut self.bay else { return None };
        let suspect = Position::block(tape.image.settled());
        let in_doubt = tape.image.settled() < tape.image.objects();
        // If the disk under the image refuses to shorten it, nothing is lost, which a host must survive as well.
        let _ = tape.image.lose_unsettled(buffer_bytes);
        tape.position = tape.position.min(tape.image.objects());
        in_doubt.then_some(suspect)
    }

    fn reset(&mut self) {
        // A flush that fails here is reported by the next one: the objects stay unsettled.
        let _ = self.settle(Operation::Rewind);
        self.forget_modes();
    }

    fn power_cut(&mut self) {
        VirtualDrive::power_cut(self);
    }
}

impl Drop for VirtualDrive {
    /// The drive has power as long as the machine has: what is in its buffer reaches the tape.
    fn drop(&mut self) {
        // There is nobody left to tell; what could not be written is found missing at the next load.
        let _ = self.settle(Operation::Unload);
        let _ = self.put_away();
    }
}

impl Ejected {
    pub(super) fn error(&self, operation: Operation) -> DriveError {
        match self {
            Ejected::Unloaded => sense(operation, SenseKey::NotReady, 0x04, 0x02),
            Ejected::Cleaning => sense(operation, SenseKey::NotReady, 0x30, 0x03),
            Ejected::Incompatible => sense(operation, SenseKey::NotReady, 0x30, 0x00),
            Ejected::Broken(reason) => sense(operation, SenseKey::HardwareError, 0x53, 0x00).saying(&**reason),
        }
    }
}

/// The error with this sense data.
pub(super) fn sense(operation: Operation, key: SenseKey, asc: u8, ascq: u8) -> DriveError {
    DriveError::from_sense(operation, Sense::new(key, asc, ascq))
}

/// The number in `drive0` of a device path.
pub(crate) fn number_of(unit: &str) -> Result<u16> {
    let number = unit.strip_prefix("drive").and_then(|digits| digits.parse().ok());
    number.filter(|number| unit == format!("drive{number}")).ok_or_else(|| {
        refused(format!("{unit:?} is not a unit of a virtual library; use drive0, drive1, … or changer"))
    })
}
