//! What is on a tape of which nothing is sure: data files and their tables of contents.

use crate::part::{FileKind, TapeFile, kind_of};
use crate::toc::{SealedHead, TocKind};
use crate::{FormatError, Label, Result};
use tape_drive::{DriveErrorKind, Position, ReadOutcome, TapeDrive};

/// Most tape files, and objects that cannot be passed, that a tape is believed to have.
const MAX_FILES: u64 = 1 << 24;
const MAX_UNREADABLE: u32 = 1 << 16;

/// A tape as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Its label, if it can be read.
    pub label: Option<Label>,
    /// Data files, each with its table of contents if there is one behind it.
    pub parts: Vec<FoundPart>,
    /// Every tape file, told by its first block.
    pub files: Vec<TapeFile>,
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPart {
    /// Number of the tape file it is, as filemarks are counted now.
    pub tape_file: u64,
    /// Logical object number of its first block. If the file is merged with the one before, because the filemark between
    /// them is lost, that of the merged file; the table of contents tells better.
    pub first_block: u64,
    /// What its first block looks like.
    pub kind: FileKind,
    /// Logical object number of the table of contents behind it.
    pub toc_block: Option<u64>,
    /// The readable head of that, if it is encrypted.
    pub sealed: Option<SealedHead>,
    /// It was written by version 1 of the program: [`v1`](crate::v1) reads it.
    pub v1: bool,
}

/// Goes over the whole tape, file by file. Reads one block of each file or two, and moves on where one cannot be read.
///
/// # Errors
/// [`FormatError::Drive`] if the tape cannot be moved.
pub fn survey(drive: &mut dyn TapeDrive) -> Result<Survey> {
    let files = walk(drive)?;
    let mut survey = Survey::default();
    for file in &files {
        let part = |file: &TapeFile| FoundPart {
            tape_file: file.number,
            first_block: file.first_block,
            kind: file.kind.clone(),
            toc_block: None,
            sealed: None,
            v1: matches!(file.kind, FileKind::SealedV1(_)),
        };
        match &file.kind {
            FileKind::Label(label) => survey.label = survey.label.take().or_else(|| Some(label.clone())),
            FileKind::Empty => {}
            FileKind::Toc(kind) => {
                let head = if let TocKind::Sealed(head) = kind { Some(head.clone()) } else { None };
                match survey.parts.last_mut().filter(|last| last.toc_block.is_none()) {
                    Some(last) => (last.toc_block, last.sealed) = (Some(file.first_block), head),
                    // Its data is in the file before, without a filemark between, or was not recognised.
                    None => survey.parts.push(FoundPart {
                        toc_block: Some(file.first_block),
                        sealed: head,
                        kind: FileKind::Unknown,
                        ..part(file)
                    }),
                }
            }
            FileKind::TocV1 => {
                if let Some(last) = survey.parts.last_mut().filter(|last| last.toc_block.is_none()) {
                    (last.toc_block, last.v1) = (Some(file.first_block), true);
                }
            }
            FileKind::Tar
            | FileKind::SealedV1(_)
            | FileKind::Zstd
            | FileKind::Gzip
            | FileKind::Sealed
            | FileKind::Unreadable(_)
            | FileKind::Unknown => survey.parts.push(part(file)),
        }
    }
    survey.files = files;
    Ok(survey)
}

fn walk(drive: &mut dyn TapeDrive) -> Result<Vec<TapeFile>> {
    let largest = usize::try_from(drive.block_limits()?.max).map_or(1 << 24, |max| max.min(1 << 24));
    let mut buffer = vec![0; largest];
    let mut files = Vec::new();
    drive.rewind()?;
    let mut number = 0;
    while number < MAX_FILES {
        let first_block = drive.position()?.at.block;
        let (kind, passed) = match read(drive, &mut buffer)? {
            Read::Block(length) => (kind_of(buffer.get(..length).unwrap_or_default(), number), false),
            Read::Filemark => (FileKind::Empty, true),
            Read::Unreadable(why) => (FileKind::Unreadable(why), false),
            Read::End => break,
        };
        let label = matches!(kind, FileKind::Label(_));
        // A blank stretch between filemarks is nothing; thousands of them are what zeros in an image look like.
        if kind != FileKind::Empty {
            files.push(TapeFile { number, first_block, kind });
        }
        if label && !at_filemark(drive, &mut buffer, first_block + 1)? {
            // The label's filemark is lost: what follows is a file of its own.
            continue;
        }
        if !passed && !label && !next_file(drive)? {
            break;
        }
        number += 1;
    }
    Ok(files)
}

enum Read {
    Block(usize),
    Filemark,
    Unreadable(String),
    End,
}

fn read(drive: &mut dyn TapeDrive, buffer: &mut [u8]) -> Result<Read> {
    match drive.read_block(buffer) {
        Ok(ReadOutcome::Block(length)) => Ok(Read::Block(length)),
        Ok(ReadOutcome::Filemark) => Ok(Read::Filemark),
        Ok(ReadOutcome::EndOfData) => Ok(Read::End),
        Err(error) => match error.kind {
            DriveErrorKind::BlankCheck => Ok(Read::End),
            DriveErrorKind::MediumError | DriveErrorKind::BlockTooLong { .. } | DriveErrorKind::Aborted => {
                Ok(Read::Unreadable(error.to_string()))
            }
            _ => Err(error.into()),
        },
    }
}

/// Whether object `at`, to which the tape has come, is a filemark, which is then passed. Else the tape is where something
/// else begins.
fn at_filemark(drive: &mut dyn TapeDrive, buffer: &mut [u8], at: u64) -> Result<bool> {
    let next = match read(drive, buffer)? {
        Read::Filemark | Read::End => return Ok(true),
        Read::Block(_) => at,
        Read::Unreadable(_) => at + 1,
    };
    match drive.locate(Position::block(next)) {
        Ok(()) => Ok(false),
        Err(error) if error.kind == DriveErrorKind::BlankCheck => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Goes behind the next filemark; `false` if there is none.
fn next_file(drive: &mut dyn TapeDrive) -> Result<bool> {
    let mut unreadable = 0;
    loop {
        match drive.space_filemarks(1) {
            Ok(()) => return Ok(true),
            // The last file has no filemark behind it: a write that was interrupted.
            Err(error) if error.kind == DriveErrorKind::BlankCheck => return Ok(false),
            Err(error) if error.kind == DriveErrorKind::MediumError && unreadable < MAX_UNREADABLE => {
                unreadable += 1;
                let next = drive.position()?.at.block + 1;
                match drive.locate(Position::block(next)) {
                    Ok(()) => {}
                    Err(error) if error.kind == DriveErrorKind::BlankCheck => return Ok(false),
                    Err(error) => return Err(FormatError::Drive(error)),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}
