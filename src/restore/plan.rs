//! What is to be read, from which tapes, in which order.
//!
//! Pure data: [`select`](super::select) fills it from the catalog, [`schedule`](super::schedule) puts it in order.

use super::extract::Expected;
use super::items::Items;
use super::metadata::Metadata;
use super::serpentine::Serpentine;
use crate::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use tape_format::MemberKind;
use tape_format::part::PartLayout;

/// A part of a set on a tape.
#[derive(Debug, Clone)]
pub struct Part {
    /// The tape's row.
    pub tape_id: i32,
    /// Where it is on the tape.
    pub layout: Arc<PartLayout>,
    /// SHA-256's intermediate value of the file that goes on in the next part, where it is known.
    pub cut: Option<[u8; 32]>,
}

/// A set from which something is read.
#[derive(Debug, Clone)]
pub struct PlannedSet {
    /// Its row.
    pub set_id: i32,
    /// The key it is encrypted with.
    pub key_id: Option<i32>,
    /// Its parts in order.
    pub parts: Vec<Part>,
}

impl PlannedSet {
    /// Whether the parts that are known have all of a range of the set's tar stream.
    pub fn holds(&self, range: Range<u64>) -> bool {
        let mut at = range.start;
        for part in &self.parts {
            if (part.layout.tar_start..part.layout.tar_end).contains(&at) {
                at = part.layout.tar_end;
            }
        }
        at >= range.end
    }
}

/// A data file that version 1 of the program wrote: it has no frames, and is read from its beginning to the last member
/// that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeFile {
    /// Index of its set in the plan.
    pub set: usize,
    /// The tape's row.
    pub tape_id: i32,
    /// Number of the tape file at or behind which it is.
    pub tape_file: u64,
    /// The offsets of its members, which are an order and nothing else.
    pub offsets: Range<u64>,
    /// Which of the plan's items are in it.
    pub items: Range<usize>,
}

/// A member to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it goes, from the destination.
    pub path: Box<[u8]>,
    /// Its path on tape, where that is another: the content of a hard link whose first name is not wanted.
    pub on_tape: Option<Box<[u8]>>,
    /// What it is.
    pub kind: MemberKind,
    /// Content bytes.
    pub size: u64,
    /// SHA-256 of a file's content.
    pub sha256: Option<[u8; 32]>,
    /// Modification time, nanoseconds since 1970. The tape mostly has whole seconds.
    pub mtime_ns: i64,
    /// Index of its set in the plan.
    pub set: usize,
    /// Where it begins in the set's tar stream.
    pub tar_offset: u64,
    /// Its length there.
    pub tar_length: u64,
}

impl Item {
    /// Its path on tape.
    pub fn member_path(&self) -> &[u8] {
        self.on_tape.as_deref().unwrap_or(&self.path)
    }

    /// What its content must be, for a file.
    pub fn expected(&self) -> Option<Expected> {
        self.sha256.map(|sha256| Expected { size: self.size, sha256 })
    }

    /// Where it ends in the set's tar stream.
    pub fn tar_end(&self) -> u64 {
        self.tar_offset.saturating_add(self.tar_length)
    }

    /// Where it is: its set in the plan, and its offset there.
    pub fn place(&self) -> (usize, u64) {
        (self.set, self.tar_offset)
    }
}

/// A hard link to be made when everything is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its path.
    pub path: Box<[u8]>,
    /// The path of the file it is another name of; that one is read.
    pub target: Box<[u8]>,
    /// What the content must be.
    pub expected: Option<Expected>,
}

/// A run of a set's tar stream that is read in one go, with the wanted members in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Index of its set in the plan.
    pub set: usize,
    /// Which of the plan's items are in it, in order.
    pub items: Range<usize>,
    /// Where it begins in the set's tar stream.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// It is no run of members, but this piece of one: its index in the plan.
    pub piece: Option<usize>,
}

/// What there is on one tape of a file that is cut over several. Pieces of a file are read in any order, each with its tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The whole file.
    pub item: Item,
    /// Its number among the plan's items, if all of its pieces are read; none where a tape is looked at alone.
    pub whole: Option<usize>,
    /// Number of the part it is in.
    pub part: i32,
    /// Where the piece is in the set's tar stream.
    pub tar: Range<u64>,
    /// How the content before it is known.
    pub before: Before,
    /// SHA-256's intermediate value behind it, where that is known. None for the piece that ends the file.
    pub behind: Option<[u8; 32]>,
}

/// How the content before a piece is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// There is none: the piece begins with the file's header.
    Nothing,
    /// SHA-256's intermediate value behind it.
    Known([u8; 32]),
    /// Not at all.
    Unknown,
}

impl Piece {
    /// Whether the file begins in it.
    pub fn is_first(&self) -> bool {
        self.tar.start <= self.item.tar_offset
    }

    /// Whether the file ends in it.
    pub fn is_last(&self) -> bool {
        self.tar.end >= self.item.tar_end()
    }
}

/// The piece of a run that is in one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Index of its run in the plan.
    pub run: usize,
    /// Index of the part in the run's set.
    pub part: usize,
    /// Where it begins in the set's tar stream.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// Whether the run ends with it.
    pub last: bool,
}

/// What is read from a tape while it is in a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The tape's row.
    pub tape_id: i32,
    /// What, in the order of reading.
    pub segments: Vec<Segment>,
}

/// Everything to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The sets that are read from.
    pub sets: Vec<PlannedSet>,
    /// Data files of version 1 that are read from.
    pub whole_files: Vec<WholeFile>,
    /// The members to be read, by set and position.
    pub items: Arc<Items>,
    /// Pieces of files that are cut over several tapes.
    pub pieces: Vec<Piece>,
    /// Hard links to be made.
    pub links: Vec<Link>,
    /// The directories on the way to what is wanted, as they were.
    pub directories: Vec<(Vec<u8>, Metadata)>,
    /// Runs of members.
    pub runs: Vec<Run>,
    /// What is known of the tracks of the tapes, by their rows: for the order of reading.
    pub serpentines: BTreeMap<i32, Serpentine>,
    /// Tapes in the order in which they are needed.
    pub visits: Vec<Visit>,
}

impl Plan {
    /// Where the wanted members of a segment are in the tar stream.
    pub fn members_of(&self, segment: &Segment) -> Places {
        let of = segment.start..segment.end;
        match self.runs.get(segment.run) {
            Some(Run { piece: Some(_), .. }) => Places::One(of),
            run => {
                let numbers = run.map_or(0..0, |run| run.items.clone());
                Places::Members { items: self.items.clone(), numbers, of }
            }
        }
    }

    /// Files that are asked for: regular files, with all their names.
    pub fn file_count(&self) -> u64 {
        self.items.sums().files + self.links.len() as u64
    }

    /// Content bytes that are read.
    pub fn total_bytes(&self) -> u64 {
        self.items.sums().bytes
    }

    /// Whether it would do nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.links.is_empty()
    }

    /// The visits in rows: those of a row have to follow each other, for members go over from one tape to the next; the rows
    /// themselves may be read in any order.
    pub fn rows(&self) -> Vec<&[Visit]> {
        let goes_on = |visit: &Visit| {
            let begun = |segment: &Segment| self.runs.get(segment.run).is_some_and(|run| segment.start > run.start);
            visit.segments.iter().any(begun)
        };
        let mut rows = Vec::new();
        let mut rest = self.visits.as_slice();
        while !rest.is_empty() {
            let length = rest.iter().skip(1).position(|visit| !goes_on(visit)).map_or(rest.len(), |at| at + 1);
            let (row, others) = rest.split_at(length);
            rows.push(row);
            rest = others;
        }
        rows
    }

    /// The tapes that are read, also if no file begins on them.
    pub fn tapes_read(&self) -> BTreeSet<i32> {
        self.visits.iter().map(|visit| visit.tape_id).chain(self.whole_files.iter().map(|file| file.tape_id)).collect()
    }

    /// Tapes in the order of their first visit, with the files that begin on them and their bytes.
    ///
    /// # Errors
    /// If the members cannot be read from their temporary file.
    pub fn tapes(&self) -> Result<Vec<TapeShare>> {
        let mut shares: Vec<TapeShare> = Vec::new();
        for visit in &self.visits {
            let at = share_of(&mut shares, visit.tape_id);
            for segment in &visit.segments {
                let run = self.runs.get(segment.run);
                if let Some(piece) = run.and_then(|run| self.pieces.get(run.piece?)) {
                    if let Some(share) = shares.get_mut(at).filter(|_| piece.whole.is_some() && piece.is_first()) {
                        share.add(&piece.item);
                    }
                    continue;
                }
                let numbers = run.map_or(0..0, |run| run.items.clone());
                let begin = |at: u64| self.items.partition_point(numbers.clone(), |item| item.tar_offset < at);
                self.share(&mut shares, at, begin(segment.start)?..begin(segment.end)?)?;
            }
        }
        for file in self.whole_files.iter().filter(|file| !file.items.is_empty()) {
            let at = share_of(&mut shares, file.tape_id);
            self.share(&mut shares, at, file.items.clone())?;
        }
        Ok(shares)
    }

    /// Adds members to a tape's share.
    fn share(&self, shares: &mut [TapeShare], at: usize, numbers: Range<usize>) -> Result<()> {
        let Some(share) = shares.get_mut(at) else { return Ok(()) };
        if numbers == (0..self.items.len()) {
            let sums = self.items.sums();
            (share.files, share.bytes) = (share.files + sums.files, share.bytes + sums.bytes);
            return Ok(());
        }
        for item in self.items.range(numbers) {
            share.add(&*item?);
        }
        Ok(())
    }
}

/// Where the wanted members of a segment are in the tar stream, ascending.
#[derive(Debug, Clone)]
pub enum Places {
    /// It is one piece of a member.
    One(Range<u64>),
    /// Members of the plan, as far as they are in the segment.
    Members {
        /// All members of the plan.
        items: Arc<Items>,
        /// Which of them.
        numbers: Range<usize>,
        /// The segment.
        of: Range<u64>,
    },
}

impl Places {
    /// The first that is not passed. `passed` must be true for those in front of it, and for no other.
    ///
    /// # Errors
    /// If the members cannot be read from their temporary file.
    pub fn first(&self, passed: impl Fn(&Range<u64>) -> bool) -> Result<Option<Range<u64>>> {
        let (items, numbers, of) = match self {
            Places::One(place) => return Ok(Some(place.clone()).filter(|place| !passed(place))),
            Places::Members { items, numbers, of } => (items, numbers, of),
        };
        let place = |item: &Item| item.tar_offset.max(of.start)..item.tar_end().min(of.end);
        let before = |item: &Item| item.tar_end() <= of.start || passed(&place(item));
        let number = items.partition_point(numbers.clone(), before)?;
        if number >= numbers.end {
            return Ok(None);
        }
        let found = items.get(number)?.map(|item| place(&item));
        Ok(found.filter(|place| place.start < place.end))
    }
}

fn share_of(shares: &mut Vec<TapeShare>, tape_id: i32) -> usize {
    shares.iter().position(|share| share.tape_id == tape_id).unwrap_or_else(|| {
        shares.push(TapeShare { tape_id, files: 0, bytes: 0 });
        shares.len() - 1
    })
}

/// What a tape contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapeShare {
    /// The tape's row.
    pub tape_id: i32,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl TapeShare {
    fn add(&mut self, item: &Item) {
        self.files += u64::from(item.kind == MemberKind::File);
        self.bytes += item.size;
    }
}
