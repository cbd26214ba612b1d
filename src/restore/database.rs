//! Copies of the server's database on a tape, found and read with nothing but their key: no catalog is needed, because it is
//! the catalog that is lost.

use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use tape_drive::{Position, TapeDrive};
use tape_format::crypt::{Key, Keys};
use tape_format::part::{self, FileKind, PartKey, PartStream};
use tape_format::toc::{SealedHead, SetKind, TocHead, TocKind, TocSink};
use tape_format::{FormatError, MemberRecord, tar};
use uuid::Uuid;

/// Name of the copy inside its set.
pub const MEMBER: &str = "tapebackarr.db";
/// A copy has one part, and that is its number.
const PART: u32 = 1;
/// Bytes moved at a time.
const CHUNK: usize = 1 << 20;

/// A copy on a tape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// Number of its tape file.
    pub tape_file: u64,
    /// Logical object number where it begins.
    pub block: u64,
    /// Name of its set.
    pub set: Uuid,
    /// When it was made, Unix seconds.
    pub start: i64,
    /// Its size in bytes.
    pub size: u64,
    /// Hex SHA-256 of it.
    pub sha256: String,
    /// Fingerprint of the key that opens it.
    pub key_fingerprint: String,
}

/// What is on a tape, as far as copies of the database go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// The copies, oldest first.
    pub copies: Vec<Copy>,
    /// How many parts of other sets there are.
    pub others: usize,
    /// Fingerprints of the keys of parts that no key at hand opens: copies may be among them.
    pub closed: Vec<String>,
    /// What stands of these keys on the tape, closed with a passphrase.
    pub locked: Vec<SealedHead>,
}

/// Keys that are at hand.
struct Bunch<'k>(&'k [Key]);

impl Keys for Bunch<'_> {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        self.0.iter().find(|key| key.fingerprint() == fingerprint).cloned()
    }
}

/// Looks for copies on the tape in the drive. Only encrypted ones count: nobody else can have written those.
///
/// # Errors
/// The tape cannot be read. A table of contents that is damaged is passed over.
pub fn survey(drive: &mut dyn TapeDrive, keys: &[Key], stop: &AtomicBool) -> Result<Survey> {
    let mut tocs = Vec::new();
    part::scan(drive, &mut |file| {
        if stop.load(Ordering::Relaxed) {
            return Err(FormatError::Source("cancelled".into()));
        }
        if let FileKind::Toc(kind) = &file.kind {
            tocs.push((file.first_block, kind.clone()));
        }
        Ok(())
    })
    .or_else(|error| stopped(stop).and(Err(error.into())))?;
    let mut survey = Survey::default();
    for (block, kind) in tocs {
        stopped(stop)?;
        let TocKind::Sealed(sealed) = kind else {
            survey.others += 1;
            continue;
        };
        if Bunch(keys).find(&sealed.key_fingerprint).is_none() {
            if !survey.closed.contains(&sealed.key_fingerprint) {
                survey.closed.push(sealed.key_fingerprint.clone());
            }
            if sealed.locked_key().is_some() {
                survey.locked.push(sealed);
            }
            continue;
        }
        let mut sink = Sink::default();
        match part::read_toc(drive, block, &Bunch(keys), &mut sink) {
            Ok((head, _)) => match sink.member {
                Some((size, sha256)) => survey.copies.push(Copy {
                    tape_file: head.part.tape_file,
                    block: head.part.first_block,
                    set: head.set.uuid,
                    start: head.set.start,
                    size,
                    sha256: hex::encode(sha256),
                    key_fingerprint: head.key_fingerprint,
                }),
                None => survey.others += 1,
            },
            Err(FormatError::Drive(error)) => return Err(error.into()),
            // another kind of set, or a damaged one
            Err(_) => survey.others += 1,
        }
    }
    Ok(survey)
}

fn stopped(stop: &AtomicBool) -> Result<()> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Error::conflict("cancelled", "cancelled")),
        false => Ok(()),
    }
}

/// Takes the one member of a copy; ends the reading at once if it is another kind of set.
#[derive(Default)]
struct Sink {
    member: Option<(u64, [u8; 32])>,
}

impl TocSink for Sink {
    fn head(&mut self, head: &TocHead) -> tape_format::Result<()> {
        match head.set.kind == SetKind::Database && head.part.number == PART && head.part.last {
            true => Ok(()),
            false => Err(FormatError::Source("another kind of set".into())),
        }
    }

    fn member(&mut self, record: MemberRecord) -> tape_format::Result<()> {
        if record.path == MEMBER.as_bytes() {
            self.member = record.sha256.map(|sha256| (record.size, sha256));
        }
        Ok(())
    }

    fn deleted(&mut self, _: Vec<u8>) -> tape_format::Result<()> {
        Ok(())
    }
}

/// Reads the copy of set `set` that begins at `block` into `file`, with whichever of `keys` opens it. Its size, and its hex
/// SHA-256.
///
/// # Errors
/// `key_unknown`, `database_backup_damaged`, and those of the drive and of the file.
pub fn extract(
    drive: &mut dyn TapeDrive,
    (block, set): (u64, Uuid),
    keys: &[Key],
    file: &mut std::fs::File,
    stop: &AtomicBool,
) -> Result<(u64, String)> {
    let mut last = None;
    for key in keys {
        drive.locate(Position::block(block))?;
        match PartStream::open(drive, Some(PartKey { key, set, part: PART })) {
            Ok(stream) => return write(stream, file, stop),
            Err(error) => last = Some(error),
        }
    }
    let message = match last {
        Some(error) => format!("no key at hand opens the copy (the last one tried: {error})"),
        None => "the copy is encrypted, and there is no key at hand; take it from its key sheet".into(),
    };
    Err(Error::new(ErrorKind::Unprocessable, "key_unknown", message))
}

fn write(stream: PartStream<'_>, file: &mut std::fs::File, stop: &AtomicBool) -> Result<(u64, String)> {
    let mut archive = tar::Reader::new(stream);
    while let Some(member) = archive.next_member()? {
        if member.path != MEMBER.as_bytes() {
            continue;
        }
        let (mut chunk, mut size, mut hash) = (vec![0; CHUNK], 0, openssl::sha::Sha256::new());
        loop {
            stopped(stop)?;
            match archive.read(&mut chunk)? {
                0 => return Ok((size, hex::encode(hash.finish()))),
                length => {
                    let data = chunk.get(..length).unwrap_or_default();
                    hash.update(data);
                    file.write_all(data)?;
                    size += length as u64;
                }
            }
        }
    }
    Err(damaged("the set on tape has no database in it"))
}

/// The error of a copy that is not what it was when it was written.
pub fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unprocessable, "database_backup_damaged", message)
}

/// The checksum of a set that has this copy as its only file, as [`crate::catalog`] writes it.
pub fn set_checksum(sha256: &str) -> String {
    hex::encode(openssl::sha::sha256(format!("{sha256}  {MEMBER}\n").as_bytes()))
}
