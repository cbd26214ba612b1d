//! MODE SENSE and MODE SELECT (SPC-5, 6.13 to 6.16 and 7.5): headers, block descriptors, and the way to the pages. What is in
//! the pages is the device's.

use super::{Answer, Failure, Outcome, byte, cut, field, invalid_field, invalid_parameter, wrong_length};
use tape_scsi::{Sense, SenseKey};

/// What comes before the pages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Header {
    pub medium_type: u8,
    /// DEVICE-SPECIFIC PARAMETER: write protection, buffered mode and speed of a drive.
    pub device_specific: u8,
    /// Density code and block length; a changer has none.
    pub block: Option<(u8, u32)>,
}

/// A mode page: its code, its subpage, and its bytes from the first on.
pub(crate) type Page = (u8, u8, Vec<u8>);

/// MODE SENSE. `pages` are the current values; nothing of them can be saved.
pub(crate) fn sense(cdb: &[u8], header: Header, pages: &[Page]) -> Outcome {
    let long = byte(cdb, 0) == 0x5a;
    let without_block = byte(cdb, 1) & 0x08 != 0;
    let (control, page, subpage) = (byte(cdb, 2) >> 6, byte(cdb, 2) & 0x3f, byte(cdb, 3));
    if control == 3 {
        return Err(Sense::new(SenseKey::IllegalRequest, 0x39, 0x00).into());
    }
    let mut selected = Vec::new();
    for (code, sub, bytes) in pages {
        let fits = (page == 0x3f || page == *code) && (subpage == 0xff || subpage == *sub);
        if fits {
            let mut bytes = bytes.clone();
            if control == 1 {
                // Changeable values: the device decides at MODE SELECT, so every bit of these pages may be given.
                let head = if *sub == 0 { 2 } else { 4 };
                bytes.iter_mut().skip(head).for_each(|byte| *byte = 0xff);
            }
            selected.extend(bytes);
        }
    }
    if selected.is_empty() && page != 0 {
        return Err(invalid_field());
    }
    let block = header.block.filter(|_| !without_block).map(|(density, length)| {
        let [_, high, middle, low] = length.to_be_bytes();
        [density, 0, 0, 0, 0, high, middle, low]
    });
    let block_bytes = block.as_ref().map_or(&[][..], |block| block.as_slice());
    let rest = block_bytes.len() + selected.len();
    let mut data = if long {
        let [high, low] = ((6 + rest) as u16).to_be_bytes();
        vec![high, low, header.medium_type, header.device_specific, 0, 0, 0, block_bytes.len() as u8]
    } else {
        let length = (3 + rest).min(255) as u8;
        vec![length, header.medium_type, header.device_specific, block_bytes.len() as u8]
    };
    data.extend(block_bytes);
    data.extend(selected);
    Ok(Answer::data(if long { cut(data, cdb, 7, 2) } else { cut(data, cdb, 4, 1) }))
}

/// What MODE SELECT sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selection {
    /// DEVICE-SPECIFIC PARAMETER.
    pub device_specific: u8,
    /// Density code and block length.
    pub block: Option<(u8, u32)>,
    pub pages: Vec<(u8, u8, Vec<u8>)>,
}

/// Reads the parameter list of MODE SELECT.
pub(crate) fn selection(cdb: &[u8], list: &[u8]) -> Result<Selection, Failure> {
    let long = byte(cdb, 0) == 0x55;
    let length = if long { field(cdb, 7, 2) } else { field(cdb, 4, 1) } as usize;
    let list = list.get(..length).ok_or_else(wrong_length)?;
    if list.is_empty() {
        return Ok(Selection::default());
    }
    // SP: saving is not supported.
    if byte(cdb, 1) & 1 != 0 {
        return Err(invalid_field());
    }
    let (head, specific, descriptor) = if long { (8, 3, field(list, 6, 2)) } else { (4, 2, field(list, 3, 1)) };
    let descriptor = descriptor as usize;
    if list.len() < head + descriptor {
        return Err(wrong_length());
    }
    let block = match descriptor {
        0 => None,
        8 => Some((byte(list, head), field(list, head + 5, 3) as u32)),
        _ => return Err(invalid_parameter()),
    };
    let mut pages = Vec::new();
    let mut rest = list.get(head + descriptor..).unwrap_or(&[]);
    while let [code, second, ..] = *rest {
        let (subpage, total) =
            if code & 0x40 != 0 { (second, 4 + field(rest, 2, 2) as usize) } else { (0, 2 + usize::from(second)) };
        let page = rest.get(..total).ok_or_else(wrong_length)?;
        pages.push((code & 0x3f, subpage, page.to_vec()));
        rest = rest.get(total..).unwrap_or(&[]);
    }
    Ok(Selection { device_specific: byte(list, specific), block, pages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pages_behind_headers_of_both_lengths() {
        let header = Header { medium_type: 0, device_specific: 0x90, block: Some((0x60, 512)) };
        let pages = [(0x0f, 0, vec![0x0f, 2, 1, 2]), (0x10, 1, vec![0x50, 1, 0, 1, 9])];
        let short = sense(&[0x1a, 0, 0x0f, 0, 255, 0], header, &pages).unwrap().data;
        assert_eq!(short, [15, 0, 0x90, 8, 0x60, 0, 0, 0, 0, 0, 2, 0, 0x0f, 2, 1, 2]);
        let long = sense(&[0x5a, 8, 0x10, 1, 0, 0, 0, 0, 255, 0], header, &pages).unwrap().data;
        assert_eq!(long, [0, 11, 0, 0x90, 0, 0, 0, 0, 0x50, 1, 0, 1, 9]);
        assert!(sense(&[0x1a, 0, 0x22, 0, 255, 0], header, &pages).is_err());
        assert!(sense(&[0x1a, 0, 0xcf, 0, 255, 0], header, &pages).is_err(), "saved values");
        assert_eq!(sense(&[0x1a, 0, 0x3f, 0xff, 7, 0], header, &pages).unwrap().data.len(), 7);
    }

    #[test]
    fn a_list_as_mt_sends_it() {
        let list = [0, 0, 0x10, 8, 0x60, 0, 0, 0, 0, 0, 2, 0, 0x0f, 2, 0x80, 0x80];
        let selection = selection(&[0x15, 0x10, 0, 0, 16, 0], &list).unwrap();
        assert_eq!(selection.block, Some((0x60, 512)));
        assert_eq!(selection.pages, [(0x0f, 0, vec![0x0f, 2, 0x80, 0x80])]);
    }

    proptest! {
        #[test]
        fn hostile_lists_never_panic(list in proptest::collection::vec(any::<u8>(), 0..60), length in 0u8..60, long in any::<bool>()) {
            let cdb = if long { vec![0x55, 0, 0, 0, 0, 0, 0, 0, length, 0] } else { vec![0x15, 0, 0, 0, length, 0] };
            let _ = selection(&cdb, &list);
        }
    }
}
