//! A tape that is only read and needs no drive: an image file, or files that somebody copied off a tape with `dd`.

use super::image::{Image, ImageAccess, ImageRead};
use super::sealed::{Sealed, Unopened};
use crate::drive::*;
use crate::{
    Capabilities, DriveError, DriveErrorKind, DriveHealth, DriveKey, EncryptionState, NextBlock, Operation, Position,
    Result, TapePosition, VolumeHealth,
};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tape_scsi::{Attribute, TapeAlert};

/// Largest block: what READ BLOCK LIMITS can say.
const MAX_BLOCK_BYTES: u32 = (1 << 24) - 1;
/// Copies of tape files are given in blocks of so many bytes: nobody knows what they had on tape.
pub const COPY_BLOCK_BYTES: u32 = 256 << 10;

/// What the tape is made of.
#[derive(Debug)]
enum Content {
    Image(Image),
    Copies(Vec<Copied>),
}

/// A tape file as an ordinary file; behind each there is a filemark.
#[derive(Debug)]
struct Copied {
    file: File,
    bytes: u64,
    /// Number of its first block, and of its filemark.
    first: u64,
    filemark: u64,
}

/// Reads a tape from files. Every command that would write is refused.
#[derive(Debug)]
pub struct TapeCopy {
    identity: DriveIdentity,
    content: Content,
    position: u64,
}

impl TapeCopy {
    /// The tape in an image (SIMH magtape format, `.tap`), which is not changed.
    ///
    /// Errors: `Io` if it cannot be read.
    pub fn of_image(path: &Path) -> Result<TapeCopy> {
        let image = Image::open(path, ImageAccess::Read).map_err(|error| cannot_open(path, &error))?;
        Ok(TapeCopy { identity: identity(path), content: Content::Image(image), position: 0 })
    }

    /// A tape whose files are these, in this order.
    ///
    /// Errors: `Io` if one cannot be opened.
    pub fn of_files<P: AsRef<Path>>(paths: &[P]) -> Result<TapeCopy> {
        let mut copies = Vec::with_capacity(paths.len());
        let mut first = 0;
        for path in paths.iter().map(AsRef::as_ref) {
            let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
            let (metadata, file) = opened.map_err(|error| cannot_open(path, &error))?;
            if !metadata.is_file() {
                let message = format!("{} is not an ordinary file", path.display());
                return Err(DriveError::new(DriveErrorKind::Unsupported, Operation::Open, message));
            }
            let filemark = first + metadata.len().div_ceil(u64::from(COPY_BLOCK_BYTES));
            copies.push(Copied { file, bytes: metadata.len(), first, filemark });
            first = filemark + 1;
        }
        let name = paths.first().map_or(Path::new(""), AsRef::as_ref);
        Ok(TapeCopy { identity: identity(name), content: Content::Copies(copies), position: 0 })
    }

    /// Whether a file begins as an image does: with the length of a block before and behind it.
    ///
    /// Errors: those of reading the file.
    pub fn is_image(path: &Path) -> io::Result<bool> {
        let file = File::open(path)?;
        let mut word = [0; 4];
        if file.read_exact_at(&mut word, 0).is_err() {
            return Ok(false);
        }
        let length = u32::from_le_bytes(word);
        if length == 0 || length > super::index::MAX_RECORD_BYTES {
            return Ok(false);
        }
        let mut tail = [0; 4];
        let at = super::index::stored_bytes(length) - 4;
        Ok(file.read_exact_at(&mut tail, at).is_ok() && tail == word)
    }

    fn end(&self) -> u64 {
        match &self.content {
            Content::Image(image) => image.objects(),
            Content::Copies(copies) => copies.last().map_or(0, |last| last.filemark + 1),
        }
    }

    fn filemark(&self, number: u64) -> Option<u64> {
        match &self.content {
            Content::Image(image) => image.index().filemark(number),
            Content::Copies(copies) => Some(copies.get(usize::try_from(number).ok()?)?.filemark),
        }
    }

    fn files_before(&self, object: u64) -> u64 {
        match &self.content {
            Content::Image(image) => image.index().files_before(object),
            Content::Copies(copies) => copies.partition_point(|copy| copy.filemark < object) as u64,
        }
    }

    fn read(&self, object: u64, buffer: &mut [u8]) -> io::Result<ImageRead> {
        let copies = match &self.content {
            Content::Image(image) => return image.read(object, buffer),
            Content::Copies(copies) => copies,
        };
        let Some(copy) = copies.get(copies.partition_point(|copy| copy.filemark < object)) else {
            return Ok(ImageRead::EndOfData);
        };
        if object == copy.filemark {
            return Ok(ImageRead::Filemark);
        }
        let at = (object - copy.first) * u64::from(COPY_BLOCK_BYTES);
        let length = copy.bytes.saturating_sub(at).min(u64::from(COPY_BLOCK_BYTES));
        let Some(target) = buffer.get_mut(..length as usize) else { return Ok(ImageRead::TooLong(length)) };
        match copy.file.read_exact_at(target, at) {
            Ok(()) => Ok(ImageRead::Block(length as usize)),
            // A disk that cannot read it is as bad as a tape that cannot.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Ok(ImageRead::Damaged),
            Err(error) => Err(error),
        }
    }

    /// The block that was read, which a drive may have encrypted.
    fn opened(&mut self, buffer: &mut [u8], length: usize) -> Result<ReadOutcome> {
        let stored = buffer.get(..length).unwrap_or_default();
        let Some(sealed) = Sealed::parse(stored).filter(|_| matches!(self.content, Content::Image(_))) else {
            return Ok(ReadOutcome::Block(length));
        };
        let at = Position::block(self.position - 1);
        let block = sealed.open(stored, None).map_err(|reason| {
            // A tape stays before a block without its key, and passes one that it cannot read.
            self.position -= u64::from(reason != Unopened::Damaged);
            super::encrypting::sealed_error(reason, at)
        })?;
        // It has more bytes than were stored if it was compressed.
        let Some(target) = buffer.get_mut(..block.len()) else {
            return super::encrypting::too_long(block.len() as u64, buffer.len(), at);
        };
        target.copy_from_slice(&block);
        Ok(ReadOutcome::Block(block.len()))
    }

    fn at(&self) -> Position {
        Position::block(self.position)
    }

    fn beyond(&self, operation: Operation, message: &str) -> DriveError {
        DriveError::new(DriveErrorKind::BlankCheck, operation, message).at(self.at())
    }
}

fn identity(path: &Path) -> DriveIdentity {
    DriveIdentity {
        vendor: "TAPEBKR".into(),
        product: "TAPE COPY".into(),
        revision: env!("CARGO_PKG_VERSION").into(),
        serial: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> DriveError {
    DriveError::new(DriveErrorKind::Io, Operation::Open, format!("{}: {error}", path.display()))
}

fn refused(operation: Operation) -> DriveError {
    DriveError::new(DriveErrorKind::WriteProtected, operation, "a copy of a tape is only read")
}

impl TapeDrive for TapeCopy {
    fn identity(&self) -> &DriveIdentity {
        &self.identity
    }

    fn block_limits(&mut self) -> Result<BlockLimits> {
        Ok(BlockLimits { min: 1, max: MAX_BLOCK_BYTES })
    }

    fn status(&mut self) -> Result<DriveStatus> {
        Ok(DriveStatus { state: DriveState::Ready, write_protected: true })
    }

    fn load(&mut self) -> Result<()> {
        self.rewind()
    }

    fn unload(&mut self) -> Result<()> {
        self.rewind()
    }

    fn rewind(&mut self) -> Result<()> {
        self.position = 0;
        Ok(())
    }

    fn write_block(&mut self, _block: &[u8]) -> Result<WriteOutcome> {
        Err(refused(Operation::Write))
    }

    fn write_filemarks(&mut self, count: u32, _sync: FilemarkSync) -> Result<WriteOutcome> {
        if count == 0 { Ok(WriteOutcome::Written) } else { Err(refused(Operation::WriteFilemarks)) }
    }

    fn read_block(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        let at = self.at();
        let failed = |kind, message: String| Err(DriveError::new(kind, Operation::Read, message).at(at));
        let read = self.read(self.position, buffer).map_err(|error| {
            DriveError::new(DriveErrorKind::Io, Operation::Read, format!("{}: {error}", self.identity.serial)).at(at)
        })?;
        if read != ImageRead::EndOfData {
            self.position += 1;
        }
        match read {
            ImageRead::Block(length) => self.opened(buffer, length),
            ImageRead::Filemark => Ok(ReadOutcome::Filemark),
            ImageRead::EndOfData => Ok(ReadOutcome::EndOfData),
            ImageRead::Damaged => failed(DriveErrorKind::MediumError, "it is damaged".into()),
            ImageRead::TooLong(actual) => failed(
                DriveErrorKind::BlockTooLong { actual: Some(actual) },
                format!("the block has {actual} bytes, the buffer {}", buffer.len()),
            ),
        }
    }

    fn locate(&mut self, to: Position) -> Result<()> {
        self.position = to.block.min(self.end());
        if to.block > self.position || to.partition != 0 {
            return Err(self.beyond(Operation::Locate, &format!("{to} lies behind the end of data")));
        }
        Ok(())
    }

    fn space_filemarks(&mut self, count: i64) -> Result<()> {
        let before = self.files_before(self.position);
        let target = match count {
            0 => return Ok(()),
            1.. => before.checked_add(count.unsigned_abs() - 1).and_then(|number| self.filemark(number)),
            _ => before.checked_sub(count.unsigned_abs()).and_then(|number| self.filemark(number)),
        };
        match (target, count > 0) {
            (Some(filemark), forwards) => self.position = filemark + u64::from(forwards),
            (None, true) => {
                self.position = self.end();
                return Err(self.beyond(Operation::Space, "the end of data came before the last filemark asked for"));
            }
            (None, false) => {
                self.position = 0;
                return Err(self.beyond(Operation::Space, "the beginning came before the last filemark asked for"));
            }
        }
        Ok(())
    }

    fn space_to_end_of_data(&mut self) -> Result<()> {
        self.position = self.end();
        Ok(())
    }

    fn position(&mut self) -> Result<TapePosition> {
        let file = Some(self.files_before(self.position));
        Ok(TapePosition { at: self.at(), file, beginning: self.position == 0, end_zone: false })
    }

    fn medium(&mut self) -> Result<Medium> {
        let format = crate::lto::Generation::LTO9.format();
        Ok(Medium {
            kind: MediumKind::Data,
            density: format.density,
            capacity_bytes: format.capacity_bytes,
            remaining_bytes: None,
            write_protected: true,
            serial: None,
            barcode: None,
        })
    }

    fn read_attribute(&mut self, _id: u16) -> Result<Option<Attribute>> {
        Ok(None)
    }

    fn write_attribute(&mut self, _attribute: &Attribute) -> Result<()> {
        Err(refused(Operation::WriteAttribute))
    }

    fn alerts(&mut self) -> Result<Vec<TapeAlert>> {
        Ok(Vec::new())
    }

    fn health(&mut self) -> Result<DriveHealth> {
        Ok(DriveHealth::default())
    }

    fn set_compression(&mut self, _compression: Compression) -> Result<()> {
        Ok(())
    }

    fn set_programmable_early_warning(&mut self, _bytes: u64) -> Result<()> {
        Ok(())
    }

    fn set_removal(&mut self, _removal: Removal) -> Result<()> {
        Ok(())
    }

    fn volume_health(&mut self) -> Result<VolumeHealth> {
        Ok(VolumeHealth::default())
    }

    fn capabilities(&mut self) -> Result<Capabilities> {
        Ok(Capabilities::default())
    }

    fn encryption(&mut self) -> Result<EncryptionState> {
        Err(DriveError::cannot_encrypt())
    }

    fn set_encryption(&mut self, key: Option<&DriveKey>) -> Result<()> {
        if key.is_some() { Err(DriveError::cannot_encrypt()) } else { Ok(()) }
    }

    fn next_block(&mut self) -> Result<NextBlock> {
        Ok(NextBlock::Unknown)
    }

    fn retension(&mut self) -> Result<()> {
        self.rewind()
    }

    fn erase(&mut self) -> Result<()> {
        Err(refused(Operation::Erase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virt::files::Durability;

    fn next(tape: &mut TapeCopy) -> String {
        let mut buffer = vec![0; 1 << 20];
        match tape.read_block(&mut buffer) {
            Ok(ReadOutcome::Block(length)) => format!("{length}"),
            Ok(ReadOutcome::Filemark) => "FM".into(),
            Ok(ReadOutcome::EndOfData) => "end".into(),
            Err(error) => format!("{:?}", error.kind),
        }
    }

    fn walk(tape: &mut TapeCopy) {
        assert_eq!(tape.position().unwrap().file, Some(0));
        tape.space_filemarks(1).unwrap();
        assert_eq!(tape.position().unwrap().file, Some(1));
        let first = tape.position().unwrap().at;
        tape.space_filemarks(1).unwrap();
        assert_eq!(tape.space_filemarks(1).unwrap_err().kind, DriveErrorKind::BlankCheck);
        assert_eq!(next(tape), "end");
        tape.space_filemarks(-2).unwrap();
        assert_eq!(next(tape), "FM");
        assert_eq!(tape.position().unwrap().at, first);
        assert_eq!(tape.space_filemarks(-3).unwrap_err().kind, DriveErrorKind::BlankCheck);
        assert!(tape.position().unwrap().beginning);
        assert_eq!(tape.locate(Position::block(99)).unwrap_err().kind, DriveErrorKind::BlankCheck);
        tape.locate(first).unwrap();
        assert_eq!(tape.position().unwrap().at, first);
        assert_eq!(tape.write_block(b"x").unwrap_err().kind, DriveErrorKind::WriteProtected);
        assert_eq!(tape.erase().unwrap_err().kind, DriveErrorKind::WriteProtected);
        tape.rewind().unwrap();
    }

    #[test]
    fn an_image_is_read_like_a_tape() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tap");
        Image::create(&path).unwrap();
        let mut image = Image::open(&path, ImageAccess::ReadWrite).unwrap();
        image.append_block(b"label").unwrap();
        image.append_filemarks(1).unwrap();
        image.append_block(&[1; 700]).unwrap();
        image.append_block(&[2; 30]).unwrap();
        image.append_filemarks(1).unwrap();
        image.settle(Durability::Cache).unwrap();
        assert!(TapeCopy::is_image(&path).unwrap());
        let mut tape = TapeCopy::of_image(&path).unwrap();
        walk(&mut tape);
        let all: Vec<String> = (0..6).map(|_| next(&mut tape)).collect();
        assert_eq!(all, ["5", "FM", "700", "30", "FM", "end"]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] = 6;
        std::fs::write(&path, bytes).unwrap();
        tape.rewind().unwrap();
        assert_eq!((next(&mut tape), next(&mut tape)), ("MediumError".into(), "FM".into()));
    }

    #[test]
    fn copied_files_are_read_like_a_tape() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [dir.path().join("a"), dir.path().join("b")];
        std::fs::write(&paths[0], vec![7; COPY_BLOCK_BYTES as usize + 1]).unwrap();
        std::fs::write(&paths[1], b"hello").unwrap();
        assert!(!TapeCopy::is_image(&paths[0]).unwrap());
        let mut tape = TapeCopy::of_files(&paths).unwrap();
        walk(&mut tape);
        let all: Vec<String> = (0..6).map(|_| next(&mut tape)).collect();
        assert_eq!(all, ["262144", "1", "FM", "5", "FM", "end"]);
        assert_eq!(TapeCopy::of_files(&[dir.path()]).unwrap_err().kind, DriveErrorKind::Unsupported);
        assert_eq!(TapeCopy::of_image(&dir.path().join("none")).unwrap_err().kind, DriveErrorKind::Io);
    }
}
