//! The order in which places of a serpentine tape are read with the least winding.
//!
//! A tape is written to and fro: LTO-9 goes along its tape 280 times. Two files that follow each other in a set may be a
//! whole length of tape apart, and two that are terabytes apart may lie side by side. So what is read in pieces is read in
//! two sweeps: away from the beginning what lies on tracks that run away from it, and on the way back what lies on those
//! that run back. The places come from the capacity and the number of tracks of the generation ([`tape_drive::lto`]):
//! an estimate (compression in the drive and rewritten blocks shift them), which costs time where it is wrong, never data.

use std::ops::Range;
use tape_drive::lto::{along_tape, wraps};

/// What is known of a cartridge's tracks.
#[derive(Debug, Clone, Copy)]
pub struct Serpentine {
    capacity: u64,
    wraps: u32,
}

impl Serpentine {
    /// A cartridge with this native capacity in bytes; `None` if it is not known.
    pub fn of(capacity: u64) -> Option<Serpentine> {
        (capacity > 0).then(|| Serpentine { capacity, wraps: wraps(capacity) })
    }

    /// Puts places, given as bytes from the beginning of the tape, in the order that needs the least winding.
    pub fn order<T>(self, mut items: Vec<T>, bytes: impl Fn(&T) -> Range<u64>) -> Vec<T> {
        items.sort_by_key(|item| bytes(item).start);
        let before = self.way(items.iter().map(&bytes));
        let mut sweeps: Vec<(usize, bool, f64)> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = bytes(item).start;
            sweeps.push((index, self.runs_back(at), self.along(at)));
        }
        sweeps.sort_by(|a, b| {
            a.1.cmp(&b.1).then_with(|| match a.1 {
                false => a.2.total_cmp(&b.2),
                true => b.2.total_cmp(&a.2),
            })
        });
        let in_sweeps = sweeps.iter().filter_map(|(index, ..)| items.get(*index)).map(&bytes);
        // Long pieces, which are read over many tracks, are best read one after the other.
        if self.way(in_sweeps) >= before {
            return items;
        }
        let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
        sweeps.into_iter().filter_map(|(index, ..)| items.get_mut(index)?.take()).collect()
    }

    /// Lengths of tape that are wound to read these places in this order, from the beginning of the tape.
    pub fn way(self, places: impl IntoIterator<Item = Range<u64>>) -> f64 {
        let mut here = 0.0;
        let mut way = 0.0;
        for place in places {
            way += (self.along(place.start) - here).abs();
            here = self.along(place.end);
        }
        way
    }

    fn along(self, at: u64) -> f64 {
        along_tape(self.capacity, self.wraps, at)
    }

    fn runs_back(self, at: u64) -> bool {
        let wrap_bytes = (self.capacity / u64::from(self.wraps.max(1))).max(1);
        !(at / wrap_bytes).is_multiple_of(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TB: u64 = 1_000_000_000_000;
    const CAPACITY: u64 = 18 * TB;
    const WRAP: u64 = CAPACITY / 280;

    fn ordered(places: &[u64]) -> Vec<u64> {
        let tape = Serpentine::of(CAPACITY).unwrap();
        tape.order(places.to_vec(), |at| *at..at + 1000)
    }

    #[test]
    fn tracks_that_run_away_are_read_on_the_way_out_and_the_others_on_the_way_back() {
        let (near, far) = (WRAP / 10, WRAP * 9 / 10);
        // tracks 0 and 2 run away from the beginning, track 1 and 3 back to it
        let places = [near, far, WRAP + near, WRAP + far, 2 * WRAP + near, 2 * WRAP + far, 3 * WRAP + far];
        assert_eq!(
            ordered(&places),
            [near, 2 * WRAP + near, far, 2 * WRAP + far, WRAP + near, WRAP + far, 3 * WRAP + far],
            "on a track that runs back, its beginning is the far end of the tape"
        );
    }

    #[test]
    fn what_follows_each_other_stays_in_order() {
        let places = [5, 17, WRAP / 2, WRAP - 1];
        assert_eq!(ordered(&[WRAP - 1, 17, WRAP / 2, 5]), places);
        assert!(ordered(&[]).is_empty());
        // pieces of many tracks each: the sweeps would go back and forth between them
        let tape = Serpentine::of(CAPACITY).unwrap();
        let long: Vec<Range<u64>> = (0..6).map(|n| n * 10 * WRAP + WRAP / 3 * n..(n + 1) * 10 * WRAP).collect();
        let order = tape.order(long.clone(), Range::clone);
        assert!(tape.way(order) <= tape.way(long));
    }

    #[test]
    fn a_thousand_files_anywhere_need_about_two_lengths_of_tape() {
        let tape = Serpentine::of(CAPACITY).unwrap();
        let mut at = 1u64;
        let places: Vec<u64> = (0..1000)
            .map(|_| {
                at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (at >> 11) % CAPACITY
            })
            .collect();
        let read = |places: Vec<u64>| tape.way(places.into_iter().map(|at| at..at));
        let mut by_block = places.clone();
        by_block.sort_unstable();
        assert!(read(by_block) > 100.0);
        assert!(read(tape.order(places, |at| *at..*at)) < 2.1);
    }

    #[test]
    fn a_cartridge_of_unknown_or_senseless_size_is_no_trouble() {
        assert!(Serpentine::of(0).is_none());
        let tiny = Serpentine::of(1).unwrap();
        assert_eq!(tiny.order(vec![u64::MAX, 0, 7], |at| *at..u64::MAX).len(), 3);
    }
}
