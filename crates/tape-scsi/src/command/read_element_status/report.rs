//! The answer: a header, and a page for each run of elements of one kind.

use super::NAME;
use super::descriptor::{ElementKind, ElementStatus, FIXED, TAG};
use crate::Malformed;
use crate::bytes::{u8_at, u16_at, u24_at};

/// Bytes before the first page, and before the first descriptor of a page.
const HEADER: usize = 8;
/// The largest descriptor: both volume tags, and the longest name of a device.
const LARGEST: u32 = FIXED as u32 + 2 * TAG as u32 + 4 + 255;

/// What is told of each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields {
    /// VOLTAG: bar codes.
    pub volume_tags: bool,
    /// DVCID: which device is in a drive bay.
    pub device_ids: bool,
}

/// The elements that were told of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// In the order in which they came.
    pub elements: Vec<ElementStatus>,
    /// The library had more to say than was delivered. What was delivered of its last element is in it.
    pub truncated: bool,
}

/// Room that the answer for so many elements can need.
pub(super) fn capacity(count: u16) -> u32 {
    // Each element may come with a page of its own.
    HEADER as u32 + u32::from(count) * (HEADER as u32 + LARGEST)
}

/// Reads an answer to a command with these `fields`. Pages of unknown kinds are passed over.
pub fn decode(bytes: &[u8], fields: Fields) -> Result<Report, Malformed> {
    // BYTE COUNT OF REPORT AVAILABLE counts what follows the header, delivered or not.
    let available = u24_at(bytes, 5).ok_or(Malformed::short(NAME))? as usize;
    let end = (HEADER + available).min(bytes.len());
    let mut report = Report { elements: Vec::new(), truncated: HEADER + available > bytes.len() };
    let mut rest = bytes.get(HEADER..end).unwrap_or(&[]);
    while let (Some(kind), Some(flags), Some(length), Some(count)) =
        (u8_at(rest, 0), u8_at(rest, 1), u16_at(rest, 2), u24_at(rest, 5))
    {
        let (length, count) = (usize::from(length), count as usize);
        if count > 0 && length < FIXED {
            return Err(Malformed { of: NAME, why: "its descriptors are too short" });
        }
        let page_end = (HEADER + count).min(rest.len());
        let descriptors = rest.get(HEADER..page_end).unwrap_or(&[]);
        report.truncated |= HEADER + count > rest.len();
        if let Some(kind) = ElementKind::from_bits(kind) {
            let tags = (flags & 0x80 != 0, flags & 0x40 != 0);
            // Only where the answer was cut off is half a descriptor one of an element.
            let descriptors = descriptors.chunks(length.max(1));
            let descriptors = descriptors.filter(|bytes| bytes.len() == length || report.truncated);
            let elements = descriptors.filter_map(|bytes| ElementStatus::decode(kind, tags, fields, bytes));
            report.elements.extend(elements);
        }
        rest = rest.get(page_end..).unwrap_or(&[]);
    }
    Ok(report)
}

/// Writes the answer to a command with these `fields`, as a library does: a page for each run of elements of one kind.
/// The caller cuts it to the command's allocation length.
pub fn encode(elements: &[ElementStatus], fields: Fields) -> Vec<u8> {
    let mut pages = Vec::new();
    for run in elements.chunk_by(|one, next| one.kind == next.kind) {
        let Some(kind) = run.first().map(|element| element.kind) else { continue };
        let tags = (fields.volume_tags, fields.volume_tags && run.iter().any(|element| element.alternate.is_some()));
        let length = run.iter().map(|element| element.length(tags, fields)).max().unwrap_or(FIXED);
        let [length_high, length_low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let [_, high, middle, low] = u32::try_from(length * run.len()).unwrap_or(u32::MAX).to_be_bytes();
        let flags = (u8::from(tags.0) << 7) | (u8::from(tags.1) << 6);
        pages.extend([kind.bits(), flags, length_high, length_low, 0, high, middle, low]);
        for element in run {
            // All descriptors of a page are of one length; shorter ones are filled with zeros.
            let end = pages.len() + length;
            element.encode(tags, fields, &mut pages);
            pages.resize(end, 0);
        }
    }
    let [_, high, middle, low] = u32::try_from(pages.len()).unwrap_or(u32::MAX).to_be_bytes();
    let [first_high, first_low] = elements.iter().map(|element| element.address).min().unwrap_or(0).to_be_bytes();
    let [count_high, count_low] = u16::try_from(elements.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = vec![first_high, first_low, count_high, count_low, 0, high, middle, low];
    bytes.extend(pages);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::descriptor::{MediumType, VolumeTag};
    use super::*;
    use crate::command::inquiry::designator::{Association, Designator, tests::any_designator};
    use proptest::prelude::*;

    const ALL: Fields = Fields { volume_tags: true, device_ids: true };

    /// Two drive bays, as a library of a third party (tgt 1.0.85) sends them: the last 8 bytes, which its header promises,
    /// do not come, whatever the allocation length.
    fn recorded_bays() -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 2, 0, 0, 0, 0xb4, 4, 0x80, 0, 0x56, 0, 0, 0, 0xac];
        for (number, flags) in [(1u8, 0x08), (2, 0x01)] {
            bytes.extend([0, number, flags, 0, 0, 0, 0, 0, 0, 0x80, 0x03, 0xe8]);
            bytes.extend(format!("{:<32}", if number == 2 { "LAB001L6" } else { "" }).into_bytes());
            bytes.extend([0, 0, 0, 0, 2, 1, 0, 0x22]);
            bytes.extend(format!("IBM     ULT3580-TD6     LABDRV000{number}").into_bytes());
        }
        bytes.truncate(180);
        bytes
    }

    #[test]
    fn bays_whose_end_is_missing() {
        let report = decode(&recorded_bays(), ALL).unwrap();
        assert!(report.truncated);
        let [first, last] = report.elements.as_slice() else { panic!("{report:?}") };
        assert_eq!(first.device.as_ref().and_then(Designator::serial).as_deref(), Some("LABDRV0001"));
        assert!(!first.full && first.access && first.kind == ElementKind::Drive);
        assert_eq!(last.device, None, "a name that is cut off is no name");
        assert_eq!(last.primary.as_ref().map(|tag| tag.identifier.as_str()), Some("LAB001L6"));
        assert!(last.full && !last.access);
        assert_eq!((last.address, last.source), (2, Some(1000)));
    }

    /// A single mail slot of the same library: its bar code is whole, the end of its volume tag is not.
    #[test]
    fn a_bar_code_at_the_end_of_a_cut_answer() {
        let mut bytes =
            vec![3, 0xef, 0, 1, 0, 0, 0, 0x3c, 3, 0x80, 0, 0x34, 0, 0, 0, 0x34, 2, 0x58, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend([0x80, 3, 0xe9]);
        bytes.extend(format!("{:<32}", "LAB002L6").into_bytes());
        let report = decode(&bytes, Fields { volume_tags: true, device_ids: false }).unwrap();
        assert_eq!(report.elements[0].primary, Some(VolumeTag { identifier: "LAB002L6".into(), sequence: 0 }));
        bytes.pop();
        let report = decode(&bytes, Fields { volume_tags: true, device_ids: false }).unwrap();
        assert_eq!(report.elements[0].primary, None);
    }

    /// A mail slot that a person filled, with an exception, as SMC-3 lays it out.
    #[test]
    fn mail_slots_tell_who_filled_them() {
        let bytes = [
            0,
            16,
            0,
            1,
            0,
            0,
            0,
            20,
            3,
            0,
            0,
            12,
            0,
            0,
            0,
            12,
            0,
            16,
            0b0011_1111,
            0,
            0x30,
            0x03,
            0,
            0,
            0,
            0x02,
            0,
            0,
        ];
        let report = decode(&bytes, Fields::default()).unwrap();
        let mut expected = ElementStatus::new(16, ElementKind::ImportExport);
        (expected.full, expected.put_by_person) = (true, true);
        (expected.exception, expected.medium) = (Some((0x30, 0x03)), MediumType::Cleaning);
        assert_eq!(report, Report { elements: vec![expected], truncated: false });
    }

    /// A SCSI-2 library names a drive by its address on the bus.
    #[test]
    fn drives_on_the_same_bus() {
        let bay = |flags| {
            let bytes = [0, 1, 0, 1, 0, 0, 0, 20, 4, 0, 0, 12, 0, 0, 0, 12, 0, 1, 8, 0, 0, 0, flags, 5, 0, 0, 0, 0];
            decode(&bytes, ALL).unwrap().elements[0].scsi2_address
        };
        assert_eq!((bay(0x31), bay(0x20)), (Some((5, 1)), Some((5, 0))));
        assert_eq!((bay(0x00), bay(0xa0)), (None, None));
    }

    #[test]
    fn wrong_answers() {
        assert_eq!(decode(&[0; 7], ALL), Err(Malformed::short(NAME)));
        // Descriptors of no length would go on for ever.
        assert!(decode(&[0, 0, 0, 1, 0, 0, 0, 20, 2, 0, 0, 0, 0, 0, 0, 12, 1, 2, 3], ALL).is_err());
        // A page of a kind that there is not, and one behind it.
        let mut bytes = vec![0, 0, 0, 2, 0, 0, 0, 40, 9, 0, 0, 12, 0, 0, 0, 12];
        bytes.extend([0; 12]);
        bytes.extend([2, 0, 0, 12, 0, 0, 0, 12, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let report = decode(&bytes, ALL).unwrap();
        assert_eq!(report.elements, [ElementStatus::new(7, ElementKind::Storage)]);
    }

    fn any_tag() -> impl Strategy<Value = Option<VolumeTag>> {
        ("[!-~]{0,32}", any::<u16>()).prop_map(|(identifier, sequence)| Some(VolumeTag { identifier, sequence }))
    }

    fn any_element() -> impl Strategy<Value = ElementStatus> {
        let flags = any::<(bool, bool, bool, bool, bool, bool, bool)>();
        let medium = prop::sample::select(vec![
            MediumType::Unspecified,
            MediumType::Cleaning,
            MediumType::Microcode,
            MediumType::Other(7),
        ]);
        let numbers = (any::<u16>(), any::<Option<(u8, u8)>>(), any::<Option<u16>>());
        let scsi2 = prop::option::of((any::<u8>(), 0u8..8));
        let device = prop::option::of(any_designator());
        (prop::sample::select(ElementKind::ALL.to_vec()), flags, medium, numbers, any_tag(), device, scsi2).prop_map(
            |(kind, flags, medium, (address, exception, source), primary, device, scsi2)| {
                let (full, access, put_by_person, can_import, can_export, disabled, inverted) = flags;
                let (mail, drive) = (kind == ElementKind::ImportExport, kind == ElementKind::Drive);
                ElementStatus {
                    address,
                    kind,
                    full,
                    access: access || kind == ElementKind::Transport,
                    exception,
                    put_by_person: mail && put_by_person,
                    can_import: mail && can_import,
                    can_export: mail && can_export,
                    disabled,
                    medium,
                    source,
                    inverted,
                    primary,
                    alternate: None,
                    device: device
                        .filter(|device| drive && !device.bytes.is_empty())
                        .map(|device| Designator { association: Association::LogicalUnit, ..device }),
                    scsi2_address: scsi2.filter(|_| drive),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_a_library_writes_is_read_again(elements in prop::collection::vec(any_element(), 0..12)) {
            let report = decode(&encode(&elements, ALL), ALL).unwrap();
            prop_assert_eq!(report, Report { elements, truncated: false });
        }

        #[test]
        fn cut_answers_hold_what_was_delivered(
            elements in prop::collection::vec(any_element(), 1..12), share in 0.0f64..1.0,
        ) {
            let bytes = encode(&elements, ALL);
            let length = HEADER + ((bytes.len() - HEADER) as f64 * share) as usize;
            let report = decode(&bytes[..length], ALL).unwrap();
            prop_assert!(report.truncated);
            for (read, written) in report.elements.iter().zip(&elements) {
                prop_assert_eq!((read.address, read.full, read.source), (written.address, written.full, written.source));
            }
        }

        #[test]
        fn hostile_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), device_ids: bool) {
            let fields = Fields { volume_tags: true, device_ids };
            let _ = decode(&bytes, fields);
            // The same with lengths that are believable.
            for (at, byte) in [(5, 0), (6, 1), (8, 4), (9, 0x80), (10, 0), (11, 60), (13, 0), (14, 1)] {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            if let Ok(report) = decode(&bytes, fields) {
                prop_assert!(report.elements.len() * FIXED <= bytes.len());
            }
        }
    }
}
