//! The virtual drive against the simplest model of a tape: a list of objects and a position.

use proptest::prelude::*;
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, VirtualDrive};
use tape_drive::{DriveErrorKind, FilemarkSync, Position, ReadOutcome, Result, TapeDrive, WriteOutcome};

const CAPACITY: u64 = 4000;
const BUFFER: u64 = 700;

#[derive(Debug, Clone)]
enum Step {
    Write(u16),
    Filemarks(u8, Sync),
    Read(u16),
    Locate(u8),
    Space(i8),
    EndOfData,
    Rewind,
    Erase,
    Reload,
    Reopen,
    PowerCut,
    Position,
}

#[derive(Debug, Clone, Copy)]
enum Sync {
    Flush,
    Immediate,
}

fn step() -> impl Strategy<Value = Step> {
    let sync = prop_oneof![Just(Sync::Flush), Just(Sync::Immediate)];
    prop_oneof![
        8 => (1u16..400).prop_map(Step::Write),
        4 => (0u8..4, sync).prop_map(|(count, sync)| Step::Filemarks(count, sync)),
        6 => (0u16..500).prop_map(Step::Read),
        3 => any::<u8>().prop_map(|to| Step::Locate(to % 40)),
        3 => (-4i8..5).prop_map(Step::Space),
        2 => Just(Step::EndOfData),
        1 => Just(Step::Rewind),
        1 => Just(Step::Erase),
        1 => Just(Step::Reload),
        1 => Just(Step::Reopen),
        1 => Just(Step::PowerCut),
        3 => Just(Step::Position),
    ]
}

/// `None` is a filemark.
#[derive(Debug, Default)]
struct Model {
    objects: Vec<Option<Vec<u8>>>,
    position: usize,
    settled: usize,
}

impl Model {
    fn stored(object: &Option<Vec<u8>>) -> u64 {
        object.as_ref().map_or(4, |block| (block.len() + block.len() % 2 + 8) as u64)
    }

    fn bytes(&self, until: usize) -> u64 {
        self.objects[..until].iter().map(Model::stored).sum()
    }

    fn settle(&mut self) {
        self.settled = self.objects.len();
    }

    fn truncate(&mut self) {
        self.objects.truncate(self.position);
        self.settled = self.settled.min(self.position);
    }

    fn write(&mut self, objects: Vec<Option<Vec<u8>>>) -> Result<WriteOutcome, DriveErrorKind> {
        let bytes: u64 = objects.iter().map(Model::stored).sum();
        if !objects.is_empty() {
            if self.bytes(self.position) + bytes > CAPACITY {
                return Err(DriveErrorKind::EndOfMedium);
            }
            self.truncate();
            self.objects.extend(objects);
            self.position = self.objects.len();
        }
        let full = self.bytes(self.objects.len()) > CAPACITY / 2;
        Ok(if full { WriteOutcome::EarlyWarning } else { WriteOutcome::Written })
    }

    fn read(&mut self, buffer: usize) -> Result<(ReadOutcome, Vec<u8>), DriveErrorKind> {
        self.settle();
        let Some(object) = self.objects.get(self.position) else { return Ok((ReadOutcome::EndOfData, vec![])) };
        self.position += 1;
        match object {
            None => Ok((ReadOutcome::Filemark, vec![])),
            Some(block) if block.len() <= buffer => Ok((ReadOutcome::Block(block.len()), block.clone())),
            Some(block) => Err(DriveErrorKind::BlockTooLong { actual: Some(block.len() as u64) }),
        }
    }

    fn go(&mut self, to: Option<usize>, otherwise: usize) -> Result<(), DriveErrorKind> {
        self.settle();
        self.position = to.unwrap_or(otherwise);
        to.map(|_| ()).ok_or(DriveErrorKind::BlankCheck)
    }

    fn space(&mut self, count: i64) -> Result<(), DriveErrorKind> {
        let marks: Vec<usize> =
            self.objects.iter().enumerate().filter(|(_, object)| object.is_none()).map(|(at, _)| at).collect();
        let before = marks.iter().filter(|&&at| at < self.position).count() as i64;
        if count > 0 {
            let target = marks.get((before + count - 1) as usize).map(|at| at + 1);
            self.go(target, self.objects.len())
        } else if count < 0 {
            let target = usize::try_from(before + count).ok().map(|number| marks[number]);
            self.go(target, 0)
        } else {
            self.go(Some(self.position), 0)
        }
    }

    /// The drive's buffer is a window at the end of the tape.
    fn power_cut(&mut self) {
        let end = self.bytes(self.objects.len());
        let written = (0..=self.objects.len())
            .find(|&object| object == self.objects.len() || self.bytes(object) >= end.saturating_sub(BUFFER))
            .unwrap_or(0);
        let kept = self.settled.max(written);
        self.objects.truncate(kept);
        self.settled = kept;
        self.position = 0;
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    step: &Step,
    drive: Result<T>,
    model: Result<T, DriveErrorKind>,
) -> Result<(), TestCaseError> {
    let drive = drive.map_err(|error| error.kind);
    prop_assert_eq!(drive, model, "at {:?}", step);
    Ok(())
}

fn quiet(drive: &mut VirtualDrive, expected: DriveErrorKind) {
    assert_eq!(drive.status().unwrap_err().kind, expected);
    drive.status().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_drive_is_a_list_and_a_position(steps in proptest::collection::vec(step(), 1..120)) {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { buffer_bytes: BUFFER, ..Settings::volatile() };
        let spec = LibrarySpec { slots: 0, mail_slots: 0, settings, ..LibrarySpec::default() };
        library::create(dir.path(), &spec).unwrap();
        let cartridge = CartridgeSpec::new("TB0001L9").with_capacity(CAPACITY);
        library::add_cartridge(dir.path(), &cartridge, Place::Drive(0)).unwrap();
        let mut drive = VirtualDrive::open(dir.path(), 0).unwrap();
        quiet(&mut drive, DriveErrorKind::MediumChanged);
        let mut model = Model::default();
        let mut seed = 0u8;
        for step in &steps {
            match *step {
                Step::Write(length) => {
                    seed = seed.wrapping_add(1);
                    let block: Vec<u8> = (0..length).map(|at| (at as u8).wrapping_mul(seed)).collect();
                    same(step, drive.write_block(&block), model.write(vec![Some(block.clone())]))?;
                }
                Step::Filemarks(count, sync) => {
                    let how = match sync {
                        Sync::Flush => FilemarkSync::Flush,
                        Sync::Immediate => FilemarkSync::Immediate,
                    };
                    let expected = model.write(vec![None; usize::from(count)]);
                    if expected.is_ok() && matches!(sync, Sync::Flush) {
                        model.settle();
                    }
                    same(step, drive.write_filemarks(u32::from(count), how), expected)?;
                }
                Step::Read(length) => {
                    let mut buffer = vec![0; usize::from(length)];
                    let found = drive.read_block(&mut buffer);
                    let found = found.map(|outcome| match outcome {
                        ReadOutcome::Block(length) => (outcome, buffer[..length].to_vec()),
                        _ => (outcome, vec![]),
                    });
                    same(step, found, model.read(usize::from(length)))?;
                }
                Step::Locate(to) => {
                    let end = model.objects.len();
                    let target = Some(usize::from(to)).filter(|&to| to <= end);
                    same(step, drive.locate(Position::block(u64::from(to))), model.go(target, end))?;
                }
                Step::Space(count) => {
                    same(step, drive.space_filemarks(i64::from(count)), model.space(i64::from(count)))?;
                }
                Step::EndOfData => {
                    let end = model.objects.len();
                    same(step, drive.space_to_end_of_data(), model.go(Some(end), end))?;
                }
                Step::Rewind => same(step, drive.rewind(), model.go(Some(0), 0))?,
                Step::Erase => {
                    drive.erase().unwrap();
                    model.truncate();
                    model.settle();
                }
                Step::Reload => {
                    drive.unload().unwrap();
                    drive.load().unwrap();
                    model.go(Some(0), 0).unwrap();
                }
                Step::Reopen => {
                    drop(drive);
                    drive = VirtualDrive::open(dir.path(), 0).unwrap();
                    model.go(Some(0), 0).unwrap();
                }
                Step::PowerCut => {
                    drive.power_cut();
                    model.power_cut();
                    quiet(&mut drive, DriveErrorKind::Reset);
                }
                Step::Position => {}
            }
            let position = drive.position().unwrap();
            prop_assert_eq!(position.at, Position::block(model.position as u64), "at {:?}", step);
            let files = model.objects[..model.position].iter().filter(|object| object.is_none()).count();
            prop_assert_eq!(position.file, Some(files as u64));
            prop_assert_eq!(position.end_zone, model.bytes(model.position) > CAPACITY / 2);
            let used = std::fs::metadata(dir.path().join("cartridges/TB0001L9.tap")).unwrap().len();
            prop_assert_eq!(used, model.bytes(model.objects.len()));
        }
    }
}
