//! Where a part is on tape, from its rows in the database.

use super::plan::{Part, WholeFile};
use crate::db::set_parts::SetPart;
use crate::db::sets::BackupSet;
use crate::{Error, ErrorKind, Result};
use std::sync::Arc;
use tape_format::Codec;
use tape_format::part::{FrameTable, PartLayout};

/// The part as a plan needs it.
pub fn planned(set: &BackupSet, part: &SetPart) -> Result<Part> {
    let layout =
        of(set, part).map_err(|error| error.context(format!("part {} of backup set {}", part.part_number, set.id)))?;
    let cut = part.cut_sha256.as_deref().and_then(|value| value.try_into().ok());
    Ok(Part { tape_id: part.tape_id, layout: Arc::new(layout), cut })
}

/// A part of version 1 as a plan needs it, of the set with that index in the plan; its items are not known yet.
pub fn whole_file(set: usize, part: &SetPart) -> Result<WholeFile> {
    Ok(WholeFile {
        set,
        tape_id: part.tape_id,
        tape_file: number(part.tape_file)?,
        offsets: number(part.tar_start)?..number(part.tar_end)?,
        items: 0..0,
    })
}

/// The layout of a part.
///
/// # Errors
/// `bad_layout` if the rows contradict themselves or each other.
pub fn of(set: &BackupSet, part: &SetPart) -> Result<PartLayout> {
    let layout = PartLayout {
        set_uuid: set.uuid.parse().map_err(|_| bad(format!("'{}' is not a uuid", set.uuid)))?,
        part_number: u32::try_from(part.part_number).map_err(|_| negative())?,
        tape_file: number(part.tape_file)?,
        first_block: number(part.first_block)?,
        block_count: number(part.block_count)?,
        block_size: u32::try_from(part.block_size).map_err(|_| negative())?,
        toc_block: number(part.toc_block)?,
        end_block: number(part.end_block)?,
        tar_start: number(part.tar_start)?,
        tar_end: number(part.tar_end)?,
        prelude_bytes: number(part.prelude_bytes)?,
        stream_bytes: number(part.stream_bytes)?,
        codec: codec(&set.compression_type)?,
        encrypted: set.encrypted,
        frames: FrameTable::decode(&part.frame_table).map_err(|error| bad(error.to_string()))?,
    };
    layout.check().map_err(|error| bad(error.to_string()))?;
    Ok(layout)
}

/// How frames are compressed; what the drive compresses is plain to us. The level does not matter for reading.
fn codec(name: &str) -> Result<Codec> {
    match name {
        "" | "none" | "lto" => Ok(Codec::None),
        "gzip" => Ok(Codec::Gzip { level: 6 }),
        "zstd" => Ok(Codec::Zstd { level: 3 }),
        other => Err(bad(format!("its compression '{other}' is not known"))),
    }
}

fn number(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| negative())
}

fn negative() -> Error {
    bad("a number is negative".into())
}

fn bad(reason: String) -> Error {
    Error::new(
        ErrorKind::Unprocessable,
        "bad_layout",
        format!("what the database says about it cannot be right ({reason}); rebuild the catalog from the tape"),
    )
}
