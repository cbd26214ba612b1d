//! Reading the label: which tape is in the drive.

use super::{DriveTask, Unit};
use crate::actors::drive::{LabelSeen, Unlabelled};
use crate::{Error, Result};
use tape_drive::{DriveErrorKind, ReadOutcome, TapeDrive};
use tape_format::Label;

/// Largest block that a label or a foreign tape is read with, in bytes.
const READ_BUFFER: usize = 8 << 20;

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
    /// Whether it is a label with this uuid.
    pub fn is(&self, uuid: uuid::Uuid) -> bool {
        matches!(self, FirstBlock::Ours(label) if label.uuid == uuid)
    }

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

/// Makes sure that the tape is the one that was looked at before: with a label with this uuid, or with none of ours. For what
/// destroys it; between two tasks anybody may exchange a cartridge.
///
/// # Errors
/// `medium_changed` if it is another one.
pub fn still_holds(drive: &mut dyn TapeDrive, unit: &Unit, uuid: Option<uuid::Uuid>) -> Result<FirstBlock> {
    let found = examine(drive, unit)?;
    let now = match &found {
        FirstBlock::Ours(label) => Some(label),
        _ => None,
    };
    if now.map(|label| label.uuid) == uuid {
        return Ok(found);
    }
    let what = now.map_or("a tape without a label".to_owned(), |label| format!("tape '{}'", label.label));
    Err(Error::conflict(
        "medium_changed",
        format!(
            "the tape in the drive was exchanged since it was looked at: now it is {what}; nothing was written. \
             See that the right tape is in the drive, and do it again"
        ),
    ))
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
