//! The changer backend and the search for devices, with a third party's library behind the kernel's sg, st and ch.

use crate::harness::Lab;
use std::process::Command;
use tape_drive::hardware::{self, Roots};
use tape_drive::{DeviceKind, DriveErrorKind, ElementAddress, ElementKind, Inventory, open_changer};

#[test]
fn drives_and_libraries_are_found_and_placed() {
    let Some(lab) = Lab::tgt() else { return };
    lab.inside("changer::finds_and_places");
}

#[test]
fn the_robot_of_a_real_library_works() {
    let Some(lab) = Lab::tgt() else { return };
    lab.and(&["--barcodes", "LAB001L6,LAB002L6,CLN001L1"]).inside("changer::moves_cartridges");
}

fn given(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: this runs inside the lab"))
}

#[test]
#[ignore = "runs inside the lab"]
fn finds_and_places() {
    let found = hardware::scan_and_place(&Roots::default());
    assert!(found.iter().all(|device| device.problem.is_none()), "{found:#?}");
    let changers: Vec<_> = found.iter().filter(|device| device.kind == DeviceKind::Changer).collect();
    let [changer] = changers.as_slice() else { panic!("{found:#?}") };
    assert_eq!(changer.device_path, given("TAPELAB_CHANGER"));
    assert!(changer.is(&given("TAPELAB_SCH"), None));
    assert_eq!((changer.product.as_str(), changer.serial.as_str()), ("L700", "LABCHG0001"));
    let drives: Vec<_> = found.iter().filter(|device| device.kind == DeviceKind::Drive).collect();
    assert_eq!(drives.len(), 2, "{found:#?}");
    let (nodes, generic) = (given("TAPELAB_DRIVES"), given("TAPELAB_DRIVE_SGS"));
    for (number, (node, sg)) in (1u16..).zip(nodes.split(' ').zip(generic.split(' '))) {
        let drive = drives.iter().find(|drive| drive.is(node, None)).unwrap_or_else(|| panic!("{node}: {found:#?}"));
        assert!(drive.is(sg, None), "{node} and {sg} are one drive: {drive:#?}");
        assert_eq!(drive.serial, format!("LABDRV{number:04}"));
        assert_eq!(drive.generation.map(|generation| generation.number()), Some(6));
        assert_eq!(drive.revision, "0001");
        // tgt cuts its answer short within the second bay: the second drive is found by elimination.
        assert_eq!(drive.element, Some(ElementAddress(number)), "{found:#?}");
        assert_eq!(drive.changer_serial.as_deref(), Some("LABCHG0001"));
    }
}

/// What another program says is where: the bar codes, by `mtx`'s own numbers.
fn mtx() -> String {
    let output = Command::new("mtx").args(["-f", &given("TAPELAB_CHANGER"), "status"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn find(inventory: &Inventory, barcode: &str) -> (ElementAddress, ElementKind) {
    let element = inventory.elements.iter().find(|element| element.barcode.as_deref() == Some(barcode));
    element.map(|element| (element.address, element.kind)).unwrap_or_else(|| panic!("{barcode}: {inventory:#?}"))
}

#[test]
#[ignore = "runs inside the lab"]
fn moves_cartridges() {
    // By the changer driver's node, which leads to the generic one.
    let mut changer = open_changer(&given("TAPELAB_SCH")).unwrap();
    assert_eq!((changer.identity().vendor.as_str(), changer.identity().serial.as_str()), ("STK", "LABCHG0001"));
    assert!(changer.capabilities().can_move(ElementKind::Storage, ElementKind::Drive));
    let inventory = changer.inventory().unwrap();
    let count = |kind| inventory.of(kind).count();
    assert_eq!((count(ElementKind::Storage), count(ElementKind::Drive), count(ElementKind::ImportExport)), (8, 2, 1));
    let cleaning: Vec<_> = inventory.elements.iter().filter(|element| element.cleaning).collect();
    assert_eq!(cleaning.len(), 1);
    assert_eq!(cleaning[0].barcode.as_deref(), Some("CLN001L1"));
    let bay = inventory.of(ElementKind::Drive).next().unwrap().address;
    let mail = inventory.of(ElementKind::ImportExport).next().unwrap().address;
    assert_eq!(inventory.element(bay).unwrap().drive_serial.as_deref(), Some("LABDRV0001"));

    // Load by bar code.
    let (home, kind) = find(&inventory, "LAB002L6");
    assert_eq!(kind, ElementKind::Storage);
    changer.move_medium(home, bay).unwrap();
    let inventory = changer.inventory().unwrap();
    assert_eq!(find(&inventory, "LAB002L6"), (bay, ElementKind::Drive));
    assert!(!inventory.element(home).unwrap().full);
    assert!(
        mtx().contains("Data Transfer Element 0:Full (Storage Element 2 Loaded):VolumeTag = LAB002L6"),
        "{}",
        mtx()
    );
    let source = inventory.element(bay).unwrap().source;
    assert!(source.is_none_or(|source| source == home), "{source:?}");

    // What cannot be done says why.
    let (other, _) = find(&inventory, "LAB001L6");
    let full = changer.move_medium(other, bay).unwrap_err();
    assert_eq!(full.kind, DriveErrorKind::ElementState, "{full}");
    let empty = changer.move_medium(home, mail).unwrap_err();
    assert_eq!(empty.kind, DriveErrorKind::ElementState, "{empty}");
    let nowhere = changer.move_medium(other, ElementAddress(9999)).unwrap_err();
    assert!(nowhere.sense.is_some(), "{nowhere}");

    // Back, out by the mail slot, and in again.
    changer.move_medium(bay, home).unwrap();
    changer.move_medium(home, mail).unwrap();
    assert_eq!(find(&changer.inventory().unwrap(), "LAB002L6"), (mail, ElementKind::ImportExport));
    assert!(mtx().contains("IMPORT/EXPORT:Full :VolumeTag=LAB002L6"), "{}", mtx());
    changer.move_medium(mail, home).unwrap();
    changer.rescan().unwrap();
    assert_eq!(find(&changer.inventory().unwrap(), "LAB002L6").0, home);
}

/// A user without any capability, in the group that the nodes belong to (docs/hardware.md). The program is put where that
/// user may read it.
#[test]
fn an_ordinary_user_of_the_right_group_can_use_a_library() {
    let Some(lab) = Lab::tgt() else { return };
    let program = std::env::current_exe().unwrap();
    let printed = lab.shell(&format!(
        "set -e; cp {} /run/program; chmod 755 /run/program; chgrp tape /dev/sg* /dev/sch*; chmod 660 /dev/sg* /dev/sch*; \
         setpriv --reuid 1000 --regid 1000 --groups $(getent group tape | cut -d: -f3) \
         --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
         /run/program --exact changer::works_without_rights --ignored --nocapture",
        program.display()
    ));
    assert!(printed.contains("1 passed"), "{printed}");
}

#[test]
#[ignore = "runs inside the lab"]
fn works_without_rights() {
    let mut changer = open_changer(&given("TAPELAB_SCH")).unwrap();
    let inventory = changer.inventory().unwrap();
    let (full, _) = find(&inventory, "LAB001L6");
    let mail = inventory.of(ElementKind::ImportExport).next().unwrap().address;
    changer.move_medium(full, mail).unwrap();
    changer.move_medium(mail, full).unwrap();
    assert!(hardware::scan(&Roots::default()).iter().all(|device| device.problem.is_none()));
    // A node of another group is refused, and the refusal says what to do.
    let foreign = open_changer("/dev/console").err().unwrap();
    assert!(foreign.message.contains("group"), "{foreign}");
}
