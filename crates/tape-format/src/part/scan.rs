//! What is on a tape of which nothing is known: each tape file, told by its first block.

use super::blocks::FileReader;
use crate::crypt::{HEADER_SIZE, Keys};
use crate::toc::{self, TocHead, TocKind, TocSink, ZSTD_MAGIC};
use crate::{FormatError, Label, Result, v1};
use std::io::Read;
use tape_drive::{DriveErrorKind, Position, ReadOutcome, TapeDrive};

/// Most blocks and filemarks that a tape is believed to have, so that a lying drive cannot keep a scan going for ever.
const MAX_FILES: u64 = 1 << 24;

/// What a tape file begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// The label of a tape.
    Label(Label),
    /// A table of contents of this program.
    Toc(TocKind),
    /// A table of contents of version 1 of the program.
    TocV1,
    /// Encrypted by version 1 of the program.
    SealedV1(v1::Sealing),
    /// tar, not compressed.
    Tar,
    /// zstd.
    Zstd,
    /// gzip.
    Gzip,
    /// Perhaps an encrypted part; its table of contents tells.
    Sealed,
    /// Nothing between two filemarks.
    Empty,
    /// A first block that cannot be read, and why.
    Unreadable(String),
    /// Something else.
    Unknown,
}

/// One file of a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeFile {
    /// Its number, from 0.
    pub number: u64,
    /// Logical object number of its first block.
    pub first_block: u64,
    /// What it is.
    pub kind: FileKind,
}

/// Reads the label of the tape in the drive, which is rewound.
///
/// # Errors
/// [`FormatError::NotALabel`] if the tape begins with something else, also if it is blank; [`FormatError::Drive`] if it
/// cannot be read: that does not mean that it is blank.
pub fn read_label(drive: &mut dyn TapeDrive) -> Result<Label> {
    drive.rewind()?;
    let mut reader = FirstBlock::new(drive)?;
    match reader.read(drive)? {
        Some(block) => Label::decode(block),
        None => Err(FormatError::NotALabel("the tape is blank, or begins with a filemark".into())),
    }
}

/// Goes over the whole tape, file by file, and tells `visit` what each begins with. Reads one block of each file.
///
/// # Errors
/// [`FormatError::Drive`] if the tape cannot be moved, and those of `visit`. A block that cannot be read is no error.
pub fn scan(drive: &mut dyn TapeDrive, visit: &mut dyn FnMut(TapeFile) -> Result<()>) -> Result<()> {
    struct Tell<'v>(&'v mut dyn FnMut(TapeFile) -> Result<()>);
    impl Visitor for Tell<'_> {
        fn file(&mut self, file: &TapeFile, _: &[u8], _: &mut dyn TapeDrive) -> Result<After> {
            (self.0)(file.clone()).map(|()| After::Untouched)
        }
    }
    scan_reading(drive, None, &mut Tell(visit)).map(drop)
}

/// Looks at the files of a tape, one after the other.
pub trait Visitor {
    /// A file, and the first block of it (empty if there is none that can be read). The tape is behind that block.
    ///
    /// # Errors
    /// Whatever shall end the scan.
    fn file(&mut self, file: &TapeFile, first_block: &[u8], drive: &mut dyn TapeDrive) -> Result<After>;
}

/// Where a [`Visitor`] leaves the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Where it was: behind the file's first block.
    Untouched,
    /// Behind the file's filemark.
    BehindFile,
    /// Somewhere.
    Elsewhere,
}

/// Where a tape ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapeEnd {
    /// Tape files before the end of data, the last one included if it has no filemark.
    pub files: u64,
    /// Logical object number of the end of data.
    pub block: u64,
    /// Whether the last file has no filemark: a write that was interrupted.
    pub open: bool,
}

/// Goes over the tape file by file, from its beginning or from the beginning of file `from` (its number and the logical
/// object number of its first block), and lends `visitor` the drive.
///
/// # Errors
/// [`FormatError::Drive`] if the tape cannot be moved, and those of `visitor`. A first block that cannot be read is none.
pub fn scan_reading(drive: &mut dyn TapeDrive, from: Option<(u64, u64)>, visitor: &mut dyn Visitor) -> Result<TapeEnd> {
    let first = match from {
        Some((number, block)) => {
            drive.locate(Position::block(block))?;
            number
        }
        None => {
            drive.rewind()?;
            0
        }
    };
    let mut reader = FirstBlock::new(drive)?;
    for number in first..MAX_FILES {
        let first_block = drive.position()?.at.block;
        let end = TapeEnd { files: number, block: first_block, open: false };
        let mut length = 0;
        let (kind, passed) = match drive.read_block(&mut reader.buffer) {
            Ok(ReadOutcome::EndOfData) => return Ok(end),
            Ok(ReadOutcome::Filemark) => (FileKind::Empty, true),
            Ok(ReadOutcome::Block(read)) => {
                length = read;
                (kind_of(reader.buffer.get(..length).unwrap_or(&[]), number), false)
            }
            Err(error) if error.kind == DriveErrorKind::BlankCheck => return Ok(end),
            Err(error) if error.kind == DriveErrorKind::MediumError => (FileKind::Unreadable(error.to_string()), false),
            Err(error) => return Err(error.into()),
        };
        let file = TapeFile { number, first_block, kind };
        let after = visitor.file(&file, reader.buffer.get(..length).unwrap_or(&[]), drive)?;
        if after == After::Elsewhere {
            drive.locate(Position::block(first_block))?;
        }
        if after != After::BehindFile && (!passed || after == After::Elsewhere) {
            match drive.space_filemarks(1) {
                Ok(()) => {}
                Err(error) if error.kind == DriveErrorKind::BlankCheck => {
                    return Ok(TapeEnd { files: number + 1, block: drive.position()?.at.block, open: true });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(TapeEnd { files: MAX_FILES, block: drive.position()?.at.block, open: false })
}

/// Goes to the tape file `number`, which begins at `block`, and lends `visitor` the drive as [`scan_reading`] does.
///
/// # Errors
/// [`FormatError::Drive`] if the tape cannot be moved, and those of `visitor`. A first block that cannot be read is none.
pub fn visit(drive: &mut dyn TapeDrive, number: u64, block: u64, visitor: &mut dyn Visitor) -> Result<After> {
    drive.locate(Position::block(block))?;
    let mut reader = FirstBlock::new(drive)?;
    let mut length = 0;
    let kind = match drive.read_block(&mut reader.buffer) {
        Ok(ReadOutcome::Block(read)) => {
            length = read;
            kind_of(reader.buffer.get(..length).unwrap_or(&[]), number)
        }
        Ok(ReadOutcome::Filemark | ReadOutcome::EndOfData) => FileKind::Empty,
        Err(error) if error.kind == DriveErrorKind::BlankCheck => FileKind::Empty,
        Err(error) if error.kind == DriveErrorKind::MediumError => FileKind::Unreadable(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let file = TapeFile { number, first_block: block, kind };
    visitor.file(&file, reader.buffer.get(..length).unwrap_or(&[]), drive)
}

/// What the tape file begins with at whose first block the tape is; `None` at a filemark or the end of data.
///
/// # Errors
/// [`FormatError::Drive`] if it cannot be read.
pub fn first_block_kind(drive: &mut dyn TapeDrive) -> Result<Option<FileKind>> {
    let mut reader = FirstBlock::new(drive)?;
    Ok(reader.read(drive)?.map(|block| kind_of(block, u64::MAX)))
}

/// Reads the table of contents that begins at `block`, and leaves the tape behind its filemark. Returns its head and the
/// logical object number there.
///
/// # Errors
/// Those of [`toc::read`] and of the drive.
pub fn read_toc(
    drive: &mut dyn TapeDrive,
    block: u64,
    keys: &dyn Keys,
    sink: &mut dyn TocSink,
) -> Result<(TocHead, u64)> {
    drive.locate(Position::block(block))?;
    read_rest_of_toc(&[], drive, keys, sink)
}

/// The same for a table of contents of which the first block was read already: the tape is behind it.
///
/// # Errors
/// Those of [`toc::read`] and of the drive.
pub fn read_rest_of_toc(
    first_block: &[u8],
    drive: &mut dyn TapeDrive,
    keys: &dyn Keys,
    sink: &mut dyn TocSink,
) -> Result<(TocHead, u64)> {
    let mut file = FileReader::new(drive)?;
    let head = toc::read(first_block.chain(&mut file), keys, sink)?;
    std::io::copy(&mut file, &mut std::io::sink()).map_err(FormatError::from_io)?;
    let end = drive.position()?.at.block;
    Ok((head, end))
}

pub(crate) fn kind_of(block: &[u8], number: u64) -> FileKind {
    if number == 0
        && let Ok(label) = Label::decode(block)
    {
        return FileKind::Label(label);
    }
    if let Some(toc) = TocKind::of(block) {
        return FileKind::Toc(toc);
    }
    if v1::is_toc(block) {
        return FileKind::TocV1;
    }
    if let Some(sealing) = v1::Sealing::of(block) {
        return FileKind::SealedV1(sealing);
    }
    if block.get(257..262) == Some(b"ustar") {
        FileKind::Tar
    } else if block.starts_with(&ZSTD_MAGIC) {
        FileKind::Zstd
    } else if block.starts_with(&[0x1f, 0x8b]) {
        FileKind::Gzip
    } else if block.first() == Some(&(HEADER_SIZE as u8)) {
        FileKind::Sealed
    } else {
        FileKind::Unknown
    }
}

/// A buffer for whatever block comes.
struct FirstBlock {
    buffer: Vec<u8>,
}

impl FirstBlock {
    fn new(drive: &mut dyn TapeDrive) -> Result<FirstBlock> {
        let largest = drive.block_limits()?.max.min(1 << 24);
        Ok(FirstBlock { buffer: vec![0; largest as usize] })
    }

    fn read(&mut self, drive: &mut dyn TapeDrive) -> Result<Option<&[u8]>> {
        match drive.read_block(&mut self.buffer)? {
            ReadOutcome::Block(length) => Ok(self.buffer.get(..length)),
            ReadOutcome::Filemark | ReadOutcome::EndOfData => Ok(None),
        }
    }
}
