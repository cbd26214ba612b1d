//! The conformance suite on real drives: through SCSI generic and through the kernel's tape driver, against the kernel's own
//! tape (scsi_debug, which knows LOCATE and READ POSITION) and a third party's (tgt, which knows neither).

use crate::harness::Lab;
use crate::house::quiet;
use tape_drive::conformance::{self, CheckResult, Insertion, Keeps, Outcome, Profile, Wanted};
use tape_drive::{DriveErrorKind, ElementKind, Removal, TapeDrive, open_changer, open_drive};

#[test]
fn scsi_generic_drives_the_kernels_tape() {
    let Some(lab) = Lab::with(&["--backend", "scsi-debug"]) else { return };
    lab.inside("drives::generic_node_of_scsi_debug");
}

#[test]
fn the_tape_driver_drives_the_kernels_tape() {
    let Some(lab) = Lab::with(&["--backend", "scsi-debug"]) else { return };
    lab.inside("drives::tape_node_of_scsi_debug");
}

#[test]
fn scsi_generic_drives_a_tape_without_positions() {
    let Some(lab) = Lab::with(&["--backend", "tgt"]) else { return };
    let barcodes: Vec<String> = (1..=30).map(|number| format!("T{number:04}L6")).collect();
    lab.and(&["--drives", "1", "--slots", "32", "--barcodes", &barcodes.join(",")])
        .inside("drives::generic_node_of_tgt");
}

#[test]
fn the_tape_driver_is_not_used_for_what_it_cannot_do_safely() {
    let Some(lab) = Lab::tgt() else { return };
    lab.and(&["--drives", "1", "--barcodes", "LAB001L6"]).inside("drives::nodes_that_are_refused");
}

/// What scsi_debug does not do as a drive does it: it lets a locked tape go, and has no density.
const SCSI_DEBUG: [&str; 2] =
    ["a medium whose removal is prevented stays", "the drive describes itself and the medium"];

/// What tgt does not do: it ejects nothing, and has no density.
const TGT: [&str; 3] = [
    "an unloaded drive says so",
    "a medium whose removal is prevented stays",
    "the drive describes itself and the medium",
];

#[test]
#[ignore = "runs inside the lab"]
fn generic_node_of_scsi_debug() {
    scsi_debug(&first("TAPELAB_DRIVE_SGS"));
}

#[test]
#[ignore = "runs inside the lab"]
fn tape_node_of_scsi_debug() {
    scsi_debug(&first("TAPELAB_DRIVES"));
}

/// The first word of an environment variable of the lab.
fn first(name: &str) -> String {
    std::env::var(name).unwrap().split(' ').next().unwrap().to_owned()
}

fn scsi_debug(device: &str) {
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        (wanted == Wanted::Blank).then(|| {
            let mut drive = quiet(device);
            drive.erase().unwrap();
            drive.rewind().unwrap();
            drive
        })
    };
    // It keeps the first four bytes of every block.
    let profile = Profile { keeps: Keeps::BeginningsOf(4), insertion: Insertion::Silent, fill_bytes: None };
    check(&conformance::run(&mut make, &profile), &SCSI_DEBUG);
}

#[test]
#[ignore = "runs inside the lab"]
fn generic_node_of_tgt() {
    let device = first("TAPELAB_DRIVE_SGS");
    let mut cartridge = 0;
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        (wanted == Wanted::Blank).then(|| {
            open_drive(&device).unwrap().set_removal(Removal::Allowed).ok();
            insert(cartridge);
            cartridge += 1;
            quiet(&device)
        })
    };
    let profile = Profile { insertion: Insertion::Silent, ..Profile::default() };
    check(&conformance::run(&mut make, &profile), &TGT);
}

/// Puts the cartridge of the slot with this number into the drive.
fn insert(number: usize) {
    let mut changer = open_changer(&std::env::var("TAPELAB_CHANGER").unwrap()).unwrap();
    let inventory = changer.inventory().unwrap();
    let drive = inventory.of(ElementKind::Drive).next().unwrap();
    let slots: Vec<_> = inventory.of(ElementKind::Storage).collect();
    if drive.full {
        let empty = slots.iter().find(|slot| !slot.full).unwrap();
        changer.move_medium(drive.address, empty.address).unwrap();
    }
    changer.move_medium(slots[number].address, drive.address).unwrap();
}

/// Exactly the checks in `cannot` fail: one that passes is to be taken from the list.
fn check(results: &[CheckResult], cannot: &[&str]) {
    let report: Vec<String> = results.iter().map(ToString::to_string).collect();
    let report = report.join("\n");
    let failed: Vec<&str> = results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Failed(_)))
        .map(|result| result.name)
        .collect();
    assert_eq!(failed, cannot, "\n{report}");
    let passed = results.iter().filter(|result| result.outcome == Outcome::Passed).count();
    assert!(passed >= 12, "only {passed} checks could be tried:\n{report}");
}

#[test]
#[ignore = "runs inside the lab"]
fn nodes_that_are_refused() {
    let rewinding = first("TAPELAB_DRIVES").replace("nst", "st");
    let error = open_drive(&rewinding).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::Unsupported, "{error}");
    assert!(error.message.contains("/dev/nst"), "{error}");
    let changer = std::env::var("TAPELAB_CHANGER").unwrap();
    let error = open_drive(&changer).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::Unsupported, "{error}");

    insert(0);
    let node = first("TAPELAB_DRIVES");
    let mut drive = quiet(&node);
    let error = open_drive(&node).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::Busy, "{error}");
    // tgt does not tell positions, without which the driver's successes cannot be checked.
    let error = drive.write_block(&[7; 4096]).unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::Unsupported, "{error}");
}
