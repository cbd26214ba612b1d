//! Puts what is to be read in order: neighbours in one go, each tape once, in the order of the tape; tapes that are in a
//! drive first, then those in a library, then those that a person has to bring. Within a tape the order is the one with the
//! least winding ([`super::serpentine`]).
//!
//! A file that is cut over several tapes is read in pieces ([`super::pieces`]), each with whatever else is wanted of its tape:
//! so a tape is visited once, and in any order. Only a member whose pieces cannot be told apart from each other's (a sparse
//! file, or one whose hash is not known where it is cut) ties tapes together: it is read without a break, as the last thing
//! on the one tape and the first on the other. Where that cannot be had (over three tapes whose middle one holds more, ties
//! that go in circles), a tape is visited twice.

use super::items::Items;
use super::pieces;
use super::plan::{Item, Part, Piece, PlannedSet, Run, Segment, Visit};
use super::serpentine::Serpentine;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use tape_format::frame::MAX_FRAME;

/// Gaps up to this many bytes of tar stream are read through: a locate costs more.
const READ_THROUGH: u64 = MAX_FRAME as u64;

/// Groups members into runs, but for those of sets that are read as whole files, and says in which parts each run is. Behind
/// them come runs for the pieces: those that are there, and those of the files that are cut, which are added.
pub fn runs(
    sets: &[PlannedSet],
    items: &Items,
    all_pieces: &mut Vec<Piece>,
    is_whole: &dyn Fn(usize) -> bool,
) -> Result<Vec<(Run, Vec<Segment>)>> {
    let mut runs: Vec<Run> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let item = &*item?;
        if is_whole(item.set) {
            continue;
        }
        let set = sets.get(item.set);
        if let Some(pieces) = set.and_then(|set| pieces::readable_alone(set, item, index)) {
            all_pieces.extend(pieces);
            continue;
        }
        let parts = set.map(|set| set.parts.as_slice()).unwrap_or_default();
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
    runs.extend(all_pieces.iter().enumerate().map(|(index, Piece { item, tar, .. })| Run {
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

/// Whether a member is read in one go with the run before it: near, and all of both in one part. What goes over a part's end
/// is a run of its own, so that it can be the last on its tape.
fn joins(parts: &[Part], run: &Run, item: &Item) -> bool {
    let holds_both = |part: &Part| part.layout.tar_start <= run.start && item.tar_end() <= part.layout.tar_end;
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
    // by what comes first of the sets on them
    let mut order: BTreeMap<i32, (usize, u64)> = BTreeMap::new();
    let mut tied: Vec<Vec<Placed>> = Vec::new();
    for (run, segments) in runs {
        let placed: Vec<Placed> = segments.iter().filter_map(|segment| place(sets, run, segment)).collect();
        let Some(first) = placed.first() else { continue };
        let begin = (run.set, run.start);
        let place = order.entry(first.tape).or_insert(begin);
        *place = begin.min(*place);
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
    let mut order: Vec<(i32, (usize, u64))> = order.into_iter().collect();
    order.sort_by_key(|(_, begin)| *begin);
    for (tape, _) in order {
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
mod tests;
