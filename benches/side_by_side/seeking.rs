//! R8: files anywhere on a full tape, in the order in which restores read them, against the order of the catalog.
//!
//! The catalog lists a set's files in the order of its tar stream. The winding is modelled with the times of an LTO-9 drive
//! ([`SpeedSpec`]); reading itself takes the same time in any order and is left out on both sides.

use crate::results::{Measured, Results};
use anyhow::{Context, Result};
use std::ops::Range;
use tape_drive::lto::Generation;
use tape_drive::virt::speed::SpeedSpec;
use tapebackarr::restore::serpentine::Serpentine;

const FILES: u64 = 1000;
const FILE_BYTES: u64 = 3_000_000;

/// Models both.
pub fn results(results: &mut Results) -> Result<()> {
    let speed = SpeedSpec::of(Generation::LTO9);
    let capacity = Generation::LTO9.format().capacity_bytes;
    let mut number = 0x5eed_u64;
    let mut files: Vec<Range<u64>> = (0..FILES)
        .map(|_| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (number >> 11) % (capacity - FILE_BYTES);
            at..at + FILE_BYTES
        })
        .collect();
    let winding = |files: &[Range<u64>]| {
        let from = std::iter::once(0).chain(files.iter().map(|file| file.end));
        let each = from.zip(files).map(|(from, file)| speed.seek_time_ms(capacity, from, file.start));
        each.sum::<u64>() as f64 / 1000.0
    };
    files.sort_by_key(|file| file.start);
    let catalog = winding(&files);
    let tape = Serpentine::of(capacity).context("LTO-9 has a capacity")?;
    let ours = winding(&tape.order(files, Range::clone));
    let what = "winding to 1000 files anywhere on a full LTO-9 tape, modelled; rival: in the order of the catalog";
    results.add(Measured::cheaper("R8", what, ours, catalog, "s", 0.15));
    Ok(())
}
