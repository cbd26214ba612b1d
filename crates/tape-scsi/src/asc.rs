//! Texts of additional sense codes, for those that a tape drive or a library sends.
//!
//! Names are those of SPC-5, annex F (table F.2), printed in lower case.

/// What `asc`/`ascq` mean, where this program knows it. An unknown qualifier falls back to the text of its code.
pub fn additional_sense_text(asc: u8, ascq: u8) -> Option<&'static str> {
    find(asc, ascq).or_else(|| if ascq == 0 { None } else { find(asc, 0) })
}

fn find(asc: u8, ascq: u8) -> Option<&'static str> {
    let index = TEXTS.binary_search_by_key(&(asc, ascq), |&(asc, ascq, _)| (asc, ascq)).ok()?;
    TEXTS.get(index).map(|&(_, _, text)| text)
}

/// Sorted by code, because it is searched by halves.
const TEXTS: &[(u8, u8, &str)] = &[
    (0x00, 0x01, "filemark detected"),
    (0x00, 0x02, "end of partition/medium detected"),
    (0x00, 0x03, "setmark detected"),
    (0x00, 0x04, "beginning of partition/medium detected"),
    (0x00, 0x05, "end of data detected"),
    (0x00, 0x06, "I/O process terminated"),
    (0x00, 0x07, "programmable early warning detected"),
    (0x00, 0x16, "operation in progress"),
    (0x00, 0x17, "cleaning requested"),
    (0x00, 0x18, "erase operation in progress"),
    (0x00, 0x19, "locate operation in progress"),
    (0x00, 0x1a, "rewind operation in progress"),
    (0x03, 0x00, "peripheral device write fault"),
    (0x03, 0x02, "excessive write errors"),
    (0x04, 0x00, "logical unit not ready, cause not reportable"),
    (0x04, 0x01, "logical unit is in process of becoming ready"),
    (0x04, 0x02, "logical unit not ready, initializing command required"),
    (0x04, 0x03, "logical unit not ready, manual intervention required"),
    (0x04, 0x04, "logical unit not ready, format in progress"),
    (0x04, 0x07, "logical unit not ready, operation in progress"),
    (0x04, 0x12, "logical unit not ready, offline"),
    (0x04, 0x18, "logical unit not ready, a door is open"),
    (0x05, 0x00, "logical unit does not respond to selection"),
    (0x08, 0x00, "logical unit communication failure"),
    (0x08, 0x01, "logical unit communication time-out"),
    (0x09, 0x00, "track following error"),
    (0x0a, 0x00, "error log overflow"),
    (0x0b, 0x00, "warning"),
    (0x0c, 0x00, "write error"),
    (0x0e, 0x00, "invalid information unit"),
    (0x11, 0x00, "unrecovered read error"),
    (0x11, 0x01, "read retries exhausted"),
    (0x11, 0x02, "error too long to correct"),
    (0x11, 0x08, "incomplete block read"),
    (0x11, 0x09, "no gap found"),
    (0x11, 0x12, "auxiliary memory read error"),
    (0x14, 0x00, "recorded entity not found"),
    (0x14, 0x01, "record not found"),
    (0x14, 0x02, "filemark or setmark not found"),
    (0x14, 0x03, "end of data not found"),
    (0x14, 0x04, "block sequence error"),
    (0x15, 0x00, "random positioning error"),
    (0x15, 0x01, "mechanical positioning error"),
    (0x15, 0x02, "positioning error detected by read of medium"),
    (0x17, 0x00, "recovered data with no error correction applied"),
    (0x17, 0x01, "recovered data with retries"),
    (0x18, 0x00, "recovered data with error correction applied"),
    (0x1a, 0x00, "parameter list length error"),
    (0x1b, 0x00, "synchronous data transfer error"),
    (0x20, 0x00, "invalid command operation code"),
    (0x21, 0x00, "logical block address out of range"),
    (0x21, 0x01, "invalid element address"),
    (0x24, 0x00, "invalid field in CDB"),
    (0x25, 0x00, "logical unit not supported"),
    (0x26, 0x00, "invalid field in parameter list"),
    (0x27, 0x00, "write protected"),
    (0x27, 0x01, "hardware write protected"),
    (0x27, 0x02, "logical unit software write protected"),
    (0x27, 0x03, "associated write protect"),
    (0x27, 0x04, "persistent write protect"),
    (0x27, 0x05, "permanent write protect"),
    (0x27, 0x06, "conditional write protect"),
    (0x28, 0x00, "not ready to ready change, medium may have changed"),
    (0x28, 0x01, "import or export element accessed"),
    (0x29, 0x00, "power on, reset, or bus device reset occurred"),
    (0x29, 0x01, "power on occurred"),
    (0x29, 0x02, "SCSI bus reset occurred"),
    (0x29, 0x03, "bus device reset function occurred"),
    (0x29, 0x04, "device internal reset"),
    (0x29, 0x07, "I_T nexus loss occurred"),
    (0x2a, 0x00, "parameters changed"),
    (0x2a, 0x01, "mode parameters changed"),
    (0x2a, 0x02, "log parameters changed"),
    (0x2a, 0x03, "reservations preempted"),
    (0x2a, 0x11, "data encryption parameters changed by another I_T nexus"),
    (0x2a, 0x13, "data encryption key instance counter has changed"),
    (0x2c, 0x00, "command sequence error"),
    (0x2d, 0x00, "overwrite error on update in place"),
    (0x2e, 0x00, "insufficient time for operation"),
    (0x2f, 0x00, "commands cleared by another initiator"),
    (0x30, 0x00, "incompatible medium installed"),
    (0x30, 0x01, "cannot read medium - unknown format"),
    (0x30, 0x02, "cannot read medium - incompatible format"),
    (0x30, 0x03, "cleaning cartridge installed"),
    (0x30, 0x04, "cannot write medium - unknown format"),
    (0x30, 0x05, "cannot write medium - incompatible format"),
    (0x30, 0x07, "cleaning failure"),
    (0x30, 0x0c, "WORM medium - overwrite attempted"),
    (0x30, 0x0d, "WORM medium - integrity check"),
    (0x31, 0x00, "medium format corrupted"),
    (0x33, 0x00, "tape length error"),
    (0x37, 0x00, "rounded parameter"),
    (0x39, 0x00, "saving parameters not supported"),
    (0x3a, 0x00, "medium not present"),
    (0x3a, 0x01, "medium not present - tray closed"),
    (0x3a, 0x02, "medium not present - tray open"),
    (0x3a, 0x03, "medium not present - loadable"),
    (0x3a, 0x04, "medium not present - medium auxiliary memory accessible"),
    (0x3b, 0x00, "sequential positioning error"),
    (0x3b, 0x01, "tape position error at beginning-of-medium"),
    (0x3b, 0x02, "tape position error at end-of-medium"),
    (0x3b, 0x08, "reposition error"),
    (0x3b, 0x0c, "position past beginning of medium"),
    (0x3b, 0x0d, "medium destination element full"),
    (0x3b, 0x0e, "medium source element empty"),
    (0x3b, 0x0f, "end of medium reached"),
    (0x3b, 0x11, "medium magazine not accessible"),
    (0x3b, 0x12, "medium magazine removed"),
    (0x3b, 0x13, "medium magazine inserted"),
    (0x3b, 0x14, "medium magazine locked"),
    (0x3b, 0x15, "medium magazine unlocked"),
    (0x3b, 0x18, "element disabled"),
    (0x3b, 0x1a, "data transfer device removed"),
    (0x3e, 0x00, "logical unit has not self-configured yet"),
    (0x3e, 0x02, "timeout on logical unit"),
    (0x3f, 0x01, "microcode has been changed"),
    (0x3f, 0x0e, "reported LUNs data has changed"),
    (0x44, 0x00, "internal target failure"),
    (0x45, 0x00, "select or reselect failure"),
    (0x47, 0x00, "SCSI parity error"),
    (0x48, 0x00, "initiator detected error message received"),
    (0x49, 0x00, "invalid message error"),
    (0x4b, 0x00, "data phase error"),
    (0x4e, 0x00, "overlapped commands attempted"),
    (0x50, 0x00, "write append error"),
    (0x50, 0x01, "write append position error"),
    (0x51, 0x00, "erase failure"),
    (0x52, 0x00, "cartridge fault"),
    (0x53, 0x00, "media load or eject failed"),
    (0x53, 0x01, "unload tape failure"),
    (0x53, 0x02, "medium removal prevented"),
    (0x53, 0x03, "medium removal prevented by data transfer element"),
    (0x53, 0x04, "medium thread or unthread failure"),
    (0x55, 0x04, "insufficient registration resources"),
    (0x55, 0x06, "auxiliary memory out of space"),
    (0x55, 0x08, "maximum number of supplemental decryption keys exceeded"),
    (0x5d, 0x00, "failure prediction threshold exceeded"),
    (0x5e, 0x00, "low power condition on"),
    (0x74, 0x00, "security error"),
    (0x74, 0x01, "unable to decrypt data"),
    (0x74, 0x02, "unencrypted data encountered while decrypting"),
    (0x74, 0x03, "incorrect data encryption key"),
    (0x74, 0x04, "cryptographic integrity validation failed"),
    (0x74, 0x05, "error decrypting data"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_without_duplicates() {
        assert!(TEXTS.windows(2).all(|pair| (pair[0].0, pair[0].1) < (pair[1].0, pair[1].1)));
    }

    #[test]
    fn known_and_unknown_codes() {
        assert_eq!(additional_sense_text(0x3b, 0x0d), Some("medium destination element full"));
        assert_eq!(additional_sense_text(0x3a, 0x77), Some("medium not present"));
        assert_eq!(additional_sense_text(0xee, 0x01), None);
        assert_eq!(additional_sense_text(0x00, 0x00), None);
    }
}
