//! Chains of sets: what the catalog would hold after each is what a full backup would hold.

use super::names::noise;
use crate::backup::engine::{EngineOptions, start};
use crate::backup::testing::{Memory, Run, filter, options, run, text, tick, tree};
use crate::backup::{diff, warning};
use crate::{Error, Result};
use std::path::Path;
use tape_format::{FrameSource, MemberKind};

fn step(root: &Path, state: &mut Memory) -> Run {
    tick();
    let run = run(EngineOptions { baseline: Some(Box::new(state.clone())), ..options(root) });
    state.apply(&run.members, &run.deleted);
    run
}

#[test]
fn a_chain_ends_where_a_full_would() {
    let source = tree();
    let at = |name: &str| source.path().join(name);
    std::fs::create_dir_all(at("a/b")).unwrap();
    for (name, length) in [("a/1", 100), ("a/b/2", 200), ("c", 3 << 20), ("latin", 5)] {
        std::fs::write(at(name), noise(length, 7)).unwrap();
    }
    let mut state = Memory::default();
    step(source.path(), &mut state);
    assert_eq!(step(source.path(), &mut state).members.len(), 0);

    std::fs::write(at("a/1"), b"changed").unwrap();
    std::fs::hard_link(at("c"), at("a/c2")).unwrap();
    std::fs::remove_file(at("latin")).unwrap();
    let run = step(source.path(), &mut state);
    assert_eq!(run.paths(), [".", "a", "a/1", "a/c2", "c"]);
    assert_eq!(run.member("a/c2").kind, MemberKind::File);
    assert_eq!(run.member("c").link.as_deref(), Some(b"a/c2".as_slice()));
    assert_eq!(run.deleted, [b"latin".to_vec()]);

    std::fs::remove_dir_all(at("a")).unwrap();
    std::fs::write(at("a"), b"a file now").unwrap();
    let run = step(source.path(), &mut state);
    assert_eq!(run.paths(), [".", "a", "c"]);
    assert_eq!(run.member("c").kind, MemberKind::File, "its other name is gone");

    let mut full = Memory::default();
    step(source.path(), &mut full);
    assert_eq!(state.paths().iter().map(|path| text(path)).collect::<Vec<_>>(), [".", "a", "c"]);
    assert_eq!(state.paths(), full.paths());
    for (dir, entries) in &full.0 {
        for (name, entry) in entries {
            assert_eq!(&state.0[dir][name], entry);
        }
    }
}

#[test]
fn a_hard_link_whose_target_is_not_sent_is_a_file() {
    let source = tree();
    let at = |name: &str| source.path().join(name);
    std::fs::write(at("a"), noise(100, 1)).unwrap();
    std::fs::hard_link(at("a"), at("b")).unwrap();
    let run = run(EngineOptions { filter: filter(&[], &["/a"]), ..options(source.path()) });
    assert_eq!(run.member("b").kind, MemberKind::File);
    assert_eq!(run.data("b"), noise(100, 1));
}

struct Broken;

impl diff::Baseline for Broken {
    fn children(&mut self, _dir: &[u8]) -> Result<Vec<diff::BaselineEntry>> {
        Err(Error::internal("the catalog cannot be read"))
    }
}

#[test]
fn a_baseline_that_fails_fails_the_set() {
    let source = tree();
    let engine = start(EngineOptions { baseline: Some(Box::new(Broken)), ..options(source.path()) }).unwrap();
    let error = engine.frames().next_frame().unwrap_err();
    assert!(error.to_string().contains("the catalog cannot be read"), "{error}");
    let report = engine.finish().unwrap();
    assert!(!report.complete);
    assert_eq!(report.warnings, warning::WarningSummary::default());
}
