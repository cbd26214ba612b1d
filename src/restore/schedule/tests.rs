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
    super::runs(sets, &Items::default().with(items.to_vec()).unwrap(), &mut Vec::new(), &|_| false)
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
    let starts: Vec<_> = all.iter().map(|(run, _)| run.start / MIB).collect();
    assert_eq!(starts, [8, 9, 11], "what goes over the end of a part is a run of its own");
    let pieces: Vec<_> = all[1].1.iter().map(|piece| (piece.part, piece.start, piece.end, piece.last)).collect();
    assert_eq!(pieces, [(0, 9 * MIB, 10 * MIB, false), (1, 10 * MIB, 11 * MIB, true)]);
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

/// The same set, with the hash known wherever a file is cut.
fn known(mut set: PlannedSet) -> PlannedSet {
    set.parts.iter_mut().for_each(|part| part.cut = Some([7; 32]));
    set
}

/// A file whose content begins 512 bytes behind its header.
fn file(set: usize, tar_offset: u64, tar_length: u64) -> Item {
    Item { size: tar_length - 512, sha256: Some([1; 32]), ..item(set, tar_offset, tar_length) }
}

#[test]
fn pieces_of_a_file_over_three_tapes_do_not_tie_them() {
    let sets =
        [known(set(&[(1, 2, 100 * MIB), (2, 900, 200 * MIB), (3, 2, 300 * MIB)])), known(set(&[(2, 2, 500 * MIB)]))];
    let items = [file(0, 99 * MIB, 110 * MIB), file(1, 0, 512)];
    assert_eq!(order(&sets, &items), [(1, vec![(0, 99)]), (2, vec![(0, 0), (1, 100)]), (3, vec![(2, 200)])]);
    // the one that is in a drive is read first, and none is put away for another
    let order = order_from(&sets, &items, &|tape| u8::from(tape != 3));
    assert_eq!(order.iter().map(|(tape, _)| *tape).collect::<Vec<_>>(), [3, 1, 2]);
}

#[test]
fn pieces_do_not_go_in_circles() {
    let sets =
        [known(set(&[(1, 2, 100 * MIB), (2, 2, 200 * MIB)])), known(set(&[(2, 900, 100 * MIB), (1, 900, 200 * MIB)]))];
    let items = [file(0, 99 * MIB, 2 * MIB), file(1, 99 * MIB, 2 * MIB)];
    assert_eq!(order(&sets, &items), [(1, vec![(0, 99), (1, 100)]), (2, vec![(1, 100), (0, 99)])]);
}

#[test]
fn a_file_without_a_hash_where_it_is_cut_is_read_without_a_break() {
    let unknown = |item: Item| {
        let runs = runs(&[known(set(&[(1, 2, 100 * MIB), (2, 2, 200 * MIB)]))], &[item]).unwrap();
        runs.iter().all(|(run, segments)| run.piece.is_none() && segments.len() == 2)
    };
    assert!(!unknown(file(0, 99 * MIB, 2 * MIB)));
    assert!(unknown(Item { sha256: None, ..file(0, 99 * MIB, 2 * MIB) }), "nothing to compare it with");
    assert!(unknown(file(0, 100 * MIB - 256, 2 * MIB)), "cut within its header");
    let half = [set(&[(1, 2, 100 * MIB), (2, 2, 200 * MIB)])];
    assert!(runs(&half, &[file(0, 99 * MIB, 2 * MIB)]).unwrap().iter().all(|(run, _)| run.piece.is_none()));
}

/// Whatever is on whichever tapes: each is loaded once, and every byte that is wanted is read once.
#[test]
fn however_sets_share_tapes_each_tape_is_loaded_once() {
    for seed in 1..=200u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let tapes = 2 + random(4) as i32;
        let (mut sets, mut items) = (Vec::new(), Vec::new());
        for number in 0..1 + random(5) as usize {
            let (mut parts, mut end) = (Vec::new(), 0);
            let first = random(tapes as u64) as i32;
            for part in 0..1 + random(tapes as u64) as i32 {
                end += (1 + random(40)) * MIB;
                parts.push(((first + part) % tapes, 2 + 1000 * number as u64, end));
            }
            let mut at = 0;
            while at < end {
                let length = ((1 + random(30)) * MIB / 2).min(end - at);
                if random(4) > 0 {
                    items.push(file(number, at, length));
                }
                at += length;
            }
            sets.push(known(set(&parts)));
        }
        let runs = runs(&sets, &items).unwrap();
        let visits = visits(&sets, &runs, &|_| 0, &BTreeMap::new());
        let mut loaded: Vec<i32> = visits.iter().map(|visit| visit.tape_id).collect();
        let times = loaded.len();
        loaded.sort_unstable();
        loaded.dedup();
        assert_eq!(times, loaded.len(), "seed {seed}: {visits:?}");
        for item in &items {
            let of_item = |segment: &&Segment| runs[segment.run].0.set == item.set;
            let read = visits.iter().flat_map(|visit| &visit.segments).filter(of_item);
            let read = read.map(|one| one.end.min(item.tar_end()).saturating_sub(one.start.max(item.tar_offset)));
            assert_eq!(read.sum::<u64>(), item.tar_length, "seed {seed}: {item:?}");
        }
    }
}
