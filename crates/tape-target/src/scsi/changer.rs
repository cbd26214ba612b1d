//! A robot as a SCSI device (SMC-3).

use super::identity::Identity;
use super::mode::{self, Header};
use super::opcodes::{Opcode, plain};
use super::unit::Device;
use super::*;
use std::path::Path;
use tape_drive::{Changer, ElementAddress, Inventory};
use tape_scsi::command::inquiry::DeviceType;
use tape_scsi::command::inquiry::designator::Designator;
use tape_scsi::command::read_element_status::report::encode;
use tape_scsi::command::read_element_status::{ElementKind, ElementStatus, Fields, MediumType, VolumeTag};
use tape_scsi::mode_page::element_address_assignment::{ElementAddressAssignment, Range};

const OPCODES: &[Opcode] = &[
    plain(0x00),
    plain(0x01),
    plain(0x07),
    plain(0x1a),
    plain(0x1e),
    plain(0x2b),
    plain(0x37),
    plain(0x5a),
    plain(0xa5),
    plain(0xa6),
    plain(0xb8),
    plain(0xe7),
];

/// The robot of a virtual library behind a logical unit number.
pub(crate) struct Robot {
    changer: Box<dyn Changer>,
    /// Vendor and product of the drives, for their names in the element status.
    drives: Vec<(String, String, String)>,
    directory: std::path::PathBuf,
}

impl Robot {
    /// Opens the changer of a library.
    pub fn open(directory: &Path) -> tape_drive::Result<Robot> {
        let device_path = format!("virtual:{}#changer", directory.display());
        let found = tape_drive::virt::scan(directory)?;
        let drives = found.into_iter().filter(|device| device.kind == tape_drive::DeviceKind::Drive);
        let drives = drives.map(|drive| (drive.serial, drive.vendor, drive.product)).collect();
        let changer = tape_drive::open_changer(&device_path)?;
        Ok(Robot { changer, drives, directory: directory.to_owned() })
    }

    /// READ ELEMENT STATUS (SMC-3, 6.11).
    fn element_status(&mut self, cdb: &[u8]) -> Outcome {
        let inventory = self.changer.inventory()?;
        let kind = match byte(cdb, 1) & 0x0f {
            0 => None,
            bits => Some(ElementKind::from_bits(bits).ok_or_else(invalid_field)?),
        };
        let fields = Fields { volume_tags: byte(cdb, 1) & 0x10 != 0, device_ids: byte(cdb, 6) & 0x01 != 0 };
        let (start, count) = (field(cdb, 2, 2) as u16, field(cdb, 4, 2) as usize);
        let elements = inventory.elements.iter().filter(|element| element.address.0 >= start);
        let elements = elements.map(|element| self.describe(element));
        let elements = elements.filter(|element| kind.is_none_or(|kind| kind == element.kind)).take(count);
        let elements: Vec<ElementStatus> = elements.collect();
        Ok(Answer::data(cut(encode(&elements, fields), cdb, 7, 3)))
    }

    fn describe(&self, element: &tape_drive::Element) -> ElementStatus {
        let drive = element.drive_serial.as_ref().map(|serial| {
            let known = self.drives.iter().find(|(of, _, _)| of == serial);
            known.map_or_else(
                || Designator::t10("", "", serial),
                |(serial, vendor, product)| Designator::t10(vendor, product, serial),
            )
        });
        let barcode = element.barcode.as_ref();
        ElementStatus {
            full: element.full,
            access: element.accessible,
            exception: element.exception,
            source: element.source.map(|address| address.0),
            primary: barcode.map(|barcode| VolumeTag { identifier: barcode.clone(), sequence: 0 }),
            device: drive,
            can_import: element.kind == ElementKind::ImportExport,
            can_export: element.kind == ElementKind::ImportExport,
            medium: if element.cleaning { MediumType::Cleaning } else { MediumType::Unspecified },
            ..ElementStatus::new(element.address.0, element.kind)
        }
    }

    fn pages(&mut self) -> Result<Vec<mode::Page>, Failure> {
        let inventory = self.changer.inventory()?;
        let ranges = ElementKind::ALL.map(|kind| range(&inventory, kind));
        let addresses = ElementAddressAssignment { ranges }.encode();
        // Transport geometry: one gripper that does not rotate.
        let geometry = vec![0x1e, 2, 0, 0];
        let capabilities = self.changer.capabilities().encode().to_vec();
        Ok(vec![(0x1d, 0, addresses), (0x1e, 0, geometry), (0x1f, 0, capabilities)])
    }

    /// MOVE MEDIUM (SMC-3, 6.6). The gripper is chosen by the robot (address 0), or named.
    fn move_medium(&mut self, cdb: &[u8]) -> Outcome {
        let (from, to) = (field(cdb, 4, 2) as u16, field(cdb, 6, 2) as u16);
        // INVERT
        if byte(cdb, 10) & 1 != 0 {
            return Err(invalid_field());
        }
        self.changer.move_medium(ElementAddress(from), ElementAddress(to))?;
        Ok(Answer::default())
    }
}

impl Robot {
    /// EXCHANGE MEDIUM (SMC-3, 6.2).
    fn exchange(&mut self, cdb: &[u8]) -> Outcome {
        let [from, to, then] = [4, 6, 8].map(|at| ElementAddress(field(cdb, at, 2) as u16));
        // INV1, INV2
        if byte(cdb, 10) & 3 != 0 {
            return Err(invalid_field());
        }
        self.changer.exchange(from, to, then)?;
        Ok(Answer::default())
    }
}

/// Where the elements of a kind begin, and how many there are.
fn range(inventory: &Inventory, kind: ElementKind) -> Range {
    let mut elements = inventory.of(kind).map(|element| element.address.0);
    let first = elements.next();
    Range { first: first.unwrap_or(0), count: (usize::from(first.is_some()) + elements.count()) as u16 }
}

impl Device for Robot {
    fn identity(&self) -> Identity {
        let identity = self.changer.identity();
        Identity {
            device_type: DeviceType::MediumChanger,
            vendor: identity.vendor.clone(),
            product: identity.product.clone(),
            revision: identity.revision.clone(),
            serial: identity.serial.clone(),
            bay: None,
        }
    }

    fn opcodes(&self) -> &'static [Opcode] {
        OPCODES
    }

    fn attention(&mut self) -> Option<Sense> {
        // Taken from the folder, so that the fault plan counts commands of the host only.
        let (asc, ascq) = tape_drive::virt::library::take_attention(&self.directory).ok().flatten()?;
        Some(Sense::new(SenseKey::UnitAttention, asc, ascq))
    }

    fn execute(&mut self, cdb: &[u8], _data: &[u8]) -> Outcome {
        match byte(cdb, 0) {
            // TEST UNIT READY; INITIALIZE ELEMENT STATUS, of all and of a range
            0x00 | 0x07 | 0x37 | 0xe7 => {
                self.changer.rescan()?;
                Ok(Answer::default())
            }
            // REZERO UNIT and POSITION TO ELEMENT move the gripper, which is nowhere in particular; PREVENT ALLOW MEDIUM
            // REMOVAL locks a door that people open with a command of their own.
            0x01 | 0x1e | 0x2b => Ok(Answer::default()),
            0x1a | 0x5a => {
                let pages = self.pages()?;
                mode::sense(cdb, Header::default(), &pages)
            }
            0xa5 => self.move_medium(cdb),
            0xa6 => self.exchange(cdb),
            0xb8 => self.element_status(cdb),
            _ => Err(unknown_command()),
        }
    }

    fn reset(&mut self) {}
}
