//! The end of the tape: announced while there is still room, enforced when there is none.

use super::*;
use crate::{FilemarkSync, Position, ReadOutcome, WriteOutcome};

/// The blocks that fill a tape, and how many of them the suite may write.
fn filling(bench: &Bench<'_, '_>, drive: &mut dyn TapeDrive) -> Verdict<(usize, u64)> {
    let Some(bytes) = bench.profile.fill_bytes else {
        return Err(Refusal::Skip("the tape is not to be filled".into()));
    };
    let length = bench.length(drive, 65_536)?;
    Ok((length, bytes / length as u64))
}

pub(super) fn end_of_medium(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let (length, most) = filling(bench, drive)?;
    let mut first_warning = None;
    let mut written = 0;
    let error = loop {
        ensure!(written < most, "after {written} blocks of {length} bytes the tape still has no end");
        match drive.write_block(&block(written, length)) {
            Ok(WriteOutcome::EarlyWarning) => {
                first_warning.get_or_insert(written);
            }
            Ok(outcome) => ensure!(first_warning.is_none(), "behind early warning, block {written} got {outcome:?}"),
            Err(error) => break error,
        }
        written += 1;
    };
    ensure!(error.kind == DriveErrorKind::EndOfMedium, "the end of the tape says {:?}: {error}", error.kind);
    let Some(first_warning) = first_warning else {
        return Err(Refusal::Fail("the tape ended without early warning".into()));
    };
    ensure!(first_warning + 1 < written, "no block fits between early warning and the end");
    let position = drive.position()?;
    ensure!(position.at == Position::block(written), "after {written} accepted blocks the tape is at {}", position.at);
    ensure!(position.end_zone, "at its end, the drive does not say that the tape is behind early warning");
    // All that was accepted is there, and nothing else.
    for number in [0, first_warning, written - 1] {
        drive.locate(Position::block(number))?;
        let mut buffer = vec![0; length];
        let found = drive.read_block(&mut buffer)?;
        ensure!(found == ReadOutcome::Block(length), "accepted block {number} is read as {found:?}");
        ensure!(
            bench.profile.same(Some(&buffer), &block(number, length)),
            "accepted block {number} does not hold what was written"
        );
    }
    let found = drive.read_block(&mut vec![0; length])?;
    ensure!(found == ReadOutcome::EndOfData, "behind the last accepted block there is {found:?}");
    // Going back makes room for a trailer.
    drive.locate(Position::block(written - 2))?;
    let outcome = drive.write_filemarks(1, FilemarkSync::Flush)?;
    ensure!(outcome == WriteOutcome::EarlyWarning, "a filemark behind early warning is answered {outcome:?}");
    drive.rewind()?;
    let outcome = drive.write_block(&block(0, length))?;
    ensure!(outcome == WriteOutcome::Written, "at the beginning of the tape again, a block is answered {outcome:?}");
    Ok(())
}

pub(super) fn programmable_early_warning(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let (length, most) = filling(bench, drive)?;
    // Drives count it in megabytes.
    let ahead = 2_000_000;
    let asked = ahead / length as u64;
    match drive.set_programmable_early_warning(ahead) {
        Err(error) if error.kind == DriveErrorKind::Unsupported => return Err(Refusal::Skip(error.to_string())),
        result => result?,
    }
    let mut warned_at = Vec::new();
    let mut written = 0;
    loop {
        ensure!(written < most, "after {written} blocks of {length} bytes there is still no early warning");
        let outcome = drive.write_block(&block(written, length))?;
        written += 1;
        match outcome {
            WriteOutcome::Written => {}
            WriteOutcome::ProgrammableEarlyWarning => warned_at.push(written),
            WriteOutcome::EarlyWarning => break,
        }
    }
    ensure!(warned_at.len() == 1, "programmable early warning came {} times", warned_at.len());
    let room = written - warned_at.first().copied().unwrap_or(0);
    ensure!(
        (asked - 1..=asked + 2).contains(&room),
        "it came {room} blocks before early warning, {asked} were asked for"
    );
    Ok(())
}
