//! A part that was cut off is ended at its checkpoint by the next start, and something goes wrong there too: a command of the
//! drive fails, the tape has no room behind the checkpoint, or the server is killed once more. What was flushed still counts.

use crate::breakpoints::Breakpoint;
use crate::house::{Hands, House, Kind, Variant};
use crate::judge;
use crate::safe::{Safe, checkpoints};
use std::path::PathBuf;
use tape_drive::Operation::{Write, WriteFilemarks};
use tape_drive::fault::Condition::{Aborted, HardwareError, MediumError, Reset, VolumeOverflow};
use tape_drive::fault::{Fault, FaultPlan, Repeat, When};

/// The server was killed when a part had two checkpoints; it is down.
fn cut_off(variant: Variant) -> House {
    let mut house = House::new(variant);
    // all of the set fits on a tape
    house.set_capacity(64 << 20, 1 << 20);
    assert!(house.start());
    killed_at(&mut house, "after a checkpoint was stored", 2);
    house
}

/// Kills the server, which is up and idle or about to start, at a place of the run.
fn killed_at(house: &mut House, place: &str, nth: u64) {
    house.arm(&Breakpoint { place: place.into(), nth });
    if house.child.is_some() {
        house.run();
    } else {
        house.start();
    }
    let row = house.ended();
    assert!(row.is_none(), "{place:?} was not passed {nth} times: {row:?}");
    house.kill();
    assert!(house.disarm().is_some(), "the server died by itself");
}

fn faults(house: &House) -> PathBuf {
    house.library().join("drive0.faults")
}

/// Lets the run go on and complete; its set is as its source.
fn goes_on(house: &mut House, what: &str) {
    assert!(house.start(), "{what}");
    let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died without a fault"));
    assert_eq!(row["status"], "completed", "{what}: it goes on by itself: {row}");
    house.stop();
    let _ = std::fs::remove_file(faults(house));
    assert!(house.start(), "{what}");
    judge::restored(house, &row["result"]["backup_set_id"], "source", what);
    assert!(house.stop(), "{what}: an orderly end");
}

fn library(kind: Kind) -> Variant {
    Variant { kind, hands: Hands::Library }
}

/// A drive that once does not do what it was told costs nothing that was flushed.
#[test]
fn a_command_fails_while_a_part_is_ended_at_its_checkpoint() {
    for (kind, plan) in [
        (Kind::Plain, FaultPlan::nth_of(1, Write, Aborted)),
        (Kind::Plain, FaultPlan::nth_of(2, WriteFilemarks, Reset)),
        (Kind::Plain, FaultPlan::from_block(9, MediumError)),
        (Kind::Encrypted, FaultPlan::nth_of(2, Write, Aborted)),
        (Kind::Encrypted, FaultPlan::nth_of(2, WriteFilemarks, Aborted)),
        (Kind::Encrypted, FaultPlan::from_block(9, HardwareError)),
    ] {
        let variant = library(kind);
        let what = format!("{variant}, at the next start {:?}", plan.faults);
        let mut house = cut_off(variant);
        let safe = Safe::look(&house, variant);
        std::fs::write(faults(&house), serde_json::to_vec(&plan).unwrap()).unwrap();
        goes_on(&mut house, &what);
        safe.was_kept(&house, &what);
    }
}

/// The second time it is killed while the part is being ended: after the data, after the table of contents, and after both but
/// before the database knows.
#[test]
fn the_server_is_killed_again_while_a_part_is_ended_at_its_checkpoint() {
    for (kind, place, nth) in [
        (Kind::Plain, "before a command of a drive: write a filemark", 2),
        (Kind::Encrypted, "before a command of a drive: write a filemark", 2),
        (Kind::Plain, "before a command of a drive: lock the medium", 3),
        (Kind::Encrypted, "before a command of a drive: lock the medium", 3),
    ] {
        let variant = library(kind);
        let what = format!("{variant}, killed again at {place:?}, time {nth}");
        let mut house = cut_off(variant);
        let safe = Safe::look(&house, variant);
        killed_at(&mut house, place, nth);
        goes_on(&mut house, &what);
        safe.was_kept(&house, &what);
    }
}

/// The tape has no room behind the last checkpoint, so the part is ended at an earlier one; the server is killed when that is
/// half done. From then on only the earlier one counts, and it does.
#[test]
fn the_server_is_killed_while_a_part_is_ended_at_an_earlier_checkpoint() {
    for kind in [Kind::Plain, Kind::Encrypted] {
        for nth in [2, 3] {
            let variant = library(kind);
            let what = format!("{variant}, no room behind the last checkpoint, killed before filemark {nth}");
            let mut house = cut_off(variant);
            let checkpoints = checkpoints(&house);
            let [last, earlier, ..] = &checkpoints[..] else { panic!("{what}: {checkpoints:?}") };
            // the block of the checkpoint still fits, and nothing behind it
            let number = |name: &str| last[name].as_u64().unwrap();
            let block = number("first_block") + number("stream_end").div_ceil(number("block_size"));
            let fault = Fault { when: When::From { block }, condition: VolumeOverflow, repeat: Repeat::Always };
            let plan = FaultPlan { seed: None, faults: vec![fault] };
            std::fs::write(faults(&house), serde_json::to_vec(&plan).unwrap()).unwrap();
            killed_at(&mut house, "before a command of a drive: write a filemark", nth);
            goes_on(&mut house, &what);
            assert_eq!(first_part_ends(&house), earlier["tar_end"].as_u64(), "{what}: {checkpoints:?}");
        }
    }
}

/// Offset in the tar stream at which the first part of the set of job 1 ends.
fn first_part_ends(house: &House) -> Option<u64> {
    crate::safe::parts(house).first().copied()
}
