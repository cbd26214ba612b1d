//! Where the tape is, and going to places.

use super::*;
use crate::{FilemarkSync, Position, ReadOutcome};

pub(super) fn blank(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let position = drive.position()?;
    ensure!(position.at == Position::START, "the tape is at {}", position.at);
    ensure!(position.beginning, "the drive does not say that the tape is at its beginning");
    ensure!(position.file.is_none_or(|file| file == 0), "the file number is {:?}", position.file);
    ensure!(!position.end_zone, "a blank tape is said to be near its end");
    let found = drive.read_block(&mut [0; 512])?;
    ensure!(found == ReadOutcome::EndOfData, "reading found {found:?}");
    drive.space_to_end_of_data()?;
    let at = drive.position()?.at;
    ensure!(at == Position::START, "the end of data is at {at}");
    Ok(())
}

/// Blocks (a number) and filemarks (`|`) as they are to be written.
fn write(drive: &mut dyn TapeDrive, layout: &str, length: usize) -> Verdict {
    for (number, object) in layout.bytes().enumerate() {
        match object {
            b'|' => drive.write_filemarks(1, FilemarkSync::Immediate)?,
            _ => drive.write_block(&super::block(number as u64, length))?,
        };
    }
    drive.write_filemarks(0, FilemarkSync::Flush)?;
    Ok(())
}

fn is_at(drive: &mut dyn TapeDrive, block: u64, file: u64, when: &str) -> Verdict {
    let position = drive.position()?;
    ensure!(position.at == Position::block(block), "{when} the tape is at {}, not at block {block}", position.at);
    ensure!(
        position.file.is_none_or(|found| found == file),
        "{when} the file number is {:?}, not {file}",
        position.file
    );
    ensure!(position.beginning == (block == 0), "{when} the drive says beginning = {}", position.beginning);
    Ok(())
}

pub(super) fn count(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let mut file = 0;
    for (number, object) in "bbb|bb||".bytes().enumerate() {
        is_at(drive, number as u64, file, "while writing")?;
        if object == b'|' {
            drive.write_filemarks(1, FilemarkSync::Flush)?;
            file += 1;
        } else {
            drive.write_block(&super::block(number as u64, 600))?;
        }
    }
    is_at(drive, 8, 3, "after writing")?;
    drive.write_filemarks(3, FilemarkSync::Flush)?;
    is_at(drive, 11, 6, "after three filemarks at once")?;
    drive.rewind()?;
    is_at(drive, 0, 0, "after rewinding")
}

const LAYOUT: &str = "b|bbbbb||bbb|";

pub(super) fn locate_everywhere(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let length = bench.length(drive, 3000)?;
    write(drive, LAYOUT, length)?;
    let objects = LAYOUT.len() as u64;
    let mut buffer = vec![0; length + 1];
    // Every object from every third other, forwards and backwards.
    for step in [1, 3, 5, 7, 9, 11] {
        for number in 0..objects {
            let target = number * step % objects;
            drive.locate(Position::block(target))?;
            let file = LAYOUT.bytes().take(target as usize).filter(|&object| object == b'|').count() as u64;
            is_at(drive, target, file, "after locating")?;
            let expected = LAYOUT.as_bytes().get(target as usize);
            match drive.read_block(&mut buffer)? {
                ReadOutcome::Filemark => ensure!(expected == Some(&b'|'), "block {target} is read as a filemark"),
                ReadOutcome::Block(read) => {
                    ensure!(expected == Some(&b'b'), "the filemark {target} is read as a block");
                    let right = bench.profile.same(buffer.get(..read), &super::block(target, length));
                    ensure!(right, "block {target} does not hold what was written there");
                }
                ReadOutcome::EndOfData => ensure!(false, "object {target} is read as end of data"),
            }
        }
    }
    drive.locate(Position::block(objects))?;
    let found = drive.read_block(&mut buffer)?;
    ensure!(found == ReadOutcome::EndOfData, "behind the last object there is {found:?}");
    Ok(())
}

pub(super) fn locate_behind_the_end(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    write(drive, "bb|", 700)?;
    drive.rewind()?;
    let error = refusal("locating behind the end of data", drive.locate(Position::block(9)))?;
    ensure!(error.kind == DriveErrorKind::BlankCheck, "locating behind the end of data says {:?}: {error}", error.kind);
    is_at(drive, 3, 1, "after locating behind the end of data")?;
    let other = Position { partition: 1, block: 0 };
    let error = refusal("locating in a partition that is not there", drive.locate(other))?;
    ensure!(error.kind == DriveErrorKind::IllegalRequest, "a missing partition says {:?}: {error}", error.kind);
    Ok(())
}

pub(super) fn space(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    //            0 1 2 3 4 5 6 7 8
    write(drive, "b|bb||bb|", 800)?;
    drive.rewind()?;
    drive.space_filemarks(1)?;
    is_at(drive, 2, 1, "after one filemark")?;
    drive.space_filemarks(2)?;
    is_at(drive, 6, 3, "after three filemarks")?;
    drive.space_filemarks(0)?;
    is_at(drive, 6, 3, "after no filemark")?;
    drive.space_filemarks(-1)?;
    is_at(drive, 5, 2, "before the third filemark")?;
    drive.space_filemarks(-2)?;
    is_at(drive, 1, 0, "before the first filemark")?;
    drive.space_to_end_of_data()?;
    is_at(drive, 9, 4, "at the end of data")?;
    drive.locate(Position::block(3))?;
    let error = refusal("passing more filemarks than there are", drive.space_filemarks(4))?;
    ensure!(error.kind == DriveErrorKind::BlankCheck, "too many filemarks forwards: {:?}: {error}", error.kind);
    is_at(drive, 9, 4, "after too many filemarks")?;
    drive.locate(Position::block(3))?;
    let error = refusal("passing more filemarks backwards than there are", drive.space_filemarks(-2))?;
    ensure!(error.kind == DriveErrorKind::BlankCheck, "too many filemarks backwards: {:?}: {error}", error.kind);
    is_at(drive, 0, 0, "after too many filemarks backwards")
}
