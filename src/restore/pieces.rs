//! Compares what one tape has of a file that is cut over several, without the other tapes.
//!
//! Where a file is cut its hash has an intermediate value, which the catalog and the table of contents know. A piece is right
//! if its content leads from the value before it to the one behind it, or to the hash of the file.

use super::extract::Failed;
use super::plan::{Before, Piece};
use crate::backup::hash::ContentHash;
use std::io::{Error, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use tape_format::path_text::to_text;
use tape_format::tar::{self, Reader};

/// How much is known of a piece that was read from its first byte to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Its content is the one that was saved.
    Same,
    /// Only what frames and drive check was checked: an intermediate value is not known.
    ReadOnly,
}

/// Reads all of a piece.
///
/// # Errors
/// [`Failed::Member`] if it is not as the catalog says, [`Failed::Source`] if it cannot be read.
pub fn compare(piece: &Piece, data: &mut dyn Read, buffer: &mut [u8], stop: &AtomicBool) -> Result<Compared, Failed> {
    let (item, tar) = (&piece.item, &piece.tar);
    let padded = item.size.saturating_add(tar::padding(item.size) as u64);
    // of a sparse file this is no place, and no hash is made of it
    let content = item.tar_end().saturating_sub(padded);
    let mut at = tar.start;
    let mut hash = match piece.before {
        Before::Nothing => {
            let (sparse, header) = header(piece, data)?;
            at = at.saturating_add(header);
            (!sparse).then(ContentHash::default)
        }
        Before::Known(value) => tar.start.checked_sub(content).map(|before| ContentHash::go_on_behind(&value, before)),
        Before::Unknown => None,
    };
    let mut left = tar.end.saturating_sub(at);
    let mut of_content = content.saturating_add(item.size).saturating_sub(at);
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
        let counts = usize::try_from(of_content).map_or(length, |rest| rest.min(length));
        if let Some(hash) = &mut hash {
            hash.update(buffer.get(..counts).unwrap_or_default());
        }
        of_content -= counts as u64;
        left -= length as u64;
    }
    let same = match (hash, piece.is_last()) {
        (None, _) => return Ok(Compared::ReadOnly),
        (Some(hash), true) => item.sha256.map(|expected| hash.finish() == expected),
        (Some(hash), false) => piece.behind.map(|expected| hash.chaining() == Some(expected)),
    };
    match same {
        None => Ok(Compared::ReadOnly),
        Some(true) => Ok(Compared::Same),
        Some(false) => Err(Failed::Member(
            "what this tape has of it has not the SHA-256 of the catalog: the data on this tape is damaged; use another \
             copy or an older version"
                .into(),
        )),
    }
}

/// Reads the header of the file: whether it is sparse, and how many bytes of tar are before the data.
fn header(piece: &Piece, data: &mut dyn Read) -> Result<(bool, u64), Failed> {
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
    Ok((member.sparse.is_some(), reader.place().data_offset))
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
        let piece = |item| Piece { item, part: 1, tar: 4096..4096 + 1024, before: Before::Nothing, behind: None };
        assert!(looked_at(&piece(other), &bytes[..1024]).unwrap_err().contains("d/huge"));
        let larger = Item { size: 9_999, ..item };
        assert!(looked_at(&piece(larger), &bytes[..1024]).unwrap_err().contains("10000"));
    }
}
