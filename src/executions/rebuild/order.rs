//! In which order the tables of contents of a tape are read.
//!
//! The last one lists all parts. A tape is a serpentine of many wraps, and going from part to part in the order of writing
//! winds it to and fro; read in the order in which they lie along the tape, all of them are reached in one sweep. Where
//! exactly that is only the drive knows; what is estimated here costs time where it is wrong, and nothing else.

use tape_drive::lto::{along_tape, wraps};
use tape_format::toc::{RECORD, Summary, TocHead};

/// The place of a table of contents, and of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Number of the data file; the table of contents is the next.
    pub data_file: u64,
    /// Its first block.
    pub first_block: u64,
    /// The first block of the table of contents.
    pub toc_block: u64,
}

/// Where to stop on a tape whose last table of contents has this head and begins at `toc_block`; `None` if that does not
/// list all of its `files` tape files.
pub fn stops(head: &TocHead, toc_block: u64, files: u64, capacity: u64) -> Option<Vec<Stop>> {
    let stop =
        |line: &Summary| Stop { data_file: line.tape_file, first_block: line.first_block, toc_block: line.toc_block };
    let mut stops: Vec<Stop> = head.earlier.iter().map(stop).collect();
    stops.push(Stop { data_file: head.part.tape_file, first_block: head.part.first_block, toc_block });
    stops.sort_unstable_by_key(|stop| stop.data_file);
    // the label, and then data and contents in turn
    let listed = stops.iter().map(|stop| stop.data_file);
    let wanted = (1..files).step_by(2);
    let ascending = stops.windows(2).all(|pair| matches!(pair, [a, b] if a.toc_block < b.first_block));
    let forward = stops.iter().all(|stop| stop.first_block < stop.toc_block);
    if files.is_multiple_of(2) || !listed.eq(wanted) || !ascending || !forward {
        return None;
    }
    let block_size = u64::from(head.part.block_size);
    let mut at = 0_u64;
    let mut last_toc = 0;
    let mut placed = Vec::with_capacity(stops.len());
    for stop in stops {
        at = at
            .saturating_add(stop.first_block.saturating_sub(last_toc).saturating_mul(RECORD as u64))
            .saturating_add(stop.toc_block.saturating_sub(stop.first_block).saturating_mul(block_size));
        last_toc = stop.toc_block;
        placed.push((along_tape(capacity, wraps(capacity), at), stop));
    }
    // from where the tape is now, its end, to the farther end of what is wanted, or back
    let here = placed.last().map_or(0.0, |last| last.0);
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    if here > 0.5 {
        placed.reverse();
    }
    Some(placed.into_iter().map(|(_, stop)| stop).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape_format::toc::{PartInfo, SetInfo, SetKind, TapeInfo, Totals};
    use uuid::Uuid;

    const BLOCK: u64 = 256 << 10;

    /// The head of the last part of a tape whose parts have so many blocks.
    fn tape(blocks: &[u64]) -> (TocHead, u64, u64) {
        let (mut block, mut file) = (2, 1);
        let mut lines = Vec::new();
        for count in blocks {
            let toc_block = block + count + 1;
            lines.push(Summary {
                set: Uuid::nil(),
                job: String::new(),
                kind: SetKind::Full,
                start: 0,
                end: 0,
                part: 1,
                last: true,
                tape_file: file,
                first_block: block,
                toc_block,
                key_fingerprint: String::new(),
                totals: Totals::default(),
            });
            block = toc_block + 2;
            file += 2;
        }
        let last = lines.pop().unwrap();
        let part = PartInfo {
            number: 1,
            last: true,
            tape_file: last.tape_file,
            first_block: last.first_block,
            block_count: last.toc_block - last.first_block - 1,
            block_size: BLOCK as u32,
            tar_start: 0,
            tar_end: 0,
            prelude_bytes: 0,
            stream_bytes: 0,
            stream_header: None,
            cut: None,
            totals: Totals::default(),
        };
        let set = SetInfo {
            uuid: Uuid::nil(),
            job: String::new(),
            kind: SetKind::Full,
            parent: None,
            start: 0,
            compression: "none".into(),
            copy_of: None,
        };
        let tape = TapeInfo { label: "A".into(), uuid: Uuid::nil(), pool: String::new() };
        let totals = Totals::default();
        let head = TocHead {
            tape,
            set,
            end: 0,
            key_fingerprint: String::new(),
            totals,
            part,
            frames: Vec::new(),
            earlier: lines,
        };
        (head, last.toc_block, file)
    }

    fn files(stops: Option<Vec<Stop>>) -> Vec<u64> {
        stops.unwrap().iter().map(|stop| stop.data_file).collect()
    }

    #[test]
    fn parts_are_visited_as_they_lie_along_the_tape() {
        // an LTO-9 tape has 280 wraps; these parts end after 0.5, 1.9, 2.7 and 4.2 of them
        let capacity = 18_000_000_000_000;
        let wrap = capacity / 280 / BLOCK;
        let (head, toc, count) = tape(&[wrap / 2, wrap * 14 / 10, wrap * 8 / 10, wrap * 15 / 10]);
        // at 0.5, 0.1, 0.7 and 0.2 of its length
        assert_eq!(files(stops(&head, toc, count, capacity)), [3, 7, 1, 5]);
    }

    #[test]
    fn a_tape_that_is_not_listed_completely_is_scanned() {
        let (mut head, toc, count) = tape(&[5, 5, 5]);
        assert_eq!(files(stops(&head, toc, count, 0)).len(), 3);
        assert_eq!(stops(&head, toc, count + 2, 0), None, "something is behind it");
        assert_eq!(stops(&head, toc, count + 1, 0), None, "a file too many");
        let line = head.earlier.remove(0);
        assert_eq!(stops(&head, toc, count, 0), None, "one is not listed");
        head.earlier.push(Summary { tape_file: 1, first_block: 1 << 60, ..line });
        assert_eq!(stops(&head, toc, count, 0), None, "it lies behind the next");
    }
}
