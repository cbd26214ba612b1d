//! LOG SENSE and REPORT DENSITY SUPPORT: what the drive counted and noticed, and what it can record.

use super::*;
use tape_drive::virt::Transferred;
use tape_drive::{Medium, MediumKind};
use tape_scsi::command::report_density_support::{Density, encode};
use tape_scsi::log::{
    Activity, DataCompression, DeviceStatistics, ErrorCounters, LogPage, SequentialAccess, TapeCapacity, TapeUsage,
    Temperature, VeryHighFrequencyData, VolumeStatistics, data_compression, device_statistics, dt_device_status,
    error_counters, sequential_access, supported_pages, tape_alert_response, tape_capacity, tape_usage, temperature,
    volume_statistics,
};

/// Those from 30h on are the makers' own; drives since LTO-7 have but the capacity among them.
const PAGES: [u8; 14] = [
    supported_pages::CODE,
    error_counters::WRITE,
    error_counters::READ,
    sequential_access::CODE,
    temperature::CODE,
    dt_device_status::CODE,
    tape_alert_response::CODE,
    device_statistics::CODE,
    volume_statistics::CODE,
    data_compression::CODE,
    tape_alert_response::CLEARING,
    tape_usage::CODE,
    tape_capacity::CODE,
    data_compression::OLDER,
];
const MEGABYTE: u64 = 1_000_000;
const MEBIBYTE: u64 = 1 << 20;

impl Drive {
    /// LOG SENSE (SPC-5, 6.8).
    pub(super) fn log_sense(&mut self, cdb: &[u8]) -> Outcome {
        let (code, subpage) = (byte(cdb, 2) & 0x3f, byte(cdb, 3));
        if subpage != 0 || byte(cdb, 1) & 0x01 != 0 {
            return Err(invalid_field());
        }
        if code == supported_pages::CODE {
            return Ok(Answer::data(cut(supported_pages::encode(&PAGES), cdb, 7, 2)));
        }
        if !PAGES.contains(&code) {
            return Err(invalid_field());
        }
        let data = self.log_page(code)?.encode();
        let whole = field(cdb, 7, 2) as usize >= data.len();
        if code == tape_alert_response::CLEARING && whole {
            // Programs read the length first, and then the page: only the whole page counts as read.
            self.told = self.drive.raised()?;
        }
        Ok(Answer::data(cut(data, cdb, 7, 2)))
    }

    fn log_page(&mut self, code: u8) -> Result<LogPage, Failure> {
        let health = self.drive.health()?;
        // None without a cartridge, which is no error here.
        let medium = self.drive.inner().medium().ok();
        Ok(match code {
            error_counters::WRITE => {
                let corrected = Some(health.recovered_errors);
                let (bytes, uncorrected) = (Some(health.bytes_written), Some(health.write_errors));
                ErrorCounters { retries: health.rewrites, corrected, bytes, uncorrected, ..Default::default() }
                    .page(code)
            }
            error_counters::READ => {
                let (bytes, uncorrected) = (Some(health.bytes_read), Some(health.read_errors));
                ErrorCounters { retries: health.rereads, bytes, uncorrected, ..Default::default() }.page(code)
            }
            sequential_access::CODE => SequentialAccess {
                received_bytes: health.bytes_received.or(Some(health.bytes_written)),
                written_bytes: Some(health.bytes_written),
                read_bytes: Some(health.bytes_read),
                sent_bytes: health.bytes_sent.or(Some(health.bytes_read)),
                capacity_megabytes: medium.as_ref().map(|medium| medium.capacity_bytes / MEGABYTE),
                used_megabytes: medium.as_ref().and_then(used).map(|bytes| bytes / MEGABYTE),
                cleaning_requested: Some(u64::from(health.cleaning_required)),
                ..Default::default()
            }
            .page(code),
            temperature::CODE => {
                let now = health.temperature_c.and_then(|degrees| u8::try_from(degrees).ok());
                Temperature { now, reference: None }.page()
            }
            dt_device_status::CODE => {
                let status = VeryHighFrequencyData::new(Activity::None);
                let status = status.with_cleaning(health.cleaning_required, health.cleaning_required);
                let protected = medium.as_ref().is_some_and(|medium| medium.write_protected);
                status.with_medium(medium.is_some(), protected).page()
            }
            tape_alert_response::CODE => tape_alert_response::page(&self.drive.raised()?),
            tape_alert_response::CLEARING => {
                let alerts = self.drive.raised()?;
                self.told.retain(|told| alerts.contains(told));
                let news: Vec<_> = alerts.into_iter().filter(|alert| !self.told.contains(alert)).collect();
                tape_alert_response::clearing_page(&news)
            }
            device_statistics::CODE => DeviceStatistics {
                media_loads: Some(health.load_count),
                cleanings: health.cleanings,
                power_on_hours: health.power_on_hours,
                power_cycles: health.power_cycles,
                motion_hours: health.motion_hours.map(|hours| hours as u64),
                hard_write_errors: Some(health.write_errors),
                hard_read_errors: Some(health.read_errors),
                ..Default::default()
            }
            .page(code),
            volume_statistics::CODE => self.volume_page(medium.as_ref())?,
            data_compression::CODE | data_compression::OLDER => {
                compression_page(code, &self.drive.inner().transferred())
            }
            tape_usage::CODE => self.usage_page()?,
            // The capacity page, which needs a cartridge.
            _ => {
                let medium = medium.ok_or_else(|| Failure::from(Sense::new(SenseKey::NotReady, 0x3a, 0x00)))?;
                TapeCapacity {
                    remaining_mebibytes: medium.remaining_bytes.map(|bytes| bytes / MEBIBYTE),
                    second_remaining_mebibytes: Some(0),
                    capacity_mebibytes: Some(medium.capacity_bytes / MEBIBYTE),
                    second_capacity_mebibytes: Some(0),
                }
                .page(tape_capacity::CODE)
            }
        })
    }

    fn volume_page(&mut self, medium: Option<&Medium>) -> Result<LogPage, Failure> {
        let Some(medium) = medium else {
            return Ok(VolumeStatistics { valid: Some(0), ..Default::default() }.page(0x17));
        };
        let volume = self.drive.inner().volume_health()?;
        let transferred = self.drive.inner().transferred();
        Ok(VolumeStatistics {
            valid: Some(1),
            threads: volume.mounts,
            write_retries: volume.write_retries,
            unrecovered_write_errors: volume.unrecovered_write_errors,
            read_retries: volume.read_retries,
            unrecovered_read_errors: volume.unrecovered_read_errors,
            mount_megabytes_written: Some(transferred.written / MEGABYTE),
            mount_megabytes_read: Some(transferred.read / MEGABYTE),
            write_compression_percent: percent(transferred.write_ratio()).or(Some(0)),
            read_compression_percent: percent(transferred.read_ratio()).or(Some(0)),
            megabytes_written: volume.bytes_written.map(|bytes| bytes / MEGABYTE),
            megabytes_read: volume.bytes_read.map(|bytes| bytes / MEGABYTE),
            capacity_megabytes: Some(medium.capacity_bytes / MEGABYTE),
            used_megabytes: used(medium).map(|bytes| bytes / MEGABYTE),
            write_protected: Some(u64::from(medium.write_protected)),
            worm: Some(u64::from(medium.kind == MediumKind::Worm)),
            beginning_passes: volume.beginning_passes,
            middle_passes: volume.middle_passes,
            ..Default::default()
        }
        .page(volume_statistics::CODE))
    }

    fn usage_page(&mut self) -> Result<LogPage, Failure> {
        let volume = self.drive.inner().volume_health()?;
        Ok(TapeUsage {
            threads: volume.mounts,
            write_retries: volume.write_retries,
            unrecovered_write_errors: volume.unrecovered_write_errors,
            read_retries: volume.read_retries,
            unrecovered_read_errors: volume.unrecovered_read_errors,
            ..Default::default()
        }
        .page(tape_usage::CODE))
    }

    /// REPORT DENSITY SUPPORT (SSC-5, 7.9).
    pub(super) fn densities(&mut self, cdb: &[u8]) -> Outcome {
        // MEDIUM TYPE is not described.
        if byte(cdb, 1) & 0x02 != 0 {
            return Err(invalid_field());
        }
        let of_medium = byte(cdb, 1) & 0x01 != 0;
        let loaded = if of_medium { Some(self.drive.medium()?.density) } else { None };
        let known = self.drive.inner().capabilities()?.densities;
        let best = known.iter().filter(|density| density.writable).map(|density| density.code).max();
        let list: Vec<Density> = known
            .iter()
            .filter(|density| loaded.is_none_or(|loaded| loaded == density.code))
            .map(|density| Density {
                primary: density.code,
                secondary: density.code,
                writable: density.writable,
                default: Some(density.code) == best,
                width: 127,
                organization: "LTO-CVE".into(),
                name: density.name.clone(),
                description: density.name.clone(),
                ..Density::default()
            })
            .collect();
        Ok(Answer::data(cut(encode(&list), cdb, 7, 2)))
    }
}

fn used(medium: &Medium) -> Option<u64> {
    Some(medium.capacity_bytes.saturating_sub(medium.remaining_bytes?))
}

fn percent(ratio: Option<f64>) -> Option<u64> {
    ratio.map(|ratio| (ratio * 100.0).round() as u64)
}

fn compression_page(code: u8, transferred: &Transferred) -> LogPage {
    let megabytes = |bytes: u64| Some(bytes / MEGABYTE);
    let beyond = |bytes: u64| Some(bytes % MEGABYTE);
    DataCompression {
        // Nothing was transferred yet: 0.
        read_ratio_percent: percent(transferred.read_ratio()).or(Some(0)),
        write_ratio_percent: percent(transferred.write_ratio()).or(Some(0)),
        sent_megabytes: megabytes(transferred.sent),
        sent_bytes: beyond(transferred.sent),
        read_megabytes: megabytes(transferred.read),
        read_bytes: beyond(transferred.read),
        received_megabytes: megabytes(transferred.received),
        received_bytes: beyond(transferred.received),
        written_megabytes: megabytes(transferred.written),
        written_bytes: beyond(transferred.written),
    }
    .page(code)
}
