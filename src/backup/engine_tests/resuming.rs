//! A set that was interrupted goes on at any frame, and is the same set in the end.

use super::names::noise;
use crate::Result;
use crate::backup::engine::{EngineOptions, start};
use crate::backup::resume::{Resume, Sent};
use crate::backup::testing::{Memory, options, tree};
use crate::backup::warning::{WarningKind, WarningSummary};
use std::collections::HashSet;
use std::path::Path;
use tape_format::codec::{Codec, Decoder};
use tape_format::{FrameSource, MemberRecord, Unfinished};

/// What was sent, by path.
struct Paths(HashSet<Vec<u8>>);

impl Sent for Paths {
    fn has(&mut self, path: &[u8]) -> Result<bool> {
        Ok(self.0.contains(path))
    }
}

/// One frame, decompressed.
struct Drawn {
    tar: Vec<u8>,
    members: Vec<MemberRecord>,
    goes_on: Option<Unfinished>,
}

fn draw(options: EngineOptions) -> (Vec<Drawn>, Vec<Vec<u8>>, WarningSummary) {
    let engine_codec = options.codec;
    let engine = start(options).unwrap();
    let mut frames = engine.frames();
    let mut decoder = Decoder::new(engine_codec).unwrap();
    let mut drawn = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        let mut tar = Vec::new();
        decoder.decode(&frame.data, frame.tar_length as usize, &mut tar).unwrap();
        drawn.push(Drawn { tar, members: frame.members.clone(), goes_on: frame.goes_on.clone() });
        frames.recycle(frame);
    }
    let mut report = engine.finish().unwrap();
    let deleted = report.deleted.by_ref().map(|path| path.unwrap()).collect();
    (drawn, deleted, report.warnings)
}

/// Where a set goes on of which these frames are on tape.
fn after(frames: &[Drawn]) -> Resume {
    let members: Vec<_> = frames.iter().flat_map(|frame| &frame.members).collect();
    let goes_on = frames.last().and_then(|frame| frame.goes_on.clone());
    let open = goes_on.as_ref().map(|goes_on| goes_on.continuation.member.path.clone());
    Resume {
        tar_start: frames.iter().map(|frame| frame.tar.len() as u64).sum(),
        after: open.or(members.last().map(|member| member.path.clone())),
        goes_on,
        sent: Box::new(Paths(members.iter().map(|member| member.path.clone()).collect())),
    }
}

fn fill(root: &Path) {
    for dir in ["a", "a/b", "c", "a.d", "z"] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
        for number in 0..6 {
            std::fs::write(root.join(dir).join(format!("{number}")), noise(300_000, number)).unwrap();
        }
    }
    std::fs::write(root.join("a/b/large"), noise(21 << 20, 7)).unwrap();
    let sparse = std::fs::File::create(root.join("c/sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &noise(9 << 20, 3), 12_345_678).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::fs::hard_link(root.join("a/1"), root.join("z/other name of a small file")).unwrap();
    std::fs::hard_link(root.join("a/b/large"), root.join("z/other name of a large file")).unwrap();
}

#[test]
fn going_on_at_any_frame_gives_the_same_stream() {
    let source = tree();
    fill(source.path());
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let whole = draw(EngineOptions { codec, ..options(source.path()) }).0;
        let expected: Vec<u8> = whole.iter().flat_map(|frame| frame.tar.clone()).collect();
        let records: Vec<_> = whole.iter().flat_map(|frame| frame.members.clone()).collect();
        assert!(whole.len() > 5 && whole.iter().filter(|frame| frame.goes_on.is_some()).count() >= 2);
        for cut in 0..=whole.len() - 1 {
            let (first, _) = whole.split_at(cut);
            let resume = Some(after(first));
            let (rest, _, warnings) = draw(EngineOptions { codec, resume, ..options(source.path()) });
            let all = || first.iter().chain(&rest);
            assert!(all().flat_map(|frame| frame.tar.clone()).eq(expected.iter().copied()), "{codec:?} at frame {cut}");
            assert!(all().flat_map(|frame| frame.members.clone()).eq(records.iter().cloned()), "{codec:?} at {cut}");
            assert_eq!(warnings.warnings(), 0);
        }
    }
}

/// The frames up to the first that ends inside the large file.
fn until_large(source: &Path) -> Vec<Drawn> {
    let mut frames = draw(options(source)).0;
    let cut = frames.iter().position(|frame| frame.goes_on.is_some()).unwrap();
    frames.truncate(cut + 1);
    frames
}

#[test]
fn a_half_sent_file_that_changes_or_goes_is_ended_and_reported() {
    let source = tree();
    fill(source.path());
    let first = until_large(source.path());
    let path = source.path().join("a/b/large");
    for change in ["rewritten", "shorter", "gone"] {
        match change {
            "rewritten" => std::fs::write(&path, noise(21 << 20, 8)).unwrap(),
            "shorter" => std::fs::write(&path, noise(10 << 20, 8)).unwrap(),
            _ => std::fs::remove_file(&path).unwrap(),
        }
        let (rest, _, warnings) = draw(EngineOptions { resume: Some(after(&first)), ..options(source.path()) });
        let tar: Vec<u8> = first.iter().chain(&rest).flat_map(|frame| frame.tar.clone()).collect();
        let record = rest.iter().flat_map(|frame| &frame.members).find(|member| member.path == b"a/b/large").unwrap();
        assert_eq!(record.size, 21 << 20);
        let end = (record.tar_offset + record.tar_length) as usize;
        let content = &tar[end - (21 << 20)..end];
        assert_eq!(record.sha256, Some(openssl::sha::sha256(content)), "{change}: the hash is of what is on tape");
        let kinds: Vec<_> = warnings.first.iter().map(|warning| warning.kind).collect();
        let expected = if change == "gone" { WarningKind::ReadError } else { WarningKind::Changed };
        assert!(kinds.contains(&expected), "{change}: {kinds:?}");
    }
}

#[test]
fn what_went_before_the_place_since_is_not_recorded_as_gone() {
    let source = tree();
    fill(source.path());
    let mut parent = Memory::default();
    let whole = draw(options(source.path())).0;
    for frame in &whole {
        parent.apply(&frame.members, &[]);
    }
    // an incremental that sends a/0 and z/0; interrupted behind a/0; then a/0 and z/1 go
    for name in ["a/0", "z/0"] {
        std::fs::write(source.path().join(name), b"new").unwrap();
    }
    let sent: HashSet<Vec<u8>> = [b"a".to_vec(), b"a/0".to_vec()].into();
    for name in ["a/0", "a/2", "z/1"] {
        std::fs::remove_file(source.path().join(name)).unwrap();
    }
    let resume = Resume { tar_start: 2048, after: Some(b"a/0".to_vec()), goes_on: None, sent: Box::new(Paths(sent)) };
    let baseline = Some(Box::new(parent) as Box<dyn crate::backup::diff::Baseline>);
    let (frames, deleted, _) = draw(EngineOptions { resume: Some(resume), baseline, ..options(source.path()) });
    let paths: Vec<_> = frames.iter().flat_map(|frame| &frame.members).map(|member| member.path.clone()).collect();
    assert_eq!(deleted, [b"a/2".to_vec(), b"z/1".to_vec()], "a/0 is in the set");
    assert!(!paths.contains(&b"a/0".to_vec()) && paths.contains(&b"z/0".to_vec()), "{paths:?}");
}
