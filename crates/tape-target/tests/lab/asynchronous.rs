//! What the kernel's driver does where it writes behind the program's back: from memory that it cannot transfer directly, or
//! when it was told not to. `write` succeeds before anybody knows, and the error comes with whatever is called next, once.
//!
//! The backend writes from memory at the beginning of pages, and asks after every write. That it loses nothing is tried here
//! with a driver that always writes so, as a program without the right to change the driver's settings.

use crate::conditions::{WRITE, position_of};
use crate::harness::Lab;
use crate::house::*;
use crate::{dangers, drives};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use tape_scsi::{Sense, SenseKey};
use tape_target::{Response, Rule};

const ENOSPC: i64 = -28;
const EIO: i64 = -5;
const BLOCK: i64 = 64 << 10;

#[test]
fn the_tape_driver_tells_of_failures_late() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("asynchronous::inside");
}

#[test]
fn nothing_is_lost_by_a_driver_that_writes_behind_the_program() {
    let Some(lab) = Lab::with(&["--backend", "none", "--st-opts", "try_direct_io=0"]) else { return };
    lab.inside("asynchronous::losses_without_rights");
}

/// A condition of a write, the call after it, and what that returns.
pub struct Row {
    pub name: &'static str,
    rule: Rule,
    call: &'static str,
    returns: i64,
}

pub fn rows() -> Vec<Row> {
    use SenseKey::*;
    let refuse = |sense| Rule::refuse(WRITE, Response::Check(sense));
    let medium = Sense::new(MediumError, 0x0c, 0x00);
    let warning =
        Rule::execute(WRITE, Response::Check(Sense::new(NoSense, 0, 2).at_end_of_medium().with_information(0)));
    let end = refuse(Sense::new(VolumeOverflow, 0, 2).at_end_of_medium().with_information(BLOCK as u64));
    let recovered = Rule::execute(WRITE, Response::Check(Sense::new(RecoveredError, 0x0c, 0)));
    let attention = |asc| refuse(Sense::new(UnitAttention, asc, 0));
    let row = |name, rule: &Rule, call, returns| Row { name, rule: rule.clone(), call, returns };
    vec![
        row("early warning, then write", &warning, "write", ENOSPC),
        row("early warning, then filemark", &warning, "weof", ENOSPC),
        row("hard end, then write", &end, "write", EIO),
        row("hard end, then filemark", &end, "weof", EIO),
        row("medium error, then write", &refuse(medium), "write", EIO),
        row("medium error, then filemark", &refuse(medium), "weof", EIO),
        row("medium error, then rewind", &refuse(medium), "rewind", EIO),
        row("medium error, then status", &refuse(medium), "status", EIO),
        row("medium error, then position", &refuse(medium), "position", EIO),
        row("medium error, then close", &refuse(medium), "close", EIO),
        row("deferred error, then write", &refuse(medium.deferred()), "write", EIO),
        row("deferred error, then close", &refuse(medium.deferred()), "close", EIO),
        row("deferred error with EOM, then write", &refuse(medium.deferred().at_end_of_medium()), "write", EIO),
        row("another cartridge, then write", &attention(0x28), "write", EIO),
        row("another cartridge, then close", &attention(0x28), "close", EIO),
        row("reset, then write", &attention(0x29), "write", EIO),
        row("reset, then close", &attention(0x29), "close", EIO),
        row("recovered error, then write", &recovered, "write", BLOCK),
        row("recovered error, then filemark", &recovered, "weof", 0),
        row("recovered error, then close", &recovered, "close", 0),
    ]
}

/// Writes two blocks from memory that does not begin with a page, and makes a call. Says what each returned.
const CALLER: &str = r#"
import fcntl, mmap, os, struct, sys
def tried(call):
    try: return call() or 0
    except OSError as error: return -error.errno
def ioctl(request, *value): return lambda: fcntl.ioctl(tape, request, *value) and 0
def operate(number): return ioctl(0x40086d01, struct.pack("hi", number, 1))
tape = os.open("/dev/nst0", os.O_RDWR)
memory = memoryview(mmap.mmap(-1, 1 << 20))[1:1 + (64 << 10)]
write = lambda: os.write(tape, memory)
calls = {"write": write, "weof": operate(5), "rewind": operate(6), "status": ioctl(0x80306d02, bytes(48)),
         "position": ioctl(0x80086d03, bytes(8)), "close": lambda: os.close(tape)}
print(tried(write), tried(calls["status"]), flush=True)
sys.stdin.readline()
print(tried(write), tried(calls[sys.argv[1]]), flush=True)
"#;

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let house = House::attached(&["VTL001L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0; mt -f /dev/nst0 status");
    let injection = house.injection(FIRST_DRIVE);
    let mut wrong = Vec::new();
    for Row { name, rule, call, returns } in rows() {
        ok("mt -f /dev/nst0 rewind");
        let mut caller = Command::new("python3")
            .args(["-c", CALLER, call])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(caller.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(said.next().as_deref(), Some("65536 0"), "before {name}");
        injection.add(rule);
        caller.stdin.take().unwrap().write_all(b"\n").unwrap();
        let found = said.next().unwrap_or_default();
        if found != format!("65536 {returns}") {
            wrong.push(format!("{name}: {found} instead of 65536 {returns}, at {}", position_of()));
        }
        caller.wait().unwrap();
        if injection.pending() > 0 {
            wrong.push(format!("{name}: no WRITE reached the drive"));
        }
        injection.clear();
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows().len(), wrong.join("\n"));
}

#[test]
#[ignore = "runs inside the lab"]
fn losses_without_rights() {
    let house = House::attached(&["VTL001L9", "VTL002L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0");
    ok("chmod 666 /dev/nst0 /dev/sg1");
    // This thread alone becomes an ordinary user: the target goes on as it is.
    // SAFETY: the call takes numbers.
    assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, 1000, 1000, 1000) }, 0);
    let settings = sh("mt -f /dev/nst0 stsetoptions scsi2logical");
    assert!(!settings.status.success(), "an ordinary user must not set the driver");
    drives::losses_in(&house, "/dev/nst0");
    dangers::reads(&house, "/dev/nst0");
    dangers::filemarks(&house, "/dev/nst0");
}
