//! The data of a tape of version 1 as a tar stream, whatever is around it.

use super::{CHUNKS, ChunkReader, SALTED, SaltedReader};
use crate::crypt::Key;
use crate::part::{FileReader, PartStream};
use crate::toc::ZSTD_MAGIC;
use crate::{FormatError, Result};
use std::io::{BufRead, BufReader, Read};
use tape_drive::TapeDrive;

/// Bytes that are read ahead.
const AHEAD: usize = 1 << 20;
/// Bytes with which tar can be told from nonsense.
const ENOUGH: usize = 512;

/// How version 1 encrypted a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// As `openssl enc` does.
    Salted,
    /// In chunks of AES-256-GCM.
    Chunks,
}

impl Sealing {
    /// By the first bytes of the file; `None` if it is not encrypted.
    pub fn of(start: &[u8]) -> Option<Sealing> {
        if start.starts_with(SALTED) {
            Some(Sealing::Salted)
        } else if start.starts_with(CHUNKS) {
            Some(Sealing::Chunks)
        } else {
            None
        }
    }
}

/// The tar stream of the data file at whose first block the tape is, decrypted and decompressed.
///
/// # Errors
/// [`FormatError::KeyNeeded`] if it is encrypted and there is no key, [`FormatError::WrongKey`] if the key does not open it,
/// and those of the drive.
pub fn open<'a>(drive: &'a mut dyn TapeDrive, key: Option<&Key>) -> Result<PartStream<'a>> {
    let mut source = BufReader::with_capacity(AHEAD, FileReader::new(drive)?);
    let start = source.fill_buf().map_err(FormatError::from_io)?;
    match (Sealing::of(start), key) {
        (None, _) => PartStream::decompress(source),
        (Some(_), None) => Err(FormatError::KeyNeeded { fingerprint: "that version 1 used for it".into() }),
        (Some(Sealing::Chunks), Some(key)) => PartStream::decompress(ChunkReader::new(key, source)?),
        (Some(Sealing::Salted), Some(key)) => {
            let mut source = BufReader::with_capacity(AHEAD, SaltedReader::new(key, source)?);
            let start = source.fill_buf().map_err(FormatError::from_io)?;
            if !is_archive(start) {
                return Err(wrong(key));
            }
            PartStream::decompress(source)
        }
    }
}

/// Whether `key` opens the data file that begins with `start`: a little more than 1 MiB of it, which is a whole chunk in the
/// format that has chunks.
pub fn opens(key: &Key, start: &[u8]) -> bool {
    match Sealing::of(start) {
        None => false,
        Some(Sealing::Chunks) => {
            let mut first = [0];
            ChunkReader::new(key, start).is_ok_and(|mut reader| reader.read(&mut first).is_ok_and(|length| length > 0))
        }
        Some(Sealing::Salted) => {
            let mut plain = Vec::with_capacity(ENOUGH);
            let Ok(reader) = SaltedReader::new(key, start) else { return false };
            // the block may end within the stream, which is an error behind what is looked at here
            let _ = reader.take(ENOUGH as u64).read_to_end(&mut plain);
            is_archive(&plain)
        }
    }
}

/// Whether this is how tar begins, or what compresses it.
fn is_archive(start: &[u8]) -> bool {
    let empty = start.get(..ENOUGH).is_some_and(|block| block.iter().all(|byte| *byte == 0));
    start.get(257..262) == Some(b"ustar") || start.starts_with(&ZSTD_MAGIC) || start.starts_with(&[0x1f, 0x8b]) || empty
}

fn wrong(key: &Key) -> FormatError {
    FormatError::WrongKey { wanted: "that version 1 used for it".into(), given: key.fingerprint() }
}
