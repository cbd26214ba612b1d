//! What a drive tells of its own condition and of the cartridge in it.

use serde::{Deserialize, Serialize};

/// Counters of the drive's log pages, as far as it keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DriveHealth {
    /// Bytes written to media in the drive's life: what was left of them where the drive compresses (log page 0Ch).
    pub bytes_written: u64,
    /// Bytes read from media.
    pub bytes_read: u64,
    /// Bytes that hosts sent for that, before compression.
    pub bytes_received: Option<u64>,
    /// Bytes that hosts were sent, after decompression.
    pub bytes_sent: Option<u64>,
    /// Writes that failed beyond recovery (log page 02h, parameter 0006h).
    pub write_errors: u64,
    /// Reads that failed beyond recovery (log page 03h, parameter 0006h).
    pub read_errors: u64,
    /// Errors that the drive recovered from (sense key 1h): no harm, but their trend tells of wear.
    pub recovered_errors: u64,
    /// Data written again behind a bad spot of the tape (log page 02h, parameter 0002h): capacity that is lost to wear.
    pub rewrites: Option<u64>,
    /// Reads that were tried again (log page 03h, parameter 0002h).
    pub rereads: Option<u64>,
    /// Media loaded.
    pub load_count: u64,
    /// The drive asks for a cleaning cartridge.
    pub cleaning_required: bool,
    /// Cleanings in the drive's life.
    pub cleanings: Option<u64>,
    /// Hours under power.
    pub power_on_hours: Option<u64>,
    /// Times it was switched on (log page 14h, parameter 000Ch).
    pub power_cycles: Option<u64>,
    /// Hours of tape motion.
    pub motion_hours: Option<f64>,
    /// Temperature in degrees Celsius (log page 0Dh).
    pub temperature_c: Option<i32>,
    /// Bytes from the host per byte on the tape since the cartridge was loaded (log page 1Bh).
    pub write_compression_ratio: Option<f64>,
    /// Bytes to the host per byte from the tape since the cartridge was loaded.
    pub read_compression_ratio: Option<f64>,
    /// Times the drive had to stop because the host sent too little (speed model, or log page 14h).
    pub back_hitches: u64,
    /// Time in milliseconds during which the drive was ready for data and had none.
    pub starved_ms: u64,
}

/// The life of the cartridge in the drive (log page 17h, SSC-5 8.2, or its memory), as far as drive and cartridge keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeHealth {
    /// Times it was loaded.
    pub mounts: Option<u64>,
    /// Bytes written to it in its life.
    pub bytes_written: Option<u64>,
    /// Bytes read from it.
    pub bytes_read: Option<u64>,
    /// Writes that had to be tried again.
    pub write_retries: Option<u64>,
    /// Reads that had to be tried again.
    pub read_retries: Option<u64>,
    /// Writes that failed beyond recovery.
    pub unrecovered_write_errors: Option<u64>,
    /// Reads that failed beyond recovery.
    pub unrecovered_read_errors: Option<u64>,
    /// Passes of the beginning of the tape over the head.
    pub beginning_passes: Option<u64>,
    /// Passes of the middle of the tape over the head.
    pub middle_passes: Option<u64>,
    /// Native capacity in bytes as the drive makes use of it.
    pub capacity_bytes: Option<u64>,
    /// Native capacity in bytes that is taken.
    pub used_bytes: Option<u64>,
}

/// What a drive can do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// It encrypts (SECURITY PROTOCOL 20h lists AES-256-GCM).
    pub encryption: bool,
    /// It compresses (mode page 0Fh, DCC).
    pub compression: bool,
    /// It takes write-once cartridges.
    pub worm: bool,
    /// It warns before early warning.
    pub programmable_early_warning: bool,
    /// What it reads and writes (REPORT DENSITY SUPPORT).
    pub densities: Vec<SupportedDensity>,
}

/// A recording format that a drive knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportedDensity {
    /// Primary density code.
    pub code: u8,
    /// It can be written; otherwise it is only read.
    pub writable: bool,
    /// The name the drive gives it.
    pub name: String,
}
