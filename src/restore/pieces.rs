//! A file that is cut over several tapes is read in pieces, each without the others.
//!
//! Where a file is cut its hash has an intermediate value, which the catalog and the table of contents know. A piece is right
//! if its content leads from the value before it to the one behind it, or to the hash of the file.

use super::extract::Failed;
use super::plan::{Before, Item, Part, Piece, PlannedSet};
use crate::backup::hash::ContentHash;
use std::io::{Error, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use tape_format::path_text::to_text;
use tape_format::tar::{self, Reader};
use tape_format::{Member, MemberKind};

/// How much is known of a piece that was read from its first byte to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Its content is the one that was saved.
    Same,
    /// Its content does not lead to the value behind it.
    Differs,
    /// Only what frames and drive check was checked: an intermediate value is not known.
    ReadOnly,
}

/// The pieces of a member that is cut, each with the row of its tape. `whole`: its number in the plan.
pub fn of(set: &PlannedSet, item: &Item, whole: Option<usize>) -> Vec<(i32, Piece)> {
    let piece = |part: &Part| {
        let layout = &part.layout;
        let tar = layout.tar_start.max(item.tar_offset)..layout.tar_end.min(item.tar_end());
        if tar.start >= tar.end {
            return None;
        }
        let before = match set.parts.iter().find(|before| before.layout.tar_end == tar.start) {
            _ if tar.start == item.tar_offset => Before::Nothing,
            Some(Part { cut: Some(value), .. }) => Before::Known(*value),
            _ => Before::Unknown,
        };
        let behind = part.cut.filter(|_| tar.end < item.tar_end());
        let part_number = layout.part_number as i32;
        Some((part.tape_id, Piece { item: item.clone(), whole, part: part_number, tar, before, behind }))
    };
    set.parts.iter().filter_map(piece).collect()
}

/// The pieces of a file that is cut over several tapes, if each of them can be put in its place and compared without the others.
pub fn readable_alone(set: &PlannedSet, item: &Item, number: usize) -> Option<Vec<Piece>> {
    let in_one = |part: &Part| part.layout.tar_start <= item.tar_offset && item.tar_end() <= part.layout.tar_end;
    if item.kind != MemberKind::File || item.sha256.is_none() || set.parts.iter().any(in_one) {
        return None;
    }
    let all = of(set, item, Some(number));
    let (first, _) = all.first()?;
    if all.iter().all(|(tape, _)| tape == first) {
        return None;
    }
    // a sparse file has no value where it is cut
    let content = content_start(item)..content_start(item).saturating_add(item.size);
    let known = |piece: &Piece| {
        let begun = piece.is_first() || matches!(piece.before, Before::Known(_)) && content.contains(&piece.tar.start);
        begun && (piece.is_last() || piece.behind.is_some())
    };
    let mut at = item.tar_offset;
    let follow_on = all.iter().all(|(_, piece)| std::mem::replace(&mut at, piece.tar.end) == piece.tar.start);
    let usable = follow_on && at == item.tar_end() && all.iter().all(|(_, piece)| known(piece));
    usable.then(|| all.into_iter().map(|(_, piece)| piece).collect())
}

/// Where the content of a file that is not sparse begins in the set's tar stream.
fn content_start(item: &Item) -> u64 {
    let padded = item.size.saturating_add(tar::padding(item.size) as u64);
    item.tar_end().saturating_sub(padded)
}

/// What was read of a piece.
#[derive(Debug)]
pub struct Found {
    /// Whether it is right.
    pub compared: Compared,
    /// The file's header, if it is in this piece.
    pub header: Option<Member>,
}

/// Takes bytes at an offset of the file.
pub type Sink<'s> = &'s mut dyn FnMut(u64, &[u8]) -> Result<(), Failed>;

/// Reads all of a piece, and compares it.
///
/// # Errors
/// [`Failed::Member`] if it is not as the catalog says, [`Failed::Source`] if it cannot be read.
pub fn compare(piece: &Piece, data: &mut dyn Read, buffer: &mut [u8], stop: &AtomicBool) -> Result<Compared, Failed> {
    match read(piece, data, buffer, stop, &mut |_, _| Ok(()))?.compared {
        Compared::Differs => Err(damaged()),
        compared => Ok(compared),
    }
}

/// What is said of content that is not the one that was saved.
pub fn damaged() -> Failed {
    Failed::Member(
        "what this tape has of it has not the SHA-256 of the catalog: the data on this tape is damaged; use another copy \
         or an older version"
            .into(),
    )
}

/// Reads all of a piece and hands its content to `sink`. Of a sparse file the offsets would mean nothing: it is not handed on.
///
/// # Errors
/// Those of `sink`; [`Failed::Member`] if it is not what the catalog says, [`Failed::Source`] if it cannot be read.
pub fn read(
    piece: &Piece,
    data: &mut dyn Read,
    buffer: &mut [u8],
    stop: &AtomicBool,
    sink: Sink<'_>,
) -> Result<Found, Failed> {
    let (item, tar) = (&piece.item, &piece.tar);
    // of a sparse file this is no place, and no hash is made of it
    let content = content_start(item);
    let mut at = tar.start;
    let mut member = None;
    let mut hash = match piece.before {
        Before::Nothing => {
            let (found, length) = header(piece, data)?;
            at = at.saturating_add(length);
            let sparse = member.insert(found).sparse.is_some();
            (!sparse).then(ContentHash::default)
        }
        Before::Known(value) => {
            let before = tar.start.checked_sub(content).map(|before| before.min(item.size));
            before.map(|before| ContentHash::go_on_behind(&value, before))
        }
        Before::Unknown => None,
    };
    let mut left = tar.end.saturating_sub(at);
    let end = content.saturating_add(item.size);
    while left > 0 {
        if stop.load(Ordering::Relaxed) {
            return Err(Failed::Source(Error::new(ErrorKind::Interrupted, "told to stop")));
        }
        let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let length = match data.read(buffer.get_mut(..room).unwrap_or_default()) {
            Ok(0) => return Err(Failed::Member(format!("its data ends early on tape: {left} bytes are missing"))),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failed::Source(error)),
        };
        if let Some(hash) = &mut hash {
            // not the zeros that fill up the last record
            let counts = usize::try_from(end.saturating_sub(at)).map_or(length, |rest| rest.min(length));
            let bytes = buffer.get(..counts).unwrap_or_default();
            hash.update(bytes);
            sink(at.saturating_sub(content), bytes)?;
        }
        at = at.saturating_add(length as u64);
        left -= length as u64;
    }
    let same = match (hash, piece.is_last()) {
        (None, _) => None,
        (Some(hash), true) => item.sha256.map(|expected| hash.finish() == expected),
        (Some(hash), false) => piece.behind.map(|expected| hash.chaining() == Some(expected)),
    };
    let compared = match same {
        None => Compared::ReadOnly,
        Some(true) => Compared::Same,
        Some(false) => Compared::Differs,
    };
    Ok(Found { compared, header: member })
}

/// Reads the header of the file: what it says, and how many bytes of tar are before the data.
fn header(piece: &Piece, data: &mut dyn Read) -> Result<(Member, u64), Failed> {
    let item = &piece.item;
    let mut reader = Reader::new(data);
    let member = reader.next_member().map_err(|error| Failed::Source(error.into_io()))?;
    let Some(member) = member else {
        return Err(Failed::Member("it is not on the tape where the catalog says".into()));
    };
    if member.path != item.member_path() {
        let found = to_text(&member.path);
        return Err(Failed::Member(format!("the tape holds {found} where the catalog says it is")));
    }
    if member.kind != item.kind || member.size != item.size {
        return Err(Failed::Member(format!(
            "on tape it is a {} of {} bytes, but the catalog says {} of {}",
            member.kind.as_str(),
            member.size,
            item.kind.as_str(),
            item.size
        )));
    }
    Ok((member, reader.place().data_offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::plan::Item;
    use tape_format::{Member, MemberKind};

    const SIZE: usize = 10_000;

    /// A file of [`SIZE`] bytes at offset 4096 of its set, as tar, and what the catalog says of it.
    fn file() -> (Vec<u8>, Vec<u8>, Item) {
        let content: Vec<u8> = (0..SIZE).map(|n| (n * 7 + n / 251) as u8).collect();
        let member = Member { size: SIZE as u64, ..crate::restore::extract::tests::member("d/huge", MemberKind::File) };
        let mut bytes = Vec::new();
        tar::write_header(&member, &mut bytes).unwrap();
        bytes.extend_from_slice(&content);
        bytes.resize(bytes.len() + tar::padding(SIZE as u64), 0);
        let item = Item {
            path: b"d/huge".to_vec().into(),
            on_tape: None,
            kind: MemberKind::File,
            size: SIZE as u64,
            sha256: Some(openssl::sha::sha256(&content)),
            mtime_ns: 0,
            set: 0,
            tar_offset: 4096,
            tar_length: bytes.len() as u64,
        };
        (bytes, content, item)
    }

    fn looked_at(piece: &Piece, bytes: &[u8]) -> Result<Compared, String> {
        let mut buffer = vec![0; 700];
        match compare(piece, &mut &*bytes, &mut buffer, &AtomicBool::new(false)) {
            Ok(compared) => Ok(compared),
            Err(Failed::Member(why) | Failed::Destination(why)) => Err(why),
            Err(Failed::Source(error)) => Err(error.to_string()),
        }
    }

    /// The value behind so many bytes of content.
    fn value(content: &[u8]) -> [u8; 32] {
        let mut hash = ContentHash::default();
        hash.update(content);
        hash.chaining().unwrap()
    }

    #[test]
    fn each_piece_is_compared_alone() {
        let (bytes, content, item) = file();
        // cut behind the header, and in two places of the content
        let cuts = [512, 512 + 1024, 512 + 8192];
        let bounds: Vec<usize> = [0].into_iter().chain(cuts).chain([bytes.len()]).collect();
        for pair in bounds.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let piece = Piece {
                item: item.clone(),
                whole: None,
                part: 1,
                tar: 4096 + from as u64..4096 + to as u64,
                before: match from {
                    0 => Before::Nothing,
                    from => Before::Known(value(&content[..from - 512])),
                },
                behind: (to < bytes.len()).then(|| value(&content[..to - 512])),
            };
            let mut data = bytes[from..to].to_vec();
            assert_eq!(looked_at(&piece, &data), Ok(Compared::Same), "{from}..{to}");
            let unknown = Piece { before: Before::Unknown, ..piece.clone() };
            if from > 0 {
                assert_eq!(looked_at(&unknown, &data), Ok(Compared::ReadOnly), "{from}..{to}");
            }
            if to > from + 512 {
                data[from.max(512) - from + 3] ^= 1;
                let why = looked_at(&piece, &data).unwrap_err();
                assert!(why.contains("damaged"), "{why}");
            }
            data.truncate(data.len() - 1);
            let why = looked_at(&piece, &data).unwrap_err();
            assert!(why.contains("ends early") || why.contains("header"), "{why}");
        }
    }

    #[test]
    fn a_header_of_something_else_is_told() {
        let (bytes, _, item) = file();
        let other = Item { path: b"d/other".to_vec().into(), ..item.clone() };
        let piece =
            |item| Piece { item, whole: None, part: 1, tar: 4096..4096 + 1024, before: Before::Nothing, behind: None };
        assert!(looked_at(&piece(other), &bytes[..1024]).unwrap_err().contains("d/huge"));
        let larger = Item { size: 9_999, ..item };
        assert!(looked_at(&piece(larger), &bytes[..1024]).unwrap_err().contains("10000"));
    }
}
