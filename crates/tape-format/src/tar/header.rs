//! Writing the header of a member.

use super::{BLOCK, acl, data_size, number, pax};
use crate::{FormatError, Member, MemberKind, Result, path_text};

const NAME: usize = 100;
const PREFIX: usize = 155;
const SECOND: i64 = 1_000_000_000;

/// Appends the header records of `member`: one block if ustar can say everything, else with a pax block before it.
/// Its data is to follow (for a sparse file first the [map](super::sparse_map)), padded to whole blocks.
///
/// # Errors
/// [`FormatError::Unrepresentable`] for an empty path, one with a NUL, a link without target, a device without number.
pub fn write_header(member: &Member, out: &mut Vec<u8>) -> Result<()> {
    check(member)?;
    let mut block = [0; BLOCK];
    let mut records = Records(Vec::new());
    let directory = member.kind == MemberKind::Directory;

    if member.sparse.is_some() && member.kind == MemberKind::File {
        sparse_name(&mut block, member);
    } else if !plain_name(&mut block, &member.path, directory) {
        // Readers that know no pax get as much of the name as fits.
        fill(&mut block[..NAME], &member.path);
        records.name(b"path", &member.path, directory);
    }
    let link = member.link.as_deref().unwrap_or(&[]);
    fill(&mut block[157..257], link);
    if link.len() > NAME {
        records.name(b"linkpath", link, false);
    }

    number::write(&mut block[100..108], u64::from(member.mode & 0o7777));
    if !number::write(&mut block[108..116], u64::from(member.uid)) {
        records.number(b"uid", u64::from(member.uid));
    }
    if !number::write(&mut block[116..124], u64::from(member.gid)) {
        records.number(b"gid", u64::from(member.gid));
    }
    let size = data_size(member);
    if !number::write(&mut block[124..136], size) {
        records.number(b"size", size);
    }
    block[156] = typeflag(&member.kind);
    owner(&mut block[265..297], &member.user, b"uname", &mut records);
    owner(&mut block[297..329], &member.group, b"gname", &mut records);
    if let Some((major, minor)) = member.device {
        number::write(&mut block[329..337], u64::from(major));
        number::write(&mut block[337..345], u64::from(minor));
    } else {
        number::write(&mut block[329..337], 0);
        number::write(&mut block[337..345], 0);
    }
    attributes(member, &mut records);
    sparse_records(member, &mut records);

    let seconds = member.mtime_ns.div_euclid(SECOND);
    let fits = seconds >= 0 && number::write(&mut block[136..148], seconds as u64);
    if !fits {
        number::write(&mut block[136..148], 0);
    }
    // Nanoseconds cost 1 KiB of their own, but nothing where there are records anyway.
    if !fits || (!records.0.is_empty() && member.mtime_ns % SECOND != 0) {
        pax::record(&mut records.0, b"mtime", pax::time(member.mtime_ns).as_bytes());
    }

    if !records.0.is_empty() {
        pax::block(out, b'x', &records.0);
    }
    seal(&mut block);
    out.extend_from_slice(&block);
    Ok(())
}

/// Completes a block: magic, version and checksum.
pub(super) fn seal(block: &mut [u8; BLOCK]) {
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    number::write(&mut block[148..155], sum);
}

fn check(member: &Member) -> Result<()> {
    let reason = if member.path.is_empty() {
        "its path is empty"
    } else if member.path.contains(&0) || member.link.as_ref().is_some_and(|link| link.contains(&0)) {
        "a path contains a NUL byte"
    } else if matches!(member.kind, MemberKind::Symlink | MemberKind::Hardlink) && member.link.is_none() {
        "it is a link without a target"
    } else if matches!(member.kind, MemberKind::CharDevice | MemberKind::BlockDevice) && member.device.is_none() {
        "it is a device without a number"
    } else {
        return Ok(());
    };
    Err(FormatError::Unrepresentable { path: path_text::to_text(&member.path).into_owned(), reason: reason.into() })
}

fn typeflag(kind: &MemberKind) -> u8 {
    match kind {
        MemberKind::File => b'0',
        MemberKind::Hardlink => b'1',
        MemberKind::Symlink => b'2',
        MemberKind::CharDevice => b'3',
        MemberKind::BlockDevice => b'4',
        MemberKind::Directory => b'5',
        MemberKind::Fifo => b'6',
    }
}

/// As much of `text` as fits.
fn fill(field: &mut [u8], text: &[u8]) {
    for (place, &byte) in field.iter_mut().zip(text) {
        *place = byte;
    }
}

/// Puts a path into name and prefix, with a slash behind a directory. `false` if it does not fit.
///
/// Names that are not ASCII, or not even UTF-8, are put there as they are: GNU tar and libarchive restore them so in any
/// locale without a word, while libarchive fails over a pax record that its locale cannot express.
fn plain_name(block: &mut [u8; BLOCK], path: &[u8], directory: bool) -> bool {
    let slash = usize::from(directory && path.last() != Some(&b'/'));
    let split = if path.len() + slash <= NAME {
        None
    } else {
        // The last slash that leaves a prefix that fits, and a name that is not empty.
        let reach = path.get(..path.len().min(PREFIX + 1)).unwrap_or(&[]);
        match reach.iter().rposition(|&b| b == b'/') {
            Some(at) if at > 0 && at + 1 < path.len() && path.len() - at - 1 + slash <= NAME => Some(at),
            _ => return false,
        }
    };
    let name = match split {
        None => path,
        Some(at) => {
            fill(&mut block[345..345 + PREFIX], path.get(..at).unwrap_or(&[]));
            path.get(at + 1..).unwrap_or(&[])
        }
    };
    fill(&mut block[..NAME], name);
    if slash == 1 {
        fill(&mut block[name.len()..NAME], b"/");
    }
    true
}

/// A sparse file's real name is in its records; readers that know nothing of it get another one, as with GNU tar.
fn sparse_name(block: &mut [u8; BLOCK], member: &Member) {
    let split = member.path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    let (dir, base) = member.path.split_at(split);
    let shadow = [dir, b"GNUSparseFile.0/", base].concat();
    if !plain_name(block, &shadow, false) {
        fill(&mut block[..NAME], &shadow);
    }
}

fn owner(field: &mut [u8], name: &str, key: &[u8], records: &mut Records) {
    // The field needs a NUL at its end.
    if name.len() < field.len() {
        fill(field, name.as_bytes());
    } else {
        pax::record(&mut records.0, key, name.as_bytes());
    }
}

fn attributes(member: &Member, records: &mut Records) {
    for (name, value) in &member.xattrs {
        let acl = acl::KINDS.iter().find(|kind| kind.0 == name.as_slice());
        match acl.and_then(|(_, key)| acl::to_text(value).map(|text| (key, text))) {
            Some((key, text)) => pax::record(&mut records.0, key.as_bytes(), text.as_bytes()),
            None => {
                let key = [b"SCHILY.xattr.", pax::encode_name(name).as_slice()].concat();
                pax::record(&mut records.0, &key, value);
            }
        }
    }
}

fn sparse_records(member: &Member, records: &mut Records) {
    if member.sparse.is_none() || member.kind != MemberKind::File {
        return;
    }
    records.number(b"GNU.sparse.major", 1);
    records.number(b"GNU.sparse.minor", 0);
    records.name(b"GNU.sparse.name", &member.path, false);
    records.number(b"GNU.sparse.realsize", member.size);
}

struct Records(Vec<u8>);

impl Records {
    fn number(&mut self, key: &[u8], value: u64) {
        pax::record(&mut self.0, key, value.to_string().as_bytes());
    }

    /// A path. Pax wants UTF-8, and libarchive wants to be told if it is something else (GNU tar says that it does not
    /// know the keyword, and goes on).
    fn name(&mut self, key: &[u8], path: &[u8], directory: bool) {
        const BINARY: &[u8] = b"21 hdrcharset=BINARY\n";
        if std::str::from_utf8(path).is_err() && !self.0.starts_with(BINARY) {
            self.0.splice(..0, BINARY.iter().copied());
        }
        if directory {
            pax::record(&mut self.0, key, &[path, b"/"].concat());
        } else {
            pax::record(&mut self.0, key, path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::member::tests::file;

    fn blocks(member: &Member) -> usize {
        let mut out = Vec::new();
        write_header(member, &mut out).unwrap();
        assert_eq!(out.len() % 512, 0);
        out.len() / 512
    }

    #[test]
    fn one_block_where_ustar_suffices() {
        assert_eq!(blocks(&file("a")), 1);
        assert_eq!(blocks(&file(&"a".repeat(100))), 1);
        assert_eq!(blocks(&file(&"a".repeat(101))), 3);
        assert_eq!(blocks(&file(&format!("{}/{}", "a".repeat(155), "b".repeat(100)))), 1);
        assert_eq!(blocks(&file(&format!("{}/{}", "a".repeat(156), "b".repeat(100)))), 3);
        assert_eq!(blocks(&Member { mtime_ns: 1_700_000_000_123_456_789, ..file("a") }), 1);
        assert_eq!(blocks(&Member { size: (1 << 33) - 1, ..file("a") }), 1);
        assert_eq!(blocks(&Member { size: 1 << 33, ..file("a") }), 3);
        assert_eq!(blocks(&Member { mtime_ns: -1, ..file("a") }), 3);
        assert_eq!(blocks(&Member { uid: 2_097_152, ..file("a") }), 3);
        assert_eq!(blocks(&file("ä")), 1);
        assert_eq!(blocks(&file(&"ä".repeat(51))), 3);
    }

    #[test]
    fn the_charset_is_said_once_and_first() {
        let long = |byte| vec![byte; 200];
        let link = Member { kind: MemberKind::Symlink, link: Some(long(0xff)), ..file("a") };
        let mut out = Vec::new();
        write_header(&Member { path: long(0xfe), ..link }, &mut out).unwrap();
        assert!(out[512..].starts_with(b"21 hdrcharset=BINARY\n210 path=\xfe"));
        assert_eq!(out.windows(10).filter(|w| w == b"hdrcharset").count(), 1);
    }

    #[test]
    fn what_tar_cannot_say_is_refused() {
        for member in [
            file(""),
            file("a\0b"),
            Member { kind: MemberKind::Symlink, ..file("a") },
            Member { kind: MemberKind::BlockDevice, ..file("a") },
        ] {
            assert!(matches!(write_header(&member, &mut Vec::new()), Err(FormatError::Unrepresentable { .. })));
        }
    }
}
