//! A data file without a table of contents: what it holds, and where in it.

use super::blocks::{Blocks, BlocksEnd};
use super::frames::Frames;
use super::members::{Walked, walk};
use super::unseal::Unseal;
use super::{Damage, FoundPart, SalvageSink, SalvagedMember};
use crate::crypt::{HEADER_SIZE, Key, StreamHeader};
use crate::part::{FileKind, FrameTable, PartLayout, kind_of};
use crate::{Codec, FormatError, Result};
use tape_drive::{DriveErrorKind, Position, ReadOutcome, TapeDrive};
use uuid::Uuid;

/// Which part of which set a data file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The set.
    pub set: Uuid,
    /// Number of the part, from 1.
    pub part: u32,
}

/// Where a data file is, and what is known of it from elsewhere. Only `first_block` is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the tape file.
    pub tape_file: u64,
    /// Logical object number of its first block.
    pub first_block: u64,
    /// Logical object number at which something else begins, if its filemark cannot be trusted.
    pub limit: Option<u64>,
    /// Bytes in each of its blocks but the last. Needed only if its first blocks and all but its last are unreadable.
    pub block_size: Option<u32>,
    /// How its frames are compressed. Found out if not given.
    pub codec: Option<Codec>,
    /// Header of its encrypted stream, as a table of contents has it. Needed if its first block is unreadable.
    pub stream_header: Option<StreamHeader>,
    /// Which parts it may be, for encrypted data files of tapes that do not name them themselves: what other tables of
    /// contents tell, or a person.
    pub may_be: Vec<Identity>,
}

impl Place {
    /// The data file that a survey found.
    pub fn of(part: &FoundPart) -> Place {
        let sealed = part.sealed.as_ref().map(|head| Identity { set: head.set, part: head.part });
        Place {
            tape_file: part.tape_file,
            first_block: part.first_block,
            may_be: sealed.into_iter().collect(),
            ..Place::default()
        }
    }
}

/// What a data file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvagedPart {
    /// Which part it is. Not known of a part behind the first that begins between two members and is not encrypted.
    pub identity: Option<Identity>,
    /// Fingerprint of the key that opened it; empty if it is not encrypted.
    pub key_fingerprint: String,
    /// Reads any of its members back, with the key. Its tar offsets are those of the set's stream only in a first part
    /// that is not damaged; otherwise they count from the beginning of the part ([`rebase`](Self::rebase)), and compressed
    /// frames that are lost count 512 bytes each. `set_uuid` and `part_number` are nil and 1 without an identity.
    pub layout: PartLayout,
    /// The end of the set was found: this is its last part.
    pub complete: bool,
    /// Everything was readable.
    pub undamaged: bool,
    /// Its filemark is lost; its table of contents begins at this logical object number all the same.
    pub toc_block: Option<u64>,
}

impl SalvagedPart {
    /// Counts tar offsets from `tar_start`, where the part before ends. To be done with the members' records too.
    pub fn rebase(&mut self, tar_start: u64) {
        let by = tar_start.saturating_sub(self.layout.tar_start);
        self.layout.tar_start = self.layout.tar_start.saturating_add(by);
        self.layout.tar_end = self.layout.tar_end.saturating_add(by);
        for frame in &mut self.layout.frames.frames {
            frame.0 = frame.0.saturating_add(by);
        }
    }

    /// What proves the content besides its hash: an encrypted or compressed part cannot have changed unnoticed.
    pub fn is_authentic(&self) -> bool {
        self.layout.encrypted || self.layout.codec != Codec::None
    }
}

/// Reads a data file from beginning to end and tells `sink` each member. Leaves the tape somewhere behind.
///
/// `keys`: all that are at hand; the right one is found by trying.
///
/// # Errors
/// [`FormatError::KeyNeeded`] if it is encrypted and none of `keys` opens it, [`FormatError::Drive`] if the drive fails
/// (not if it cannot read a block), [`FormatError::Unexpected`] if nothing there can be read, and those of `sink`.
pub fn read_part(
    drive: &mut dyn TapeDrive,
    place: &Place,
    keys: &[Key],
    sink: &mut dyn SalvageSink,
) -> Result<SalvagedPart> {
    let encrypted = place.stream_header.is_some() || begins_sealed(drive, place)?;
    let blocks = Blocks::new(drive, place.first_block, place.limit, place.block_size)?;
    let mut sink = Watch { sink, undamaged: true };
    if !encrypted {
        let mut frames = Frames::new(blocks, place.codec);
        let walked = walk(&mut frames, &mut sink)?;
        let (table, tar_end) = frames.take_table();
        let blocks = frames.inner();
        let facts = Facts { walked, table, tar_end, codec: frames.codec(), stream_bytes: blocks.reached() };
        return facts.part(place, blocks, None, sink.undamaged);
    }
    let parts: Vec<(Uuid, u32)> = place.may_be.iter().map(|identity| (identity.set, identity.part)).collect();
    let unseal = Unseal::open(blocks, place.stream_header, keys, &parts)?;
    if !keys.is_empty() && !unseal.has_candidates() {
        return Err(FormatError::Unexpected {
            place: Position::block(place.first_block).to_string(),
            reason: "it is encrypted, and nothing on the tape says which part of which set it is: name them".into(),
        });
    }
    let mut frames = Frames::new(unseal, place.codec);
    let walked = walk(&mut frames, &mut sink)?;
    let (table, tar_end) = frames.take_table();
    let unseal = frames.inner();
    let (key, set, part) =
        unseal.proven().ok_or_else(|| FormatError::KeyNeeded { fingerprint: "that its set names".into() })?;
    let fingerprint = keys.get(key).map(Key::fingerprint).unwrap_or_default();
    let opened = Opened { identity: Identity { set, part }, fingerprint, header: unseal.header() };
    let stream_bytes = unseal.described_bytes(unseal.inner().reached());
    let facts = Facts { walked, table, tar_end, codec: frames.codec(), stream_bytes };
    facts.part(place, unseal.inner(), Some(opened), sink.undamaged)
}

/// Whether the first readable block looks like that of an encrypted stream.
fn begins_sealed(drive: &mut dyn TapeDrive, place: &Place) -> Result<bool> {
    let largest = usize::try_from(drive.block_limits()?.max).map_or(1 << 24, |max| max.min(1 << 24));
    let mut buffer = vec![0; largest];
    drive.locate(Position::block(place.first_block))?;
    match drive.read_block(&mut buffer) {
        Ok(ReadOutcome::Block(length)) => {
            let block = buffer.get(..length).unwrap_or_default();
            let header = block.get(..HEADER_SIZE).and_then(|start| StreamHeader::try_from(start).ok());
            let named = header.and_then(|header| crate::crypt::part_of(&header)).is_some();
            Ok(named || kind_of(block, u64::MAX) == FileKind::Sealed)
        }
        Ok(ReadOutcome::Filemark | ReadOutcome::EndOfData) => Ok(false),
        // Without its first block an encrypted stream cannot be opened, and any other is tried.
        Err(error) if error.kind == DriveErrorKind::MediumError => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What opened an encrypted file.
struct Opened {
    identity: Identity,
    fingerprint: String,
    header: Option<StreamHeader>,
}

/// What the layers found.
struct Facts {
    walked: Walked,
    table: Vec<(u64, u64)>,
    tar_end: u64,
    codec: Codec,
    stream_bytes: u64,
}

impl Facts {
    fn part(self, place: &Place, blocks: &Blocks<'_>, opened: Option<Opened>, undamaged: bool) -> Result<SalvagedPart> {
        let block_size = u32::try_from(blocks.block_size()).unwrap_or(0);
        if block_size == 0 {
            return Err(FormatError::Unexpected {
                place: Position::block(place.first_block).to_string(),
                reason: "no block of the data file can be read".into(),
            });
        }
        let identity = opened.as_ref().map(|opened| opened.identity);
        let identity = identity.or_else(|| self.walked.comment.as_deref().and_then(named));
        let prelude = self.walked.prelude_bytes;
        let mut layout = PartLayout {
            set_uuid: identity.map_or(Uuid::nil(), |identity| identity.set),
            part_number: identity.map_or(1, |identity| identity.part),
            tape_file: place.tape_file,
            first_block: place.first_block,
            block_count: self.stream_bytes.div_ceil(u64::from(block_size)),
            block_size,
            toc_block: 0,
            end_block: 0,
            tar_start: 0,
            tar_end: 0,
            prelude_bytes: prelude,
            stream_bytes: self.stream_bytes,
            codec: self.codec,
            encrypted: opened.is_some(),
            frames: FrameTable { frames: Vec::new(), stream_header: opened.as_ref().and_then(|opened| opened.header) },
        };
        let plain_bytes = layout.plain_bytes()?;
        layout.toc_block = layout.first_block + layout.block_count + 1;
        layout.end_block = layout.toc_block;
        if self.codec == Codec::None {
            layout.tar_end = plain_bytes.saturating_sub(prelude);
            if layout.tar_end > 0 {
                layout.frames.frames.push((0, prelude));
            }
        } else {
            let frames = self.table.iter().filter(|frame| frame.0 >= prelude && frame.1 < plain_bytes);
            layout.frames.frames = frames.map(|frame| (frame.0 - prelude, frame.1)).collect();
            if let Some(first) = layout.frames.frames.first() {
                layout.tar_start = first.0;
                layout.tar_end = self.tar_end.saturating_sub(prelude);
            }
        }
        layout.check()?;
        Ok(SalvagedPart {
            identity,
            key_fingerprint: opened.map(|opened| opened.fingerprint).unwrap_or_default(),
            layout,
            complete: self.walked.complete,
            undamaged,
            toc_block: match blocks.ended() {
                Some(BlocksEnd::Table(block)) => Some(block),
                _ => None,
            },
        })
    }
}

/// Set and part in the comment that opens a set.
fn named(comment: &[u8]) -> Option<Identity> {
    let text = std::str::from_utf8(comment).ok()?.strip_prefix("TAPEBACKARR ")?;
    let value = |key: &str| text.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    Some(Identity { set: value("set")?.parse().ok()?, part: value("part")?.parse().ok()? })
}

/// Passes everything on, and remembers whether something was wrong.
struct Watch<'a> {
    sink: &'a mut dyn SalvageSink,
    undamaged: bool,
}

impl SalvageSink for Watch<'_> {
    fn member(&mut self, member: SalvagedMember) -> Result<()> {
        self.undamaged &= member.damage.is_none();
        self.sink.member(member)
    }

    fn damage(&mut self, damage: &Damage) -> Result<()> {
        self.undamaged = false;
        self.sink.damage(damage)
    }

    fn progress(&mut self, stream_bytes: u64) -> Result<()> {
        self.sink.progress(stream_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_of_a_part_names_it() {
        let set = Uuid::from_u128(0x3b24_1101_e2bb_4255_8caf_4136_c566_a962);
        let comment = format!("TAPEBACKARR set={set} part=12 format=2");
        assert_eq!(named(comment.as_bytes()), Some(Identity { set, part: 12 }));
        for other in ["", "TAPEBACKARR", "TAPEBACKARR set=x part=1", "some comment", "TAPEBACKARR part=1"] {
            assert_eq!(named(other.as_bytes()), None, "{other}");
        }
    }
}
