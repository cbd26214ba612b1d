//! Restores that are planned: everything, a folder, a thousand files here and there.

use crate::figures::once;
use crate::made::{FILES_PER_DIR, SPACING, directory, mixed, name};
use std::ops::Range;
use tape_format::Codec;
use tape_format::part::{FrameTable, PartLayout};
use tape_format::toc::Totals;
use tapebackarr::catalog::checksum;
use tapebackarr::db::set_parts::{self, NewPart};
use tapebackarr::db::{Conn, sets};
use tapebackarr::restore::select::{self, Selection};

const FRAME: u64 = 8 << 20;

/// Records where a set would be on the tape: all of it in one part.
pub fn on_tape(conn: &mut Conn, set: i32, numbers: Range<u64>) -> anyhow::Result<()> {
    let row = sets::find(conn, set)?;
    let (tar_start, tar_end) = (numbers.start * SPACING, numbers.end * SPACING);
    let block_size = 256 << 10;
    let stream_bytes = tar_end - tar_start;
    let first_block = 2 + u64::try_from(set)? * 1_000_000_000;
    let blocks = stream_bytes.div_ceil(u64::from(block_size));
    let layout = PartLayout {
        set_uuid: row.uuid.parse()?,
        part_number: 1,
        tape_file: u64::try_from(set)? * 2 - 1,
        first_block,
        block_count: blocks,
        block_size,
        toc_block: first_block + blocks + 1,
        end_block: first_block + blocks + 1000,
        tar_start,
        tar_end,
        prelude_bytes: 0,
        stream_bytes,
        codec: Codec::None,
        encrypted: false,
        frames: FrameTable {
            frames: (tar_start..tar_end).step_by(FRAME as usize).map(|at| (at, at - tar_start)).collect(),
            stream_header: None,
        },
    };
    set_parts::insert(conn, &NewPart::of(set, row.tape_id, &layout, Totals::default())?)?;
    Ok(())
}

/// Plans of several sizes, and what is asked of them before anything is read.
pub fn plans(conn: &mut Conn, chain: &[i32], paths: u64) -> anyhow::Result<()> {
    let mut plan = |what: &str, wanted: Vec<String>| {
        let selection = Selection { chain: chain.to_vec(), paths: wanted };
        let selected = once(what, paths, || Ok(select::plan(conn, &selection)?))?;
        let plan = &selected.plan;
        let files = once("            its tapes and their shares", plan.file_count(), || {
            Ok(plan.tapes()?.iter().map(|share| share.files).sum::<u64>())
        })?;
        println!("            {files} files, {} bytes, {} runs", plan.total_bytes(), plan.runs.len());
        anyhow::ensure!(files == plan.file_count() && selected.missing.is_empty() && selected.broken.is_empty());
        Ok(())
    };
    plan("plan        all of a chain of 11", Vec::new())?;
    let first = directory(0);
    plan("plan        one folder", vec![first.split('/').take(2).collect::<Vec<_>>().join("/")])?;
    let some = (0..1000).map(|time| mixed(time) % paths);
    let path = |number: u64| format!("{}/{}", directory(number / FILES_PER_DIR), name(number));
    plan("plan        1000 random files", some.map(path).collect())?;
    if let Some(full) = chain.last() {
        once("checksum    of the full set", paths, || Ok(checksum::of_set(conn, *full)?))?;
    }
    Ok(())
}
