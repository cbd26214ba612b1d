//! Parts on a virtual tape: written, read back in order and at random, with every codec, sealed and not.

mod common;

use common::*;
use std::io::Read;
use tape_drive::Position;
use tape_format::codec::Codec;
use tape_format::crypt::{Key, Keys, Lock};
use tape_format::part::{
    FileKind, PartEnd, PartErrorKind, PartKey, PartLayout, PartReader, TapeState, read_label, read_toc, scan,
    write_part,
};
use tape_format::toc::{SetKind, Summary, TocHead, TocKind, TocSink, Totals};
use tape_format::{FormatError, MemberKind, MemberRecord, Result, tar};

const CODECS: [Codec; 3] = [Codec::None, Codec::Zstd { level: 1 }, Codec::Gzip { level: 6 }];

#[derive(Default)]
struct Collected {
    head: Option<TocHead>,
    members: Vec<MemberRecord>,
    deleted: Vec<Vec<u8>>,
}

impl TocSink for Collected {
    fn head(&mut self, head: &TocHead) -> Result<()> {
        self.head = Some(head.clone());
        Ok(())
    }
    fn member(&mut self, record: MemberRecord) -> Result<()> {
        self.members.push(record);
        Ok(())
    }
    fn deleted(&mut self, path: Vec<u8>) -> Result<()> {
        self.deleted.push(path);
        Ok(())
    }
}

fn sample() -> Vec<Item> {
    let mut items = vec![dir("."), dir("a")];
    for i in 0..40 {
        items.push(file(format!("a/file{i:03}"), &noise(i * 700, i as u64)));
    }
    items.push(file("b-large", &noise(5_000_000, 99)));
    items.push(file("c-text", &b"the same again and again. ".repeat(200_000)));
    items.push(link("d", MemberKind::Symlink, "b-large"));
    items.push(sparse("e-sparse", 3 << 20, &[(4096, 8192), (1 << 20, 700_000)], 5));
    items
}

fn keys() -> [Option<Key>; 2] {
    [None, Some(Key::new([3; 32]))]
}

fn variants() -> impl Iterator<Item = (Codec, Option<Key>)> {
    CODECS.into_iter().flat_map(|codec| keys().into_iter().map(move |key| (codec, key)))
}

fn part_key<'a>(plan: &'a Plan, part: u32) -> Option<PartKey<'a>> {
    plan.key.as_ref().map(|key| PartKey { key, set: plan.set.uuid, part })
}

#[test]
fn everything_comes_back() {
    let stream = stream(&sample());
    for (codec, key) in variants() {
        for block_size in [512, 100_000, 256 << 10, 3 << 20] {
            let mut tape = Tape::new(ROOMY);
            let mut plan = Plan::new(&tape, codec, key.clone());
            plan.block_size = block_size;
            plan.deleted = vec![b"gone".to_vec(), b"gone\xff".to_vec()];
            let mut source = List::new(stream.frames(1 << 20, codec));
            let mut recorder = Recorder::default();
            let end = tape.end();
            let outcome = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut recorder).unwrap();
            assert_eq!(outcome.end, PartEnd::SetComplete);
            assert!(outcome.pending.is_empty());
            assert_eq!(outcome.deleted_count, 2);
            let layout = &outcome.layout;
            layout.check().unwrap();
            assert_eq!(tape.end(), (3, layout.end_block));
            assert_eq!((layout.tar_start, layout.tar_end), (0, stream.bytes.len() as u64));
            let placed: Vec<MemberRecord> = recorder.placed.iter().map(|placed| placed.0.clone()).collect();
            assert_eq!(placed, stream.records);
            assert_eq!(recorder.progress.tar_bytes, stream.bytes.len() as u64);
            assert_eq!(recorder.progress.stream_bytes, layout.stream_bytes);

            let all = tape.tar(layout.first_block, part_key(&plan, 1));
            assert!(all[layout.prelude_bytes as usize..] == stream.bytes, "{codec:?} {block_size}");

            let mut toc = Collected::default();
            let (head, toc_end) = read_toc(tape.drive.as_mut(), layout.toc_block, &plan.key, &mut toc).unwrap();
            assert_eq!(toc_end, layout.end_block);
            assert_eq!(toc.members, stream.records);
            assert_eq!(toc.deleted, plan.deleted);
            assert_eq!(head.totals.members, stream.records.len() as u64);
            assert_eq!(&PartLayout::from_toc(head, layout.toc_block, toc_end).unwrap(), layout);
        }
    }
}

#[test]
fn any_member_can_be_read_alone_from_where_it_was_placed() {
    let items = sample();
    let stream = stream(&items);
    for (codec, key) in variants() {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, key);
        let mut recorder = Recorder::default();
        let end = tape.end();
        let mut source = List::new(stream.frames(300_000, codec));
        let outcome = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut recorder).unwrap();
        let layout = outcome.layout;
        for (record, block) in recorder.placed.iter().rev() {
            assert!((layout.first_block..layout.first_block + layout.block_count).contains(block));
            let mut reader = PartReader::open(tape.drive.as_mut(), &layout, plan.key.as_ref()).unwrap();
            let range = (record.tar_offset, record.tar_offset + record.tar_length);
            let mut read = Vec::new();
            reader.range(range.0, range.1).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == stream.bytes[range.0 as usize..range.1 as usize], "{codec:?} {:?}", record.path);
            let mut again: Vec<u8> = Vec::new();
            reader
                .read_range(range.0, range.1, &mut |bytes| {
                    again.extend(bytes);
                    Ok(())
                })
                .unwrap();
            assert!(again == read);
            let mut tar = tar::Reader::new(read.as_slice());
            let item = items.iter().find(|item| item.member.path == record.path).unwrap();
            assert_eq!(tar.next_member().unwrap().unwrap(), item.member);
            let mut data = Vec::new();
            tar.read_to_end(&mut data).unwrap();
            assert!(data == item.data);
        }
        let mut reader = PartReader::open(tape.drive.as_mut(), &layout, plan.key.as_ref()).unwrap();
        assert!(reader.read_range(0, layout.tar_end + 1, &mut |_| Ok(())).is_err());
        assert!(reader.range(5, 4).is_err());
    }
}

#[test]
fn one_small_file_costs_little_reading() {
    let mut items: Vec<Item> = (0..10).map(|i| file(format!("large{i}"), &noise(9 << 20, i))).collect();
    items.insert(5, file("large4-small", b"here"));
    let stream = stream(&items);
    for (codec, key) in variants() {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, key);
        let end = tape.end();
        let mut source = List::new(stream.frames(8 << 20, codec));
        let layout =
            write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap().layout;
        let record = stream.records.iter().find(|record| record.path == b"large4-small").unwrap();
        let mut reader = PartReader::open(tape.drive.as_mut(), &layout, plan.key.as_ref()).unwrap();
        reader.read_range(record.tar_offset, record.tar_offset + record.tar_length, &mut |_| Ok(())).unwrap();
        let bytes = reader.blocks_read() * u64::from(plan.block_size);
        let most = match codec {
            Codec::None => 4 << 20,
            _ => 20 << 20,
        };
        assert!(bytes <= most, "{codec:?}: {bytes} bytes");
    }
}

#[test]
fn a_bare_tape_tells_what_is_on_it() {
    let stream = stream(&sample());
    let mut tape = Tape::new(ROOMY);
    let mut earlier: Vec<Summary> = Vec::new();
    let key = Key::new([9; 32]);
    let lock = Lock::new().unwrap();
    let closing = lock.derive("correct horse battery staple").unwrap();
    let locked = lock.close(&closing, &key).unwrap();
    for (i, codec) in CODECS.into_iter().enumerate() {
        let mut plan = Plan::new(&tape, codec, (i == 1).then(|| key.clone()));
        plan.locked_key = Some(locked.clone());
        plan.set.uuid = uuid::Uuid::from_u128(100 + i as u128);
        plan.earlier = earlier.clone();
        let end = tape.end();
        let mut source = List::new(stream.frames(1 << 20, codec));
        let outcome =
            write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap();
        earlier.push(outcome.summary);
    }
    assert_eq!(read_label(tape.drive.as_mut()).unwrap(), tape.label);
    let mut found = Vec::new();
    scan(tape.drive.as_mut(), &mut |file| {
        found.push(file);
        Ok(())
    })
    .unwrap();
    let kinds: Vec<&FileKind> = found.iter().map(|file| &file.kind).collect();
    assert!(
        matches!(
            kinds.as_slice(),
            [
                FileKind::Label(_),
                FileKind::Tar,
                FileKind::Toc(TocKind::Plain),
                FileKind::Sealed,
                FileKind::Toc(TocKind::Sealed(_)),
                FileKind::Gzip,
                FileKind::Toc(TocKind::Plain)
            ]
        ),
        "{kinds:?}"
    );
    let FileKind::Toc(TocKind::Sealed(head)) = kinds[4] else { panic!() };
    assert_eq!((head.set, head.part, head.tape_file), (earlier[1].set, 1, 3));
    assert_eq!(head.key_fingerprint, key.fingerprint());
    let found_key = head.locked_key().unwrap().unwrap();
    assert_eq!(found_key, locked);
    assert_eq!(found_key.open(&closing, &key.fingerprint()).unwrap().bytes(), key.bytes());

    let last = found.last().unwrap();
    let (head, _) = read_toc(tape.drive.as_mut(), last.first_block, &(), &mut Collected::default()).unwrap();
    assert_eq!(head.earlier.len(), 2);
    assert_eq!(head.earlier[0], earlier[0]);
    // A readable table does not tell the name of an encrypted set's job.
    assert_eq!(head.earlier[1], Summary { job: String::new(), ..earlier[1].clone() });

    let sealed = earlier[1].toc_block;
    let error = read_toc(tape.drive.as_mut(), sealed, &(), &mut Collected::default()).unwrap_err();
    assert!(matches!(error, FormatError::KeyNeeded { fingerprint } if fingerprint == key.fingerprint()));
    let (head, _) = read_toc(tape.drive.as_mut(), sealed, &key, &mut Collected::default()).unwrap();
    assert_eq!(head.set.kind, SetKind::Full);
    assert!(key.find("other").is_none());
}

#[test]
fn nothing_is_written_at_a_wrong_place() {
    let stream = stream(&sample());
    let mut tape = Tape::new(ROOMY);
    let plan = Plan::new(&tape, Codec::None, None);
    let end = tape.end();
    for wrong in [(end.0, end.1 + 1), (end.0 + 1, end.1)] {
        let mut source = List::new(stream.frames(1 << 20, Codec::None));
        let count = source.frames.len();
        let error =
            write_part(tape.drive.as_mut(), &plan.spec(1, wrong), &mut source, &mut Recorder::default()).unwrap_err();
        assert!(matches!(error.kind, PartErrorKind::WrongPosition { .. }), "{error}");
        assert_eq!(error.tape, TapeState::AsBefore);
        assert!(error.all_pending);
        assert_eq!(error.pending.len() + source.frames.len(), count);
        assert_eq!(tape.end(), end);
    }
}

#[test]
fn a_stop_ends_at_a_frame_and_the_next_part_goes_on() {
    let stream = stream(&sample());
    for (codec, key) in variants() {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, key);
        let mut source = List::new(stream.frames(200_000, codec));
        let mut all: Vec<u8> = Vec::new();
        let mut records = Vec::new();
        let mut before = Totals::default();
        for part in 1.. {
            let end = tape.end();
            let mut recorder = Recorder { stop_after: Some(1_500_000), ..Recorder::default() };
            let mut spec = plan.spec(part, end);
            spec.before = before;
            let outcome = write_part(tape.drive.as_mut(), &spec, &mut source, &mut recorder).unwrap();
            let tar = tape.tar(outcome.layout.first_block, part_key(&plan, part));
            assert_eq!(outcome.layout.tar_start, all.len() as u64);
            all.extend(&tar[outcome.layout.prelude_bytes as usize..]);
            records.extend(recorder.placed.into_iter().map(|placed| placed.0));
            assert!(outcome.pending.is_empty());
            let mut toc = Collected::default();
            let (head, _) = read_toc(tape.drive.as_mut(), outcome.layout.toc_block, &plan.key, &mut toc).unwrap();
            before = head.totals;
            assert_eq!(head.part.last, outcome.end == PartEnd::SetComplete);
            if outcome.end == PartEnd::SetComplete {
                assert!(part > 2);
                break;
            }
            assert_eq!(outcome.end, PartEnd::Stopped);
        }
        assert!(all == stream.bytes);
        assert_eq!(records, stream.records);
        assert_eq!(before.members, stream.records.len() as u64);
    }
}

#[test]
fn a_source_that_fails_leaves_a_valid_part() {
    let stream = stream(&sample());
    let mut tape = Tape::new(ROOMY);
    let plan = Plan::new(&tape, Codec::None, None);
    let end = tape.end();
    let mut frames = stream.frames(1 << 20, Codec::None);
    frames.truncate(3);
    let mut source = List { fail_at_end: Some("the disk is gone".into()), ..List::new(frames) };
    let error = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap_err();
    assert_eq!(error.to_string(), "the disk is gone");
    let TapeState::Closed(layout) = error.tape else { panic!("{:?}", error.tape) };
    assert_eq!(tape.end().1, layout.end_block);
    let (head, _) = read_toc(tape.drive.as_mut(), layout.toc_block, &(), &mut Collected::default()).unwrap();
    assert!(!head.part.last);
    let goes_on = error.goes_on.expect("the third frame ends inside a member");
    assert_eq!(head.part.cut.unwrap().data_offset, goes_on.continuation.data_offset);

    let end = tape.end();
    let mut source = List { fail_at_end: Some("nothing at all".into()), ..List::default() };
    let error = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap_err();
    assert_eq!(error.tape, TapeState::AsBefore);
    assert_eq!(tape.end(), end);
}

#[test]
fn an_unreadable_block_costs_only_what_is_in_it() {
    let items: Vec<Item> = (0..50).map(|i| file(format!("f{i:02}"), &noise(100_000, i))).collect();
    let stream = stream(&items);
    let mut tape = Tape::new(ROOMY);
    let plan = Plan::new(&tape, Codec::None, None);
    let end = tape.end();
    let mut source = List::new(stream.frames(1 << 20, Codec::None));
    let layout =
        write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default()).unwrap().layout;
    let bad = layout.first_block + 20;
    let control = tape_drive::virt::control(tape.dir.path(), 0).unwrap();
    control.set_faults(tape_drive::fault::FaultPlan::unreadable_block(bad));
    let mut reader = PartReader::open(tape.drive.as_mut(), &layout, None).unwrap();
    let mut lost = Vec::new();
    for record in &stream.records {
        let mut read: Vec<u8> = Vec::new();
        let range = record.tar_offset..record.tar_offset + record.tar_length;
        match reader.read_range(range.start, range.end, &mut |bytes| {
            read.extend(bytes);
            Ok(())
        }) {
            Ok(()) => assert!(read == stream.bytes[range.start as usize..range.end as usize]),
            Err(FormatError::Drive(error)) => {
                assert_eq!(error.position, Some(Position::block(bad)));
                lost.push(record.path.clone());
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!((1..=2).contains(&lost.len()), "{lost:?}");
}
