//! A whole part as a tar stream, read in order; nothing but the key needs to be known.

use super::blocks::FileReader;
use crate::crypt::{Key, OpenReader, data_context};
use crate::toc::{MAX_WINDOW_LOG, ZSTD_MAGIC};
use crate::{FormatError, Result};
use std::io::{BufRead, BufReader, Read};
use tape_drive::TapeDrive;
use uuid::Uuid;

/// Bytes that are read ahead of decompression.
const AHEAD: usize = 1 << 20;

/// What opens an encrypted part.
pub struct PartKey<'a> {
    /// The key of the set.
    pub key: &'a Key,
    /// The set.
    pub set: Uuid,
    /// Number of the part.
    pub part: u32,
}

/// The decrypted, decompressed tar stream of a data file, its opening records included, from the tape's position to the
/// next filemark. How it is compressed is told by its first bytes.
pub struct PartStream<'a> {
    inner: Box<dyn Read + 'a>,
}

impl<'a> PartStream<'a> {
    /// Begins at the first block of a data file, where the tape must be. With `key` the file is decrypted.
    ///
    /// # Errors
    /// Those of the drive, and of decryption for the first segment.
    pub fn open(drive: &'a mut dyn TapeDrive, key: Option<PartKey>) -> Result<PartStream<'a>> {
        let blocks = FileReader::new(drive)?;
        match key {
            None => Self::decompress(blocks),
            Some(PartKey { key, set, part }) => {
                Self::decompress(OpenReader::new(key, &data_context(&set, part), blocks)?)
            }
        }
    }

    /// What `source` holds, decompressed if it begins as something compressed does.
    pub(crate) fn decompress(source: impl Read + 'a) -> Result<PartStream<'a>> {
        let mut source = BufReader::with_capacity(AHEAD, source);
        let start = source.fill_buf().map_err(FormatError::from_io)?;
        let inner: Box<dyn Read + 'a> = if start.starts_with(&ZSTD_MAGIC) {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
            decoder.window_log_max(MAX_WINDOW_LOG)?;
            Box::new(decoder)
        } else if start.starts_with(&[0x1f, 0x8b]) {
            Box::new(flate2::bufread::MultiGzDecoder::new(source))
        } else {
            Box::new(source)
        };
        Ok(PartStream { inner })
    }
}

impl Read for PartStream<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(out)
    }
}
