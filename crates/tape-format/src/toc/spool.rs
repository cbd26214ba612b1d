//! Where a table of contents grows while its part is written.
//!
//! Members become JSON at once and go, compressed, to an unlinked temporary file. The head is known only at the end, but
//! comes first: it is a zstd frame of its own, so that head and members together are a valid stream without being
//! compressed again.

use super::{TocHead, Totals, json};
use crate::part::DeletedPaths;
use crate::{FormatError, MemberKind, MemberRecord, Result};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use tempfile::SpooledTempFile;

/// A table longer than this is stored compressed.
pub const COMPRESS_ABOVE: u64 = 16 << 20;
/// Up to this size nothing goes to disk.
const IN_MEMORY: usize = 1 << 20;
/// What may still be in the compressor's hands, when its output is counted.
const IN_FLIGHT: u64 = 256 << 10;

/// The members of a table of contents that is being made.
pub struct Spool {
    body: Compressed,
    line: Vec<u8>,
    totals: Totals,
    deleted: u64,
}

impl Spool {
    /// An empty one, whose temporary file is in `dir`.
    ///
    /// # Errors
    /// [`FormatError::Io`] if there can be no file.
    pub fn new(dir: &Path) -> Result<Spool> {
        Ok(Spool { body: Compressed::new(dir)?, line: Vec::new(), totals: Totals::default(), deleted: 0 })
    }

    /// Adds a member.
    ///
    /// # Errors
    /// [`FormatError::Io`] if the temporary file cannot be written.
    pub fn add(&mut self, record: &MemberRecord) -> Result<()> {
        self.line.clear();
        self.line.extend_from_slice(if self.totals.members == 0 { b"\n" } else { b",\n" });
        json::member(record, &mut self.line);
        self.body.write(&self.line)?;
        let file = record.kind == MemberKind::File;
        let one = Totals { members: 1, files: u64::from(file), bytes: if file { record.size } else { 0 } };
        self.totals = self.totals + one;
        Ok(())
    }

    /// What was added.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Paths recorded as deleted.
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Bytes that the table will need on tape if it were ended now, with a head of `frames` frames and `earlier` sets:
    /// rather too many than too few.
    pub fn estimate(&self, frames: usize, earlier: usize) -> u64 {
        let head = 8192 + frames as u64 * 44 + earlier as u64 * 600;
        let plain = self.body.raw + head;
        let compressed = self.body.written() + IN_FLIGHT + head / 2;
        let stored = if plain > COMPRESS_ABOVE { plain.min(compressed) } else { plain };
        // Encryption adds its head, and 16 bytes to the MiB.
        stored + stored / 32768 + 3 * super::RECORD as u64
    }

    /// Ends the list of members, adds the deleted paths and the head.
    ///
    /// # Errors
    /// [`FormatError::Io`] if the temporary file fails, and those of `deleted`.
    pub fn finish(mut self, dir: &Path, head: &TocHead, deleted: Option<&dyn DeletedPaths>) -> Result<FinishedToc> {
        self.body.write(b"\n],\n\"deleted\":[")?;
        if let Some(paths) = deleted {
            let (body, line, count) = (&mut self.body, &mut self.line, &mut self.deleted);
            paths.for_each(&mut |path| {
                line.clear();
                line.extend_from_slice(if *count == 0 { b"\n" } else { b",\n" });
                json::path(path, line);
                *count += 1;
                body.write(line)
            })?;
        }
        self.body.write(b"\n]}\n")?;
        let mut start = Compressed::new(dir)?;
        json::head(head, &mut |bytes| start.write(bytes))?;
        let raw = start.raw + self.body.raw;
        let (head, body) = (start.finish()?, self.body.finish()?);
        let packed = head.1 + body.1;
        Ok(FinishedToc { head: head.0, body: body.0, raw, packed, deleted: self.deleted })
    }
}

/// A complete table of contents, ready to be written.
pub struct FinishedToc {
    head: SpooledTempFile,
    body: SpooledTempFile,
    raw: u64,
    packed: u64,
    deleted: u64,
}

impl FinishedToc {
    /// Whether it is stored as zstd.
    pub fn compressed(&self) -> bool {
        self.raw > COMPRESS_ABOVE
    }

    /// Its length as it is stored, before encryption and padding.
    pub fn length(&self) -> u64 {
        if self.compressed() { self.packed } else { self.raw }
    }

    /// Paths recorded as deleted.
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Its bytes as they are stored, before encryption and padding.
    ///
    /// # Errors
    /// [`FormatError::Io`] if the temporary files cannot be read.
    pub fn reader(&mut self) -> Result<Box<dyn Read + '_>> {
        let compressed = self.compressed();
        self.head.seek(SeekFrom::Start(0))?;
        self.body.seek(SeekFrom::Start(0))?;
        let both = (&mut self.head).chain(&mut self.body);
        Ok(if compressed { Box::new(both) } else { Box::new(zstd::stream::read::Decoder::new(both)?) })
    }
}

/// A temporary file behind a compressor, both counted.
struct Compressed {
    encoder: zstd::stream::write::Encoder<'static, Counted>,
    raw: u64,
}

struct Counted {
    file: SpooledTempFile,
    written: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.written += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Compressed {
    fn new(dir: &Path) -> Result<Compressed> {
        let file = tempfile::spooled_tempfile_in(IN_MEMORY, dir);
        let mut encoder = zstd::stream::write::Encoder::new(Counted { file, written: 0 }, 1)?;
        encoder.include_checksum(true)?;
        Ok(Compressed { encoder, raw: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.raw += bytes.len() as u64;
        self.encoder.write_all(bytes).map_err(spool_failed)
    }

    fn written(&self) -> u64 {
        self.encoder.get_ref().written
    }

    fn finish(self) -> Result<(SpooledTempFile, u64)> {
        let counted = self.encoder.finish().map_err(spool_failed)?;
        Ok((counted.file, counted.written))
    }
}

fn spool_failed(error: std::io::Error) -> FormatError {
    let text = format!("the temporary file of the table of contents cannot be written ({error}); make room there");
    FormatError::Io(std::io::Error::new(error.kind(), text))
}
