//! What was once measured of the kernel's tape driver (version 7.2), scenario by scenario, and the rows that try each now.
//!
//! A row is tried with the tape driver and with SCSI generic, and says not what the driver returns but what our backend makes of
//! it: nothing that it says to be written is lost, and nothing that is read is something else.

use super::*;

/// Which rows try a scenario, or why none does.
enum Shown {
    Rows(&'static [&'static str]),
    /// A whole test of this name.
    Test(&'static str),
    Not(&'static str),
}
use Shown::{Not, Rows, Test};

const MEASURED: &[(&str, Shown)] = &[
    // WRITE(6), transferred directly
    ("GOOD", Rows(&["occasion: blocks of every size"])),
    ("early warning, INFORMATION 0", Rows(&["write: early warning, written"])),
    ("early warning, INFORMATION not valid", Rows(&["write: early warning, not VALID"])),
    ("programmable early warning", Rows(&["write: programmable early warning"])),
    ("early warning, descriptor format", Rows(&["write: early warning in descriptor format"])),
    (
        "programmable early warning, descriptor format",
        Rows(&["write: programmable early warning in descriptor format"]),
    ),
    ("EOM, nothing written", Rows(&["write: end, nothing written"])),
    ("EOM, written in part", Rows(&["write: end, a part of the block written"])),
    ("hard end, INFORMATION n", Rows(&["write: hard end"])),
    ("hard end, INFORMATION not valid", Rows(&["write: hard end, not VALID"])),
    ("hard end without the EOM bit", Rows(&["write: hard end without EOM"])),
    ("recovered error", Rows(&["write: recovered error"])),
    ("recovered error, descriptor format", Rows(&["write: recovered error in descriptor format"])),
    ("recovered error, deferred", Rows(&["write: recovered error, deferred"])),
    ("recovered error and early warning", Rows(&["write: recovered error at early warning"])),
    ("recovered error, cleaning", Rows(&["write: recovered error, cleaning wanted"])),
    ("NO SENSE without a flag", Rows(&["write: nothing wrong, and no flag"])),
    ("NO SENSE, cleaning", Rows(&["write: nothing wrong, cleaning wanted"])),
    ("medium error", Rows(&["write: medium error"])),
    ("hardware error", Rows(&["write: hardware error"])),
    ("aborted command", Rows(&["write: aborted"])),
    ("illegal request", Rows(&["write: illegal request"])),
    ("data protect, write protected", Rows(&["write: write protected"])),
    ("data protect, key", Rows(&["write: key refused"])),
    ("becoming ready", Rows(&["write: not ready"])),
    ("no cartridge", Rows(&["write: no cartridge"])),
    ("reservation conflict", Rows(&["write: reservation conflict"])),
    ("CHECK CONDITION without sense data", Rows(&["write: check condition without sense data"])),
    ("medium error and EOM: called a success", Rows(&["write: LOST: medium error with EOM"])),
    ("medium error and EOM, INFORMATION n", Rows(&["write: medium error at the end, nothing written"])),
    ("deferred error", Rows(&["write: deferred error"])),
    ("deferred error and EOM: called a success", Rows(&["write: LOST: deferred error with EOM"])),
    ("deferred error and EOM, older blocks lost", Rows(&["write: deferred error, older blocks lost"])),
    ("deferred hard end", Rows(&["write: deferred hard end"])),
    ("unit attention 28h while open", Rows(&["write: another cartridge"])),
    ("unit attention 2Ah while open", Rows(&["write: parameters changed"])),
    ("unit attention 3Fh while open", Rows(&["write: other contents of the library"])),
    ("unit attention 5Ah while open", Rows(&["write: operator wants the cartridge"])),
    ("unit attention 29h while open", Rows(&["write: reset"])),
    ("unit attention 29h, taken by another", Rows(&["occasion: another program took the word of a reset"])),
    ("BUSY", Rows(&["write: busy"])),
    ("TASK SET FULL", Rows(&["write: task set full"])),
    ("no reply", Rows(&["transport: a write without an answer is aborted"])),
    ("reply after the time limit", Rows(&["transport: a write answered too late is aborted"])),
    ("reply within the time limit", Rows(&["write: late"])),
    ("connection lost", Test("nothing_is_lost_when_the_connection_breaks")),
    ("write protected", Rows(&["occasion: a write-protected cartridge"])),
    ("block over the limit", Rows(&["occasion: a block over the limit"])),
    // WRITE FILEMARKS
    ("filemark: early warning", Rows(&["filemark: early warning, written", "filemark: early warning, not VALID"])),
    ("filemark: EOM, not written: called a success", Rows(&["filemark: LOST: end of medium"])),
    ("filemark: recovered error", Rows(&["filemark: recovered"])),
    ("filemark: medium error, waited for and not", Rows(&["filemark: LOST: medium error"])),
    ("filemark: deferred error, waited for and not", Rows(&["filemark: LOST: deferred error"])),
    ("filemark: deferred error and EOM", Rows(&["filemark: LOST: deferred error at the end"])),
    ("filemark: deferred early warning, written", Rows(&["filemark: deferred early warning, written"])),
    ("filemark: hard end", Rows(&["filemark: LOST: hard end"])),
    ("filemark: unit attention 28h", Rows(&["filemark: LOST: another cartridge"])),
    ("filemark: unit attention 29h", Rows(&["filemark: LOST: reset"])),
    // READ(6)
    ("filemark read", Rows(&["occasion: a filemark"])),
    ("end of data behind a filemark", Rows(&["occasion: the end of data"])),
    ("BLANK CHECK in the middle", Rows(&["read: blank in the middle"])),
    ("block shorter than asked for", Rows(&["occasion: a block shorter than asked for"])),
    ("block longer than the buffer", Rows(&["occasion: a block longer than asked for"])),
    ("read: medium error", Rows(&["read: medium error"])),
    ("read: medium error, VALID", Rows(&["read: medium error, all missing"])),
    ("read: hardware error", Rows(&["read: hardware error"])),
    ("read: key missing", Rows(&["read: key missing"])),
    ("read: becoming ready", Rows(&["read: becoming ready"])),
    ("read: deferred error", Rows(&["read: deferred error"])),
    ("read: medium error and ILI: looks like a filemark", Rows(&["read: medium error with ILI"])),
    ("read: medium error and EOM: looks like a filemark", Rows(&["read: medium error at the end of the tape"])),
    ("read: recovered error", Rows(&["read: recovered error"])),
    ("read: in the zone behind early warning", Rows(&["read: past early warning"])),
    ("read: unit attention 28h", Rows(&["read: medium may have changed"])),
    ("read: unit attention 29h", Rows(&["read: reset"])),
    // places
    ("forward filemarks beyond the last", Rows(&["occasion: filemarks are passed beyond the last"])),
    ("backward filemarks at the beginning", Rows(&["occasion: filemarks are passed before the first"])),
    ("backward blocks at the beginning", Not("the backend passes no blocks; it seeks")),
    ("forward blocks over a filemark", Not("the backend passes no blocks; it seeks")),
    ("seek", Rows(&["occasion: every place is sought"])),
    ("seek to 0", Rows(&["occasion: every place is sought"])),
    ("seek behind the end", Rows(&["occasion: a place behind the end is sought"])),
    ("end of data after a seek", Rows(&["occasion: the end of data is sought from elsewhere"])),
    ("SPACE fails", Rows(&["occasion: passing filemarks fails"])),
    ("SPACE tells a deferred error", Rows(&["occasion: passing filemarks tells a deferred error"])),
    ("LOCATE fails", Rows(&["occasion: seeking fails", "occasion: seeking tells a deferred error"])),
    ("REWIND fails", Rows(&["occasion: rewinding fails"])),
    ("REWIND tells a deferred error", Rows(&["occasion: rewinding tells a deferred error"])),
    // opening and asking
    (
        "deferred error at TEST UNIT READY of open",
        Rows(&["occasion: opening tells a deferred error at TEST UNIT READY"]),
    ),
    (
        "deferred error at READ BLOCK LIMITS of open: swallowed",
        Rows(&["occasion: opening tells a deferred error at READ BLOCK LIMITS"]),
    ),
    (
        "deferred error at MODE SENSE of open: swallowed",
        Rows(&["occasion: opening tells a deferred error at MODE SENSE"]),
    ),
    ("deferred error at READ POSITION", Rows(&["occasion: asking for the position tells a deferred error"])),
    ("unit attention 28h at READ POSITION", Rows(&["occasion: asking for the position tells of another cartridge"])),
    ("open waits while the drive becomes ready", Not("the backend opens with O_NONBLOCK, which does not wait")),
    ("opened with O_NONBLOCK while it becomes ready", Rows(&["occasion: a drive that becomes ready is opened"])),
    ("becomes not ready while open", Rows(&["occasion: a drive becomes not ready while it is open"])),
    ("opened empty", Rows(&["occasion: a drive is empty"])),
    ("emptied while open", Rows(&["occasion: a drive is emptied while it is open"])),
    ("exchanged while open", Rows(&["occasion: a cartridge is exchanged while the drive is open"])),
    ("a tape filled to its end", Rows(&["occasion: a tape is filled to its end"])),
    // writing behind the program's back
    ("late: early warning, then a write", Rows(&["behind the program: early warning, then write"])),
    ("late: early warning, then a filemark", Rows(&["behind the program: early warning, then filemark"])),
    ("late: hard end, then a write", Rows(&["behind the program: hard end, then write"])),
    ("late: hard end, then a filemark", Rows(&["behind the program: hard end, then filemark"])),
    ("late: medium error, then a write", Rows(&["behind the program: medium error, then write"])),
    ("late: medium error, then a filemark", Rows(&["behind the program: medium error, then filemark"])),
    ("late: medium error, then rewind", Rows(&["behind the program: medium error, then rewind"])),
    ("late: medium error, swallowed by MTIOCGET", Rows(&["behind the program: medium error, then status"])),
    ("late: medium error, swallowed by MTIOCPOS", Rows(&["behind the program: medium error, then position"])),
    ("late: medium error, then close", Rows(&["behind the program: medium error, then close"])),
    (
        "late: deferred error",
        Rows(&["behind the program: deferred error, then write", "behind the program: deferred error, then close"]),
    ),
    ("late: deferred error and EOM", Rows(&["behind the program: deferred error with EOM, then write"])),
    ("late: unit attention 28h, then a write", Rows(&["behind the program: another cartridge, then write"])),
    ("late: unit attention 28h, then close", Rows(&["behind the program: another cartridge, then close"])),
    ("late: unit attention 29h, then a write", Rows(&["behind the program: reset, then write"])),
    ("late: unit attention 29h, then close", Rows(&["behind the program: reset, then close"])),
    (
        "late: recovered error",
        Rows(&[
            "behind the program: recovered error, then write",
            "behind the program: recovered error, then filemark",
            "behind the program: recovered error, then close",
        ]),
    ),
    // around the driver
    ("a second opener", Rows(&["occasion: another program has the drive"])),
    ("unit attention 28h, taken by another", Rows(&["occasion: another program took the word of another cartridge"])),
    ("SG_IO by the driver's node, with CAP_SYS_RAWIO", Test("a_user_without_capabilities_uses_drives_by_both_nodes")),
    ("memory at odd addresses", Rows(&["occasion: blocks from memory at odd addresses"])),
    ("the largest transfer, 8 MiB", Rows(&["occasion: blocks of every size"])),
    ("transfers over 8 MiB", Not("the kernel refuses them before the drive hears of it")),
    ("InitialR2T, without immediate data", Rows(&["transport: data only when it is asked for"])),
    ("small bursts and segments", Rows(&["transport: data in small pieces"])),
    ("unsolicited data", Rows(&["transport: data unasked for behind the command"])),
];

#[test]
fn every_scenario_that_was_measured_has_a_row() {
    let names = all_rows();
    let tests = concat!(include_str!("reconnect.rs"), include_str!("rights.rs"));
    let mut scenarios = std::collections::BTreeSet::new();
    let mut missing = Vec::new();
    for (scenario, shown) in MEASURED {
        assert!(scenarios.insert(scenario), "{scenario} is there twice");
        match shown {
            Rows(rows) => {
                assert!(!rows.is_empty(), "{scenario}");
                missing.extend(rows.iter().filter(|row| !names.iter().any(|name| name == *row)));
            }
            Test(test) if tests.contains(&format!("#[test]\nfn {test}()")) => {}
            Test(test) => missing.push(test),
            Not(reason) => println!("{scenario}: not tried: {reason}"),
        }
    }
    assert_eq!(missing, Vec::<&&str>::new());
    assert!(scenarios.len() >= 125, "{} scenarios", scenarios.len());
}
