//! READ POSITION (SSC-5, 7.7), short and long form.

use crate::bytes::{u8_at, u32_at, u64_at};
use crate::{Command, Malformed, ScsiError, Timeout, Transport};

const NAME: &str = "READ POSITION";

/// Which form of the answer a drive knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionForm {
    /// 20 bytes, object numbers of 32 bits, no filemark count.
    Short,
    /// 32 bytes, object numbers of 64 bits.
    Long,
}

/// Where the tape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogicalPosition {
    /// BOP: at the beginning of the partition.
    pub beginning: bool,
    /// EOP: between early warning and the end of the partition.
    pub end: bool,
    /// BPEW: beyond the programmable early warning.
    pub beyond_programmable_early_warning: bool,
    /// Partition number.
    pub partition: u32,
    /// Logical object number, unless the drive does not know it (LOLU, LONU).
    pub object: Option<u64>,
    /// Logical file identifier: filemarks before it. Long form only, and not if the drive does not know it (MPU).
    pub file: Option<u64>,
    /// Objects in the drive's buffer that are not on the medium yet, where the drive tells. Short form only.
    pub buffered: Option<u32>,
}

/// The command.
pub fn command(form: PositionForm) -> Command {
    let action = match form {
        PositionForm::Short => 0x00,
        PositionForm::Long => 0x06,
    };
    // The ALLOCATION LENGTH field must be zero in both forms.
    Command::new(NAME, Timeout::Short, [0x34, action, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// Reads an answer.
pub fn decode(form: PositionForm, answer: &[u8]) -> Result<LogicalPosition, Malformed> {
    match form {
        PositionForm::Short => decode_short(answer),
        PositionForm::Long => decode_long(answer),
    }
    .ok_or(Malformed::short(NAME))
}

fn decode_short(answer: &[u8]) -> Option<LogicalPosition> {
    let flags = u8_at(answer, 0)?;
    let (first, last) = (u32_at(answer, 4)?, u32_at(answer, 8)?);
    let location_unknown = flags & 0x04 != 0;
    let count_unknown = flags & 0x20 != 0;
    u32_at(answer, 16)?;
    Some(LogicalPosition {
        beginning: flags & 0x80 != 0,
        end: flags & 0x40 != 0,
        beyond_programmable_early_warning: flags & 0x01 != 0,
        partition: u32::from(u8_at(answer, 1)?),
        object: (!location_unknown).then(|| u64::from(first)),
        file: None,
        // LAST LOGICAL OBJECT LOCATION is that of the next object to go from the buffer to the medium.
        buffered: (!location_unknown && !count_unknown).then(|| first.saturating_sub(last)),
    })
}

fn decode_long(answer: &[u8]) -> Option<LogicalPosition> {
    let flags = u8_at(answer, 0)?;
    let (object, file) = (u64_at(answer, 8)?, u64_at(answer, 16)?);
    // 32 bytes, the last 8 of them obsolete.
    u64_at(answer, 24)?;
    Some(LogicalPosition {
        beginning: flags & 0x80 != 0,
        end: flags & 0x40 != 0,
        beyond_programmable_early_warning: flags & 0x01 != 0,
        partition: u32_at(answer, 4)?,
        object: (flags & 0x04 == 0).then_some(object),
        file: (flags & 0x08 == 0).then_some(file),
        buffered: None,
    })
}

/// Writes the long form, as a device does.
pub fn encode_long(position: &LogicalPosition) -> [u8; 32] {
    let mut answer = [0; 32];
    answer[0] = (u8::from(position.beginning) << 7)
        | (u8::from(position.end) << 6)
        | (u8::from(position.file.is_none()) << 3)
        | (u8::from(position.object.is_none()) << 2)
        | u8::from(position.beyond_programmable_early_warning);
    answer[4..8].copy_from_slice(&position.partition.to_be_bytes());
    answer[8..16].copy_from_slice(&position.object.unwrap_or(0).to_be_bytes());
    answer[16..24].copy_from_slice(&position.file.unwrap_or(0).to_be_bytes());
    answer
}

/// Asks where the tape is.
pub fn read_position(transport: &mut dyn Transport, form: PositionForm) -> Result<LogicalPosition, ScsiError> {
    let length = match form {
        PositionForm::Short => 20,
        PositionForm::Long => 32,
    };
    Ok(decode(form, &transport.fetch(&command(form), length)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_form() {
        let mut answer = [0; 20];
        answer[0] = 0x40;
        answer[7] = 9;
        answer[11] = 5;
        let position = decode(PositionForm::Short, &answer).unwrap();
        assert_eq!((position.object, position.buffered, position.end), (Some(9), Some(4), true));
        answer[0] = 0x04;
        assert_eq!(decode(PositionForm::Short, &answer).unwrap().object, None, "location unknown");
        assert_eq!(decode(PositionForm::Short, &answer[..19]), Err(Malformed::short(NAME)));
    }

    #[test]
    fn long_form() {
        let mut answer = [0; 32];
        answer[0] = 0x80;
        let position = decode(PositionForm::Long, &answer).unwrap();
        assert_eq!((position.beginning, position.object, position.file), (true, Some(0), Some(0)));
        answer[0] = 0x0c;
        let position = decode(PositionForm::Long, &answer).unwrap();
        assert_eq!((position.object, position.file), (None, None));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(PositionForm::Short, &bytes);
            if let Ok(position) = decode(PositionForm::Long, &bytes) {
                prop_assert_eq!(decode(PositionForm::Long, &encode_long(&position)), Ok(position));
            }
        }
    }
}
