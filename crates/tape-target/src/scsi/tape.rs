//! A drive as a SCSI device (SSC-5): commands that move the tape and its data here, the rest in the modules below.

mod encryption;
mod health;
mod memory;
mod moving;
mod settings;
mod transfer;

use super::identity::{Bay, Identity};
use super::opcodes::{Opcode, action, plain};
use super::unit::{Device, Hand};
use super::*;
use settings::Modes;
use std::path::Path;
use tape_drive::fault::{FaultDrive, Faulty};
use tape_drive::virt::{VirtualDrive, library};
use tape_drive::{DriveState, Removal, TapeDrive};
use tape_scsi::TapeAlert;
use tape_scsi::command::inquiry::DeviceType;
use tape_scsi::command::read_block_limits::{self, ReadBlockLimits};

const OPCODES: &[Opcode] = &[
    plain(0x00),
    plain(0x01),
    plain(0x04),
    plain(0x05),
    plain(0x08),
    plain(0x0a),
    plain(0x10),
    plain(0x11),
    plain(0x13),
    plain(0x15),
    plain(0x19),
    plain(0x1a),
    plain(0x1b),
    plain(0x1e),
    plain(0x2b),
    action(0x34, 0),
    action(0x34, 1),
    action(0x34, 6),
    action(0x34, 8),
    plain(0x44),
    plain(0x4d),
    plain(0x55),
    plain(0x5a),
    action(0x8c, 0),
    action(0x8c, 1),
    action(0x8c, 5),
    plain(0x8d),
    plain(0x91),
    plain(0x92),
    plain(0xa2),
    plain(0xb5),
];

/// A virtual drive behind a logical unit number.
pub(crate) struct Drive {
    drive: FaultDrive<VirtualDrive>,
    bay: Option<Bay>,
    modes: Modes,
    /// Alerts that a host read on log page 2Eh, which tells each only once while it is raised.
    told: Vec<TapeAlert>,
    /// Where a block is read to: as large as the largest.
    buffer: Vec<u8>,
}

impl Drive {
    /// Opens drive `number` of a library.
    pub fn open(directory: &Path, number: u16) -> tape_drive::Result<Drive> {
        let state = library::read(directory)?;
        let has_robot = !state.slots.is_empty() || !state.mail_slots.is_empty();
        let bay = state.drives.get(usize::from(number)).filter(|_| has_robot);
        let bay = bay.map(|bay| Bay { library_serial: state.serial.clone(), element: bay.address });
        let drive = tape_drive::open_virtual_drive(directory, number)?;
        let buffer = vec![0; state.settings.max_block_bytes as usize];
        Ok(Drive { drive, bay, modes: Modes::default(), told: Vec::new(), buffer })
    }

    /// TEST UNIT READY.
    fn test_ready(&mut self) -> Outcome {
        match self.drive.status()?.state {
            DriveState::Ready => Ok(Answer::default()),
            DriveState::Empty => Err(Sense::new(SenseKey::NotReady, 0x3a, 0x00).into()),
            DriveState::BecomingReady { .. } => Err(Sense::new(SenseKey::NotReady, 0x04, 0x01).into()),
            // Why the cartridge is not threaded is told by every command that needs it.
            DriveState::Unloaded => match self.drive.inner().position() {
                Err(error) => Err(error.into()),
                Ok(_) => Ok(Answer::default()),
            },
        }
    }

    /// LOAD UNLOAD (SSC-5, 7.3).
    fn load_unload(&mut self, cdb: &[u8]) -> Outcome {
        let flags = byte(cdb, 4);
        // HOLD: neither thread nor eject, which is nothing here; EOT has no meaning for cartridges.
        if flags & 0x0c != 0 {
            return Err(invalid_field());
        }
        if flags & 0x01 != 0 {
            self.drive.load()?;
            if flags & 0x02 != 0 {
                self.drive.retension()?;
            }
        } else {
            self.drive.unload()?;
            self.modes.unloaded();
        }
        Ok(Answer::default())
    }

    fn prevent(&mut self, cdb: &[u8]) -> Outcome {
        self.drive.set_removal(match byte(cdb, 4) & 0x03 {
            0 => Removal::Allowed,
            1 => Removal::Prevented,
            _ => return Err(invalid_field()),
        })?;
        Ok(Answer::default())
    }

    fn block_limits(&mut self) -> Outcome {
        let limits = self.drive.block_limits()?;
        let min = u16::try_from(limits.min).unwrap_or(u16::MAX);
        let limits = ReadBlockLimits { granularity: 0, maximum: limits.max, minimum: min };
        Ok(Answer::data(read_block_limits::encode(&limits).to_vec()))
    }
}

impl Device for Drive {
    fn identity(&self) -> Identity {
        let identity = self.drive.identity();
        Identity {
            device_type: DeviceType::SequentialAccess,
            vendor: identity.vendor.clone(),
            product: identity.product.clone(),
            revision: identity.revision.clone(),
            serial: identity.serial.clone(),
            bay: self.bay.clone(),
        }
    }

    fn opcodes(&self) -> &'static [Opcode] {
        OPCODES
    }

    fn attention(&mut self) -> Option<Sense> {
        // Past the fault plan, which counts commands of the host only.
        let error = self.drive.inner().status().err()?;
        error.sense.filter(|sense| sense.key == SenseKey::UnitAttention)
    }

    fn execute(&mut self, cdb: &[u8], data: &[u8]) -> Outcome {
        match byte(cdb, 0) {
            0x00 => self.test_ready(),
            0x01 => {
                self.drive.rewind()?;
                Ok(Answer::default())
            }
            0x04 => self.format(cdb),
            0x05 => self.block_limits(),
            0x08 => self.read(cdb),
            0x0a => self.write(cdb, data),
            0x10 => self.write_filemarks(cdb),
            0x11 | 0x91 => self.space(cdb),
            0x13 => self.verify(cdb),
            0x15 | 0x55 => self.mode_select(cdb, data),
            0x19 => {
                self.drive.erase()?;
                Ok(Answer::default())
            }
            0x1a | 0x5a => self.mode_sense(cdb),
            0x1b => self.load_unload(cdb),
            0x1e => self.prevent(cdb),
            0x2b | 0x92 => self.locate(cdb),
            0x34 => self.read_position(cdb),
            0x44 => self.densities(cdb),
            0x4d => self.log_sense(cdb),
            0xa2 => self.protocol_in(cdb),
            0xb5 => self.protocol_out(cdb, data),
            0x8c => self.read_attribute(cdb),
            0x8d => self.write_attribute(cdb, data),
            _ => Err(unknown_command()),
        }
    }

    fn reset(&mut self) {
        self.drive.inner().reset();
        self.modes = Modes::default();
    }

    fn by_hand(&mut self, what: &Hand) -> tape_drive::Result<()> {
        let drive = self.drive.inner();
        match what {
            Hand::Eject => {
                drive.set_removal(Removal::Allowed)?;
                drive.unload()
            }
            Hand::PushIn => drive.load(),
            Hand::Alert(alert) => {
                self.drive.raise(*alert);
                Ok(())
            }
        }
    }
}
