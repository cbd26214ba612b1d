//! Volume statistics page (17h): SSC-5, 8.2. The life of the cartridge in the drive.

use super::LogPage;
use super::counters::counters;

/// Page code.
pub const CODE: u8 = 0x17;

counters! {
    /// What a cartridge has gone through.
    pub struct VolumeStatistics {
        /// Not 0: what is here is true.
        valid: 0x0000, 1;
        /// Times it was threaded.
        threads: 0x0001, 4;
        /// Data sets written.
        data_sets_written: 0x0002, 8;
        /// Writes that were tried again.
        write_retries: 0x0003, 4;
        /// Writes that failed.
        unrecovered_write_errors: 0x0004, 2;
        /// Times writing had to stop.
        suspended_writes: 0x0005, 2;
        /// Times writing ended so.
        fatal_suspended_writes: 0x0006, 2;
        /// Data sets read.
        data_sets_read: 0x0007, 8;
        /// Reads that were tried again.
        read_retries: 0x0008, 4;
        /// Reads that failed.
        unrecovered_read_errors: 0x0009, 2;
        /// Times reading had to stop.
        suspended_reads: 0x000a, 2;
        /// Times reading ended so.
        fatal_suspended_reads: 0x000b, 2;
        /// Writes that failed since it was mounted.
        mount_unrecovered_write_errors: 0x000c, 2;
        /// Reads that failed since it was mounted.
        mount_unrecovered_read_errors: 0x000d, 2;
        /// Megabytes written since it was mounted.
        mount_megabytes_written: 0x000e, 4;
        /// Megabytes read since it was mounted.
        mount_megabytes_read: 0x000f, 4;
        /// Megabytes written in its life.
        megabytes_written: 0x0010, 8;
        /// Megabytes read in its life.
        megabytes_read: 0x0011, 8;
        /// Write compression of the last load, in percent (100 = none).
        write_compression_percent: 0x0012, 2;
        /// Read compression of the last load, in percent.
        read_compression_percent: 0x0013, 2;
        /// How long its mount took, milliseconds.
        mount_milliseconds: 0x0014, 6;
        /// How long it took to be ready, milliseconds.
        ready_milliseconds: 0x0015, 6;
        /// Native capacity in megabytes.
        capacity_megabytes: 0x0016, 4;
        /// Native capacity taken, in megabytes.
        used_megabytes: 0x0017, 4;
        /// Not 0: it cannot be written in this drive.
        write_protected: 0x0080, 1;
        /// Not 0: it is write-once.
        worm: 0x0081, 1;
        /// Not 0: it was hotter than it should be.
        temperature_exceeded: 0x0082, 1;
        /// Mounts at which something was written.
        write_mounts: 0x0100, 4;
        /// Passes of the beginning of the medium.
        beginning_passes: 0x0101, 4;
        /// Passes of the middle of the medium.
        middle_passes: 0x0102, 4;
    }
}

/// Serial number of the volume.
pub fn serial(page: &LogPage) -> Option<String> {
    page.text(0x0040)
}

/// Its bar code.
pub fn barcode(page: &LogPage) -> Option<String> {
    page.text(0x0042)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_specified() {
        let bytes = [
            0x17, 0, 0, 41, 0, 0, 3, 1, 1, 0, 1, 3, 4, 0, 0, 0, 12, 0, 0x10, 3, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x42, 1,
            8, b'T', b'B', b'0', b'0', b'0', b'1', b'L', b'9',
        ];
        let mut page = LogPage::decode(&bytes).unwrap();
        let read = VolumeStatistics::read(&page);
        assert_eq!((read.valid, read.threads, read.megabytes_written), (Some(1), Some(12), Some(1 << 24)));
        assert_eq!((barcode(&page), serial(&page)), (Some("TB0001L9".into()), None));
        page.parameters.retain(|parameter| parameter.code != 0x42);
        assert_eq!(barcode(&page), None);
    }
}
