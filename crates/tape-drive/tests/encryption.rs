//! Encryption by the virtual drive: what is in the image, and what takes the key away.

use tape_drive::fault::{Condition, FaultDrive, FaultHandle};
use tape_drive::lto::Generation;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, TapeCopy, VirtualDrive};
use tape_drive::{DriveErrorKind, DriveKey, DriveState, FilemarkSync, NextBlock, Position, ReadOutcome, TapeDrive};

const TEXT: &[u8] = b"a sentence that must not be found on the tape, nor any part of it";

fn library(generation: u8, barcode: &str, settings: Settings) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let generation = Generation::new(generation).unwrap();
    let spec = LibrarySpec { slots: 0, mail_slots: 0, generation, settings, ..LibrarySpec::default() };
    library::create(dir.path(), &spec).unwrap();
    let cartridge = CartridgeSpec::new(barcode).with_capacity(16 << 20);
    library::add_cartridge(dir.path(), &cartridge, Place::Drive(0)).unwrap();
    dir
}

fn drive(dir: &tempfile::TempDir) -> FaultDrive<VirtualDrive> {
    let mut drive = FaultDrive::new(VirtualDrive::open(dir.path(), 0).unwrap(), FaultHandle::default());
    drive.status().unwrap_err();
    drive
}

fn key() -> DriveKey {
    DriveKey::new([7; 32], b"seven").unwrap()
}

#[test]
fn the_image_holds_nothing_of_an_encrypted_block() {
    let dir = library(9, "TB0001L9", Settings::volatile());
    let mut drive = drive(&dir);
    drive.write_block(b"a label, in the clear").unwrap();
    drive.set_encryption(Some(&key())).unwrap();
    drive.write_block(TEXT).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    let path = dir.path().join("cartridges/TB0001L9.tap");
    let image = std::fs::read(&path).unwrap();
    assert!(image.windows(8).any(|window| window == b"a label,"));
    assert!(!TEXT.chunks_exact(8).any(|part| image.windows(part.len()).any(|window| window == part)));
    assert!(!image.windows(16).any(|window| window == [7; 16]), "the key is in the image");

    // A buffer that just holds the block is enough, though more than that is stored.
    drive.locate(Position::block(1)).unwrap();
    let mut buffer = [0; TEXT.len()];
    assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(TEXT.len()));
    assert_eq!(buffer, TEXT);
    drive.locate(Position::block(1)).unwrap();
    let actual = Some(TEXT.len() as u64);
    assert_eq!(drive.read_block(&mut [0; 10]).unwrap_err().kind, DriveErrorKind::BlockTooLong { actual });
    assert_eq!(drive.position().unwrap().at, Position::block(2), "it is passed over");
    drop(drive);

    let mut copy = TapeCopy::of_image(&path).unwrap();
    let mut buffer = [0; 4096];
    assert!(matches!(copy.read_block(&mut buffer), Ok(ReadOutcome::Block(_))));
    let error = copy.read_block(&mut buffer).unwrap_err();
    assert_eq!((error.kind, error.sense.unwrap().ascq), (DriveErrorKind::KeyRequired, 0x01));
    assert_eq!(copy.position().unwrap().at, Position::block(1));
}

#[test]
fn a_changed_block_is_not_taken_for_a_missing_key() {
    let dir = library(9, "TB0001L9", Settings::volatile());
    let mut first = drive(&dir);
    first.set_encryption(Some(&key())).unwrap();
    first.write_block(TEXT).unwrap();
    first.write_filemarks(1, FilemarkSync::Flush).unwrap();
    first.unload().unwrap();
    drop(first);
    let path = dir.path().join("cartridges/TB0001L9.tap");
    let mut image = std::fs::read(&path).unwrap();
    image[90] ^= 1;
    std::fs::write(&path, image).unwrap();
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    drive.load().unwrap();
    drive.set_encryption(Some(&key())).unwrap();
    let error = drive.read_block(&mut [0; 4096]).unwrap_err();
    assert_eq!((error.kind.clone(), error.sense.unwrap().ascq), (DriveErrorKind::DataProtect, 0x04), "{error}");
}

#[test]
fn a_reset_and_a_power_cut_take_the_key() {
    for condition in [Condition::Reset, Condition::PowerCut] {
        let dir = library(9, "TB0001L9", Settings::volatile());
        let mut drive = drive(&dir);
        drive.set_encryption(Some(&key())).unwrap();
        let before = drive.encryption().unwrap();
        assert!(before.uses(&key()));
        drive.faults().next(condition);
        drive.status().unwrap_err();
        while drive.status().is_err() {}
        let after = drive.encryption().unwrap();
        assert!(after.is_off() && after.key_instance != before.key_instance, "{condition:?}: {after:?}");
    }
}

#[test]
fn a_drive_that_is_too_old_does_not_encrypt() {
    let dir = library(3, "TB0001L3", Settings::volatile());
    let mut drive = drive(&dir);
    assert!(!drive.capabilities().unwrap().encryption);
    assert_eq!(drive.set_encryption(Some(&key())).unwrap_err().kind, DriveErrorKind::Unsupported);
    assert_eq!(drive.encryption().unwrap_err().kind, DriveErrorKind::Unsupported);
    drive.set_encryption(None).unwrap();
}

#[test]
fn a_key_needs_a_cartridge_and_a_stolen_block_stays_what_it_is() {
    let dir = library(9, "TB0001L9", Settings::volatile());
    let mut drive = drive(&dir);
    drive.set_encryption(Some(&key())).unwrap();
    drive.write_block(TEXT).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drive.unload().unwrap();
    assert_eq!(drive.set_encryption(Some(&key())).unwrap_err().kind, DriveErrorKind::NotReady);
    drive.load().unwrap();

    // The stored form of an encrypted block, written by a host as its own data, comes back as it is.
    let image = std::fs::read(dir.path().join("cartridges/TB0001L9.tap")).unwrap();
    let length = u32::from_le_bytes(image[..4].try_into().unwrap()) as usize;
    let stolen = &image[4..4 + length];
    drive.write_block(stolen).unwrap();
    drive.rewind().unwrap();
    assert_eq!(drive.next_block().unwrap(), NextBlock::Clear);
    let mut buffer = vec![0; length];
    assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(length));
    assert_eq!(buffer, stolen);
}

/// LTO-9 and later: a new cartridge is measured when it is first loaded, and only then.
#[test]
fn the_first_load_of_a_new_cartridge_takes_long_and_shows_its_progress() {
    let settings = Settings { first_load_ms: 1500, ..Settings::volatile() };
    let dir = library(9, "TB0001L9", settings.clone());
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    let mut seen = Vec::new();
    loop {
        match drive.status() {
            Ok(status) => match status.state {
                DriveState::BecomingReady { percent: Some(percent) } => seen.push(percent),
                state => panic!("{state:?}"),
            },
            Err(error) => {
                assert_eq!(error.kind, DriveErrorKind::MediumChanged);
                break;
            }
        }
        if seen.len() == 1 {
            assert_eq!(drive.rewind().unwrap_err().kind, DriveErrorKind::NotReady);
        }
    }
    assert!(seen.is_sorted() && seen.first() < seen.last(), "{seen:?}");
    drive.unload().unwrap();
    drive.load().unwrap();
    assert_eq!(drive.status().unwrap().state, DriveState::Ready);

    let dir = library(9, "TB0001L8", settings);
    let mut older = VirtualDrive::open(dir.path(), 0).unwrap();
    assert_eq!(older.status().unwrap_err().kind, DriveErrorKind::MediumChanged);
}
