//! Tape capacity page (31h) of IBM and HPE drives, in mebibytes. It belongs to their makers.

use super::counters::counters;

/// Page code.
pub const CODE: u8 = 0x31;

counters! {
    /// Room on the cartridge, native.
    pub struct TapeCapacity {
        /// Left in the first partition.
        remaining_mebibytes: 0x0001, 4;
        /// Left in the second partition.
        second_remaining_mebibytes: 0x0002, 4;
        /// In the first partition altogether.
        capacity_mebibytes: 0x0003, 4;
        /// In the second partition.
        second_capacity_mebibytes: 0x0004, 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogPage;

    #[test]
    fn as_drives_send_it() {
        let bytes = [0x31, 0, 0, 16, 0, 1, 0x43, 4, 0, 1, 0x0c, 0x8e, 0, 3, 0x43, 4, 0, 1, 0x0c, 0x8e];
        let read = TapeCapacity::read(&LogPage::decode(&bytes).unwrap());
        assert_eq!((read.remaining_mebibytes, read.capacity_mebibytes), (Some(68750), Some(68750)));
    }
}
