//! The whole way on virtual tapes: sets written in parts, cataloged, planned, read, extracted and compared.

mod bench;

use super::*;
use crate::db::whereabouts::PlaceKind;
use crate::restore::plan::Plan;
use bench::*;
use std::os::unix::fs::MetadataExt;
use tape_drive::fault::FaultPlan;
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::{DataExtent, Member, MemberKind};

const CODECS: [Codec; 3] = [Codec::None, Codec::Zstd { level: 1 }, Codec::Gzip { level: 1 }];

fn small_files(count: usize) -> Vec<(Member, Vec<u8>)> {
    let mut members = vec![directory("."), directory("d")];
    members.extend((0..count).map(|number| file(&format!("d/f{number:03}"), &noise(300 + number * 37, number as u64))));
    members
}

#[test]
fn a_state_of_full_and_increments_comes_back() {
    for (codec, key) in CODECS.into_iter().zip([None, Some(Key::new([9; 32])), Some(Key::new([8; 32]))]) {
        let mut bench = Bench::new(&[1, 2]);
        let spec = |tape, parent| SetSpec { codec, key: key.clone(), parent, ..SetSpec::on(tape) };
        let sparse = vec![DataExtent { offset: 1 << 20, length: 5000 }];
        let holey = Member { size: 4 << 20, sparse: Some(sparse), ..member("d/holey", MemberKind::File) };
        let mut first = small_files(20);
        first.push((holey, noise(5000, 7)));
        first.push(link("d/symlink", MemberKind::Symlink, "f001"));
        first.push(link("d/z-other-name", MemberKind::Hardlink, "d/f002"));
        let full = bench.write(&spec(1, None), &first, &[]);
        let changed = [file("d/f003", b"changed"), file("d/new", b"new"), directory("e")];
        let second = bench.write(&spec(2, Some(full)), &changed, &["d/f004"]);
        let last = bench.write(&spec(1, Some(second)), &[file("e/late", b"late")], &["d/new"]);

        let done = bench.restore(last, &[]);
        assert_eq!(done.failed, Vec::<String>::new(), "{codec:?}");
        let content = |name: &str| std::fs::read(done.at(name)).unwrap();
        assert_eq!(content("d/f003"), b"changed");
        assert_eq!(content("e/late"), b"late");
        assert!(!done.at("d/f004").exists() && !done.at("d/new").exists());
        for number in (0..20).filter(|number| ![3, 4].contains(number)) {
            assert_eq!(content(&format!("d/f{number:03}")), noise(300 + number * 37, number as u64));
        }
        let holey = std::fs::metadata(done.at("d/holey")).unwrap();
        assert_eq!(holey.len(), 4 << 20);
        assert!(holey.blocks() * 512 < 1 << 20);
        assert_eq!(content("d/holey")[1 << 20..][..5000], noise(5000, 7));
        let inode = |name: &str| std::fs::metadata(done.at(name)).unwrap().ino();
        assert_eq!(inode("d/z-other-name"), inode("d/f002"));
        assert_eq!(std::fs::metadata(done.at("")).unwrap().mtime(), TIME / 1_000_000_000);

        let before = bench.restore(full, &["d/f003", "/d/f004/"]);
        assert_eq!(before.failed, Vec::<String>::new());
        assert_eq!(std::fs::read(before.at("d/f003")).unwrap(), noise(300 + 3 * 37, 3));
        assert!(before.at("d/f004").exists() && !before.at("d/f005").exists());
        assert_eq!(std::fs::metadata(before.at("d")).unwrap().mtime(), TIME / 1_000_000_000, "as the catalog knows it");
    }
}

#[test]
fn one_file_costs_one_locate_and_little_reading() {
    for (codec, key) in CODECS.into_iter().zip([None, Some(Key::new([9; 32])), None]) {
        let mut bench = Bench::new(&[1]);
        let mut members = small_files(10);
        members.extend((0..24).map(|number| file(&format!("large{number:02}"), &noise(4 << 20, number))));
        members.push(file("wanted", b"this one"));
        members.extend((0..4).map(|number| file(&format!("z{number}"), &noise(4 << 20, number))));
        let set = bench.write(&SetSpec { codec, key, frame: 8 << 20, ..SetSpec::on(1) }, &members, &[]);
        let done = bench.restore(set, &["wanted"]);
        assert_eq!(std::fs::read(done.at("wanted")).unwrap(), b"this one");
        assert!(done.blocks * u64::from(BLOCK_SIZE) <= 20 << 20, "{codec:?}: {} blocks were read", done.blocks);
        // preventing and allowing removal, and one locate
        assert_eq!(done.commands, done.blocks + 3, "{codec:?}");
    }
}

#[test]
fn a_set_over_three_tapes_comes_back_with_the_files_that_are_split() {
    for (codec, key) in [(Codec::None, None), (Codec::Zstd { level: 1 }, Some(Key::new([9; 32])))] {
        let mut bench = Bench::new(&[1, 2, 3]);
        let mut members = small_files(20);
        members.push(file("e-huge", &noise(3 << 20, 5)));
        members.push(file("f-last", b"last"));
        let parts = vec![(1, Some(700_000)), (2, Some(900_000)), (3, None)];
        let set = bench.write(&SetSpec { codec, key, parts, ..SetSpec::on(1) }, &members, &[]);
        let done = bench.restore(set, &[]);
        assert_eq!(done.failed, Vec::<String>::new(), "{codec:?}");
        assert!(std::fs::read(done.at("e-huge")).unwrap() == noise(3 << 20, 5));
        assert_eq!(std::fs::read(done.at("f-last")).unwrap(), b"last");
        assert_eq!(done.plan.visits.iter().map(|visit| visit.tape_id).collect::<Vec<_>>(), bench.tape_ids(&[1, 2, 3]));
        let only = bench.restore(set, &["f-last"]);
        assert_eq!(only.plan.visits.len(), 1);
        let shares = done.plan.tapes().unwrap();
        assert_eq!(shares.iter().map(|share| share.files).sum::<u64>(), done.plan.file_count());
    }
}

/// A file over three tapes of which the middle one has another set, and files around it.
fn shared_tapes() -> (Bench, i32, Vec<u8>) {
    let mut bench = Bench::new(&[1, 2, 3]);
    let full = bench.write(&SetSpec::on(2), &small_files(20), &[]);
    let huge = noise(3 << 20, 5);
    let members = [file("d/f001", b"changed"), file("e-huge", &huge), file("f-last", b"last")];
    let parts = vec![(1, Some(700_000)), (2, Some(900_000)), (3, None)];
    let last = bench.write(&SetSpec { parent: Some(full), parts, ..SetSpec::on(1) }, &members, &[]);
    (bench, last, huge)
}

fn unfinished(done: &Done) -> usize {
    let names = std::fs::read_dir(done.at("")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".tapebackarr-")).count()
}

#[test]
fn each_tape_is_loaded_once_and_pieces_come_in_any_order() {
    let (mut bench, last, huge) = shared_tapes();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let done = bench.restore_in(last, &[], |plan| {
            assert_eq!(plan.visits.len(), 3, "{:?}", plan.visits);
            plan.visits = order.iter().map(|at| plan.visits[*at].clone()).collect();
        });
        assert_eq!(done.failed, Vec::<String>::new(), "{order:?}");
        assert!(std::fs::read(done.at("e-huge")).unwrap() == huge, "{order:?}");
        let metadata = std::fs::metadata(done.at("e-huge")).unwrap();
        assert_eq!((metadata.mtime(), metadata.mode() & 0o777), (TIME / 1_000_000_000, 0o640));
        assert_eq!(std::fs::read(done.at("d/f001")).unwrap(), b"changed");
        assert_eq!(std::fs::read(done.at("d/f002")).unwrap(), noise(300 + 2 * 37, 2));
        assert_eq!(std::fs::read(done.at("f-last")).unwrap(), b"last");
        assert_eq!(unfinished(&done), 0);
        let shares = done.plan.tapes().unwrap();
        assert_eq!(shares.iter().map(|share| share.files).sum::<u64>(), done.plan.file_count());
    }
    let only = bench.restore(last, &["e-huge"]);
    assert_eq!((only.plan.visits.len(), only.failed.len()), (3, 0));
    assert_eq!(bench.verify(last), Vec::<String>::new());
}

#[test]
fn a_file_that_lacks_a_piece_is_named_once_and_leaves_nothing() {
    let (mut bench, last, _) = shared_tapes();
    let part = bench.select(last, &["e-huge"]).unwrap().plan.sets[0].parts[1].layout.clone();
    bench.fault(2, FaultPlan::unreadable_block(part.first_block + 3));
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let turned = |plan: &mut Plan| plan.visits = order.iter().map(|at| plan.visits[*at].clone()).collect();
        let done = bench.restore_in(last, &[], turned);
        let [failed] = done.failed.as_slice() else { panic!("{:?}", done.failed) };
        assert!(failed.starts_with("e-huge: ") && failed.to_lowercase().contains("medium"), "{failed}");
        assert!(!done.at("e-huge").exists());
        assert_eq!(unfinished(&done), 0, "{order:?}");
        assert_eq!(std::fs::read(done.at("f-last")).unwrap(), b"last");
    }
    // a tape that is not there at all
    let done = bench.restore_in(last, &[], |plan| drop(plan.visits.pop()));
    assert!(done.failed.iter().any(|failed| failed.starts_with("e-huge: ")), "{:?}", done.failed);
    assert_eq!(unfinished(&done), 0);
}

#[test]
fn the_hash_of_the_file_decides_where_an_intermediate_one_is_wrong() {
    let (mut bench, last, huge) = shared_tapes();
    bench.spoil_cuts();
    let done = bench.restore(last, &[]);
    assert_eq!(done.failed, Vec::<String>::new());
    assert!(std::fs::read(done.at("e-huge")).unwrap() == huge);
    bench.corrupt_catalog(last, "e-huge");
    let done = bench.restore(last, &[]);
    assert!(done.failed.len() == 1 && done.failed[0].contains("damaged"), "{:?}", done.failed);
    assert!(!done.at("e-huge").exists() && unfinished(&done) == 0);
}

#[test]
fn what_cannot_be_read_is_named_and_everything_else_is_restored() {
    for (codec, key) in CODECS.into_iter().zip([None, Some(Key::new([9; 32])), None]) {
        let mut bench = Bench::new(&[1]);
        let members = small_files(600);
        let set = bench.write(&SetSpec { codec, key, ..SetSpec::on(1) }, &members, &[]);
        bench.fault(1, FaultPlan::unreadable_block(2 + 20));
        let done = bench.restore(set, &[]);
        // a block, a segment and two frames, or a frame
        let most = [12, 250, 50][usize::from(codec != Codec::None) + usize::from(matches!(codec, Codec::Gzip { .. }))];
        assert!(
            !done.failed.is_empty() && done.failed.len() < most,
            "{codec:?}: {} {:#?}",
            done.failed.len(),
            done.failed.iter().step_by(20).collect::<Vec<_>>()
        );
        for (member, data) in members.iter().filter(|(member, _)| member.kind == MemberKind::File) {
            let path = String::from_utf8(member.path.clone()).unwrap();
            match done.failed.iter().any(|failed| failed.starts_with(&format!("{path}:"))) {
                true => assert!(!done.at(&path).exists(), "{path}"),
                false => assert_eq!(&std::fs::read(done.at(&path)).unwrap(), data, "{path}"),
            }
        }
        assert!(
            done.failed.iter().any(|failed| failed.contains("MEDIUM ERROR") || failed.contains("medium")),
            "{:?}",
            done.failed
        );
    }
}

#[test]
fn a_read_error_that_goes_away_costs_nothing() {
    let mut bench = Bench::new(&[1]);
    let set = bench.write(&SetSpec::on(1), &small_files(50), &[]);
    bench.fault(1, FaultPlan::nth_of(2, tape_drive::Operation::Read, tape_drive::fault::Condition::MediumError));
    let done = bench.restore(set, &[]);
    assert_eq!(done.failed, Vec::<String>::new());
}

#[test]
fn a_tape_that_lies_about_the_end_of_its_data_loses_only_what_is_behind() {
    let mut bench = Bench::new(&[1]);
    let set = bench.write(&SetSpec::on(1), &small_files(100), &[]);
    bench.cut(1, 2 + 2);
    let done = bench.restore(set, &[]);
    assert!(!done.failed.is_empty());
    assert!(done.at("d/f000").exists(), "{:?}", done.failed.first());
}

#[test]
fn a_hard_link_brings_the_content_that_its_other_name_has() {
    let mut bench = Bench::new(&[1]);
    let mut members = small_files(3);
    members.extend([
        link("e1", MemberKind::Hardlink, "d/f001"),
        link("e2", MemberKind::Hardlink, "d/f001"),
        link("e3", MemberKind::Hardlink, "d/f002"),
    ]);
    let full = bench.write(&SetSpec::on(1), &members, &[]);
    let done = bench.restore(full, &["e1", "e2"]);
    assert_eq!(done.failed, Vec::<String>::new());
    assert_eq!(std::fs::read(done.at("e1")).unwrap(), noise(337, 1));
    assert!(!done.at("d").exists());
    let inode = |name: &str| std::fs::metadata(done.at(name)).unwrap().ino();
    assert_eq!(inode("e1"), inode("e2"));
    assert_eq!(done.plan.file_count(), 2);
    // the name that has the content changes: the links keep what they had
    let next = bench.write(&SetSpec { parent: Some(full), ..SetSpec::on(1) }, &[file("d/f001", b"other")], &[]);
    let done = bench.restore(next, &[]);
    assert_eq!(done.failed, Vec::<String>::new());
    assert_eq!(std::fs::read(done.at("d/f001")).unwrap(), b"other");
    assert_eq!(std::fs::read(done.at("e2")).unwrap(), noise(337, 1));
    assert_eq!(std::fs::read(done.at("e3")).unwrap(), noise(374, 2));
}

#[test]
fn what_is_left_out_stays_on_tape_but_not_the_content_of_other_names() {
    let mut bench = Bench::new(&[1]);
    let mut members = small_files(3);
    members.push(link("e1", MemberKind::Hardlink, "d/f001"));
    let set = bench.write(&SetSpec::on(1), &members, &[]);
    let names = |selected: select::Selected| {
        let items = selected.plan.items.iter().map(|item| item.unwrap()).filter(|item| item.kind == MemberKind::File);
        let mut names: Vec<_> = items.map(|item| String::from_utf8_lossy(&item.path).into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(bench.select_but(set, &["d"], &["d/f001"]).unwrap()), ["d/f000", "d/f002"]);
    let all_but_the_folder = bench.select_but(set, &[], &["d"]).unwrap();
    assert!(all_but_the_folder.broken.is_empty());
    assert_eq!(names(all_but_the_folder), ["e1"], "read under its other name");
    assert_eq!(names(bench.select_but(set, &["/", "d/f002"], &["d", "e1"]).unwrap()), ["d/f002"]);
}

#[test]
fn missing_paths_and_wrong_states_are_named() {
    let mut bench = Bench::new(&[1]);
    let set = bench.write(&SetSpec::on(1), &small_files(3), &[]);
    let selected = bench.select(set, &["d/f001", "d/nothing", "nowhere"]).unwrap();
    assert_eq!(selected.missing, ["d/nothing", "nowhere"]);
    assert_eq!(selected.plan.file_count(), 1);
    let running = bench.unfinished_set(1);
    assert_eq!(bench.select(running, &[]).unwrap_err().code, "set_state");
    assert_eq!(bench.select(4711, &[]).unwrap_err().code, "not_found");
}

#[test]
fn a_moment_means_the_newest_set_completed_by_then() {
    let mut bench = Bench::new(&[1]);
    let first = bench.write(&SetSpec::on(1), &small_files(1), &[]);
    let between = bench.end_of(first) + chrono::Duration::milliseconds(1);
    std::thread::sleep(std::time::Duration::from_millis(5));
    let second = bench.write(&SetSpec::on(1), &small_files(2), &[]);
    let job = bench.job_id();
    let conn = &mut *bench.db.conn();
    assert_eq!(select::set_as_of(conn, job, None).unwrap(), second);
    assert_eq!(select::set_as_of(conn, job, Some(between)).unwrap(), first);
    let before = between - chrono::Duration::days(1);
    assert!(select::set_as_of(conn, job, Some(before)).unwrap_err().message.contains("was completed by"));
}

#[test]
fn the_wrong_key_opens_nothing() {
    let mut bench = Bench::new(&[1]);
    let set = bench.write(&SetSpec { key: Some(Key::new([9; 32])), ..SetSpec::on(1) }, &small_files(5), &[]);
    bench.use_key(set, Key::new([1; 32]));
    let done = bench.restore(set, &[]);
    assert!(done.failed.iter().filter(|failed| failed.contains("not authentic")).count() > 5, "{:?}", done.failed);
    assert!(!done.at("d").exists());
}

#[test]
fn members_are_verified_without_being_written() {
    let mut bench = Bench::new(&[1]);
    let set = bench.write(&SetSpec::on(1), &small_files(30), &[]);
    assert_eq!(bench.verify(set), Vec::<String>::new());
    bench.corrupt_catalog(set, "f007");
    let wrong = bench.verify(set);
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].starts_with("d/f007: its SHA-256"), "{wrong:?}");
}

#[test]
fn required_tapes_say_where_they_are() {
    let mut bench = Bench::new(&[1, 2]);
    let full = bench.write(&SetSpec::on(1), &small_files(3), &[]);
    let next = bench.write(&SetSpec { parent: Some(full), ..SetSpec::on(2) }, &[file("d/f001", b"12345")], &[]);
    let plan: Plan = bench.select(next, &[]).unwrap().plan;
    let tapes = required::tapes(&mut bench.db.conn(), &plan).unwrap();
    assert_eq!(tapes.len(), 2);
    assert_eq!((tapes[0].order, tapes[0].file_count), (1, 2));
    assert_eq!((tapes[1].total_bytes, tapes[1].place.kind), (5, PlaceKind::Shelf));
    assert!(tapes[0].place.text.contains("shelf"));
    assert_eq!(tapes[0].estimated_seconds, None, "its generation is not known");
    let conn = &mut *bench.db.conn();
    let known = crate::db::tapes::TapeChanges { lto_type: Some("LTO-6".into()), ..Default::default() };
    crate::db::tapes::update(conn, tapes[0].tape.id, &known).unwrap();
    let seconds = required::tapes(conn, &plan).unwrap()[0].estimated_seconds;
    assert!(seconds.is_some_and(|seconds| (20..200).contains(&seconds)), "threading and a little winding: {seconds:?}");
}
