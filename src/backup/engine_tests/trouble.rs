//! Files that change, grow, shrink, vanish or deny access while they are read: warnings by name, and a sound set.

use super::names::noise;
use crate::backup::engine::EngineOptions;
use crate::backup::hooks::{Hooks, Moment};
use crate::backup::testing::{Run, filter, options, run, tick, tree};
use crate::backup::warning::WarningKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tape_format::MemberKind;
use tape_format::codec::Codec;

const SMALL: usize = 5000;
const BIG: usize = (17 << 20) + 77;

/// A tree with a small and a large file between others; `interfere` is called with the file at `moment`, at most
/// `times` times, for `victim`.
fn run_with(
    victim: &'static str,
    moment: Moment,
    times: usize,
    codec: Codec,
    interfere: impl Fn(&Path) + Send + Sync + 'static,
) -> (Run, tempfile::TempDir) {
    let source = tree();
    for (name, length) in [("a", 10), ("big", BIG), ("m", 10), ("small", SMALL), ("z", 10)] {
        std::fs::write(source.path().join(name), noise(length, length as u64)).unwrap();
    }
    tick();
    let path: PathBuf = source.path().join(victim);
    let count = AtomicUsize::new(0);
    let hook = move |now: Moment, name: &[u8]| {
        if now == moment && name == victim.as_bytes() && count.fetch_add(1, Ordering::Relaxed) < times {
            interfere(&path);
        }
    };
    let hooks = Hooks { hook: Some(Arc::new(hook)) };
    (run(EngineOptions { hooks, codec, ..options(source.path()) }), source)
}

fn both(check: impl Fn(&'static str, usize, Codec)) {
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        check("small", SMALL, codec);
        check("big", BIG, codec);
    }
}

fn truncate(path: &Path, length: u64) {
    std::fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

fn append(path: &Path) {
    use std::io::Write;
    std::fs::File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
}

#[test]
fn a_file_that_shrinks_is_filled_up() {
    both(|name, length, codec| {
        // A small one is read a second time when it changed, so it must shrink twice.
        let left = std::sync::atomic::AtomicU64::new(length as u64);
        let (run, _source) = run_with(name, Moment::AfterRead, 2, codec, move |path| {
            truncate(path, left.fetch_sub(1000, Ordering::Relaxed) - 1000);
        });
        assert_eq!(run.warnings(), [(WarningKind::Shrunk, name.to_string())]);
    });
    for codec in [Codec::None, Codec::Zstd { level: 1 }] {
        let (run, _source) = run_with("big", Moment::BeforeRead, 1, codec, |path| truncate(path, 9_000_000));
        assert_eq!(run.warnings(), [(WarningKind::Shrunk, "big".to_string())]);
        let data = run.data("big");
        assert_eq!(data.len(), BIG, "as its header says");
        assert!(data[..9_000_000] == noise(BIG, BIG as u64)[..9_000_000]);
        assert!(data[9_000_000..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_file_that_grows_is_cut() {
    both(|name, length, codec| {
        let (run, _source) = run_with(name, Moment::AfterRead, 2, codec, append);
        assert_eq!(run.warnings(), [(WarningKind::Grew, name.to_string())]);
        let cut = if name == "small" { length + 4 } else { length };
        assert_eq!(run.data(name).len(), cut);
        assert!(run.data(name)[..length] == noise(length, length as u64)[..]);
    });
}

#[test]
fn a_file_that_changes_is_told_and_sent_again_next_time() {
    both(|name, length, codec| {
        let (run, source) = run_with(name, Moment::AfterRead, 2, codec, |path| {
            use std::os::unix::fs::FileExt;
            tick();
            std::fs::File::options().write(true).open(path).unwrap().write_all_at(b"XX", 100).unwrap();
        });
        assert_eq!(run.warnings(), [(WarningKind::Changed, name.to_string())]);
        use std::os::unix::fs::MetadataExt;
        let meta = source.path().join(name).metadata().unwrap();
        let now = meta.ctime() * 1_000_000_000 + meta.ctime_nsec();
        assert!(run.member(name).ctime_ns < now, "the time before it was read");
        assert_eq!(run.data(name).len(), length);
    });
}

#[test]
fn a_change_before_the_reading_is_no_trouble() {
    both(|name, length, codec| {
        let (run, source) = run_with(name, Moment::BeforeOpen, 1, codec, append);
        assert_eq!(run.warnings(), []);
        assert_eq!(run.data(name).len(), length + 4);
        assert!(run.data(name) == std::fs::read(source.path().join(name)).unwrap());
    });
    let (run, _source) = run_with("small", Moment::AfterRead, 1, Codec::None, append);
    assert_eq!(run.warnings(), [], "read a second time");
    assert_eq!(run.data("small").len(), SMALL + 4);
}

#[test]
fn a_small_file_that_becomes_huge_is_cut() {
    let (run, _source) = run_with("small", Moment::BeforeOpen, 1, Codec::None, |path| truncate(path, 50 << 20));
    assert_eq!(run.warnings(), [(WarningKind::Grew, "small".to_string())]);
    assert_eq!(run.member("small").size, SMALL as u64);
}

#[test]
fn a_file_that_vanishes_is_no_member() {
    both(|name, _, codec| {
        let (run, _source) = run_with(name, Moment::BeforeOpen, 1, codec, |path| std::fs::remove_file(path).unwrap());
        assert_eq!(run.warnings(), [(WarningKind::Vanished, name.to_string())]);
        assert_eq!(run.members.len(), 5);
        assert!(!run.paths().contains(&name.to_string()));
    });
}

#[test]
fn a_file_that_is_replaced_by_a_link_is_not_followed() {
    both(|name, _, codec| {
        let (run, _source) = run_with(name, Moment::BeforeOpen, 1, codec, |path| {
            std::fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        });
        assert_eq!(run.warnings(), [(WarningKind::Vanished, name.to_string())]);
    });
}

#[test]
fn a_file_that_is_replaced_by_a_fifo_does_not_hang() {
    both(|name, _, codec| {
        let (run, _source) = run_with(name, Moment::BeforeOpen, 1, codec, |path| {
            std::fs::remove_file(path).unwrap();
            let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from(0o600));
            rustix::fs::mknodat(rustix::fs::CWD, path, fifo, mode, 0).unwrap();
        });
        assert_eq!(run.members.len(), 5);
        assert_eq!(run.warnings().len(), 1);
    });
}

#[test]
fn a_file_that_vanishes_after_it_was_opened_is_complete() {
    both(|name, length, codec| {
        let (run, _source) = run_with(name, Moment::BeforeRead, 1, codec, |path| std::fs::remove_file(path).unwrap());
        assert!(run.data(name) == noise(length, length as u64), "it was open");
    });
}

#[test]
fn access_denied_is_a_warning() {
    // A file of the kernel that can only be written: opening it for reading is refused even to root.
    let run = run(EngineOptions { filter: filter(&["/drivers_probe"], &[]), ..options("/sys/bus/cpu") });
    assert_eq!(run.warnings(), [(WarningKind::Denied, "drivers_probe".to_string())]);
    assert!(!run.paths().contains(&"drivers_probe".to_string()));
}

#[test]
fn a_batch_of_which_nothing_is_left_makes_no_frame() {
    let source = tree();
    for name in ["a", "b"] {
        std::fs::write(source.path().join(name), noise(10, 1)).unwrap();
    }
    // Larger than a batch, so that a and b are in one without the end of the set.
    std::fs::write(source.path().join("c"), noise(2 << 20, 2)).unwrap();
    let root = source.path().to_path_buf();
    let hook = move |moment: Moment, name: &[u8]| {
        if moment == Moment::BeforeOpen && (name == b"a" || name == b"b") {
            std::fs::remove_file(root.join(String::from_utf8_lossy(name).as_ref())).unwrap();
        }
    };
    let only = filter(&["/a", "/b", "/c"], &[]);
    let hooks = Hooks { hook: Some(Arc::new(hook)) };
    let run = run(EngineOptions { hooks, filter: only, ..options(source.path()) });
    assert_eq!(run.paths(), [".", "c"]);
    assert_eq!(run.warnings().len(), 2);
}

#[test]
fn when_the_first_name_of_a_file_fails_the_next_is_stored_as_a_file() {
    for length in [SMALL, 3 << 20] {
        let source = tree();
        let path = |name: &str| source.path().join(name);
        std::fs::write(path("1"), noise(length, 5)).unwrap();
        for name in ["2", "3"] {
            std::fs::hard_link(path("1"), path(name)).unwrap();
        }
        let victim = path("1");
        let hook = move |moment: Moment, name: &[u8]| {
            if moment == Moment::BeforeOpen && name == b"1" {
                std::fs::remove_file(&victim).unwrap();
            }
        };
        let hooks = Hooks { hook: Some(Arc::new(hook)) };
        let run = run(EngineOptions { hooks, ..options(source.path()) });
        assert_eq!(run.paths(), [".", "2", "3"]);
        assert_eq!(run.member("2").kind, MemberKind::File);
        assert!(run.data("2") == noise(length, 5));
        assert!(run.member("3").kind == MemberKind::File || run.member("3").link.as_deref() == Some(b"2"));
    }
}
