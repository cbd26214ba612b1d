//! A tape in a file: SIMH magtape format (`.tap`), with positions counted in objects.
//!
//! A block is its length (4 bytes, little-endian), its bytes, one pad byte if the length is odd, and its length again; a
//! filemark is four zero bytes. What is written goes to the file at once, by one system call and without being copied
//! first; [`Image::settle`] marks the point up to which it counts as being on the medium. [`Image::lose_unsettled`] takes
//! away what a drive would still have had in its buffer.

use super::index::{FILEMARK_BYTES, Index, MAX_RECORD_BYTES, Object};
use super::{files::Durability, sidecar};
use rustix::fs::Advice;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::path::{Path, PathBuf};

/// What the image may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageAccess {
    /// Reading only; the file is never changed.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageRead {
    /// A block of so many bytes is in the buffer.
    Block(usize),
    /// The block has so many bytes, more than the buffer; nothing was read.
    TooLong(u64),
    /// A filemark.
    Filemark,
    /// Something that cannot be read.
    Damaged,
    /// Nothing is recorded there.
    EndOfData,
}

/// An open image.
#[derive(Debug)]
pub struct Image {
    file: File,
    path: PathBuf,
    index: Index,
    /// Objects that a power cut would not take.
    settled: u64,
    /// The file beside the image no longer describes a part of it, or the image may be longer than its objects.
    stale: Stale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stale {
    /// Nothing was written since the image was opened.
    Untouched,
    /// Something was.
    Written,
}

impl Image {
    /// Creates an empty image. Fails if there already is a file.
    pub fn create(path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(())
    }

    /// Opens an image and learns where its objects are.
    pub fn open(path: &Path, access: ImageAccess) -> io::Result<Image> {
        let file = OpenOptions::new().read(true).write(access == ImageAccess::ReadWrite).open(path)?;
        let index = sidecar::load(&file, path)?;
        // Tapes are read forwards; a wrong guess costs only read-ahead, so failing to give the advice is no error.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        Ok(Image { file, path: path.to_owned(), settled: index.objects(), index, stale: Stale::Untouched })
    }

    /// Number of objects, which is the position of the end of data.
    pub fn objects(&self) -> u64 {
        self.index.objects()
    }

    /// Bytes the objects take in the file.
    pub fn bytes(&self) -> u64 {
        self.index.end()
    }

    /// Where everything is.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Objects that count as being on the medium.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Bytes of the file up to the object `object`, or to the end of data.
    pub fn bytes_before(&self, object: u64) -> u64 {
        self.index.get(object).map_or(self.index.end(), |(_, offset)| offset)
    }

    /// Makes `object` the end of data.
    pub fn truncate(&mut self, object: u64) -> io::Result<()> {
        if object < self.index.objects() {
            self.index.truncate(object);
            self.settled = self.settled.min(object);
            self.begin_writing()?;
            self.file.set_len(self.index.end())?;
        }
        Ok(())
    }

    /// Writes a block behind the last object. On an error it is not in the image.
    pub fn append_block(&mut self, block: &[u8]) -> io::Result<()> {
        let length = u32::try_from(block.len()).ok().filter(|&length| length <= MAX_RECORD_BYTES);
        let Some(length) = length.filter(|&length| length > 0) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a block has 1 to 268435455 bytes"));
        };
        self.begin_writing()?;
        let word = length.to_le_bytes();
        // The pad byte of an odd block comes before the length word.
        let tail = [0, word[0], word[1], word[2], word[3]];
        let tail = if length % 2 == 1 { &tail[..] } else { &tail[1..] };
        self.write_all(&mut [IoSlice::new(&word), IoSlice::new(block), IoSlice::new(tail)])?;
        self.index.push(Object::Block(length), 1);
        Ok(())
    }

    /// Writes filemarks behind the last object. On an error none of them is in the image.
    pub fn append_filemarks(&mut self, count: u32) -> io::Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        self.begin_writing()?;
        let before = self.index.objects();
        let mut left = u64::from(count);
        while left > 0 {
            let some = left.min(ZEROS.len() as u64 / FILEMARK_BYTES);
            let bytes = ZEROS.get(..(some * FILEMARK_BYTES) as usize).unwrap_or(&ZEROS);
            if let Err(error) = self.write_all(&mut [IoSlice::new(bytes)]) {
                self.truncate(before)?;
                return Err(error);
            }
            self.index.push(Object::Filemark, some);
            left -= some;
        }
        Ok(())
    }

    /// Reads the object `object`.
    pub fn read(&self, object: u64, buffer: &mut [u8]) -> io::Result<ImageRead> {
        let Some((kind, offset)) = self.index.get(object) else { return Ok(ImageRead::EndOfData) };
        let length = match kind {
            Object::Filemark => return Ok(ImageRead::Filemark),
            Object::Damaged => return Ok(ImageRead::Damaged),
            Object::Block(length) => length,
        };
        let Some(target) = buffer.get_mut(..length as usize) else {
            return Ok(ImageRead::TooLong(u64::from(length)));
        };
        let (mut head, mut tail) = ([0; 4], [0; 5]);
        let tail_bytes = 4 + (length % 2) as usize;
        {
            let tail = tail.get_mut(5 - tail_bytes..).unwrap_or_default();
            let mut parts = [IoSliceMut::new(&mut head), IoSliceMut::new(target), IoSliceMut::new(tail)];
            if !read_all(&self.file, &mut parts, offset)? {
                return Ok(ImageRead::Damaged);
            }
        }
        // The length words are checked on every read: the file may have been damaged since it was opened.
        let word = length.to_le_bytes();
        Ok(if head == word && tail.ends_with(&word) { ImageRead::Block(length as usize) } else { ImageRead::Damaged })
    }

    /// Makes everything count as being on the medium, and with [`Durability::Disk`] puts it on the disk.
    pub fn settle(&mut self, durability: Durability) -> io::Result<()> {
        if durability == Durability::Disk && self.stale == Stale::Written && self.settled < self.index.objects() {
            self.file.sync_data()?;
        }
        self.settled = self.index.objects();
        Ok(())
    }

    /// Takes away what a drive with a buffer of `buffer_bytes` had not yet written when its power failed. Returns the
    /// position of the first object that is gone; `None` if nothing was.
    pub fn lose_unsettled(&mut self, buffer_bytes: u64) -> io::Result<Option<u64>> {
        // What no longer fitted the buffer had been written, whether anybody asked for it or not.
        let overflowed = self.index.first_from(self.index.end().saturating_sub(buffer_bytes));
        let kept = self.settled.max(overflowed);
        self.settled = kept;
        if kept == self.index.objects() {
            return Ok(None);
        }
        self.truncate(kept)?;
        Ok(Some(kept))
    }

    /// The same for an image that was just opened, of which everything before the object `settled` had been flushed.
    pub(crate) fn lose_since(&mut self, settled: u64, buffer_bytes: u64) -> io::Result<Option<u64>> {
        self.settled = settled.min(self.index.objects());
        self.lose_unsettled(buffer_bytes)
    }

    /// Leaves the index beside the image, so that it is opened quickly the next time.
    pub fn save_index(&self) -> io::Result<()> {
        match self.stale {
            Stale::Untouched if sidecar::path_of(&self.path).exists() => Ok(()),
            _ => sidecar::save(&self.index, &self.path),
        }
    }

    /// Before the first write: the index beside the image must not claim objects that are about to be replaced, and
    /// what follows the last object in the file (a torn block) must go.
    fn begin_writing(&mut self) -> io::Result<()> {
        if self.stale == Stale::Untouched {
            if sidecar::save(&self.index, &self.path).is_err() {
                match std::fs::remove_file(sidecar::path_of(&self.path)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            self.file.set_len(self.index.end())?;
            self.stale = Stale::Written;
        }
        Ok(())
    }

    /// Writes at the end of the image; if that fails, the file is cut back to what it was.
    fn write_all(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut at = self.index.end();
        #[cfg(feature = "breakpoints")]
        self.tear(parts, at);
        while !parts.is_empty() {
            match rustix::io::pwritev(&self.file, parts, at) {
                Ok(0) => return self.undo(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return self.undo(error.into()),
            }
        }
        Ok(())
    }

    /// A block of which only the beginning is written when the process is killed.
    #[cfg(feature = "breakpoints")]
    fn tear(&self, parts: &[IoSlice<'_>], at: u64) {
        let _ = rustix::io::pwritev(&self.file, parts.get(..1).unwrap_or_default(), at);
        crate::breakpoint::pass("in a block");
    }

    fn undo(&self, error: io::Error) -> io::Result<()> {
        self.file.set_len(self.index.end())?;
        Err(error)
    }
}

/// Fills all parts; `false` if the file ends before.
fn read_all(file: &File, mut parts: &mut [IoSliceMut<'_>], mut at: u64) -> io::Result<bool> {
    while !parts.is_empty() {
        match rustix::io::preadv(file, parts, at) {
            Ok(0) => return Ok(false),
            Ok(read) => {
                at += read as u64;
                IoSliceMut::advance_slices(&mut parts, read);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn new_image() -> (tempfile::TempDir, PathBuf, Image) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("T.tap");
        Image::create(&path).unwrap();
        let image = Image::open(&path, ImageAccess::ReadWrite).unwrap();
        (dir, path, image)
    }

    #[test]
    fn the_file_is_what_simh_and_others_expect() {
        let (_dir, path, mut image) = new_image();
        image.append_block(b"abc").unwrap();
        image.append_filemarks(1).unwrap();
        image.append_block(b"defg").unwrap();
        let expected = b"\x03\0\0\0abc\0\x03\0\0\0\0\0\0\0\x04\0\0\0defg\x04\0\0\0";
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        assert_eq!(image.bytes(), expected.len() as u64);
    }

    #[test]
    fn blocks_come_back_and_long_ones_are_told() {
        let (_dir, _path, mut image) = new_image();
        let mut buffer = [0; 8];
        image.append_block(b"odd").unwrap();
        image.append_block(b"more than eight").unwrap();
        assert_eq!(image.read(0, &mut buffer).unwrap(), ImageRead::Block(3));
        assert_eq!(&buffer[..3], b"odd");
        assert_eq!(image.read(1, &mut buffer).unwrap(), ImageRead::TooLong(15));
        assert_eq!(image.read(2, &mut buffer).unwrap(), ImageRead::EndOfData);
    }

    #[test]
    fn a_power_cut_takes_exactly_the_buffer() {
        let (_dir, path, mut image) = new_image();
        for _ in 0..3 {
            image.append_block(&[1; 92]).unwrap();
        }
        image.settle(Durability::Cache).unwrap();
        for _ in 0..5 {
            image.append_block(&[2; 92]).unwrap();
        }
        // 100 bytes each in the image: of the five, a buffer of 250 bytes holds two whole ones.
        assert_eq!(image.lose_unsettled(250).unwrap(), Some(6));
        assert_eq!((image.objects(), std::fs::metadata(&path).unwrap().len()), (6, 600));
        image.append_block(&[3; 92]).unwrap();
        assert_eq!(image.lose_unsettled(1 << 20).unwrap(), Some(6));
        assert_eq!(image.lose_unsettled(1 << 20).unwrap(), None);
    }

    #[test]
    fn overwriting_leaves_no_index_that_lies() {
        let (_dir, path, mut image) = new_image();
        for length in [10, 20, 30, 40] {
            image.append_block(&vec![7; length]).unwrap();
        }
        image.save_index().unwrap();
        drop(image);
        let mut image = Image::open(&path, ImageAccess::ReadWrite).unwrap();
        image.truncate(1).unwrap();
        image.append_block(&[8; 600]).unwrap();
        let expected = image.index().clone();
        // The process dies here: nothing saves the index.
        drop(image);
        assert_eq!(*Image::open(&path, ImageAccess::Read).unwrap().index(), expected);
    }

    #[test]
    fn damage_after_opening_is_noticed_when_read() {
        let (_dir, path, mut image) = new_image();
        image.append_block(b"abcd").unwrap();
        image.append_block(b"efgh").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(image.read(0, &mut buffer).unwrap(), ImageRead::Damaged);
        assert_eq!(image.read(1, &mut buffer).unwrap(), ImageRead::Block(4));
    }

    /// Bytes that are likely to be length words.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            3 => Just(0u32),
            6 => 1u32..12,
            1 => Just(u32::MAX),
            1 => Just(u32::MAX - 1),
            1 => any::<u32>(),
        ];
        proptest::collection::vec(word, 0..40)
            .prop_map(|words| words.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<u8>>())
    }

    proptest! {
        #[test]
        fn any_file_is_an_image_of_something(mut bytes in hostile(), cut in 0usize..4) {
            bytes.truncate(bytes.len().saturating_sub(cut));
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("T.tap");
            std::fs::write(&path, &bytes).unwrap();
            let mut image = Image::open(&path, ImageAccess::ReadWrite).unwrap();
            prop_assert!(image.bytes() <= bytes.len() as u64);
            let mut buffer = [0; 16];
            for object in 0..image.objects() {
                prop_assert_ne!(image.read(object, &mut buffer).unwrap(), ImageRead::EndOfData);
            }
            // Whatever it was, it can be continued, and what is written behind it is read again.
            let end = image.objects();
            image.append_block(b"new").unwrap();
            image.append_filemarks(1).unwrap();
            drop(image);
            let image = Image::open(&path, ImageAccess::Read).unwrap();
            prop_assert_eq!(image.objects(), end + 2);
            prop_assert_eq!(image.read(end, &mut buffer).unwrap(), ImageRead::Block(3));
        }
    }
}
