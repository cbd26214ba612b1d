//! Sense data → what it means for a tape host: the one place that decides.
//!
//! Clauses are those of SSC-5 (4.2.17 error reporting, 6.x commands), SMC-3 and SPC-5 (4.5, annex F).

use crate::DriveErrorKind;
use tape_scsi::{Sense, SenseKey};

/// What `sense` means; `None` if the command succeeded and the sense data only adds to it.
///
/// Which sense data tells of success is said at [`Sense::is_failure`]; its flags are the caller's to read. EOM with any other key is a failure whose data is not on the tape.
pub fn sense_kind(sense: &Sense) -> Option<DriveErrorKind> {
    use DriveErrorKind as Kind;
    if !sense.is_failure() {
        return None;
    }
    if sense.deferred {
        return Some(Kind::Deferred);
    }
    Some(match sense.key {
        SenseKey::NoSense | SenseKey::RecoveredError | SenseKey::Completed => return None,
        SenseKey::NotReady if sense.asc == 0x3a => Kind::NoMedium,
        SenseKey::NotReady if sense.asc == 0x30 => incompatible(sense.ascq),
        SenseKey::NotReady => Kind::NotReady,
        // SSC-5, 4.2.5: error keys with EOM mean that the block did not fit any more.
        SenseKey::VolumeOverflow => Kind::EndOfMedium,
        SenseKey::MediumError | SenseKey::IllegalRequest if sense.asc == 0x30 => incompatible(sense.ascq),
        SenseKey::MediumError if sense.eom => Kind::EndOfMedium,
        SenseKey::MediumError => Kind::MediumError,
        SenseKey::HardwareError if sense.asc == 0x3b && sense.ascq == 0x0f => Kind::EndOfMedium,
        SenseKey::HardwareError => Kind::HardwareError,
        SenseKey::IllegalRequest => match (sense.asc, sense.ascq) {
            (0x3b, 0x0d | 0x0e | 0x11..=0x1a) | (0x53, _) => Kind::ElementState,
            (0x20, _) => Kind::Unsupported,
            _ => Kind::IllegalRequest,
        },
        SenseKey::UnitAttention => match sense.asc {
            // 3Bh: a magazine was taken out or put in, a drive was removed or added.
            0x28 | 0x3b => Kind::MediumChanged,
            0x2a => Kind::ParametersChanged,
            // Everything else that makes a drive raise its hand (29h, microcode changed, commands cleared …) leaves
            // the host unsure of every setting: treat it as a reset.
            _ => Kind::Reset,
        },
        SenseKey::DataProtect => match (sense.asc, sense.ascq) {
            (0x27, _) | (0x30, 0x04 | 0x05) => Kind::WriteProtected,
            // SSC-5, 4.2.21: unable to decrypt, incorrect key. Anything else of 74h is not mended by a key.
            (0x74, 0x00 | 0x01 | 0x03) => Kind::KeyRequired,
            _ => Kind::DataProtect,
        },
        SenseKey::BlankCheck => Kind::BlankCheck,
        SenseKey::AbortedCommand | SenseKey::CopyAborted => Kind::Aborted,
        SenseKey::VendorSpecific | SenseKey::Reserved | SenseKey::Miscompare => Kind::HardwareError,
    })
}

/// ASC 30h: the cartridge does not fit (SPC-5, annex F).
fn incompatible(ascq: u8) -> DriveErrorKind {
    match ascq {
        0x03 | 0x07 => DriveErrorKind::CleaningCartridge,
        0x04 | 0x05 => DriveErrorKind::WriteProtected,
        _ => DriveErrorKind::IncompatibleMedium,
    }
}

/// What happened and what to do, for the person who reads it; the sense data itself is printed behind it.
pub(crate) fn describe(kind: &DriveErrorKind, sense: &Sense) -> &'static str {
    match kind {
        DriveErrorKind::NoMedium => "there is no cartridge in the drive; load one",
        DriveErrorKind::NotReady if sense.asc == 0x04 && sense.ascq == 0x18 => "a door is open; close it",
        DriveErrorKind::NotReady if sense.asc == 0x04 && sense.ascq == 0x02 => "the cartridge is not threaded; load it",
        DriveErrorKind::NotReady if sense.asc == 0x04 && sense.ascq == 0x03 => "it wants a person; look at its display",
        DriveErrorKind::NotReady if sense.asc == 0x04 && sense.ascq == 0x12 => "it is offline; switch it to online",
        DriveErrorKind::NotReady => "the unit is not ready; wait until it is",
        DriveErrorKind::WriteProtected => {
            "the cartridge does not accept writes in this drive; use another one, or take off its write protection"
        }
        DriveErrorKind::DataProtect => "what is recorded there is protected; nothing was written",
        DriveErrorKind::KeyRequired => {
            "what is recorded there was encrypted by a drive, and this drive has not the key for it; give it the right key"
        }
        DriveErrorKind::EndOfMedium => "the tape is full; the block is not on it and belongs on the next tape",
        DriveErrorKind::MediumError => "the medium could not be written or read; try the tape in another drive",
        DriveErrorKind::HardwareError => "the device reports a fault of its own; look at its display and its alerts",
        DriveErrorKind::BlankCheck => "nothing is recorded there",
        DriveErrorKind::BlockTooLong { .. } => "the block on tape is longer than the buffer",
        DriveErrorKind::MediumChanged => "the cartridge may have been changed; read its label again",
        DriveErrorKind::Reset => "the device was reset; its position and its settings are lost",
        DriveErrorKind::ParametersChanged => "settings of the device were changed; apply them again",
        DriveErrorKind::Deferred => "an earlier write failed; everything since the last flush is in doubt",
        DriveErrorKind::IllegalRequest => "the device does not accept the command",
        DriveErrorKind::Unsupported => "the device does not know the command",
        DriveErrorKind::IncompatibleMedium => "the cartridge cannot be used in this drive; use one of its generation",
        DriveErrorKind::CleaningCartridge => "it is a cleaning cartridge; use a data cartridge",
        DriveErrorKind::Aborted => "the device broke the command off; it may have been carried out",
        DriveErrorKind::Busy => "the device is in use",
        DriveErrorKind::ElementState => match (sense.asc, sense.ascq) {
            (0x3b, 0x0d) => "the destination already holds a cartridge",
            (0x3b, 0x0e) => "the source holds no cartridge",
            (0x3b, 0x11..=0x14) => "a magazine is out or not locked in its place; put it back",
            (0x3b, 0x18) => "the element was put out of use; see the library's own settings",
            (0x53, 0x01) => "the drive did not give the cartridge out; eject it at the drive",
            (0x53, 0x02) => "the drive does not let the cartridge go: removal is prevented",
            (0x53, 0x03) => "the drive has not ejected the cartridge; unload it first",
            _ => "source or destination of the move cannot be used",
        },
        DriveErrorKind::Io => "the device could not be reached",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DriveErrorKind as Kind;

    fn kind(key: SenseKey, asc: u8, ascq: u8) -> Option<Kind> {
        sense_kind(&Sense::new(key, asc, ascq))
    }

    #[test]
    fn success_with_sense_data() {
        assert_eq!(kind(SenseKey::NoSense, 0, 2), None);
        assert_eq!(kind(SenseKey::NoSense, 0, 7), None);
        assert_eq!(kind(SenseKey::RecoveredError, 0x0c, 0), None);
        assert_eq!(sense_kind(&Sense::new(SenseKey::RecoveredError, 0x17, 1).deferred()), None);
    }

    #[test]
    fn blank_is_not_unreadable() {
        assert_eq!(kind(SenseKey::BlankCheck, 0, 5), Some(Kind::BlankCheck));
        assert_eq!(kind(SenseKey::MediumError, 0x30, 2), Some(Kind::IncompatibleMedium));
        assert_eq!(kind(SenseKey::MediumError, 0x11, 0), Some(Kind::MediumError));
    }

    #[test]
    fn end_of_medium_with_any_error_key_is_not_on_tape() {
        assert_eq!(kind(SenseKey::VolumeOverflow, 0, 2), Some(Kind::EndOfMedium));
        let eom = Sense::new(SenseKey::MediumError, 0x0c, 0).at_end_of_medium();
        assert_eq!(sense_kind(&eom), Some(Kind::EndOfMedium));
    }

    #[test]
    fn attentions_protection_and_elements() {
        assert_eq!(kind(SenseKey::UnitAttention, 0x28, 0), Some(Kind::MediumChanged));
        assert_eq!(kind(SenseKey::UnitAttention, 0x29, 1), Some(Kind::Reset));
        assert_eq!(kind(SenseKey::UnitAttention, 0x2a, 1), Some(Kind::ParametersChanged));
        assert_eq!(kind(SenseKey::UnitAttention, 0x3f, 1), Some(Kind::Reset));
        assert_eq!(kind(SenseKey::DataProtect, 0x27, 0), Some(Kind::WriteProtected));
        assert_eq!(kind(SenseKey::DataProtect, 0x30, 0x0c), Some(Kind::DataProtect));
        assert_eq!(kind(SenseKey::UnitAttention, 0x3b, 0x13), Some(Kind::MediumChanged), "a magazine was put in");
        assert_eq!(kind(SenseKey::IllegalRequest, 0x3b, 0x0d), Some(Kind::ElementState));
        assert_eq!(kind(SenseKey::IllegalRequest, 0x53, 0x02), Some(Kind::ElementState));
        assert_eq!(kind(SenseKey::NotReady, 0x3a, 0), Some(Kind::NoMedium));
        assert_eq!(kind(SenseKey::NotReady, 0x04, 1), Some(Kind::NotReady));
    }

    #[test]
    fn deferred_wins_over_everything() {
        let sense = Sense::new(SenseKey::VolumeOverflow, 0, 2).at_end_of_medium().deferred();
        assert_eq!(sense_kind(&sense), Some(Kind::Deferred));
    }
}
