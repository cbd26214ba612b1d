//! What a drive can be asked to do: one type per task, run on the drive's thread by the execution that holds the drive.

use super::super::device_thread::Slot;
use super::health::{self, Sitting};
use super::loading::may_write;
use super::observe;
use super::{DriveSnapshot, LabelSeen, Unlabelled};
use crate::db::DbPool;
use crate::events::Bus;
use crate::keys::{KeyStore, KeyedDrive, KeysOnDemand};
use crate::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex};
use tape_drive::{
    DriveErrorKind, DriveKey, DriveState, DriveStatus, FilemarkSync, MediumKind, Position, ReadOutcome, TapeDrive, TapePosition,
};
use tape_format::Label;

/// Largest block that a label or a foreign tape is read with, in bytes.
const READ_BUFFER: usize = 8 << 20;

/// A task for a drive.
pub trait DriveTask: Send + 'static {
    /// What it gives back.
    type Output: Send + 'static;
    /// In words, for errors: "read the label".
    const NAME: &'static str;
    /// The drive is asked for its health afterwards; it always is when the task failed.
    const HEALTH: bool = false;

    /// Does it, on the drive's thread.
    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Self::Output>;
}

/// What the tasks of one drive share: its last known state, and where changes are told.
#[derive(Clone)]
pub struct Unit {
    /// The drive's row.
    pub id: i32,
    /// Device path.
    pub device_path: String,
    /// Where its row is.
    pub db: DbPool,
    /// Where changes are told.
    pub bus: Bus,
    keys: Arc<KeyStore>,
    /// With which key everything is encrypted on the tape that is in the drive, if a person said so.
    standing_key: Arc<Mutex<Option<Arc<DriveKey>>>>,
    sitting: Arc<Mutex<Sitting>>,
    state: Arc<Mutex<DriveSnapshot>>,
}

impl Unit {
    /// A drive of which nothing is known yet.
    pub fn new(id: i32, device_path: &str, db: DbPool, bus: Bus, keys: Arc<KeyStore>) -> Unit {
        let state = DriveSnapshot { drive_id: id, device_path: device_path.into(), ..DriveSnapshot::default() };
        let state = Arc::new(Mutex::new(state));
        Unit { id, device_path: device_path.into(), db, bus, keys, standing_key: Arc::default(), sitting: Arc::default(), state }
    }

    /// The last known state.
    pub fn snapshot(&self) -> DriveSnapshot {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Changes the last known state, and tells those who watch if something changed that they see.
    pub fn update(&self, change: impl FnOnce(&mut DriveSnapshot)) {
        let (before, after) = {
            let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let before = state.clone();
            change(&mut state);
            (before, state.clone())
        };
        observe::changed(self, &before, &after);
    }

    fn standing_key(&self) -> Option<Arc<DriveKey>> {
        self.standing_key.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn set_standing_key(&self, key: Option<DriveKey>) {
        *self.standing_key.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = key.map(Arc::new);
    }

    /// Looks at, or changes, what is remembered of the tape that is in the drive.
    pub fn sitting<T>(&self, look: impl FnOnce(&mut Sitting) -> T) -> T {
        look(&mut self.sitting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Nothing is known any more of what is in the drive.
    pub fn forget_medium(&self) {
        self.set_standing_key(None);
        self.sitting(|sitting| *sitting = Sitting::default());
        self.update(|state| {
            state.standing_key_id = None;
            state.label = None;
            state.unlabelled = None;
            state.medium = None;
            state.examined = false;
            state.block = None;
            state.file = None;
        });
    }
}

/// Runs a task: takes pending unit attentions first, and keeps the drive's known state true whatever comes out.
pub fn perform<T: DriveTask>(task: T, slot: &mut Slot<dyn TapeDrive>, unit: &Unit) -> Result<T::Output> {
    let result = (|| {
        let drive = slot.device()?;
        let status = settle(drive, unit)?;
        unit.update(|state| {
            state.status = Some(status);
            state.error = None;
        });
        let keys = KeysOnDemand { db: unit.db.clone(), store: unit.keys.clone() };
        let mut keyed = KeyedDrive::new(&mut *drive, keys, unit.standing_key().as_deref());
        let output = task.run(&mut keyed, unit);
        keyed.finish(unit.standing_key().as_deref());
        if T::HEALTH || output.is_err() {
            health::take(drive, unit);
        }
        let output = output?;
        if let Ok(position) = drive.position() {
            unit.update(|state| note_position(state, &position));
        }
        Ok(output)
    })();
    result.map_err(|error: Error| {
        if matches!(error.code, "device_io" | "device_busy") {
            slot.close();
        }
        if matches!(error.code, "medium_changed" | "drive_reset") {
            unit.forget_medium();
        }
        unit.update(|state| state.error = Some(error.to_string()));
        error.context(format!("drive {}: {}", unit.id, T::NAME))
    })
}

fn note_position(state: &mut DriveSnapshot, position: &TapePosition) {
    state.block = Some(position.at.block);
    state.file = position.file;
    state.beginning = position.beginning;
}

/// TEST UNIT READY until no unit attention is left: each says that something changed behind our back.
fn settle(drive: &mut dyn TapeDrive, unit: &Unit) -> Result<DriveStatus> {
    for _ in 0..8 {
        match drive.status() {
            Ok(status) => {
                if !matches!(status.state, DriveState::Ready) {
                    unit.forget_medium();
                }
                return Ok(status);
            }
            Err(error) => match error.kind {
                DriveErrorKind::MediumChanged | DriveErrorKind::Reset => unit.forget_medium(),
                DriveErrorKind::ParametersChanged => {}
                _ => return Err(error.into()),
            },
        }
    }
    Err(Error::new(ErrorKind::Conflict, "drive_not_ready", "the drive reports one unit attention after the other"))
}

/// What is at the beginning of a tape.
#[derive(Debug, Clone)]
pub enum FirstBlock {
    /// A label of ours.
    Ours(Label),
    /// Nothing: the drive says that no data is recorded.
    Blank,
    /// Something else.
    Foreign(String),
}

impl FirstBlock {
    /// The label, or an error that says what is there instead.
    pub fn require_label(self) -> Result<Label> {
        match self {
            FirstBlock::Ours(label) => Ok(label),
            FirstBlock::Blank => Err(Error::conflict(
                "unlabelled_tape",
                "the tape in the drive is blank; label it first (tape label, or Tapes → Label)",
            )),
            FirstBlock::Foreign(what) => Err(Error::conflict(
                "foreign_tape",
                format!("the tape in the drive was not labelled by TapeBackarr: {what}; nothing was written to it"),
            )),
        }
    }
}

/// Rewinds and reads the first block. A read error is an error, never "blank".
pub fn read_first_block(drive: &mut dyn TapeDrive) -> Result<FirstBlock> {
    drive.rewind()?;
    let largest = drive.block_limits().map(|limits| limits.max as usize).unwrap_or(READ_BUFFER);
    let mut buffer = vec![0u8; largest.clamp(512, READ_BUFFER)];
    match drive.read_block(&mut buffer) {
        Ok(ReadOutcome::Block(length)) => {
            let block = buffer.get(..length).unwrap_or(&buffer);
            Ok(match Label::decode(block) {
                Ok(label) => FirstBlock::Ours(label),
                Err(reason) => FirstBlock::Foreign(format!("its first block has {length} bytes and {reason}")),
            })
        }
        Ok(ReadOutcome::Filemark) => Ok(FirstBlock::Foreign("it begins with a filemark".into())),
        Ok(ReadOutcome::EndOfData) => Ok(FirstBlock::Blank),
        Err(error) => match error.kind {
            DriveErrorKind::BlankCheck => Ok(FirstBlock::Blank),
            DriveErrorKind::BlockTooLong { actual } => Ok(FirstBlock::Foreign(match actual {
                Some(bytes) => format!("its first block has {bytes} bytes"),
                None => "its first block is longer than the drive can transfer".into(),
            })),
            DriveErrorKind::KeyRequired => Ok(FirstBlock::Foreign("its first block was encrypted by a drive".into())),
            _ => Err(error.into()),
        },
    }
}

/// Reads the label and remembers it as what is in the drive.
pub fn examine(drive: &mut dyn TapeDrive, unit: &Unit) -> Result<FirstBlock> {
    let found = read_first_block(drive)?;
    let medium = drive.medium().ok();
    let (label, unlabelled) = match &found {
        FirstBlock::Ours(label) => (Some(LabelSeen::from(label.clone())), None),
        FirstBlock::Blank => (None, Some(Unlabelled::Blank)),
        FirstBlock::Foreign(what) => (None, Some(Unlabelled::Foreign(what.clone()))),
    };
    unit.update(|state| {
        state.label = label;
        state.unlabelled = unlabelled;
        state.medium = medium;
        state.examined = true;
    });
    Ok(found)
}

/// Looks at the drive: readiness, and which tape is in it if that is not known. For a drive that nobody uses.
pub struct Look;

impl DriveTask for Look {
    type Output = ();
    const NAME: &'static str = "look at the drive";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        health::take(drive, unit);
        let encryption = match drive.encryption() {
            Ok(state) => Some(state),
            Err(error) if error.kind == DriveErrorKind::Unsupported => None,
            Err(error) => return Err(error.into()),
        };
        unit.update(|state| state.encryption = encryption);
        Notice.run(drive, unit)
    }
}

/// Looks which tape is in the drive if that is not known. For a drive that nobody uses.
pub struct Notice;

impl DriveTask for Notice {
    type Output = ();
    const NAME: &'static str = "look which tape is in the drive";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        let ready = unit.snapshot().status.is_some_and(|status| status.state == DriveState::Ready);
        if ready && !unit.snapshot().examined {
            // a cartridge that cannot be examined must not be tried again and again
            unit.update(|state| state.examined = true);
            let medium = drive.medium()?;
            if medium.kind == MediumKind::Cleaning {
                unit.update(|state| state.medium = Some(medium));
                return Ok(());
            }
            examine(drive, unit)?;
        }
        Ok(())
    }
}

/// Ejects the cartridge.
pub struct UnloadMedium;

impl DriveTask for UnloadMedium {
    type Output = ();
    const NAME: &'static str = "eject the tape";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        // the last that can be learnt of how the tape did in this drive
        health::take(drive, unit);
        drive.set_removal(tape_drive::Removal::Allowed)?;
        drive.unload()?;
        unit.forget_medium();
        if let Ok(status) = drive.status() {
            unit.update(|state| state.status = Some(status));
        }
        Ok(())
    }
}

/// Goes to the beginning.
pub struct Rewind;

impl DriveTask for Rewind {
    type Output = ();
    const NAME: &'static str = "rewind";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<()> {
        Ok(drive.rewind()?)
    }
}

/// Winds to the end of the tape and back, which evens out the tension of the tape.
pub struct Retension;

impl DriveTask for Retension {
    type Output = ();
    const NAME: &'static str = "retension the tape";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<()> {
        Ok(drive.retension()?)
    }
}

/// Gives the drive the key for what is written from now on to the tape that is in it, or takes it away.
pub struct SetEncryption {
    /// The id of the key, and the key.
    pub key: Option<(i32, DriveKey)>,
}

impl DriveTask for SetEncryption {
    type Output = ();
    const NAME: &'static str = "set the encryption of the drive";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<()> {
        let (id, key) = self.key.unzip();
        unit.set_standing_key(None);
        unit.update(|known| known.standing_key_id = None);
        drive.set_encryption(key.as_ref())?;
        unit.set_standing_key(key);
        let state = drive.encryption().ok();
        unit.update(|known| {
            known.standing_key_id = id;
            known.encryption = state;
        });
        Ok(())
    }
}

/// Reads the label.
pub struct ReadLabel;

impl DriveTask for ReadLabel {
    type Output = FirstBlock;
    const NAME: &'static str = "read the label";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<FirstBlock> {
        examine(drive, unit)
    }
}

/// How sure one has to be that nothing is lost before a label is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// The tape must be proved blank.
    Blank,
    /// The tape may hold anything: the caller has checked that it may be destroyed.
    Anything,
}

/// Writes a label at the beginning, which makes it all that is on the tape.
pub struct WriteLabel {
    /// The label.
    pub label: Label,
    /// What must hold before.
    pub precondition: Precondition,
}

/// Where a freshly labelled tape ends.
#[derive(Debug, Clone, Copy)]
pub struct Labelled {
    /// Tape files on it: 1.
    pub end_file: u64,
    /// Logical object number of the end of data: 2.
    pub end_block: u64,
}

impl DriveTask for WriteLabel {
    type Output = Labelled;
    const NAME: &'static str = "write the label";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Labelled> {
        let block = self.label.encode()?;
        let medium = drive.medium()?;
        may_write(drive, &medium)?;
        if self.precondition == Precondition::Blank {
            match examine(drive, unit)? {
                FirstBlock::Blank => {}
                FirstBlock::Ours(found) => {
                    return Err(Error::conflict(
                        "already_labelled",
                        format!(
                            "tape already has a label: '{}' (UUID: {}). Format the tape first to re-label it.",
                            found.label, found.uuid
                        ),
                    ));
                }
                FirstBlock::Foreign(what) => {
                    return Err(Error::conflict(
                        "tape_not_blank",
                        format!("there is data on the tape: {what}. Labelling destroys it; say so to go on."),
                    ));
                }
            }
        }
        if medium.kind == MediumKind::Worm
            && self.precondition == Precondition::Anything
            && !matches!(examine(drive, unit)?, FirstBlock::Blank)
        {
            return Err(Error::conflict(
                "write_once",
                "the tape is write-once and has been written: it can be appended to, but never begin anew; use another one",
            ));
        }
        drive.rewind()?;
        // Everybody must be able to read which tape it is.
        drive.set_encryption(None)?;
        drive.write_block(&block)?;
        drive.write_filemarks(1, FilemarkSync::Flush)?;
        let position = drive.position()?;
        if position.at != Position::block(2) {
            return Err(Error::new(
                ErrorKind::Internal,
                "position_mismatch",
                format!("after the label the tape should be at block 2, but the drive says {}", position.at),
            ));
        }
        note_in_memory(drive, &self.label, medium.barcode.as_deref())?;
        match examine(drive, unit)? {
            FirstBlock::Ours(found) if found == self.label => Ok(Labelled { end_file: 1, end_block: 2 }),
            _ => Err(Error::new(
                ErrorKind::Internal,
                "label_not_readable",
                "the label was written but does not read back; do not use this tape",
            )),
        }
    }
}

/// Writes into the cartridge memory what the tape is, so that any program, and a reader for cartridges that lie on a shelf, can
/// tell. Not every drive and cartridge has such a memory, and nothing here depends on it.
///
/// Errors: unit attentions only, because they are told once.
fn note_in_memory(drive: &mut dyn TapeDrive, label: &Label, barcode: Option<&str>) -> Result<()> {
    use tape_scsi::{Attribute, attribute_id as id};
    const UTF_8: u64 = 0x81;
    let mut attributes = vec![
        Attribute::number(id::TEXT_LOCALIZATION, UTF_8, 1),
        Attribute::ascii(id::APPLICATION_VENDOR, "TAPEBKR"),
        Attribute::ascii(id::APPLICATION_NAME, "TapeBackarr"),
        Attribute::ascii(id::APPLICATION_VERSION, env!("CARGO_PKG_VERSION")),
        Attribute::text(id::USER_MEDIUM_LABEL, label.label.as_str()),
        Attribute::text(id::MEDIA_POOL, label.pool.as_str()),
    ];
    attributes.extend(barcode.map(|barcode| Attribute::ascii(id::BARCODE, barcode)));
    for attribute in attributes.iter().filter(|attribute| attribute.validate().is_ok()) {
        match drive.write_attribute(attribute) {
            Ok(()) => {}
            Err(error) => match error.kind {
                DriveErrorKind::MediumChanged | DriveErrorKind::Reset | DriveErrorKind::ParametersChanged => {
                    return Err(error.into());
                }
                DriveErrorKind::Unsupported => return Ok(()),
                _ => tracing::debug!(%error, "the cartridge memory does not take an attribute"),
            },
        }
    }
    Ok(())
}

/// Checks that the tape in the drive is the expected one and goes to its end of data.
pub struct GoToEnd {
    /// The label's uuid.
    pub uuid: uuid::Uuid,
}

impl DriveTask for GoToEnd {
    type Output = TapePosition;
    const NAME: &'static str = "go to the end of data";

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<TapePosition> {
        check_tape(drive, unit, self.uuid)?;
        drive.space_to_end_of_data()?;
        Ok(drive.position()?)
    }
}

/// Reads the label and compares its uuid.
pub fn check_tape(drive: &mut dyn TapeDrive, unit: &Unit, uuid: uuid::Uuid) -> Result<Label> {
    let label = examine(drive, unit)?.require_label()?;
    if label.uuid != uuid {
        return Err(Error::conflict(
            "wrong_tape",
            format!(
                "the tape in the drive is '{}' (UUID {}), not the one expected (UUID {uuid})",
                label.label, label.uuid
            ),
        )
        .with_details(serde_json::json!({"found": label.label, "found_uuid": label.uuid, "expected_uuid": uuid})));
    }
    Ok(label)
}
