//! What a host meets besides failed transfers: the ends of a tape, places to go to, attentions, cartridges that come and go,
//! other programs, blocks of every size. The same for both backends: whatever the kernel's driver counts or hides, the
//! backend says what is so, and goes on with what is in the drive.

use crate::dangers::exchanged;
use crate::harness::Lab;
use crate::house::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tape_drive::DriveErrorKind as Kind;
use tape_drive::virt::cartridge::WriteProtection;
use tape_drive::virt::library;
use tape_drive::{DriveState, FilemarkSync, Position, ReadOutcome, TapeDrive, make_ready, open_drive};
use tape_scsi::{Sense, SenseKey};
use tape_target::{Response, Rule};

const BLOCK: usize = 64 << 10;

#[test]
fn scsi_generic_is_right_on_every_occasion() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("occasions::by_generic_node");
}

#[test]
fn the_tape_driver_is_right_on_every_occasion() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("occasions::by_tape_node");
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

type Occasion = fn(&House, &str);

/// By name.
pub const ALL: [(&str, Occasion); 33] = [
    ("a filemark", filemark),
    ("the end of data", end_of_data),
    ("a block shorter than asked for", shorter),
    ("a block longer than asked for", longer),
    ("filemarks are passed beyond the last", beyond_the_last_filemark),
    ("filemarks are passed before the first", before_the_first_filemark),
    ("every place is sought", every_place),
    ("a place behind the end is sought", behind_the_end),
    ("the end of data is sought from elsewhere", end_from_elsewhere),
    ("passing filemarks fails", |house, device| motion_fails(house, device, &[0x11, 0x91], medium())),
    ("passing filemarks tells a deferred error", |house, device| {
        motion_fails(house, device, &[0x11, 0x91], deferred())
    }),
    ("seeking fails", |house, device| motion_fails(house, device, &[0x2b, 0x92], medium())),
    ("seeking tells a deferred error", |house, device| motion_fails(house, device, &[0x2b, 0x92], deferred())),
    ("rewinding fails", |house, device| motion_fails(house, device, &[0x01], medium())),
    ("rewinding tells a deferred error", |house, device| motion_fails(house, device, &[0x01], deferred())),
    ("asking for the position tells a deferred error", |house, device| position_tells(house, device, deferred())),
    ("asking for the position tells of another cartridge", |house, device| {
        position_tells(house, device, Sense::new(SenseKey::UnitAttention, 0x28, 0));
    }),
    ("opening tells a deferred error at TEST UNIT READY", |house, device| opening_tells(house, device, 0x00)),
    ("opening tells a deferred error at READ BLOCK LIMITS", |house, device| opening_tells(house, device, 0x05)),
    ("opening tells a deferred error at MODE SENSE", |house, device| opening_tells(house, device, 0x1a)),
    ("a drive that becomes ready is opened", becoming_ready_at_opening),
    ("a drive becomes not ready while it is open", becoming_ready_while_open),
    ("a drive is empty", empty),
    ("a drive is emptied while it is open", emptied),
    ("a cartridge is exchanged while the drive is open", exchanged),
    ("a write-protected cartridge", write_protected),
    ("another program has the drive", taken),
    ("another program took the word of another cartridge", |house, device| word_taken(house, device, 0x28)),
    ("another program took the word of a reset", |house, device| word_taken(house, device, 0x29)),
    ("blocks of every size", sizes),
    ("a block over the limit", over_the_limit),
    ("blocks from memory at odd addresses", odd_addresses),
    ("a tape is filled to its end", full),
];

fn all(device: &str) {
    let house = House::attached(&["VTL001L9", "VTL002L9"], 64 << 20);
    let mut wrong = Vec::new();
    for (name, occasion) in ALL {
        ok("mtx -f /dev/sg0 load 1 0");
        if catch_unwind(AssertUnwindSafe(|| occasion(&house, device))).is_err() {
            wrong.push(name);
        }
        house.injection(FIRST_DRIVE).clear();
        // Whoever had an open drive has closed it by now.
        wait_for("the drive to eject", || house.target.eject(FIRST_DRIVE).is_ok());
        sh("mtx -f /dev/sg0 unload 1 0 || mtx -f /dev/sg0 unload 2 0");
        library::set_write_protection(&house.library(), "VTL001L9", WriteProtection::Off).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {} on {device}: {wrong:#?}", wrong.len(), ALL.len());
}

fn medium() -> Sense {
    Sense::new(SenseKey::MediumError, 0x11, 0x00)
}

fn deferred() -> Sense {
    Sense::new(SenseKey::MediumError, 0x0c, 0x00).deferred()
}

fn refuse(house: &House, opcodes: &[u8], sense: Sense) {
    let rule = Rule { opcodes: opcodes.to_vec(), ..Rule::refuse(0, Response::Check(sense)) };
    house.injection(FIRST_DRIVE).add(rule);
}

/// Two files of three blocks, each block with its number; the tape is at the end: object 8.
fn two_files(device: &str) -> Box<dyn TapeDrive> {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    for number in [0, 1, 2, 4, 5, 6] {
        drive.write_block(&[number; BLOCK]).unwrap();
        if number % 4 == 2 {
            drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
        }
    }
    drive
}

/// The block at this object is the one that was written there.
#[track_caller]
fn is_there(drive: &mut dyn TapeDrive, number: u8) {
    drive.locate(Position::block(number.into())).unwrap();
    reads(drive, number);
}

#[track_caller]
fn reads(drive: &mut dyn TapeDrive, number: u8) {
    let mut buffer = vec![0xff; BLOCK];
    assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(BLOCK));
    assert!(buffer.iter().all(|&byte| byte == number), "{number} should be here, not {}", buffer[0]);
}

#[track_caller]
fn is_at(drive: &mut dyn TapeDrive, block: u64) {
    assert_eq!(drive.position().unwrap().at, Position::block(block));
}

fn filemark(_: &House, device: &str) {
    let mut drive = two_files(device);
    drive.locate(Position::block(3)).unwrap();
    assert_eq!(drive.read_block(&mut [0; BLOCK]).unwrap(), ReadOutcome::Filemark);
    is_at(drive.as_mut(), 4);
    reads(drive.as_mut(), 4);
}

fn end_of_data(_: &House, device: &str) {
    let mut drive = two_files(device);
    for _ in 0..3 {
        assert_eq!(drive.read_block(&mut [0; BLOCK]).unwrap(), ReadOutcome::EndOfData);
        is_at(drive.as_mut(), 8);
    }
    // And it can be written on.
    drive.write_block(&[8; BLOCK]).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    is_there(drive.as_mut(), 8);
}

fn shorter(_: &House, device: &str) {
    let mut drive = two_files(device);
    drive.rewind().unwrap();
    let mut buffer = vec![0xff; 4 * BLOCK];
    assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(BLOCK));
    assert!(buffer[..BLOCK].iter().all(|&byte| byte == 0));
    is_at(drive.as_mut(), 1);
}

fn longer(_: &House, device: &str) {
    let mut drive = two_files(device);
    drive.rewind().unwrap();
    let error = drive.read_block(&mut [0; 512]).unwrap_err();
    assert!(matches!(error.kind, Kind::BlockTooLong { .. }), "{error}");
    reads(drive.as_mut(), 1);
}

fn beyond_the_last_filemark(_: &House, device: &str) {
    let mut drive = two_files(device);
    drive.locate(Position::block(1)).unwrap();
    assert_eq!(drive.space_filemarks(3).unwrap_err().kind, Kind::BlankCheck);
    is_at(drive.as_mut(), 8);
    is_there(drive.as_mut(), 5);
}

fn before_the_first_filemark(_: &House, device: &str) {
    let mut drive = two_files(device);
    drive.locate(Position::block(6)).unwrap();
    assert_eq!(drive.space_filemarks(-2).unwrap_err().kind, Kind::BlankCheck);
    is_at(drive.as_mut(), 0);
    reads(drive.as_mut(), 0);
}

fn every_place(_: &House, device: &str) {
    let mut drive = two_files(device);
    for number in [6, 0, 4, 2, 5, 1] {
        is_there(drive.as_mut(), number);
        is_at(drive.as_mut(), u64::from(number) + 1);
    }
    drive.locate(Position::block(7)).unwrap();
    assert_eq!(drive.read_block(&mut [0; BLOCK]).unwrap(), ReadOutcome::Filemark);
    drive.rewind().unwrap();
    assert!(drive.position().unwrap().beginning);
}

fn behind_the_end(_: &House, device: &str) {
    let mut drive = two_files(device);
    assert_eq!(drive.locate(Position::block(100)).unwrap_err().kind, Kind::BlankCheck);
    is_at(drive.as_mut(), 8);
    is_there(drive.as_mut(), 1);
}

fn end_from_elsewhere(_: &House, device: &str) {
    let mut drive = two_files(device);
    for from in [0, 3, 5] {
        drive.locate(Position::block(from)).unwrap();
        drive.space_to_end_of_data().unwrap();
        is_at(drive.as_mut(), 8);
    }
    drive.write_block(&[8; BLOCK]).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    is_there(drive.as_mut(), 8);
    is_there(drive.as_mut(), 6);
}

/// A motion fails. Whatever is said of it: what is read afterwards is what belongs to where the drive says it is, and what is
/// written goes where it should.
fn motion_fails(house: &House, device: &str, opcodes: &[u8], sense: Sense) {
    let mut drive = two_files(device);
    drive.locate(Position::block(5)).unwrap();
    refuse(house, opcodes, sense);
    let told = match opcodes[0] {
        0x11 => drive.space_filemarks(-1),
        0x01 => drive.rewind(),
        _ => drive.locate(Position::block(2)),
    };
    assert_eq!(house.injection(FIRST_DRIVE).pending(), 0, "nothing of the kind was sent");
    let expected = match (opcodes[0], &told) {
        // Where it was done again and succeeded.
        (0x11, Ok(())) => Some(3),
        (0x01, Ok(())) => Some(0),
        (_, Ok(())) => Some(2),
        (_, Err(_)) => None,
    };
    let at = drive.position().unwrap().at.block;
    assert!(expected.is_none_or(|expected| expected == at), "{told:?}, and it is at {at}");
    if at % 4 != 3 {
        reads(drive.as_mut(), at as u8);
    }
    drive.space_to_end_of_data().unwrap();
    is_at(drive.as_mut(), 8);
    drive.write_block(&[8; BLOCK]).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    for number in [0, 6, 8] {
        is_there(drive.as_mut(), number);
    }
}

fn position_tells(house: &House, device: &str, sense: Sense) {
    let mut drive = two_files(device);
    refuse(house, &[0x34], sense);
    let told = drive.position().unwrap_err();
    assert!(matches!(told.kind, Kind::Deferred | Kind::MediumChanged), "{told}");
    // Nothing is written blindly: it is refused, or it is where it belongs.
    let written = drive.write_block(&[8; BLOCK]).is_ok();
    drop(drive);
    let mut drive = quiet(device);
    is_there(drive.as_mut(), 6);
    if written {
        is_there(drive.as_mut(), 8);
    }
}

fn opening_tells(house: &House, device: &str, opcode: u8) {
    drop(two_files(device));
    refuse(house, &[opcode], deferred());
    // It may be told to the kernel's driver, which keeps it to itself: of what this program wrote nothing was unflushed.
    let mut told = Vec::new();
    let mut drive = loop {
        match open_drive(device) {
            Ok(drive) => break drive,
            Err(error) => told.push(error.kind),
        }
        assert!(told.len() < 3, "{told:?}");
    };
    let mut buffer = vec![0xff; BLOCK];
    while let Err(error) = drive.locate(Position::block(6)).and_then(|()| drive.read_block(&mut buffer)) {
        told.push(error.kind);
        assert!(told.len() < 3, "{told:?}");
    }
    assert!(buffer.iter().all(|&byte| byte == 6));
    // An open that fails is told as the operating system's refusal.
    assert!(told.len() <= 1 && told.iter().all(|kind| matches!(kind, Kind::Deferred | Kind::Io)), "{told:?}");
    drive.space_to_end_of_data().unwrap();
    is_at(drive.as_mut(), 8);
}

fn becoming_ready_at_opening(house: &House, device: &str) {
    drop(two_files(device));
    house.target.becoming_ready(FIRST_DRIVE, Duration::from_millis(1500));
    let mut drive = open_drive(device).unwrap();
    let mut waited = false;
    let mut told = |status: tape_drive::DriveStatus| waited |= matches!(status.state, DriveState::BecomingReady { .. });
    assert_eq!(make_ready(drive.as_mut(), &mut told).unwrap().state, DriveState::Ready);
    assert!(waited);
    is_there(drive.as_mut(), 5);
}

fn becoming_ready_while_open(house: &House, device: &str) {
    let mut drive = two_files(device);
    house.target.becoming_ready(FIRST_DRIVE, Duration::from_millis(600));
    let told = drive.write_block(&[8; BLOCK]).unwrap_err();
    wait_for("the drive", || drive.status().is_ok_and(|status| status.state == DriveState::Ready));
    assert!(matches!(told.kind, Kind::NotReady | Kind::Deferred), "{told}");
    drive.space_to_end_of_data().unwrap();
    is_at(drive.as_mut(), 8);
    drive.write_block(&[8; BLOCK]).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    is_there(drive.as_mut(), 8);
}

fn empty(house: &House, device: &str) {
    drop(quiet(device));
    house.target.eject(FIRST_DRIVE).unwrap();
    ok("mtx -f /dev/sg0 unload 1 0");
    let mut drive = open_drive(device).unwrap();
    let state = loop {
        match drive.status() {
            Ok(status) => break status.state,
            Err(error) => assert!(matches!(error.kind, Kind::MediumChanged | Kind::Reset), "{error}"),
        }
    };
    assert_eq!(state, DriveState::Empty);
    assert_eq!(drive.read_block(&mut [0; BLOCK]).unwrap_err().kind, Kind::NoMedium);
    assert_eq!(drive.rewind().unwrap_err().kind, Kind::NoMedium);
    // A cartridge that comes is found by the same open drive.
    ok("mtx -f /dev/sg0 load 1 0");
    make_ready(drive.as_mut(), &mut |_| {}).unwrap();
    drive.rewind().unwrap();
    drive.write_block(&[0; BLOCK]).unwrap();
}

fn emptied(house: &House, device: &str) {
    let mut drive = two_files(device);
    house.target.eject(FIRST_DRIVE).unwrap();
    ok("mtx -f /dev/sg0 unload 1 0");
    for _ in 0..3 {
        assert!(drive.write_block(&[8; BLOCK]).is_err());
    }
    assert!(drive.write_filemarks(1, FilemarkSync::Flush).is_err());
    drop(drive);
    ok("mtx -f /dev/sg0 load 1 0");
    let mut drive = quiet(device);
    is_there(drive.as_mut(), 6);
    drive.space_to_end_of_data().unwrap();
    is_at(drive.as_mut(), 8);
}

fn write_protected(house: &House, device: &str) {
    drop(two_files(device));
    let protect = |protection| {
        house.target.eject(FIRST_DRIVE).unwrap();
        ok("mtx -f /dev/sg0 unload 1 0");
        library::set_write_protection(&house.library(), "VTL001L9", protection).unwrap();
        ok("mtx -f /dev/sg0 load 1 0");
    };
    protect(WriteProtection::On);
    let mut drive = quiet(device);
    assert!(drive.status().unwrap().write_protected);
    drive.space_to_end_of_data().unwrap();
    assert_eq!(drive.write_block(&[8; BLOCK]).unwrap_err().kind, Kind::WriteProtected);
    assert_eq!(drive.write_filemarks(1, FilemarkSync::Flush).unwrap_err().kind, Kind::WriteProtected);
    is_there(drive.as_mut(), 6);
    drop(drive);
    protect(WriteProtection::Off);
}

fn taken(_: &House, device: &str) {
    let mut drive = two_files(device);
    let other = open_drive(device).map(|_| ()).unwrap_err();
    assert_eq!(other.kind, Kind::Busy, "{other}");
    is_there(drive.as_mut(), 2);
}

/// What was told to another program is not told to this one: what it writes is there all the same, or it is refused.
fn word_taken(house: &House, device: &str, asc: u8) {
    let mut drive = two_files(device);
    house.target.attend(FIRST_DRIVE, asc, 0x00);
    // The kernel lets nobody else at a drive that the tape driver has for us; at one that we have by its generic node another
    // program gets by the tape driver.
    let other = if device == "/dev/sg1" { "mt -f /dev/nst0 status" } else { "sg_turs /dev/sg1" };
    assert_eq!(sh(other).status.success(), device == "/dev/sg1");
    let written = drive.write_block(&[8; BLOCK]).is_ok() && drive.write_filemarks(1, FilemarkSync::Flush).is_ok();
    drop(drive);
    let mut drive = quiet(device);
    is_there(drive.as_mut(), 6);
    if written {
        is_there(drive.as_mut(), 8);
    }
}

fn sizes(_: &House, device: &str) {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    let limits = drive.block_limits().unwrap();
    let lengths: Vec<usize> =
        [1, 2, 511, 512, 513, 4095, 4097, 65_535, 65_536, 262_145, 1_000_001, 1 << 20, 4 << 20, 8 << 20]
            .into_iter()
            .filter(|length| (limits.min as usize..=limits.max as usize).contains(length))
            .collect();
    assert!(lengths.len() >= 12, "{limits:?}");
    for (number, &length) in lengths.iter().enumerate() {
        drive.write_block(&vec![number as u8; length]).unwrap();
    }
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drive.rewind().unwrap();
    let mut buffer = vec![0xff; limits.max as usize];
    for (number, &length) in lengths.iter().enumerate() {
        assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(length));
        assert!(buffer[..length].iter().all(|&byte| byte == number as u8), "{length}");
    }
}

fn over_the_limit(house: &House, device: &str) {
    let mut drive = two_files(device);
    let longest = drive.block_limits().unwrap().max as usize;
    house.injection(FIRST_DRIVE).take_log();
    let error = drive.write_block(&vec![8; longest + 1]).unwrap_err();
    assert_eq!(error.kind, Kind::IllegalRequest, "{error}");
    assert!(house.injection(FIRST_DRIVE).take_log().iter().all(|sent| sent.cdb[0] != 0x0a), "it was sent");
    is_at(drive.as_mut(), 8);
    drive.write_block(&[8; BLOCK]).unwrap();
}

fn odd_addresses(_: &House, device: &str) {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    let memory: Vec<u8> = (0..BLOCK + 64).map(|at| at as u8).collect();
    for odd in [0, 1, 7, 33] {
        drive.write_block(&memory[odd..odd + BLOCK]).unwrap();
    }
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drive.rewind().unwrap();
    let mut buffer = vec![0; BLOCK + 64];
    for odd in [0, 1, 7, 33] {
        assert_eq!(drive.read_block(&mut buffer[odd..]).unwrap(), ReadOutcome::Block(BLOCK));
        assert!(buffer[odd..odd + BLOCK] == memory[odd..odd + BLOCK], "{odd}");
    }
}

fn full(_: &House, device: &str) {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    let (mut written, mut warned) = (0u32, false);
    let block = |number: u32| vec![number as u8; 1 << 20];
    let error = loop {
        match drive.write_block(&block(written)) {
            Ok(outcome) => warned |= outcome == tape_drive::WriteOutcome::EarlyWarning,
            Err(error) => break error,
        }
        written += 1;
        assert!(written < 80, "it has no end");
    };
    assert_eq!(error.kind, Kind::EndOfMedium, "{error}");
    assert!(warned && written > 50, "{written} blocks, warned: {warned}");
    drop(drive);
    let mut drive = quiet(device);
    drive.locate(Position::START).unwrap();
    let mut buffer = vec![0xff; 1 << 20];
    for number in 0..written {
        assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(1 << 20), "{number} of {written}");
        assert!(buffer.iter().all(|&byte| byte == number as u8), "{number}");
    }
    drive.rewind().unwrap();
    drive.erase().unwrap();
}
