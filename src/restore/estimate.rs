//! How long a tape of a plan will keep a drive busy: for a person who plans the next hours, so "about" will do.

use super::plan::{Plan, Visit};
use crate::Result;
use crate::db::tapes::Tape;
use crate::db::whereabouts::{PlaceKind, Whereabouts};
use tape_drive::lto::Generation;

/// A robot takes a cartridge to a drive.
const ROBOT_SECONDS: f64 = 20.0;
/// A drive loads and threads (IBM and HPE give 12 to 20 s).
const THREAD_SECONDS: f64 = 20.0;
/// From one end of the tape to the other (full-height drives: 90 to 110 s).
const WIND_SECONDS: f64 = 100.0;

/// Seconds to mount, wind and read all that a plan needs of a tape; `None` if its generation is not known.
///
/// # Errors
/// If the members cannot be read from their temporary file.
pub fn seconds(plan: &Plan, tape: &Tape, place: &Whereabouts) -> Result<Option<u64>> {
    let Some(generation) = generation(&tape.lto_type) else { return Ok(None) };
    let speed = generation.native_speed() as f64;
    let visits = plan.visits.iter().filter(|visit| visit.tape_id == tape.id);
    let framed: f64 = visits.enumerate().map(|(index, visit)| mount(place, index) + read(plan, visit, speed)).sum();
    let whole = plan.whole_files.iter().filter(|file| file.tape_id == tape.id && !file.items.is_empty());
    let whole = whole.map(|file| {
        let lengths = plan.items.range(file.items.clone()).map(|item| item.map(|item| item.tar_length as f64));
        Ok(WIND_SECONDS / 2.0 + lengths.sum::<Result<f64>>()? / speed)
    });
    let whole: f64 = whole.sum::<Result<f64>>()?;
    let mounted = if framed == 0.0 && whole > 0.0 { mount(place, 0) } else { 0.0 };
    Ok(Some((framed + whole + mounted).ceil() as u64))
}

fn mount(place: &Whereabouts, visit: usize) -> f64 {
    match place.kind {
        PlaceKind::Drive if visit == 0 => 0.0,
        PlaceKind::Drive | PlaceKind::Slot => ROBOT_SECONDS + THREAD_SECONDS,
        PlaceKind::Shelf | PlaceKind::Offsite => THREAD_SECONDS,
    }
}

fn read(plan: &Plan, visit: &Visit, speed: f64) -> f64 {
    let ranges: Vec<_> = visit
        .segments
        .iter()
        .filter_map(|segment| {
            let set = plan.runs.get(segment.run).and_then(|run| plan.sets.get(run.set))?;
            Some(set.parts.get(segment.part)?.layout.bytes_on_tape(segment.start..segment.end))
        })
        .collect();
    let bytes: u64 = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
    let wound = plan.serpentines.get(&visit.tape_id).map_or(0.0, |serpentine| serpentine.way(ranges));
    wound * WIND_SECONDS + bytes as f64 / speed
}

/// `LTO-9` → 9; a cartridge of type M (`LTO-M8`) is read by the generation that made it.
fn generation(lto_type: &str) -> Option<Generation> {
    let digits = lto_type.strip_prefix("LTO-")?.trim_start_matches('M');
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    Generation::new(digits.get(..end)?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_known_by_the_names_of_formats() {
        for format in tape_drive::lto::FORMATS {
            assert!(generation(format.name).is_some(), "{}", format.name);
        }
        assert_eq!(generation("LTO-9").map(Generation::number), Some(9));
        assert!(generation("").is_none() && generation("DDS-4").is_none() && generation("LTO-99").is_none());
    }
}
