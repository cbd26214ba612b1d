//! A part that was cut off is ended at a checkpoint, and the set goes on behind it.

mod common;

use common::*;
use proptest::prelude::*;
use std::collections::HashMap;
use tape_drive::Operation;
use tape_drive::fault::{Condition, Fault, FaultPlan, Repeat, When};
use tape_format::codec::Codec;
use tape_format::crypt::{Key, Keys};
use tape_format::part::{self, Checkpoint, KnownMembers, PartErrorKind, PartKey, TapeState, close_at, write_part};
use tape_format::toc::{TocHead, TocSink};
use tape_format::{MemberRecord, Result};

/// Members in somebody's memory.
struct Known<'a>(&'a [MemberRecord], u64);

impl KnownMembers for Known<'_> {
    fn for_each(&self, visit: &mut dyn FnMut(&MemberRecord) -> Result<()>) -> Result<()> {
        self.0.iter().filter(|record| record.tar_offset + record.tar_length <= self.1).try_for_each(visit)
    }
}

#[derive(Default)]
struct Members(Vec<MemberRecord>);

impl TocSink for Members {
    fn head(&mut self, _: &TocHead) -> Result<()> {
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> Result<()> {
        self.0.push(record);
        Ok(())
    }

    fn deleted(&mut self, _: Vec<u8>) -> Result<()> {
        Ok(())
    }
}

struct One(Key);

impl Keys for One {
    fn find(&self, fingerprint: &str) -> Option<Key> {
        (self.0.fingerprint() == fingerprint).then(|| self.0.clone())
    }
}

fn items(sizes: &[usize]) -> Vec<Item> {
    sizes.iter().zip(0..).map(|(size, n)| file(format!("file{n:04}"), &noise(*size, n))).collect()
}

/// Ends part 1 at `checkpoint`, writes the rest as part 2, and reads both.
fn go_on(tape: &mut Tape, plan: &Plan, stream: &Stream, frame_size: u64, end: (u64, u64), checkpoint: &Checkpoint) {
    let known = Known(&stream.records, checkpoint.tar_end);
    let outcome = close_at(tape.drive.as_mut(), &plan.spec(1, end), checkpoint.clone(), &known).unwrap();
    let layout = &outcome.layout;
    layout.check().unwrap();
    let cut = checkpoint.tar_end as usize;
    let key = |part| plan.key.as_ref().map(|key| PartKey { key, set: plan.set.uuid, part });
    let first = tape.tar(layout.first_block, key(1));
    assert!(first[layout.prelude_bytes as usize..] == stream.bytes[..cut], "part 1 up to {cut}");
    let mut members = Members::default();
    let keys = One(plan.key.clone().unwrap_or(Key::new([0; 32])));
    let (head, _) = part::read_toc(tape.drive.as_mut(), layout.toc_block, &keys, &mut members).unwrap();
    assert!(!head.part.last);
    assert_eq!(head.part.cut.is_some(), checkpoint.goes_on.is_some());
    let mut expected = Vec::new();
    let mut expect = |record: &MemberRecord| {
        expected.push(record.path.clone());
        Ok(())
    };
    known.for_each(&mut expect).unwrap();
    assert_eq!(members.0.iter().map(|record| record.path.clone()).collect::<Vec<_>>(), expected);

    let rest: Vec<_> = stream
        .frames(frame_size, plan.codec)
        .into_iter()
        .filter(|frame| frame.tar_offset >= checkpoint.tar_end)
        .collect();
    if let (Some(first), Some(goes_on)) = (rest.first(), &checkpoint.goes_on) {
        assert_eq!(first.continues.as_ref(), Some(&goes_on.continuation));
        assert_eq!(goes_on.state, checkpoint.tar_end.to_le_bytes());
    }
    let end = tape.end();
    assert_eq!(end, (layout.tape_file + 2, layout.end_block));
    let mut source = List::new(rest);
    let second =
        write_part(tape.drive.as_mut(), &plan.spec(2, end), &mut source, &mut Recorder::default()).unwrap().layout;
    let tar = tape.tar(second.first_block, key(2));
    assert!(tar[second.prelude_bytes as usize..] == stream.bytes[cut..], "part 2 from {cut}");
}

fn plan(tape: &Tape, codec: Codec, encrypted: bool, block_size: u32, every: u64) -> Plan {
    let key = encrypted.then(|| Key::new([9; 32]));
    Plan { block_size, checkpoint_bytes: every, ..Plan::new(tape, codec, key) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_happens_behind_a_checkpoint_it_can_be_gone_back_to(
        sizes in prop::collection::vec(prop_oneof![0usize..3000, 100_000usize..900_000], 1..40),
        codec in prop_oneof![Just(Codec::None), Just(Codec::Zstd { level: 1 })],
        encrypted: bool,
        block_size in prop_oneof![Just(64u32 << 10), Just(256 << 10), Just(96 << 10)],
        every in 200_000u64..2_000_000,
        frame_size in 20_000u64..700_000,
        fails_at in 5u64..120,
        which: prop::sample::Index,
    ) {
        let stream = stream(&items(&sizes));
        let mut tape = Tape::new(ROOMY);
        let plan = plan(&tape, codec, encrypted, block_size, every);
        let end = tape.end();
        let control = tape_drive::virt::control(tape.dir.path(), 0).unwrap();
        control.set_faults(FaultPlan::nth_of(fails_at, Operation::Write, Condition::HardwareError));
        let mut recorder = Recorder::default();
        let mut source = List::new(stream.frames(frame_size, codec));
        let written = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut recorder);
        control.set_faults(FaultPlan::default());
        if let Err(error) = &written {
            prop_assert!(matches!(error.kind, PartErrorKind::Drive(_)), "{error}");
            if !recorder.checkpoints.is_empty() {
                prop_assert!(matches!(error.tape, TapeState::Suspect { .. }), "suspect");
            }
        }
        let ends: HashMap<_, _> = recorder.placed.iter().map(|(record, block)| (record.path.clone(), *block)).collect();
        for checkpoint in &recorder.checkpoints {
            for record in stream.records.iter().filter(|r| r.tar_offset + r.tar_length <= checkpoint.tar_end) {
                prop_assert!(ends.contains_key(&record.path), "told before the checkpoint");
            }
        }
        if !recorder.checkpoints.is_empty() {
            let checkpoint = which.get(&recorder.checkpoints).clone();
            go_on(&mut tape, &plan, &stream, frame_size, end, &checkpoint);
        }
    }
}

#[test]
fn a_checkpoint_survives_the_loss_of_the_drives_buffer_and_closing_twice() {
    for encrypted in [false, true] {
        let stream = stream(&items(&[700_000; 12]));
        let mut tape = Tape::new(ROOMY);
        let plan = plan(&tape, Codec::None, encrypted, 256 << 10, 2_000_000);
        let end = tape.end();
        let mut recorder = Recorder::default();
        let mut source = List::new(stream.frames(500_000, Codec::None));
        write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut recorder).unwrap();
        let checkpoint = recorder.checkpoints.last().unwrap().clone();
        let known = Known(&stream.records, checkpoint.tar_end);
        let first = close_at(tape.drive.as_mut(), &plan.spec(1, end), checkpoint.clone(), &known).unwrap();
        let data = tape.dump(first.layout.first_block);
        let again = close_at(tape.drive.as_mut(), &plan.spec(1, end), checkpoint.clone(), &known).unwrap();
        assert_eq!(again.layout.stream_bytes, first.layout.stream_bytes);
        assert!(tape.dump(first.layout.first_block) == data, "encrypted: {encrypted}");
    }
}

#[test]
fn a_checkpoint_of_another_part_is_refused() {
    let stream = stream(&items(&[700_000; 12]));
    let mut tape = Tape::new(ROOMY);
    let plan = plan(&tape, Codec::None, false, 256 << 10, 2_000_000);
    let end = tape.end();
    let mut recorder = Recorder::default();
    let mut source = List::new(stream.frames(500_000, Codec::None));
    write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut recorder).unwrap();
    let checkpoint = recorder.checkpoints[0].clone();
    let before = tape.end();
    let none = Known(&[], 0);
    for wrong in [
        Checkpoint { part_number: 2, ..checkpoint.clone() },
        Checkpoint { first_block: checkpoint.first_block + 1, ..checkpoint.clone() },
        Checkpoint { stream_end: 0, ..checkpoint.clone() },
        Checkpoint { stream_end: 1 << 40, ..checkpoint.clone() },
    ] {
        close_at(tape.drive.as_mut(), &plan.spec(1, end), wrong, &none).expect_err("refused");
        assert_eq!(tape.end(), before, "nothing was written");
    }
}

/// Long before the distance of checkpoints there are some: a tape that ends without a warning keeps what is before one of them,
/// with its table of contents.
#[test]
fn a_tape_that_ends_long_before_its_first_regular_checkpoint_keeps_what_it_has() {
    for encrypted in [false, true] {
        let stream = stream(&items(&[4 << 20; 40]));
        let mut tape = Tape::new(ROOMY);
        let plan = plan(&tape, Codec::None, encrypted, 256 << 10, 16 << 30);
        let end = tape.end();
        let control = tape_drive::virt::control(tape.dir.path(), 0).unwrap();
        let block = 2 + 150 * 4;
        let condition = Condition::VolumeOverflow;
        let fault = Fault { when: When::From { block }, condition, repeat: Repeat::Always };
        control.set_faults(FaultPlan { seed: None, faults: vec![fault] });
        let mut recorder = Recorder::default();
        let mut source = List::new(stream.frames(4 << 20, Codec::None));
        // whether or not it can be closed where the tape ends
        drop(write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut recorder));
        control.set_faults(FaultPlan::default());
        let ends: Vec<u64> = recorder.checkpoints.iter().map(|checkpoint| checkpoint.stream_end >> 20).collect();
        assert!(matches!(ends[..], [24..48, 110..140]), "encrypted: {encrypted}: {ends:?}");
        let last = recorder.checkpoints.last().unwrap().clone();
        go_on(&mut tape, &plan, &stream, 4 << 20, end, &last);
    }
}
