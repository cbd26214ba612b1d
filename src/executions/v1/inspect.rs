//! What is on a tape of version 1, for people.

use serde_json::{Value, json};
use tape_drive::{Position, TapeDrive};
use tape_format::part::{FileKind, FileReader, TapeFile};
use tape_format::v1::{GoMode, TocFile, TocHead, TocSet, TocSink, read_toc};
use tape_format::{FormatError, MemberKind, Result};

/// What was found.
#[derive(Default)]
pub struct Found {
    /// The sets, or where there is no table of contents the data files.
    pub sets: Vec<Value>,
    /// The first files.
    pub files: Vec<(MemberKind, u32, TocFile)>,
    most: usize,
}

/// Reads the tables of contents of version 1 among `files`; at most `most` files are kept. Nothing if the tape is not of
/// version 1.
pub fn read(drive: &mut dyn TapeDrive, files: &[TapeFile], most: usize) -> Result<Option<Found>> {
    let mut found = Found { most, ..Found::default() };
    let tocs: Vec<&TapeFile> = files.iter().filter(|file| file.kind == FileKind::TocV1).collect();
    for toc in &tocs {
        drive.locate(Position::block(toc.first_block))?;
        // enough files is an end, not a failure
        match read_toc(FileReader::new(drive)?, &mut found) {
            Ok(_) | Err(FormatError::Source(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let foreign = files.iter().any(|file| matches!(file.kind, FileKind::Toc(_)));
    if tocs.is_empty() && !foreign {
        found.sets.extend(files.iter().filter_map(without_table));
    }
    Ok((!foreign && !found.sets.is_empty()).then_some(found))
}

fn without_table(file: &TapeFile) -> Option<Value> {
    let (compression, encrypted) = match file.kind {
        FileKind::Tar => ("none", false),
        FileKind::Gzip => ("gzip", false),
        FileKind::Zstd => ("zstd", false),
        FileKind::SealedV1(_) => ("", true),
        _ => return None,
    };
    Some(json!({
        "version": 1, "tape_file": file.number, "encrypted": encrypted, "compression": compression,
        "message": "without a table of contents: import the tape, or read it raw",
    }))
}

impl TocSink for Found {
    fn set(&mut self, head: &TocHead, set: &TocSet) -> Result<()> {
        self.sets.push(json!({
            "version": 1, "tape_file": set.file_number, "job": set.job, "type": set.kind, "start": set.start,
            "encrypted": set.encrypted, "compression": set.compression, "files": set.file_count,
            "bytes": set.total_bytes, "part": head.sequence.max(1),
        }));
        Ok(())
    }

    fn file(&mut self, file: TocFile) -> Result<()> {
        if self.files.len() >= self.most {
            return Err(FormatError::Source("enough".into()));
        }
        let mode = GoMode::new(file.mode);
        self.files.push((mode.kind().unwrap_or(MemberKind::File), mode.permissions(), file));
        Ok(())
    }
}
