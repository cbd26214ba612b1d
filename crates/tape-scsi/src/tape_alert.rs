//! TapeAlert: the 64 flags by which a drive says that something is wrong or will be (SSC-5, 8.2.3 and annex A;
//! carried by log page 2Eh and, without being cleared by the reading, by log page 12h).

use crate::tape_alert_table::{ALERTS, Row};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How serious a flag is (SSC-5, table A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// Good to know.
    Information,
    /// Data is not in danger yet; act soon.
    Warning,
    /// Data or the next job is in danger; act now.
    Critical,
}

/// One TapeAlert flag, 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct TapeAlert(u8);

impl TapeAlert {
    /// 4: the media's performance is severely degraded.
    pub const MEDIA: TapeAlert = TapeAlert(4);
    /// 3: an error occurred that the drive could not correct.
    pub const HARD_ERROR: TapeAlert = TapeAlert(3);
    /// 7: the media has reached the end of its life.
    pub const MEDIA_LIFE: TapeAlert = TapeAlert(7);
    /// 9: a write was attempted to a write-protected cartridge.
    pub const WRITE_PROTECT: TapeAlert = TapeAlert(9);
    /// 11: a cleaning cartridge is in the drive.
    pub const CLEANING_MEDIA: TapeAlert = TapeAlert(11);
    /// 12: the format of the cartridge is not supported.
    pub const UNSUPPORTED_FORMAT: TapeAlert = TapeAlert(12);
    /// 20: the drive must be cleaned now.
    pub const CLEAN_NOW: TapeAlert = TapeAlert(20);
    /// 21: the drive is due for cleaning.
    pub const CLEAN_PERIODIC: TapeAlert = TapeAlert(21);
    /// 22: the cleaning cartridge is used up.
    pub const EXPIRED_CLEANING_MEDIA: TapeAlert = TapeAlert(22);
    /// 31: the drive has a hardware fault.
    pub const HARDWARE_B: TapeAlert = TapeAlert(31);
    /// 60: a write to recorded data of a write-once cartridge was refused.
    pub const WORM_OVERWRITE: TapeAlert = TapeAlert(60);

    /// The flag `number`; `None` unless it is 1 to 64.
    pub fn new(number: u8) -> Option<TapeAlert> {
        (1..=64).contains(&number).then_some(TapeAlert(number))
    }

    /// All 64 flags.
    pub fn all() -> impl Iterator<Item = TapeAlert> {
        (1..=64).map(TapeAlert)
    }

    /// Its number, 1 to 64.
    pub fn flag(self) -> u8 {
        self.0
    }

    /// Its name in the standard.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// How serious it is.
    pub fn severity(self) -> AlertSeverity {
        self.row().severity
    }

    /// What happened.
    pub fn text(self) -> &'static str {
        self.row().text
    }

    /// What to do about it.
    pub fn action(self) -> &'static str {
        self.row().action
    }

    /// Whether it says that the tape in the drive must not be written any more: it is damaged, worn out or cannot be
    /// trusted, or the drive cannot tell that from a fault of its own.
    pub fn condemns_tape(self) -> bool {
        matches!(self.0, 4..=7 | 13..=15 | 52..=54 | 59)
    }

    /// The flags set in a 64-bit mask as log page 12h and MAM attribute 0002h carry it: flag 1 is the highest bit.
    pub fn from_mask(mask: u64) -> Vec<TapeAlert> {
        TapeAlert::all().filter(|alert| mask & alert.bit() != 0).collect()
    }

    /// The mask with the bits of these flags set.
    pub fn to_mask(alerts: &[TapeAlert]) -> u64 {
        alerts.iter().fold(0, |mask, alert| mask | alert.bit())
    }

    /// The flags set in log page 2Eh: parameters 0001h to 0040h of one byte each, of which bit 0 counts (SSC-5, 8.2.3).
    /// Parameters that are cut off, longer, or unknown are passed over.
    pub fn from_log_page(page: &[u8]) -> Vec<TapeAlert> {
        let length = page.get(2..4).map_or(0, |bytes| usize::from(bytes[0]) << 8 | usize::from(bytes[1]));
        let end = (4 + length).min(page.len());
        let mut rest = page.get(4..end).unwrap_or(&[]);
        let mut alerts = Vec::new();
        while let [code_high, code_low, _, size, ..] = *rest {
            let code = u16::from_be_bytes([code_high, code_low]);
            if rest.get(4).is_some_and(|value| size >= 1 && value & 1 != 0)
                && let Some(alert) = u8::try_from(code).ok().and_then(TapeAlert::new)
            {
                alerts.push(alert);
            }
            rest = rest.get(4 + usize::from(size)..).unwrap_or(&[]);
        }
        alerts
    }

    fn bit(self) -> u64 {
        1 << (64 - self.0)
    }

    fn row(self) -> &'static Row {
        // The constructors keep the number within 1..=64 and the table has 64 rows.
        &ALERTS[usize::from(self.0) - 1]
    }
}

impl TryFrom<u8> for TapeAlert {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        TapeAlert::new(number).ok_or_else(|| format!("TapeAlert flags go from 1 to 64, not {number}"))
    }
}

impl From<TapeAlert> for u8 {
    fn from(alert: TapeAlert) -> u8 {
        alert.0
    }
}

impl fmt::Display for TapeAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TapeAlert {}: {}. {}", self.0, self.text(), self.action())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn flags_have_their_standard_meaning() {
        assert_eq!(TapeAlert::CLEAN_NOW.name(), "Clean now");
        assert_eq!(TapeAlert::CLEAN_NOW.severity(), AlertSeverity::Critical);
        assert_eq!(TapeAlert::CLEAN_PERIODIC.severity(), AlertSeverity::Warning);
        assert_eq!(TapeAlert::new(0), None);
        assert_eq!(TapeAlert::new(65), None);
    }

    #[test]
    fn log_page_is_read_as_far_as_it_goes() {
        let page = [0x2e, 0, 0, 15, 0, 4, 0x40, 1, 1, 0, 20, 0x40, 1, 0, 0, 31, 0x40, 1, 1];
        assert_eq!(TapeAlert::from_log_page(&page), vec![TapeAlert::MEDIA, TapeAlert::HARDWARE_B]);
        assert_eq!(TapeAlert::from_log_page(&page[..9]), vec![TapeAlert::MEDIA]);
        assert_eq!(TapeAlert::from_log_page(&[0x2e, 0]), vec![]);
    }

    proptest! {
        #[test]
        fn masks_come_back(mask: u64) {
            prop_assert_eq!(TapeAlert::to_mask(&TapeAlert::from_mask(mask)), mask);
        }

        #[test]
        fn hostile_pages_never_panic(page in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = TapeAlert::from_log_page(&page);
        }
    }
}
