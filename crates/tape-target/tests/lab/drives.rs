//! The two backends for real drives against our own target: the whole conformance suite, and that nothing is lost under any
//! of the conditions that the kernel's driver hides.

use crate::conditions::{WRITE, rows};
use crate::harness::Lab;
use crate::house::*;
use tape_drive::conformance::{self, Insertion, Outcome, Profile, Wanted};
use tape_drive::{DriveErrorKind, FilemarkSync, Position, ReadOutcome, TapeDrive};
use tape_scsi::{Sense, SenseKey};
use tape_target::{Response, Rule};

const CAPACITY: u64 = 24 << 20;
const BLOCK: usize = 64 << 10;
const WRITE_FILEMARKS: u8 = 0x10;

#[test]
fn both_backends_drive_our_target() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    for name in ["drives::suite_by_generic_node", "drives::suite_by_tape_node"] {
        lab.inside(name);
    }
}

#[test]
fn neither_backend_loses_what_it_said_was_written() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    for name in ["drives::losses_by_generic_node", "drives::losses_by_tape_node"] {
        lab.inside(name);
    }
}

#[test]
#[ignore = "runs inside the lab"]
fn suite_by_generic_node() {
    suite("/dev/sg1");
}

#[test]
#[ignore = "runs inside the lab"]
fn suite_by_tape_node() {
    suite("/dev/nst0");
}

fn suite(device: &str) {
    let barcodes: Vec<String> = (1..=6).map(|number| format!("VTL{number:03}L9")).collect();
    let barcodes: Vec<&str> = barcodes.iter().map(String::as_str).collect();
    let _house = House::attached(&barcodes, CAPACITY);
    ok("mtx -f /dev/sg0 load 1 0");
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        (wanted == Wanted::Blank).then(|| {
            let mut drive = quiet(device);
            drive.erase().unwrap();
            drive.rewind().unwrap();
            drive
        })
    };
    let profile = Profile { insertion: Insertion::Silent, fill_bytes: Some(2 * CAPACITY), ..Profile::default() };
    let results = conformance::run(&mut make, &profile);
    let report: Vec<String> = results.iter().map(ToString::to_string).collect();
    let report = report.join("\n");
    println!("{report}");
    assert!(!results.iter().any(|result| matches!(result.outcome, Outcome::Failed(_))), "\n{report}");
    let passed = results.iter().filter(|result| result.outcome == Outcome::Passed).count();
    assert!(passed >= 15, "only {passed} checks could be tried:\n{report}");
}

#[test]
#[ignore = "runs inside the lab"]
fn losses_by_generic_node() {
    losses("/dev/sg1");
}

#[test]
#[ignore = "runs inside the lab"]
fn losses_by_tape_node() {
    losses("/dev/nst0");
}

fn losses(device: &str) {
    let house = House::attached(&["VTL001L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0");
    losses_in(&house, device);
}

/// Every condition at the second of three blocks: a block that was said to be written is on the tape, at its place.
pub fn losses_in(house: &House, device: &str) {
    let injection = house.injection(FIRST_DRIVE);
    let mut wrong = Vec::new();
    for row in rows() {
        let mut drive = quiet(device);
        drive.rewind().unwrap();
        let mut written = Vec::new();
        for number in 0..3u8 {
            if number == 1 {
                injection.add(row.rule.clone());
            }
            match drive.write_block(&[number; BLOCK]) {
                Ok(_) => written.push(number),
                // What a job does: it ends here.
                Err(_) => break,
            }
        }
        let hit = injection.pending() == 0;
        injection.clear();
        let lost = row.name.starts_with("LOST") && written.len() != 1;
        drop(drive);
        let mut drive = quiet(device);
        let mut buffer = vec![0; BLOCK];
        drive.locate(Position::START).unwrap();
        for &number in &written {
            let found = drive.read_block(&mut buffer);
            let right = matches!(found, Ok(ReadOutcome::Block(BLOCK))) && buffer.iter().all(|&byte| byte == number);
            if !right {
                wrong.push(format!("{}: block {number} was said to be written and is {found:?}", row.name));
            }
        }
        if !hit || lost {
            wrong.push(format!("{}: it was not noticed: {written:?}", row.name));
        }
    }
    // A filemark that the driver says was written.
    let unwritten = Sense::new(SenseKey::NoSense, 0, 2).at_end_of_medium().with_information(1);
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    drive.write_block(&[9; BLOCK]).unwrap();
    injection.add(Rule::refuse(WRITE_FILEMARKS, Response::Check(unwritten)));
    if let Ok(outcome) = drive.write_filemarks(1, FilemarkSync::Flush) {
        wrong.push(format!("a filemark that was not written: {outcome:?}"));
    }
    injection.clear();
    drop(drive);

    // A cartridge that may have been exchanged under an open drive.
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    drive.write_block(&[9; BLOCK]).unwrap();
    injection.add(Rule::refuse(WRITE, Response::Check(Sense::new(SenseKey::UnitAttention, 0x28, 0))));
    let error = drive.write_block(&[9; BLOCK]).unwrap_err();
    let told = matches!(error.kind, DriveErrorKind::MediumChanged | DriveErrorKind::Deferred);
    assert!(told, "an exchange is told as {:?}: {error}", error.kind);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
