//! All of it, for as long as `SOAK_SECONDS` says.

use crate::house::{Hands, Variant};
use crate::kill::{self, Loss};
use crate::seed::Seed;
use crate::{capacity, device, robot};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// The server is killed at a device command or a commit.
    Killed,
    /// The same, and the drives' buffers are lost.
    PowerCut,
    /// One command of each drive fails.
    Command,
    /// Several commands of drives and changer fail.
    Commands,
    /// The library does not do what it is told, or says what is not so.
    Robot,
    /// Tapes end anywhere.
    Capacity,
}

const TROUBLES: [Trouble; 7] = [
    Trouble::Killed,
    Trouble::Command,
    Trouble::PowerCut,
    Trouble::Robot,
    Trouble::Killed,
    Trouble::Commands,
    Trouble::Capacity,
];

/// What came of it.
#[derive(Debug, Default)]
struct Count {
    runs: u64,
    faults: u64,
    violations: u64,
}

/// One run; whether anything went wrong on the way. `turn` counts the runs of its kind: places, commands and capacities are
/// gone through one after the other, in wide steps, so that a long soak has had them all.
fn one(variant: Variant, trouble: Trouble, turn: u64, seed: &mut Seed) -> bool {
    let walk = |all: u64, seed: &mut Seed| 1 + (turn * 61 + seed.first % all) % all;
    match trouble {
        Trouble::Killed => return kill::at(variant, walk(kill::PLACES, seed), Loss::Process),
        Trouble::PowerCut => return kill::at(variant, walk(kill::PLACES, seed), Loss::Power),
        Trouble::Command => device::one(variant, walk(device::COMMANDS, seed), seed),
        Trouble::Commands => device::several(variant, seed),
        Trouble::Robot => robot::any(variant, seed),
        Trouble::Capacity => capacity::at(variant, walk(capacity::STEPS, seed), seed),
    }
    true
}

/// Run by `make soak`. Ends in lines of JSON: one for each way to change tapes and each kind of trouble, and one for all.
#[test]
#[ignore = "make soak SECONDS=n"]
fn soak() {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let until = Instant::now() + Duration::from_secs(seconds);
    let first = Seed::new("soak").first;
    let mut counts: BTreeMap<(String, Trouble), Count> = BTreeMap::new();
    for round in 0.. {
        if Instant::now() >= until {
            break;
        }
        // each round can be run again by itself: it depends on this number only
        let number = first.wrapping_add(round);
        let mut seed = Seed::of(number);
        let variant = Variant::ALL[(number % Variant::ALL.len() as u64) as usize];
        let mut trouble = TROUBLES[(number / 6 % TROUBLES.len() as u64) as usize];
        if variant.hands == Hands::Operator && trouble == Trouble::Robot {
            trouble = Trouble::Commands;
        }
        let turn = number / (6 * TROUBLES.len() as u64);
        let run = catch_unwind(AssertUnwindSafe(|| one(variant, trouble, turn, &mut seed)));
        let count = counts.entry((format!("{:?}", variant.hands), trouble)).or_default();
        count.runs += 1;
        match run {
            Ok(fault) => count.faults += u64::from(fault),
            Err(_) => {
                count.violations += 1;
                println!("violation: {variant}, {trouble:?}: TAPEBACKARR_SEED={number}");
            }
        }
    }
    let mut all = Count::default();
    for ((hands, trouble), Count { runs, faults, violations }) in &counts {
        all = Count { runs: all.runs + runs, faults: all.faults + faults, violations: all.violations + violations };
        println!(
            "{{\"tapes_changed_by\":\"{hands}\",\"trouble\":\"{trouble:?}\",\"runs\":{runs},\"faults\":{faults},\
             \"violations\":{violations}}}"
        );
    }
    let Count { runs, faults, violations } = all;
    println!("{{\"runs\":{runs},\"faults\":{faults},\"violations\":{violations},\"seed\":{first}}}");
    assert_eq!(violations, 0);
}
