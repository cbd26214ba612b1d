//! Sparse files in GNU format 1.0: a map of the data, padded to a block, opens the member's data.

use super::{BLOCK, padding};
use crate::{DataExtent, FormatError, Member, Result, path_text};

/// Most runs of data in one sparse file. A file with more is to be sent as an ordinary one.
pub const MAX_EXTENTS: usize = 1 << 20;

/// The runs as the map lists them: a hole at the end is marked by an empty run behind it.
fn listed(extents: &[DataExtent], size: u64) -> impl Iterator<Item = DataExtent> + '_ {
    let end = extents.last().map_or(0, |last| last.offset.saturating_add(last.length));
    let mark = (end < size).then_some(DataExtent { offset: size, length: 0 });
    extents.iter().copied().chain(mark)
}

fn digits(value: u64) -> usize {
    value.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Size of the map of a file of `size` bytes, padding included.
pub(super) fn map_size(extents: &[DataExtent], size: u64) -> usize {
    let mut count = 0;
    let mut length = 0;
    for extent in listed(extents, size) {
        count += 1;
        length += digits(extent.offset) + digits(extent.length) + 2;
    }
    length += digits(count) + 1;
    length + padding(length as u64)
}

/// Appends the map that opens the data of a sparse member; nothing for a member that is not sparse.
///
/// # Errors
/// [`FormatError::Unrepresentable`] if the runs overlap, are out of order, pass the end, or are too many.
pub fn sparse_map(member: &Member, out: &mut Vec<u8>) -> Result<()> {
    let Some(extents) = &member.sparse else { return Ok(()) };
    check(member, extents)?;
    let start = out.len();
    let count = listed(extents, member.size).count();
    let mut text = itoa(count as u64);
    out.extend_from_slice(text.as_bytes());
    for extent in listed(extents, member.size) {
        for number in [extent.offset, extent.length] {
            text = itoa(number);
            out.push(b'\n');
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.push(b'\n');
    let length = out.len() - start;
    out.resize(out.len() + padding(length as u64), 0);
    Ok(())
}

fn itoa(value: u64) -> String {
    value.to_string()
}

fn check(member: &Member, extents: &[DataExtent]) -> Result<()> {
    let refused =
        |reason: String| FormatError::Unrepresentable { path: path_text::to_text(&member.path).into_owned(), reason };
    if extents.len() > MAX_EXTENTS {
        return Err(refused(format!(
            "it is sparse with {} runs of data, and at most {MAX_EXTENTS} fit",
            extents.len()
        )));
    }
    if !in_order(extents, member.size) {
        return Err(refused("the map of its data is out of order".into()));
    }
    let inner = extents.split_last().map_or(&[][..], |(_, inner)| inner);
    if inner.iter().any(|extent| !extent.length.is_multiple_of(BLOCK as u64)) {
        return Err(refused("a run of its data is not a multiple of 512 bytes; align the runs".into()));
    }
    Ok(())
}

/// The same runs, grown to whole blocks of 4096 bytes and merged where they then meet, which is how every file system
/// that has holes gives them. [`sparse_map`] refuses other ones: GNU tar pads each run to a whole tar block.
pub fn align_extents(extents: &[DataExtent], size: u64) -> Vec<DataExtent> {
    const PAGE: u64 = 4096;
    let mut aligned: Vec<DataExtent> = Vec::with_capacity(extents.len());
    for extent in extents.iter().filter(|extent| extent.length > 0) {
        let start = extent.offset - extent.offset % PAGE;
        let end = extent.offset.saturating_add(extent.length).checked_next_multiple_of(PAGE).unwrap_or(size).min(size);
        match aligned.last_mut() {
            Some(last) if start <= last.offset + last.length => last.length = end.max(last.offset) - last.offset,
            _ if end > start => aligned.push(DataExtent { offset: start, length: end - start }),
            _ => {}
        }
    }
    aligned
}

/// Whether runs follow each other without overlapping and end within the file.
pub(super) fn in_order(extents: &[DataExtent], size: u64) -> bool {
    let mut end = 0;
    for extent in extents {
        match extent.offset.checked_add(extent.length) {
            Some(next) if extent.offset >= end && next <= size => end = next,
            _ => return false,
        }
    }
    true
}

/// Takes numbers, one per line, from blocks of the map as they come.
#[derive(Default)]
pub(super) struct MapParser {
    number: Option<u64>,
    count: Option<u64>,
    pending: Option<u64>,
    extents: Vec<DataExtent>,
}

impl MapParser {
    /// Takes one block; tells whether the map is complete. `Err` says what is wrong with it.
    pub(super) fn block(&mut self, block: &[u8; BLOCK]) -> Result<bool, &'static str> {
        for &byte in block {
            match byte {
                b'0'..=b'9' => {
                    let so_far = self.number.unwrap_or(0);
                    let next = so_far.checked_mul(10).and_then(|n| n.checked_add(u64::from(byte - b'0')));
                    self.number = Some(next.ok_or("a number in its sparse map is too large")?);
                }
                b'\n' => {
                    let number = self.number.take().ok_or("its sparse map has an empty line")?;
                    if self.take(number)? {
                        return Ok(true);
                    }
                }
                _ => return Err("its sparse map is not made of numbers"),
            }
        }
        Ok(false)
    }

    fn take(&mut self, number: u64) -> Result<bool, &'static str> {
        match (self.count, self.pending.take()) {
            (None, _) if number > MAX_EXTENTS as u64 + 1 => return Err("its sparse map is too long"),
            (None, _) => self.count = Some(number),
            (Some(_), None) => self.pending = Some(number),
            (Some(_), Some(offset)) => self.extents.push(DataExtent { offset, length: number }),
        }
        Ok(self.pending.is_none() && self.count == Some(self.extents.len() as u64))
    }

    pub(super) fn finish(self) -> Vec<DataExtent> {
        self.extents
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(size: u64, extents: Vec<DataExtent>) -> Member {
        Member { size, sparse: Some(extents), ..crate::member::tests::file("s") }
    }

    #[test]
    fn a_hole_at_the_end_is_marked() {
        let mut map = Vec::new();
        sparse_map(&member(100, vec![DataExtent { offset: 0, length: 10 }]), &mut map).unwrap();
        assert!(map.starts_with(b"2\n0\n10\n100\n0\n\0"));
        assert_eq!(map.len(), 512);
    }

    #[test]
    fn runs_are_aligned_and_merged() {
        let runs = |list: &[(u64, u64)]| -> Vec<DataExtent> {
            list.iter().map(|&(offset, length)| DataExtent { offset, length }).collect()
        };
        assert_eq!(
            align_extents(&runs(&[(5, 10), (4000, 200), (20_000, 1)]), 20_001),
            runs(&[(0, 8192), (16_384, 3617)])
        );
        assert_eq!(align_extents(&runs(&[(0, 0)]), 100), runs(&[]));
        assert!(sparse_map(&member(100, runs(&[(0, 10), (50, 10)])), &mut Vec::new()).is_err());
    }

    #[test]
    fn overlapping_runs_are_refused() {
        let runs = [(0, 10), (5, 10)].map(|(offset, length)| DataExtent { offset, length }).to_vec();
        assert!(sparse_map(&member(100, runs), &mut Vec::new()).is_err());
        assert!(sparse_map(&member(5, vec![DataExtent { offset: 0, length: 10 }]), &mut Vec::new()).is_err());
        assert!(sparse_map(&member(5, vec![DataExtent { offset: u64::MAX, length: 2 }]), &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn roundtrip(runs in prop::collection::vec((1u64..100_000, 1u64..200), 0..200), tail in 0u64..2) {
            let mut at = 0;
            let mut extents = Vec::new();
            for (hole, blocks) in runs {
                let length = blocks * 512;
                extents.push(DataExtent { offset: at + hole, length });
                at += hole + length;
            }
            let member = member(at + tail, extents.clone());
            let mut map = Vec::new();
            sparse_map(&member, &mut map).unwrap();
            prop_assert_eq!(map.len(), map_size(&extents, member.size));
            let mut parser = MapParser::default();
            let blocks: Vec<[u8; 512]> = map.chunks(512).map(|b| b.try_into().unwrap()).collect();
            for (i, block) in blocks.iter().enumerate() {
                prop_assert_eq!(parser.block(block).unwrap(), i + 1 == blocks.len());
            }
            let mut back = parser.finish();
            back.retain(|e| e.length > 0);
            prop_assert_eq!(back, extents);
        }
    }
}
