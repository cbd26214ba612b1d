//! From a table of contents to rows: which block each member is read from, and what the members add up to.
//!
//! The table is passed on member by member and never in memory as a whole. Its checksum comes last, so what was taken
//! from it counts only once reading it has ended well.

use super::checksum::ListHash;
use tape_format::toc::{TocHead, TocSink, Totals};
use tape_format::{FormatError, MemberKind, MemberRecord, Result};

/// Where the frames of a part are.
pub struct Place {
    frames: Vec<(u64, u64)>,
    first_block: u64,
    block_size: u64,
}

impl Place {
    /// The frames of the part that a table of contents describes.
    pub fn new(head: &TocHead) -> Place {
        Place {
            frames: head.frames.clone(),
            first_block: head.part.first_block,
            block_size: u64::from(head.part.block_size).max(1),
        }
    }

    /// The block in which the frame begins that a member is complete with: what the catalog keeps of its place.
    pub fn block_of(&self, record: &MemberRecord) -> u64 {
        let last = record.tar_offset.saturating_add(record.tar_length.max(1)) - 1;
        let at = self.frames.partition_point(|(tar, _)| *tar <= last).saturating_sub(1);
        let stream = self.frames.get(at).map_or(0, |(_, stream)| *stream);
        self.first_block.saturating_add(stream / self.block_size)
    }
}

/// What the members of a part, and the paths that are gone, add up to.
#[derive(Clone, Default)]
pub struct Tally {
    /// As the table of contents counts.
    pub totals: Totals,
    /// Regular files and hard links: what is called the files of a set.
    pub files: u64,
    /// Paths that are gone since the parent.
    pub deleted: u64,
    /// Checksum of the list.
    pub hash: ListHash,
    /// Sum of the members' places in blocks of 512 bytes, modulo 2³² each: tells lists of equal length apart.
    pub places: u64,
}

impl Tally {
    /// One more member.
    pub fn add(&mut self, record: &MemberRecord) {
        let file = record.kind == MemberKind::File;
        let bytes = if file { record.size } else { 0 };
        self.totals = self.totals + Totals { members: 1, files: u64::from(file), bytes };
        self.files += u64::from(file || record.kind == MemberKind::Hardlink);
        self.hash.add(record);
        self.places += place(record.tar_offset) + place(record.tar_length);
    }

    /// Whether the members are those that the head of the table promised.
    ///
    /// # Errors
    /// [`FormatError::Toc`] with both figures.
    pub fn agrees_with(&self, head: &TocHead) -> Result<()> {
        if self.totals == head.part.totals {
            return Ok(());
        }
        let (said, found) = (head.part.totals, self.totals);
        Err(FormatError::Toc(format!(
            "it says that it lists {} members, {} files and {} bytes, but lists {}, {} and {}",
            said.members, said.files, said.bytes, found.members, found.files, found.bytes
        )))
    }
}

/// A place in the tar stream as [`Tally::places`] adds it up.
pub fn place(offset: u64) -> u64 {
    (offset >> 9) & 0xFFFF_FFFF
}

/// Takes the rows of one part.
pub trait Rows {
    /// The head; an error ends the reading.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn begin(&mut self, head: &TocHead) -> Result<Wanted>;

    /// A member of part `part` whose frame begins in block `block`.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn member(&mut self, part: u32, record: MemberRecord, block: u64) -> Result<()>;

    /// A path that is gone since the parent.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn deleted(&mut self, path: Vec<u8>) -> Result<()>;
}

/// What [`Rows`] want to hear of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Every member.
    Members,
    /// Nothing; they are only added up.
    Figures,
}

/// Reads a table of contents into [`Rows`].
pub struct FromToc<'r> {
    /// What the members add up to.
    pub tally: Tally,
    rows: &'r mut dyn Rows,
    wanted: Wanted,
    part: u32,
    place: Option<Place>,
}

impl<'r> FromToc<'r> {
    /// Into `rows`.
    pub fn new(rows: &'r mut dyn Rows) -> FromToc<'r> {
        FromToc { tally: Tally::default(), rows, wanted: Wanted::Figures, part: 0, place: None }
    }
}

impl TocSink for FromToc<'_> {
    fn head(&mut self, head: &TocHead) -> Result<()> {
        self.wanted = self.rows.begin(head)?;
        self.part = head.part.number;
        self.place = Some(Place::new(head));
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> Result<()> {
        self.tally.add(&record);
        match (self.wanted, &self.place) {
            (Wanted::Members, Some(place)) => {
                let block = place.block_of(&record);
                self.rows.member(self.part, record, block)
            }
            _ => Ok(()),
        }
    }

    fn deleted(&mut self, path: Vec<u8>) -> Result<()> {
        self.tally.deleted += 1;
        match self.wanted {
            Wanted::Members => self.rows.deleted(path),
            Wanted::Figures => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::file;

    #[test]
    fn a_member_belongs_to_the_frame_it_is_complete_with() {
        let place = Place { frames: vec![(0, 0), (1024, 700), (4096, 1600)], first_block: 10, block_size: 256 };
        let block = |tar_offset, tar_length| place.block_of(&MemberRecord { tar_offset, tar_length, ..file("x", 1) });
        assert_eq!(block(0, 512), 10);
        assert_eq!(block(0, 1024), 10);
        assert_eq!(block(512, 1024), 12, "it ends in the second frame");
        assert_eq!(block(0, 1 << 40), 16, "whatever a table says, it is a block of the part");
        assert_eq!(block(u64::MAX, u64::MAX), 16);
    }
}
