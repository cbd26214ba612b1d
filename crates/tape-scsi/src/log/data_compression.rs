//! Data compression page (1Bh): SSC-5, 8.2.

use super::counters::counters;

/// Page code.
pub const CODE: u8 = 0x1b;
/// Page code of the older, vendor-specific page of IBM and HPE drives that has the same two ratios.
pub const OLDER: u8 = 0x32;

counters! {
    /// How well the drive compresses, since the cartridge was loaded.
    pub struct DataCompression {
        /// Bytes to hosts per byte from the medium, times 100.
        read_ratio_percent: 0x0000, 2;
        /// Bytes from hosts per byte to the medium, times 100.
        write_ratio_percent: 0x0001, 2;
        /// Megabytes sent to hosts.
        sent_megabytes: 0x0002, 4;
        /// And bytes beyond them.
        sent_bytes: 0x0003, 4;
        /// Megabytes read from the medium.
        read_megabytes: 0x0004, 4;
        /// And bytes beyond them.
        read_bytes: 0x0005, 4;
        /// Megabytes received from hosts.
        received_megabytes: 0x0006, 4;
        /// And bytes beyond them.
        received_bytes: 0x0007, 4;
        /// Megabytes written to the medium.
        written_megabytes: 0x0008, 4;
        /// And bytes beyond them.
        written_bytes: 0x0009, 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogPage;

    #[test]
    fn as_specified() {
        let bytes = [0x1b, 0, 0, 12, 0, 0, 0x43, 2, 0, 100, 0, 1, 0x43, 2, 0, 0xfa];
        let read = DataCompression::read(&LogPage::decode(&bytes).unwrap());
        assert_eq!((read.read_ratio_percent, read.write_ratio_percent), (Some(100), Some(250)));
    }
}
