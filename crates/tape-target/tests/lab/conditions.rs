//! What the kernel's st driver makes of what the target says: the facts that the st backend is built on. Two of them are
//! traps: st reports success for blocks that the drive never took.

use crate::harness::Lab;
use crate::house::*;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::Command;
use std::time::Duration;
use tape_scsi::{Sense, SenseKey};
use tape_target::{Execution, Response, Rule};

pub const WRITE: u8 = 0x0a;
const BLOCK: usize = 64 << 10;
const ENOSPC: i32 = 28;
const EIO: i32 = 5;

#[test]
fn the_kernels_driver_sees_every_condition() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("conditions::inside");
}

/// A condition at the second write of a file, what that write and the next return, and where the tape is after the first
/// of them.
pub struct Row {
    pub name: &'static str,
    pub rule: Rule,
    write: Result<usize, i32>,
    position: u32,
    next: Result<usize, i32>,
}

fn row(name: &'static str, rule: Rule, write: Result<usize, i32>, position: u32, next: Result<usize, i32>) -> Row {
    Row { name, rule, write, position, next }
}

fn eom(key: SenseKey, asc: u8, ascq: u8) -> Sense {
    Sense::new(key, asc, ascq).at_end_of_medium()
}

pub fn rows() -> Vec<Row> {
    use SenseKey::*;
    let refuse = |sense| Rule::refuse(WRITE, Response::Check(sense));
    let execute = |sense| Rule::execute(WRITE, Response::Check(sense));
    let (n, all) = (Ok(BLOCK), BLOCK as u64);
    let medium = Sense::new(MediumError, 0x0c, 0x00);
    vec![
        row("early warning, written", execute(eom(NoSense, 0, 2).with_information(0)), n, 2, Err(ENOSPC)),
        row("early warning, not VALID", execute(eom(NoSense, 0, 2)), n, 2, Err(ENOSPC)),
        row("programmable early warning", execute(eom(NoSense, 0, 7).with_information(0)), n, 2, Err(ENOSPC)),
        row(
            "early warning in descriptor format",
            Rule::execute(WRITE, Response::CheckDescriptor(eom(NoSense, 0, 2).with_information(0))),
            n,
            2,
            Err(ENOSPC),
        ),
        row(
            "programmable early warning in descriptor format",
            Rule::execute(WRITE, Response::CheckDescriptor(eom(NoSense, 0, 7).with_information(0))),
            n,
            2,
            Err(ENOSPC),
        ),
        row(
            "end, a part of the block written",
            Rule { execution: Execution::Partial(BLOCK - 1000), ..refuse(eom(NoSense, 0, 2).with_information(1000)) },
            Ok(BLOCK - 1000),
            2,
            Err(ENOSPC),
        ),
        row("end, nothing written", refuse(eom(NoSense, 0, 2).with_information(all)), Err(ENOSPC), 1, Err(ENOSPC)),
        row("hard end", refuse(eom(VolumeOverflow, 0, 2).with_information(all)), Err(ENOSPC), 1, Err(ENOSPC)),
        row("hard end, not VALID", refuse(eom(VolumeOverflow, 0, 2)), Err(ENOSPC), 1, Err(ENOSPC)),
        row("hard end without EOM", refuse(Sense::new(VolumeOverflow, 0, 2)), Err(EIO), 1, n),
        row("recovered error", execute(Sense::new(RecoveredError, 0x0c, 0)), n, 2, n),
        row(
            "recovered error in descriptor format",
            Rule::execute(WRITE, Response::CheckDescriptor(Sense::new(RecoveredError, 0x0c, 0))),
            n,
            2,
            n,
        ),
        row("recovered error at early warning", execute(eom(RecoveredError, 0, 2)), n, 2, Err(ENOSPC)),
        row("recovered error, cleaning wanted", execute(Sense::new(RecoveredError, 0, 0x17)), n, 2, n),
        row("nothing wrong, and no flag", execute(Sense::new(NoSense, 0, 0)), Err(EIO), 2, n),
        row("nothing wrong, cleaning wanted", execute(Sense::new(NoSense, 0, 0x17)), Err(EIO), 2, n),
        row("recovered error, deferred", execute(Sense::new(RecoveredError, 0x0c, 0).deferred()), n, 2, n),
        row("medium error", refuse(medium), Err(EIO), 1, n),
        row(
            "medium error at the end, nothing written",
            refuse(eom(MediumError, 0x0c, 0).with_information(all)),
            Err(ENOSPC),
            1,
            Err(ENOSPC),
        ),
        row("illegal request", refuse(Sense::new(IllegalRequest, 0x24, 0)), Err(EIO), 1, n),
        row("key refused", refuse(Sense::new(DataProtect, 0x74, 0)), Err(EIO), 1, n),
        row("no cartridge", refuse(Sense::new(NotReady, 0x3a, 0)), Err(EIO), 1, n),
        row("check condition without sense data", Rule::refuse(WRITE, Response::Status(0x02)), Err(EIO), 1, n),
        row("hardware error", refuse(Sense::new(HardwareError, 0x44, 0)), Err(EIO), 1, n),
        row("aborted", refuse(Sense::new(AbortedCommand, 0x4b, 0)), Err(EIO), 1, n),
        row("write protected", refuse(Sense::new(DataProtect, 0x27, 0)), Err(EIO), 1, n),
        row("not ready", refuse(Sense::new(NotReady, 0x04, 0x01)), Err(EIO), 1, n),
        row("another cartridge", refuse(Sense::new(UnitAttention, 0x28, 0)), Err(EIO), 1, n),
        row("parameters changed", refuse(Sense::new(UnitAttention, 0x2a, 0x01)), Err(EIO), 1, n),
        row("other contents of the library", refuse(Sense::new(UnitAttention, 0x3f, 0x0e)), Err(EIO), 1, n),
        row("operator wants the cartridge", refuse(Sense::new(UnitAttention, 0x5a, 0x01)), Err(EIO), 1, n),
        row("reset", refuse(Sense::new(UnitAttention, 0x29, 0)), Err(EIO), 1, Err(EIO)),
        row(
            "deferred error, older blocks lost",
            execute(eom(MediumError, 0x0c, 0).deferred().with_information(3 * all)),
            Err(EIO),
            2,
            Err(EIO),
        ),
        row("deferred hard end", refuse(eom(VolumeOverflow, 0, 2).deferred()), Err(ENOSPC), 1, Err(ENOSPC)),
        row("deferred error", refuse(medium.deferred()), Err(EIO), 1, n),
        row("reservation conflict", Rule::refuse(WRITE, Response::Status(0x18)), Err(EIO), 1, n),
        row("busy", Rule::refuse(WRITE, Response::Status(0x08)), n, 2, n),
        row("task set full", Rule::refuse(WRITE, Response::Status(0x28)), n, 2, n),
        row("late", Rule::execute(WRITE, Response::Device).delayed(Duration::from_millis(300)), n, 2, n),
        // The traps: success, and the block is nowhere.
        row("LOST: medium error with EOM", refuse(eom(MediumError, 0x0c, 0)), n, 1, Err(ENOSPC)),
        row("LOST: deferred error with EOM", refuse(eom(MediumError, 0x0c, 0).deferred()), n, 1, Err(ENOSPC)),
    ]
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let house = House::attached(&["VTL001L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0; mt -f /dev/nst0 status");
    let injection = house.injection(FIRST_DRIVE);
    let mut wrong = Vec::new();
    let rows = rows();
    for Row { name, rule, write, position, next } in &rows {
        ok("mt -f /dev/nst0 rewind");
        let mut tape = OpenOptions::new().read(true).write(true).open("/dev/nst0").unwrap();
        assert_eq!(put(&mut tape), Ok(BLOCK), "before {name}");
        injection.take_log();
        injection.add(rule.clone());
        let result = put(&mut tape);
        let commands = injection.take_log();
        if !commands.iter().any(|logged| logged.cdb[0] == WRITE) || injection.pending() > 0 {
            wrong.push(format!("{name}: no WRITE reached the drive: {commands:?}"));
        }
        let found = (result, position_of(), put(&mut tape));
        if found != (*write, *position, *next) {
            wrong.push(format!("{name}: {found:?} instead of {:?}", (write, position, next)));
        }
        injection.clear();
        // What close says is the row's own affair.
        drop(tape);
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Writes one block from memory that the driver transfers directly.
fn put(tape: &mut File) -> Result<usize, i32> {
    let memory = vec![0x5a; BLOCK + 4096];
    let start = memory.as_ptr().align_offset(4096);
    tape.write(&memory[start..start + BLOCK]).map_err(|error| error.raw_os_error().unwrap())
}

/// READ POSITION by the other way to the drive.
pub fn position_of() -> u32 {
    let mut command = Command::new("sg_raw");
    let output = command.args("-b -r 20 /dev/sg1 34 00 00 00 00 00 00 00 00 00".split(' ')).output().unwrap();
    assert_eq!(output.stdout.len(), 20, "{output:?}");
    u32::from_be_bytes(output.stdout[4..8].try_into().unwrap())
}
