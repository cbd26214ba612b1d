//! The index of an image, read from the image or from the small file beside it.
//!
//! The file beside it (`BARCODE.idx`) only saves time: it is written when a tape is unloaded, checked when it is loaded,
//! and made again from the image if it is missing, old, or wrong. What was appended after it was written is found by
//! reading on from where it ends.
//!
//! Where the length words of an image do not hold together, the part in front of the damage is found forwards, the part
//! behind it backwards from the end of the file (every block has its length at both ends), and what lies between is one
//! damaged object. With an index beside it not even that is lost: it knows where the next block begins.

use super::files;
use super::index::{Index, Object, stored_bytes};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Longest record: the length word has 28 bits, the other four are a class (SIMH magtape format).
pub const MAX_RECORD_BYTES: u32 = 0x0fff_ffff;
const END_OF_MEDIUM: u32 = 0xffff_ffff;
const ERASE_GAP: u32 = 0xffff_fffe;
const MAGIC: &[u8; 8] = b"TBIDX001";
/// At most so many places of the image are compared with the index before it is believed.
const SAMPLES: usize = 64;

/// The index file of an image.
pub fn path_of(image: &Path) -> PathBuf {
    image.with_extension("idx")
}

/// The index of `file`, whose path is `image`.
pub fn load(file: &File, image: &Path) -> io::Result<Index> {
    let length = file.metadata()?.len();
    let known = match std::fs::read(path_of(image)) {
        Ok(bytes) => decode(&bytes).filter(|index| fits(index, file, length)),
        Err(_) => None,
    };
    read_on(known.unwrap_or_default(), file, length)
}

/// Writes the index beside the image.
pub fn save(index: &Index, image: &Path) -> io::Result<()> {
    files::replace(&path_of(image), &encode(index), files::Durability::Cache)
}

/// Whether the index can be that of this image. Damage in the image must not make it look like another image, so half
/// of the places that are looked at may differ.
fn fits(index: &Index, file: &File, length: u64) -> bool {
    if index.end() > length {
        return false;
    }
    let mut words = Words::new(file);
    let count = index.objects();
    let samples = (SAMPLES as u64).min(count);
    let good = (0..samples).filter(|sample| {
        let object = if *sample + 1 == samples { count - 1 } else { sample * (count / samples) };
        match index.get(object) {
            Some((Object::Block(block), at)) => {
                words.at(at).ok() == Some(block) && words.at(at + stored_bytes(block) - 4).ok() == Some(block)
            }
            Some((Object::Filemark, at)) => words.at(at).ok() == Some(0),
            Some((Object::Damaged, _)) => true,
            None => false,
        }
    });
    good.count() as u64 * 2 >= samples
}

/// Continues an index to the end of the image.
fn read_on(mut index: Index, file: &File, length: u64) -> io::Result<Index> {
    let mut at = index.end();
    let mut words = Words::new(file);
    loop {
        match object_at(&mut words, at, length)? {
            Found::Object(object, end) => {
                index.push_at(at, object, 1);
                at = end;
            }
            Found::Gap => at += 4,
            Found::End => return Ok(index),
            Found::Nonsense => break,
        }
    }
    let (begin, behind) = read_backwards(&mut words, at, length)?;
    if let Some(begin) = begin {
        index.push_damaged(begin);
        for object in behind.into_iter().rev() {
            index.push(object, 1);
        }
    }
    // Without a readable object behind it, what does not fit is the block that was being written when power failed:
    // the data ends before it.
    Ok(index)
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

/// Objects from the end of the file back to `floor`, last first, and where the first of them begins.
fn read_backwards(words: &mut Words<'_>, floor: u64, length: u64) -> io::Result<(Option<u64>, Vec<Object>)> {
    let mut at = length;
    let mut objects = Vec::new();
    let mut blocks = 0u64;
    while at >= floor + 4 {
        match words.at(at - 4)? {
            0 => {
                objects.push(Object::Filemark);
                at -= 4;
            }
            block if block <= MAX_RECORD_BYTES => {
                let stored = stored_bytes(block);
                if at < floor + stored || words.at(at - stored)? != block {
                    break;
                }
                objects.push(Object::Block(block));
                blocks += 1;
                at -= stored;
            }
            _ => break,
        }
    }
    // Zero words alone prove nothing: a file that a crash cut short often ends in zeros.
    Ok(if blocks == 0 { (None, Vec::new()) } else { (Some(at), objects) })
}

/// Length words of an image, read a page at a time: a stretch of zeros is millions of tape marks.
struct Words<'a> {
    file: &'a File,
    page: Vec<u8>,
    page_at: u64,
}

const PAGE_BYTES: u64 = 4096;

impl<'a> Words<'a> {
    fn new(file: &'a File) -> Self {
        Words { file, page: Vec::new(), page_at: 0 }
    }

    /// The word at `at`; an error of kind `UnexpectedEof` if the file ends before it does.
    fn at(&mut self, at: u64) -> io::Result<u32> {
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

/// Magic, number of runs, objects and end (8 bytes each, little-endian), then per run: offset (8), first object (8),
/// length word (4, FFFFFFFFh for damage), then a checksum (8).
fn encode(index: &Index) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40 + index.runs().len() * 20);
    bytes.extend(MAGIC);
    for number in [index.runs().len() as u64, index.objects(), index.end()] {
        bytes.extend(number.to_le_bytes());
    }
    for run in index.runs() {
        bytes.extend(run.offset.to_le_bytes());
        bytes.extend(run.first.to_le_bytes());
        let word = match run.object {
            Object::Block(length) => length,
            Object::Filemark => 0,
            Object::Damaged => u32::MAX,
        };
        bytes.extend(word.to_le_bytes());
    }
    let sum = checksum(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Index> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(8)?)?;
    if checksum(body) != u64::from_le_bytes(sum.try_into().ok()?) {
        return None;
    }
    let number = |at: usize| Some(u64::from_le_bytes(body.get(at..at + 8)?.try_into().ok()?));
    let runs = body.strip_prefix(MAGIC)?.get(24..)?;
    let (objects, end) = (number(16)?, number(24)?);
    if runs.len() as u64 != number(8)?.checked_mul(20)? {
        return None;
    }
    let runs: Vec<(u64, u64, u32)> = runs
        .chunks_exact(20)
        .map(|run| {
            let offset = u64::from_le_bytes(run.get(..8)?.try_into().ok()?);
            let first = u64::from_le_bytes(run.get(8..16)?.try_into().ok()?);
            Some((offset, first, u32::from_le_bytes(run.get(16..20)?.try_into().ok()?)))
        })
        .collect::<Option<_>>()?;
    let mut index = Index::default();
    for (number, &(offset, first, word)) in runs.iter().enumerate() {
        let (next_offset, next) = runs.get(number + 1).map_or((end, objects), |&(offset, first, _)| (offset, first));
        let count = next.checked_sub(first)?;
        match word {
            u32::MAX if count == 1 => index.push_damaged(next_offset),
            0 => index.push_at(offset, Object::Filemark, count),
            length if length <= MAX_RECORD_BYTES => {
                stored_bytes(length).checked_mul(count)?.checked_add(offset)?;
                index.push_at(offset, Object::Block(length), count);
            }
            _ => return None,
        }
    }
    (index.objects() == objects && index.end() == end).then_some(index)
}

/// FNV-1a: against a file that was cut short or mixed up, not against an enemy.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn image(objects: &[Object]) -> Vec<u8> {
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

    fn index_of(bytes: &[u8]) -> Index {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        load(file.as_file(), file.path()).unwrap()
    }

    const TAPE: &[Object] = &[
        Object::Block(512),
        Object::Filemark,
        Object::Block(1000),
        Object::Block(1000),
        Object::Block(77),
        Object::Filemark,
        Object::Block(5),
        Object::Filemark,
    ];

    fn objects(index: &Index) -> Vec<Object> {
        (0..index.objects()).map(|number| index.get(number).unwrap().0).collect()
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
    fn behind_damage_everything_is_found_again() {
        let mut bytes = image(&TAPE[..2]);
        bytes.extend(image(&[Object::Damaged]));
        bytes.extend(image(&TAPE[3..]));
        let index = index_of(&bytes);
        assert_eq!(index.get(2).unwrap().0, Object::Damaged);
        assert_eq!(&objects(&index)[3..], &TAPE[3..]);
    }

    #[test]
    fn the_file_beside_it_is_believed_only_if_it_fits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.tap");
        let mut bytes = image(TAPE);
        std::fs::write(&path, &bytes).unwrap();
        let whole = load(&File::open(&path).unwrap(), &path).unwrap();
        save(&whole, &path).unwrap();
        assert_eq!(decode(&std::fs::read(path_of(&path)).unwrap()), Some(whole.clone()));

        // One broken length word: with the index beside it, every object keeps its number.
        let at = whole.get(2).unwrap().1 as usize;
        bytes[at] ^= 0xff;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(load(&File::open(&path).unwrap(), &path).unwrap(), whole);

        // Another tape altogether: the index is not believed.
        let other = [Object::Block(3), Object::Block(9000), Object::Filemark];
        std::fs::write(&path, image(&other)).unwrap();
        assert_eq!(objects(&load(&File::open(&path).unwrap(), &path).unwrap()), other);

        // Appended since: reading goes on where the index ends.
        let mut longer = image(TAPE);
        longer.extend(image(&TAPE[2..]));
        std::fs::write(&path, longer).unwrap();
        assert_eq!(load(&File::open(&path).unwrap(), &path).unwrap().objects(), 14);

        // Cut or changed index files are not believed either.
        let good = encode(&whole);
        for cut in 0..good.len() {
            assert_eq!(decode(&good[..cut]), None);
        }
        for at in 0..good.len() {
            let mut wrong = good.clone();
            wrong[at] ^= 1;
            assert_eq!(decode(&wrong), None);
        }
    }
}
