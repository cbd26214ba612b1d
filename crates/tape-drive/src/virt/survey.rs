//! Finding the objects of an image by reading its length words.
//!
//! Where these do not hold together, the part in front of the damage is found forwards, the part behind it backwards from
//! the end of the file (every block has its length at both ends), and what lies between is one damaged object.

use super::index::{Index, MAX_RECORD_BYTES, Object, stored_bytes};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// No more data, though the file goes on (SIMH magtape format).
const END_OF_MEDIUM: u32 = 0xffff_ffff;
/// Objects that a damaged stretch is divided into at most.
const MOST_DAMAGED: u64 = 1 << 20;
/// Filemarks in a row that are believed.
const MOST_MARKS: u64 = 16;
/// A word to be passed over.
const ERASE_GAP: u32 = 0xffff_fffe;

/// Continues an index to the end of the image.
pub(super) fn read_on(mut index: Index, file: &File, length: u64) -> io::Result<Index> {
    let mut at = index.end();
    let mut words = Words::new(file);
    let mut marks = 0;
    loop {
        match object_at(&mut words, at, length)? {
            Found::Object(object, end) => {
                if object == Object::Filemark {
                    marks += 1;
                } else if marks > MOST_MARKS {
                    // Nobody writes that many: zeros took the place of whole blocks.
                    index.truncate(index.objects() - marks);
                    fill(&mut index, Some(object), at);
                    marks = 0;
                } else {
                    marks = 0;
                }
                index.push_at(at, object, 1);
                at = end;
            }
            Found::Gap => at += 4,
            Found::End => return Ok(index),
            Found::Nonsense => break,
        }
    }
    // Without a readable object behind it, what does not fit is the block that was being written when power failed:
    // the data ends before it.
    if let Some(mut rest) = read_backwards(&mut words, at, length)? {
        drop_false_marks(&mut index, marks, &mut rest);
        fill(&mut index, rest.runs.last().map(|last| last.0), rest.begin);
        for (object, count) in rest.runs.into_iter().rev() {
            index.push(object, count);
        }
    }
    Ok(index)
}

/// Zeros in the place of a length word look like a filemark, in front of the damage and behind it. Without those that are
/// false the damage is as long as a number of blocks.
fn drop_false_marks(index: &mut Index, before: u64, rest: &mut Rest) {
    let behind = match rest.runs.last() {
        Some((Object::Filemark, count)) => *count,
        _ => 0,
    };
    let width = Object::Filemark.stride();
    for (before, behind) in [(0, 0), (before, 0), (0, behind), (before, behind)] {
        let begin = index.end() - before * width;
        let end = rest.begin + behind * width;
        let next = rest.runs.iter().rev().nth(usize::from(behind > 0)).map(|run| run.0);
        let kept = index.objects() - before;
        let last = kept.checked_sub(1).and_then(|last| index.get(last)).map(|found| found.0);
        if stride([last, next], end.saturating_sub(begin)).is_some() {
            index.truncate(kept);
            if behind > 0 {
                rest.runs.pop();
                rest.begin = end;
            }
            return;
        }
    }
    if before > MOST_MARKS {
        index.truncate(index.objects() - before);
    }
}

/// The bytes each of the blocks took that a damaged stretch held exactly, if they were like one of its neighbours.
fn stride(neighbours: [Option<Object>; 2], stretch: u64) -> Option<u64> {
    // The last block before a filemark may be shorter, so either neighbour will do.
    neighbours.into_iter().flatten().find_map(|object| match object {
        Object::Block(block) => {
            Some(stored_bytes(block)).filter(|stored| stretch > 0 && stretch.is_multiple_of(*stored))
        }
        _ => None,
    })
}

/// Fills the index up to `until` with what is damaged.
fn fill(index: &mut Index, behind: Option<Object>, until: u64) {
    let before = index.objects().checked_sub(1).and_then(|last| index.get(last)).map(|found| found.0);
    let stretch = until.saturating_sub(index.end());
    if let Some(stride) = stride([before, behind], stretch).filter(|stride| stretch / stride <= MOST_DAMAGED) {
        while index.end() + stride < until {
            index.push_damaged(index.end() + stride);
        }
    }
    index.push_damaged(until);
}

enum Found {
    /// An object, and where it ends.
    Object(Object, u64),
    Gap,
    End,
    Nonsense,
}

fn object_at(words: &mut Words<'_>, at: u64, length: u64) -> io::Result<Found> {
    if at >= length {
        return Ok(Found::End);
    }
    if length - at < 4 {
        return Ok(Found::Nonsense);
    }
    Ok(match words.at(at)? {
        0 => Found::Object(Object::Filemark, at + 4),
        END_OF_MEDIUM => Found::End,
        ERASE_GAP => Found::Gap,
        block if block <= MAX_RECORD_BYTES => {
            let end = at + stored_bytes(block);
            if end <= length && words.at(end - 4)? == block {
                Found::Object(Object::Block(block), end)
            } else {
                Found::Nonsense
            }
        }
        _ => Found::Nonsense,
    })
}

/// What is found from the end of the file backwards.
struct Rest {
    /// Where it begins.
    begin: u64,
    /// Last first, with the number of equal ones.
    runs: Vec<(Object, u64)>,
}

/// Reads backwards from the end of the file to `floor`; `None` if there is nothing that proves to be an object.
fn read_backwards(words: &mut Words<'_>, floor: u64, length: u64) -> io::Result<Option<Rest>> {
    let mut at = length;
    let mut runs: Vec<(Object, u64)> = Vec::new();
    while at >= floor + 4 {
        let (object, begin) = match words.at(at - 4)? {
            0 => (Object::Filemark, at - 4),
            block if block <= MAX_RECORD_BYTES => {
                let stored = stored_bytes(block);
                if at < floor + stored || words.at(at - stored)? != block {
                    break;
                }
                (Object::Block(block), at - stored)
            }
            _ => break,
        };
        match runs.last_mut() {
            Some((last, count)) if *last == object => *count += 1,
            _ => runs.push((object, 1)),
        }
        at = begin;
    }
    if let Some((Object::Filemark, count)) = runs.last().copied().filter(|last| last.1 > MOST_MARKS) {
        // The damage ends with zeros.
        runs.pop();
        at += count * Object::Filemark.stride();
    }
    // Zero words alone prove nothing: a file that a crash cut short often ends in zeros.
    let blocks = runs.iter().any(|(object, _)| matches!(object, Object::Block(_)));
    Ok(blocks.then_some(Rest { begin: at, runs }))
}

/// Length words of an image, read a page at a time: a stretch of zeros is millions of tape marks.
pub(super) struct Words<'a> {
    file: &'a File,
    page: Vec<u8>,
    page_at: u64,
}

const PAGE_BYTES: u64 = 4096;

impl<'a> Words<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Words { file, page: Vec::new(), page_at: 0 }
    }

    /// The word at `at`; an error of kind `UnexpectedEof` if the file ends before it does.
    pub(super) fn at(&mut self, at: u64) -> io::Result<u32> {
        let mut bytes = [0; 4];
        if !self.copy(at, &mut bytes) {
            let page_at = at / PAGE_BYTES * PAGE_BYTES;
            self.page.resize(PAGE_BYTES as usize, 0);
            let read = self.file.read_at(&mut self.page, page_at)?;
            self.page.truncate(read);
            self.page_at = page_at;
            if !self.copy(at, &mut bytes) {
                self.file.read_exact_at(&mut bytes, at)?;
            }
        }
        Ok(u32::from_le_bytes(bytes))
    }

    fn copy(&self, at: u64, bytes: &mut [u8; 4]) -> bool {
        let found = at
            .checked_sub(self.page_at)
            .and_then(|offset| usize::try_from(offset).ok())
            .and_then(|offset| self.page.get(offset..offset.checked_add(4)?));
        found.map(|found| bytes.copy_from_slice(found)).is_some()
    }
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;

    pub fn image(objects: &[Object]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for object in objects {
            match object {
                Object::Block(length) => {
                    bytes.extend(length.to_le_bytes());
                    bytes.extend(std::iter::repeat_n(0xaa, (*length + (length & 1)) as usize));
                    bytes.extend(length.to_le_bytes());
                }
                Object::Filemark => bytes.extend([0; 4]),
                Object::Damaged => bytes.extend([0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4, 5]),
            }
        }
        bytes
    }

    pub const TAPE: &[Object] = &[
        Object::Block(512),
        Object::Filemark,
        Object::Block(1000),
        Object::Block(1000),
        Object::Block(77),
        Object::Filemark,
        Object::Block(5),
        Object::Filemark,
    ];

    pub fn objects(index: &Index) -> Vec<Object> {
        (0..index.objects()).map(|number| index.get(number).unwrap().0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::samples::*;
    use super::*;
    use std::io::Write;

    fn index_of(bytes: &[u8]) -> Index {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        read_on(Index::default(), file.as_file(), bytes.len() as u64).unwrap()
    }

    #[test]
    fn a_whole_image_is_read() {
        assert_eq!(objects(&index_of(&image(TAPE))), TAPE);
        assert_eq!(objects(&index_of(&[])), []);
    }

    #[test]
    fn foreign_marks_are_understood() {
        let mut bytes = image(&TAPE[..2]);
        bytes.extend(ERASE_GAP.to_le_bytes());
        bytes.extend(image(&TAPE[2..3]));
        bytes.extend(END_OF_MEDIUM.to_le_bytes());
        bytes.extend([1, 2, 3]);
        assert_eq!(objects(&index_of(&bytes)), &TAPE[..3]);
    }

    #[test]
    fn a_torn_end_is_where_the_data_ends() {
        let bytes = image(TAPE);
        let whole = index_of(&bytes);
        for cut in 0..bytes.len() {
            let index = index_of(&bytes[..cut]);
            let expected = (0..whole.objects())
                .take_while(|&object| whole.get(object + 1).map_or(whole.end(), |(_, at)| at) <= cut as u64)
                .count();
            // A cut can leave length words that happen to fit backwards, but never more than was there.
            assert!(index.objects() >= expected as u64, "cut at {cut}");
            assert_eq!(&objects(&index)[..expected], &TAPE[..expected], "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_stretch_counts_as_many_blocks_as_it_had() {
        let blocks = [Object::Block(1000); 9];
        let whole = [&TAPE[..2], &blocks, &TAPE[5..]].concat();
        let clean = image(&whole);
        let start = image(&TAPE[..2]).len() + 1008;
        // Zeros from the middle of a block to the middle of another, and from a block's beginning.
        let ranges = [
            start + 500..start + 2500,
            start..start + 2500,
            start + 500..start + 2016,
            start..start + 2016,
            start..start + 8,
            start + 1004..start + 1012,
            start + 1004..start + 1008,
            start + 1000..start + 1008,
        ];
        for range in ranges {
            let mut bytes = clean.clone();
            bytes[range.clone()].fill(0);
            let index = index_of(&bytes);
            assert_eq!(index.objects(), whole.len() as u64, "{range:?}");
            assert_eq!(objects(&index)[..3], whole[..3], "{range:?}");
            assert_eq!(objects(&index)[6..], whole[6..], "{range:?}");
        }
    }

    #[test]
    fn behind_damage_everything_is_found_again() {
        let mut bytes = image(&TAPE[..2]);
        bytes.extend(image(&[Object::Damaged]));
        bytes.extend(image(&TAPE[3..]));
        let index = index_of(&bytes);
        assert_eq!(index.get(2).unwrap().0, Object::Damaged);
        assert_eq!(&objects(&index)[3..], &TAPE[3..]);
    }
}
