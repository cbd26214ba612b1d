//! Sense data: what a device says about a command that did not simply succeed (SPC-5, 4.5).
//!
//! Both formats are read and written: fixed (response codes 70h and 71h, 4.5.3) and descriptor (72h and 73h, 4.5.2).

use crate::{SenseKey, additional_sense_text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Sense data, reduced to what a tape host needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sense {
    /// Response code 71h or 73h: it belongs to an earlier command, not to the one that was answered with it.
    pub deferred: bool,
    /// Sense key.
    pub key: SenseKey,
    /// Additional sense code.
    pub asc: u8,
    /// Additional sense code qualifier.
    pub ascq: u8,
    /// A filemark was met (SSC-5, 4.2.4).
    pub filemark: bool,
    /// End of medium: at or past early warning, or at the beginning while moving backwards.
    pub eom: bool,
    /// Incorrect length indicator: the block on tape was not of the length asked for.
    pub ili: bool,
    /// The INFORMATION field, if the device marked it valid. For reads with `ili` it is a signed residual; see
    /// [`Sense::residual`].
    pub information: Option<u64>,
    /// SENSE KEY SPECIFIC, if the device marked it valid (SPC-5, 4.5.2.4), with SKSV: what it says depends on the key. See
    /// [`Sense::progress`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specific: Option<[u8; 3]>,
}

/// Descriptor types (SPC-5, 4.5.2, table 28).
const DESCRIPTOR_INFORMATION: u8 = 0x00;
const DESCRIPTOR_SENSE_KEY_SPECIFIC: u8 = 0x02;
const DESCRIPTOR_STREAM_COMMANDS: u8 = 0x04;

/// SKSV: the SENSE KEY SPECIFIC field is valid.
const SKSV: u8 = 0x80;

/// Where a device found what it does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedField {
    /// This byte of the CDB.
    Command(u16),
    /// This byte of the data sent with it.
    Data(u16),
}

impl Sense {
    /// Sense data with this key and code, and nothing else set.
    pub fn new(key: SenseKey, asc: u8, ascq: u8) -> Sense {
        Sense {
            deferred: false,
            key,
            asc,
            ascq,
            filemark: false,
            eom: false,
            ili: false,
            information: None,
            specific: None,
        }
    }

    /// The same, as an answer to an earlier command.
    pub fn deferred(self) -> Sense {
        Sense { deferred: true, ..self }
    }

    /// The same, with the EOM flag.
    pub fn at_end_of_medium(self) -> Sense {
        Sense { eom: true, ..self }
    }

    /// The same, with an INFORMATION field.
    pub fn with_information(self, information: u64) -> Sense {
        Sense { information: Some(information), ..self }
    }

    /// The same, with a progress indication of so many 65536ths.
    pub fn with_progress(self, progress: u16) -> Sense {
        let [high, low] = progress.to_be_bytes();
        Sense { specific: Some([SKSV, high, low]), ..self }
    }

    /// The command failed. Sense data that only adds to a success is: NO SENSE (a filemark was met, early warning was
    /// passed), RECOVERED ERROR and COMPLETED; and, of what belongs to earlier commands, RECOVERED ERROR: trouble that was
    /// overcome (SPC-5, 4.5.7).
    pub fn is_failure(&self) -> bool {
        match self.key {
            SenseKey::RecoveredError => false,
            SenseKey::NoSense | SenseKey::Completed => self.deferred,
            _ => true,
        }
    }

    /// How far a long operation is, in 65536ths, where the device tells (SPC-5, 4.5.2.4.4: with NO SENSE and NOT READY).
    pub fn progress(&self) -> Option<u16> {
        match (self.key, self.specific) {
            (SenseKey::NoSense | SenseKey::NotReady, Some([_, high, low])) => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }

    /// The byte of the CDB or of the data sent that the device did not accept (SPC-5, 4.5.2.4.2: with ILLEGAL REQUEST).
    pub fn refused_field(&self) -> Option<RefusedField> {
        match (self.key, self.specific) {
            (SenseKey::IllegalRequest, Some([flags, high, low])) => {
                let byte = u16::from_be_bytes([high, low]);
                Some(if flags & 0x40 != 0 { RefusedField::Command(byte) } else { RefusedField::Data(byte) })
            }
            _ => None,
        }
    }

    /// Key, code and qualifier: what most decisions are made on.
    pub fn code(&self) -> (SenseKey, u8, u8) {
        (self.key, self.asc, self.ascq)
    }

    /// INFORMATION as the signed difference "asked for minus found" of SSC-5 (READ, SPACE, WRITE FILEMARKS).
    pub fn residual(&self) -> Option<i64> {
        self.information.map(|information| information as i64)
    }

    /// Reads sense data as a device sent it; `None` if it is empty, cut off before the key, or of no known format.
    pub fn decode(bytes: &[u8]) -> Option<Sense> {
        match bytes.first()? & 0x7f {
            0x70 => decode_fixed(bytes, false),
            0x71 => decode_fixed(bytes, true),
            0x72 => decode_descriptors(bytes, false),
            0x73 => decode_descriptors(bytes, true),
            _ => None,
        }
    }

    /// Writes fixed format (18 bytes). INFORMATION is left out if it does not fit 32 bits.
    pub fn encode_fixed(&self) -> [u8; 18] {
        let mut bytes = [0u8; 18];
        bytes[0] = if self.deferred { 0x71 } else { 0x70 };
        bytes[2] = self.key.bits() | self.flags();
        if let Some(information) = self.information.and_then(|value| narrow(value, self.ili)) {
            bytes[0] |= 0x80;
            bytes[3..7].copy_from_slice(&information.to_be_bytes());
        }
        // ADDITIONAL SENSE LENGTH: what follows byte 7.
        bytes[7] = 10;
        bytes[12] = self.asc;
        bytes[13] = self.ascq;
        if let Some(specific) = self.specific {
            bytes[15..18].copy_from_slice(&specific);
        }
        bytes
    }

    /// Writes descriptor format.
    pub fn encode_descriptors(&self) -> Vec<u8> {
        let code = if self.deferred { 0x73 } else { 0x72 };
        let mut bytes = vec![code, self.key.bits(), self.asc, self.ascq, 0, 0, 0, 0];
        if let Some(information) = self.information {
            bytes.extend([DESCRIPTOR_INFORMATION, 0x0a, 0x80, 0]);
            bytes.extend(information.to_be_bytes());
        }
        if let Some([flags, high, low]) = self.specific {
            bytes.extend([DESCRIPTOR_SENSE_KEY_SPECIFIC, 0x06, 0, 0, flags, high, low, 0]);
        }
        if self.flags() != 0 {
            bytes.extend([DESCRIPTOR_STREAM_COMMANDS, 0x02, 0, self.flags()]);
        }
        // At most 8 + 12 + 8 + 4 bytes, so the length fits its byte.
        bytes[7] = (bytes.len() - 8) as u8;
        bytes
    }

    /// FILEMARK, EOM and ILI at the bits where both formats have them.
    fn flags(&self) -> u8 {
        (u8::from(self.filemark) << 7) | (u8::from(self.eom) << 6) | (u8::from(self.ili) << 5)
    }

    fn with_flags(self, byte: u8) -> Sense {
        Sense { filemark: byte & 0x80 != 0, eom: byte & 0x40 != 0, ili: byte & 0x20 != 0, ..self }
    }
}

/// The 32 bits of the fixed format for a value that is unsigned, or signed where ILI makes it a residual.
fn narrow(value: u64, ili: bool) -> Option<u32> {
    if ili { i32::try_from(value as i64).ok().map(|signed| signed as u32) } else { u32::try_from(value).ok() }
}

fn decode_fixed(bytes: &[u8], deferred: bool) -> Option<Sense> {
    let second = *bytes.get(2)?;
    // Bytes behind ADDITIONAL SENSE LENGTH are not sense data, whatever the transport delivered.
    let end = bytes.get(7).map_or(7, |&length| 8 + usize::from(length)).min(bytes.len());
    let at = |index: usize| if index < end { bytes.get(index).copied().unwrap_or(0) } else { 0 };
    let mut sense = Sense::new(SenseKey::from_bits(second), at(12), at(13)).with_flags(second);
    sense.deferred = deferred;
    if bytes[0] & 0x80 != 0 && bytes.len() >= 7 {
        let raw = u32::from_be_bytes([at(3), at(4), at(5), at(6)]);
        // SSC-5, READ: with ILI it is a two's complement difference, so the sign must survive the widening.
        sense.information = Some(if sense.ili { i64::from(raw as i32) as u64 } else { u64::from(raw) });
    }
    sense.specific = (at(15) & SKSV != 0).then(|| [at(15), at(16), at(17)]);
    Some(sense)
}

fn decode_descriptors(bytes: &[u8], deferred: bool) -> Option<Sense> {
    let key = SenseKey::from_bits(*bytes.get(1)?);
    let at = |index: usize| bytes.get(index).copied().unwrap_or(0);
    let mut sense = Sense::new(key, at(2), at(3));
    sense.deferred = deferred;
    let end = (8 + usize::from(at(7))).min(bytes.len());
    let mut rest = bytes.get(8..end).unwrap_or(&[]);
    while let [kind, length, ..] = *rest {
        let body_end = 2 + usize::from(length);
        let Some(body) = rest.get(2..body_end) else { break };
        match kind {
            DESCRIPTOR_INFORMATION => {
                if let [valid, _, value @ ..] = body
                    && valid & 0x80 != 0
                    && let Ok(value) = <[u8; 8]>::try_from(value)
                {
                    sense.information = Some(u64::from_be_bytes(value));
                }
            }
            DESCRIPTOR_SENSE_KEY_SPECIFIC => {
                if let [_, _, flags, high, low, ..] = *body
                    && flags & SKSV != 0
                {
                    sense.specific = Some([flags, high, low]);
                }
            }
            DESCRIPTOR_STREAM_COMMANDS => {
                if let [_, flags, ..] = *body {
                    sense = sense.with_flags(flags);
                }
            }
            _ => {}
        }
        rest = rest.get(body_end..).unwrap_or(&[]);
    }
    Some(sense)
}

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deferred {
            f.write_str("deferred ")?;
        }
        write!(f, "{} {:X}h/{:02X}h/{:02X}h", self.key, self.key.bits(), self.asc, self.ascq)?;
        if let Some(text) = additional_sense_text(self.asc, self.ascq) {
            write!(f, " {text}")?;
        }
        for (set, name) in [(self.filemark, "FILEMARK"), (self.eom, "EOM"), (self.ili, "ILI")] {
            if set {
                write!(f, " {name}")?;
            }
        }
        match self.residual() {
            Some(residual) if self.ili => write!(f, " residual {residual}")?,
            Some(_) => write!(f, " information {}", self.information.unwrap_or(0))?,
            None => {}
        }
        if let Some(progress) = self.progress() {
            write!(f, " {} % done", u32::from(progress) * 100 / 65536)?;
        }
        match self.refused_field() {
            Some(RefusedField::Command(byte)) => write!(f, " at byte {byte} of the command"),
            Some(RefusedField::Data(byte)) => write!(f, " at byte {byte} of its data"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A filemark met by a READ(6) of 65536 bytes, as an HPE LTO-6 sends it.
    #[test]
    fn decodes_a_fixed_filemark() {
        let bytes = [0xf0, 0, 0x80, 0, 1, 0, 0, 0x0e, 0, 0, 0, 0, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 0];
        let sense = Sense::decode(&bytes).unwrap();
        assert!(sense.filemark && !sense.eom && !sense.ili && !sense.deferred);
        assert_eq!(sense.code(), (SenseKey::NoSense, 0, 1));
        assert_eq!(sense.information, Some(65536));
        assert_eq!(sense.to_string(), "NO SENSE 0h/00h/01h filemark detected FILEMARK information 65536");
    }

    #[test]
    fn overlength_residual_is_negative_in_both_formats() {
        let sense = Sense { ili: true, information: Some(-512i64 as u64), ..Sense::new(SenseKey::NoSense, 0, 0) };
        assert_eq!(Sense::decode(&sense.encode_fixed()).unwrap().residual(), Some(-512));
        assert_eq!(Sense::decode(&sense.encode_descriptors()).unwrap().residual(), Some(-512));
    }

    #[test]
    fn deferred_write_error_is_readable() {
        let sense = Sense::new(SenseKey::MediumError, 0x0c, 0).deferred();
        assert_eq!(sense.encode_fixed()[0], 0x71);
        assert_eq!(sense.encode_descriptors()[0], 0x73);
        assert_eq!(sense.to_string(), "deferred MEDIUM ERROR 3h/0Ch/00h write error");
    }

    #[test]
    fn short_and_foreign_answers_are_refused_or_read_as_far_as_they_go() {
        assert_eq!(Sense::decode(&[]), None);
        assert_eq!(Sense::decode(&[0x70, 0]), None);
        assert_eq!(Sense::decode(&[0x00; 18]), None);
        assert_eq!(Sense::decode(&[0x72]), None);
        assert_eq!(Sense::decode(&[0x70, 0, 0x03]).unwrap().code(), (SenseKey::MediumError, 0, 0));
        // A length that promises more than there is, and one that hides the additional sense code.
        assert_eq!(Sense::decode(&[0x70, 0, 6, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0x28]).unwrap().asc, 0x28);
        assert_eq!(Sense::decode(&[0x70, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x28, 1]).unwrap().asc, 0);
    }

    #[test]
    fn progress_and_refused_fields_are_read() {
        // What SPC-5 lays out for a drive that initialises a cartridge and is half done.
        let calibrating = [0x70, 0, 2, 0, 0, 0, 0, 0x0e, 0, 0, 0, 0, 0x04, 0x01, 0, 0x80, 0x80, 0x00, 0, 0, 0, 0];
        let sense = Sense::decode(&calibrating).unwrap();
        assert_eq!(sense.progress(), Some(0x8000));
        assert!(sense.to_string().ends_with("50 % done"), "{sense}");
        let refused = [0x70, 0, 5, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x24, 0x00, 0, 0xcf, 0x00, 0x02];
        let sense = Sense::decode(&refused).unwrap();
        assert_eq!(sense.refused_field(), Some(RefusedField::Command(2)));
        assert_eq!(sense.progress(), None);
    }

    #[test]
    fn failures_are_told_from_successes() {
        let deferred = |key| Sense::new(key, 0, 0).deferred().is_failure();
        assert!(!Sense::new(SenseKey::NoSense, 0, 2).at_end_of_medium().is_failure());
        assert!(!deferred(SenseKey::RecoveredError));
        assert!(deferred(SenseKey::NoSense) && deferred(SenseKey::MediumError));
        assert!(Sense::new(SenseKey::VolumeOverflow, 0, 2).is_failure());
    }

    fn any_sense() -> impl Strategy<Value = Sense> {
        (any::<(bool, u8, u8, u8)>(), any::<(bool, bool, bool)>(), any::<(Option<i32>, Option<[u8; 3]>)>()).prop_map(
            |((deferred, key, asc, ascq), (filemark, eom, ili), (information, specific))| Sense {
                deferred,
                key: SenseKey::from_bits(key),
                asc,
                ascq,
                filemark,
                eom,
                ili,
                information: information
                    .map(|value| if ili { i64::from(value) as u64 } else { u64::from(value.unsigned_abs()) }),
                specific: specific.map(|[flags, high, low]| [flags | SKSV, high, low]),
            },
        )
    }

    proptest! {
        #[test]
        fn both_formats_come_back(sense in any_sense()) {
            prop_assert_eq!(Sense::decode(&sense.encode_fixed()), Some(sense));
            prop_assert_eq!(Sense::decode(&sense.encode_descriptors()), Some(sense));
        }

        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..64), code in 0x70u8..0x74) {
            let _ = Sense::decode(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = code;
            }
            let _ = Sense::decode(&bytes).map(|sense| sense.to_string());
        }
    }
}
