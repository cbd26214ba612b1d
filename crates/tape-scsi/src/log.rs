//! Log pages (SPC-5, 7.3): what a device counted and noticed. One page per file; LOG SENSE itself is in
//! [`command::log_sense`](crate::command::log_sense).
//!
//! Every page is a list of parameters, which [`LogPage`] holds as they are; the types of the pages read theirs from it and
//! write theirs to it. What a device does not send is `None`, and what nobody knows is passed over.

mod counters;
pub mod data_compression;
pub mod device_statistics;
pub mod dt_device_status;
pub mod error_counters;
pub mod sequential_access;
pub mod supported_pages;
pub mod tape_alert_response;
pub mod tape_capacity;
pub mod tape_usage;
pub mod temperature;
pub mod volume_statistics;

pub use data_compression::DataCompression;
pub use device_statistics::DeviceStatistics;
pub use dt_device_status::{Activity, VeryHighFrequencyData};
pub use error_counters::ErrorCounters;
pub use sequential_access::SequentialAccess;
pub use tape_capacity::TapeCapacity;
pub use tape_usage::TapeUsage;
pub use temperature::Temperature;
pub use volume_statistics::VolumeStatistics;

use crate::Malformed;
use crate::bytes::{u8_at, u16_at};

const NAME: &str = "LOG SENSE";
/// Longest page that can be sent: the length field has 16 bits.
const MAX_BODY: usize = 0xffff;
/// FORMAT AND LINKING of parameters that are written here: binary list (SPC-5, 7.3).
const BINARY_LIST: u8 = 0x03;

/// A log page as it is transferred.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// PAGE CODE, 6 bits.
    pub code: u8,
    /// SUBPAGE CODE; 0 unless the page has subpages.
    pub subpage: u8,
    /// The parameters, in the order of the device.
    pub parameters: Vec<LogParameter>,
}

/// One parameter of a log page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogParameter {
    /// PARAMETER CODE.
    pub code: u16,
    /// The control byte: DU, TSD, ETC, TMC, FORMAT AND LINKING.
    pub control: u8,
    /// Its value, at most 255 bytes.
    pub value: Vec<u8>,
}

impl LogPage {
    /// An empty page.
    pub fn new(code: u8) -> LogPage {
        LogPage { code, ..LogPage::default() }
    }

    /// Reads a page. A parameter that is cut off ends it: devices cut pages at the allocation length.
    pub fn decode(bytes: &[u8]) -> Result<LogPage, Malformed> {
        let fields = (u8_at(bytes, 0), u8_at(bytes, 1), u16_at(bytes, 2));
        let (Some(first), Some(second), Some(length)) = fields else { return Err(Malformed::short(NAME)) };
        // SPC-5, 7.3: byte 1 is a subpage code only with SPF.
        let subpage = if first & 0x40 == 0 { 0 } else { second };
        let mut rest = bytes.get(4..).unwrap_or_default();
        rest = rest.get(..usize::from(length)).unwrap_or(rest);
        let mut parameters = Vec::new();
        while let (Some(code), Some(control), Some(length)) = (u16_at(rest, 0), u8_at(rest, 2), u8_at(rest, 3)) {
            let Some(value) = rest.get(4..4 + usize::from(length)) else { break };
            parameters.push(LogParameter { code, control, value: value.to_vec() });
            rest = rest.get(4 + usize::from(length)..).unwrap_or_default();
        }
        Ok(LogPage { code: first & 0x3f, subpage, parameters })
    }

    /// Writes the page, as a device does. What does not fit its length fields is left out.
    pub fn encode(&self) -> Vec<u8> {
        let spf = if self.subpage == 0 { 0 } else { 0x40 };
        let mut bytes = vec![self.code & 0x3f | spf, self.subpage, 0, 0];
        for parameter in &self.parameters {
            let value = parameter.value.get(..255).unwrap_or(&parameter.value);
            if bytes.len() + value.len() > MAX_BODY {
                break;
            }
            bytes.extend(parameter.code.to_be_bytes());
            bytes.extend([parameter.control, value.len() as u8]);
            bytes.extend(value);
        }
        let length = (bytes.len() - 4) as u16;
        bytes.splice(2..4, length.to_be_bytes());
        bytes
    }

    /// The value of a parameter.
    pub fn value(&self, code: u16) -> Option<&[u8]> {
        self.parameters.iter().find(|parameter| parameter.code == code).map(|parameter| parameter.value.as_slice())
    }

    /// The value of a parameter that is a number of up to eight bytes. `None` also if all its bits are set: that is how
    /// devices say that they do not know it or cannot count so far.
    pub fn number(&self, code: u16) -> Option<u64> {
        let value = self.value(code)?;
        let known = value.len() < 2 || value.iter().any(|&byte| byte != 0xff);
        let fits = (1..=8).contains(&value.len());
        (known && fits).then(|| value.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// The value of a parameter that is text: what there is of ASCII in it, trimmed.
    pub fn text(&self, code: u16) -> Option<String> {
        let text: String =
            self.value(code)?.iter().filter(|byte| (0x20..0x7f).contains(*byte)).map(|&byte| byte as char).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Adds a number of `width` bytes; one that needs more is written with all bits set.
    pub fn push_number(&mut self, code: u16, number: u64, width: usize) {
        let bytes = number.to_be_bytes();
        let width = width.clamp(1, 8);
        let (high, low) = bytes.split_at(8 - width);
        let value = if high.iter().all(|&byte| byte == 0) { low.to_vec() } else { vec![0xff; width] };
        self.parameters.push(LogParameter { code, control: BINARY_LIST, value });
    }

    /// Adds a parameter of any kind.
    pub fn push(&mut self, code: u16, control: u8, value: impl Into<Vec<u8>>) {
        self.parameters.push(LogParameter { code, control, value: value.into() });
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use proptest::prelude::*;

    /// Any page with this code.
    pub fn any_page(code: u8) -> impl Strategy<Value = LogPage> {
        let value = proptest::collection::vec(any::<u8>(), 0..12);
        let parameter = (prop_oneof![0u16..0x20, any::<u16>()], any::<u8>(), value)
            .prop_map(|(code, control, value)| LogParameter { code, control, value });
        proptest::collection::vec(parameter, 0..12).prop_map(move |parameters| LogPage { code, subpage: 0, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_that_was_cut_off_is_read_as_far_as_it_goes() {
        let bytes = [0x02, 0, 0, 16, 0, 0, 3, 4, 0, 0, 1, 0, 0, 6, 3, 4, 0, 0];
        let page = LogPage::decode(&bytes).unwrap();
        assert_eq!((page.code, page.parameters.len(), page.number(0)), (2, 1, Some(256)));
        assert_eq!(LogPage::decode(&bytes[..3]), Err(Malformed::short(NAME)));
    }

    #[test]
    fn a_number_with_all_bits_set_is_not_known() {
        let mut page = LogPage::new(0x14);
        page.push_number(0, 0x1_0000_0000, 4);
        page.push_number(1, 0xff, 1);
        page.push(2, 3, *b"");
        page.push(3, 3, [1; 9]);
        assert_eq!((page.number(0), page.number(1), page.number(2), page.number(3)), (None, Some(0xff), None, None));
    }

    proptest! {
        #[test]
        fn pages_come_back(page in testing::any_page(0x17)) {
            prop_assert_eq!(LogPage::decode(&page.encode()), Ok(page));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(page) = LogPage::decode(&bytes) {
                prop_assert_eq!(LogPage::decode(&page.encode()), Ok(page.clone()));
                for parameter in &page.parameters {
                    let _ = (page.number(parameter.code), page.text(parameter.code));
                }
            }
        }
    }
}
