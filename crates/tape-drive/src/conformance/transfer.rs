//! Writing and reading blocks and filemarks.

use super::*;
use crate::{FilemarkSync, Position, ReadOutcome, WriteOutcome};

pub(super) fn odd_sizes(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let most = bench.length(drive, 262_145)?;
    let sizes = [1, 2, 3, 4, 5, 511, 512, 513, 4096, 10_240, 32_767, 65_536, 65_537, 262_144, 262_145];
    let least = drive.block_limits()?.min as usize;
    let sizes: Vec<usize> = sizes.into_iter().filter(|size| (least..=most).contains(size)).collect();
    for (number, &size) in sizes.iter().enumerate() {
        let outcome = drive.write_block(&block(number as u64, size))?;
        ensure!(outcome == WriteOutcome::Written, "writing {size} bytes is answered {outcome:?}");
    }
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.rewind()?;
    let mut buffer = vec![0; most + 1];
    for (number, &size) in sizes.iter().enumerate() {
        let found = drive.read_block(&mut buffer)?;
        ensure!(found == ReadOutcome::Block(size), "a block of {size} bytes is read as {found:?}");
        let right = bench.profile.same(buffer.get(..size), &block(number as u64, size));
        ensure!(right, "the block of {size} bytes does not hold what was written");
    }
    Ok(())
}

pub(super) fn filemark_and_end_of_data(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let mut buffer = [0; 1024];
    drive.write_block(&block(0, 1000))?;
    drive.write_filemarks(2, FilemarkSync::Flush)?;
    drive.rewind()?;
    let expected = [ReadOutcome::Block(1000), ReadOutcome::Filemark, ReadOutcome::Filemark, ReadOutcome::EndOfData];
    for (number, expected) in expected.into_iter().chain([ReadOutcome::EndOfData]).enumerate() {
        let found = drive.read_block(&mut buffer)?;
        ensure!(found == expected, "object {number} is read as {found:?}, not as {expected:?}");
    }
    let at = drive.position()?.at;
    ensure!(at == Position::block(3), "reading at the end of data left the tape at {at}");
    Ok(())
}

pub(super) fn too_long(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    // Longer than the buffer, and no longer than it.
    let short = bench.length(drive.as_mut(), 100)?;
    drive.write_block(&block(0, 2000))?;
    drive.write_block(&block(1, short))?;
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.rewind()?;
    let mut buffer = [0; 512];
    let error = refusal("reading 2000 bytes into 512", drive.read_block(&mut buffer))?;
    let DriveErrorKind::BlockTooLong { actual } = error.kind else {
        return Err(Refusal::Fail(format!("a block that is too long says {:?}: {error}", error.kind)));
    };
    ensure!(actual.is_none_or(|actual| actual == 2000), "the block is said to have {actual:?} bytes, not 2000");
    let at = drive.position()?.at;
    ensure!(at == Position::block(1), "after a block that is too long the tape is at {at}");
    let found = drive.read_block(&mut buffer)?;
    ensure!(found == ReadOutcome::Block(short), "the block behind it is read as {found:?}");
    Ok(())
}

pub(super) fn limits(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let limits = drive.block_limits()?;
    ensure!(limits.min <= 512 && limits.max >= 65_536, "the limits are {limits:?}; 512 to 65536 is the least");
    for length in [0, limits.max as usize + 1] {
        let error = refusal("writing a block outside of the limits", drive.write_block(&vec![0; length]))?;
        ensure!(error.kind == DriveErrorKind::IllegalRequest, "{length} bytes are answered {:?}: {error}", error.kind);
    }
    let at = drive.position()?.at;
    ensure!(at == Position::START, "refused blocks moved the tape to {at}");
    let outcome = drive.write_block(&vec![7; limits.max as usize])?;
    ensure!(outcome == WriteOutcome::Written, "the largest block is answered {outcome:?}");
    Ok(())
}

pub(super) fn overwrite_truncates(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let mut buffer = [0; 1024];
    for number in 0..4 {
        drive.write_block(&block(number, 900))?;
    }
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.locate(Position::block(2))?;
    drive.write_block(&block(9, 900))?;
    drive.write_filemarks(0, FilemarkSync::Flush)?;
    let found = drive.read_block(&mut buffer)?;
    ensure!(found == ReadOutcome::EndOfData, "behind a block written in the middle there is {found:?}");
    drive.locate(Position::block(1))?;
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    let error = refusal("locating what was overwritten", drive.locate(Position::block(3)))?;
    ensure!(error.kind == DriveErrorKind::BlankCheck, "locating what was overwritten says {:?}: {error}", error.kind);
    let position = drive.position()?;
    ensure!(position.at == Position::block(2), "the end of data is at {}, not at block 2", position.at);
    ensure!(position.file.is_none_or(|file| file == 1), "overwritten filemarks are counted: {:?}", position.file);
    drive.rewind()?;
    let found = drive.read_block(&mut buffer)?;
    ensure!(found == ReadOutcome::Block(900), "the block before is read as {found:?}");
    let same = bench.profile.same(buffer.get(..900), &block(0, 900));
    ensure!(same, "the block before what was overwritten has changed");
    Ok(())
}

pub(super) fn erase_truncates(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    for number in 0..4 {
        drive.write_block(&block(number, 900))?;
    }
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.locate(Position::block(2))?;
    match drive.erase() {
        Err(error) if error.kind == DriveErrorKind::Unsupported => return Err(Refusal::Skip(error.to_string())),
        result => result?,
    }
    drive.space_to_end_of_data()?;
    let at = drive.position()?.at;
    ensure!(at == Position::block(2), "after erasing, the end of data is at {at}, not at block 2");
    Ok(())
}

pub(super) fn flush(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    drive.write_filemarks(0, FilemarkSync::Flush)?;
    for number in 0..3 {
        drive.write_block(&block(number, 5000))?;
        drive.write_filemarks(0, FilemarkSync::Flush)?;
        let at = drive.position()?.at;
        ensure!(at == Position::block(number + 1), "after flushing block {number} the tape is at {at}");
    }
    drive.write_filemarks(1, FilemarkSync::Immediate)?;
    drive.write_filemarks(0, FilemarkSync::Flush)?;
    let at = drive.position()?.at;
    ensure!(at == Position::block(4), "a filemark written at once and flushed later left the tape at {at}");
    Ok(())
}
