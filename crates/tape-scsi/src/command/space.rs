//! SPACE(6) and SPACE(16) (SSC-5, 7.15 and 7.16).

use crate::{Command, Data, ScsiError, Timeout, Transport};

/// What to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Blocks (and filemarks stop it).
    Blocks,
    /// Filemarks.
    Filemarks,
    /// Everything: to the end of data. The count does not matter.
    EndOfData,
}

impl Over {
    fn code(self) -> u8 {
        match self {
            Over::Blocks => 0,
            Over::Filemarks => 1,
            Over::EndOfData => 3,
        }
    }
}

/// Passes `count` objects, backwards if it is negative: SPACE(6) as far as its 24 bits reach, SPACE(16) beyond.
pub fn command(over: Over, count: i64) -> Command {
    let code = over.code();
    if (-0x80_0000..=0x7f_ffff).contains(&count) {
        let [.., high, middle, low] = count.to_be_bytes();
        return Command::new("SPACE(6)", Timeout::Position, [0x11, code, high, middle, low, 0]);
    }
    let mut cdb = [0; 16];
    cdb[0] = 0x91;
    cdb[1] = code;
    cdb[4..12].copy_from_slice(&count.to_be_bytes());
    Command::new("SPACE(16)", Timeout::Position, cdb)
}

/// Passes objects. Where there are fewer the error's sense data has the number not passed as its residual.
pub fn space(transport: &mut dyn Transport, over: Over, count: i64) -> Result<(), ScsiError> {
    let reply = transport.run(&command(over, count), Data::None)?;
    match reply.sense {
        // A filemark met by SPACE over blocks, or the beginning of the partition, comes with NO SENSE and a flag
        // (SSC-5, 7.15): not all was passed.
        Some(sense) if sense.filemark || sense.eom => Err(ScsiError::Check(sense)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};
    use crate::{Sense, SenseKey};

    #[test]
    fn counts_are_signed() {
        assert_eq!(command(Over::Filemarks, -2).bytes(), [0x11, 1, 0xff, 0xff, 0xfe, 0]);
        assert_eq!(command(Over::EndOfData, 0).bytes(), [0x11, 3, 0, 0, 0, 0]);
        let far = command(Over::Blocks, -0x80_0001);
        assert_eq!(far.bytes(), [0x91, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0, 0, 0, 0]);
    }

    #[test]
    fn the_beginning_of_the_tape_is_not_a_success() {
        let bop = Sense::new(SenseKey::NoSense, 0x00, 0x04).at_end_of_medium();
        let mut script = Scripted::new([Step::on(&[0x11]).check(bop)]);
        assert_eq!(space(&mut script, Over::Filemarks, -3), Err(ScsiError::Check(bop)));
    }
}
