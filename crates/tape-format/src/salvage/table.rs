//! Reading a table of contents behind which the tape may be damaged.

use super::{Next, Source, blocks::Blocks};
use crate::crypt::Keys;
use crate::part::PartLayout;
use crate::toc::{self, TocSink};
use crate::{FormatError, Result};
use std::io::Read;
use tape_drive::TapeDrive;

/// Reads the table of contents that begins at `block`, and tells where its data is: the file that ends right before it,
/// whatever number its blocks had when it was written.
///
/// Unlike [`read_toc`](crate::part::read_toc) it does not mind what lies behind the table, also if its filemark is lost.
///
/// # Errors
/// Those of [`toc::read`] and of the drive. What `sink` was told before must not be used then.
pub fn read_table(
    drive: &mut dyn TapeDrive,
    block: u64,
    keys: &dyn Keys,
    sink: &mut dyn TocSink,
) -> Result<PartLayout> {
    let mut file = Table { blocks: Blocks::new(drive, block, None, None)?, chunk: Vec::new(), used: 0, records: 0 };
    let head = toc::read(&mut file, keys, sink)?;
    let end = block.saturating_add(file.records);
    let count = head.part.block_count;
    let mut layout = PartLayout::from_toc(head, block, end)?;
    if let Some(first) = block.checked_sub(count.saturating_add(1)) {
        layout.first_block = first;
    }
    Ok(layout)
}

/// The records of a table; what cannot be read ends it.
struct Table<'a> {
    blocks: Blocks<'a>,
    chunk: Vec<u8>,
    used: usize,
    records: u64,
}

impl Read for Table<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.used == self.chunk.len() {
            self.chunk.clear();
            self.used = 0;
            match self.blocks.next(&mut self.chunk).map_err(FormatError::into_io)? {
                Next::Bytes => self.records += 1,
                Next::Hole(_) | Next::End => return Ok(0),
            }
        }
        let rest = self.chunk.get(self.used..).unwrap_or_default();
        let length = rest.len().min(out.len());
        if let (Some(target), Some(bytes)) = (out.get_mut(..length), rest.get(..length)) {
            target.copy_from_slice(bytes);
        }
        self.used += length;
        Ok(length)
    }
}
