//! Encryption by the drive.

use super::*;
use crate::{DriveKey, EncryptionMode, FilemarkSync, NextBlock, Position, ReadOutcome};

const SIZE: usize = 4000;

fn key(byte: u8) -> Verdict<DriveKey> {
    Ok(DriveKey::new([byte; 32], &[byte; 16])?)
}

/// The drive, if it encrypts.
fn encrypting(bench: &mut Bench<'_, '_>) -> Verdict<Box<dyn TapeDrive>> {
    let mut drive = bench.drive(Wanted::Blank)?;
    if drive.capabilities()?.encryption {
        // A real drive keeps its key while the cartridge stays, whoever closes it.
        drive.set_encryption(None)?;
        return Ok(drive);
    }
    let error = refusal("reading the encryption of a drive that has none", drive.encryption())?;
    ensure!(error.kind == DriveErrorKind::Unsupported, "no encryption is told as {:?}: {error}", error.kind);
    refusal("giving a key to a drive that does not encrypt", drive.set_encryption(Some(&key(1)?)))?;
    drive.set_encryption(None)?;
    Err(Refusal::Skip("this drive does not encrypt".into()))
}

fn read(drive: &mut dyn TapeDrive, number: u64) -> Verdict {
    let mut buffer = vec![0; SIZE];
    let found = drive.read_block(&mut buffer)?;
    ensure!(found == ReadOutcome::Block(SIZE), "block {number} is read as {found:?}");
    ensure!(buffer == block(number, SIZE), "block {number} does not hold what was written");
    Ok(())
}

/// Reading the block at the position must fail, and leave the tape before it.
fn sealed(drive: &mut dyn TapeDrive, with: &str) -> Verdict {
    let at = drive.position()?.at;
    let error = refusal(&format!("reading an encrypted block with {with}"), drive.read_block(&mut [0; SIZE]))?;
    ensure!(error.kind == DriveErrorKind::KeyRequired, "with {with} it says {:?}: {error}", error.kind);
    drive.locate(at)?;
    Ok(())
}

pub(super) fn only_the_key_reads(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = encrypting(bench)?;
    let drive = drive.as_mut();
    drive.write_block(&block(0, SIZE))?;
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    let before = drive.encryption()?;
    ensure!(before.is_off(), "a drive that was given no key says {before:?}");
    drive.set_encryption(Some(&key(1)?))?;
    let state = drive.encryption()?;
    ensure!(state.uses(&key(1)?) && !state.uses(&key(2)?), "with the first key the state is {state:?}");
    ensure!(state.key_instance != before.key_instance, "the key instance counter did not change");
    drive.write_block(&block(2, SIZE))?;
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.set_encryption(None)?;
    ensure!(drive.encryption()?.mode == EncryptionMode::Off, "the key was not taken away");
    drive.locate(Position::block(2))?;
    sealed(drive, "no key")?;
    drive.set_encryption(Some(&key(2)?))?;
    sealed(drive, "another key")?;
    drive.set_encryption(Some(&key(1)?))?;
    read(drive, 2)?;
    // What is not encrypted can be read with a key, too: labels are.
    drive.rewind()?;
    read(drive, 0)
}

pub(super) fn blocks_name_their_key(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = encrypting(bench)?;
    let drive = drive.as_mut();
    drive.write_block(&block(0, SIZE))?;
    drive.set_encryption(Some(&key(1)?))?;
    drive.write_block(&block(1, SIZE))?;
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.set_encryption(None)?;
    drive.rewind()?;
    let mut seen = Vec::new();
    for object in 0..3 {
        drive.locate(Position::block(object))?;
        seen.push(drive.next_block()?);
    }
    if seen.contains(&NextBlock::Unknown) {
        return Err(Refusal::Skip("the drive does not tell what the next block is".into()));
    }
    let encrypted = NextBlock::Encrypted { readable: false, key_associated_data: Some(vec![1; 16]) };
    ensure!(seen == [NextBlock::Clear, encrypted, NextBlock::NotABlock], "the blocks are said to be {seen:?}");
    drive.set_encryption(Some(&key(1)?))?;
    drive.locate(Position::block(1))?;
    let next = drive.next_block()?;
    ensure!(matches!(next, NextBlock::Encrypted { readable: true, .. }), "with the key it is said to be {next:?}");
    Ok(())
}

pub(super) fn unloading_forgets_the_key(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = encrypting(bench)?;
    let drive = drive.as_mut();
    drive.set_encryption(Some(&key(1)?))?;
    drive.write_block(&block(0, SIZE))?;
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.unload()?;
    drive.load()?;
    quiet(drive)?;
    let state = drive.encryption()?;
    ensure!(state.is_off(), "after the cartridge was unloaded the state is {state:?}");
    sealed(drive, "the key lost")
}
