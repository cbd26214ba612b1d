//! LOG SENSE (SPC-5): reads a log page. The pages are in [`crate::log`].

use crate::log::{LogPage, supported_pages};
use crate::{Command, ScsiError, Timeout, Transport};

/// Longest answer that is asked for.
const ALLOCATION: u16 = 0xfffc;

/// The command for the cumulative values of a page (PC = 01b).
pub fn command(page: u8, subpage: u8, allocation: u16) -> Command {
    let [high, low] = allocation.to_be_bytes();
    Command::new("LOG SENSE", Timeout::Short, [0x4d, 0, 0x40 | page & 0x3f, subpage, 0, 0, 0, high, low, 0])
}

/// Reads a page. One that the device does not have is an error of which [`ScsiError::is_unknown_field`] or
/// [`ScsiError::is_unknown_command`] holds.
pub fn log_sense(transport: &mut dyn Transport, page: u8) -> Result<LogPage, ScsiError> {
    Ok(LogPage::decode(&transport.fetch(&command(page, 0, ALLOCATION), usize::from(ALLOCATION))?)?)
}

/// The codes of the pages that the device has.
pub fn supported(transport: &mut dyn Transport) -> Result<Vec<u8>, ScsiError> {
    let command = command(supported_pages::CODE, 0, ALLOCATION);
    Ok(supported_pages::decode(&transport.fetch(&command, usize::from(ALLOCATION))?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Temperature;
    use crate::transport::{Scripted, Step};

    #[test]
    fn a_page_is_asked_for_by_its_code() {
        let cdb = [0x4d, 0, 0x4d, 0, 0, 0, 0, 0xff, 0xfc, 0];
        let script = Scripted::new([Step::on(&cdb).data(&[0x0d, 0, 0, 6, 0, 0, 3, 2, 0, 38])]);
        let page = log_sense(&mut script.clone(), 0x0d).unwrap();
        assert_eq!(Temperature::read(&page).now, Some(38));
        script.finished();
        let cdb = [0x4d, 0, 0x40, 0, 0, 0, 0, 0xff, 0xfc, 0];
        let script = Scripted::new([Step::on(&cdb).data(&[0, 0, 0, 2, 0, 0x2e])]);
        assert_eq!(supported(&mut script.clone()).unwrap(), [0, 0x2e]);
        script.finished();
    }
}
