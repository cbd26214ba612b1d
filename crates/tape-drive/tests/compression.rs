//! Compression by the virtual drive: the room it saves, what drive and image then say, and that blocks come back.

use std::process::Command;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, TapeCopy, Transferred, VirtualDrive};
use tape_drive::{Compression, DriveErrorKind, DriveKey, FilemarkSync, ReadOutcome, TapeDrive};

const LENGTH: usize = 64 << 10;

fn drive() -> (tempfile::TempDir, VirtualDrive) {
    let dir = tempfile::tempdir().unwrap();
    let spec = LibrarySpec { slots: 0, mail_slots: 0, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir.path(), &spec).unwrap();
    library::add_cartridge(dir.path(), &CartridgeSpec::new("TB0001L9").with_capacity(16 << 20), Place::Drive(0))
        .unwrap();
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    drive.status().unwrap_err();
    (dir, drive)
}

fn text(number: u8) -> Vec<u8> {
    format!("block {number}, and the same again; ").into_bytes().into_iter().cycle().take(LENGTH).collect()
}

fn noise() -> Vec<u8> {
    let mut noise = vec![0; LENGTH];
    openssl::rand::rand_bytes(&mut noise).unwrap();
    noise
}

fn write(drive: &mut VirtualDrive, blocks: &[Vec<u8>]) {
    for block in blocks {
        drive.write_block(block).unwrap();
    }
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
}

fn read(drive: &mut dyn TapeDrive, blocks: &[Vec<u8>]) {
    let mut buffer = vec![0; LENGTH];
    for block in blocks {
        assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(LENGTH));
        assert!(buffer == *block);
    }
    assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Filemark);
}

#[test]
fn compressed_blocks_take_less_room_and_come_back() {
    let (dir, mut drive) = drive();
    assert!(drive.capabilities().unwrap().compression);
    let left = |drive: &mut VirtualDrive| drive.medium().unwrap().remaining_bytes.unwrap();
    let blocks: Vec<Vec<u8>> = (0..16).map(text).collect();
    let before = left(&mut drive);
    write(&mut drive, &blocks);
    assert!(before - left(&mut drive) > 16 * LENGTH as u64, "it compresses only when it is told");
    drive.rewind().unwrap();
    drive.set_compression(Compression::On).unwrap();
    write(&mut drive, &blocks);
    let taken = before - left(&mut drive);
    assert!(taken < LENGTH as u64, "{taken} bytes for {}", 16 * LENGTH);
    drive.rewind().unwrap();
    read(&mut drive, &blocks);
    drive.rewind().unwrap();
    let actual = Some(LENGTH as u64);
    assert_eq!(drive.read_block(&mut [0; 1024]).unwrap_err().kind, DriveErrorKind::BlockTooLong { actual });
    assert_eq!(drive.position().unwrap().at.block, 1, "it is passed over");

    // Data that do not shrink are stored as they are.
    drive.rewind().unwrap();
    let noise = [noise()];
    write(&mut drive, &noise);
    assert!(before - left(&mut drive) <= LENGTH as u64 + 12);
    drive.rewind().unwrap();
    read(&mut drive, &noise);

    // Without a drive, and with nothing but Python.
    drive.rewind().unwrap();
    write(&mut drive, &blocks);
    drop(drive);
    let image = dir.path().join("cartridges/TB0001L9.tap");
    assert!(std::fs::metadata(&image).unwrap().len() < LENGTH as u64);
    let mut copy = TapeCopy::of_image(&image).unwrap();
    read(&mut copy, &blocks);
    copy.rewind().unwrap();
    let error = copy.read_block(&mut [0; 1024]).unwrap_err();
    // What is stored of it may be longer than the buffer, too.
    assert!(matches!(error.kind, DriveErrorKind::BlockTooLong { .. }), "{error}");
    let page = include_str!("../../../docs/virtual-tape.md");
    let (_, program) = page.split_once("```python\n").unwrap();
    let program = program.split_once("```").unwrap().0;
    let output = Command::new("python3").args(["-c", program]).arg(&image).arg("0").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout == blocks.concat());
}

#[test]
fn what_went_through_is_counted_on_both_sides() {
    let (_dir, mut drive) = drive();
    drive.set_compression(Compression::On).unwrap();
    let blocks = [text(1), text(2)];
    write(&mut drive, &blocks);
    let told = drive.transferred();
    assert_eq!((told.received, told.sent), (2 * LENGTH as u64, 0));
    assert!(told.written > 0 && told.written < told.received / 20, "{told:?}");
    let health = drive.health().unwrap();
    assert_eq!((health.bytes_received, health.bytes_written), (Some(told.received), told.written));
    assert_eq!((health.write_compression_ratio, health.read_compression_ratio), (told.write_ratio(), None));
    assert!(health.write_compression_ratio > Some(20.0), "{health:?}");
    assert_eq!(drive.volume_health().unwrap().bytes_written, Some(told.written));

    // Uncompressed data are written as many as they are, and each side is counted by itself.
    drive.set_compression(Compression::Off).unwrap();
    write(&mut drive, &blocks);
    drive.rewind().unwrap();
    read(&mut drive, &blocks);
    let told = drive.transferred();
    assert_eq!(
        (told.received, told.sent, told.read < 10_000),
        (4 * LENGTH as u64, 2 * LENGTH as u64, true),
        "{told:?}"
    );
    read(&mut drive, &blocks);
    let told = drive.transferred();
    assert_eq!((told.read, told.sent), (told.written, told.received));
    assert!(drive.health().unwrap().read_compression_ratio < Some(2.1));
    // It begins anew with every cartridge.
    drive.unload().unwrap();
    drive.load().unwrap();
    assert_eq!(drive.transferred(), Transferred::default());
    assert_eq!(drive.health().unwrap().write_compression_ratio, None);
}

#[test]
fn it_compresses_before_it_encrypts_and_stops_with_a_reset() {
    let (_dir, mut drive) = drive();
    let key = DriveKey::new([7; 32], b"seven").unwrap();
    drive.set_compression(Compression::On).unwrap();
    drive.set_encryption(Some(&key)).unwrap();
    let blocks = [text(1), noise(), text(2)];
    write(&mut drive, &blocks);
    assert!(drive.volume_health().unwrap().used_bytes < Some(2 * LENGTH as u64));
    drive.rewind().unwrap();
    read(&mut drive, &blocks);
    drive.rewind().unwrap();
    drive.set_encryption(None).unwrap();
    assert_eq!(drive.read_block(&mut vec![0; LENGTH]).unwrap_err().kind, DriveErrorKind::KeyRequired);

    tape_drive::fault::Faulty::reset(&mut drive);
    let before = drive.medium().unwrap().remaining_bytes.unwrap();
    drive.rewind().unwrap();
    write(&mut drive, &[text(3)]);
    let now = drive.volume_health().unwrap().used_bytes.unwrap();
    assert!(now > LENGTH as u64, "{now} of {before}: a reset ends compression");
}

#[test]
fn damage_to_a_compressed_block_is_an_error_of_the_medium() {
    let (dir, mut drive) = drive();
    drive.set_compression(Compression::On).unwrap();
    let mut mixed = text(1);
    mixed[..LENGTH / 2].copy_from_slice(&noise()[..LENGTH / 2]);
    let blocks = [mixed, text(2)];
    write(&mut drive, &blocks);
    drop(drive);
    let image = dir.path().join("cartridges/TB0001L9.tap");
    let mut bytes = std::fs::read(&image).unwrap();
    bytes[LENGTH / 4] ^= 0x40;
    std::fs::write(&image, bytes).unwrap();
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    let mut buffer = vec![0; LENGTH];
    let mut copy = TapeCopy::of_image(&image).unwrap();
    for tape in [&mut drive as &mut dyn TapeDrive, &mut copy] {
        assert_eq!(tape.read_block(&mut buffer).unwrap_err().kind, DriveErrorKind::MediumError);
        read(tape, &blocks[1..]);
    }
}
