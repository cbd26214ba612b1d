//! Puts what is to be read in order: neighbours in one go, each tape once, in the order of the tape; tapes that are in a
//! drive first, then those in a library, then those that a person has to bring. Within a tape the order is the one with the
//! least winding ([`super::serpentine`]).
//!
//! A member that is split over two tapes ties them together: it is the last thing read on the one and the first on the
//! other. Where that cannot be had (a member over three tapes whose middle one holds more, ties that go in circles), a
//! tape is visited twice.

use super::items::Items;
use super::plan::{Item, Part, Piece, PlannedSet, Run, Segment, Visit};
use super::serpentine::Serpentine;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use tape_format::frame::MAX_FRAME;

/// Gaps up to this many bytes of tar stream are read through: a locate costs more.
const READ_THROUGH: u64 = MAX_FRAME as u64;

/// Groups members into runs, but for those of sets that are read as whole files, behind them those of pieces, and says in
/// which parts each run is.
pub fn runs(
    sets: &[PlannedSet],
    items: &Items,
    pieces: &[Piece],
    is_whole: &dyn Fn(usize) -> bool,
) -> Result<Vec<(Run, Vec<Segment>)>> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let item = &*item?;
        if is_whole(item.set) {
            continue;
        }
        let parts = sets.get(item.set).map(|set| set.parts.as_slice()).unwrap_or_default();
        match runs.last_mut() {
            Some(run) if run.set == item.set && joins(parts, run, item) => {
                run.end = run.end.max(item.tar_end());
                run.items.end = index + 1;
            }
            _ => runs.push(Run {
                set: item.set,
                items: index..index + 1,
                start: item.tar_offset,
                end: item.tar_end(),
                piece: None,
            }),
        }
    }
    let none = items.len()..items.len();
    runs.extend(pieces.iter().enumerate().map(|(index, Piece { item, tar, .. })| Run {
        set: item.set,
        items: none.clone(),
        start: tar.start,
        end: tar.end,
        piece: Some(index),
    }));
    let mut all = Vec::with_capacity(runs.len());
    for (index, run) in runs.into_iter().enumerate() {
        let set = sets.get(run.set).ok_or_else(|| Error::internal("a member of no set was planned"))?;
        let segments = segments(&set.parts, index, &run);
        if segments.iter().map(|segment| segment.end - segment.start).sum::<u64>() != run.end - run.start {
            return Err(Error::new(
                crate::ErrorKind::Unprocessable,
                "parts_missing",
                format!(
                    "the parts of backup set {} that the database knows do not hold all of its files; rebuild the catalog \
                     from the set's tapes",
                    set.set_id
                ),
            ));
        }
        all.push((run, segments));
    }
    Ok(all)
}

/// Whether a member is read in one go with the run before it: near, and in the part in which the run ends.
fn joins(parts: &[Part], run: &Run, item: &Item) -> bool {
    let holds_both = |part: &Part| {
        let range = part.layout.tar_start..part.layout.tar_end;
        range.contains(&run.end.saturating_sub(1)) && range.contains(&item.tar_offset)
    };
    item.tar_offset >= run.start
        && item.tar_offset.saturating_sub(run.end) <= READ_THROUGH
        && parts.iter().any(holds_both)
}

fn segments(parts: &[Part], run_index: usize, run: &Run) -> Vec<Segment> {
    let mut segments: Vec<Segment> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| (index, run.start.max(part.layout.tar_start), run.end.min(part.layout.tar_end)))
        .filter(|(_, start, end)| start < end)
        .map(|(part, start, end)| Segment { run: run_index, part, start, end, last: end == run.end })
        .collect();
    segments.sort_by_key(|segment| segment.start);
    segments
}

/// A segment with the place where it is.
#[derive(Clone)]
struct Placed {
    tape: i32,
    block: u64,
    /// The same in bytes, about.
    bytes: Range<u64>,
    segment: Segment,
}

/// The order of tapes, and of what is read from each. `near` says how much trouble a tape is to get: less first.
pub fn visits(
    sets: &[PlannedSet],
    runs: &[(Run, Vec<Segment>)],
    near: &dyn Fn(i32) -> u8,
    serpentines: &BTreeMap<i32, Serpentine>,
) -> Vec<Visit> {
    let mut alone: BTreeMap<i32, Vec<Vec<Placed>>> = BTreeMap::new();
    let mut order: Vec<i32> = Vec::new();
    let mut tied: Vec<Vec<Placed>> = Vec::new();
    for (run, segments) in runs {
        let placed: Vec<Placed> = segments.iter().filter_map(|segment| place(sets, run, segment)).collect();
        let Some(first) = placed.first() else { continue };
        if !order.contains(&first.tape) {
            order.push(first.tape);
        }
        match placed.iter().all(|other| other.tape == first.tape) {
            true => alone.entry(first.tape).or_default().push(placed),
            false => tied.push(placed),
        }
    }
    for (tape, runs) in &mut alone {
        runs.sort_by_key(|run| run.first().map(|first| (first.block, first.segment.start)));
        if let Some(serpentine) = serpentines.get(tape) {
            *runs = serpentine.order(std::mem::take(runs), |run| match (run.first(), run.last()) {
                (Some(first), Some(last)) => first.bytes.start..last.bytes.end,
                _ => 0..0,
            });
        }
    }
    // what has to be read in one go: tapes that split members tie together, and each of the others
    let mut rows: Vec<Vec<Visit>> = Vec::new();
    while let Some(start) = next_tied(&tied) {
        let mut visits = Visits::default();
        let mut run = tied.remove(start);
        loop {
            // what else is on the tape comes before what goes on elsewhere
            if let Some(first) = run.first() {
                visits.read_all(alone.remove(&first.tape));
            }
            let last = run.last().map(|last| last.tape);
            visits.read(run);
            match tied.iter().position(|next| next.first().map(|first| first.tape) == last) {
                Some(next) => run = tied.remove(next),
                None => {
                    visits.read_all(last.and_then(|tape| alone.remove(&tape)));
                    break;
                }
            }
        }
        rows.push(visits.all);
    }
    for tape in order {
        let mut visits = Visits::default();
        visits.read_all(alone.remove(&tape));
        rows.push(visits.all);
    }
    rows.retain(|row| !row.is_empty());
    // people have time to fetch the others while those at hand are read
    rows.sort_by_key(|row| row.first().map_or(u8::MAX, |visit| near(visit.tape_id)));
    join(rows)
}

/// One row of visits; a tape that ends one and begins the next stays where it is.
fn join(rows: Vec<Vec<Visit>>) -> Vec<Visit> {
    let mut all: Vec<Visit> = Vec::new();
    for visit in rows.into_iter().flatten() {
        match all.last_mut() {
            Some(last) if last.tape_id == visit.tape_id => last.segments.extend(visit.segments),
            _ => all.push(visit),
        }
    }
    all
}

/// The run over several tapes to begin with: one that no other leads to.
fn next_tied(tied: &[Vec<Placed>]) -> Option<usize> {
    let led_to = |tape: i32| tied.iter().any(|run| run.last().is_some_and(|last| last.tape == tape));
    let free = tied.iter().position(|run| run.first().is_some_and(|first| !led_to(first.tape)));
    free.or(if tied.is_empty() { None } else { Some(0) })
}

fn place(sets: &[PlannedSet], run: &Run, segment: &Segment) -> Option<Placed> {
    let part = sets.get(run.set)?.parts.get(segment.part)?;
    let bytes = part.layout.bytes_on_tape(segment.start..segment.end);
    Some(Placed { tape: part.tape_id, block: part.layout.first_block, bytes, segment: segment.clone() })
}

#[derive(Default)]
struct Visits {
    all: Vec<Visit>,
}

impl Visits {
    fn read_all(&mut self, runs: Option<Vec<Vec<Placed>>>) {
        for run in runs.into_iter().flatten() {
            self.read(run);
        }
    }

    fn read(&mut self, run: Vec<Placed>) {
        for placed in run {
            match self.all.last_mut() {
                Some(visit) if visit.tape_id == placed.tape => visit.segments.push(placed.segment),
                _ => self.all.push(Visit { tape_id: placed.tape, segments: vec![placed.segment] }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tape_format::part::{FrameTable, PartLayout};
    use tape_format::{Codec, MemberKind};

    const MIB: u64 = 1 << 20;

    /// A set whose parts, given as (tape, first block, end), follow each other in the tar stream.
    fn set(parts: &[(i32, u64, u64)]) -> PlannedSet {
        let mut start = 0;
        let mut all = Vec::new();
        for (number, (tape_id, first_block, end)) in parts.iter().enumerate() {
            let layout = PartLayout {
                set_uuid: uuid::Uuid::nil(),
                part_number: number as u32 + 1,
                tape_file: 1,
                first_block: *first_block,
                block_count: 1,
                block_size: 1,
                toc_block: 1,
                end_block: 1,
                tar_start: start,
                tar_end: *end,
                prelude_bytes: 0,
                stream_bytes: 1,
                codec: Codec::None,
                encrypted: false,
                frames: FrameTable::default(),
            };
            all.push(Part { tape_id: *tape_id, layout: Arc::new(layout), cut: None });
            start = *end;
        }
        PlannedSet { set_id: 1, key_id: None, parts: all }
    }

    fn item(set: usize, tar_offset: u64, tar_length: u64) -> Item {
        Item {
            path: tar_offset.to_string().into_bytes().into(),
            on_tape: None,
            kind: MemberKind::File,
            size: tar_length,
            sha256: None,
            mtime_ns: 0,
            set,
            tar_offset,
            tar_length,
        }
    }

    fn runs(sets: &[PlannedSet], items: &[Item]) -> Result<Vec<(Run, Vec<Segment>)>> {
        super::runs(sets, &Items::default().with(items.to_vec()).unwrap(), &[], &|_| false)
    }

    fn ranges(sets: &[PlannedSet], items: &[Item]) -> Vec<(u64, u64, usize)> {
        let runs = runs(sets, items).unwrap();
        runs.into_iter().map(|(run, _)| (run.start, run.end, run.items.len())).collect()
    }

    /// (tape, [(set's part, start)]) of each visit.
    fn order(sets: &[PlannedSet], items: &[Item]) -> Vec<(i32, Vec<(usize, u64)>)> {
        order_from(sets, items, &|_| 0)
    }

    fn order_from(sets: &[PlannedSet], items: &[Item], near: &dyn Fn(i32) -> u8) -> Vec<(i32, Vec<(usize, u64)>)> {
        let visits = visits(sets, &runs(sets, items).unwrap(), near, &BTreeMap::new());
        let segment = |segment: &Segment| (segment.part, segment.start / MIB);
        visits.iter().map(|visit| (visit.tape_id, visit.segments.iter().map(segment).collect())).collect()
    }

    #[test]
    fn neighbours_are_read_in_one_go_and_far_ones_are_not() {
        let sets = [set(&[(1, 2, 1000 * MIB)]), set(&[(1, 900, 1000 * MIB)])];
        let items = [
            item(0, 0, 512),
            item(0, 512, MIB),
            item(0, 9 * MIB, 512),
            item(0, 40 * MIB, 512),
            item(1, 40 * MIB + 512, 512),
        ];
        assert_eq!(
            ranges(&sets, &items),
            [(0, 9 * MIB + 512, 3), (40 * MIB, 40 * MIB + 512, 1), (40 * MIB + 512, 40 * MIB + 1024, 1)]
        );
    }

    #[test]
    fn runs_end_at_a_part_unless_a_member_goes_on_in_the_next() {
        let sets = [set(&[(1, 2, 10 * MIB), (2, 2, 20 * MIB)])];
        let beside = [item(0, 9 * MIB, MIB), item(0, 10 * MIB, MIB)];
        assert_eq!(ranges(&sets, &beside).len(), 2);
        let across = [item(0, 8 * MIB, MIB), item(0, 9 * MIB, 2 * MIB), item(0, 11 * MIB, MIB)];
        let all = runs(&sets, &across).unwrap();
        assert_eq!(all.len(), 1);
        let pieces: Vec<_> = all[0].1.iter().map(|piece| (piece.part, piece.start, piece.end, piece.last)).collect();
        assert_eq!(pieces, [(0, 8 * MIB, 10 * MIB, false), (1, 10 * MIB, 12 * MIB, true)]);
    }

    #[test]
    fn members_outside_of_all_known_parts_are_an_error() {
        let sets = [set(&[(1, 2, 10 * MIB)])];
        assert_eq!(runs(&sets, &[item(0, 9 * MIB, 2 * MIB)]).unwrap_err().code, "parts_missing");
    }

    #[test]
    fn each_tape_is_visited_once_in_the_order_of_the_tape() {
        // the full set is on tape 1, increments are on 2 and behind the full one on 1
        let sets = [set(&[(1, 2, 100 * MIB)]), set(&[(2, 2, 100 * MIB)]), set(&[(1, 500, 100 * MIB)])];
        let items = [item(0, 0, 512), item(0, 50 * MIB, 512), item(1, 0, 512), item(2, 0, 512)];
        assert_eq!(order(&sets, &items), [(1, vec![(0, 0), (0, 50), (0, 0)]), (2, vec![(0, 0)])]);
    }

    #[test]
    fn tapes_at_hand_come_first_and_tied_ones_stay_together() {
        let sets = [
            set(&[(1, 2, 100 * MIB)]),
            set(&[(2, 2, 100 * MIB)]),
            set(&[(3, 2, 100 * MIB), (4, 2, 200 * MIB)]),
            set(&[(5, 2, 100 * MIB)]),
        ];
        let items = [item(0, 0, 512), item(1, 0, 512), item(2, 99 * MIB, 2 * MIB), item(3, 0, 512)];
        let tapes = |near: &dyn Fn(i32) -> u8| -> Vec<i32> {
            order_from(&sets, &items, near).into_iter().map(|(tape, _)| tape).collect()
        };
        // 2 is in a drive, 3 and 5 in the library, the others on the shelf
        let near = |tape| match tape {
            2 => 0,
            3 | 5 => 1,
            _ => 2,
        };
        assert_eq!(tapes(&near), [2, 3, 4, 5, 1], "4 goes on with what began on 3");
        assert_eq!(tapes(&|tape| u8::from(tape == 3)), [1, 2, 5, 3, 4]);
        assert_eq!(tapes(&|_| 0), [3, 4, 1, 2, 5]);
    }

    #[test]
    fn a_split_member_ties_two_tapes_together() {
        let sets = [set(&[(2, 2, 500 * MIB)]), set(&[(1, 2, 100 * MIB), (2, 700, 200 * MIB)])];
        let items = [item(0, 0, 512), item(1, 0, 512), item(1, 99 * MIB, 2 * MIB), item(1, 150 * MIB, 512)];
        assert_eq!(order(&sets, &items), [(1, vec![(0, 0), (0, 99)]), (2, vec![(1, 100), (0, 0), (1, 150)])]);
    }

    #[test]
    fn rows_of_visits_can_be_read_in_any_order() {
        let sets = [set(&[(3, 2, 100 * MIB), (4, 2, 200 * MIB)]), set(&[(1, 2, 100 * MIB)]), set(&[(2, 2, 100 * MIB)])];
        let items = [item(0, 99 * MIB, 2 * MIB), item(0, 150 * MIB, 512), item(1, 0, 512), item(2, 0, 512)];
        let runs = runs(&sets, &items).unwrap();
        let visits = visits(&sets, &runs, &|_| 0, &BTreeMap::new());
        let runs = runs.into_iter().map(|(run, _)| run).collect();
        let plan = crate::restore::plan::Plan { visits, runs, ..Default::default() };
        let rows: Vec<Vec<i32>> =
            plan.rows().into_iter().map(|row| row.iter().map(|visit| visit.tape_id).collect()).collect();
        assert_eq!(rows, [vec![3, 4], vec![1], vec![2]]);
        assert!(crate::restore::plan::Plan::default().rows().is_empty());
    }

    #[test]
    fn within_a_tape_the_order_follows_its_tracks() {
        const TB: u64 = 1_000_000_000_000;
        let mut sets = [set(&[(1, 2, 18 * TB)])];
        // frames on track 0 (a tenth and nine tenths of the way), on track 1 and on track 2 (a fifth of the way)
        let track = 18 * TB / 280;
        let places = [track / 10, track * 9 / 10, track + track / 10, 2 * track + track / 5].map(|at| at / 512 * 512);
        for part in &mut sets[0].parts {
            let mut layout = (*part.layout).clone();
            layout.frames.frames = places.iter().flat_map(|at| [(*at, *at), (at + 512, at + 512)]).collect();
            layout.stream_bytes = 18 * TB;
            part.layout = Arc::new(layout);
        }
        let items = places.map(|at| item(0, at, 512));
        let runs = runs(&sets, &items).unwrap();
        let order = |serpentines: &BTreeMap<i32, Serpentine>| -> Vec<u64> {
            visits(&sets, &runs, &|_| 0, serpentines)[0].segments.iter().map(|segment| segment.start).collect()
        };
        assert_eq!(order(&BTreeMap::new()), places);
        let lto9 = BTreeMap::from([(1, Serpentine::of(18 * TB).unwrap())]);
        assert_eq!(order(&lto9), [places[0], places[3], places[1], places[2]]);
    }

    #[test]
    fn a_chain_of_tapes_is_followed() {
        let sets = [set(&[(1, 2, 100 * MIB), (2, 2, 200 * MIB), (3, 2, 300 * MIB)])];
        let items = [item(0, 99 * MIB, 2 * MIB), item(0, 150 * MIB, 512), item(0, 199 * MIB, 2 * MIB)];
        assert_eq!(
            order(&sets, &items),
            [(1, vec![(0, 99)]), (2, vec![(1, 100), (1, 150), (1, 199)]), (3, vec![(2, 200)])]
        );
    }

    #[test]
    fn a_member_over_three_tapes_is_read_without_a_break() {
        let sets = [set(&[(1, 2, 100 * MIB), (2, 900, 200 * MIB), (3, 2, 300 * MIB)]), set(&[(2, 2, 500 * MIB)])];
        let items = [item(0, 99 * MIB, 110 * MIB), item(1, 0, 512)];
        let order = order(&sets, &items);
        assert_eq!(order, [(1, vec![(0, 99)]), (2, vec![(1, 100)]), (3, vec![(2, 200)]), (2, vec![(0, 0)])]);
    }

    #[test]
    fn ties_in_a_circle_end() {
        let sets = [set(&[(1, 2, 100 * MIB), (2, 2, 200 * MIB)]), set(&[(2, 900, 100 * MIB), (1, 900, 200 * MIB)])];
        let items = [item(0, 99 * MIB, 2 * MIB), item(1, 99 * MIB, 2 * MIB)];
        assert_eq!(order(&sets, &items), [(1, vec![(0, 99)]), (2, vec![(1, 100), (0, 99)]), (1, vec![(1, 100)])]);
    }
}
