//! Where the kernel's driver, or a cartridge that somebody exchanges, would make a program believe what is not so: both
//! backends must not. What is read is what was written there, or an error; a filemark that was written is there; what is
//! written goes onto the cartridge that it was meant for.

use crate::harness::Lab;
use crate::house::*;
use tape_drive::{FilemarkSync, Position, ReadOutcome};
use tape_scsi::{Sense, SenseKey};
use tape_target::{Response, Rule};

const BLOCK: usize = 64 << 10;
const READ: u8 = 0x08;
const WRITE_FILEMARKS: u8 = 0x10;
const BLOCKS: u8 = 5;

#[test]
fn scsi_generic_believes_nothing_that_is_not_so() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("dangers::by_generic_node");
}

#[test]
fn the_tape_driver_is_believed_nothing_that_is_not_so() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("dangers::by_tape_node");
}

#[test]
#[ignore = "runs inside the lab"]
fn by_generic_node() {
    all("/dev/sg1");
}

#[test]
#[ignore = "runs inside the lab"]
fn by_tape_node() {
    all("/dev/nst0");
}

fn all(device: &str) {
    let house = House::attached(&["VTL001L9", "VTL002L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0");
    reads(&house, device);
    filemarks(&house, device);
    exchanged(&house, device);
}

fn eom(sense: Sense) -> Sense {
    sense.at_end_of_medium()
}

/// What happens to a command, by a name.
pub type Named = (&'static str, Rule);

/// What can be said to a READ.
pub fn read_rows() -> Vec<Named> {
    use SenseKey::*;
    let all = BLOCK as u64;
    let medium = Sense::new(MediumError, 0x11, 0x00);
    let refuse = |sense| Rule::refuse(READ, Response::Check(sense));
    vec![
        ("medium error", refuse(medium)),
        ("medium error, all missing", refuse(medium.with_information(all))),
        // The driver returns 0 bytes here, as for a filemark.
        ("medium error with ILI", refuse(Sense { ili: true, ..medium }.with_information(all))),
        ("medium error at the end of the tape", refuse(eom(medium).with_information(all))),
        ("hardware error", refuse(Sense::new(HardwareError, 0x15, 0x01))),
        ("deferred error", refuse(medium.deferred())),
        ("key missing", refuse(Sense::new(DataProtect, 0x74, 0x01))),
        ("becoming ready", refuse(Sense::new(NotReady, 0x04, 0x01))),
        ("aborted", refuse(Sense::new(AbortedCommand, 0x4b, 0x00))),
        ("medium may have changed", refuse(Sense::new(UnitAttention, 0x28, 0x00))),
        ("blank in the middle", refuse(Sense::new(BlankCheck, 0x00, 0x05))),
        ("reservation conflict", Rule::refuse(READ, Response::Status(0x18))),
        ("busy", Rule::refuse(READ, Response::Status(0x08))),
        ("recovered error", Rule::execute(READ, Response::Check(Sense::new(RecoveredError, 0x17, 0x00)))),
        (
            "past early warning",
            Rule::execute(READ, Response::Check(eom(Sense::new(NoSense, 0, 2)).with_information(0))),
        ),
        ("reset", refuse(Sense::new(UnitAttention, 0x29, 0x00))),
        ("no cartridge", refuse(Sense::new(NotReady, 0x3a, 0x00))),
        ("task set full", Rule::refuse(READ, Response::Status(0x28))),
        ("check condition without sense data", Rule::refuse(READ, Response::Status(0x02))),
    ]
}

/// Reads of the third of five blocks that go wrong in every way.
pub fn reads(house: &House, device: &str) {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    for number in 0..BLOCKS {
        drive.write_block(&[number; BLOCK]).unwrap();
    }
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drop(drive);
    let injection = house.injection(FIRST_DRIVE);
    let mut wrong = Vec::new();
    for (name, rule) in read_rows() {
        let mut drive = quiet(device);
        drive.locate(Position::START).unwrap();
        let mut buffer = vec![0xff; BLOCK];
        for number in 0..BLOCKS {
            if number == 2 {
                injection.add(rule.clone());
            }
            let at = drive.position().unwrap().at.block;
            buffer.fill(0xff);
            match drive.read_block(&mut buffer) {
                Ok(ReadOutcome::Block(BLOCK)) if buffer.iter().all(|&byte| u64::from(byte) == at) => {}
                // The drive itself says so.
                Ok(ReadOutcome::EndOfData) if name.starts_with("blank") => break,
                Ok(found) => wrong.push(format!("{name}: at {at} there is {found:?}, beginning with {}", buffer[0])),
                Err(_) => {
                    // Wherever the tape is now: what comes next is what belongs there.
                    while drive.status().is_err() {}
                }
            }
        }
        if injection.pending() > 0 {
            wrong.push(format!("{name}: no read reached the drive"));
        }
        injection.clear();
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What can be said to a WRITE FILEMARKS.
pub fn filemark_rows() -> Vec<Named> {
    use SenseKey::*;
    let medium = Sense::new(MediumError, 0x0c, 0x00);
    let refuse = |sense| Rule::refuse(WRITE_FILEMARKS, Response::Check(sense));
    let execute = |sense| Rule::execute(WRITE_FILEMARKS, Response::Check(sense));
    vec![
        ("early warning, written", execute(eom(Sense::new(NoSense, 0, 2)).with_information(0))),
        ("recovered", execute(Sense::new(RecoveredError, 0x0c, 0x00))),
        // The driver reports success here.
        ("LOST: end of medium", refuse(eom(Sense::new(NoSense, 0, 2)).with_information(1))),
        ("LOST: medium error", refuse(medium)),
        ("LOST: deferred error", refuse(medium.deferred())),
        ("LOST: deferred error at the end", refuse(eom(medium.deferred()))),
        ("LOST: hard end", refuse(eom(Sense::new(VolumeOverflow, 0, 2)).with_information(1))),
        ("LOST: another cartridge", refuse(Sense::new(UnitAttention, 0x28, 0x00))),
        ("LOST: reset", refuse(Sense::new(UnitAttention, 0x29, 0x00))),
        ("LOST: aborted", refuse(Sense::new(AbortedCommand, 0x4b, 0x00))),
        ("LOST: reservation conflict", Rule::refuse(WRITE_FILEMARKS, Response::Status(0x18))),
        ("early warning, not VALID", execute(eom(Sense::new(NoSense, 0, 2)))),
        ("deferred early warning, written", execute(eom(Sense::new(NoSense, 0, 2)).deferred().with_information(0))),
        ("LOST: hardware error", refuse(Sense::new(HardwareError, 0x44, 0x00))),
        ("LOST: not ready", refuse(Sense::new(NotReady, 0x04, 0x01))),
        ("LOST: write protected", refuse(Sense::new(DataProtect, 0x27, 0x00))),
        ("LOST: check condition without sense data", Rule::refuse(WRITE_FILEMARKS, Response::Status(0x02))),
        ("busy", Rule::refuse(WRITE_FILEMARKS, Response::Status(0x08))),
    ]
}

/// A filemark behind a block, which goes wrong in every way: if it is said to be written, it is there. Also one that is not
/// waited for, once it was flushed.
pub fn filemarks(house: &House, device: &str) {
    let injection = house.injection(FIRST_DRIVE);
    let mut wrong = Vec::new();
    let syncs = [FilemarkSync::Flush, FilemarkSync::Immediate];
    let all = filemark_rows().into_iter().flat_map(|row| syncs.map(|sync| (row.clone(), sync)));
    for ((name, rule), sync) in all {
        let mut drive = quiet(device);
        drive.rewind().unwrap();
        drive.write_block(&[7; BLOCK]).unwrap();
        injection.add(rule);
        let told = drive.write_filemarks(1, sync);
        if injection.pending() > 0 {
            wrong.push(format!("{name}: no WRITE FILEMARKS reached the drive"));
        }
        injection.clear();
        if name.starts_with("LOST") && told.is_ok() {
            wrong.push(format!("{name} ({sync:?}): {told:?}"));
        }
        drop(drive);
        let mut drive = quiet(device);
        drive.locate(Position::START).unwrap();
        let mut buffer = vec![0; BLOCK];
        let block = drive.read_block(&mut buffer);
        let mark = drive.read_block(&mut buffer);
        if told.is_ok()
            && !(matches!(block, Ok(ReadOutcome::Block(BLOCK))) && matches!(mark, Ok(ReadOutcome::Filemark)))
        {
            wrong.push(format!("{name}: said {told:?}, and there is {block:?}, {mark:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Somebody takes the cartridge out of an open drive and puts another one in: nothing is written to that.
pub fn exchanged(house: &House, device: &str) {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    drive.write_block(&[1; BLOCK]).unwrap();
    drive.write_filemarks(0, FilemarkSync::Flush).unwrap();
    house.target.eject(FIRST_DRIVE).unwrap();
    ok("mtx -f /dev/sg0 unload 1 0; mtx -f /dev/sg0 load 2 0");
    let first = drive.write_block(&[2; BLOCK]);
    assert!(first.is_err(), "{first:?}");
    drop(drive);
    let mut drive = quiet(device);
    let found = drive.read_block(&mut vec![0; BLOCK]);
    assert!(matches!(found, Ok(ReadOutcome::EndOfData)), "the other cartridge is as blank as it was: {found:?}");
}
