//! Parts without a table of contents, whole and damaged: what `salvage` finds in the data itself.

mod common;

use common::*;
use std::io::Read;
use tape_drive::fault::FaultPlan;
use tape_drive::{FilemarkSync, Position};
use tape_format::codec::Codec;
use tape_format::crypt::{Key, SealWriter, data_context};
use tape_format::part::{PartEnd, PartLayout, PartReader, write_part};
use tape_format::salvage::*;
use tape_format::tar::Reader;
use tape_format::toc::Totals;
use tape_format::{FormatError, Member, MemberKind, MemberRecord, Result};
use uuid::Uuid;

const CODECS: [Codec; 3] = [Codec::None, Codec::Zstd { level: 1 }, Codec::Gzip { level: 6 }];

#[derive(Default)]
struct Found {
    members: Vec<SalvagedMember>,
    damage: Vec<Damage>,
}

impl SalvageSink for Found {
    fn member(&mut self, member: SalvagedMember) -> Result<()> {
        self.members.push(member);
        Ok(())
    }
    fn damage(&mut self, damage: &Damage) -> Result<()> {
        self.damage.push(damage.clone());
        Ok(())
    }
}

fn sample() -> Vec<Item> {
    let long = "a-long-name/".repeat(30);
    let mut items = vec![dir("."), dir("a")];
    for i in 0..60 {
        items.push(file(format!("a/file{i:03}"), &noise(i * 900, i as u64)));
    }
    let mut with_attributes = file("a/z", b"attributes");
    with_attributes.member.xattrs = vec![(b"user.colour".to_vec(), b"blue".to_vec())];
    items.push(with_attributes);
    items.push(file(format!("a/{long}end"), &noise(5000, 7)));
    items.push(file("b-large", &noise(3_500_000, 99)));
    items.push(file("c-text", &b"the same again and again. ".repeat(100_000)));
    items.push(link("d", MemberKind::Symlink, "b-large"));
    items.push(link("d2", MemberKind::Hardlink, "b-large"));
    items.push(sparse("e-sparse", 3 << 20, &[(4096, 8192), (1 << 20, 700_000)], 5));
    for i in 0..30 {
        items.push(file(format!("f/file{i:03}"), &noise(40_000, i as u64)));
    }
    items
}

fn variants() -> Vec<(Codec, Option<Key>)> {
    let keys = [None, Some(Key::new([3; 32]))];
    CODECS.into_iter().flat_map(|codec| keys.clone().into_iter().map(move |key| (codec, key))).collect()
}

/// The content of a file with its holes.
fn content(item: &Item) -> Vec<u8> {
    let mut all = vec![0; item.member.size as usize];
    match &item.member.sparse {
        None => all.copy_from_slice(&item.data),
        Some(extents) => {
            let mut at = 0;
            for extent in extents {
                let (from, length) = (extent.offset as usize, extent.length as usize);
                all[from..from + length].copy_from_slice(&item.data[at..at + length]);
                at += length;
            }
        }
    }
    all
}

/// What the data alone tells of a member.
fn expected(item: &Item, record: &MemberRecord) -> MemberRecord {
    let hash = (record.kind == MemberKind::File).then(|| openssl::sha::sha256(&content(item)));
    MemberRecord { ctime_ns: 0, inode: 0, sha256: hash, ..record.clone() }
}

fn read_member(tape: &mut Tape, layout: &PartLayout, key: Option<&Key>, record: &MemberRecord) -> (Member, Vec<u8>) {
    let mut reader = PartReader::open(tape.drive.as_mut(), layout, key).unwrap();
    let range = reader.range(record.tar_offset, record.tar_offset + record.tar_length).unwrap();
    let mut tar = Reader::new(range);
    let member = tar.next_member().unwrap().unwrap();
    let mut data = vec![0; tar.remaining() as usize];
    tar.read_exact(&mut data).unwrap_or_else(|error| panic!("{record:?}: {error}"));
    (member, data)
}

#[test]
fn a_part_without_its_table_gives_the_same_members_and_places() {
    let items = sample();
    let stream = stream(&items);
    for (codec, key) in variants() {
        for block_size in [512, 100_000, 3 << 20] {
            let mut tape = Tape::new(ROOMY);
            let mut plan = Plan::new(&tape, codec, key.clone());
            plan.block_size = block_size;
            let end = tape.end();
            let mut source = List::new(stream.frames(1 << 20, codec));
            let layout = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default());
            let layout = layout.unwrap().layout;
            let survey = survey(tape.drive.as_mut()).unwrap();
            assert_eq!(survey.label.as_ref(), Some(&tape.label));
            let [part] = survey.parts.as_slice() else { panic!("{survey:?}") };
            assert_eq!((part.first_block, part.toc_block), (layout.first_block, Some(layout.toc_block)));
            let keys: Vec<Key> = [Key::new([9; 32])].into_iter().chain(key.clone()).collect();
            let place = Place { may_be: Vec::new(), ..Place::of(part) };
            let mut found = Found::default();
            let salvaged = read_part(tape.drive.as_mut(), &place, &keys, &mut found).unwrap();
            let context = format!("{codec:?} {} {block_size}", key.is_some());
            assert_eq!(found.damage, [], "{context}");
            assert!(salvaged.undamaged && salvaged.complete, "{context}");
            assert_eq!(salvaged.identity, Some(Identity { set: plan.set.uuid, part: 1 }), "{context}");
            assert_eq!(salvaged.key_fingerprint, key.as_ref().map(Key::fingerprint).unwrap_or_default());
            let records: Vec<MemberRecord> = found.members.iter().map(|member| member.record.clone()).collect();
            let wanted: Vec<_> = items.iter().zip(&stream.records).map(|(item, r)| expected(item, r)).collect();
            assert!(records == wanted, "{context}");
            assert!(found.members.iter().all(SalvagedMember::is_whole), "{context}");
            let mut compared = salvaged.layout.clone();
            compared.end_block = layout.end_block;
            compared.codec = layout.codec;
            if codec == Codec::None {
                compared.frames.frames.clone_from(&layout.frames.frames);
            }
            assert_eq!(compared, layout, "{context}");
            for (item, record) in items.iter().zip(&wanted).step_by(7) {
                let (member, data) = read_member(&mut tape, &salvaged.layout, key.as_ref(), record);
                assert!(member.path == item.member.path && data == item.data, "{context}");
            }
        }
    }
}

#[test]
fn an_unreadable_block_costs_only_what_is_in_it() {
    let items = sample();
    let stream = stream(&items);
    for (codec, key) in variants() {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, key.clone());
        let end = tape.end();
        let mut source = List::new(stream.frames(300_000, codec));
        let layout = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default());
        let layout = layout.unwrap().layout;
        let control = tape_drive::virt::control(tape.dir.path(), 0).unwrap();
        let keys: Vec<Key> = key.iter().cloned().collect();
        // The first block of an encrypted stream holds its header, which a table of contents repeats.
        let header = layout.frames.stream_header;
        for bad in (0..layout.block_count).step_by(if layout.block_count > 60 { 11 } else { 3 }) {
            control.set_faults(FaultPlan::unreadable_block(layout.first_block + bad));
            let place = Place { first_block: layout.first_block, stream_header: header, ..Place::default() };
            let mut found = Found::default();
            let salvaged = read_part(tape.drive.as_mut(), &place, &keys, &mut found).unwrap();
            let context = format!("{codec:?} {} block {bad}", key.is_some());
            assert!(!salvaged.undamaged, "{context}");
            // What the damage touches: the block, and what can only be read as a whole with it.
            let lost = touched(&layout, bad);
            for (item, record) in items.iter().zip(&stream.records) {
                let place = record.tar_offset..record.tar_offset + record.tar_length;
                let safe = place.end <= lost.start || place.start >= lost.end;
                let found = found.members.iter().find(|found| found.record.path == record.path && found.is_whole());
                match found {
                    Some(found) => {
                        assert_eq!(found.record.sha256, expected(item, record).sha256, "{context}");
                        let (member, data) = read_member(&mut tape, &salvaged.layout, key.as_ref(), &found.record);
                        assert!(member.path == item.member.path && data == item.data, "{context}");
                    }
                    None => assert!(!safe, "{context}: {:?} is lost", String::from_utf8_lossy(&record.path)),
                }
            }
        }
        control.set_faults(FaultPlan::default());
    }
}

/// The run of the set's tar stream that needs a block.
fn touched(layout: &PartLayout, block: u64) -> std::ops::Range<u64> {
    use tape_format::crypt::{SEGMENT_SIZE, segment_of};
    let size = u64::from(layout.block_size);
    let (mut from, mut to) = (block * size, (block + 1) * size);
    let segments = layout.encrypted.then(|| (from / SEGMENT_SIZE as u64, (to - 1) / SEGMENT_SIZE as u64));
    let tar = |stream_start: u64, stream_end: u64| {
        let frames = &layout.frames.frames;
        let first = frames.partition_point(|frame| frame.1 <= stream_start).saturating_sub(1);
        let last = frames.partition_point(|frame| frame.1 < stream_end);
        if layout.codec == Codec::None {
            let prelude = layout.prelude_bytes;
            return stream_start.saturating_sub(prelude)..stream_end.saturating_sub(prelude);
        }
        frames[first].0..frames.get(last).map_or(layout.tar_end, |frame| frame.0)
    };
    if let Some((first, last)) = segments {
        // Plain offsets of the first and the last byte of those segments.
        let plain = |segment: u64| (0..).step_by(1000).find(|&at| segment_of(at).0 == segment).unwrap_or(u64::MAX);
        (from, to) = (plain(first).saturating_sub(1000), plain(last + 1).min(layout.plain_bytes().unwrap()));
    }
    tar(from, to)
}

#[test]
fn parts_of_a_spanned_set_say_what_they_begin_and_end_with() {
    let stream = stream(&sample());
    for (codec, key) in variants() {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, key.clone());
        let keys: Vec<Key> = key.iter().cloned().collect();
        let mut source = List::new(stream.frames(200_000, codec));
        let mut before = Totals::default();
        let mut layouts: Vec<PartLayout> = Vec::new();
        loop {
            let end = tape.end();
            let mut recorder = Recorder { stop_after: Some(1_200_000), ..Recorder::default() };
            let number = layouts.len() as u32 + 1;
            let mut spec = plan.spec(number, end);
            spec.before = before;
            let outcome = write_part(tape.drive.as_mut(), &spec, &mut source, &mut recorder).unwrap();
            before = before + outcome.summary.totals;
            layouts.push(outcome.layout);
            if outcome.end == PartEnd::SetComplete {
                break;
            }
        }
        assert!(layouts.len() > 3);
        let mut open: Option<SalvagedMember> = None;
        let mut whole = 0;
        for (number, layout) in (1u32..).zip(&layouts) {
            let place = Place { first_block: layout.first_block, ..Place::default() };
            let mut found = Found::default();
            let mut salvaged = read_part(tape.drive.as_mut(), &place, &keys, &mut found).unwrap();
            assert_eq!(found.damage, []);
            assert_eq!(salvaged.complete, number as usize == layouts.len());
            salvaged.rebase(layout.tar_start);
            assert_eq!((salvaged.layout.tar_start, salvaged.layout.tar_end), (layout.tar_start, layout.tar_end));
            assert_eq!(salvaged.layout.prelude_bytes, layout.prelude_bytes);
            let known = salvaged.identity;
            let named = number == 1 || layout.prelude_bytes > 0 || key.is_some();
            assert_eq!(known, named.then_some(Identity { set: plan.set.uuid, part: number }));
            for member in found.members {
                match (open.take(), &member.continues) {
                    (Some(before), Some(start)) => {
                        assert_eq!(before.record.path, start.path);
                        assert_eq!(before.record.path, member.record.path);
                        assert_eq!(member.record.tar_offset, 0);
                        let (here, all) = before.cut.unwrap();
                        if before.record.path != b"e-sparse" {
                            let earlier = before.continues.map_or(0, |start| start.offset);
                            assert_eq!((start.offset, start.size), (earlier + here, all - here));
                        }
                    }
                    (None, None) => {}
                    (before, now) => panic!("{before:?} is followed by {now:?}"),
                }
                whole += usize::from(member.is_whole());
                open = member.cut.is_some().then_some(member);
            }
        }
        assert!(open.is_none());
        assert!(whole > stream.records.len() - layouts.len());
    }
}

/// Tapes written before encrypted data files named their part: the key and the place must be found by trying.
#[test]
fn an_encrypted_part_that_does_not_name_itself_is_opened_if_somebody_does() {
    use std::io::Write;
    let stream = stream(&sample());
    let key = Key::new([5; 32]);
    let set = Uuid::from_u128(77);
    let mut tape = Tape::new(ROOMY);
    let mut writer = SealWriter::new(&key, &data_context(&set, 2), Vec::new()).unwrap();
    writer.write_all(&stream.bytes).unwrap();
    let first_block = tape.end().1;
    for block in writer.finish().unwrap().chunks(65536) {
        tape.drive.write_block(block).unwrap();
    }
    tape.drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    let identity = Identity { set, part: 2 };
    let unnamed = Place { first_block, ..Place::default() };
    let keys = [Key::new([1; 32]), key.clone()];
    let error = read_part(tape.drive.as_mut(), &unnamed, &keys, &mut Found::default()).unwrap_err();
    assert!(matches!(&error, FormatError::Unexpected { reason, .. } if reason.contains("name them")), "{error}");
    let other = Identity { set: Uuid::from_u128(1), part: 1 };
    let named = Place { may_be: vec![other, identity], ..unnamed };
    let mut found = Found::default();
    let salvaged = read_part(tape.drive.as_mut(), &named, &keys, &mut found).unwrap();
    assert_eq!((salvaged.identity, salvaged.key_fingerprint), (Some(identity), key.fingerprint()));
    assert_eq!(found.members.len(), stream.records.len());
    for keys in [&[][..], &keys[..1]] {
        let error = read_part(tape.drive.as_mut(), &named, keys, &mut Found::default()).unwrap_err();
        assert!(matches!(error, FormatError::KeyNeeded { .. }), "{error}");
    }
}

/// A crash before the table: data without a filemark at the end of the tape.
#[test]
fn a_data_file_that_was_never_ended_is_read_as_far_as_it_goes() {
    let stream = stream(&sample());
    for (codec, key) in variants() {
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, key.clone());
        let end = tape.end();
        let mut source = List::new(stream.frames(300_000, codec));
        let layout = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default());
        let layout = layout.unwrap().layout;
        tape.drive.locate(Position::block(layout.first_block + layout.block_count * 2 / 3)).unwrap();
        tape.drive.erase().unwrap();
        let survey = survey(tape.drive.as_mut()).unwrap();
        let [part] = survey.parts.as_slice() else { panic!("{survey:?}") };
        assert_eq!(part.toc_block, None);
        let keys: Vec<Key> = key.iter().cloned().collect();
        let mut found = Found::default();
        let salvaged = read_part(tape.drive.as_mut(), &Place::of(part), &keys, &mut found).unwrap();
        assert!(!salvaged.complete);
        let whole: Vec<_> = found.members.iter().filter(|member| member.is_whole()).collect();
        assert!(whole.len() > 50, "{codec:?} {}: {}", key.is_some(), whole.len());
        for (member, record) in whole.iter().zip(&stream.records) {
            assert_eq!(member.record.path, record.path);
            read_member(&mut tape, &salvaged.layout, key.as_ref(), &member.record);
        }
    }
}

/// Writes tape files made of blocks, and reads whatever that is.
fn survive(files: &[Vec<Vec<u8>>], key: &Key) {
    let mut tape = Tape::new(ROOMY);
    tape.end();
    for blocks in files {
        for block in blocks.iter().filter(|block| !block.is_empty()) {
            tape.drive.write_block(block).unwrap();
        }
        tape.drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    }
    let keys = vec![key.clone()];
    for part in survey(tape.drive.as_mut()).unwrap().parts {
        let mut place = Place::of(&part);
        place.may_be.push(Identity { set: Uuid::from_u128(0x5e7), part: 1 });
        let mut found = Found::default();
        match read_part(tape.drive.as_mut(), &place, &keys, &mut found) {
            // What it says can be read is described so that it can be tried.
            Ok(salvaged) => salvaged.layout.check().unwrap(),
            Err(FormatError::Drive(error)) => panic!("{error}"),
            Err(_) => {}
        }
        if let Some(toc) = part.toc_block {
            struct Ignore;
            impl tape_format::toc::TocSink for Ignore {
                fn head(&mut self, _: &tape_format::toc::TocHead) -> Result<()> {
                    Ok(())
                }
                fn member(&mut self, _: MemberRecord) -> Result<()> {
                    Ok(())
                }
                fn deleted(&mut self, _: Vec<u8>) -> Result<()> {
                    Ok(())
                }
            }
            let _ = read_table(tape.drive.as_mut(), toc, &keys, &mut Ignore);
        }
    }
}

/// Beginnings that make a reader go on.
fn beginnings() -> Vec<Vec<u8>> {
    let mut tar = Vec::new();
    tape_format::tar::write_header(&file("f", &[0; 300]).member, &mut tar).unwrap();
    vec![
        Vec::new(),
        tar,
        vec![0x28, 0xb5, 0x2f, 0xfd],
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
        [&[40][..], b"TBK2"].concat(),
        b"{\"magic\":\"TAPEBACKARR_TOC\",\"version\":2,".to_vec(),
        b"TAPEBACKARR|A".to_vec(),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_are_survived(
        files in proptest::collection::vec(
            (0usize..7, proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..1500), 0..4)),
            0..5,
        ),
    ) {
        let beginnings = beginnings();
        let files: Vec<Vec<Vec<u8>>> = files
            .into_iter()
            .map(|(which, mut blocks)| {
                if let Some(first) = blocks.first_mut() {
                    first.splice(..0, beginnings[which].iter().copied());
                }
                blocks
            })
            .collect();
        survive(&files, &Key::new([3; 32]));
    }

    #[test]
    fn a_real_part_that_was_changed_anywhere_is_survived(
        which in 0usize..6,
        changes in proptest::collection::vec((proptest::prelude::any::<u32>(), proptest::prelude::any::<u8>()), 0..6),
        cut in proptest::option::of(proptest::prelude::any::<u32>()),
        block in 600usize..70_000,
    ) {
        let (codec, key) = variants().swap_remove(which);
        let stream = stream(&[dir("."), file("a", &noise(9000, 1)), file("b", &[7; 40_000]), file("c", b"end")]);
        let mut tape = Tape::new(ROOMY);
        let plan = Plan::new(&tape, codec, key);
        let end = tape.end();
        let mut source = List::new(stream.frames(20_000, codec));
        let outcome = write_part(tape.drive.as_mut(), &plan.spec(1, end), &mut source, &mut Recorder::default());
        let layout = outcome.unwrap().layout;
        let mut files = Vec::new();
        for mut bytes in [tape.dump(layout.first_block), tape.dump(layout.toc_block)] {
            for (at, value) in &changes {
                let at = *at as usize % bytes.len();
                bytes[at] = *value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut as usize % bytes.len());
            }
            files.push(bytes.chunks(block).map(<[u8]>::to_vec).collect());
        }
        survive(&files, &Key::new([3; 32]));
    }
}
