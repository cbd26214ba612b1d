//! How a command can fail, as the host sees it.

use crate::{Sense, Status, TransportError};

/// A command that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScsiError {
    /// CHECK CONDITION: the device says what is wrong. [`Sense::is_failure`] holds for it.
    #[error("{0}")]
    Check(Sense),
    /// Another status than GOOD, or CHECK CONDITION without sense data that could be read.
    #[error("the device ended the command with status {0}")]
    Status(Status),
    /// The command did not get to the device, or its end did not get back.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The command succeeded with an answer that cannot be right.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl ScsiError {
    /// The sense data, where the device sent some.
    pub fn sense(&self) -> Option<&Sense> {
        match self {
            ScsiError::Check(sense) => Some(sense),
            _ => None,
        }
    }

    /// The device does not know the command (5h/20h/00h, INVALID COMMAND OPERATION CODE).
    pub fn is_unknown_command(&self) -> bool {
        self.sense().is_some_and(|sense| {
            !sense.deferred && sense.key == crate::SenseKey::IllegalRequest && sense.asc == 0x20 && sense.ascq == 0
        })
    }

    /// The device knows the command but not what was asked for in it (5h/24h/00h, INVALID FIELD IN CDB, or 5h/26h, INVALID
    /// FIELD IN PARAMETER LIST), such as a page it does not have.
    pub fn is_unknown_field(&self) -> bool {
        self.sense().is_some_and(|sense| {
            !sense.deferred && sense.key == crate::SenseKey::IllegalRequest && matches!(sense.asc, 0x24 | 0x26)
        })
    }
}

/// An answer that cannot be right: too short for what it says, or of the wrong kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the device's answer to {of} cannot be right: {why}")]
pub struct Malformed {
    /// The command or the page.
    pub of: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Malformed {
    /// The answer to `of` ends before its last field.
    pub const fn short(of: &'static str) -> Malformed {
        Malformed { of, why: "it is too short" }
    }
}
