//! The commands of a virtual drive.

use super::drive::*;
use super::encrypting::{Found, sealed_error, too_long};
use super::image::ImageRead;
use super::index;
use super::loading::Threading;
use crate::drive::*;
use crate::lto;
use crate::{
    Capabilities, DriveError, DriveErrorKind, DriveHealth, DriveKey, EncryptionState, NextBlock, Operation, Position,
    Result, SupportedDensity, TapePosition, VolumeHealth,
};
use tape_scsi::{Attribute, Sense, SenseKey, TapeAlert};

impl VirtualDrive {
    /// Checks that a write of `bytes` at the current position may happen, and makes that position the end of data.
    fn begin_write(&mut self, operation: Operation, bytes: u64) -> Result<()> {
        let tape = self.writable(operation)?;
        let at = Position::block(tape.position);
        let start = tape.image.bytes_before(tape.position);
        if tape.cartridge.kind == MediumKind::Worm && tape.position < tape.image.objects() {
            self.alerts.insert(TapeAlert::WORM_OVERWRITE);
            return Err(sense(operation, SenseKey::DataProtect, 0x30, 0x0c).at(at));
        }
        if start.saturating_add(bytes) > tape.cartridge.capacity_bytes {
            let sense = Sense::new(SenseKey::VolumeOverflow, 0x00, 0x02).at_end_of_medium();
            return Err(DriveError::from_sense(operation, sense).at(at));
        }
        let position = tape.position;
        tape.image.truncate(position).map_err(|error| disk_error(operation, at, &error))
    }

    /// What a write is answered that began at byte `before` and is done.
    fn outcome(&mut self, operation: Operation, before: u64) -> Result<WriteOutcome> {
        let ahead = self.early_warning_ahead_bytes;
        let tape = self.threaded(operation)?;
        let after = tape.image.bytes();
        let early_warning = tape.cartridge.early_warning_at();
        let ahead_at = early_warning.saturating_sub(ahead);
        Ok(if after > early_warning {
            WriteOutcome::EarlyWarning
        } else if ahead > 0 && before <= ahead_at && after > ahead_at {
            // SSC-5, 4.2.8: reported once, when the zone is entered.
            WriteOutcome::ProgrammableEarlyWarning
        } else {
            WriteOutcome::Written
        })
    }

    /// Winds to the object `object`, after writing what is buffered.
    fn wind(&mut self, operation: Operation, object: u64) -> Result<()> {
        self.settle(operation)?;
        let tape = self.threaded(operation)?;
        let (from, to) = (tape.image.bytes_before(tape.position), tape.image.bytes_before(object));
        let capacity = tape.cartridge.capacity_bytes;
        tape.position = object;
        if let Some(pace) = &mut self.pace {
            pace.seek(capacity, from, to);
        }
        Ok(())
    }

    /// Counts a block of so many bytes, of which so many were stored.
    fn have_read(&mut self, length: usize, stored: usize) -> ReadOutcome {
        let bytes = stored as u64;
        if let Bay::Threaded(tape) = &mut self.bay {
            tape.cartridge.bytes_read += bytes;
        }
        self.health.bytes_sent = Some(self.health.bytes_sent.unwrap_or(self.health.bytes_read) + length as u64);
        self.health.bytes_read += bytes;
        self.transferred.read += bytes;
        self.transferred.sent += length as u64;
        if let Some(pace) = &mut self.pace {
            pace.read(bytes);
        }
        ReadOutcome::Block(length)
    }
}

/// The file of the image could not be written or read.
pub(super) fn disk_error(operation: Operation, at: Position, error: &std::io::Error) -> DriveError {
    let message = format!("the disk that holds the image of the tape failed: {error}; free space on it, or check it");
    DriveError::new(DriveErrorKind::Io, operation, message).at(at)
}

/// There were fewer filemarks in that direction than asked for.
fn too_few(code: Sense, at: u64, message: &str) -> DriveError {
    DriveError::new(DriveErrorKind::BlankCheck, Operation::Space, message).with_sense(code).at(Position::block(at))
}

impl TapeDrive for VirtualDrive {
    fn identity(&self) -> &DriveIdentity {
        &self.identity
    }

    fn block_limits(&mut self) -> Result<BlockLimits> {
        self.attend(Operation::Identify)?;
        Ok(BlockLimits { min: 1, max: self.settings.max_block_bytes })
    }

    fn status(&mut self) -> Result<DriveStatus> {
        self.attend(Operation::Status)?;
        if let Some(percent) = self.threading_percent() {
            let state = DriveState::BecomingReady { percent: Some(percent) };
            return Ok(DriveStatus { state, write_protected: false });
        }
        // A load that has ended meanwhile is told first.
        self.attend(Operation::Status)?;
        let (state, write_protected) = match &self.bay {
            Bay::Empty => (DriveState::Empty, false),
            Bay::Ejected(_) => (DriveState::Unloaded, false),
            Bay::Threaded(tape) => (DriveState::Ready, tape.write_protected()),
        };
        Ok(DriveStatus { state, write_protected })
    }

    fn load(&mut self) -> Result<()> {
        self.finish_threading();
        self.attend(Operation::Load)?;
        match &self.bay {
            Bay::Threaded(_) => self.wind(Operation::Load, 0),
            Bay::Empty => Err(sense(Operation::Load, SenseKey::NotReady, 0x3a, 0x00)),
            Bay::Ejected(_) => {
                let Some(name) = self.bay_state()?.cartridge else {
                    return Err(sense(Operation::Load, SenseKey::NotReady, 0x3a, 0x00));
                };
                self.thread(&name, Threading::Loaded)?;
                self.threaded(Operation::Load).map(|_| ())
            }
        }
    }

    fn unload(&mut self) -> Result<()> {
        self.attend(Operation::Unload)?;
        if self.bay_state()?.removal_prevented {
            return Err(sense(Operation::Unload, SenseKey::IllegalRequest, 0x53, 0x02));
        }
        self.eject()
    }

    fn rewind(&mut self) -> Result<()> {
        self.ready(Operation::Rewind)?;
        self.wind(Operation::Rewind, 0)
    }

    fn write_block(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        let tape = self.ready(Operation::Write)?;
        let at = Position::block(tape.position);
        let before = tape.image.bytes_before(tape.position);
        let max = self.settings.max_block_bytes;
        let length = u32::try_from(block.len()).ok().filter(|length| (1..=max).contains(length));
        let Some(length) = length else {
            let error = sense(Operation::Write, SenseKey::IllegalRequest, 0x24, 0x00).at(at);
            return Err(error.saying(format!("a block has 1 to {max} bytes, not {}", block.len())));
        };
        let stored = self.encryption.stored(block, self.compression).map_err(|error| error.at(at))?;
        let content = stored.content as u64;
        self.begin_write(Operation::Write, index::stored_bytes(stored.bytes.len() as u32))?;
        if let Some(pace) = &mut self.pace {
            pace.write(content);
        }
        self.health.bytes_received =
            Some(self.health.bytes_received.unwrap_or(self.health.bytes_written) + u64::from(length));
        self.health.bytes_written += content;
        let tape = self.threaded(Operation::Write)?;
        tape.image.append_block(&stored.bytes).map_err(|error| disk_error(Operation::Write, at, &error))?;
        tape.position += 1;
        tape.cartridge.bytes_written += content;
        self.transferred.received += u64::from(length);
        self.transferred.written += content;
        self.outcome(Operation::Write, before)
    }

    fn write_filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome> {
        let operation = Operation::WriteFilemarks;
        let tape = self.ready(operation)?;
        let at = Position::block(tape.position);
        let before = tape.image.bytes_before(tape.position);
        if count > 0 {
            self.begin_write(operation, u64::from(count) * index::FILEMARK_BYTES)?;
            let tape = self.threaded(operation)?;
            tape.image.append_filemarks(count).map_err(|error| disk_error(operation, at, &error))?;
            tape.position += u64::from(count);
        }
        if sync == FilemarkSync::Flush {
            self.settle(operation)?;
        }
        self.outcome(operation, before)
    }

    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        self.ready(Operation::Read)?;
        // A tape that turns from writing to reading writes its buffer first.
        self.settle(Operation::Read)?;
        let at = Position::block(self.threaded(Operation::Read)?.position);
        let found = self.read_object(buffer)?;
        let tape = self.threaded(Operation::Read)?;
        if !matches!(found, Found::AsIs(ImageRead::EndOfData) | Found::Sealed(_)) {
            tape.position += 1;
        }
        match found {
            Found::AsIs(ImageRead::EndOfData) => Ok(ReadOutcome::EndOfData),
            Found::AsIs(ImageRead::Filemark) => Ok(ReadOutcome::Filemark),
            Found::AsIs(ImageRead::Block(length)) => Ok(self.have_read(length, length)),
            Found::Opened { length, stored } => Ok(self.have_read(length, stored)),
            Found::AsIs(ImageRead::TooLong(actual)) | Found::TooLong(actual) => too_long(actual, buffer.len(), at),
            Found::Sealed(reason) => Err(sealed_error(reason, at)),
            Found::AsIs(ImageRead::Damaged) => {
                tape.cartridge.read_errors += 1;
                self.health.read_errors += 1;
                self.alerts.extend([TapeAlert::HARD_ERROR, TapeAlert::MEDIA]);
                Err(sense(Operation::Read, SenseKey::MediumError, 0x11, 0x00).at(at))
            }
        }
    }

    fn locate(&mut self, to: Position) -> Result<()> {
        let tape = self.ready(Operation::Locate)?;
        let end = tape.image.objects();
        if to.partition != 0 {
            let error = sense(Operation::Locate, SenseKey::IllegalRequest, 0x24, 0x00);
            return Err(error.saying(format!("the tape has no partition {}", to.partition)));
        }
        self.wind(Operation::Locate, to.block.min(end))?;
        if to.block > end {
            let error = sense(Operation::Locate, SenseKey::BlankCheck, 0x00, 0x05).at(Position::block(end));
            return Err(error.saying(format!("{to} lies behind the end of data at block {end}")));
        }
        Ok(())
    }

    fn space_filemarks(&mut self, count: i64) -> Result<()> {
        let tape = self.ready(Operation::Space)?;
        let index = tape.image.index();
        let before = index.files_before(tape.position);
        let distance = count.unsigned_abs();
        let (target, end) = if count > 0 {
            let last = before.checked_add(distance - 1).and_then(|number| index.filemark(number));
            (last.map(|filemark| filemark + 1), index.objects())
        } else if count < 0 {
            (before.checked_sub(distance).and_then(|number| index.filemark(number)), 0)
        } else {
            (Some(tape.position), 0)
        };
        self.wind(Operation::Space, target.unwrap_or(end))?;
        match target {
            Some(_) => Ok(()),
            None if count > 0 => {
                let code = Sense::new(SenseKey::BlankCheck, 0x00, 0x05);
                Err(too_few(code, end, "the end of data came before the last filemark asked for"))
            }
            None => {
                let code = Sense::new(SenseKey::NoSense, 0x00, 0x04).at_end_of_medium();
                Err(too_few(code, end, "the beginning of the tape came before the last filemark asked for"))
            }
        }
    }

    fn space_to_end_of_data(&mut self) -> Result<()> {
        let end = self.ready(Operation::Space)?.image.objects();
        self.wind(Operation::Space, end)
    }

    fn position(&mut self) -> Result<TapePosition> {
        let tape = self.ready(Operation::ReadPosition)?;
        let bytes = tape.image.bytes_before(tape.position);
        Ok(TapePosition {
            at: Position::block(tape.position),
            file: Some(tape.image.index().files_before(tape.position)),
            beginning: tape.position == 0,
            end_zone: bytes > tape.cartridge.early_warning_at(),
        })
    }

    fn medium(&mut self) -> Result<Medium> {
        self.attend(Operation::ModeSense)?;
        if let Bay::Ejected(Ejected::Cleaning) = &self.bay
            && let Some(name) = self.bay_state()?.cartridge
        {
            let cartridge = super::cartridge::Cartridge::load(&self.folder, &name)?;
            return Ok(Medium {
                kind: MediumKind::Cleaning,
                density: cartridge.density,
                capacity_bytes: 0,
                remaining_bytes: None,
                write_protected: true,
                serial: Some(cartridge.serial),
                barcode: cartridge.barcode,
            });
        }
        let tape = self.threaded(Operation::ModeSense)?;
        Ok(Medium {
            kind: tape.cartridge.kind,
            density: tape.cartridge.density,
            capacity_bytes: tape.cartridge.capacity_bytes,
            remaining_bytes: Some(tape.cartridge.early_warning_at().saturating_sub(tape.image.bytes())),
            write_protected: tape.write_protected(),
            serial: Some(tape.cartridge.serial.clone()),
            barcode: tape.cartridge.barcode.clone(),
        })
    }

    fn read_attribute(&mut self, id: u16) -> Result<Option<Attribute>> {
        let tape = self.ready(Operation::ReadAttribute)?;
        Ok(tape.cartridge.attribute(id, tape.image.bytes()))
    }

    fn write_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        let operation = Operation::WriteAttribute;
        self.ready(operation)?;
        let tape = self.writable(operation)?;
        if let Err(reason) = tape.cartridge.set_attribute(attribute) {
            return Err(sense(operation, SenseKey::IllegalRequest, 0x26, 0x00).saying(reason));
        }
        let (cartridge, name) = (tape.cartridge.clone(), tape.name.clone());
        cartridge.save(&self.folder, &name, self.settings.durability)
    }

    fn alerts(&mut self) -> Result<Vec<TapeAlert>> {
        self.attend(Operation::LogSense)?;
        let mut alerts = self.alerts.clone();
        if self.bay_state()?.health.cleaning_required {
            alerts.insert(TapeAlert::CLEAN_NOW);
        }
        Ok(alerts.into_iter().collect())
    }

    fn health(&mut self) -> Result<DriveHealth> {
        self.attend(Operation::LogSense)?;
        let DriveHealth { cleaning_required, cleanings, power_cycles, .. } = self.bay_state()?.health;
        let (write_compression_ratio, read_compression_ratio) =
            (self.transferred.write_ratio(), self.transferred.read_ratio());
        Ok(DriveHealth {
            cleaning_required,
            cleanings,
            power_cycles,
            write_compression_ratio,
            read_compression_ratio,
            ..self.counters()
        })
    }

    fn volume_health(&mut self) -> Result<VolumeHealth> {
        let tape = self.ready(Operation::LogSense)?;
        let cartridge = &tape.cartridge;
        Ok(VolumeHealth {
            mounts: Some(cartridge.load_count),
            bytes_written: Some(cartridge.bytes_written),
            bytes_read: Some(cartridge.bytes_read),
            unrecovered_write_errors: Some(cartridge.write_errors),
            unrecovered_read_errors: Some(cartridge.read_errors),
            capacity_bytes: Some(cartridge.early_warning_at()),
            used_bytes: Some(tape.image.bytes()),
            ..VolumeHealth::default()
        })
    }

    fn capabilities(&mut self) -> Result<Capabilities> {
        self.attend(Operation::Identify)?;
        let densities = lto::FORMATS.iter().filter_map(|format| {
            let access = self.generation.access(format.density);
            (access != lto::Access::None).then(|| SupportedDensity {
                code: format.density,
                writable: access == lto::Access::ReadWrite,
                name: format.name.to_owned(),
            })
        });
        let generation = self.generation.number();
        Ok(Capabilities {
            // LTO drives encrypt from generation 4 on, and take write-once cartridges from generation 3 on.
            encryption: generation >= 4,
            compression: true,
            worm: generation >= 3,
            programmable_early_warning: true,
            densities: densities.collect(),
        })
    }

    fn encryption(&mut self) -> Result<EncryptionState> {
        self.attend(Operation::Encryption)?;
        if self.generation.number() < 4 {
            return Err(DriveError::cannot_encrypt());
        }
        Ok(self.encryption.state())
    }

    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()> {
        self.attend(Operation::Encryption)?;
        if key.is_some() {
            if self.generation.number() < 4 {
                return Err(DriveError::cannot_encrypt());
            }
            // SSC-5, 8.5.3: a key that goes with the cartridge needs a cartridge (CKOD).
            self.threaded(Operation::Encryption)?;
        }
        self.encryption.set(key.cloned());
        Ok(())
    }

    fn next_block(&mut self) -> Result<NextBlock> {
        self.look_at_next_block()
    }

    fn set_compression(&mut self, compression: Compression) -> Result<()> {
        self.attend(Operation::ModeSelect)?;
        self.compression = compression;
        Ok(())
    }

    fn set_programmable_early_warning(&mut self, bytes: u64) -> Result<()> {
        self.attend(Operation::ModeSelect)?;
        self.early_warning_ahead_bytes = bytes;
        Ok(())
    }

    fn set_removal(&mut self, removal: Removal) -> Result<()> {
        self.attend(Operation::PreventRemoval)?;
        self.update_bay(|bay| bay.removal_prevented = removal == Removal::Prevented)
    }

    fn erase(&mut self) -> Result<()> {
        self.ready(Operation::Erase)?;
        self.begin_write(Operation::Erase, 0)?;
        self.settle(Operation::Erase)
    }

    fn retension(&mut self) -> Result<()> {
        let operation = Operation::Retension;
        self.ready(operation)?;
        self.settle(operation)?;
        let tape = self.threaded(operation)?;
        let (from, capacity) = (tape.image.bytes_before(tape.position), tape.cartridge.capacity_bytes);
        tape.position = 0;
        if let Some(pace) = &mut self.pace {
            pace.seek(capacity, from, capacity);
            pace.seek(capacity, capacity, 0);
        }
        Ok(())
    }
}
