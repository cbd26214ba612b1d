//! TapeAlert response page (12h): the flags without clearing them (SSC-5, 8.2). The page that clears, 2Eh, is read by
//! [`TapeAlert::from_log_page`].

use super::LogPage;
use crate::TapeAlert;

/// Page code.
pub const CODE: u8 = 0x12;
/// Page code of the TapeAlert page, which is cleared by being read.
pub const CLEARING: u8 = 0x2e;

/// The flags that are set; `None` if the page has no parameter 0000h of eight bytes.
pub fn read(page: &LogPage) -> Option<Vec<TapeAlert>> {
    let mask: [u8; 8] = page.value(0)?.try_into().ok()?;
    Some(TapeAlert::from_mask(u64::from_be_bytes(mask)))
}

/// The page with these flags, as a device writes it.
pub fn page(alerts: &[TapeAlert]) -> LogPage {
    let mut page = LogPage::new(CODE);
    page.push(0, super::BINARY_LIST, TapeAlert::to_mask(alerts).to_be_bytes());
    page
}

/// The TapeAlert page (2Eh) with these flags: 64 parameters of one byte.
pub fn clearing_page(alerts: &[TapeAlert]) -> LogPage {
    let mut page = LogPage::new(CLEARING);
    for alert in TapeAlert::all() {
        page.push(u16::from(alert.flag()), super::BINARY_LIST, [u8::from(alerts.contains(&alert))]);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_specified() {
        // Flag 20 (14h), clean now: bit 4 of the third byte.
        let bytes = [0x12, 0, 0, 12, 0, 0, 3, 8, 0, 0, 0x10, 0, 0, 0, 0, 1];
        let flags = vec![TapeAlert::CLEAN_NOW, TapeAlert::new(64).unwrap()];
        assert_eq!(read(&LogPage::decode(&bytes).unwrap()), Some(flags.clone()));
        assert_eq!(page(&flags).encode(), bytes);
        assert_eq!(TapeAlert::from_log_page(&clearing_page(&flags).encode()), flags);
        assert_eq!(read(&LogPage::new(CODE)), None);
    }
}
