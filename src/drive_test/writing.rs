//! Checks that overwrite the tape.

use super::bench::{Bench, block, fail, skip};
use super::report::{Failure, Outcome, Report};
use tape_drive::{
    Compression, DriveErrorKind, DriveKey, FilemarkSync, NextBlock, Position, ReadOutcome, Removal, WriteOutcome,
};

/// Length of ordinary blocks.
const LENGTH: usize = 256 << 10;

/// Runs them. The tape is blank at the end.
pub fn run(bench: &mut Bench<'_>, report: &mut Report, fill: bool) {
    report.check("blocks and filemarks come back", || there_and_back(bench));
    report.check("blocks of many sizes come back", || sizes(bench));
    report.check("every block can be located", || locate(bench));
    report.check("filemarks are passed in both directions", || filemarks(bench));
    report.check("writing ends what was behind", || overwrite(bench));
    report.check("a tape goes on after it was ejected", || append(bench));
    report.check("a tape that is locked is not ejected", || removal(bench));
    report.check("compression", || compression(bench));
    report.check("encryption", || encryption(bench));
    if fill {
        report.check("the end of the tape is announced", || full(bench));
    }
    report.check("the tape is blank again", || blank(bench));
}

fn there_and_back(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.rewind()?;
    for _ in 0..3 {
        bench.write_file(&[LENGTH; 8])?;
    }
    bench.expect_at(27)?;
    bench.expect(ReadOutcome::EndOfData)?;
    bench.drive.rewind()?;
    for _ in 0..3 {
        for _ in 0..8 {
            bench.expect_block(LENGTH)?;
        }
        bench.expect(ReadOutcome::Filemark)?;
    }
    bench.expect(ReadOutcome::EndOfData)?;
    Ok("3 files of 8 blocks".into())
}

fn sizes(bench: &mut Bench<'_>) -> Outcome {
    let limits = bench.drive.block_limits()?;
    let wanted = [512, 1000, 4095, 65_536, 65_537, 1 << 20, (1 << 20) - 1, limits.max as usize];
    let possible = |&length: &usize| (limits.min as usize..=limits.max as usize).contains(&length);
    let lengths: Vec<usize> = wanted.into_iter().filter(possible).collect();
    bench.drive.rewind()?;
    bench.write_file(&lengths)?;
    bench.drive.rewind()?;
    for &length in &lengths {
        bench.expect_block(length)?;
    }
    bench.drive.rewind()?;
    match bench.drive.read_block(&mut [0; 100]) {
        Err(error) if matches!(error.kind, DriveErrorKind::BlockTooLong { .. }) => {}
        found => return fail(format!("a block that is longer than the buffer is read as {found:?}")),
    }
    Ok(format!("{} sizes up to {} bytes", lengths.len(), lengths.iter().max().unwrap_or(&0)))
}

fn locate(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.rewind()?;
    for _ in 0..4 {
        bench.write_file(&[LENGTH; 4])?;
    }
    for block in [18, 0, 11, 5, 16, 1] {
        bench.drive.locate(Position::block(block))?;
        bench.expect_at(block)?;
        bench.expect_block(LENGTH)?;
    }
    match bench.drive.locate(Position::block(1000)) {
        Err(error) if error.kind == DriveErrorKind::BlankCheck => bench.expect_at(20)?,
        found => return fail(format!("locating behind the end of data ends with {found:?}")),
    }
    Ok("6 places, and one that is not there".into())
}

fn filemarks(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.rewind()?;
    bench.drive.space_filemarks(2)?;
    bench.expect_at(10)?;
    bench.drive.space_filemarks(-1)?;
    bench.expect_at(9)?;
    bench.expect(ReadOutcome::Filemark)?;
    bench.drive.space_to_end_of_data()?;
    bench.expect_at(20)?;
    match bench.drive.space_filemarks(1) {
        Err(error) if error.kind == DriveErrorKind::BlankCheck => Ok("forwards, backwards and to the end".into()),
        found => fail(format!("passing a filemark behind the end of data ends with {found:?}")),
    }
}

fn overwrite(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.locate(Position::block(5))?;
    bench.write_file(&[LENGTH])?;
    bench.expect(ReadOutcome::EndOfData)?;
    bench.drive.space_to_end_of_data()?;
    bench.expect_at(7)?;
    Ok("the end of data is where the last write was".into())
}

fn append(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.rewind()?;
    bench.write_file(&[LENGTH; 2])?;
    bench.reload()?;
    if !bench.drive.position()?.beginning {
        return fail("after a load the tape is not at its beginning");
    }
    bench.drive.space_to_end_of_data()?;
    bench.expect_at(3)?;
    bench.write_file(&[LENGTH; 2])?;
    bench.reload()?;
    for _ in 0..2 {
        bench.expect_block(LENGTH)?;
        bench.expect_block(LENGTH)?;
        bench.expect(ReadOutcome::Filemark)?;
    }
    bench.expect(ReadOutcome::EndOfData)?;
    Ok("two files, with a reload between and behind".into())
}

fn removal(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.set_removal(Removal::Prevented)?;
    let refused = bench.drive.unload();
    bench.drive.set_removal(Removal::Allowed)?;
    match refused {
        Err(_) => Ok("the eject was refused".into()),
        Ok(()) => {
            bench.drive.load()?;
            super::settled(bench.drive)?;
            fail("the tape was ejected although it was locked")
        }
    }
}

/// Blocks of zeros that are compressed leave more room than those that are not.
fn compression(bench: &mut Bench<'_>) -> Outcome {
    if !bench.drive.capabilities()?.compression {
        return skip("the drive does not compress");
    }
    // Enough for drives that tell the room in units of many megabytes, and not too much for a small tape.
    let blocks = match bench.drive.medium()?.capacity_bytes {
        0 => 1024,
        capacity => (capacity / (8 * LENGTH as u64)).clamp(1, 1024),
    };
    let mut used = Vec::new();
    for mode in [Compression::Off, Compression::On] {
        bench.drive.rewind()?;
        bench.drive.set_compression(mode)?;
        for _ in 0..blocks {
            bench.drive.write_block(&vec![0; LENGTH])?;
        }
        bench.drive.write_filemarks(1, FilemarkSync::Flush)?;
        let Some(left) = bench.drive.medium()?.remaining_bytes else { return skip("the drive does not tell the room") };
        used.push(left);
        bench.drive.rewind()?;
        let mut buffer = vec![1; LENGTH];
        bench.drive.read_block(&mut buffer)?;
        if buffer != vec![0; LENGTH] {
            return fail("a compressed block does not come back");
        }
    }
    bench.drive.set_compression(Compression::Off)?;
    match used.as_slice() {
        [off, on] if on > off => Ok("saves room".into()),
        _ => fail("with compression on, zeros take as much room as without"),
    }
}

fn encryption(bench: &mut Bench<'_>) -> Outcome {
    if !bench.drive.capabilities()?.encryption {
        return skip("the drive does not encrypt");
    }
    let checked = encrypts(bench);
    // Whatever came of it, no key stays in the drive.
    bench.drive.set_encryption(None)?;
    match bench.drive.encryption()?.is_off() {
        true => checked,
        false => fail("the key was taken away, and the drive says that it still encrypts"),
    }
}

fn encrypts(bench: &mut Bench<'_>) -> Outcome {
    let mut random = [0; 32];
    openssl::rand::rand_bytes(&mut random).map_err(|error| Failure::Failed(error.to_string()))?;
    let key = DriveKey::new(random, b"drive test")?;
    bench.drive.rewind()?;
    bench.drive.set_encryption(Some(&key))?;
    if !bench.drive.encryption()?.uses(&key) {
        return fail("the drive took the key, and does not say that it uses it");
    }
    bench.write_file(&[LENGTH; 2])?;
    bench.drive.rewind()?;
    bench.expect_block(LENGTH)?;
    bench.drive.set_encryption(None)?;
    bench.drive.rewind()?;
    let next = bench.drive.next_block()?;
    match bench.drive.read_block(&mut vec![0; LENGTH]) {
        Err(error) if error.kind == DriveErrorKind::KeyRequired => {}
        found => return fail(format!("without the key the block is read as {found:?}")),
    }
    bench.drive.set_encryption(Some(&key))?;
    bench.reload()?;
    if !bench.drive.encryption()?.is_off() {
        return fail("the drive keeps the key of a tape that was ejected");
    }
    Ok(match next {
        NextBlock::Encrypted { key_associated_data: Some(name), .. } if name == b"drive test" => {
            "only with the key, which blocks name, and which goes with the tape".into()
        }
        _ => "only with the key, which goes with the tape; blocks do not name it".into(),
    })
}

fn full(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.rewind()?;
    let (mut warned, mut written) = (None, 0);
    loop {
        match bench.drive.write_block(&block(written, LENGTH)) {
            Ok(outcome) => {
                written += 1;
                if outcome == WriteOutcome::EarlyWarning && warned.is_none() {
                    warned = Some(written);
                }
            }
            Err(error) if error.kind == DriveErrorKind::EndOfMedium => break,
            Err(error) => return Err(error.into()),
        }
    }
    let Some(warned) = warned else { return fail("the tape ended without an early warning") };
    bench.expect_at(written)?;
    bench.drive.locate(Position::block(written - 1))?;
    bench.expect_block(LENGTH)?;
    bench.expect(ReadOutcome::EndOfData)?;
    Ok(format!("early warning after block {warned}, the end after block {written}; the last one reads back"))
}

fn blank(bench: &mut Bench<'_>) -> Outcome {
    bench.drive.rewind()?;
    bench.drive.erase()?;
    bench.drive.rewind()?;
    bench.expect(ReadOutcome::EndOfData)?;
    bench.drive.rewind()?;
    Ok("erased".into())
}
