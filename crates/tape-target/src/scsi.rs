//! SCSI between the transport and the virtual devices: commands in, status, sense data and data out.
//!
//! * [`unit`] is what every logical unit does: unit attentions per initiator, reservations, INQUIRY, the commands that it
//!   knows; [`reservation`] and [`identity`] are parts of it;
//! * [`tape`] is a drive, [`changer`] a robot.

pub(crate) mod changer;
pub(crate) mod identity;
pub(crate) mod mode;
pub(crate) mod opcodes;
pub(crate) mod reservation;
pub(crate) mod tape;
pub(crate) mod unit;

use tape_drive::{DriveError, DriveErrorKind};
use tape_scsi::{Sense, SenseKey};

/// Status codes (SAM-5, 5.3.1).
pub(crate) const GOOD: u8 = 0x00;
pub(crate) const CHECK_CONDITION: u8 = 0x02;
pub(crate) const RESERVATION_CONFLICT: u8 = 0x18;
pub(crate) const TASK_SET_FULL: u8 = 0x28;

/// Who sends commands: an initiator's port (its name and the number of its session).
pub(crate) type Nexus = (String, [u8; 6]);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub status: u8,
    /// Sense data as bytes.
    pub sense: Vec<u8>,
    /// What the command returns.
    pub data: Vec<u8>,
    /// Bytes of the initiator's data that belonged to the command.
    pub taken: usize,
}

/// What the initiator gets to see.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// Nothing: the command was aborted, or is not to be answered.
    Silence,
    /// Its connection is closed.
    Disconnect,
}

/// What becomes of a command in a device.
pub(crate) type Outcome = Result<Answer, Failure>;

/// Why a command did not simply succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// CHECK CONDITION, with what was read until then.
    Check(Sense, Vec<u8>),
    /// No answer at all.
    Silence,
}

impl Answer {
    /// GOOD, with data.
    pub fn data(data: Vec<u8>) -> Answer {
        Answer { data, ..Answer::default() }
    }

    /// CHECK CONDITION.
    pub fn check(sense: &Sense) -> Answer {
        let encoded = sense.encode_fixed().to_vec();
        Answer { status: CHECK_CONDITION, sense: encoded, ..Answer::default() }
    }

    /// A status without sense data.
    pub fn status(status: u8) -> Answer {
        Answer { status, ..Answer::default() }
    }

    pub fn invalid_field() -> Answer {
        Answer::check(&Sense::new(SenseKey::IllegalRequest, 0x24, 0x00))
    }

    pub fn task_set_full() -> Answer {
        Answer::status(TASK_SET_FULL)
    }

    /// The answer of a logical unit that does not exist (SPC-5, 4.3.5 and 6.7): INQUIRY says so, all others fail.
    pub fn no_such_unit(cdb: &[u8]) -> Answer {
        match cdb.first() {
            Some(0x12) => Answer::data(cut([0x7f, 0, 6, 2, 31].into_iter().chain([0; 31]).collect(), cdb, 3, 2)),
            _ => Answer::check(&Sense::new(SenseKey::IllegalRequest, 0x25, 0x00)),
        }
    }
}

impl From<Sense> for Failure {
    fn from(sense: Sense) -> Failure {
        Failure::Check(sense, Vec::new())
    }
}

impl From<DriveError> for Failure {
    fn from(error: DriveError) -> Failure {
        if let Some(sense) = error.sense {
            return sense.into();
        }
        let code = match error.kind {
            // A command that was not answered is not answered here either.
            DriveErrorKind::Aborted => return Failure::Silence,
            DriveErrorKind::Unsupported => (SenseKey::IllegalRequest, 0x20, 0x00),
            DriveErrorKind::IllegalRequest => (SenseKey::IllegalRequest, 0x24, 0x00),
            DriveErrorKind::NoMedium => (SenseKey::NotReady, 0x3a, 0x00),
            DriveErrorKind::NotReady => (SenseKey::NotReady, 0x04, 0x00),
            DriveErrorKind::WriteProtected => (SenseKey::DataProtect, 0x27, 0x00),
            DriveErrorKind::BlankCheck => (SenseKey::BlankCheck, 0x00, 0x05),
            DriveErrorKind::MediumError => (SenseKey::MediumError, 0x11, 0x00),
            // The disk under the image failed, or something that has no better word.
            _ => (SenseKey::HardwareError, 0x44, 0x00),
        };
        Sense::new(code.0, code.1, code.2).into()
    }
}

/// ILLEGAL REQUEST, invalid field in CDB.
pub(crate) fn invalid_field() -> Failure {
    Sense::new(SenseKey::IllegalRequest, 0x24, 0x00).into()
}

/// ILLEGAL REQUEST, invalid field in parameter list.
pub(crate) fn invalid_parameter() -> Failure {
    Sense::new(SenseKey::IllegalRequest, 0x26, 0x00).into()
}

/// ILLEGAL REQUEST, parameter list length error.
pub(crate) fn wrong_length() -> Failure {
    Sense::new(SenseKey::IllegalRequest, 0x1a, 0x00).into()
}

/// ILLEGAL REQUEST, invalid command operation code.
pub(crate) fn unknown_command() -> Failure {
    Sense::new(SenseKey::IllegalRequest, 0x20, 0x00).into()
}

/// A big-endian field of a CDB; what the CDB does not have is zero.
pub(crate) fn field(cdb: &[u8], at: usize, width: usize) -> u64 {
    let bytes = (at..at + width).map(|at| cdb.get(at).copied().unwrap_or(0));
    bytes.fold(0, |value, byte| value << 8 | u64::from(byte))
}

/// A byte of a CDB.
pub(crate) fn byte(cdb: &[u8], at: usize) -> u8 {
    cdb.get(at).copied().unwrap_or(0)
}

/// Data cut to the allocation length in the CDB: never more than that may be returned (SPC-5, 4.2.5.6).
pub(crate) fn cut(mut data: Vec<u8>, cdb: &[u8], at: usize, width: usize) -> Vec<u8> {
    data.truncate(field(cdb, at, width) as usize);
    data
}
