//! The conformance suite, run against every backend that needs no hardware.

use tape_drive::conformance::{self, CheckResult, Insertion, Keeps, Outcome, Profile, Wanted};
use tape_drive::fault::{FaultDrive, FaultHandle};
use tape_drive::null::{KEPT_RECORD_BYTES, NullDrive};
use tape_drive::virt::cartridge::WriteProtection;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, VirtualDrive};
use tape_drive::{MediumKind, TapeDrive, open_drive};

const CAPACITY: u64 = 24 << 20;

/// A new stand-alone drive with the cartridge wanted.
fn virtual_library(wanted: Wanted) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let spec = LibrarySpec { slots: 0, mail_slots: 0, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir.path(), &spec).unwrap();
    let mut cartridge = CartridgeSpec::new("TB0001L9").with_capacity(CAPACITY);
    match wanted {
        Wanted::Blank => {}
        Wanted::WriteProtected => cartridge.write_protection = WriteProtection::On,
        Wanted::Worm => cartridge.kind = MediumKind::Worm,
    }
    library::add_cartridge(dir.path(), &cartridge, Place::Drive(0)).unwrap();
    dir
}

fn check(results: &[CheckResult], skipped: &[&str]) {
    let report: Vec<String> = results.iter().map(ToString::to_string).collect();
    let report = report.join("\n");
    assert!(!results.iter().any(|result| matches!(result.outcome, Outcome::Failed(_))), "\n{report}");
    let actually: Vec<&str> = results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Skipped(_)))
        .map(|result| result.name)
        .collect();
    assert_eq!(actually, skipped, "\n{report}");
}

#[test]
fn virtual_drive() {
    let mut library = None;
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        let dir = library.insert(virtual_library(wanted));
        Some(Box::new(VirtualDrive::open(dir.path(), 0).unwrap()))
    };
    let profile = Profile { fill_bytes: Some(2 * CAPACITY), ..Profile::default() };
    check(&conformance::run(&mut make, &profile), &[]);
}

#[test]
fn virtual_drive_behind_an_empty_plan() {
    let mut library = None;
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        let dir = library.insert(virtual_library(wanted));
        let drive = VirtualDrive::open(dir.path(), 0).unwrap();
        Some(Box::new(FaultDrive::new(drive, FaultHandle::default())))
    };
    let profile = Profile { fill_bytes: Some(2 * CAPACITY), ..Profile::default() };
    check(&conformance::run(&mut make, &profile), &[]);
}

#[test]
fn virtual_drive_by_device_path() {
    let mut library = None;
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        let dir = library.insert(virtual_library(wanted));
        Some(open_drive(&format!("virtual:{}#drive0", dir.path().display())).unwrap())
    };
    let profile = Profile { fill_bytes: Some(2 * CAPACITY), ..Profile::default() };
    check(&conformance::run(&mut make, &profile), &[]);
}

/// It keeps small blocks only, has no end, no cartridges to choose from, and nobody puts one in.
#[test]
fn null_drive() {
    let mut number = 0;
    let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
        number += 1;
        (wanted == Wanted::Blank).then(|| {
            let drive: Box<dyn TapeDrive> = Box::new(NullDrive::open(&format!("conformance{number}")).unwrap());
            drive
        })
    };
    let keeps = Keeps::BlocksUpTo(KEPT_RECORD_BYTES);
    let profile = Profile { keeps, insertion: Insertion::Silent, fill_bytes: None };
    let skipped = [
        "a cartridge that was put in is told of once",
        "the end of the tape is announced and then enforced",
        "programmable early warning comes once and before early warning",
        "a write-protected cartridge is not written",
        "a write-once cartridge is only continued",
        "blocks that the drive encrypted are read with their key only",
        "encrypted blocks tell which key they need",
        "unloading takes the key away",
    ];
    check(&conformance::run(&mut make, &profile), &skipped);
}
