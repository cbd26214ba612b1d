//! Temperature page (0Dh): SPC-5, 7.3.

use super::LogPage;

/// Page code.
pub const CODE: u8 = 0x0d;
/// The temperature is not known.
const UNKNOWN: u8 = 0xff;

/// Temperatures in degrees Celsius.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Temperature {
    /// Now.
    pub now: Option<u8>,
    /// The highest at which the device works as it should.
    pub reference: Option<u8>,
}

impl Temperature {
    /// Reads it.
    pub fn read(page: &LogPage) -> Temperature {
        let degrees = |code| page.value(code).and_then(|value| value.get(1)).copied().filter(|&value| value != UNKNOWN);
        Temperature { now: degrees(0), reference: degrees(1) }
    }

    /// Writes it, as a device does.
    pub fn page(&self) -> LogPage {
        let mut page = LogPage::new(CODE);
        page.push(0, super::BINARY_LIST, [0, self.now.unwrap_or(UNKNOWN)]);
        page.push(1, super::BINARY_LIST, [0, self.reference.unwrap_or(UNKNOWN)]);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_specified() {
        let bytes = [0x0d, 0, 0, 12, 0, 0, 3, 2, 0, 41, 0, 1, 3, 2, 0, 0xff];
        let read = Temperature::read(&LogPage::decode(&bytes).unwrap());
        assert_eq!(read, Temperature { now: Some(41), reference: None });
        assert_eq!(read.page().encode(), bytes);
    }

    proptest! {
        #[test]
        fn is_read_from_any_page(page in crate::log::testing::any_page(CODE)) {
            let read = Temperature::read(&page);
            prop_assert_eq!(Temperature::read(&read.page()), read);
        }
    }
}
