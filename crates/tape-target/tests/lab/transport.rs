//! Below the commands: sessions with digests and with every way of sending data, and tasks that are aborted and reset.

use crate::conditions::WRITE;
use crate::harness::Lab;
use crate::house::*;
use std::time::{Duration, Instant};
use tape_drive::{DriveErrorKind, FilemarkSync, Position, ReadOutcome, TapeDrive};
use tape_target::{Response, Rule};

const BLOCK: usize = 64 << 10;
const ABORT_TASK: u8 = 1;
const UNIT_RESET: u8 = 5;
const TARGET_RESET: u8 = 6;
const WRITE_FILEMARKS: u8 = 0x10;
/// By the robot's node, which asks the drive nothing.
const RESET: &str = "-t /dev/sch0";

/// What is tried here.
pub const ALL: [&str; 12] = [
    "digests of headers and data",
    "digests of headers alone",
    "data only when it is asked for",
    "data in small pieces",
    "data unasked for behind the command",
    "a write without an answer is aborted",
    "a write answered too late is aborted",
    "the unit is reset between two writes",
    "the target is reset between two writes",
    "the target is reset while a write waits to be carried out",
    "the target is reset while a write that was carried out waits for its answer",
    "the target is reset while a filemark waits to be carried out",
];

/// Settings of a session, by the names that iscsiadm has for them.
const SESSIONS: [(&str, &[(&str, &str)]); 5] = [
    (ALL[0], &[("node.conn[0].iscsi.HeaderDigest", "CRC32C"), ("node.conn[0].iscsi.DataDigest", "CRC32C")]),
    (ALL[1], &[("node.conn[0].iscsi.HeaderDigest", "CRC32C"), ("node.conn[0].iscsi.DataDigest", "None")]),
    (ALL[2], &[("node.session.iscsi.InitialR2T", "Yes"), ("node.session.iscsi.ImmediateData", "No")]),
    (
        ALL[3],
        &[
            ("node.session.iscsi.MaxBurstLength", "65536"),
            ("node.session.iscsi.FirstBurstLength", "16384"),
            ("node.conn[0].iscsi.MaxRecvDataSegmentLength", "8192"),
        ],
    ),
    (ALL[4], &[("node.session.iscsi.InitialR2T", "No"), ("node.session.iscsi.ImmediateData", "No")]),
];

#[test]
fn every_kind_of_session_carries_data_whole() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("transport::sessions");
}

#[test]
fn tasks_that_are_aborted_and_reset_lose_nothing() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("transport::aborts_and_resets");
}

#[test]
#[ignore = "runs inside the lab"]
fn sessions() {
    let house = House::served(&["VTL001L9"], 64 << 20, |_| {});
    attach_by_daemon();
    ok("mtx -f /dev/sg0 load 1 0");
    let name = house.target.name();
    let mut before: Vec<&str> = Vec::new();
    for (what, settings) in SESSIONS {
        ok("iscsiadm -m node -u");
        // As they were, but for what this session is about.
        ok(&format!("iscsiadm -m node -o delete -T {name}; iscsiadm -m discovery -t st -p 127.0.0.1"));
        for (key, value) in settings {
            ok(&format!("iscsiadm -m node -T {name} -o update -n '{key}' -v {value}"));
        }
        ok("iscsiadm -m node -l");
        wait_for("the session", || {
            ["/dev/sg1", "/dev/nst0"].iter().all(|node| std::fs::File::open(node).is_ok())
                && sh("sg_turs /dev/sg1").status.code() != Some(15)
        });
        let told = ok("iscsiadm -m session -P 2");
        for (key, value) in settings {
            let key = key.rsplit('.').next().unwrap();
            assert!(told.contains(&format!("{key}: {value}")), "{what}: {key} is not {value}:\n{told}");
        }
        for device in ["/dev/sg1", "/dev/nst0"] {
            carries(what, device);
        }
        before.push(what);
    }
    assert_eq!(before, ALL[..5]);
}

fn carries(what: &str, device: &str) {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    let lengths = [1, 511, 16_384, 16_385, 65_537, 262_144, 1_000_001, 1 << 20];
    let block = |length: usize| (0..length).map(|at| (at * 7 + length) as u8).collect::<Vec<u8>>();
    for length in lengths {
        drive.write_block(&block(length)).unwrap_or_else(|error| panic!("{what}, {device}, {length}: {error}"));
    }
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drive.rewind().unwrap();
    let mut buffer = vec![0; 1 << 20];
    for length in lengths {
        assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(length), "{what}, {device}");
        assert!(buffer[..length] == block(length), "{what}, {device}: a block of {length} bytes");
    }
}

#[test]
#[ignore = "runs inside the lab"]
fn aborts_and_resets() {
    let house = House::attached(&["VTL001L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0");
    let silent = Rule::refuse(WRITE, Response::Silence);
    let late = Rule::execute(WRITE, Response::Device).delayed(Duration::from_secs(4));
    // The tape driver's commands have a time of their own; commands by SCSI generic are given as long as a drive may need.
    let usual = ok("cat /sys/class/scsi_tape/nst0/device/timeout");
    ok("echo 1 > /sys/class/scsi_tape/nst0/device/timeout");
    aborted(&house, "/dev/nst0", ALL[5], silent);
    aborted(&house, "/dev/nst0", ALL[6], late);
    ok(&format!("echo {} > /sys/class/scsi_tape/nst0/device/timeout", usual.trim()));
    // By a node that nobody has for himself: the other driver's, or that of the robot.
    reset_between(&house, "/dev/sg1", ("-d /dev/nst0", UNIT_RESET), ALL[7]);
    for device in ["/dev/sg1", "/dev/nst0"] {
        reset_between(&house, device, (RESET, TARGET_RESET), ALL[8]);
        let wait = Duration::from_secs(60);
        reset_under_way(&house, device, Rule::refuse(WRITE, Response::Device).delayed(wait), ALL[9]);
        reset_under_way(&house, device, Rule::execute(WRITE, Response::Device).delayed(wait), ALL[10]);
        reset_under_way(&house, device, Rule::refuse(WRITE_FILEMARKS, Response::Device).delayed(wait), ALL[11]);
    }
}

/// Writes two blocks, flushed.
fn begun(device: &str) -> Box<dyn TapeDrive> {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    for number in 0..2u8 {
        drive.write_block(&[number; BLOCK]).unwrap();
    }
    drive.write_filemarks(0, FilemarkSync::Flush).unwrap();
    drive
}

/// The two blocks are there, and this one behind them if it was said to be written.
fn there(device: &str, what: &str, third: bool) {
    let mut drive = quiet(device);
    drive.locate(Position::START).unwrap();
    let mut buffer = vec![0xff; BLOCK];
    for number in 0..2 + u8::from(third) {
        let found = drive.read_block(&mut buffer);
        let right = matches!(found, Ok(ReadOutcome::Block(BLOCK))) && buffer.iter().all(|&byte| byte == number);
        assert!(right, "{what}, {device}: block {number} is {found:?}, beginning with {}", buffer[0]);
    }
}

fn aborted(house: &House, device: &str, what: &str, rule: Rule) {
    let mut drive = begun(device);
    house.target.take_management();
    house.injection(FIRST_DRIVE).add(rule);
    let since = Instant::now();
    let written = drive.write_block(&[2; BLOCK]);
    assert!(written.is_err() && since.elapsed() < Duration::from_secs(30), "{what}: {written:?}");
    let managed = house.target.take_management();
    assert!(managed.iter().any(|(function, _)| *function == ABORT_TASK), "{what}: {managed:?}");
    house.injection(FIRST_DRIVE).clear();
    drop(drive);
    there(device, what, false);
}

fn reset_between(house: &House, device: &str, (how, function): (&str, u8), what: &str) {
    let mut drive = begun(device);
    house.target.take_management();
    ok(&format!("sg_reset {how}"));
    let managed = house.target.take_management();
    assert!(managed.contains(&(function, 0)), "{what}: {managed:?}");
    let told = drive.write_block(&[2; BLOCK]).unwrap_err();
    let known = matches!(told.kind, DriveErrorKind::Reset | DriveErrorKind::MediumChanged | DriveErrorKind::Deferred);
    assert!(known, "{what}, {device}: a reset is told as {:?}: {told}", told.kind);
    not_blindly(drive.as_mut(), device, what);
    drop(drive);
    there(device, what, false);
    // And it goes on.
    let mut drive = quiet(device);
    drive.locate(Position::block(2)).unwrap();
    drive.write_block(&[2; BLOCK]).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drop(drive);
    there(device, what, true);
}

/// A write or a filemark is on its way when everything is reset: it is not said to be done, long before the drive would have
/// answered; and the tape is written on behind what was flushed.
fn reset_under_way(house: &House, device: &str, rule: Rule, what: &str) {
    let mut drive = begun(device);
    house.target.take_management();
    let opcode = rule.opcodes.clone();
    house.injection(FIRST_DRIVE).add(rule);
    let since = Instant::now();
    let told = std::thread::scope(|scope| {
        let writer = scope.spawn(|| match opcode.as_slice() {
            [WRITE_FILEMARKS] => drive.write_filemarks(1, FilemarkSync::Flush),
            _ => drive.write_block(&[2; BLOCK]),
        });
        wait_for("the command to arrive", || house.injection(FIRST_DRIVE).pending() == 0);
        ok(&format!("sg_reset {RESET}"));
        writer.join().unwrap()
    });
    assert!(told.is_err(), "{what}, {device}: {told:?}");
    assert!(since.elapsed() < Duration::from_secs(30), "{what}, {device}: told after {:?}", since.elapsed());
    let managed = house.target.take_management();
    assert!(managed.contains(&(TARGET_RESET, 0)), "{what}, {device}: {managed:?}");
    house.injection(FIRST_DRIVE).clear();
    not_blindly(drive.as_mut(), device, what);
    drop(drive);
    there(device, what, false);
    let mut drive = quiet(device);
    drive.locate(Position::block(2)).unwrap();
    drive.write_block(&[2; BLOCK]).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drop(drive);
    there(device, what, true);
}

/// A reset rewinds the tape: nothing is written, however often it is tried, until somebody has looked where it is.
fn not_blindly(drive: &mut dyn TapeDrive, device: &str, what: &str) {
    for _ in 0..3 {
        let blindly = drive.write_block(&[3; BLOCK]);
        assert!(blindly.is_err(), "{what}, {device}: the next block went to the tape: {blindly:?}");
    }
    let blindly = drive.write_filemarks(1, FilemarkSync::Flush);
    assert!(blindly.is_err(), "{what}, {device}: a filemark went to the tape: {blindly:?}");
}
