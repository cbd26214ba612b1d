//! The index of an image in a small file beside it, `BARCODE.idx`.
//!
//! It only saves time: it is written when a tape is unloaded, checked when it is loaded, and made again from the image
//! ([`super::survey`]) if it is missing, old, or wrong. What was appended after it was written is found by reading on
//! from where it ends. And where the length words of an image are damaged, it still knows where the next block begins.

use super::files;
use super::index::{Index, MAX_RECORD_BYTES, Object, stored_bytes};
use super::survey::{self, Words};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

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
    survey::read_on(known.unwrap_or_default(), file, length)
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
            length if length <= MAX_RECORD_BYTES => {
                let object = if length == 0 { Object::Filemark } else { Object::Block(length) };
                object.stride().checked_mul(count)?.checked_add(offset)?;
                index.push_at(offset, object, count);
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
    use super::super::survey::samples::*;
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 32..200), runs in 0u8..8) {
            bytes[..8].copy_from_slice(MAGIC);
            bytes[8..16].copy_from_slice(&u64::from(runs).to_le_bytes());
            bytes.truncate(32 + usize::from(runs) * 20);
            let sum = checksum(&bytes);
            bytes.extend(sum.to_le_bytes());
            if let Some(index) = decode(&bytes) {
                let file = tempfile::tempfile().unwrap();
                prop_assert!(!fits(&index, &file, 0) || index.objects() == 0);
            }
        }
    }
}
