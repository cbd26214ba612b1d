//! WRITE FILEMARKS(6) (SSC-5, 7.19).

use crate::{Command, Data, Reply, ScsiError, Timeout, Transport};

/// Most filemarks that one command writes.
pub const MAX_COUNT: u32 = 0xff_ffff;

/// When the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Immediate {
    /// IMMED = 0: when everything before it, and the filemarks, are on the medium.
    No,
    /// IMMED = 1: as soon as the drive has taken it.
    Yes,
}

/// Writes `count` filemarks, of which the low 24 bits count; 0 with [`Immediate::No`] only flushes the drive's buffer.
pub fn command(count: u32, immediate: Immediate) -> Command {
    let [_, high, middle, low] = count.to_be_bytes();
    let flags = u8::from(immediate == Immediate::Yes);
    Command::new("WRITE FILEMARKS(6)", Timeout::Transfer, [0x10, flags, high, middle, low, 0])
}

/// Writes filemarks. Early warning is in the reply's sense data.
pub fn write_filemarks(transport: &mut dyn Transport, count: u32, immediate: Immediate) -> Result<Reply, ScsiError> {
    transport.run(&command(count, immediate), Data::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        assert_eq!(command(0, Immediate::No).bytes(), [0x10, 0, 0, 0, 0, 0]);
        assert_eq!(command(0x01_0203, Immediate::Yes).bytes(), [0x10, 1, 1, 2, 3, 0]);
    }
}
