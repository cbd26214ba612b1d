//! Commands that move the whole tape or treat all of it: REWIND, LOAD UNLOAD, ERASE(6), FORMAT MEDIUM, VERIFY(6) (SSC-5,
//! 7.14, 9.2, 7.1, 7.1 and 7.17), and PREVENT ALLOW MEDIUM REMOVAL (SPC-5, 6.16).

use crate::{Command, Data, ScsiError, Timeout, Transport};

/// REWIND, ended when the tape is there.
pub fn rewind_command() -> Command {
    Command::new("REWIND", Timeout::Position, [0x01, 0, 0, 0, 0, 0])
}

/// What LOAD UNLOAD does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadAction {
    /// Threads the tape.
    Load,
    /// Winds it from one end to the other and back: an even tension.
    Retension,
    /// Takes the cartridge in, so that its memory can be read, without threading it (HOLD).
    Hold,
    /// Rewinds and ejects.
    Unload,
}

/// LOAD UNLOAD, ended when it is done.
pub fn load_command(action: LoadAction) -> Command {
    // HOLD 08h, EOT 04h, RETEN 02h, LOAD 01h.
    let flags = match action {
        LoadAction::Load => 0x01,
        LoadAction::Retension => 0x03,
        LoadAction::Hold => 0x09,
        LoadAction::Unload => 0x00,
    };
    Command::new("LOAD UNLOAD", Timeout::Load, [0x1b, 0, 0, 0, flags, 0])
}

/// How much ERASE erases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EraseLength {
    /// LONG = 0: what makes here the end of data.
    Short,
    /// LONG = 1: to the end of the tape. Takes hours.
    Long,
}

/// ERASE(6), ended when it is done.
pub fn erase_command(length: EraseLength) -> Command {
    let long = u8::from(length == EraseLength::Long);
    Command::new("ERASE(6)", Timeout::WholeTape, [0x19, long, 0, 0, 0, 0])
}

/// What FORMAT MEDIUM makes of the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One partition.
    Default,
    /// Partitions as the medium partition mode page says.
    Partition,
    /// The default first, then partitions as the page says.
    DefaultThenPartition,
}

/// FORMAT MEDIUM, which destroys everything on the tape; ended when it is done. The tape must be at its beginning.
pub fn format_command(format: Format) -> Command {
    let format = match format {
        Format::Default => 0,
        Format::Partition => 1,
        Format::DefaultThenPartition => 2,
    };
    Command::new("FORMAT MEDIUM", Timeout::WholeTape, [0x04, 0, format, 0, 0, 0])
}

/// VERIFY(6) of one block of `length` bytes, or of everything up to the end of data (VTE, SSC-4 and later). Nothing is
/// transferred: the drive checks what it reads by its own codes.
pub fn verify_command(what: Verify) -> Command {
    let (flags, length) = match what {
        Verify::Block(length) => (0x00, length),
        Verify::ToEndOfData => (0x20, 0),
    };
    let [_, high, middle, low] = length.to_be_bytes();
    let timeout = if what == Verify::ToEndOfData { Timeout::WholeTape } else { Timeout::Transfer };
    Command::new("VERIFY(6)", timeout, [0x13, flags, high, middle, low, 0])
}

/// What VERIFY checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The next block, of this length.
    Block(u32),
    /// All that follows.
    ToEndOfData,
}

/// PREVENT ALLOW MEDIUM REMOVAL.
pub fn removal_command(prevent: Prevent) -> Command {
    let prevent = u8::from(prevent == Prevent::Removal);
    Command::new("PREVENT ALLOW MEDIUM REMOVAL", Timeout::Short, [0x1e, 0, 0, 0, prevent, 0])
}

/// Whether the medium may be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prevent {
    /// It may.
    Nothing,
    /// It may not.
    Removal,
}

/// Runs one of these commands, all of which transfer nothing.
pub fn run(transport: &mut dyn Transport, command: &Command) -> Result<(), ScsiError> {
    transport.run(command, Data::None).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        assert_eq!(rewind_command().bytes(), [1, 0, 0, 0, 0, 0]);
        assert_eq!(load_command(LoadAction::Retension).bytes(), [0x1b, 0, 0, 0, 3, 0]);
        assert_eq!(load_command(LoadAction::Unload).bytes(), [0x1b, 0, 0, 0, 0, 0]);
        assert_eq!(erase_command(EraseLength::Long).bytes(), [0x19, 1, 0, 0, 0, 0]);
        assert_eq!(format_command(Format::DefaultThenPartition).bytes(), [4, 0, 2, 0, 0, 0]);
        assert_eq!(verify_command(Verify::Block(0x01_0002)).bytes(), [0x13, 0, 1, 0, 2, 0]);
        assert_eq!(verify_command(Verify::ToEndOfData).bytes(), [0x13, 0x20, 0, 0, 0, 0]);
        assert_eq!(removal_command(Prevent::Removal).bytes(), [0x1e, 0, 0, 0, 1, 0]);
    }
}
