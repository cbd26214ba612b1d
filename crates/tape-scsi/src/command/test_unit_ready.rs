//! TEST UNIT READY (SPC-5, 6.47).

use crate::{Command, Data, ScsiError, Timeout, Transport};

/// The command.
pub fn command() -> Command {
    Command::new("TEST UNIT READY", Timeout::Short, [0; 6])
}

/// Asks whether the device takes commands that need a medium. What is in the way, and how far it is, is in the sense data
/// of the error: see [`Sense::progress`](crate::Sense::progress).
pub fn test_unit_ready(transport: &mut dyn Transport) -> Result<(), ScsiError> {
    transport.run(&command(), Data::None).map(|_| ())
}
