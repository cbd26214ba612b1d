//! Device configuration page, 10h (SSC-5, 8.3.5), and its extension, 10h/01h (SSC-5, 8.3.8).

use super::page_bytes;
use crate::Malformed;
use crate::command::mode::PageCode;

/// How the drive treats its medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceConfiguration(Vec<u8>);

impl DeviceConfiguration {
    /// Its code.
    pub const CODE: PageCode = PageCode(0x10, 0);

    /// Reads the page.
    pub fn decode(bytes: &[u8]) -> Result<DeviceConfiguration, Malformed> {
        page_bytes(Self::CODE, "the device configuration page", 16, bytes).map(DeviceConfiguration)
    }

    /// The page as it is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// ACTIVE PARTITION.
    pub fn active_partition(&self) -> u8 {
        self.0[3]
    }

    /// LOIS: blocks on the medium carry their numbers, so that LOCATE can find them.
    pub fn has_object_identifiers(&self) -> bool {
        self.0[8] & 0x40 != 0
    }

    /// SWP: writing is refused because a host said so.
    pub fn software_write_protected(&self) -> bool {
        self.0[10] & 0x04 != 0
    }

    /// PRMWP or PERSWP: the medium is write-protected for good, or until a host says otherwise.
    pub fn medium_write_protected(&self) -> bool {
        self.0[15] & 0x03 != 0
    }
}

/// More of it: programmable early warning and the mode of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceConfigurationExtension(Vec<u8>);

impl DeviceConfigurationExtension {
    /// Its code.
    pub const CODE: PageCode = PageCode(0x10, 1);
    /// Bytes in the unit of PEWS (SSC-5, 8.3.8: megabytes).
    const UNIT: u64 = 1_000_000;

    /// Reads the page.
    pub fn decode(bytes: &[u8]) -> Result<DeviceConfigurationExtension, Malformed> {
        let name = "the device configuration extension page";
        page_bytes(Self::CODE, name, 9, bytes).map(DeviceConfigurationExtension)
    }

    /// The page as it is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// PEWS: how many bytes before early warning the programmable one comes; 0 for never.
    pub fn programmable_early_warning_bytes(&self) -> u64 {
        u64::from(u16::from_be_bytes([self.0[6], self.0[7]])) * Self::UNIT
    }

    /// The same page with another zone, rounded up to what the field can say, at most about 65 GB.
    pub fn with_programmable_early_warning(mut self, bytes: u64) -> DeviceConfigurationExtension {
        let units = u16::try_from(bytes.div_ceil(Self::UNIT)).unwrap_or(u16::MAX);
        self.0[6..8].copy_from_slice(&units.to_be_bytes());
        self
    }

    /// WRITE MODE 01h: the drive refuses to overwrite unless it is allowed to before (append-only mode).
    pub fn append_only(&self) -> bool {
        self.0[5] >> 4 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extension() -> Vec<u8> {
        let mut page = vec![0x50, 0x01, 0, 0x1c];
        page.resize(32, 0);
        page
    }

    #[test]
    fn early_warning_is_rounded_up_to_megabytes() {
        let page = DeviceConfigurationExtension::decode(&extension()).unwrap();
        assert_eq!(page.programmable_early_warning_bytes(), 0);
        let page = page.with_programmable_early_warning(1_500_000);
        assert_eq!(page.programmable_early_warning_bytes(), 2_000_000);
        assert_eq!(page.bytes()[6..8], [0, 2]);
        let page = page.with_programmable_early_warning(u64::MAX);
        assert_eq!(page.programmable_early_warning_bytes(), 65_535_000_000);
    }

    #[test]
    fn pages_are_told_apart() {
        assert!(DeviceConfiguration::decode(&extension()).is_err());
        let page = [0x90, 0x0e, 0, 1, 0, 0, 0, 0, 0x40, 0, 0x04, 0, 0, 0, 1, 0];
        let page = DeviceConfiguration::decode(&page).unwrap();
        assert_eq!((page.active_partition(), page.has_object_identifiers()), (1, true));
        assert!(page.software_write_protected() && !page.medium_write_protected());
        assert!(DeviceConfigurationExtension::decode(page.bytes()).is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..40), length in 0u8..40) {
            let _ = DeviceConfiguration::decode(&bytes);
            if let [first, second, third, fourth, ..] = bytes.as_mut_slice() {
                (*first, *second, *third, *fourth) = (0x50, 1, 0, length);
            }
            if let Ok(page) = DeviceConfigurationExtension::decode(&bytes) {
                let _ = (page.programmable_early_warning_bytes(), page.append_only());
                prop_assert_eq!(DeviceConfigurationExtension::decode(page.bytes()), Ok(page));
            }
        }
    }
}
