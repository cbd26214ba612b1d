//! Write error counters (02h) and read error counters (03h): SPC-5, 7.3.

use super::counters::counters;

/// Page code of the counters of writes.
pub const WRITE: u8 = 0x02;
/// Page code of the counters of reads.
pub const READ: u8 = 0x03;

counters! {
    /// Errors of writes or of reads since the counters were cleared.
    pub struct ErrorCounters {
        /// Corrected without substantial delay.
        corrected_without_delay: 0x0000, 4;
        /// Corrected with possible delays.
        corrected_with_delay: 0x0001, 4;
        /// Total rewrites or rereads.
        retries: 0x0002, 4;
        /// Total errors corrected.
        corrected: 0x0003, 4;
        /// Times the correction algorithm was run.
        correction_runs: 0x0004, 4;
        /// Total bytes processed.
        bytes: 0x0005, 8;
        /// Total uncorrected errors.
        uncorrected: 0x0006, 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogPage;

    #[test]
    fn as_specified() {
        let bytes = [
            0x02, 0, 0, 28, 0, 3, 0x60, 4, 0, 0, 0, 7, 0, 5, 0x60, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 6, 0x60, 4, 0, 0, 0, 0,
        ];
        let read = ErrorCounters::read(&LogPage::decode(&bytes).unwrap());
        assert_eq!(
            (read.corrected, read.bytes, read.uncorrected, read.retries),
            (Some(7), Some(1 << 32), Some(0), None)
        );
    }
}
