//! A library that does not do what it is told, and says what is not so; cartridges that are not what their bar codes say.

use crate::device;
use crate::house::{Hands, House, Kind, Variant, tapes};
use crate::judge;
use crate::seed::Seed;
use std::path::Path;
use tape_drive::Operation;
use tape_drive::fault::{Condition, Fault, FaultPlan, NoReply, Repeat, Robot, When};
use tape_drive::virt::Place;
use tape_drive::virt::library;

/// Commands of a changer while the job runs, more or less.
const COMMANDS: u64 = 24;

/// What a changer does, or says.
fn conditions() -> Vec<Condition> {
    let robots = Robot::ALL.iter().map(|robot| Condition::Robot(*robot));
    let others = [Condition::HardwareError, Condition::MediumChanged, Condition::NoReply(NoReply::CarriedOut)];
    robots.chain(others).chain([Condition::NoReply(NoReply::Lost), Condition::Reset, Condition::Aborted]).collect()
}

/// One fault at this command of the changer, or at the next that can have it; in each round another one. Whether it happened.
pub fn at(variant: Variant, number: u64, round: u64) -> bool {
    let all = conditions();
    let condition = all[((number + round) % all.len() as u64) as usize];
    let plan = FaultPlan::nth(number, condition);
    let what = format!("{variant}, {condition:?} at command {number} of the changer");
    device::with(variant, &FaultPlan::default(), Some(&plan), &what)
}

/// What a changer does at one command, or from then on.
fn plan(seed: &mut Seed) -> FaultPlan {
    let all = conditions();
    let condition = all[seed.below(all.len() as u64) as usize];
    let repeat = if seed.below(4) == 0 { Repeat::Always } else { Repeat::Once };
    let when = match condition {
        Condition::Robot(Robot::Gripped | Robot::Arrived) => {
            When::CommandOf { number: 1 + seed.below(6), operation: Operation::Move }
        }
        _ => When::Command { number: 1 + seed.below(COMMANDS) },
    };
    FaultPlan { seed: None, faults: vec![Fault { when, condition, repeat }] }
}

/// One kind of misbehaviour.
pub fn misbehaves(variant: Variant, seed: &mut Seed) {
    let plan = plan(seed);
    let what = format!("{variant}, the changer: {:?}", plan.faults);
    device::with(variant, &FaultPlan::default(), Some(&plan), &what);
}

/// The tapes in two cartridges are exchanged: the bar codes are right, and the labels behind them are not. Afterwards
/// somebody puts that right.
pub fn wrong_labels(variant: Variant, seed: &mut Seed) {
    let names: Vec<String> = tapes().collect();
    // one of them has the set that is committed, or the run would begin with it
    let (one, other) = (0, 1 + seed.below(names.len() as u64 - 1) as usize);
    let what = format!("{variant}, the tapes of {} and {} are exchanged", names[one], names[other]);
    let mut house = House::new(variant);
    exchange(&house.library(), &names[one], &names[other]);
    assert!(house.start(), "{what}");
    house.run();
    house.ended().unwrap_or_else(|| panic!("{what}: the server died"));
    assert!(house.stop(), "{what}");
    exchange(&house.library(), &names[one], &names[other]);
    assert!(house.start(), "{what}");
    judge::holds(&mut house, &what);
}

fn exchange(library: &Path, one: &str, other: &str) {
    for extension in ["tap", "idx"] {
        let file = |name: &str| library.join(format!("cartridges/{name}.{extension}"));
        let aside = library.join("aside");
        let _ = std::fs::rename(file(one), &aside);
        let _ = std::fs::rename(file(other), file(one));
        let _ = std::fs::rename(&aside, file(other));
    }
}

/// Somebody takes one cartridge out and exchanges two others while the server runs, and the library does not say so.
pub fn moved_by_hand(variant: Variant, seed: &mut Seed) {
    let mut names: Vec<String> = tapes().collect();
    let mut pick = || names.swap_remove(seed.below(names.len() as u64) as usize);
    let (gone, one, other) = (pick(), pick(), pick());
    let what = format!("{variant}, {gone} is taken out, and {one} and {other} change places");
    let mut house = House::new(variant);
    assert!(house.start(), "{what}");
    let library = house.library();
    let in_slots = |name: &str| {
        let state = library::read(&library).unwrap();
        let at = state.slots.iter().position(|slot| slot.cartridge.as_deref() == Some(name));
        at.map(|at| Place::Slot(at as u16))
    };
    if let (Some(a), Some(b)) = (in_slots(&one), in_slots(&other)) {
        library::put(&library, &one, Place::Shelf).unwrap();
        library::put(&library, &other, a).unwrap();
        library::put(&library, &one, b).unwrap();
    }
    // one that is in a drive stays there
    if in_slots(&gone).is_some() {
        library::put(&library, &gone, Place::Shelf).unwrap();
    }
    house.run();
    house.ended().unwrap_or_else(|| panic!("{what}: the server died"));
    if in_slots(&gone).is_none() {
        let _ = library::put(&library, &gone, Place::AnySlot);
    }
    house.end_faults();
    house.api.post("/api/v1/libraries/1/inventory", serde_json::json!({})).ok();
    judge::holds(&mut house, &what);
}

/// One of all, for the soak.
pub fn any(variant: Variant, seed: &mut Seed) {
    match seed.below(6) {
        0 => wrong_labels(variant, seed),
        1 => moved_by_hand(variant, seed),
        _ => misbehaves(variant, seed),
    }
}

const LIBRARY: Variant = Variant { kind: Kind::Plain, hands: Hands::Library };

#[test]
fn a_changer_misbehaves_in_some_ways() {
    let mut seed = Seed::new("robot");
    for variant in [LIBRARY, Variant::two_drives(Kind::Encrypted)] {
        for _ in 0..2 {
            misbehaves(variant, &mut seed);
        }
    }
}

#[test]
fn a_cartridge_that_stays_in_the_gripper_costs_no_data() {
    let plan = FaultPlan::nth_of(2, Operation::Move, Condition::Robot(Robot::Gripped));
    device::with(LIBRARY, &FaultPlan::default(), Some(&plan), "a cartridge stays in the gripper");
}

#[test]
fn no_tape_is_written_for_another() {
    let mut seed = Seed::new("wrong labels");
    wrong_labels(LIBRARY, &mut seed);
    moved_by_hand(Variant::two_drives(Kind::Plain), &mut seed);
}
