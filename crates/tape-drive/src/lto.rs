//! What LTO generations are: densities, capacities, speeds, and which drive takes which cartridge.
//!
//! Capacities and speeds are native (uncompressed), of the fastest drives of each generation, as the LTO program and
//! the drive manuals state them; density codes are those that REPORT DENSITY SUPPORT of IBM and HPE drives lists.

use crate::MediumKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A generation of drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Generation(u8);

/// One recording format of a cartridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Its name, such as `LTO-9`.
    pub name: &'static str,
    /// The generation of drives it came with.
    pub generation: Generation,
    /// Density code (SSC-5, REPORT DENSITY SUPPORT).
    pub density: u8,
    /// Native capacity in bytes.
    pub capacity_bytes: u64,
    /// Media identifier at the end of the bar code of an ordinary cartridge.
    pub suffix: &'static str,
    /// Media identifier of a write-once cartridge, where there is one.
    pub worm_suffix: Option<&'static str>,
}

/// What a drive can do with a cartridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Reads and writes it.
    ReadWrite,
    /// Reads it only.
    ReadOnly,
    /// Cannot use it; ejects it.
    None,
}

const TB: u64 = 1_000_000_000_000;
const GB: u64 = 1_000_000_000;

const fn format(
    name: &'static str,
    generation: u8,
    density: u8,
    capacity_bytes: u64,
    suffix: &'static str,
    worm_suffix: Option<&'static str>,
) -> Format {
    Format { name, generation: Generation(generation), density, capacity_bytes, suffix, worm_suffix }
}

/// All formats, oldest first. Type M is an LTO-7 cartridge that an LTO-8 drive initialised with 9 TB; LTO-10P is the
/// longer LTO-10 cartridge.
pub const FORMATS: &[Format] = &[
    format("LTO-1", 1, 0x40, 100 * GB, "L1", None),
    format("LTO-2", 2, 0x42, 200 * GB, "L2", None),
    format("LTO-3", 3, 0x44, 400 * GB, "L3", Some("LT")),
    format("LTO-4", 4, 0x46, 800 * GB, "L4", Some("LU")),
    format("LTO-5", 5, 0x58, 1500 * GB, "L5", Some("LV")),
    format("LTO-6", 6, 0x5a, 2500 * GB, "L6", Some("LW")),
    format("LTO-7", 7, 0x5c, 6 * TB, "L7", Some("LX")),
    format("LTO-M8", 8, 0x5d, 9 * TB, "M8", None),
    format("LTO-8", 8, 0x5e, 12 * TB, "L8", Some("LY")),
    format("LTO-9", 9, 0x60, 18 * TB, "L9", Some("LZ")),
    format("LTO-10", 10, 0x62, 30 * TB, "LA", None),
    format("LTO-10P", 10, 0x63, 40 * TB, "PA", None),
];

/// How far from the beginning of the tape byte `at` lies, as a share of its length, on a cartridge that holds `capacity`
/// bytes in so many wraps. A serpentine: what is far apart in bytes may lie side by side on tape.
pub fn along_tape(capacity: u64, wraps: u32, at: u64) -> f64 {
    let wrap_bytes = (capacity / u64::from(wraps.max(1))).max(1);
    let along = (at % wrap_bytes) as f64 / wrap_bytes as f64;
    if (at / wrap_bytes).is_multiple_of(2) { along } else { 1.0 - along }
}

/// Wraps of a cartridge with this native capacity, as the generations' data sheets give them.
pub fn wraps(capacity: u64) -> u32 {
    match capacity / GB {
        ..400 => 48,
        400..800 => 44,
        800..1500 => 56,
        1500..2500 => 80,
        2500..6000 => 136,
        6000..12_000 => 112,
        12_000..18_000 => 208,
        _ => 280,
    }
}

/// The format with this density code.
pub fn format_of_density(density: u8) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.density == density)
}

/// Cleaning cartridges have a bar code that begins with `CLN` (IBM Ultrium cartridge label specification).
pub fn is_cleaning_barcode(barcode: &str) -> bool {
    barcode.starts_with("CLN")
}

/// What the bar code says about the cartridge: its last two characters name the format, and cleaning cartridges begin
/// with `CLN` (IBM Ultrium cartridge label specification).
pub fn format_of_barcode(barcode: &str) -> Option<(&'static Format, MediumKind)> {
    if is_cleaning_barcode(barcode) {
        return None;
    }
    FORMATS.iter().find_map(|format| {
        if barcode.ends_with(format.suffix) {
            Some((format, MediumKind::Data))
        } else if format.worm_suffix.is_some_and(|suffix| barcode.ends_with(suffix)) {
            Some((format, MediumKind::Worm))
        } else {
            None
        }
    })
}

impl Generation {
    /// LTO-8.
    pub const LTO8: Generation = Generation(8);
    /// LTO-9.
    pub const LTO9: Generation = Generation(9);
    /// The newest generation in the table.
    pub const NEWEST: Generation = Generation(10);

    /// Generation `number`, 1 to 10.
    pub fn new(number: u8) -> Option<Generation> {
        (1..=Generation::NEWEST.0).contains(&number).then_some(Generation(number))
    }

    /// The generation that a drive's product name tells of: `ULT3580-TD6` and `ULTRIUM-HH9` of IBM, `Ultrium 6-SCSI` of
    /// HPE, `LTO-6 HH` of others.
    pub fn of_product(product: &str) -> Option<Generation> {
        let upper = product.to_ascii_uppercase();
        let marks = ["-TD", "-HH", "-FH", "LTO-", "LTO", "ULTRIUM "];
        marks.iter().find_map(|mark| {
            let (_, rest) = upper.split_once(mark)?;
            let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
            // IBM names its tenth generation with a letter, as it does cartridges.
            let number = if digits.is_empty() && rest.starts_with('A') { 10 } else { digits.parse().ok()? };
            Generation::new(number)
        })
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The format that a drive of this generation writes on a new cartridge of its own.
    pub fn format(self) -> &'static Format {
        // The last but the variants: type M and LTO-10P are not what a plain cartridge of the generation is.
        let index = match self.0 {
            number @ 1..=7 => usize::from(number) - 1,
            8 => 8,
            9 => 9,
            _ => 10,
        };
        &FORMATS[index]
    }

    /// Native speed in bytes per second.
    pub fn native_speed(self) -> u64 {
        1_000_000
            * match self.0 {
                1 => 20,
                2 => 40,
                3 => 80,
                4 => 120,
                5 => 140,
                6 => 160,
                7 => 300,
                8 => 360,
                _ => 400,
            }
    }

    /// The slowest speed in bytes per second at which the tape still streams (speed matching), about: makers differ, and
    /// where no figure is at hand it is a third of the native speed.
    pub fn slowest_speed(self) -> u64 {
        match self.0 {
            7 => 100_000_000,
            8 => 112_000_000,
            9 => 177_000_000,
            _ => self.native_speed() / 3,
        }
    }

    /// What a drive of this generation does with a cartridge of `density`.
    ///
    /// Up to LTO-7: writes its own and the previous generation, reads one more. LTO-8 reads and writes LTO-7, type M and
    /// its own; LTO-9 reads and writes LTO-8 (not type M) and its own; LTO-10 takes nothing older.
    pub fn access(self, density: u8) -> Access {
        let Some(format) = format_of_density(density) else { return Access::None };
        let medium = format.generation.0;
        if medium > self.0 {
            return Access::None;
        }
        let age = self.0 - medium;
        match (self.0, age) {
            (9, 1) if format.suffix == "M8" => Access::None,
            (_, 0) => Access::ReadWrite,
            (..=9, 1) => Access::ReadWrite,
            (..=7, 2) => Access::ReadOnly,
            _ => Access::None,
        }
    }
}

impl TryFrom<u8> for Generation {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Generation::new(number).ok_or_else(|| format!("LTO generations go from 1 to {}, not {number}", Self::NEWEST.0))
    }
}

impl From<Generation> for u8 {
    fn from(generation: Generation) -> u8 {
        generation.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LTO-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(drive: u8, suffix: &str) -> Access {
        let format = FORMATS.iter().find(|format| format.suffix == suffix).unwrap();
        Generation::new(drive).unwrap().access(format.density)
    }

    /// The compatibility table of the IBM TS4500 manual (LTO-5 to LTO-8), and the LTO program's for the newer ones.
    #[test]
    fn compatibility() {
        for (drive, suffix, expected) in [
            (5, "L5", Access::ReadWrite),
            (5, "L4", Access::ReadWrite),
            (5, "L3", Access::ReadOnly),
            (5, "L2", Access::None),
            (5, "L6", Access::None),
            (7, "L6", Access::ReadWrite),
            (7, "L5", Access::ReadOnly),
            (7, "M8", Access::None),
            (8, "M8", Access::ReadWrite),
            (8, "L7", Access::ReadWrite),
            (8, "L6", Access::None),
            (9, "L8", Access::ReadWrite),
            (9, "M8", Access::None),
            (9, "L7", Access::None),
            (10, "L9", Access::None),
            (10, "PA", Access::ReadWrite),
            (1, "L1", Access::ReadWrite),
        ] {
            assert_eq!(access(drive, suffix), expected, "LTO-{drive} with {suffix}");
        }
    }

    #[test]
    fn every_generation_has_its_own_format() {
        for number in 1..=10 {
            let generation = Generation::new(number).unwrap();
            assert_eq!(generation.format().generation, generation);
            assert_eq!(generation.format().name, format!("LTO-{number}"));
            assert!(generation.slowest_speed() < generation.native_speed());
        }
    }

    #[test]
    fn product_names_tell_the_generation() {
        for (product, number) in [
            ("ULT3580-TD6", Some(6)),
            ("ULTRIUM-HH9", Some(9)),
            ("ULT3580-TDA", Some(10)),
            ("Ultrium 6-SCSI", Some(6)),
            ("Ultrium 10-SCSI", Some(10)),
            ("LTO-5 HH", Some(5)),
            ("LTO9", Some(9)),
            ("T10000D", None),
            ("VIRTUAL DRIVE", None),
            ("LTO-77", None),
        ] {
            assert_eq!(Generation::of_product(product).map(Generation::number), number, "{product}");
        }
    }

    #[test]
    fn barcodes_name_the_format() {
        assert_eq!(
            format_of_barcode("TB0001L9").map(|(format, kind)| (format.density, kind)),
            Some((0x60, MediumKind::Data))
        );
        assert_eq!(format_of_barcode("TB0001LZ").map(|(_, kind)| kind), Some(MediumKind::Worm));
        assert_eq!(format_of_barcode("CLNU01L1"), None);
        assert_eq!(format_of_barcode("é"), None);
    }
}
