//! Faults: every condition is reported as a real drive reports it, and leaves the tape as a real drive leaves it.

use std::time::{Duration, Instant};
use tape_drive::conformance::{self, Outcome, Profile, Wanted};
use tape_drive::fault::{Condition, FaultDrive, FaultHandle, FaultPlan, NoReply, When};
use tape_drive::lto::Generation;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::speed::SpeedSpec;
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, VirtualDrive, changer_control, control};
use tape_drive::{
    DriveErrorKind, DriveState, ElementKind, FilemarkSync, Operation, Position, ReadOutcome, TapeDrive, WriteOutcome,
    open_changer, open_drive,
};
use tape_scsi::TapeAlert;

fn library() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let spec = LibrarySpec { slots: 0, mail_slots: 0, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir.path(), &spec).unwrap();
    let cartridge = CartridgeSpec::new("TB0001L9").with_capacity(16 << 20);
    library::add_cartridge(dir.path(), &cartridge, Place::Drive(0)).unwrap();
    dir
}

/// A drive with two flushed objects and two in its buffer.
fn drive(dir: &tempfile::TempDir) -> FaultDrive<VirtualDrive> {
    let mut drive = FaultDrive::new(VirtualDrive::open(dir.path(), 0).unwrap(), FaultHandle::default());
    drive.status().unwrap_err();
    drive.write_block(&[0; 100]).unwrap();
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drive.write_block(&[2; 100]).unwrap();
    drive.write_block(&[3; 100]).unwrap();
    drive
}

fn at(drive: &mut dyn TapeDrive) -> u64 {
    drive.position().unwrap().at.block
}

#[test]
fn writes_that_do_not_reach_the_tape() {
    for (condition, kind) in [
        (Condition::VolumeOverflow, DriveErrorKind::EndOfMedium),
        (Condition::EndOfMediumWithErrorKey, DriveErrorKind::EndOfMedium),
        (Condition::MediumError, DriveErrorKind::MediumError),
        (Condition::WriteProtected, DriveErrorKind::WriteProtected),
        (Condition::HardwareError, DriveErrorKind::HardwareError),
        (Condition::Aborted, DriveErrorKind::Aborted),
        (Condition::NoReply(NoReply::Lost), DriveErrorKind::Aborted),
        (Condition::ParametersChanged, DriveErrorKind::ParametersChanged),
    ] {
        let dir = library();
        let mut drive = drive(&dir);
        drive.faults().set(FaultPlan::nth_of(1, Operation::Write, condition));
        let error = drive.write_block(&[9; 100]).unwrap_err();
        assert_eq!(error.kind, kind, "{condition:?}");
        assert_eq!(error.sense.is_none(), matches!(condition, Condition::NoReply(_)), "{condition:?}");
        assert_eq!(at(&mut drive), 4, "{condition:?}");
        assert_eq!(drive.faults().fired().len(), 1);
        drive.write_block(&[9; 100]).unwrap();
        assert_eq!(at(&mut drive), 5);
    }
}

#[test]
fn writes_that_reach_the_tape_all_the_same() {
    for (condition, expected) in [
        (Condition::EarlyWarning, Ok(WriteOutcome::EarlyWarning)),
        (Condition::ProgrammableEarlyWarning, Ok(WriteOutcome::ProgrammableEarlyWarning)),
        (Condition::RecoveredError, Ok(WriteOutcome::Written)),
        (Condition::NoReply(NoReply::CarriedOut), Err(DriveErrorKind::Aborted)),
    ] {
        let dir = library();
        let mut drive = drive(&dir);
        drive.faults().set(FaultPlan::from_block(4, condition));
        assert_eq!(drive.write_block(&[9; 100]).map_err(|error| error.kind), expected);
        assert_eq!(at(&mut drive), 5, "{condition:?}");
        let recovered = u64::from(condition == Condition::RecoveredError);
        assert_eq!(drive.health().unwrap().recovered_errors, recovered);
    }
}

#[test]
fn a_deferred_error_says_since_when_and_loses_the_buffer() {
    let dir = library();
    let mut drive = drive(&dir);
    drive.faults().next(Condition::DeferredError);
    let error = drive.write_block(&[9; 100]).unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::Deferred);
    assert!(error.sense.unwrap().deferred);
    assert_eq!(error.suspect_since, Some(Position::block(2)));
    assert_eq!(at(&mut drive), 2);
    drive.space_to_end_of_data().unwrap();
    assert_eq!(at(&mut drive), 2);
}

#[test]
fn attentions_lose_the_position_and_a_reset_the_modes() {
    for (condition, kind) in
        [(Condition::MediumChanged, DriveErrorKind::MediumChanged), (Condition::Reset, DriveErrorKind::Reset)]
    {
        let dir = library();
        let mut drive = drive(&dir);
        drive.set_removal(tape_drive::Removal::Prevented).unwrap();
        drive.faults().next(condition);
        assert_eq!(drive.write_block(&[9; 100]).unwrap_err().kind, kind);
        assert_eq!(at(&mut drive), 0);
        drive.space_to_end_of_data().unwrap();
        assert_eq!(at(&mut drive), 4, "what was buffered is written");
        assert_eq!(drive.unload().is_ok(), condition == Condition::Reset);
    }
}

#[test]
fn a_power_cut_takes_the_buffer_and_tells_of_a_reset() {
    let dir = library();
    let mut drive = drive(&dir);
    drive.faults().next(Condition::PowerCut);
    let error = drive.write_filemarks(1, FilemarkSync::Flush).unwrap_err();
    assert_eq!(error.kind, DriveErrorKind::Aborted);
    assert_eq!(drive.status().unwrap_err().kind, DriveErrorKind::Reset);
    drive.space_to_end_of_data().unwrap();
    assert_eq!(at(&mut drive), 2);
}

#[test]
fn a_block_that_cannot_be_read_is_passed_over() {
    let dir = library();
    let mut drive = drive(&dir);
    drive.faults().set(FaultPlan::unreadable_block(2));
    let mut buffer = [0; 100];
    for _ in 0..2 {
        drive.locate(Position::block(1)).unwrap();
        assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Filemark);
        assert_eq!(drive.read_block(&mut buffer).unwrap_err().kind, DriveErrorKind::MediumError);
        assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(100));
        assert_eq!(buffer, [3; 100]);
    }
    assert_eq!(drive.health().unwrap().read_errors, 2);
    // Blank is something else than unreadable.
    drive.faults().set(FaultPlan::nth(1, Condition::BlankCheck));
    assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::EndOfData);
    drive.faults().next(Condition::BlankCheck);
    assert_eq!(drive.locate(Position::block(1)).unwrap_err().kind, DriveErrorKind::BlankCheck);
}

#[test]
fn alerts_stay_until_the_cartridge_is_unloaded() {
    let dir = library();
    let mut drive = drive(&dir);
    drive.faults().next(Condition::Alert(TapeAlert::CLEAN_NOW));
    drive.write_block(&[1; 10]).unwrap();
    assert_eq!(drive.alerts().unwrap(), [TapeAlert::CLEAN_NOW]);
    assert!(drive.health().unwrap().cleaning_required);
    drive.unload().unwrap();
    assert_eq!(drive.alerts().unwrap(), []);
}

#[test]
fn a_drive_that_is_in_use_elsewhere_can_be_made_to_fail() {
    let dir = library();
    let control = control(dir.path(), 0).unwrap();
    let path = format!("virtual:{}#drive0", dir.path().display());
    let mut drive = open_drive(&path).unwrap();
    drive.status().unwrap_err();
    std::thread::scope(|scope| {
        let plan = FaultPlan::nth_of(2, Operation::Write, Condition::HardwareError);
        scope.spawn(|| control.set_faults(plan.and(When::From { block: 1 }, Condition::RecoveredError)));
    });
    drive.write_block(&[1; 10]).unwrap();
    assert_eq!(drive.write_block(&[1; 10]).unwrap_err().kind, DriveErrorKind::HardwareError);
    assert_eq!((control.commands(), control.fired().len()), (2, 1));
    control.power_cut();
    assert_eq!(drive.position().unwrap_err().kind, DriveErrorKind::Aborted);
    assert_eq!(drive.position().unwrap_err().kind, DriveErrorKind::Reset);
    control.clear_faults();
    drive.write_block(&[1; 10]).unwrap();
    assert!(control.fired().is_empty());
}

#[test]
fn a_plan_in_the_folder_is_taken_at_opening() {
    let dir = library();
    let plan = FaultPlan::nth_of(1, Operation::Write, Condition::HardwareError);
    std::fs::write(dir.path().join("drive0.faults"), serde_json::to_vec(&plan).unwrap()).unwrap();
    let path = format!("virtual:{}#drive0", dir.path().display());
    let mut drive = open_drive(&path).unwrap();
    drive.status().unwrap_err();
    assert_eq!(drive.write_block(&[1; 10]).unwrap_err().kind, DriveErrorKind::HardwareError);
    drop(drive);
    std::fs::write(dir.path().join("drive0.faults"), "nonsense").unwrap();
    assert!(open_drive(&path).err().unwrap().message.contains("drive0.faults"));
}

#[test]
fn a_robot_that_gives_no_answer_may_have_moved() {
    let dir = tempfile::tempdir().unwrap();
    library::create(dir.path(), &LibrarySpec { settings: Settings::volatile(), ..LibrarySpec::default() }).unwrap();
    library::add_cartridge(dir.path(), &CartridgeSpec::new("TB0001L9"), Place::Slot(0)).unwrap();
    let mut changer = open_changer(&format!("virtual:{}#changer", dir.path().display())).unwrap();
    let slots: Vec<_> = changer.inventory().unwrap().of(ElementKind::Storage).map(|slot| slot.address).collect();
    let control = changer_control(dir.path()).unwrap();
    let mut at = 0;
    for (condition, kind, moved) in [
        (Condition::NoReply(NoReply::CarriedOut), DriveErrorKind::Aborted, 1),
        (Condition::NoReply(NoReply::Lost), DriveErrorKind::Aborted, 0),
        (Condition::HardwareError, DriveErrorKind::HardwareError, 0),
        (Condition::MediumChanged, DriveErrorKind::MediumChanged, 0),
    ] {
        control.fail_next(condition);
        let error = changer.move_medium(slots[at], slots[at + 1]).unwrap_err();
        assert_eq!(error.kind, kind);
        at += moved;
        assert!(changer.inventory().unwrap().element(slots[at]).unwrap().full, "{condition:?}");
    }
}

#[test]
fn a_drive_with_the_speed_of_a_real_one_takes_its_time() {
    let dir = library();
    let mut settings = library::read(dir.path()).unwrap().settings;
    let speed = SpeedSpec { load_ms: 300, wind_ms: 100, seek_ms: 50, ..SpeedSpec::of(Generation::LTO9) };
    settings.speed = Some(speed);
    library::set_settings(dir.path(), settings).unwrap();
    let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
    let state = drive.status().unwrap().state;
    assert!(matches!(state, DriveState::BecomingReady { percent: Some(0..100) }), "{state:?}");
    assert_eq!(drive.position().unwrap_err().kind, DriveErrorKind::NotReady);
    assert_eq!(drive.load().unwrap_err().kind, DriveErrorKind::MediumChanged);
    let begin = Instant::now();
    // 8 MB at 400 MB/s, then a change of position.
    for _ in 0..8 {
        drive.write_block(&[0; 1_000_000]).unwrap();
    }
    drive.rewind().unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(70), "{:?}", begin.elapsed());
    assert!(drive.health().unwrap().motion_hours.unwrap() > 0.0);
}

/// The suite is worth something only if it notices a drive that misbehaves.
#[test]
fn the_conformance_suite_fails_drives_that_misbehave() {
    for (plan, name) in [
        (FaultPlan::unreadable_block(1), "every object can be located"),
        (FaultPlan::from_block(3, Condition::DeferredError), "positions count blocks and filemarks"),
        (FaultPlan::nth_of(1, Operation::Write, Condition::EarlyWarning), "blocks of any size come back as they were"),
        (
            FaultPlan::nth_of(2, Operation::Unload, Condition::NoReply(NoReply::Lost)),
            "what was written is there after a reload, and can be continued",
        ),
    ] {
        let mut dir = None;
        let mut make = |wanted| -> Option<Box<dyn TapeDrive>> {
            let drive = VirtualDrive::open(dir.insert(library()).path(), 0).unwrap();
            let handle = FaultHandle::default();
            handle.set(plan.clone());
            (wanted == Wanted::Blank).then(|| -> Box<dyn TapeDrive> { Box::new(FaultDrive::new(drive, handle)) })
        };
        let results = conformance::run(&mut make, &Profile { fill_bytes: Some(64 << 20), ..Profile::default() });
        let result = results.iter().find(|result| result.name == name).unwrap();
        assert!(matches!(result.outcome, Outcome::Failed(_)), "{plan:?}: {result}");
    }
}

/// Whatever goes wrong, what was flushed is there, and the tape can be read to its end.
#[test]
fn flushed_data_survives_every_seed() {
    for seed in 0..300 {
        let dir = library();
        let mut drive = FaultDrive::new(VirtualDrive::open(dir.path(), 0).unwrap(), FaultHandle::default());
        drive.status().unwrap_err();
        drive.faults().set(FaultPlan::from_seed(seed, 40));
        let mut flushed = 0;
        let mut written = 0u64;
        for number in 0..30u8 {
            let result = if number % 5 == 4 {
                drive.write_filemarks(1, FilemarkSync::Flush)
            } else {
                drive.write_block(&[number; 300])
            };
            match result {
                Ok(_) => {
                    written += 1;
                    if number % 5 == 4 {
                        flushed = written;
                    }
                }
                Err(_) => break,
            }
        }
        drive.faults().set(FaultPlan::default());
        let _ = drive.status();
        drive.rewind().unwrap();
        let mut buffer = [0; 300];
        let mut objects = 0;
        while drive.read_block(&mut buffer).unwrap() != ReadOutcome::EndOfData {
            objects += 1;
        }
        assert!(objects >= flushed, "seed {seed}: {objects} objects, {flushed} were flushed");
    }
}
