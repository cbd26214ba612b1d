//! REQUEST SENSE (SPC-5, 6.39): sense data asked for, such as the progress of a command that runs on its own.

use crate::{Command, ScsiError, Sense, Timeout, Transport};

const LENGTH: u8 = 252;

/// The command, with fixed format asked for.
pub fn command() -> Command {
    Command::new("REQUEST SENSE", Timeout::Short, [0x03, 0, 0, 0, LENGTH, 0])
}

/// Asks for sense data; `None` if the device sent nothing that could be read.
pub fn request_sense(transport: &mut dyn Transport) -> Result<Option<Sense>, ScsiError> {
    Ok(Sense::decode(&transport.fetch(&command(), usize::from(LENGTH))?))
}
