//! The sense key: the first word on what went wrong (SPC-5, 4.5.7, table 49).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Sense key. Every value of the four-bit field has a name, so decoding cannot fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenseKey {
    /// 0h: nothing went wrong; the flags and the additional sense code tell what there is to know.
    NoSense,
    /// 1h: done, after the device helped itself.
    RecoveredError,
    /// 2h: the unit cannot be used now.
    NotReady,
    /// 3h: a flaw in the medium or in what is recorded on it.
    MediumError,
    /// 4h: the device is broken.
    HardwareError,
    /// 5h: the command, or a field in it, is wrong.
    IllegalRequest,
    /// 6h: something happened that the host must know before it goes on; the command was not carried out.
    UnitAttention,
    /// 7h: what was to be written or read is protected.
    DataProtect,
    /// 8h: blank medium, or end of data.
    BlankCheck,
    /// 9h: the vendor's own.
    VendorSpecific,
    /// Ah: a copy command was aborted.
    CopyAborted,
    /// Bh: the device aborted the command.
    AbortedCommand,
    /// Ch: reserved.
    Reserved,
    /// Dh: the end of the partition was reached and data is left in the buffer that is not on the medium.
    VolumeOverflow,
    /// Eh: what was read is not what was expected.
    Miscompare,
    /// Fh: completed, information follows.
    Completed,
}

const KEYS: [SenseKey; 16] = [
    SenseKey::NoSense,
    SenseKey::RecoveredError,
    SenseKey::NotReady,
    SenseKey::MediumError,
    SenseKey::HardwareError,
    SenseKey::IllegalRequest,
    SenseKey::UnitAttention,
    SenseKey::DataProtect,
    SenseKey::BlankCheck,
    SenseKey::VendorSpecific,
    SenseKey::CopyAborted,
    SenseKey::AbortedCommand,
    SenseKey::Reserved,
    SenseKey::VolumeOverflow,
    SenseKey::Miscompare,
    SenseKey::Completed,
];

impl SenseKey {
    /// The key in the low four bits of `byte`.
    pub fn from_bits(byte: u8) -> SenseKey {
        KEYS[usize::from(byte & 0x0f)]
    }

    /// Its four-bit value.
    pub fn bits(self) -> u8 {
        self as u8
    }

    /// Its name as SPC-5 prints it.
    pub fn name(self) -> &'static str {
        match self {
            SenseKey::NoSense => "NO SENSE",
            SenseKey::RecoveredError => "RECOVERED ERROR",
            SenseKey::NotReady => "NOT READY",
            SenseKey::MediumError => "MEDIUM ERROR",
            SenseKey::HardwareError => "HARDWARE ERROR",
            SenseKey::IllegalRequest => "ILLEGAL REQUEST",
            SenseKey::UnitAttention => "UNIT ATTENTION",
            SenseKey::DataProtect => "DATA PROTECT",
            SenseKey::BlankCheck => "BLANK CHECK",
            SenseKey::VendorSpecific => "VENDOR SPECIFIC",
            SenseKey::CopyAborted => "COPY ABORTED",
            SenseKey::AbortedCommand => "ABORTED COMMAND",
            SenseKey::Reserved => "RESERVED",
            SenseKey::VolumeOverflow => "VOLUME OVERFLOW",
            SenseKey::Miscompare => "MISCOMPARE",
            SenseKey::Completed => "COMPLETED",
        }
    }
}

impl fmt::Display for SenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::SenseKey;

    #[test]
    fn every_nibble_is_a_key_and_comes_back() {
        for bits in 0..16 {
            assert_eq!(SenseKey::from_bits(bits | 0xf0).bits(), bits);
        }
        assert_eq!(SenseKey::from_bits(0x0d), SenseKey::VolumeOverflow);
    }
}
