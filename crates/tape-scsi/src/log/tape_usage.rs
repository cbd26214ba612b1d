//! Tape usage page (30h): what drives up to LTO-5 of IBM and HPE have instead of [`super::volume_statistics`]. It belongs to
//! their makers; the codes are those of the volume statistics page.

use super::counters::counters;

/// Page code.
pub const CODE: u8 = 0x30;

counters! {
    /// What a cartridge has gone through.
    pub struct TapeUsage {
        /// Times it was threaded.
        threads: 0x0001, 4;
        /// Data sets written.
        data_sets_written: 0x0002, 8;
        /// Writes that were tried again.
        write_retries: 0x0003, 4;
        /// Writes that failed.
        unrecovered_write_errors: 0x0004, 2;
        /// Data sets read.
        data_sets_read: 0x0007, 8;
        /// Reads that were tried again.
        read_retries: 0x0008, 4;
        /// Reads that failed.
        unrecovered_read_errors: 0x0009, 2;
    }
}
