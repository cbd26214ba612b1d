//! Sequential-access device page (0Ch): SSC-5, 8.2.

use super::counters::counters;

/// Page code.
pub const CODE: u8 = 0x0c;

counters! {
    /// What went through the drive, and how far the tape is.
    pub struct SequentialAccess {
        /// Bytes received from hosts, before compression.
        received_bytes: 0x0000, 8;
        /// Bytes written to the medium, after compression, without formatting overhead.
        written_bytes: 0x0001, 8;
        /// Bytes read from the medium.
        read_bytes: 0x0002, 8;
        /// Bytes sent to hosts, after decompression.
        sent_bytes: 0x0003, 8;
        /// Megabytes (10⁶ bytes), native, from the beginning of the partition to the end of data.
        used_megabytes: 0x0004, 4;
        /// From the beginning of the partition to early warning.
        capacity_megabytes: 0x0005, 4;
        /// From early warning to the end of the partition, at least.
        end_zone_megabytes: 0x0006, 4;
        /// From the beginning of the partition to the position.
        position_megabytes: 0x0007, 4;
        /// In the drive's buffer.
        buffer_megabytes: 0x0008, 4;
        /// Not 0: the drive asks to be cleaned.
        cleaning_requested: 0x0100, 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogPage;

    #[test]
    fn as_specified() {
        let bytes = [0x0c, 0, 0, 20, 0, 0, 0x43, 8, 0, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0x43, 4, 0, 0, 0, 1];
        let read = SequentialAccess::read(&LogPage::decode(&bytes).unwrap());
        assert_eq!((read.received_bytes, read.cleaning_requested, read.sent_bytes), (Some(1 << 28), Some(1), None));
    }
}
