//! What is where: READ ELEMENT STATUS, one kind of element at a time, a few hundred elements with each command.
//!
//! One kind at a time because there are libraries that answer a question for all kinds wrongly, or not at all again.

use crate::changer::*;
use tape_scsi::command::inquiry::designator::Designator;
use tape_scsi::command::read_element_status::{ElementStatus, Fields, MediumType, Request, read_element_status};
use tape_scsi::mode_page::element_address_assignment::{ElementAddressAssignment, Range};
use tape_scsi::{ScsiError, Transport};

/// Elements asked for with one command. The answer stays below the 256 KiB or so that every host adapter can transfer.
const AT_ONCE: u16 = 400;

/// How this library wants to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asking {
    /// CURDATA is accepted: the robot stands still while it answers.
    without_motion: bool,
    /// DVCID is accepted: bays come with the drives' serial numbers.
    device_ids: bool,
    /// VOLTAG is accepted: cartridges come with their bar codes.
    volume_tags: bool,
}

impl Default for Asking {
    fn default() -> Self {
        Asking { without_motion: true, device_ids: true, volume_tags: true }
    }
}

impl Asking {
    /// The same with less: what a library that refused a field may do without. `None` if there is nothing left to drop.
    fn with_less(self) -> Option<Asking> {
        match self {
            Asking { without_motion: true, .. } => Some(Asking { without_motion: false, ..self }),
            Asking { device_ids: true, .. } => Some(Asking { device_ids: false, ..self }),
            Asking { volume_tags: true, .. } => Some(Asking { volume_tags: false, ..self }),
            _ => None,
        }
    }
}

/// Reads the whole inventory, in address order.
pub(super) fn read_inventory(
    transport: &mut dyn Transport,
    elements: &ElementAddressAssignment,
    asking: &mut Asking,
) -> Result<Inventory, ScsiError> {
    let mut inventory = Inventory::default();
    for kind in ElementKind::ALL {
        inventory.elements.extend(read_kind(transport, kind, elements.of(kind), asking)?);
    }
    inventory.elements.sort_by_key(|element| element.address);
    inventory.elements.dedup_by_key(|element| element.address);
    Ok(inventory)
}

/// Reads the elements of one kind.
fn read_kind(
    transport: &mut dyn Transport,
    kind: ElementKind,
    range: Range,
    asking: &mut Asking,
) -> Result<Vec<Element>, ScsiError> {
    let mut elements: Vec<Element> = Vec::new();
    let (mut first, mut left) = (range.first, range.count);
    while left > 0 {
        let count = left.min(AT_ONCE);
        let statuses = ask(transport, kind, first, count, asking)?;
        // Only what was asked for counts, and every step goes forward: else a library that repeats itself goes on for ever.
        let new: Vec<Element> =
            statuses.into_iter().filter(|status| status.kind == kind && status.address >= first).map(element).collect();
        let Some(last) = new.iter().map(|element| element.address.0).max() else { break };
        left -= count.min(u16::try_from(new.len()).unwrap_or(u16::MAX));
        elements.extend(new);
        let Some(next) = last.checked_add(1) else { break };
        first = next;
    }
    Ok(elements)
}

/// One command; again with less, and with less from then on, if the library does not know a field of it.
fn ask(
    transport: &mut dyn Transport,
    kind: ElementKind,
    first: u16,
    count: u16,
    asking: &mut Asking,
) -> Result<Vec<ElementStatus>, ScsiError> {
    let mut trying = *asking;
    loop {
        let device_ids = trying.device_ids && kind == ElementKind::Drive;
        let fields = Fields { volume_tags: trying.volume_tags, device_ids };
        let request = Request { kind: Some(kind), first, count, fields, without_motion: trying.without_motion };
        match (read_element_status(transport, &request), trying.with_less()) {
            (Err(error), Some(less)) if error.is_unknown_field() => trying = less,
            (Ok(report), _) => {
                *asking = trying;
                return Ok(report.elements);
            }
            (Err(error), _) => return Err(error),
        }
    }
}

fn element(status: ElementStatus) -> Element {
    let barcode = status.primary.map(|tag| tag.identifier).filter(|barcode| status.full && !barcode.is_empty());
    Element {
        full: status.full,
        accessible: status.access && !status.disabled,
        exception: status.exception,
        cleaning: status.medium == MediumType::Cleaning
            || barcode.as_deref().is_some_and(crate::lto::is_cleaning_barcode),
        barcode,
        source: status.source.filter(|_| status.full).map(ElementAddress),
        drive_serial: status.device.as_ref().and_then(drive_name),
        ..Element::empty(ElementAddress(status.address), status.kind)
    }
}

/// The drive's serial number, or the world wide name that some libraries give instead.
fn drive_name(device: &Designator) -> Option<String> {
    device.serial().or_else(|| Some(device.text()).filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape_scsi::command::read_element_status::{VolumeTag, report};
    use tape_scsi::transport::{Scripted, Step};
    use tape_scsi::{Sense, SenseKey};

    const LIBRARY: ElementAddressAssignment = ElementAddressAssignment {
        ranges: [
            Range { first: 500, count: 1 },
            Range { first: 1000, count: 2 },
            Range { first: 0, count: 0 },
            Range { first: 1, count: 1 },
        ],
    };
    const ALL: Fields = Fields { volume_tags: true, device_ids: true };

    fn slot(address: u16, barcode: &str) -> ElementStatus {
        let tag = VolumeTag { identifier: barcode.into(), sequence: 0 };
        ElementStatus {
            full: !barcode.is_empty(),
            primary: Some(tag),
            ..ElementStatus::new(address, ElementKind::Storage)
        }
    }

    fn bay() -> ElementStatus {
        ElementStatus {
            full: true,
            access: false,
            source: Some(1001),
            primary: Some(VolumeTag { identifier: "LAB002L6".into(), sequence: 0 }),
            device: Some(Designator::t10("IBM", "ULT3580-TD6", "LABDRV0001")),
            ..ElementStatus::new(1, ElementKind::Drive)
        }
    }

    fn gripper() -> ElementStatus {
        ElementStatus::new(500, ElementKind::Transport)
    }

    #[test]
    fn every_kind_is_asked_by_itself_and_nothing_moves_for_it() {
        let script = Scripted::new([
            Step::on(&[0xb8, 0x11, 1, 0xf4, 0, 1, 0x02]).data(&report::encode(&[gripper()], ALL)),
            Step::on(&[0xb8, 0x12, 3, 0xe8, 0, 2, 0x02])
                .data(&report::encode(&[slot(1000, "CLN001L1"), slot(1001, "")], ALL)),
            Step::on(&[0xb8, 0x14, 0, 1, 0, 1, 0x03]).data(&report::encode(&[bay()], ALL)),
        ]);
        let mut asking = Asking::default();
        let inventory = read_inventory(&mut script.clone(), &LIBRARY, &mut asking).unwrap();
        script.finished();
        let addresses: Vec<u16> = inventory.elements.iter().map(|element| element.address.0).collect();
        assert_eq!(addresses, [1, 500, 1000, 1001]);
        let bay = inventory.element(ElementAddress(1)).unwrap();
        assert_eq!(bay.drive_serial.as_deref(), Some("LABDRV0001"));
        assert_eq!((bay.barcode.as_deref(), bay.source), (Some("LAB002L6"), Some(ElementAddress(1001))));
        assert!(bay.full && !bay.accessible && !bay.cleaning);
        let cleaning = inventory.element(ElementAddress(1000)).unwrap();
        assert!(cleaning.cleaning && cleaning.full && cleaning.accessible);
        assert_eq!(inventory.element(ElementAddress(1001)).unwrap().barcode, None);
    }

    #[test]
    fn what_a_library_does_not_know_is_left_out_from_then_on() {
        let refused = || Step::on(&[0xb8]).check(Sense::new(SenseKey::IllegalRequest, 0x24, 0));
        let only_bay = ElementAddressAssignment {
            ranges: [Range::default(), Range::default(), Range::default(), LIBRARY.ranges[3]],
        };
        let tags = Fields { volume_tags: true, device_ids: false };
        let script = Scripted::new([
            refused(),
            refused(),
            Step::on(&[0xb8, 0x14, 0, 1, 0, 1, 0x00]).data(&report::encode(&[bay()], tags)),
            Step::on(&[0xb8, 0x14, 0, 1, 0, 1, 0x00]).data(&report::encode(&[bay()], tags)),
        ]);
        let mut asking = Asking::default();
        for _ in 0..2 {
            let inventory = read_inventory(&mut script.clone(), &only_bay, &mut asking).unwrap();
            assert_eq!(inventory.elements[0].drive_serial, None);
            assert_eq!(inventory.elements[0].barcode.as_deref(), Some("LAB002L6"));
        }
        script.finished();
    }

    #[test]
    fn large_libraries_are_read_in_parts_and_liars_come_to_an_end() {
        let large = ElementAddressAssignment {
            ranges: [Range::default(), Range { first: 1000, count: 500 }, Range::default(), Range::default()],
        };
        let part =
            |from: u16, to: u16| report::encode(&(from..to).map(|address| slot(address, "")).collect::<Vec<_>>(), ALL);
        let script = Scripted::new([
            Step::on(&[0xb8, 0x12, 3, 0xe8, 1, 0x90]).data(&part(1000, 1400)),
            Step::on(&[0xb8, 0x12, 5, 0x78, 0, 100]).data(&part(1400, 1500)),
        ]);
        let inventory = read_inventory(&mut script.clone(), &large, &mut Asking::default()).unwrap();
        assert_eq!(inventory.elements.len(), 500);
        script.finished();
        // The same elements again and again, whatever is asked for.
        let script =
            Scripted::new([Step::on(&[0xb8]).data(&part(1000, 1400)), Step::on(&[0xb8]).data(&part(1000, 1400))]);
        let inventory = read_inventory(&mut script.clone(), &large, &mut Asking::default()).unwrap();
        assert_eq!(inventory.elements.len(), 400);
    }

    #[test]
    fn unit_attentions_are_the_callers() {
        let attention = Sense::new(SenseKey::UnitAttention, 0x28, 0x01);
        let script = Scripted::new([Step::on(&[0xb8]).check(attention)]);
        let error = read_inventory(&mut script.clone(), &LIBRARY, &mut Asking::default()).unwrap_err();
        assert_eq!(error.sense(), Some(&attention));
    }
}
