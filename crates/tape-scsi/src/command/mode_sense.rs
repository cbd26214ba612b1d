//! MODE SENSE(6) and MODE SENSE(10) (SPC-5, 6.14 and 6.15): settings and properties, a page at a time.

use crate::bytes::{u8_at, u16_at};
use crate::{Command, Malformed, ScsiError, Timeout, Transport};

const NAME: &str = "MODE SENSE";

/// MODE SENSE(6) for the current values of a page, without block descriptors.
pub fn command6(page: u8, allocation: u8) -> Command {
    Command::new("MODE SENSE(6)", Timeout::Short, [0x1a, 0x08, page & 0x3f, 0, allocation, 0])
}

/// MODE SENSE(10) for the same.
pub fn command10(page: u8, allocation: u16) -> Command {
    let [high, low] = allocation.to_be_bytes();
    Command::new("MODE SENSE(10)", Timeout::Short, [0x5a, 0x08, page & 0x3f, 0, 0, 0, 0, high, low, 0])
}

/// The page in an answer to MODE SENSE(6): what follows the header of 4 bytes and the block descriptors that some devices
/// send though they were told not to.
pub fn page6(page: u8, answer: &[u8]) -> Result<Vec<u8>, Malformed> {
    let descriptors = u8_at(answer, 3).ok_or(Malformed::short(NAME))?;
    page_at(page, answer, 4 + usize::from(descriptors))
}

/// The page in an answer to MODE SENSE(10), whose header has 8 bytes.
pub fn page10(page: u8, answer: &[u8]) -> Result<Vec<u8>, Malformed> {
    let descriptors = u16_at(answer, 6).ok_or(Malformed::short(NAME))?;
    page_at(page, answer, 8 + usize::from(descriptors))
}

/// The page at `at`, as far as its length goes and it was delivered.
fn page_at(page: u8, answer: &[u8], at: usize) -> Result<Vec<u8>, Malformed> {
    let (Some(code), Some(length)) = (u8_at(answer, at), u8_at(answer, at + 1)) else {
        return Err(Malformed::short(NAME));
    };
    if code & 0x3f != page & 0x3f {
        return Err(Malformed { of: NAME, why: "it is not the page that was asked for" });
    }
    let end = (at + 2 + usize::from(length)).min(answer.len());
    answer.get(at..end).map(<[u8]>::to_vec).ok_or(Malformed::short(NAME))
}

/// Asks for the current values of a page; it begins with its page code. The short command first, which all libraries know.
pub fn mode_page(transport: &mut dyn Transport, page: u8) -> Result<Vec<u8>, ScsiError> {
    match transport.fetch(&command6(page, u8::MAX), usize::from(u8::MAX)) {
        Ok(answer) => Ok(page6(page, &answer)?),
        Err(error) if error.is_unknown_command() || error.is_unknown_field() => {
            Ok(page10(page, &transport.fetch(&command10(page, 512), 512)?)?)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};
    use crate::{Sense, SenseKey};
    use proptest::prelude::*;

    #[test]
    fn the_page_is_found_behind_block_descriptors() {
        let script = Scripted::new([Step::on(&[0x1a, 0x08, 0x0f, 0, 255, 0])
            .data(&[14, 0, 0x10, 8, 0x60, 0, 0, 0, 0, 0, 0, 0, 0x8f, 2, 0xc0, 1, 9])]);
        assert_eq!(mode_page(&mut script.clone(), 0x0f).unwrap(), [0x8f, 2, 0xc0, 1]);
        script.finished();
    }

    #[test]
    fn the_long_command_where_the_short_one_is_not_known() {
        let unknown = Sense::new(SenseKey::IllegalRequest, 0x20, 0);
        let script = Scripted::new([
            Step::on(&[0x1a]).check(unknown),
            Step::on(&[0x5a, 0x08, 0x0f, 0, 0, 0, 0, 2, 0, 0]).data(&[0, 12, 0, 0, 0, 0, 0, 0, 0x0f, 2, 3, 4]),
        ]);
        assert_eq!(mode_page(&mut script.clone(), 0x0f).unwrap(), [0x0f, 2, 3, 4]);
        script.finished();
    }

    #[test]
    fn wrong_answers() {
        assert!(page6(0x0f, &[3, 0, 0, 0]).is_err());
        assert!(page6(0x0f, &[3, 0, 0, 0, 0x1d, 0]).is_err());
        assert!(page10(0x0f, &[0; 7]).is_err());
        assert!(page10(0x0f, &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x0f, 0]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(page: u8, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (page6(page, &bytes), page10(page, &bytes));
        }
    }
}
