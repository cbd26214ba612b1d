//! What this version did not write: archives of other programs, and of version 1.

use super::Look;
use crate::cli::recover::holdings::Archive;
use tape_drive::{Position, TapeDrive};
use tape_format::part::FileKind;
use tape_format::salvage::FoundPart;
use tape_format::{FormatError, Result, v1};

impl Look<'_> {
    /// Something that is neither a part nor a table.
    pub(super) fn foreign(&mut self, part: &FoundPart) {
        match part.kind {
            FileKind::Tar | FileKind::Zstd | FileKind::Gzip => self.into.archives.push(Archive {
                tape: self.tape,
                tape_file: part.tape_file,
                first_block: part.first_block,
                title: "an archive of another program".into(),
                files: Vec::new(),
            }),
            _ => self.note(format!("nothing in tape file {} could be read as an archive", part.tape_file)),
        }
    }

    /// A data file of version 1, with what its table of contents lists.
    pub(super) fn v1(&mut self, part: &FoundPart, drive: &mut dyn TapeDrive) {
        let mut listed = Listed { title: "written by version 1".into(), files: Vec::new() };
        if let Some(toc) = part.toc_block {
            let read = drive.locate(Position::block(toc)).map_err(FormatError::Drive).and_then(|()| {
                let file = tape_format::part::FileReader::new(drive)?;
                v1::read_toc(file, &mut listed).map(drop)
            });
            if let Err(error) = read {
                self.note(format!("the table of contents behind tape file {}: {error}", part.tape_file));
            }
        }
        self.into.archives.push(Archive {
            tape: self.tape,
            tape_file: part.tape_file,
            first_block: part.first_block,
            title: listed.title,
            files: listed.files,
        });
    }
}

/// What a table of version 1 lists.
struct Listed {
    title: String,
    files: Vec<(String, u64, String)>,
}

impl v1::TocSink for Listed {
    fn set(&mut self, _: &v1::TocHead, set: &v1::TocSet) -> Result<()> {
        self.title = format!("job {}, {}, {}, written by version 1", set.job, set.kind, set.start);
        Ok(())
    }

    fn file(&mut self, file: v1::TocFile) -> Result<()> {
        self.files.push((file.path, u64::try_from(file.size).unwrap_or(0), file.checksum));
        Ok(())
    }
}
