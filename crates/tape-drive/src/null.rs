//! A drive that accepts everything at the speed of memory and keeps nothing: for measuring what stands before it.
//!
//! It counts blocks and filemarks like any drive, and keeps records of up to [`KEPT_RECORD_BYTES`], so that a tape in it
//! can be labelled, its label read back, and positions checked. What else is read fails with a medium error that says
//! why. The tape never ends. It lives as long as the process: `null:NAME` opened again is the same tape.

use crate::drive::*;
use crate::{
    Capabilities, DriveError, DriveErrorKind, DriveHealth, DriveKey, EncryptionState, NextBlock, Operation, Position,
    Result, TapePosition, VolumeHealth,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tape_scsi::{Attribute, Sense, SenseKey, TapeAlert};

/// Records up to this length are kept.
pub const KEPT_RECORD_BYTES: usize = 4096;
/// And so many of them; what is written beyond is forgotten like a long record.
const KEPT_RECORDS: usize = 1024;
/// Largest block, that of the virtual drive and of LTO drives: 8 MiB.
const MAX_BLOCK_BYTES: u32 = 8 << 20;
/// Filemarks are kept by position, so there is a limit on how many one tape may have.
const MAX_FILEMARKS: usize = 16 << 20;

/// What is on the tape: everything that is not here, and before the end, is a long record.
#[derive(Debug, Default)]
struct Tape {
    /// Number of objects; the end of data.
    end: u64,
    /// Object numbers of filemarks, ascending.
    filemarks: Vec<u64>,
    records: BTreeMap<u64, Vec<u8>>,
    attributes: BTreeMap<u16, Attribute>,
    position: u64,
    ejected: bool,
    removal_prevented: bool,
    bytes_written: u64,
    load_count: u64,
}

/// The null drive.
#[derive(Debug)]
pub struct NullDrive {
    identity: DriveIdentity,
    tape: Arc<Mutex<Tape>>,
    /// Kept as long as the drive is open: one owner at a time, as with a device.
    _owner: Arc<()>,
}

type Registry = HashMap<String, (Arc<Mutex<Tape>>, std::sync::Weak<()>)>;

fn registry() -> MutexGuard<'static, Registry> {
    static TAPES: OnceLock<Mutex<Registry>> = OnceLock::new();
    TAPES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

impl NullDrive {
    /// Opens the null drive `name`, with what was written to it earlier in this process.
    pub fn open(name: &str) -> Result<NullDrive> {
        let mut registry = registry();
        let (tape, owner) = registry.entry(name.to_owned()).or_default();
        if owner.strong_count() > 0 {
            let message = format!("null:{name} is already open in this process");
            return Err(DriveError::new(DriveErrorKind::Busy, Operation::Open, message));
        }
        let token = Arc::new(());
        *owner = Arc::downgrade(&token);
        Ok(NullDrive {
            identity: DriveIdentity {
                vendor: "TAPEBKR".into(),
                product: "NULL DRIVE".into(),
                revision: env!("CARGO_PKG_VERSION").into(),
                serial: format!("NULL-{name}"),
            },
            tape: Arc::clone(tape),
            _owner: token,
        })
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tape, if it is loaded.
    fn loaded(&self, operation: Operation) -> Result<MutexGuard<'_, Tape>> {
        let tape = self.tape();
        if tape.ejected {
            let message = "the null tape is unloaded; load it";
            return Err(DriveError::new(DriveErrorKind::NotReady, operation, message));
        }
        Ok(tape)
    }
}

impl Tape {
    /// Makes the current position the end of data, as writing does.
    fn truncate(&mut self) {
        if self.position < self.end {
            self.end = self.position;
            let keep = self.files_before(self.position);
            self.filemarks.truncate(keep);
            self.records.split_off(&self.position);
        }
    }

    fn files_before(&self, object: u64) -> usize {
        self.filemarks.partition_point(|&filemark| filemark < object)
    }

    fn is_filemark(&self, object: u64) -> bool {
        self.filemarks.binary_search(&object).is_ok()
    }

    fn at(&self) -> Position {
        Position::block(self.position)
    }
}

impl crate::fault::Faulty for NullDrive {
    fn peek_position(&self) -> Option<Position> {
        let tape = self.tape();
        (!tape.ejected).then(|| tape.at())
    }

    /// It has no buffer.
    fn lose_buffer(&mut self) -> Option<Position> {
        None
    }

    fn reset(&mut self) {
        let mut tape = self.tape();
        tape.position = 0;
        tape.removal_prevented = false;
    }

    fn power_cut(&mut self) {
        self.reset();
    }
}

impl TapeDrive for NullDrive {
    fn identity(&self) -> &DriveIdentity {
        &self.identity
    }

    fn block_limits(&mut self) -> Result<BlockLimits> {
        Ok(BlockLimits { min: 1, max: MAX_BLOCK_BYTES })
    }

    fn status(&mut self) -> Result<DriveStatus> {
        let state = if self.tape().ejected { DriveState::Unloaded } else { DriveState::Ready };
        Ok(DriveStatus { state, write_protected: false })
    }

    fn load(&mut self) -> Result<()> {
        let mut tape = self.tape();
        tape.position = 0;
        tape.load_count += u64::from(tape.ejected);
        tape.ejected = false;
        Ok(())
    }

    fn unload(&mut self) -> Result<()> {
        let mut tape = self.tape();
        if tape.removal_prevented {
            return Err(DriveError::from_sense(Operation::Unload, Sense::new(SenseKey::IllegalRequest, 0x53, 0x02)));
        }
        tape.position = 0;
        tape.ejected = true;
        Ok(())
    }

    fn rewind(&mut self) -> Result<()> {
        self.loaded(Operation::Rewind)?.position = 0;
        Ok(())
    }

    fn write_block(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        let mut tape = self.loaded(Operation::Write)?;
        if block.is_empty() || block.len() > MAX_BLOCK_BYTES as usize {
            let message = format!("a block has 1 to {MAX_BLOCK_BYTES} bytes, not {}", block.len());
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, Operation::Write, message).at(tape.at()));
        }
        tape.truncate();
        if block.len() <= KEPT_RECORD_BYTES && tape.records.len() < KEPT_RECORDS {
            let at = tape.position;
            tape.records.insert(at, block.to_vec());
        }
        tape.bytes_written += block.len() as u64;
        tape.position += 1;
        tape.end = tape.position;
        Ok(WriteOutcome::Written)
    }

    fn write_filemarks(&mut self, count: u32, _sync: FilemarkSync) -> Result<WriteOutcome> {
        let mut tape = self.loaded(Operation::WriteFilemarks)?;
        if count > 0 {
            tape.truncate();
            if tape.filemarks.len() + count as usize > MAX_FILEMARKS {
                let message = format!("the null drive keeps at most {MAX_FILEMARKS} filemarks");
                return Err(DriveError::new(DriveErrorKind::EndOfMedium, Operation::WriteFilemarks, message));
            }
            let first = tape.position;
            tape.filemarks.extend(first..first + u64::from(count));
            tape.position += u64::from(count);
            tape.end = tape.position;
        }
        Ok(WriteOutcome::Written)
    }

    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        let mut tape = self.loaded(Operation::Read)?;
        let at = tape.position;
        if at == tape.end {
            return Ok(ReadOutcome::EndOfData);
        }
        tape.position += 1;
        if tape.is_filemark(at) {
            return Ok(ReadOutcome::Filemark);
        }
        let Some(record) = tape.records.get(&at) else {
            let message = format!("the null drive keeps nothing of records over {KEPT_RECORD_BYTES} bytes");
            let error = DriveError::new(DriveErrorKind::MediumError, Operation::Read, message);
            return Err(error.at(Position::block(at)));
        };
        match buffer.get_mut(..record.len()) {
            Some(target) => {
                target.copy_from_slice(record);
                Ok(ReadOutcome::Block(record.len()))
            }
            None => {
                let actual = record.len() as u64;
                let message = format!("the block has {actual} bytes, the buffer {}", buffer.len());
                let kind = DriveErrorKind::BlockTooLong { actual: Some(actual) };
                Err(DriveError::new(kind, Operation::Read, message).at(Position::block(at)))
            }
        }
    }

    fn locate(&mut self, to: Position) -> Result<()> {
        let mut tape = self.loaded(Operation::Locate)?;
        if to.partition != 0 {
            let message = format!("the tape has no partition {}", to.partition);
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, Operation::Locate, message).at(tape.at()));
        }
        tape.position = to.block.min(tape.end);
        if to.block > tape.end {
            let message = format!("{to} lies behind the end of data at block {}", tape.end);
            return Err(DriveError::new(DriveErrorKind::BlankCheck, Operation::Locate, message).at(tape.at()));
        }
        Ok(())
    }

    fn space_filemarks(&mut self, count: i64) -> Result<()> {
        let mut tape = self.loaded(Operation::Space)?;
        let before = tape.files_before(tape.position) as u64;
        let distance = count.unsigned_abs();
        if count > 0 {
            match usize::try_from(before + distance - 1).ok().and_then(|index| tape.filemarks.get(index).copied()) {
                Some(filemark) => tape.position = filemark + 1,
                None => {
                    tape.position = tape.end;
                    let message = "the end of data came before the last filemark asked for";
                    let error = DriveError::new(DriveErrorKind::BlankCheck, Operation::Space, message);
                    return Err(error.at(tape.at()));
                }
            }
        } else if count < 0 {
            let target = before.checked_sub(distance).and_then(|index| tape.filemarks.get(index as usize).copied());
            tape.position = target.unwrap_or(0);
            if target.is_none() {
                let message = "the beginning of the tape came before the last filemark asked for";
                let error = DriveError::new(DriveErrorKind::BlankCheck, Operation::Space, message);
                return Err(error.at(tape.at()));
            }
        }
        Ok(())
    }

    fn space_to_end_of_data(&mut self) -> Result<()> {
        let mut tape = self.loaded(Operation::Space)?;
        tape.position = tape.end;
        Ok(())
    }

    fn position(&mut self) -> Result<TapePosition> {
        let tape = self.loaded(Operation::ReadPosition)?;
        let file = tape.files_before(tape.position) as u64;
        Ok(TapePosition { at: tape.at(), file: Some(file), beginning: tape.position == 0, end_zone: false })
    }

    fn medium(&mut self) -> Result<Medium> {
        let format = crate::lto::Generation::LTO9.format();
        drop(self.loaded(Operation::ModeSense)?);
        Ok(Medium {
            kind: MediumKind::Data,
            density: format.density,
            capacity_bytes: format.capacity_bytes,
            remaining_bytes: None,
            write_protected: false,
            serial: Some(self.identity.serial.clone()),
            barcode: None,
        })
    }

    fn read_attribute(&mut self, id: u16) -> Result<Option<Attribute>> {
        Ok(self.loaded(Operation::ReadAttribute)?.attributes.get(&id).cloned())
    }

    fn write_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        let mut tape = self.loaded(Operation::WriteAttribute)?;
        if let Err(error) = attribute.validate() {
            let kind = DriveErrorKind::IllegalRequest;
            return Err(DriveError::new(kind, Operation::WriteAttribute, error.to_string()));
        }
        tape.attributes.insert(attribute.id, attribute.clone());
        Ok(())
    }

    fn alerts(&mut self) -> Result<Vec<TapeAlert>> {
        Ok(Vec::new())
    }

    fn health(&mut self) -> Result<DriveHealth> {
        let tape = self.tape();
        Ok(DriveHealth { bytes_written: tape.bytes_written, load_count: tape.load_count, ..DriveHealth::default() })
    }

    fn set_compression(&mut self, _compression: Compression) -> Result<()> {
        Ok(())
    }

    fn set_programmable_early_warning(&mut self, _bytes: u64) -> Result<()> {
        let message = "the null tape has no end that could be warned of";
        Err(DriveError::new(DriveErrorKind::Unsupported, Operation::ModeSelect, message))
    }

    fn set_removal(&mut self, removal: Removal) -> Result<()> {
        self.tape().removal_prevented = removal == Removal::Prevented;
        Ok(())
    }

    fn volume_health(&mut self) -> Result<VolumeHealth> {
        drop(self.loaded(Operation::LogSense)?);
        Ok(VolumeHealth::default())
    }

    fn capabilities(&mut self) -> Result<Capabilities> {
        Ok(Capabilities::default())
    }

    fn encryption(&mut self) -> Result<EncryptionState> {
        Err(DriveError::cannot_encrypt())
    }

    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()> {
        if key.is_some() { Err(DriveError::cannot_encrypt()) } else { Ok(()) }
    }

    fn next_block(&mut self) -> Result<NextBlock> {
        Ok(NextBlock::Unknown)
    }

    fn retension(&mut self) -> Result<()> {
        self.rewind()
    }

    fn erase(&mut self) -> Result<()> {
        self.loaded(Operation::Erase)?.truncate();
        Ok(())
    }
}
