//! Libraries: the robot, the hands, several drives at once, and what survives a restart.

use std::path::Path;
use std::process::Command;
use tape_drive::virt::cartridge::WriteProtection;
use tape_drive::virt::library::{self, Door, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, VirtualChanger, VirtualDrive, scan};
use tape_drive::{
    Changer, DeviceKind, DriveErrorKind, DriveState, ElementAddress, ElementKind, FilemarkSync, MediumKind, Removal,
    TapeDrive, open_changer, open_drive,
};
use tape_scsi::TapeAlert;

/// Two drives, four slots with three cartridges, two mail slots.
fn library() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let spec =
        LibrarySpec { drives: 2, slots: 4, mail_slots: 2, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir.path(), &spec).unwrap();
    for barcode in ["TB0001L9", "TB0002L9", "TB0003L8"] {
        let cartridge = CartridgeSpec::new(barcode).with_capacity(16 << 20);
        library::add_cartridge(dir.path(), &cartridge, Place::AnySlot).unwrap();
    }
    dir
}

struct Addresses {
    drives: Vec<ElementAddress>,
    slots: Vec<ElementAddress>,
    mail_slots: Vec<ElementAddress>,
}

fn addresses(changer: &mut dyn Changer) -> Addresses {
    let inventory = changer.inventory().unwrap();
    let of = |kind| inventory.of(kind).map(|element| element.address).collect();
    Addresses {
        drives: of(ElementKind::Drive),
        slots: of(ElementKind::Storage),
        mail_slots: of(ElementKind::ImportExport),
    }
}

fn barcode_at(changer: &mut dyn Changer, address: ElementAddress) -> Option<String> {
    changer.inventory().unwrap().element(address).unwrap().barcode.clone()
}

fn sense_of(error: tape_drive::DriveError) -> (DriveErrorKind, u8, u8) {
    let sense = error.sense.unwrap();
    (error.kind, sense.asc, sense.ascq)
}

#[test]
fn the_robot_loads_and_puts_back() {
    let dir = library();
    let mut changer = VirtualChanger::open(dir.path()).unwrap();
    let at = addresses(&mut changer);
    assert_eq!((at.drives.len(), at.slots.len(), at.mail_slots.len()), (2, 4, 2));
    let mut drive = VirtualDrive::open(dir.path(), 1).unwrap();
    assert_eq!(drive.status().unwrap().state, DriveState::Empty);

    changer.move_medium(at.slots[0], at.drives[1]).unwrap();
    assert_eq!(drive.status().unwrap_err().kind, DriveErrorKind::MediumChanged);
    assert_eq!(drive.status().unwrap().state, DriveState::Ready);
    assert_eq!(drive.medium().unwrap().barcode.as_deref(), Some("TB0001L9"));

    let inventory = changer.inventory().unwrap();
    let bay = inventory.element(at.drives[1]).unwrap();
    assert!(bay.full && !bay.accessible);
    assert_eq!(bay.source, Some(at.slots[0]));
    assert_eq!(bay.drive_serial.as_ref(), Some(&drive.identity().serial));

    drive.write_block(b"hello").unwrap();
    drive.unload().unwrap();
    assert!(changer.inventory().unwrap().element(at.drives[1]).unwrap().accessible);
    changer.move_medium(at.drives[1], at.slots[3]).unwrap();
    assert_eq!(barcode_at(&mut changer, at.slots[3]).as_deref(), Some("TB0001L9"));
    assert_eq!(drive.status().unwrap().state, DriveState::Empty);
    assert_eq!(drive.load().unwrap_err().kind, DriveErrorKind::NoMedium);
}

#[test]
fn impossible_moves_are_refused_with_the_code_of_a_library() {
    let dir = library();
    let mut changer = VirtualChanger::open(dir.path()).unwrap();
    let at = addresses(&mut changer);
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    let mut refused = |from, to| sense_of(changer.move_medium(from, to).unwrap_err());

    assert_eq!(refused(at.slots[0], at.slots[1]), (DriveErrorKind::ElementState, 0x3b, 0x0d));
    assert_eq!(refused(at.slots[3], at.drives[0]), (DriveErrorKind::ElementState, 0x3b, 0x0e));
    assert_eq!(refused(ElementAddress(9999), at.drives[0]), (DriveErrorKind::IllegalRequest, 0x21, 0x01));

    changer.move_medium(at.slots[0], at.drives[0]).unwrap();
    drive.status().unwrap_err();
    let mut refused = |from, to| sense_of(changer.move_medium(from, to).unwrap_err());
    assert_eq!(refused(at.drives[0], at.slots[0]), (DriveErrorKind::ElementState, 0x53, 0x03));
    drive.set_removal(Removal::Prevented).unwrap();
    assert_eq!(refused(at.drives[0], at.slots[0]), (DriveErrorKind::ElementState, 0x53, 0x02));
    drive.set_removal(Removal::Allowed).unwrap();
    drive.unload().unwrap();
    changer.move_medium(at.drives[0], at.slots[0]).unwrap();
}

#[test]
fn the_door_stops_the_robot_and_closing_it_is_told() {
    let dir = library();
    let mut changer = VirtualChanger::open(dir.path()).unwrap();
    let at = addresses(&mut changer);
    library::set_door(dir.path(), Door::Open).unwrap();
    assert_eq!(changer.inventory().unwrap_err().kind, DriveErrorKind::NotReady);
    assert_eq!(changer.move_medium(at.slots[0], at.drives[0]).unwrap_err().kind, DriveErrorKind::NotReady);
    library::put(dir.path(), "TB0002L9", Place::Slot(3)).unwrap();
    library::set_door(dir.path(), Door::Closed).unwrap();
    assert_eq!(changer.inventory().unwrap_err().kind, DriveErrorKind::MediumChanged);
    assert_eq!(barcode_at(&mut changer, at.slots[3]).as_deref(), Some("TB0002L9"));
    assert_eq!(barcode_at(&mut changer, at.slots[1]), None);
}

#[test]
fn hands_cannot_take_what_a_drive_holds() {
    let dir = library();
    library::put(dir.path(), "TB0001L9", Place::Drive(0)).unwrap();
    assert!(library::put(dir.path(), "TB0001L9", Place::Shelf).is_err());
    assert!(library::put(dir.path(), "TB0002L9", Place::Drive(0)).is_err());
    assert!(library::set_write_protection(dir.path(), "TB0001L9", WriteProtection::On).is_err());
    assert!(library::remove_cartridge(dir.path(), "TB0001L9").is_err());
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    drive.status().unwrap_err();
    drive.unload().unwrap();
    library::put(dir.path(), "TB0001L9", Place::Shelf).unwrap();
    assert_eq!(drive.status().unwrap().state, DriveState::Empty);
    library::set_write_protection(dir.path(), "TB0001L9", WriteProtection::On).unwrap();
    library::put(dir.path(), "TB0001L9", Place::Drive(0)).unwrap();
    assert_eq!(drive.status().unwrap_err().kind, DriveErrorKind::MediumChanged);
    assert!(drive.status().unwrap().write_protected);
    assert_eq!(library::cartridges(dir.path()).unwrap(), ["TB0001L9", "TB0002L9", "TB0003L8"]);
}

#[test]
fn a_cartridge_that_finds_no_place_is_not_made() {
    let dir = library();
    let spec = CartridgeSpec::new("TB0009L9");
    assert!(library::add_cartridge(dir.path(), &spec, Place::Slot(0)).is_err());
    assert!(library::add_cartridge(dir.path(), &spec, Place::Slot(99)).is_err());
    assert_eq!(library::cartridges(dir.path()).unwrap().len(), 3);
    library::add_cartridge(dir.path(), &spec, Place::Slot(3)).unwrap();
    assert!(library::add_cartridge(dir.path(), &spec, Place::Shelf).is_err(), "there is one of that name");
    library::remove_cartridge(dir.path(), "TB0009L9").unwrap();
    library::add_cartridge(dir.path(), &spec, Place::AnySlot).unwrap();
}

#[test]
fn everything_survives_a_restart() {
    let dir = library();
    library::put(dir.path(), "TB0001L9", Place::Drive(0)).unwrap();
    {
        let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
        drive.status().unwrap_err();
        drive.write_block(b"one").unwrap();
        drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
        drive.write_block(b"three").unwrap();
        drive.set_removal(Removal::Prevented).unwrap();
    }
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    // Nobody put anything in since, so there is nothing to tell.
    assert_eq!(drive.status().unwrap().state, DriveState::Ready);
    assert!(drive.unload().is_err());
    drive.set_removal(Removal::Allowed).unwrap();
    assert!(drive.position().unwrap().beginning);
    drive.space_to_end_of_data().unwrap();
    assert_eq!(drive.position().unwrap().at.block, 3);
    let health = drive.health().unwrap();
    assert_eq!((health.load_count, health.bytes_written), (1, 8));
    drive.unload().unwrap();
    let cartridge = library::cartridge(dir.path(), "TB0001L9").unwrap();
    assert_eq!((cartridge.load_count, cartridge.bytes_written), (1, 8));
}

#[test]
fn cartridges_that_do_not_fit_are_told_apart() {
    let dir = library();
    let add = |barcode: &str| {
        let spec = CartridgeSpec::new(barcode).with_capacity(16 << 20);
        library::add_cartridge(dir.path(), &spec, Place::Shelf).unwrap();
        library::put(dir.path(), barcode, Place::Drive(0)).unwrap();
    };
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();

    add("OLD001L7");
    assert_eq!(drive.position().unwrap_err().kind, DriveErrorKind::IncompatibleMedium);
    assert_eq!(drive.status().unwrap().state, DriveState::Unloaded);
    assert_eq!(drive.alerts().unwrap(), [TapeAlert::UNSUPPORTED_FORMAT]);
    library::put(dir.path(), "OLD001L7", Place::Shelf).unwrap();

    library::request_cleaning(dir.path(), 0).unwrap();
    assert!(drive.health().unwrap().cleaning_required);
    assert!(drive.alerts().unwrap().contains(&TapeAlert::CLEAN_NOW));
    add("CLN001L1");
    assert_eq!(drive.position().unwrap_err().kind, DriveErrorKind::CleaningCartridge);
    assert_eq!(drive.medium().unwrap().kind, MediumKind::Cleaning);
    assert!(!drive.health().unwrap().cleaning_required);
    assert_eq!(drive.alerts().unwrap(), [TapeAlert::CLEANING_MEDIA]);
    assert_eq!(library::cartridge(dir.path(), "CLN001L1").unwrap().cleanings_left, 49);
    library::put(dir.path(), "CLN001L1", Place::Shelf).unwrap();

    // A cartridge whose image is gone is a cartridge the drive cannot load.
    std::fs::remove_file(dir.path().join("cartridges/TB0001L9.tap")).unwrap();
    library::put(dir.path(), "TB0001L9", Place::Drive(0)).unwrap();
    let error = drive.position().unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::HardwareError);
    assert!(error.message.contains("TB0001L9.tap"), "{error}");
}

#[test]
fn a_read_only_generation_says_which_one_to_use() {
    let dir = tempfile::tempdir().unwrap();
    let generation = tape_drive::lto::Generation::new(7).unwrap();
    let spec =
        LibrarySpec { generation, slots: 0, mail_slots: 0, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir.path(), &spec).unwrap();
    library::add_cartridge(dir.path(), &CartridgeSpec::new("OLD001L5"), Place::Drive(0)).unwrap();
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    drive.status().unwrap_err();
    assert!(drive.status().unwrap().write_protected);
    let error = drive.write_block(b"x").unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::WriteProtected);
    assert!(error.message.contains("LTO-7"), "{error}");
}

#[test]
fn a_drive_has_one_owner() {
    let dir = library();
    let drive = VirtualDrive::open(dir.path(), 0).unwrap();
    assert_eq!(VirtualDrive::open(dir.path(), 0).unwrap_err().kind, DriveErrorKind::Busy);
    let other = VirtualDrive::open(dir.path(), 1).unwrap();
    drop(drive);
    VirtualDrive::open(dir.path(), 0).unwrap();
    drop(other);
    let changer = VirtualChanger::open(dir.path()).unwrap();
    assert_eq!(VirtualChanger::open(dir.path()).unwrap_err().kind, DriveErrorKind::Busy);
    drop(changer);
    VirtualChanger::open(dir.path()).unwrap();
}

/// Run as a child process by the test below; on its own it has nothing to do.
#[test]
fn child_that_dies() {
    let Some(dir) = std::env::var_os("VIRTUAL_LIBRARY_CHILD") else { return };
    let mut drive = VirtualDrive::open(Path::new(&dir), 0).unwrap();
    drive.status().unwrap_err();
    drive.write_block(b"flushed").unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drive.write_block(b"in the buffer").unwrap();
    std::process::abort();
}

#[test]
fn a_killed_process_frees_the_drive_and_a_power_cut_takes_its_buffer() {
    for power in ["stays", "fails"] {
        let dir = library();
        library::put(dir.path(), "TB0001L9", Place::Drive(0)).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_dies"])
            .env("VIRTUAL_LIBRARY_CHILD", dir.path())
            .output()
            .unwrap();
        assert!(!status.status.success());
        if power == "fails" {
            assert_eq!(library::power_cut(dir.path(), 0).unwrap(), Some(2));
        }
        let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
        drive.space_to_end_of_data().unwrap();
        let expected = if power == "fails" { 2 } else { 3 };
        assert_eq!(drive.position().unwrap().at.block, expected, "power {power}");
    }
}

#[test]
fn two_drives_and_the_robot_work_at_once() {
    let dir = library();
    let mut changer = VirtualChanger::open(dir.path()).unwrap();
    let at = addresses(&mut changer);
    changer.move_medium(at.slots[0], at.drives[0]).unwrap();
    changer.move_medium(at.slots[1], at.drives[1]).unwrap();
    std::thread::scope(|scope| {
        for number in 0..2 {
            let path = dir.path();
            scope.spawn(move || {
                let mut drive = VirtualDrive::open(path, number).unwrap();
                drive.status().unwrap_err();
                for round in 0..20 {
                    drive.space_to_end_of_data().unwrap();
                    drive.write_block(&[number as u8; 1000]).unwrap();
                    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
                    drive.unload().unwrap();
                    drive.load().unwrap();
                    drive.space_to_end_of_data().unwrap();
                    assert_eq!(drive.position().unwrap().at.block, 2 * (round + 1));
                }
                drive.unload().unwrap();
            });
        }
        let (from, to) = (at.slots[2], at.mail_slots[0]);
        for _ in 0..20 {
            changer.move_medium(from, to).unwrap();
            changer.move_medium(to, from).unwrap();
        }
    });
    changer.move_medium(at.drives[0], at.slots[1]).unwrap();
    changer.move_medium(at.drives[1], at.slots[0]).unwrap();
    assert_eq!(barcode_at(&mut changer, at.slots[0]).as_deref(), Some("TB0002L9"));
}

#[test]
fn devices_are_found_and_open_by_their_paths() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["b", "a"] {
        let spec = LibrarySpec { serial: Some(format!("S{name}")), drives: 2, ..LibrarySpec::default() };
        library::create(&parent.path().join(name), &spec).unwrap();
    }
    library::create(&parent.path().join("c"), &LibrarySpec { slots: 0, mail_slots: 0, ..LibrarySpec::default() })
        .unwrap();
    let found = scan(parent.path()).unwrap();
    let serials: Vec<&str> = found.iter().take(6).map(|device| device.serial.as_str()).collect();
    assert_eq!(serials, ["Sa", "SaD0", "SaD1", "Sb", "SbD0", "SbD1"]);
    assert_eq!((found.len(), found[6].element), (7, None));
    assert_eq!(scan(&parent.path().join("a")).unwrap().len(), 3);
    for device in &found {
        match device.kind {
            DeviceKind::Drive => {
                assert_eq!(open_drive(&device.device_path).unwrap().identity().serial, device.serial);
            }
            DeviceKind::Changer => {
                let mut changer = open_changer(&device.device_path).unwrap();
                assert_eq!(changer.identity().serial, device.serial);
                let inventory = changer.inventory().unwrap();
                let serials = inventory.of(ElementKind::Drive).map(|bay| bay.drive_serial.clone().unwrap());
                assert_eq!(
                    serials.collect::<Vec<_>>(),
                    [format!("{}D0", device.serial), format!("{}D1", device.serial)]
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let dir = library();
    let path = dir.path().display();
    for (device, kind, words) in [
        ("/dev/nst4711".to_owned(), DriveErrorKind::Io, "/dev/nst4711: No such file"),
        ("nonsense".to_owned(), DriveErrorKind::Unsupported, "not a device path"),
        (format!("virtual:{path}#drive7"), DriveErrorKind::IllegalRequest, "no drive 7"),
        (format!("virtual:{path}#changer"), DriveErrorKind::IllegalRequest, "drive0"),
        (format!("virtual:{path}/nowhere#drive0"), DriveErrorKind::Io, "nowhere"),
    ] {
        let error = open_drive(&device).err().unwrap();
        assert_eq!(error.kind, kind, "{device}: {error}");
        assert!(error.to_string().contains(words), "{device}: {error}");
    }
    assert_eq!(open_changer("null:x").err().unwrap().kind, DriveErrorKind::Unsupported);
    std::fs::write(dir.path().join("library.json"), "{}").unwrap();
    assert_eq!(open_drive(&format!("virtual:{path}#drive0")).err().unwrap().kind, DriveErrorKind::Io);
}

#[test]
fn a_state_with_a_cartridge_in_two_places_is_refused() {
    let dir = library();
    let path = dir.path().join("library.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("TB0002L9", "TB0001L9");
    std::fs::write(&path, text).unwrap();
    let error = library::read(dir.path()).unwrap_err();
    assert!(error.message.contains("two places"), "{error}");
}

#[test]
fn cartridge_with_another_file_name_can_share_a_bar_code() {
    let dir = library();
    let twin = CartridgeSpec { name: "TWIN".into(), ..CartridgeSpec::new("TB0001L9") };
    library::add_cartridge(dir.path(), &twin, Place::MailSlot(0)).unwrap();
    let mut changer = VirtualChanger::open(dir.path()).unwrap();
    // SMC-3: somebody used the mail slot.
    let error = changer.inventory().unwrap_err();
    assert_eq!(sense_of(error), (DriveErrorKind::MediumChanged, 0x28, 0x01));
    let at = addresses(&mut changer);
    assert_eq!(barcode_at(&mut changer, at.mail_slots[0]), barcode_at(&mut changer, at.slots[0]));
}

/// EXCHANGE MEDIUM: both cartridges change places, or neither moves.
#[test]
fn the_robot_exchanges_cartridges() {
    let dir = library();
    let mut changer = VirtualChanger::open(dir.path()).unwrap();
    let at = addresses(&mut changer);
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    assert!(changer.capabilities().can_exchange(ElementKind::Storage, ElementKind::Drive));
    changer.exchange(at.slots[0], at.slots[1], at.slots[0]).unwrap();
    assert_eq!(barcode_at(&mut changer, at.slots[0]).as_deref(), Some("TB0002L9"));
    assert_eq!(barcode_at(&mut changer, at.slots[1]).as_deref(), Some("TB0001L9"));
    // With what lies in a drive, once that has let it go; and to a third place.
    changer.move_medium(at.slots[0], at.drives[0]).unwrap();
    let threaded = changer.exchange(at.slots[1], at.drives[0], at.slots[3]).unwrap_err();
    assert_eq!(sense_of(threaded), (DriveErrorKind::ElementState, 0x53, 0x03));
    assert_eq!(barcode_at(&mut changer, at.slots[1]).as_deref(), Some("TB0001L9"), "nothing was moved");
    assert_eq!(drive.status().unwrap_err().kind, DriveErrorKind::MediumChanged);
    drive.unload().unwrap();
    let full = changer.exchange(at.slots[1], at.drives[0], at.slots[2]).unwrap_err();
    assert_eq!(sense_of(full), (DriveErrorKind::ElementState, 0x3b, 0x0d));
    changer.exchange(at.slots[1], at.drives[0], at.slots[3]).unwrap();
    assert_eq!(barcode_at(&mut changer, at.drives[0]).as_deref(), Some("TB0001L9"));
    assert_eq!(barcode_at(&mut changer, at.slots[3]).as_deref(), Some("TB0002L9"));
    let inventory = changer.inventory().unwrap();
    assert_eq!(inventory.element(at.slots[3]).unwrap().source, Some(at.slots[0]), "where it came from to the drive");
    assert!(inventory.elements.iter().all(|element| !element.cleaning));
}
