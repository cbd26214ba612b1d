//! Where the tape is, and going to places.
//!
//! A drive tells its position by READ POSITION and goes to one by LOCATE. Some know neither, or answer zeros for ever,
//! which shows by the beginning of the tape without the flag that belongs to it (SSC-5, 7.7: BOP) and LOCATE unknown. For
//! these the position is counted from a REWIND on, from the drive's own answers: each acknowledged block and filemark. What
//! makes the count doubtful (any error, any unit attention) ends it, and the next question for the position rewinds the
//! tape to begin anew: so the answer is always true, and no write goes to a place that is not known.

use super::SscDrive;
use super::transfer::is_end_of_data;
use crate::*;
use tape_scsi::command::locate::{self, LocateForm};
use tape_scsi::command::read_position::{self, LogicalPosition, PositionForm};
use tape_scsi::command::space::{self, Over};
use tape_scsi::{ScsiError, Sense, SenseKey, Transport};

/// How the drive is asked for its position and sent to one; learned by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Positioning {
    /// It tells, and knows LOCATE unless `locate` says otherwise.
    Told {
        /// Of READ POSITION.
        form: PositionForm,
        /// Of LOCATE; `None` if it knows none.
        locate: Option<LocateForm>,
    },
    /// It does not tell: see the module.
    Counted,
}

impl Default for Positioning {
    fn default() -> Self {
        Positioning::Told { form: PositionForm::Long, locate: Some(LocateForm::Sixteen) }
    }
}

impl<T: Transport> SscDrive<T> {
    /// Where the tape is.
    pub(super) fn find_position(&mut self, operation: Operation) -> Result<TapePosition> {
        if let Some(told) = self.told_position(operation)? {
            return Ok(told);
        }
        // So that an empty or changed drive says so before a count is believed.
        tape_scsi::command::test_unit_ready::test_unit_ready(&mut self.transport)
            .map_err(|error| self.failed(operation, error))?;
        let at = match self.at {
            Some(at) => at,
            None => {
                self.rewind()?;
                Position::START
            }
        };
        Ok(TapePosition { at, file: self.file, beginning: at.block == 0, end_zone: false })
    }

    /// The same, only from the drive itself; `None` if it does not tell.
    pub(crate) fn told_position(&mut self, operation: Operation) -> Result<Option<TapePosition>> {
        Ok(self.told_flags(operation)?.map(|(position, _)| position))
    }

    /// The same, and whether the tape is beyond the programmable early warning.
    pub(crate) fn told_flags(&mut self, operation: Operation) -> Result<Option<(TapePosition, bool)>> {
        while let Positioning::Told { form, locate } = self.positioning {
            match read_position::read_position(&mut self.transport, form) {
                Ok(mut found) => {
                    if contradictory(&found) {
                        if !self.flagless && !self.knows_locate(operation)? {
                            self.positioning = Positioning::Counted;
                            break;
                        }
                        // It tells, only without this flag.
                        self.flagless = true;
                        found.beginning = true;
                    }
                    let position = self.told(operation, &found)?;
                    return Ok(Some((position, found.beyond_programmable_early_warning)));
                }
                Err(error) if error.is_unknown_command() || error.is_unknown_field() => {
                    self.positioning = match form {
                        PositionForm::Long => Positioning::Told { form: PositionForm::Short, locate },
                        PositionForm::Short => Positioning::Counted,
                    };
                }
                Err(error) => return Err(self.failed(operation, error)),
            }
        }
        Ok(None)
    }

    /// Whether the drive can be sent to the beginning of the tape, where it says that it is.
    fn knows_locate(&mut self, operation: Operation) -> Result<bool> {
        for form in [LocateForm::Sixteen, LocateForm::Ten] {
            match locate::locate(&mut self.transport, form, 0, 0) {
                Ok(()) => return Ok(true),
                Err(error) if error.is_unknown_command() => {}
                Err(error) => return Err(self.failed(operation, error)),
            }
        }
        Ok(false)
    }

    fn told(&mut self, operation: Operation, found: &LogicalPosition) -> Result<TapePosition> {
        let partition = u8::try_from(found.partition).ok();
        let (Some(block), Some(partition)) = (found.object, partition) else {
            self.at = None;
            let message = "the drive does not know where the tape is; rewind it";
            return Err(DriveError::new(DriveErrorKind::HardwareError, operation, message));
        };
        let at = Position { partition, block };
        self.at = Some(at);
        Ok(TapePosition { at, file: found.file, beginning: found.beginning, end_zone: found.end })
    }

    pub(super) fn go(&mut self, to: Position) -> Result<()> {
        let operation = Operation::Locate;
        while let Positioning::Told { form, locate: Some(locate) } = self.positioning {
            let result = locate::locate(&mut self.transport, locate, to.partition, to.block);
            match result {
                Ok(()) => {
                    self.moved(Some(to));
                    return Ok(());
                }
                Err(error) if error.is_unknown_command() => {
                    let locate = (locate == LocateForm::Sixteen).then_some(LocateForm::Ten);
                    self.positioning = Positioning::Told { form, locate };
                }
                Err(error) => {
                    if let Some(sense) = error.sense().filter(|sense| is_end_of_data(sense)) {
                        return Err(self.behind_the_end(operation, to, *sense));
                    }
                    return Err(self.failed(operation, error));
                }
            }
        }
        if to.partition != 0 {
            let message = format!("the drive cannot be sent to partition {}", to.partition);
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, operation, message));
        }
        let reached = self.walk_to(operation, to.block)?;
        if reached < to.block {
            let sense = Sense::new(SenseKey::BlankCheck, 0x00, 0x05);
            return Err(self.behind_the_end(operation, to, sense));
        }
        Ok(())
    }

    fn behind_the_end(&mut self, operation: Operation, to: Position, sense: Sense) -> DriveError {
        if self.positioning != Positioning::Counted {
            self.moved(None);
        }
        let message = format!("{to} lies behind the end of data");
        DriveError::new(DriveErrorKind::BlankCheck, operation, message).with_sense(sense)
    }

    pub(super) fn pass_filemarks(&mut self, count: i64) -> Result<()> {
        let operation = Operation::Space;
        if self.must_walk(operation)? {
            return self.walk_filemarks(count);
        }
        match space::space(&mut self.transport, Over::Filemarks, count) {
            Ok(()) => {
                self.moved(None);
                Ok(())
            }
            Err(ScsiError::Check(sense)) if too_few(&sense) => {
                self.moved(None);
                Err(too_few_filemarks(count, sense))
            }
            Err(error) => Err(self.failed(operation, error)),
        }
    }

    pub(super) fn go_to_end_of_data(&mut self) -> Result<()> {
        if self.must_walk(Operation::Space)? {
            return self.walk_to(Operation::Space, u64::MAX).map(|_| ());
        }
        match space::space(&mut self.transport, Over::EndOfData, 0) {
            Ok(()) => {}
            // At the end of the tape there is no room for an end of data.
            Err(ScsiError::Check(sense)) if is_end_of_data(&sense) || sense.key == SenseKey::NoSense => {}
            Err(error) => return Err(self.failed(Operation::Space, error)),
        }
        self.moved(None);
        Ok(())
    }

    /// Whether positions are counted, so that no block may be passed unseen. Asks the drive if it was not asked yet.
    fn must_walk(&mut self, operation: Operation) -> Result<bool> {
        if self.at.is_none() {
            self.find_position(operation)?;
        }
        Ok(self.positioning == Positioning::Counted)
    }

    /// The tape was moved, for which the drive wrote its buffer (SSC-5, 4.2.14).
    pub(super) fn moved(&mut self, to: Option<Position>) {
        self.at = to;
        self.left = None;
        self.file = None;
        self.unflushed = None;
    }
}

/// The beginning of the first partition is the beginning of a partition, and says so.
fn contradictory(position: &LogicalPosition) -> bool {
    position.object == Some(0) && position.partition == 0 && !position.beginning
}

/// SPACE came to the end of data, or back to the beginning of the tape.
fn too_few(sense: &Sense) -> bool {
    is_end_of_data(sense) || (!sense.is_failure() && sense.eom)
}

pub(super) fn too_few_filemarks(count: i64, sense: Sense) -> DriveError {
    let message = match count {
        ..0 => "the beginning of the tape came before the last filemark asked for",
        _ => "the end of data came before the last filemark asked for",
    };
    DriveError::new(DriveErrorKind::BlankCheck, Operation::Space, message).with_sense(sense)
}
