//! Tapes that end at every place they can, and drives that fail at every command they get: whatever happens, the tape ends
//! in a committed state or the error says from where on it must not be believed, and no frame is lost in silence.

mod common;

use common::*;
use std::collections::VecDeque;
use tape_drive::fault::{Condition, FaultPlan};
use tape_drive::{Operation, TapeDrive, WriteOutcome};
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::part::{
    FileKind, PartEnd, PartErrorKind, PartKey, PartLayout, PendingFirst, TapeState, read_toc, scan, write_part,
};
use tape_format::toc::{TocHead, TocSink};
use tape_format::{Frame, MemberRecord, Result};

#[derive(Default)]
struct Members(Vec<MemberRecord>);

impl TocSink for Members {
    fn head(&mut self, _head: &TocHead) -> Result<()> {
        Ok(())
    }
    fn member(&mut self, record: MemberRecord) -> Result<()> {
        self.0.push(record);
        Ok(())
    }
    fn deleted(&mut self, _path: Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// Every part that a bare tape holds: its layout, its members, its tar stream without the opening.
fn parts_of(tape: &mut Tape, plan: &Plan) -> Vec<(PartLayout, Vec<MemberRecord>, Vec<u8>)> {
    let mut files = Vec::new();
    scan(tape.drive.as_mut(), &mut |file| {
        files.push(file);
        Ok(())
    })
    .unwrap();
    let mut parts = Vec::new();
    for file in &files {
        if !matches!(file.kind, FileKind::Toc(_)) {
            continue;
        }
        let mut members = Members::default();
        let (head, end) = read_toc(tape.drive.as_mut(), file.first_block, &plan.key, &mut members).unwrap();
        let layout = PartLayout::from_toc(head, file.first_block, end).unwrap();
        let key = plan.key.as_ref().map(|key| PartKey { key, set: plan.set.uuid, part: layout.part_number });
        let tar = tape.tar(layout.first_block, key);
        parts.push((layout.clone(), members.0, tar[layout.prelude_bytes as usize..].to_vec()));
    }
    // Label, and two files for each part: nothing that was begun and not ended.
    assert_eq!(files.len(), 1 + 2 * parts.len(), "{files:?}");
    parts
}

fn small_set() -> Stream {
    let mut items: Vec<Item> = (0..30).map(|i| file(format!("f{i:02}"), &noise(i * 137, i as u64))).collect();
    items.push(file("large", &noise(90_000, 7)));
    items.push(file("last", b"end"));
    stream(&items)
}

/// Writes a set over as many tapes of one size as it takes, and checks each. `None` if such a tape takes nothing.
fn over_tapes(
    stream: &Stream,
    frames: &dyn Fn() -> Vec<Frame>,
    capacity: Capacity,
    codec: Codec,
    key: Option<Key>,
) -> Option<usize> {
    let mut source = List::new(frames());
    let mut pending = Vec::new();
    let mut all: Vec<u8> = Vec::new();
    let mut members = Vec::new();
    let mut part = 1;
    for used in 1..500 {
        let mut tape = Tape::try_new(capacity)?;
        let mut plan = Plan::new(&tape, codec, key.clone());
        plan.block_size = 4096;
        let end = tape.end();
        let mut recorder = Recorder::default();
        let mut chained = PendingFirst::new(std::mem::take(&mut pending), &mut source);
        match write_part(tape.drive.as_mut(), &plan.spec(part, end), &mut chained, &mut recorder) {
            Ok(outcome) => {
                let parts = parts_of(&mut tape, &plan);
                let [(layout, toc, tar)] = parts.as_slice() else { panic!("{} parts", parts.len()) };
                assert_eq!(layout, &outcome.layout);
                assert_eq!(layout.tar_start, all.len() as u64);
                assert_eq!(layout.tar_end, layout.tar_start + tar.len() as u64);
                let placed: Vec<MemberRecord> = recorder.placed.into_iter().map(|placed| placed.0).collect();
                assert_eq!(toc, &placed);
                all.extend(tar);
                members.extend(placed);
                pending = outcome.pending;
                part += 1;
                match outcome.end {
                    PartEnd::SetComplete => {
                        assert!(pending.is_empty());
                        assert!(all == stream.bytes);
                        assert_eq!(members, stream.records);
                        return Some(used);
                    }
                    PartEnd::TapeFull => assert!(!pending.is_empty()),
                    PartEnd::Stopped => panic!("nobody stopped it"),
                }
            }
            Err(error) => {
                // Such small parts are kept whole, so nothing may be lost.
                assert!(matches!(error.kind, PartErrorKind::NoRoom), "{capacity:?}: {error}");
                assert_eq!(error.tape, TapeState::AsBefore);
                assert!(error.all_pending);
                assert!(recorder.placed.is_empty());
                assert_eq!(tape.end(), end, "{capacity:?}");
                assert!(parts_of(&mut tape, &plan).is_empty());
                let left = error.pending.iter().map(|frame| frame.tar_length).sum::<u64>()
                    + source.frames.iter().map(|frame| frame.tar_length).sum::<u64>();
                assert_eq!(left, (stream.bytes.len() - all.len()) as u64);
                return None;
            }
        }
    }
    panic!("500 tapes");
}

/// Capacities in steps of less than a block from nothing to more than the set needs, with and without a warning.
fn sweep(codec: Codec, key: Option<Key>, frame_size: u64) {
    let stream = small_set();
    let frames = || stream.frames(frame_size, codec);
    let mut outcomes = VecDeque::new();
    for after_warning in [0, 5_000, 80_000] {
        let mut bytes = 400;
        while bytes < 600_000 {
            let tapes = over_tapes(
                &stream,
                &frames,
                Capacity { bytes, after_warning: after_warning.min(bytes) },
                codec,
                key.clone(),
            );
            outcomes.push_back(tapes);
            // Small steps where the set begins to fit, and where it fits on one tape.
            bytes += if tapes == Some(1) { 40_000 } else { 3_900 };
        }
    }
    assert!(outcomes.contains(&None) && outcomes.contains(&Some(1)));
    assert!(outcomes.iter().any(|tapes| tapes.is_some_and(|tapes| tapes > 1)), "{outcomes:?}");
}

/// The warning comes while a table of contents still fits before early warning, whatever is written.
#[test]
fn the_drive_is_asked_to_warn_before_the_room_for_the_trailer_gets_short() {
    let mut tape = Tape::new(Capacity { bytes: 64 << 20, after_warning: 1 << 20 });
    let plan = Plan::new(&tape, Codec::None, None);
    let end = tape.end();
    let mut source = List::new(small_set().frames(60_000, Codec::None));
    write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap();
    let block = noise(64 << 10, 3);
    let warning =
        (0..1024).map(|_| tape.drive.write_block(&block).unwrap()).find(|said| *said != WriteOutcome::Written);
    assert_eq!(warning, Some(WriteOutcome::ProgrammableEarlyWarning));
    let left = tape.drive.medium().unwrap().remaining_bytes.unwrap();
    assert!((1 << 20..4 << 20).contains(&left), "{left} bytes before early warning");
}

#[test]
fn every_capacity_plain() {
    sweep(Codec::None, None, 10_000);
}

#[test]
fn every_capacity_compressed() {
    sweep(Codec::Zstd { level: 1 }, None, 30_000);
}

#[test]
fn every_capacity_sealed() {
    sweep(Codec::None, Some(Key::new([1; 32])), 10_000);
}

#[test]
fn every_capacity_compressed_and_sealed_with_large_frames() {
    sweep(Codec::Gzip { level: 6 }, Some(Key::new([2; 32])), 60_000);
}

#[test]
fn the_end_comes_without_warning_at_every_block() {
    let items = [file("a", &noise(3_000_000, 1)), file("b", &noise(500_000, 2)), file("c", b"end")];
    let stream = stream(&items);
    for (codec, key) in [(Codec::None, None), (Codec::Zstd { level: 1 }, Some(Key::new([5; 32])))] {
        let mut closed = 0;
        for block in (2..62).step_by(1) {
            let mut tape = Tape::try_new(ROOMY).unwrap();
            let plan = Plan::new(&tape, codec, key.clone());
            let end = tape.end();
            let control = tape_drive::virt::control(tape.dir.path(), 0).unwrap();
            control.set_faults(FaultPlan::nth_of(block - 1, Operation::Write, Condition::VolumeOverflow));
            let mut source = List::new(stream.frames(400_000, codec));
            let result = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default());
            control.clear_faults();
            match result {
                Ok(outcome) => {
                    let parts = parts_of(&mut tape, &plan);
                    assert_eq!(parts.len(), 1);
                    assert_eq!(parts[0].0, outcome.layout);
                    assert!(parts[0].2 == stream.bytes[..parts[0].2.len()]);
                    if outcome.end == PartEnd::TapeFull {
                        closed += 1;
                        assert_eq!(outcome.pending[0].tar_offset, outcome.layout.tar_end);
                        // The frame that met the end opens the next part as it is.
                        let mut tape = Tape::try_new(ROOMY).unwrap();
                        let end = tape.end();
                        let mut rest = PendingFirst::new(outcome.pending, &mut source);
                        let next =
                            write_part(tape.drive.as_mut(), &plan.spec(2, end), &mut rest, &mut Recorder::default())
                                .unwrap();
                        let more = parts_of(&mut tape, &plan).remove(0).2;
                        assert!([parts[0].2.as_slice(), &more].concat() == stream.bytes);
                        assert_eq!(next.end, PartEnd::SetComplete);
                    }
                }
                Err(error) => {
                    assert!(matches!(error.kind, PartErrorKind::NoRoom), "block {block}: {error}");
                    assert_eq!(tape.end(), end);
                    assert!(error.all_pending);
                }
            }
        }
        assert!(closed > 30, "{codec:?}: only {closed} parts were closed before the frame that did not fit");
    }
}

#[test]
fn every_command_fails_once_in_every_way() {
    let stream = small_set();
    let conditions = [
        Condition::EarlyWarning,
        Condition::ProgrammableEarlyWarning,
        Condition::VolumeOverflow,
        Condition::EndOfMediumWithErrorKey,
        Condition::DeferredError,
        Condition::MediumChanged,
        Condition::Reset,
        Condition::MediumError,
        Condition::HardwareError,
        Condition::Aborted,
        Condition::PowerCut,
    ];
    for key in [None, Some(Key::new([8; 32]))] {
        for condition in conditions {
            for number in 1.. {
                let mut tape = Tape::try_new(ROOMY).unwrap();
                let mut plan = Plan::new(&tape, Codec::None, key.clone());
                plan.block_size = 16 << 10;
                // One good set first: nothing may ever happen to it.
                let end = tape.end();
                let good = stream.frames(20_000, Codec::None);
                write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut List::new(good), &mut Recorder::default())
                    .unwrap();
                let end = tape.end();
                let control = tape_drive::virt::control(tape.dir.path(), 0).unwrap();
                control.set_faults(FaultPlan::nth(number, condition));
                let mut source = List::new(stream.frames(20_000, Codec::None));
                let result = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default());
                let fired = control.fired();
                control.clear_faults();
                clear_attention(tape.drive.as_mut());
                let context = format!("{condition:?} at command {number}, {fired:?}");
                match result {
                    Ok(outcome) => {
                        assert_eq!(tape.end().1, outcome.layout.end_block, "{context}");
                        let parts = parts_of(&mut tape, &plan);
                        assert_eq!(parts.len(), 2);
                        assert!(parts[1].2 == stream.bytes[..parts[1].2.len()]);
                        let left: u64 =
                            outcome.pending.iter().chain(&source.frames).map(|frame| frame.tar_length).sum();
                        assert_eq!(parts[1].2.len() as u64 + left, stream.bytes.len() as u64, "{context}");
                    }
                    Err(error) => match error.tape {
                        TapeState::AsBefore => {
                            assert_eq!(tape.end(), end, "{context}");
                            assert_eq!(parts_of(&mut tape, &plan).len(), 1, "{context}");
                        }
                        TapeState::Closed(_) => panic!("{context}: the source did not fail"),
                        TapeState::Suspect { committed } => {
                            assert!(committed.block >= end.1, "{context}");
                            let mut found = Vec::new();
                            scan(tape.drive.as_mut(), &mut |file| {
                                found.push(file);
                                Ok(())
                            })
                            .unwrap();
                            assert!(matches!(found[2].kind, FileKind::Toc(_)), "{context}");
                        }
                    },
                }
                if fired.is_empty() {
                    assert!(number > 5, "{condition:?} never happened");
                    break;
                }
            }
        }
    }
}

fn clear_attention(drive: &mut dyn TapeDrive) {
    while drive.rewind().is_err() {}
}
