//! What the drive's log pages tell of it and of the cartridge. A page that a drive does not have leaves its fields empty.

use super::SscDrive;
use crate::*;
use tape_scsi::command::log_sense;
use tape_scsi::log::{
    DataCompression, DeviceStatistics, ErrorCounters, LogPage, SequentialAccess, TapeUsage, Temperature,
    VolumeStatistics, data_compression, device_statistics, error_counters, sequential_access, tape_alert_response,
    tape_usage, temperature, volume_statistics,
};
use tape_scsi::{TapeAlert, Transport};

const MEGABYTE: u64 = 1_000_000;

impl<T: Transport> SscDrive<T> {
    fn log(&mut self, page: u8) -> Result<Option<LogPage>> {
        match log_sense::log_sense(&mut self.transport, page) {
            Ok(page) => Ok(Some(page)),
            Err(error) if error.is_unknown_command() || error.is_unknown_field() => Ok(None),
            Err(error) => Err(self.failed(Operation::LogSense, error)),
        }
    }

    /// The flags that are raised. The page that tells them without clearing them is asked first. With the other one each
    /// flag is told once, so what it said is remembered until the cartridge leaves or the drive is reset.
    pub(super) fn raised_alerts(&mut self) -> Result<Vec<TapeAlert>> {
        if let Some(page) = self.log(tape_alert_response::CODE)?
            && let Some(alerts) = tape_alert_response::read(&page)
        {
            return Ok(alerts);
        }
        if let Some(page) = self.log(tape_alert_response::CLEARING)? {
            self.told |= TapeAlert::to_mask(&TapeAlert::from_log_page(&page.encode()));
        }
        Ok(TapeAlert::from_mask(self.told))
    }

    pub(super) fn counters(&mut self) -> Result<DriveHealth> {
        let mut health = DriveHealth { recovered_errors: self.transport.recovered, ..DriveHealth::default() };
        if let Some(page) = self.log(error_counters::WRITE)? {
            let counters = ErrorCounters::read(&page);
            health.write_errors = counters.uncorrected.unwrap_or(0);
            health.rewrites = counters.retries;
        }
        if let Some(page) = self.log(error_counters::READ)? {
            let counters = ErrorCounters::read(&page);
            health.read_errors = counters.uncorrected.unwrap_or(0);
            health.rereads = counters.retries;
        }
        if let Some(page) = self.log(sequential_access::CODE)? {
            let counters = SequentialAccess::read(&page);
            health.bytes_written = counters.written_bytes.unwrap_or(0);
            health.bytes_read = counters.read_bytes.unwrap_or(0);
            (health.bytes_received, health.bytes_sent) = (counters.received_bytes, counters.sent_bytes);
            health.cleaning_required = counters.cleaning_requested.is_some_and(|asked| asked != 0);
        }
        if let Some(page) = self.log(temperature::CODE)? {
            health.temperature_c = Temperature::read(&page).now.map(i32::from);
        }
        if let Some(page) = self.log(device_statistics::CODE)? {
            let statistics = DeviceStatistics::read(&page);
            health.load_count = statistics.media_loads.unwrap_or(0);
            health.cleanings = statistics.cleanings;
            health.power_on_hours = statistics.power_on_hours;
            health.power_cycles = statistics.power_cycles;
            health.motion_hours = statistics.motion_hours.map(|hours| hours as f64);
        }
        let compression = match self.log(data_compression::CODE)? {
            None => self.log(data_compression::OLDER)?,
            page => page,
        };
        if let Some(page) = compression {
            let ratios = DataCompression::read(&page);
            let ratio =
                |percent: Option<u64>| percent.filter(|&percent| percent > 0).map(|percent| percent as f64 / 100.0);
            health.write_compression_ratio = ratio(ratios.write_ratio_percent);
            health.read_compression_ratio = ratio(ratios.read_ratio_percent);
        }
        Ok(health)
    }

    pub(super) fn volume_counters(&mut self) -> Result<VolumeHealth> {
        let bytes = |megabytes: Option<u64>| megabytes.and_then(|megabytes| megabytes.checked_mul(MEGABYTE));
        if let Some(page) = self.log(volume_statistics::CODE)? {
            let volume = VolumeStatistics::read(&page);
            if volume.valid != Some(0) {
                return Ok(VolumeHealth {
                    mounts: volume.threads,
                    bytes_written: bytes(volume.megabytes_written),
                    bytes_read: bytes(volume.megabytes_read),
                    write_retries: volume.write_retries,
                    read_retries: volume.read_retries,
                    unrecovered_write_errors: volume.unrecovered_write_errors,
                    unrecovered_read_errors: volume.unrecovered_read_errors,
                    beginning_passes: volume.beginning_passes,
                    middle_passes: volume.middle_passes,
                    capacity_bytes: bytes(volume.capacity_megabytes),
                    used_bytes: bytes(volume.used_megabytes),
                });
            }
        }
        let Some(page) = self.log(tape_usage::CODE)? else { return Ok(VolumeHealth::default()) };
        let usage = TapeUsage::read(&page);
        Ok(VolumeHealth {
            mounts: usage.threads,
            write_retries: usage.write_retries,
            read_retries: usage.read_retries,
            unrecovered_write_errors: usage.unrecovered_write_errors,
            unrecovered_read_errors: usage.unrecovered_read_errors,
            ..VolumeHealth::default()
        })
    }
}
