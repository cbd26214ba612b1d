//! The cartridge: put in, taken out, protected, described.

use super::*;
use crate::{DriveState, FilemarkSync, MediumKind, Position, ReadOutcome, Removal};
use tape_scsi::{Attribute, attribute_id};

pub(super) fn insertion_is_told_once(bench: &mut Bench<'_, '_>) -> Verdict {
    if bench.profile.insertion == Insertion::Silent {
        return Err(Refusal::Skip("this drive does not tell of insertions".into()));
    }
    let mut drive = bench.untouched(Wanted::Blank)?;
    let error = refusal("the first command after an insertion", drive.write_block(&[1; 512]))?;
    ensure!(error.kind == DriveErrorKind::MediumChanged, "an insertion is told as {:?}: {error}", error.kind);
    let state = drive.status()?.state;
    ensure!(state == DriveState::Ready, "after an insertion the drive is {state:?}");
    let at = drive.position()?.at;
    ensure!(at == Position::START, "the command that was told of the insertion moved the tape to {at}");
    let found = drive.read_block(&mut [0; 512])?;
    ensure!(found == ReadOutcome::EndOfData, "the command that was told of the insertion wrote: {found:?}");
    Ok(())
}

/// Loads what was unloaded, and lets the drive tell of it.
fn reload(drive: &mut dyn TapeDrive) -> Verdict {
    drive.unload()?;
    drive.load()?;
    quiet(drive)
}

pub(super) fn append_after_reload(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let length = bench.length(drive, 70_000)?;
    let mut objects = 0;
    for round in 0..3 {
        for _ in 0..2 {
            drive.write_block(&block(objects, length))?;
            objects += 1;
        }
        drive.write_filemarks(1, FilemarkSync::Flush)?;
        objects += 1;
        reload(drive)?;
        let position = drive.position()?;
        ensure!(position.beginning, "after a load the tape is at {}", position.at);
        drive.space_to_end_of_data()?;
        let position = drive.position()?;
        ensure!(position.at == Position::block(objects), "the end of data is at {}, not {objects}", position.at);
        ensure!(position.file.is_none_or(|file| file == round + 1), "the file number there is {:?}", position.file);
    }
    drive.rewind()?;
    let mut buffer = vec![0; length];
    for number in 0..objects {
        let found = drive.read_block(&mut buffer)?;
        if number % 3 == 2 {
            ensure!(found == ReadOutcome::Filemark, "object {number} is read as {found:?}, not as a filemark");
        } else {
            ensure!(found == ReadOutcome::Block(length), "object {number} is read as {found:?}");
            ensure!(
                bench.profile.same(Some(&buffer), &block(number, length)),
                "block {number} does not hold what was written"
            );
        }
    }
    Ok(())
}

pub(super) fn unloaded(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    drive.write_block(&block(0, 512))?;
    drive.unload()?;
    let state = drive.status()?.state;
    ensure!(matches!(state, DriveState::Unloaded | DriveState::Empty), "after unloading, the drive is {state:?}");
    let not_ready = |kind: &DriveErrorKind| matches!(kind, DriveErrorKind::NotReady | DriveErrorKind::NoMedium);
    let error = refusal("reading an unloaded tape", drive.read_block(&mut [0; 512]))?;
    ensure!(not_ready(&error.kind), "reading an unloaded tape says {:?}: {error}", error.kind);
    let error = refusal("writing to an unloaded tape", drive.write_block(&[0; 512]))?;
    ensure!(not_ready(&error.kind), "writing to an unloaded tape says {:?}: {error}", error.kind);
    let error = refusal("asking for the position of an unloaded tape", drive.position())?;
    ensure!(not_ready(&error.kind), "the position of an unloaded tape says {:?}: {error}", error.kind);
    drive.load()?;
    quiet(drive)?;
    let state = drive.status()?.state;
    ensure!(state == DriveState::Ready, "after loading, the drive is {state:?}");
    let found = drive.read_block(&mut [0; 512])?;
    ensure!(found == ReadOutcome::Block(512), "what unloading had to write is read as {found:?}");
    Ok(())
}

pub(super) fn removal(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    drive.set_removal(Removal::Prevented)?;
    let error = refusal("unloading while removal is prevented", drive.unload())?;
    let refused = matches!(error.kind, DriveErrorKind::ElementState | DriveErrorKind::IllegalRequest);
    ensure!(refused, "unloading while removal is prevented says {:?}: {error}", error.kind);
    let state = drive.status()?.state;
    ensure!(state == DriveState::Ready, "after a refused unload the drive is {state:?}");
    drive.set_removal(Removal::Allowed)?;
    drive.unload()?;
    Ok(())
}

pub(super) fn description(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let identity = drive.identity().clone();
    ensure!(!identity.vendor.is_empty() && !identity.product.is_empty(), "the drive has no name: {identity:?}");
    ensure!(!identity.serial.is_empty(), "the drive has no serial number");
    let medium = drive.medium()?;
    ensure!(medium.kind == MediumKind::Data, "the cartridge is said to be {:?}", medium.kind);
    ensure!(crate::lto::format_of_density(medium.density).is_some(), "density {:#04x} is not LTO", medium.density);
    ensure!(medium.capacity_bytes > 0, "the cartridge is said to hold nothing");
    ensure!(!medium.write_protected, "the cartridge is said to be write-protected");
    ensure!(!drive.status()?.write_protected, "the status says write-protected");
    let before = drive.health()?;
    drive.set_compression(crate::Compression::Off)?;
    for number in 0..16 {
        drive.write_block(&block(number, 60_000))?;
    }
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.set_compression(crate::Compression::On)?;
    let after = drive.health()?;
    ensure!(after.bytes_written >= before.bytes_written, "the drive counts backwards");
    ensure!(after.write_errors == before.write_errors, "the drive counts write errors that nobody saw");
    let volume = drive.volume_health()?;
    ensure!(volume.mounts != Some(0), "a loaded cartridge is said never to have been mounted");
    ensure!(volume.unrecovered_write_errors.is_none_or(|errors| errors == 0), "the new tape has errors: {volume:?}");
    let densities = drive.capabilities()?.densities;
    let known =
        densities.is_empty() || densities.iter().any(|density| density.code == medium.density && density.writable);
    ensure!(known, "the drive writes density {:#04x} and does not list it", medium.density);
    if let (Some(before), Some(after)) = (medium.remaining_bytes, drive.medium()?.remaining_bytes) {
        ensure!(after <= before, "writing left more room ({after}) than there was ({before})");
    }
    let critical = |alert: &tape_scsi::TapeAlert| alert.severity() == tape_scsi::AlertSeverity::Critical;
    let alerts = drive.alerts()?;
    ensure!(!alerts.iter().any(critical), "the drive raises {alerts:?}");
    Ok(())
}

pub(super) fn memory(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let label = Attribute::text(attribute_id::USER_MEDIUM_LABEL, "Grüße from the suite");
    match drive.write_attribute(&label) {
        Err(error) if error.kind == DriveErrorKind::Unsupported => return Err(Refusal::Skip(error.to_string())),
        result => result?,
    }
    reload(drive)?;
    let read = drive.read_attribute(attribute_id::USER_MEDIUM_LABEL)?;
    let text = read.as_ref().and_then(|attribute| attribute.as_str());
    ensure!(text == label.as_str(), "the text label is read as {read:?}");
    let never = drive.read_attribute(attribute_id::OWNING_HOST)?;
    ensure!(never.is_none(), "an attribute that nobody wrote is read as {never:?}");
    let long = Attribute::ascii(attribute_id::APPLICATION_VENDOR, "longer than eight bytes");
    let error = refusal("writing an attribute that is too long", drive.write_attribute(&long))?;
    ensure!(error.kind == DriveErrorKind::IllegalRequest, "a long attribute says {:?}: {error}", error.kind);
    Ok(())
}

pub(super) fn retension(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Blank)?;
    let drive = drive.as_mut();
    let length = bench.length(drive, 70_000)?;
    drive.write_block(&block(0, length))?;
    drive.write_filemarks(1, FilemarkSync::Immediate)?;
    drive.retension()?;
    quiet(drive)?;
    let position = drive.position()?;
    ensure!(position.beginning, "after retensioning the tape is at {}", position.at);
    let mut buffer = vec![0; length];
    let found = drive.read_block(&mut buffer)?;
    ensure!(found == ReadOutcome::Block(length), "after retensioning the first object is {found:?}");
    ensure!(bench.profile.same(Some(&buffer), &block(0, length)), "retensioning changed the first block");
    Ok(())
}

pub(super) fn write_protected(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::WriteProtected)?;
    let drive = drive.as_mut();
    ensure!(drive.status()?.write_protected, "the status does not say write-protected");
    ensure!(drive.medium()?.write_protected, "the medium is not said to be write-protected");
    drive.space_to_end_of_data()?;
    let before = drive.position()?;
    for (what, error) in [
        ("writing a block", refusal("writing a block", drive.write_block(&[0; 512]))?),
        ("writing a filemark", refusal("writing a filemark", drive.write_filemarks(1, FilemarkSync::Flush))?),
        ("erasing", refusal("erasing", drive.erase())?),
    ] {
        ensure!(error.kind == DriveErrorKind::WriteProtected, "{what} says {:?}: {error}", error.kind);
    }
    let after = drive.position()?;
    ensure!(after == before, "refused writes moved the tape from {} to {}", before.at, after.at);
    Ok(())
}

pub(super) fn worm(bench: &mut Bench<'_, '_>) -> Verdict {
    let mut drive = bench.drive(Wanted::Worm)?;
    let drive = drive.as_mut();
    ensure!(drive.medium()?.kind == MediumKind::Worm, "the cartridge is not said to be write-once");
    drive.write_block(&block(0, 512))?;
    drive.write_block(&block(1, 512))?;
    drive.write_filemarks(1, FilemarkSync::Flush)?;
    drive.rewind()?;
    let error = refusal("overwriting a write-once cartridge", drive.write_block(&block(9, 512)))?;
    ensure!(error.kind == DriveErrorKind::DataProtect, "overwriting says {:?}: {error}", error.kind);
    drive.space_to_end_of_data()?;
    drive.write_block(&block(3, 512))?;
    drive.rewind()?;
    let mut buffer = [0; 512];
    for number in [0, 1] {
        drive.read_block(&mut buffer)?;
        ensure!(buffer == block(number, 512).as_slice(), "a refused overwrite changed block {number}");
    }
    Ok(())
}
