//! Device statistics page (14h): SSC-5, 8.2.

use super::counters::counters;

/// Page code.
pub const CODE: u8 = 0x14;

counters! {
    /// What a drive has done in its life.
    pub struct DeviceStatistics {
        /// Media loads.
        media_loads: 0x0000, 4;
        /// Cleaning operations.
        cleanings: 0x0001, 4;
        /// Hours with power.
        power_on_hours: 0x0002, 4;
        /// Hours with the medium moving.
        motion_hours: 0x0003, 4;
        /// Metres of tape.
        tape_metres: 0x0004, 4;
        /// Hours of motion when a cartridge was last loaded that does not fit.
        motion_hours_at_incompatible_medium: 0x0005, 4;
        /// Hours with power when it was last too hot.
        power_on_hours_at_temperature: 0x0006, 4;
        /// Hours with power when it last took too much power.
        power_on_hours_at_power_consumption: 0x0007, 4;
        /// Hours of motion since the last successful cleaning.
        motion_hours_since_cleaning: 0x0008, 4;
        /// Hours with power when it was last reset or emptied by force.
        power_on_hours_at_forced_reset: 0x000b, 4;
        /// Times it was switched on.
        power_cycles: 0x000c, 4;
        /// Media loads since the counters were reset.
        media_loads_since_reset: 0x000d, 4;
        /// Writes that failed.
        hard_write_errors: 0x000e, 4;
        /// Reads that failed.
        hard_read_errors: 0x000f, 4;
        /// Not 0: the medium cannot be taken out.
        removal_prevented: 0x0080, 4;
        /// Not 0: it was hotter than it should be.
        temperature_exceeded: 0x0081, 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogPage;

    #[test]
    fn as_specified() {
        let bytes = [
            0x14, 0, 0, 32, 0, 0, 3, 4, 0, 0, 1, 2, 0, 1, 3, 4, 0, 0, 0, 9, 0, 2, 3, 4, 0, 1, 0, 0, 0, 3, 3, 4, 0xff,
            0xff, 0xff, 0xff,
        ];
        let read = DeviceStatistics::read(&LogPage::decode(&bytes).unwrap());
        assert_eq!((read.media_loads, read.cleanings, read.power_on_hours), (Some(258), Some(9), Some(65536)));
        assert_eq!(read.motion_hours, None);
    }
}
