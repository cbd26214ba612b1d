//! One error for everything that a drive or a changer can answer.
//!
//! Sense data stays a structure from the device to the person: nothing above this crate parses a message to learn
//! what happened. Each kind has one meaning and one right reaction, listed with it.

use crate::Position;
use serde::{Deserialize, Serialize};
use std::fmt;
use tape_scsi::{ScsiError, Sense, Status, TransportError};

/// Result of a command to a drive or a changer.
pub type Result<T, E = DriveError> = std::result::Result<T, E>;

/// The command that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Operation {
    Open,
    Identify,
    Status,
    Load,
    Unload,
    Rewind,
    Write,
    WriteFilemarks,
    Read,
    Locate,
    Space,
    ReadPosition,
    ModeSelect,
    ModeSense,
    LogSense,
    ReadAttribute,
    WriteAttribute,
    Erase,
    PreventRemoval,
    Encryption,
    Retension,
    Inventory,
    Move,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Open => "open the device",
            Operation::Identify => "identify the device",
            Operation::Status => "test whether the unit is ready",
            Operation::Load => "load the medium",
            Operation::Unload => "unload the medium",
            Operation::Rewind => "rewind",
            Operation::Write => "write a block",
            Operation::WriteFilemarks => "write a filemark",
            Operation::Read => "read a block",
            Operation::Locate => "locate a block",
            Operation::Space => "space over the tape",
            Operation::ReadPosition => "read the position",
            Operation::ModeSelect => "set a mode page",
            Operation::ModeSense => "read a mode page",
            Operation::LogSense => "read a log page",
            Operation::ReadAttribute => "read the cartridge memory",
            Operation::WriteAttribute => "write the cartridge memory",
            Operation::Erase => "erase",
            Operation::PreventRemoval => "lock the medium",
            Operation::Encryption => "set or read the encryption of the drive",
            Operation::Retension => "retension the tape",
            Operation::Inventory => "read the element status",
            Operation::Move => "move a medium",
        })
    }
}

/// What a failure means, and so what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriveErrorKind {
    /// No cartridge in the drive (02/3A). Load one.
    NoMedium,
    /// Becoming ready, or needs a LOAD (02/04). Wait, or load.
    NotReady,
    /// The cartridge, or the drive for this cartridge, does not accept writes (07/27). Use another cartridge.
    WriteProtected,
    /// Append-only or protected by encryption state (07/xx). Nothing was written.
    DataProtect,
    /// What is recorded is encrypted and the drive has no key for it, or another one (07/74). Set the right key.
    KeyRequired,
    /// VOLUME OVERFLOW, or EOM with an error key: the block is **not** on the tape. Write it on the next one.
    EndOfMedium,
    /// The medium could not be read or written (03/xx).
    MediumError,
    /// The drive or the robot failed (04/xx).
    HardwareError,
    /// Nothing is recorded here (08/00/05), as opposed to something that cannot be read.
    BlankCheck,
    /// The block on tape is longer than the buffer; it was passed over. `actual` is its length where known.
    BlockTooLong {
        /// Length of the block on tape in bytes, if the drive told it.
        actual: Option<u64>,
    },
    /// A cartridge was inserted or exchanged (06/28). Read the label again before anything else.
    MediumChanged,
    /// The device was reset (06/29): position, modes and keys are lost. Re-establish all of them.
    Reset,
    /// Mode parameters changed (06/2A). Apply them again.
    ParametersChanged,
    /// The error belongs to an earlier command (response code 71h/73h): everything since the last flush is suspect.
    Deferred,
    /// The command is not known, or a field is not accepted (05/xx).
    IllegalRequest,
    /// The drive or the backend has no such function.
    Unsupported,
    /// The cartridge cannot be used in this drive (03/30): wrong generation, wrong format.
    IncompatibleMedium,
    /// The cartridge is for cleaning.
    CleaningCartridge,
    /// The drive ended the command (0B/xx), or it timed out. It may have been carried out.
    Aborted,
    /// Another program has the device, or it is reserved for another host.
    Busy,
    /// Source or destination of a move does not fit: source empty, destination full, door open, tape stuck (05/3B, 05/53).
    ElementState,
    /// The operating system could not talk to the device, or an image file to its disk.
    Io,
}

/// A failed command: what, where, why, and how far back data is in doubt.
#[derive(Debug, Clone)]
pub struct DriveError {
    /// What it means.
    pub kind: DriveErrorKind,
    /// The sense data, where the device sent some.
    pub sense: Option<Sense>,
    /// The command.
    pub operation: Operation,
    /// Where the tape was, where known.
    pub position: Option<Position>,
    /// For deferred errors and lost buffers: everything written from this position on may not be on the tape.
    pub suspect_since: Option<Position>,
    /// In words: what happened and what to do.
    pub message: Box<str>,
}

impl DriveError {
    /// An error of `kind` in `operation`, described by `message`.
    pub fn new(kind: DriveErrorKind, operation: Operation, message: impl Into<String>) -> Self {
        DriveError {
            kind,
            sense: None,
            operation,
            position: None,
            suspect_since: None,
            message: message.into().into_boxed_str(),
        }
    }

    /// The error of a drive that is asked to encrypt and has no such function.
    pub fn cannot_encrypt() -> Self {
        let message =
            "this drive does not encrypt; let the program encrypt, or use a drive that does (LTO-4 and later)";
        DriveError::new(DriveErrorKind::Unsupported, Operation::Encryption, message)
    }

    /// The error of a command that would write where the tape is, which is not where this host left it.
    pub(crate) fn moved_away(operation: Operation, at: Position, left: Position) -> Self {
        let message = format!(
            "after an error the tape is at {at}, and was left at {left}: the drive was reset, or somebody moved the tape; \
             rewind it, and read its label, before anything is written"
        );
        DriveError::new(DriveErrorKind::Reset, operation, message).at(at)
    }

    /// The same, with the sense data it was derived from.
    pub fn with_sense(mut self, sense: Sense) -> Self {
        self.sense = Some(sense);
        self
    }

    /// The error of a command that ended with `sense`. Sense data that means success (see [`crate::sense_kind`]) has no
    /// business here; an error made of it nevertheless is a hardware error, because then nobody knows what happened.
    pub fn from_sense(operation: Operation, sense: Sense) -> Self {
        let kind = crate::sense_kind(&sense).unwrap_or(DriveErrorKind::HardwareError);
        let message = crate::sense_map::describe(&kind, &sense);
        DriveError::new(kind, operation, message).with_sense(sense)
    }

    /// The error of a command that failed as `error` says.
    pub fn from_scsi(operation: Operation, error: ScsiError) -> Self {
        use DriveErrorKind as Kind;
        let kind = match error {
            ScsiError::Check(sense) => return DriveError::from_sense(operation, sense),
            ScsiError::Status(Status::BUSY | Status::RESERVATION_CONFLICT | Status::TASK_SET_FULL) => Kind::Busy,
            // The rest of SAM-5's statuses, and CHECK CONDITION that does not say why: nobody knows what was done.
            ScsiError::Status(_) => Kind::Aborted,
            ScsiError::Transport(TransportError::TimedOut(_)) => Kind::Aborted,
            ScsiError::Transport(TransportError::Reset) => Kind::Reset,
            ScsiError::Transport(TransportError::System(rustix::io::Errno::BUSY)) => Kind::Busy,
            ScsiError::Transport(_) => Kind::Io,
            ScsiError::Malformed(_) => Kind::HardwareError,
        };
        DriveError::new(kind, operation, error.to_string())
    }

    /// The same, described by `message` instead.
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into().into_boxed_str();
        self
    }

    /// The same, with the place from which on data is in doubt.
    pub fn suspect_since(mut self, position: Position) -> Self {
        self.suspect_since = Some(position);
        self
    }

    /// The same, with the position of the tape.
    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }
}

impl fmt::Display for DriveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.operation)?;
        if let Some(position) = self.position {
            write!(f, " at {position}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(sense) = &self.sense {
            write!(f, " [{sense}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for DriveError {}
