//! The connection to a drive breaks while it is written to, and comes back: what was said to be written is there.

use crate::harness::Lab;
use crate::house::*;
use std::time::{Duration, Instant};
use tape_drive::{FilemarkSync, Position, ReadOutcome, TapeDrive, open_drive};

const BLOCK: usize = 64 << 10;

#[test]
fn nothing_is_lost_when_the_connection_breaks() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("reconnect::inside");
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let house = House::served(&["VTL001L9"], 64 << 20, |_| {});
    attach_by_daemon();
    ok("mtx -f /dev/sg0 load 1 0");
    for device in ["/dev/sg1", "/dev/nst0"] {
        broken(&house, device);
    }
}

fn broken(house: &House, device: &str) {
    let mut drive = quiet(device);
    drive.rewind().unwrap();
    let mut written = 0u8;
    for _ in 0..4 {
        drive.write_block(&[written; BLOCK]).unwrap();
        written += 1;
    }
    drive.write_filemarks(0, FilemarkSync::Flush).unwrap();
    house.target.disconnect();
    // It may wait until the connection is back; what it says then holds.
    let mut told = Vec::new();
    while let Ok(outcome) = drive.write_block(&[written; BLOCK]) {
        told.push(outcome);
        written += 1;
        assert!(written < 200, "{device}: nobody noticed: {told:?}");
    }
    drop(drive);
    let mut drive = reopened(device);
    drive.locate(Position::START).unwrap();
    let mut buffer = vec![0xff; BLOCK];
    for number in 0..written {
        let found = drive.read_block(&mut buffer);
        let right = matches!(found, Ok(ReadOutcome::Block(BLOCK))) && buffer.iter().all(|&byte| byte == number);
        assert!(right, "{device}: block {number} of {written} is {found:?}, beginning with {}", buffer[0]);
    }
}

/// The drive, once it answers again.
fn reopened(device: &str) -> Box<dyn TapeDrive> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(mut drive) = open_drive(device) {
            // Unit attentions are told one by one.
            if (0..8).any(|_| drive.load().is_ok()) {
                return drive;
            }
        }
        assert!(Instant::now() < end, "{device} does not come back");
        std::thread::sleep(Duration::from_millis(200));
    }
}
