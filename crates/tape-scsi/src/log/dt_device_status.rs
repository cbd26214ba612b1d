//! DT device status page (11h): ADC-4, 6.1.2. What the drive is doing, in a parameter that can be read at any time.

use super::LogPage;

/// Page code.
pub const CODE: u8 = 0x11;
/// The parameter with the very high frequency data (ADC-4, 6.1.2).
const VERY_HIGH_FREQUENCY: u16 = 0x0000;

/// What the drive is doing (ADC-4, DT DEVICE ACTIVITY).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Activity {
    None,
    Cleaning,
    Loading,
    Unloading,
    OtherMedium,
    Reading,
    Writing,
    Locating,
    Rewinding,
    Erasing,
    Formatting,
    /// Measuring, as LTO-9 drives do with a new cartridge.
    Calibrating,
    OtherDevice,
    UpdatingFirmware,
    ReadingEncrypted,
    WritingEncrypted,
    /// A code that is not known here.
    Other(u8),
}

const ACTIVITIES: [Activity; 16] = [
    Activity::None,
    Activity::Cleaning,
    Activity::Loading,
    Activity::Unloading,
    Activity::OtherMedium,
    Activity::Reading,
    Activity::Writing,
    Activity::Locating,
    Activity::Rewinding,
    Activity::Erasing,
    Activity::Formatting,
    Activity::Calibrating,
    Activity::OtherDevice,
    Activity::UpdatingFirmware,
    Activity::ReadingEncrypted,
    Activity::WritingEncrypted,
];

impl Activity {
    fn from_code(code: u8) -> Activity {
        ACTIVITIES.get(usize::from(code)).copied().unwrap_or(Activity::Other(code))
    }

    fn code(self) -> u8 {
        match self {
            Activity::Other(code) => code,
            known => ACTIVITIES.iter().position(|&activity| activity == known).unwrap_or(0) as u8,
        }
    }
}

/// Very high frequency data: its bits as they are, and the activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VeryHighFrequencyData {
    /// Bytes 0, 1 and 3.
    bits: [u8; 3],
    /// What the drive is doing.
    pub activity: Activity,
}

impl VeryHighFrequencyData {
    /// The data of a drive that does `activity`, with nothing else set.
    pub fn new(activity: Activity) -> VeryHighFrequencyData {
        VeryHighFrequencyData { bits: [0; 3], activity }
    }

    /// Reads them; `None` if the page has no such parameter.
    pub fn read(page: &LogPage) -> Option<VeryHighFrequencyData> {
        let &[first, second, activity, fourth, ..] = page.value(VERY_HIGH_FREQUENCY)? else { return None };
        Some(VeryHighFrequencyData { bits: [first, second, fourth], activity: Activity::from_code(activity) })
    }

    /// The page with nothing but them, as a device writes it.
    pub fn page(&self) -> LogPage {
        let [first, second, fourth] = self.bits;
        let mut page = LogPage::new(CODE);
        page.push(VERY_HIGH_FREQUENCY, super::BINARY_LIST, [first, second, self.activity.code(), fourth]);
        page
    }

    /// WRTP: the medium is write-protected.
    pub fn write_protected(&self) -> bool {
        self.bits[0] & 0x08 != 0
    }

    /// CRQST: the drive asks to be cleaned.
    pub fn cleaning_requested(&self) -> bool {
        self.bits[0] & 0x04 != 0
    }

    /// CRQRD: the drive must be cleaned before it goes on.
    pub fn cleaning_required(&self) -> bool {
        self.bits[0] & 0x02 != 0
    }

    /// MPRSNT: there is a cartridge.
    pub fn medium_present(&self) -> bool {
        self.bits[1] & 0x10 != 0
    }

    /// MOUNTED: it is ready.
    pub fn mounted(&self) -> bool {
        self.bits[1] & 0x01 != 0
    }

    /// TAFC: TapeAlert flags changed since they were last read.
    pub fn alerts_changed(&self) -> bool {
        self.bits[2] & 0x01 != 0
    }

    /// The same with CRQST and CRQRD.
    pub fn with_cleaning(mut self, requested: bool, required: bool) -> Self {
        self.bits[0] = self.bits[0] & !0x06 | u8::from(requested) << 2 | u8::from(required) << 1;
        self
    }

    /// The same with a cartridge that is there, ready, and write-protected or not.
    pub fn with_medium(mut self, mounted: bool, write_protected: bool) -> Self {
        self.bits[0] = self.bits[0] & !0x08 | u8::from(write_protected) << 3;
        self.bits[1] = self.bits[1] & !0x11 | 0x10 | u8::from(mounted);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_specified() {
        let bytes = [0x11, 0, 0, 8, 0, 0, 3, 4, 0x0c, 0x10, 0x0b, 0x01];
        let read = VeryHighFrequencyData::read(&LogPage::decode(&bytes).unwrap()).unwrap();
        assert_eq!(read.activity, Activity::Calibrating);
        assert!(read.write_protected() && read.cleaning_requested() && !read.cleaning_required());
        assert!(read.medium_present() && !read.mounted() && read.alerts_changed());
        assert_eq!(read.page().encode(), bytes);
        let built =
            VeryHighFrequencyData::new(Activity::Other(0x80)).with_cleaning(true, false).with_medium(true, false);
        assert_eq!(VeryHighFrequencyData::read(&built.page()), Some(built));
        assert!(built.mounted() && built.cleaning_requested() && !built.write_protected());
    }

    proptest! {
        #[test]
        fn is_read_from_any_page(page in crate::log::testing::any_page(CODE)) {
            if let Some(read) = VeryHighFrequencyData::read(&page) {
                prop_assert_eq!(VeryHighFrequencyData::read(&read.page()), Some(read));
            }
        }
    }
}
