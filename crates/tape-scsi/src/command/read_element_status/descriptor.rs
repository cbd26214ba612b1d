//! One element descriptor of READ ELEMENT STATUS (SMC-3; in SCSI-2: 17.2.5.3 to 17.2.5.6).

use super::report::Fields;
use crate::bytes::{u8_at, u16_at};
use crate::command::inquiry::designator::{self, Designator};
use crate::text::{ascii, put_ascii};
use serde::{Deserialize, Serialize};

/// Element types (SMC-3, element types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// The gripper (type 1).
    Transport,
    /// A storage slot (type 2).
    Storage,
    /// A mail slot (type 3).
    ImportExport,
    /// A drive bay (type 4).
    Drive,
}

impl ElementKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [ElementKind; 4] =
        [ElementKind::Transport, ElementKind::Storage, ElementKind::ImportExport, ElementKind::Drive];

    /// The kind with this number.
    pub fn from_bits(bits: u8) -> Option<ElementKind> {
        ElementKind::ALL.into_iter().find(|kind| kind.bits() == bits & 0x0f)
    }

    /// Its number.
    pub fn bits(self) -> u8 {
        match self {
            ElementKind::Transport => 1,
            ElementKind::Storage => 2,
            ElementKind::ImportExport => 3,
            ElementKind::Drive => 4,
        }
    }
}

/// What the library knows of the cartridge's kind (SMC-3, MEDIUM TYPE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediumType {
    /// 0: it does not tell.
    #[default]
    Unspecified,
    /// 1: a data cartridge.
    Data,
    /// 2: a cleaning cartridge.
    Cleaning,
    /// 3: a diagnostic cartridge.
    Diagnostic,
    /// 4: a write-once cartridge.
    Worm,
    /// 5: a cartridge with firmware.
    Microcode,
    /// A reserved number.
    Other(u8),
}

impl MediumType {
    fn from_bits(bits: u8) -> MediumType {
        match bits & 0x07 {
            0 => MediumType::Unspecified,
            1 => MediumType::Data,
            2 => MediumType::Cleaning,
            3 => MediumType::Diagnostic,
            4 => MediumType::Worm,
            5 => MediumType::Microcode,
            other => MediumType::Other(other),
        }
    }

    fn bits(self) -> u8 {
        match self {
            MediumType::Unspecified => 0,
            MediumType::Data => 1,
            MediumType::Cleaning => 2,
            MediumType::Diagnostic => 3,
            MediumType::Worm => 4,
            MediumType::Microcode => 5,
            MediumType::Other(other) => other & 0x07,
        }
    }
}

/// Volume tag information (SMC-3): what the bar code reader read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeTag {
    /// The bar code, trimmed; empty if none was read.
    pub identifier: String,
    /// VOLUME SEQUENCE NUMBER; tape libraries leave it 0.
    pub sequence: u16,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementStatus {
    /// Its address.
    pub address: u16,
    /// What it is.
    pub kind: ElementKind,
    /// FULL: there is a cartridge in it.
    pub full: bool,
    /// ACCESS: the robot can reach it; for a drive: the cartridge can be taken. A gripper has no such bit and is `true`.
    pub access: bool,
    /// ASC and ASCQ, if EXCEPT says that something is wrong with it.
    pub exception: Option<(u8, u8)>,
    /// IMPEXP, mail slots only: the cartridge was put there by a person, not by the robot.
    pub put_by_person: bool,
    /// INENAB, mail slots only: cartridges can come in through it.
    pub can_import: bool,
    /// EXENAB, mail slots only: cartridges can go out through it.
    pub can_export: bool,
    /// ED: it was put out of use.
    pub disabled: bool,
    /// What kind of cartridge is in it.
    pub medium: MediumType,
    /// Where the cartridge came from, if SVALID says that the library remembers.
    pub source: Option<u16>,
    /// INVERT: it was turned over on its way.
    pub inverted: bool,
    /// The bar code, if the library was asked for it and has a reader.
    pub primary: Option<VolumeTag>,
    /// The bar code on the other side, of media that have two.
    pub alternate: Option<VolumeTag>,
    /// Which device is in a drive bay, if the library was asked for it and knows.
    pub device: Option<Designator>,
    /// The address that SCSI-2 libraries give for the drive in a bay: bus address and logical unit, if on the same bus.
    pub scsi2_address: Option<(u8, u8)>,
}

/// Bytes that every descriptor has.
pub(super) const FIXED: usize = 12;
/// Bytes of the bar code at the start of a volume tag.
const BARCODE: usize = 32;
/// Bytes of a volume tag.
pub(super) const TAG: usize = 36;

impl ElementStatus {
    /// An empty element in good order.
    pub fn new(address: u16, kind: ElementKind) -> ElementStatus {
        ElementStatus {
            address,
            kind,
            full: false,
            access: true,
            exception: None,
            put_by_person: false,
            can_import: kind == ElementKind::ImportExport,
            can_export: kind == ElementKind::ImportExport,
            disabled: false,
            medium: MediumType::Unspecified,
            source: None,
            inverted: false,
            primary: None,
            alternate: None,
            device: None,
            scsi2_address: None,
        }
    }

    /// Reads a descriptor of a page of this kind, as far as it was delivered; `None` if not even its fixed part was.
    pub(super) fn decode(kind: ElementKind, tags: (bool, bool), fields: Fields, bytes: &[u8]) -> Option<ElementStatus> {
        let (flags, validity) = (u8_at(bytes, 2)?, u8_at(bytes, 9)?);
        let (asc, ascq, source) = (u8_at(bytes, 4)?, u8_at(bytes, 5)?, u16_at(bytes, 10)?);
        let mut at = FIXED;
        let mut tag = |present: bool| {
            // All that counts of a tag is its bar code, should the answer end within the rest.
            let field = bytes.get(at..).filter(|field| present && field.len() >= BARCODE);
            at += if present { TAG } else { 0 };
            field.map(decode_tag)
        };
        let (primary, alternate) = (tag(tags.0), tag(tags.1));
        let mail = kind == ElementKind::ImportExport;
        // Without DVCID what follows is the vendor's own.
        let device = (fields.device_ids && kind == ElementKind::Drive)
            .then(|| bytes.get(at..).and_then(Designator::decode))
            .flatten()
            .map(|(designator, _)| designator)
            .filter(|designator| !designator.bytes.is_empty());
        Some(ElementStatus {
            address: u16_at(bytes, 0)?,
            kind,
            full: flags & 0x01 != 0,
            access: flags & 0x08 != 0 || kind == ElementKind::Transport,
            exception: (flags & 0x04 != 0).then_some((asc, ascq)),
            put_by_person: mail && flags & 0x02 != 0,
            can_import: mail && flags & 0x10 != 0,
            can_export: mail && flags & 0x20 != 0,
            disabled: validity & 0x08 != 0,
            medium: MediumType::from_bits(validity),
            source: (validity & 0x80 != 0).then_some(source),
            inverted: validity & 0x40 != 0,
            primary,
            alternate,
            device,
            scsi2_address: (kind == ElementKind::Drive).then(|| scsi2_address(bytes)).flatten(),
        })
    }

    /// Bytes that the descriptor needs.
    pub(super) fn length(&self, tags: (bool, bool), fields: Fields) -> usize {
        let name = self.device.as_ref().filter(|_| fields.device_ids).map_or(0, |device| device.bytes.len().min(255));
        FIXED + (usize::from(tags.0) + usize::from(tags.1)) * TAG + designator::HEADER + name
    }

    /// Writes the descriptor.
    pub(super) fn encode(&self, tags: (bool, bool), fields: Fields, out: &mut Vec<u8>) {
        let mail = self.kind == ElementKind::ImportExport;
        let bit = |set: bool, place: u8| u8::from(set) << place;
        let flags = bit(self.full, 0)
            | bit(mail && self.put_by_person, 1)
            | bit(self.exception.is_some(), 2)
            | bit(self.access && self.kind != ElementKind::Transport, 3)
            | bit(mail && self.can_import, 4)
            | bit(mail && self.can_export, 5);
        let (asc, ascq) = self.exception.unwrap_or_default();
        let validity =
            bit(self.source.is_some(), 7) | bit(self.inverted, 6) | bit(self.disabled, 3) | self.medium.bits();
        let (logical_unit, bus_address) = match self.scsi2_address {
            Some((bus_address, unit)) => (0x30 | (unit & 0x07), bus_address),
            None => (0, 0),
        };
        out.extend(self.address.to_be_bytes());
        out.extend([flags, 0, asc, ascq, logical_unit, bus_address, 0, validity]);
        out.extend(self.source.unwrap_or(0).to_be_bytes());
        for tag in [(tags.0, &self.primary), (tags.1, &self.alternate)] {
            if tag.0 {
                encode_tag(tag.1.as_ref(), out);
            }
        }
        match self.device.as_ref().filter(|_| fields.device_ids) {
            Some(device) => device.encode(out),
            None => out.extend([0; designator::HEADER]),
        }
    }
}

/// IDVALID and LUVALID of SCSI-2, without NOT BUS (SCSI-2, 17.2.5.6; obsolete since SMC).
fn scsi2_address(bytes: &[u8]) -> Option<(u8, u8)> {
    let flags = u8_at(bytes, 6)?;
    let unit = if flags & 0x10 != 0 { flags & 0x07 } else { 0 };
    (flags & 0xa0 == 0x20).then_some((u8_at(bytes, 7)?, unit))
}

fn decode_tag(field: &[u8]) -> VolumeTag {
    VolumeTag { identifier: ascii(field.get(..BARCODE).unwrap_or(&[])), sequence: u16_at(field, 34).unwrap_or(0) }
}

fn encode_tag(tag: Option<&VolumeTag>, out: &mut Vec<u8>) {
    let mut field = [0; TAG];
    let (identifier, sequence) = tag.map_or(("", 0), |tag| (tag.identifier.as_str(), tag.sequence));
    put_ascii(&mut field[..BARCODE], identifier);
    field[34..].copy_from_slice(&u16::to_be_bytes(sequence));
    out.extend(field);
}
