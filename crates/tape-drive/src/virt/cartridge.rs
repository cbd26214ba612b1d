//! What a cartridge is besides the data on it: `BARCODE.json` beside `BARCODE.tap`.

use super::files::{self, Durability};
use super::state::{Folder, io_error, valid_name};
use crate::drive::MediumKind;
use crate::lto::{self, Generation};
use crate::{DriveError, DriveErrorKind, Operation, Result};
use serde::{Deserialize, Serialize};
use tape_scsi::attribute_id as id;
use tape_scsi::{Attribute, TapeAlert};

/// Cleanings that a cleaning cartridge is good for.
pub const CLEANINGS: u16 = 50;
/// First identifier of the attributes that belong to the host (SPC-5, 7.4.2.1).
const FIRST_HOST_ATTRIBUTE: u16 = 0x0800;
/// Attributes a host may leave in one cartridge memory; a real one has room for a few kilobytes.
const MAX_ATTRIBUTES: usize = 64;
const MIB: u64 = 1 << 20;

/// Whether the write protect tab is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteProtection {
    /// The cartridge can be written.
    #[default]
    Off,
    /// It cannot.
    On,
}

/// A new cartridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartridgeSpec {
    /// Name of its files; usually its bar code. Letters, digits, `-` and `_`.
    pub name: String,
    /// What is printed on it; `None`: no label, or an unreadable one.
    pub barcode: Option<String>,
    /// Data, WORM or cleaning.
    pub kind: MediumKind,
    /// Density code.
    pub density: u8,
    /// Bytes of image that fit on it. Blocks take eight bytes more than they have, filemarks four.
    pub capacity_bytes: u64,
    /// So many bytes before its end the drive begins to warn.
    pub early_warning_bytes: u64,
    /// Write protect tab.
    pub write_protection: WriteProtection,
}

impl CartridgeSpec {
    /// The cartridge that the bar code describes: format and kind from its last two characters (LTO-9 where they say
    /// nothing), a cleaning cartridge if it begins with `CLN`, with its native capacity.
    pub fn new(barcode: &str) -> CartridgeSpec {
        let (format, kind) = lto::format_of_barcode(barcode).unwrap_or((Generation::LTO9.format(), MediumKind::Data));
        let kind = if lto::is_cleaning_barcode(barcode) { MediumKind::Cleaning } else { kind };
        CartridgeSpec {
            name: barcode.to_owned(),
            barcode: Some(barcode.to_owned()),
            kind,
            density: format.density,
            capacity_bytes: 0,
            early_warning_bytes: 0,
            write_protection: WriteProtection::Off,
        }
        .with_capacity(format.capacity_bytes)
    }

    /// The same with another capacity. Its last fiftieth is behind early warning: at least 4 MiB, at most 8 GiB, and never
    /// more than half.
    pub fn with_capacity(mut self, bytes: u64) -> CartridgeSpec {
        self.capacity_bytes = bytes;
        self.early_warning_bytes = (bytes / 50).clamp(4 * MIB, 8192 * MIB).min(bytes / 2);
        self
    }
}

/// A cartridge as its file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cartridge {
    /// What is printed on it.
    pub barcode: Option<String>,
    /// Data, WORM or cleaning.
    pub kind: MediumKind,
    /// Density code.
    pub density: u8,
    /// Bytes of image that fit on it.
    pub capacity_bytes: u64,
    /// So many bytes before its end the drive begins to warn.
    pub early_warning_bytes: u64,
    /// Write protect tab.
    #[serde(default)]
    pub write_protection: WriteProtection,
    /// Serial number in its memory.
    pub serial: String,
    /// Times it was threaded.
    #[serde(default)]
    pub load_count: u64,
    /// Bytes written in its life.
    #[serde(default)]
    pub bytes_written: u64,
    /// Bytes read in its life.
    #[serde(default)]
    pub bytes_read: u64,
    /// Writes that failed beyond recovery.
    #[serde(default)]
    pub write_errors: u64,
    /// Reads that failed beyond recovery.
    #[serde(default)]
    pub read_errors: u64,
    /// A drive has measured it.
    #[serde(default)]
    pub optimised: bool,
    /// For a cleaning cartridge: what it is still good for.
    #[serde(default)]
    pub cleanings_left: u16,
    /// TapeAlert flags that the cartridge keeps, as the mask of attribute 0002h.
    #[serde(default)]
    pub alerts: u64,
    /// Attributes that hosts left in its memory.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

impl Cartridge {
    /// A new one.
    pub(crate) fn new(spec: &CartridgeSpec) -> Result<Cartridge> {
        let refuse = |message: String| Err(DriveError::new(DriveErrorKind::IllegalRequest, Operation::Open, message));
        if !valid_name(&spec.name) {
            return refuse(format!("{:?} cannot name a cartridge: use letters, digits, - and _ only", spec.name));
        }
        if let Some(barcode) = spec.barcode.as_deref()
            && (barcode.is_empty() || Attribute::ascii(id::BARCODE, barcode).validate().is_err())
        {
            return refuse(format!("{barcode:?} cannot be a bar code: use 1 to 32 printable ASCII characters"));
        }
        if spec.early_warning_bytes > spec.capacity_bytes {
            return refuse(format!("early warning lies before the beginning of the cartridge {:?}", spec.name));
        }
        let serial: String = uuid::Uuid::new_v4().simple().to_string().to_uppercase().chars().take(10).collect();
        Ok(Cartridge {
            barcode: spec.barcode.clone(),
            kind: spec.kind,
            density: spec.density,
            capacity_bytes: spec.capacity_bytes,
            early_warning_bytes: spec.early_warning_bytes,
            write_protection: spec.write_protection,
            serial,
            load_count: 0,
            bytes_written: 0,
            bytes_read: 0,
            write_errors: 0,
            read_errors: 0,
            optimised: false,
            cleanings_left: if spec.kind == MediumKind::Cleaning { CLEANINGS } else { 0 },
            alerts: 0,
            attributes: Vec::new(),
        })
    }

    /// Reads the cartridge `name` of a library.
    pub fn load(folder: &Folder, name: &str) -> Result<Cartridge> {
        let path = folder.cartridge_file(name, "json");
        let bytes = std::fs::read(&path).map_err(|error| io_error(&path, "read", &error))?;
        serde_json::from_slice(&bytes).map_err(|error| io_error(&path, "read", &error.into()))
    }

    /// Writes it back.
    pub fn save(&self, folder: &Folder, name: &str, durability: Durability) -> Result<()> {
        let path = folder.cartridge_file(name, "json");
        let text = serde_json::to_vec_pretty(self).map_err(|error| io_error(&path, "write", &error.into()))?;
        files::replace(&path, &text, durability).map_err(|error| io_error(&path, "write", &error))
    }

    /// Position in the image at which early warning begins.
    pub fn early_warning_at(&self) -> u64 {
        self.capacity_bytes.saturating_sub(self.early_warning_bytes)
    }

    /// One attribute of its memory, with `used_bytes` of its capacity taken.
    pub(crate) fn attribute(&self, number: u16, used_bytes: u64) -> Option<Attribute> {
        let attribute = match number {
            id::REMAINING_CAPACITY => {
                Attribute::number(number, self.early_warning_at().saturating_sub(used_bytes) / MIB, 8)
            }
            id::MAXIMUM_CAPACITY => Attribute::number(number, self.early_warning_at() / MIB, 8),
            id::TAPE_ALERT_FLAGS => Attribute::number(number, self.alerts, 8),
            id::LOAD_COUNT => Attribute::number(number, self.load_count, 8),
            id::FORMATTED_DENSITY | id::MEDIUM_DENSITY => Attribute::number(number, u64::from(self.density), 1),
            id::TOTAL_WRITTEN => Attribute::number(number, self.bytes_written / MIB, 8),
            id::TOTAL_READ => Attribute::number(number, self.bytes_read / MIB, 8),
            id::MEDIUM_MANUFACTURER => Attribute::ascii(number, "TAPEBKR"),
            id::MEDIUM_SERIAL => Attribute::ascii(number, self.serial.as_str()),
            // SPC-5, 7.4.2.3: 00h data, 01h cleaning, 80h WORM.
            id::MEDIUM_TYPE => Attribute::number(
                number,
                match self.kind {
                    MediumKind::Data => 0x00,
                    MediumKind::Cleaning => 0x01,
                    MediumKind::Worm => 0x80,
                },
                1,
            ),
            _ => return self.attributes.iter().find(|attribute| attribute.id == number).cloned(),
        };
        Some(attribute.read_only())
    }

    /// Sets an attribute of the host; an empty value removes it (SPC-5, 6.43).
    pub(crate) fn set_attribute(&mut self, attribute: &Attribute) -> Result<(), String> {
        if attribute.id < FIRST_HOST_ATTRIBUTE {
            return Err(format!("attribute {:04X}h belongs to the drive or the cartridge", attribute.id));
        }
        attribute.validate().map_err(|error| error.to_string())?;
        self.attributes.retain(|kept| kept.id != attribute.id);
        let empty = match &attribute.value {
            tape_scsi::AttributeValue::Binary(bytes) => bytes.is_empty(),
            tape_scsi::AttributeValue::Ascii(text) | tape_scsi::AttributeValue::Text(text) => text.is_empty(),
        };
        if empty {
            return Ok(());
        }
        if self.attributes.len() >= MAX_ATTRIBUTES {
            return Err(format!("the cartridge memory holds no more than {MAX_ATTRIBUTES} attributes"));
        }
        self.attributes.push(attribute.clone());
        Ok(())
    }

    /// Remembers an alert in the cartridge.
    pub(crate) fn remember(&mut self, alert: TapeAlert) {
        self.alerts |= TapeAlert::to_mask(&[alert]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_code_says_what_it_is() {
        let spec = CartridgeSpec::new("TB0001L8");
        assert_eq!((spec.density, spec.capacity_bytes, spec.kind), (0x5e, 12_000_000_000_000, MediumKind::Data));
        assert_eq!(CartridgeSpec::new("TB0001LZ").kind, MediumKind::Worm);
        assert_eq!(CartridgeSpec::new("CLNU01L1").kind, MediumKind::Cleaning);
        assert_eq!(CartridgeSpec::new("ANYTHING").density, 0x60);
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["", "../x", "a/b", "a b", "ä", &"x".repeat(65)] {
            let spec = CartridgeSpec { name: name.to_owned(), ..CartridgeSpec::new("OK") };
            assert!(Cartridge::new(&spec).is_err(), "{name:?}");
        }
    }

    #[test]
    fn host_attributes_are_kept_and_others_refused() {
        let mut cartridge = Cartridge::new(&CartridgeSpec::new("TB0001L9")).unwrap();
        cartridge.set_attribute(&Attribute::text(id::USER_MEDIUM_LABEL, "Märchen")).unwrap();
        assert_eq!(cartridge.attribute(id::USER_MEDIUM_LABEL, 0).unwrap().as_str(), Some("Märchen"));
        cartridge.set_attribute(&Attribute::text(id::USER_MEDIUM_LABEL, "")).unwrap();
        assert_eq!(cartridge.attribute(id::USER_MEDIUM_LABEL, 0), None);
        assert!(cartridge.set_attribute(&Attribute::ascii(id::MEDIUM_SERIAL, "X")).is_err());
        assert_eq!(cartridge.attribute(id::REMAINING_CAPACITY, 1 << 40).unwrap().as_number(), Some(16_109_369));
    }
}
