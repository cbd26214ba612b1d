//! Where each object of an image is: a run-length index over blocks and filemarks.
//!
//! A backup writes thousands of blocks of one size between two filemarks, so the index of a tape with millions of blocks
//! is a few runs per tape file. Finding an object, or the n-th filemark, is a binary search over the runs.

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A block of so many bytes.
    Block(u32),
    /// A filemark.
    Filemark,
    /// A stretch of the image that does not hold together: something was recorded there that cannot be read.
    Damaged,
}

/// Objects of one kind, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Number of its first object.
    pub first: u64,
    /// Where that begins in the file.
    pub offset: u64,
    /// Filemarks before it.
    pub files: u64,
    /// What they are. A damaged run has one object.
    pub object: Object,
}

/// The index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    runs: Vec<Run>,
    objects: u64,
    files: u64,
    end: u64,
}

/// Longest record: the length word has 28 bits, the other four are a class (SIMH magtape format).
pub const MAX_RECORD_BYTES: u32 = 0x0fff_ffff;
/// Length words before and behind a block (SIMH magtape format).
const BLOCK_OVERHEAD: u64 = 8;
/// A tape mark is one zero word.
pub(crate) const FILEMARK_BYTES: u64 = 4;

/// Bytes a block of `length` takes in the image: two length words, the data, and a pad byte if it is odd.
pub fn stored_bytes(length: u32) -> u64 {
    BLOCK_OVERHEAD + u64::from(length) + u64::from(length & 1)
}

impl Object {
    /// Bytes between the beginnings of two such objects in a row.
    pub(crate) fn stride(self) -> u64 {
        match self {
            Object::Block(length) => stored_bytes(length),
            Object::Filemark => FILEMARK_BYTES,
            Object::Damaged => 0,
        }
    }
}

impl Index {
    /// Number of objects; the position of the end of data.
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// Number of filemarks.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Where the last object ends in the file.
    pub fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Adds `count` objects behind the last.
    pub fn push(&mut self, object: Object, count: u64) {
        self.push_at(self.end, object, count);
    }

    /// Adds `count` objects at `offset`, which is not before the end.
    pub fn push_at(&mut self, offset: u64, object: Object, count: u64) {
        if count == 0 || offset < self.end {
            return;
        }
        let joins = self.runs.last().is_some_and(|last| last.object == object) && offset == self.end;
        if !joins || object == Object::Damaged {
            self.runs.push(Run { first: self.objects, offset, files: self.files, object });
        }
        self.objects += count;
        self.end = offset + count * object.stride();
        if object == Object::Filemark {
            self.files += count;
        }
    }

    /// Adds one damaged object that reaches from the end to `until`.
    pub fn push_damaged(&mut self, until: u64) {
        if until > self.end {
            self.push(Object::Damaged, 1);
            self.end = until;
        }
    }

    /// Forgets the object `object` and all behind it.
    pub fn truncate(&mut self, object: u64) {
        let Some((_, offset)) = self.get(object) else { return };
        self.files = self.files_before(object);
        self.objects = object;
        self.end = offset;
        let keep = self.runs.partition_point(|run| run.first < object);
        self.runs.truncate(keep);
    }

    /// The object with this number, and where it begins.
    pub fn get(&self, object: u64) -> Option<(Object, u64)> {
        if object >= self.objects {
            return None;
        }
        let run = self.run_of(object)?;
        Some((run.object, run.offset + (object - run.first) * run.object.stride()))
    }

    /// Number of the first object that begins at or behind `offset`; the number of objects if there is none.
    pub fn first_from(&self, offset: u64) -> u64 {
        let behind = self.runs.partition_point(|run| run.offset < offset);
        let Some(run) = behind.checked_sub(1).and_then(|index| self.runs.get(index)) else { return 0 };
        let next = self.runs.get(behind).map_or(self.objects, |run| run.first);
        let stride = run.object.stride();
        if stride == 0 { next } else { (run.first + (offset - run.offset).div_ceil(stride)).min(next) }
    }

    /// Number of filemarks before the object `object`.
    pub fn files_before(&self, object: u64) -> u64 {
        if object >= self.objects {
            return self.files;
        }
        self.run_of(object).map_or(0, |run| match run.object {
            Object::Filemark => run.files + (object - run.first),
            _ => run.files,
        })
    }

    /// Object number of the filemark with this number, counted from 0.
    pub fn filemark(&self, number: u64) -> Option<u64> {
        if number >= self.files {
            return None;
        }
        // Of the runs with that many filemarks before them, only the last can be one of filemarks.
        let index = self.runs.partition_point(|run| run.files <= number).checked_sub(1)?;
        let run = self.runs.get(index)?;
        Some(run.first + (number - run.files))
    }

    fn run_of(&self, object: u64) -> Option<&Run> {
        let index = self.runs.partition_point(|run| run.first <= object).checked_sub(1)?;
        self.runs.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object() -> impl Strategy<Value = Object> {
        prop_oneof![
            4 => (1u32..4).prop_map(Object::Block),
            2 => Just(Object::Filemark),
            1 => Just(Object::Damaged),
        ]
    }

    proptest! {
        /// Against a plain list of (object, offset).
        #[test]
        fn agrees_with_a_list(steps in proptest::collection::vec((object(), 1u64..4, any::<Option<u8>>()), 0..40)) {
            let mut index = Index::default();
            let mut list: Vec<(Object, u64)> = Vec::new();
            let mut end = 0;
            for (object, count, cut) in steps {
                match object {
                    Object::Damaged => {
                        index.push_damaged(end + 10);
                        list.push((object, end));
                        end += 10;
                    }
                    _ => {
                        index.push(object, count);
                        for _ in 0..count {
                            list.push((object, end));
                            end += object.stride();
                        }
                    }
                }
                if let Some(cut) = cut.map(usize::from).filter(|&cut| cut < list.len()) {
                    index.truncate(cut as u64);
                    end = list[cut].1;
                    list.truncate(cut);
                }
            }
            prop_assert_eq!(index.objects(), list.len() as u64);
            prop_assert_eq!(index.end(), end);
            let mut files = 0;
            for (number, &(object, offset)) in list.iter().enumerate() {
                let number = number as u64;
                prop_assert_eq!(index.get(number), Some((object, offset)));
                prop_assert_eq!(index.files_before(number), files);
                prop_assert_eq!(index.first_from(offset), number);
                if object == Object::Filemark {
                    prop_assert_eq!(index.filemark(files), Some(number));
                    files += 1;
                }
            }
            prop_assert_eq!(index.files(), files);
            prop_assert_eq!(index.filemark(files), None);
            prop_assert_eq!(index.get(list.len() as u64), None);
            for offset in 0..end + 2 {
                let expected = list.iter().position(|&(_, at)| at >= offset).unwrap_or(list.len()) as u64;
                prop_assert_eq!(index.first_from(offset), expected);
            }
        }
    }

    #[test]
    fn equal_blocks_take_one_run() {
        let mut index = Index::default();
        for _ in 0..100_000 {
            index.push(Object::Block(262_144), 1);
        }
        index.push(Object::Filemark, 1);
        assert_eq!(index.runs().len(), 2);
        assert_eq!(index.filemark(0), Some(100_000));
    }
}
