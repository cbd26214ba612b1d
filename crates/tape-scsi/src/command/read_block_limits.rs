//! READ BLOCK LIMITS (SSC-5, 7.4): the block lengths that the drive takes.

use crate::bytes::{u8_at, u16_at, u24_at};
use crate::{Command, Malformed, ScsiError, Timeout, Transport};

const NAME: &str = "READ BLOCK LIMITS";

/// Block lengths that the drive takes in variable-block mode, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBlockLimits {
    /// Longest block; 0 if there is no limit.
    pub maximum: u32,
    /// Shortest block.
    pub minimum: u16,
    /// Blocks are multiples of 2 to this power.
    pub granularity: u8,
}

/// The command, with MLOI = 0.
pub fn command() -> Command {
    Command::new(NAME, Timeout::Short, [0x05, 0, 0, 0, 0, 0])
}

/// Reads the 6 bytes of its answer.
pub fn decode(answer: &[u8]) -> Result<ReadBlockLimits, Malformed> {
    let fields = (u8_at(answer, 0), u24_at(answer, 1), u16_at(answer, 4));
    let (Some(granularity), Some(maximum), Some(minimum)) = fields else { return Err(Malformed::short(NAME)) };
    if maximum != 0 && maximum < u32::from(minimum) {
        return Err(Malformed { of: NAME, why: "the shortest block is longer than the longest" });
    }
    Ok(ReadBlockLimits { maximum, minimum, granularity: granularity & 0x1f })
}

/// Writes the answer, as a device does.
pub fn encode(limits: &ReadBlockLimits) -> [u8; 6] {
    let [_, high, middle, low] = limits.maximum.to_be_bytes();
    let [min_high, min_low] = limits.minimum.to_be_bytes();
    [limits.granularity & 0x1f, high, middle, low, min_high, min_low]
}

/// Asks the drive.
pub fn read_block_limits(transport: &mut dyn Transport) -> Result<ReadBlockLimits, ScsiError> {
    Ok(decode(&transport.fetch(&command(), 6)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};
    use proptest::prelude::*;

    #[test]
    fn an_lto_drive() {
        // IBM LTO drives: 1 byte to 8 MiB.
        let script = Scripted::new([Step::on(&[5, 0, 0, 0, 0, 0]).data(&[0, 0x80, 0, 0, 0, 1])]);
        let limits = read_block_limits(&mut script.clone()).unwrap();
        assert_eq!(limits, ReadBlockLimits { maximum: 8 << 20, minimum: 1, granularity: 0 });
        script.finished();
    }

    #[test]
    fn wrong_answers() {
        assert_eq!(decode(&[0, 0x80, 0, 0, 0]), Err(Malformed::short(NAME)));
        assert!(decode(&[0, 0, 0, 3, 0, 4]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..10)) {
            if let Ok(limits) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&limits)), Ok(limits));
            }
        }
    }
}
