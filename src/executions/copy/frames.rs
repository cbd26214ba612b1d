//! Frames of a copy from those of the original: the same runs of tar stream, with the same members.

use super::members::{Members, ends_at};
use crate::{Error, Result};
use std::sync::Arc;
use tape_format::tar::{self, Reader};
use tape_format::{Continuation, Frame, Member, MemberRecord, Unfinished};

/// A frame as it was read: its run of tar stream, not compressed.
pub struct Piece {
    /// Offset in the set's tar stream.
    pub tar_offset: u64,
    /// The run.
    pub bytes: Vec<u8>,
}

/// A member that goes on behind a frame.
struct Open {
    member: Arc<Member>,
    /// Offset of its tar data in the set's tar stream.
    data: u64,
    size: u64,
    /// Where it ends, with padding.
    end: u64,
}

impl Open {
    fn at(&self, offset: u64) -> Continuation {
        Continuation {
            member: self.member.clone(),
            data_offset: offset.saturating_sub(self.data),
            data_size: self.size,
        }
    }
}

/// Makes frames.
pub struct Maker<'m> {
    /// Members of which no end was seen, in the order of the stream.
    members: &'m mut Members,
    open: Option<Open>,
    /// Where the next piece begins.
    next: u64,
}

impl Maker<'_> {
    /// For a set with these members.
    pub fn new(members: &mut Members) -> Maker<'_> {
        Maker { members, open: None, next: 0 }
    }

    /// The frame of a piece, not compressed. Pieces come in order and without gaps.
    pub fn frame(&mut self, piece: Piece) -> Result<Frame> {
        if piece.tar_offset != self.next {
            return Err(Error::internal(format!(
                "a frame begins at {} of the set's stream, and not at {}",
                piece.tar_offset, self.next
            )));
        }
        let (start, length) = (piece.tar_offset, piece.bytes.len() as u64);
        let end = start + length;
        self.next = end;
        let continues = self.open.as_ref().filter(|open| open.end > start).map(|open| open.at(start));
        let mut members = Vec::new();
        while let Some(next) = self.members.ending_by(end)? {
            members.push(next);
        }
        // the member that goes on, if one does: either the one that went on already, or one that begins here
        if self.open.as_ref().is_none_or(|open| open.end <= end) {
            self.open = self.members.peek()?.filter(|next| next.tar_offset < end).and_then(|next| open(next, &piece));
        }
        let goes_on = self.open.as_ref().filter(|open| open.end > end).map(|open| Unfinished {
            continuation: open.at(end),
            state: Vec::new(),
            chaining: None,
        });
        Ok(Frame { data: piece.bytes, tar_offset: start, tar_length: length, continues, goes_on, members })
    }
}

/// A member that begins in a piece, by its own header. None if the header says something else than the catalog: whoever
/// compares contents tells that.
fn open(record: &MemberRecord, piece: &Piece) -> Option<Open> {
    let within = usize::try_from(record.tar_offset.checked_sub(piece.tar_offset)?).ok()?;
    let member = Reader::new(piece.bytes.get(within..)?).next_member().ok().flatten()?;
    let size = tar::data_size(&member);
    let data = ends_at(record).checked_sub(size.checked_add(tar::padding(size) as u64)?)?;
    Some(Open { member: Arc::new(member), data, size, end: ends_at(record) })
}
