//! LOCATE(10) and LOCATE(16) (SSC-5, 7.2): to a logical object.

use crate::{Command, Data, ScsiError, Timeout, Transport};

const NAME_10: &str = "LOCATE(10)";
const NAME_16: &str = "LOCATE(16)";

/// CP: change the partition to the one in the CDB.
const CHANGE_PARTITION: u8 = 0x02;

/// To object `object` of partition `partition`.
pub fn command_16(partition: u8, object: u64) -> Command {
    let mut cdb = [0; 16];
    cdb[0] = 0x92;
    // DEST_TYPE 000b: a logical object identifier.
    cdb[1] = CHANGE_PARTITION;
    cdb[3] = partition;
    cdb[4..12].copy_from_slice(&object.to_be_bytes());
    Command::new(NAME_16, Timeout::Position, cdb)
}

/// The same for drives without LOCATE(16), which know no object beyond 32 bits.
pub fn command_10(partition: u8, object: u32) -> Command {
    let [a, b, c, d] = object.to_be_bytes();
    Command::new(NAME_10, Timeout::Position, [0x2b, CHANGE_PARTITION, 0, a, b, c, d, 0, partition, 0])
}

/// Which LOCATE a drive knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocateForm {
    /// LOCATE(10).
    Ten,
    /// LOCATE(16).
    Sixteen,
}

/// Goes to an object. An object behind the end of data is an error with BLANK CHECK, and leaves the tape there.
pub fn locate(transport: &mut dyn Transport, form: LocateForm, partition: u8, object: u64) -> Result<(), ScsiError> {
    let command = match (form, u32::try_from(object)) {
        (LocateForm::Ten, Ok(object)) => command_10(partition, object),
        _ => command_16(partition, object),
    };
    transport.run(&command, Data::None).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        assert_eq!(command_10(1, 0x0102_0304).bytes(), [0x2b, 2, 0, 1, 2, 3, 4, 0, 1, 0]);
        assert_eq!(command_16(1, 0x0102_0304_0506_0708).bytes(), [0x92, 2, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0]);
    }
}
