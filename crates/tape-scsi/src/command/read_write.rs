//! READ(6) and WRITE(6) in variable-block mode (SSC-5, 7.3 and 7.18): one command, one block.

use crate::{Command, Data, Reply, ScsiError, Timeout, Transport};

/// Longest block that the 24 bits of the transfer length can say.
pub const MAX_LENGTH: usize = 0xff_ffff;

/// READ of one block of up to `length` bytes, with SILI = 0: a block of another length is told by ILI.
pub fn read_command(length: u32) -> Command {
    let [_, high, middle, low] = length.to_be_bytes();
    Command::new("READ(6)", Timeout::Transfer, [0x08, 0, high, middle, low, 0])
}

/// WRITE of one block of `length` bytes.
pub fn write_command(length: u32) -> Command {
    let [_, high, middle, low] = length.to_be_bytes();
    Command::new("WRITE(6)", Timeout::Transfer, [0x0a, 0, high, middle, low, 0])
}

/// Reads one block. What was found is in the reply's sense data: FILEMARK, ILI with the residual, EOM.
///
/// A buffer longer than [`MAX_LENGTH`] is used up to there.
pub fn read(transport: &mut dyn Transport, buffer: &mut [u8]) -> Result<Reply, ScsiError> {
    let length = buffer.len().min(MAX_LENGTH);
    transport.run(&read_command(length as u32), Data::In(buffer.get_mut(..length).unwrap_or(&mut [])))
}

/// Writes one block of 1 to [`MAX_LENGTH`] bytes. Early warning is in the reply's sense data.
pub fn write(transport: &mut dyn Transport, block: &[u8]) -> Result<Reply, ScsiError> {
    debug_assert!((1..=MAX_LENGTH).contains(&block.len()));
    transport.run(&write_command(block.len() as u32), Data::Out(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_bytes() {
        assert_eq!(read_command(0x08_0001).bytes(), [0x08, 0, 0x08, 0, 1, 0]);
        assert_eq!(write_command(8 << 20).bytes(), [0x0a, 0, 0x80, 0, 0, 0]);
    }
}
