//! How runs end: complete, cancelled, given up; and what they say on the way.

use super::names::noise;
use crate::backup::engine::{EngineOptions, start};
use crate::backup::hooks::{Hooks, Moment};
use crate::backup::testing::{options, run, tree};
use crate::backup::warning::WarningKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tape_format::FrameSource;

fn large_source() -> tempfile::TempDir {
    let source = tree();
    for dir in 0..30 {
        let dir = source.path().join(format!("{dir:02}"));
        std::fs::create_dir(&dir).unwrap();
        for file in 0..20 {
            std::fs::write(dir.join(format!("{file:02}")), noise(100_000, file)).unwrap();
        }
    }
    std::fs::write(source.path().join("large"), noise(40 << 20, 1)).unwrap();
    source
}

#[test]
fn an_empty_source_is_a_sound_set() {
    let source = tree();
    let run = run(options(source.path()));
    assert_eq!(run.paths(), ["."]);
    assert_eq!(run.tar.len(), 512 + 1024);
}

#[test]
fn a_cancelled_run_ends_soon_and_says_so() {
    let source = large_source();
    let options = options(source.path());
    let cancel = options.cancel.clone();
    let engine = start(options).unwrap();
    let mut frames = engine.frames();
    let first = frames.next_frame().unwrap().unwrap();
    cancel.store(true, Ordering::Relaxed);
    frames.recycle(first);
    let begin = Instant::now();
    let error = loop {
        match frames.next_frame() {
            Ok(Some(frame)) => frames.recycle(frame),
            Ok(None) => panic!("a cancelled set must not look complete"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert!(!engine.finish().unwrap().complete);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

/// A thread that hangs in a file system that does not answer cannot be ended, so nobody waits for it for ever.
#[test]
fn a_run_that_hangs_is_cancelled_soon_and_names_the_file() {
    for (path, moment) in [("07/03", Moment::BeforeRead), ("large", Moment::BeforeRead), ("large", Moment::BeforeOpen)]
    {
        let source = large_source();
        let mut options = options(source.path());
        let (answer, no_answer) = crossbeam_channel::bounded::<()>(0);
        let (hangs, has_hung) = crossbeam_channel::bounded(1);
        let hook = move |now: Moment, of: &[u8]| {
            if now == moment && of == path.as_bytes() {
                let _ = hangs.send(());
                let _ = no_answer.recv();
            }
        };
        options.hooks = Hooks { hook: Some(Arc::new(hook)) };
        let named = Arc::new(Mutex::new(Vec::new()));
        let names = named.clone();
        options.warnings = Some(Arc::new(move |warning| names.lock().unwrap().push(warning.path.clone())));
        let cancel = options.cancel.clone();
        let engine = start(options).unwrap();
        // somebody writes, or it would not come as far as that
        let mut frames = engine.frames();
        let drawing = std::thread::spawn(move || {
            while let Ok(Some(frame)) = frames.next_frame() {
                frames.recycle(frame);
            }
        });
        has_hung.recv().unwrap();
        cancel.store(true, Ordering::Relaxed);
        let begin = Instant::now();
        let report = engine.finish().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
        assert!(!report.complete);
        assert!(report.warnings.first.iter().any(|it| it.kind == WarningKind::Silent && it.path == path.as_bytes()));
        assert!(named.lock().unwrap().iter().any(|it| it == path.as_bytes()), "{path}");
        drawing.join().unwrap();
        assert_eq!(Arc::strong_count(&named), 1, "whoever stores the warnings is not kept waiting for more");
        drop(answer);
    }
}

#[test]
fn a_run_that_nobody_reads_ends_when_it_is_dropped() {
    let source = large_source();
    for read in [0, 3] {
        let engine = start(options(source.path())).unwrap();
        let mut frames = engine.frames();
        for _ in 0..read {
            let frame = frames.next_frame().unwrap().unwrap();
            frames.recycle(frame);
        }
        // Long enough for the ring to be full and everybody to wait.
        std::thread::sleep(Duration::from_millis(200));
        drop(engine);
    }
}

#[test]
fn a_source_that_is_not_there_is_an_error_at_once() {
    let error = start(options("/nowhere/at/all")).err().unwrap();
    assert_eq!(error.code, "source_unreadable");
}

#[test]
fn progress_and_times_are_told() {
    let source = large_source();
    let heard = Arc::new(AtomicU64::new(0));
    let counter = heard.clone();
    std::fs::write(source.path().join("gone"), b"x").unwrap();
    let gone = source.path().join("gone");
    let removed = Mutex::new(false);
    let hook = move |_: crate::backup::hooks::Moment, name: &[u8]| {
        if name == b"gone" && !std::mem::replace(&mut *removed.lock().unwrap(), true) {
            std::fs::remove_file(&gone).unwrap();
        }
    };
    let engine = start(EngineOptions {
        warnings: Some(Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })),
        hooks: crate::backup::hooks::Hooks { hook: Some(Arc::new(hook)) },
        ..options(source.path())
    })
    .unwrap();
    let mut frames = engine.frames();
    let mut before = engine.progress();
    while let Some(frame) = frames.next_frame().unwrap() {
        frames.recycle(frame);
        let now = engine.progress();
        assert!(now.sent_files >= before.sent_files && now.scanned_files >= before.scanned_files);
        assert!(now.sent_bytes <= now.selected_bytes);
        before = now;
    }
    let end = engine.progress();
    let bytes = 30 * 20 * 100_000 + (40 << 20);
    assert!(end.walk_done);
    assert_eq!((end.scanned_files, end.selected_files, end.sent_files), (633, 633, 632));
    assert_eq!((end.scanned_bytes, end.sent_bytes), (bytes + 1, bytes));
    assert!(!end.current_path.is_empty());
    let report = engine.finish().unwrap();
    assert_eq!((report.members, report.bytes), (632, bytes));
    assert_eq!(heard.load(Ordering::Relaxed), 1);
    let stats = report.stats;
    assert!(stats.read_cpu_seconds > 0.0 && stats.hash_cpu_seconds > 0.0 && stats.tar_cpu_seconds > 0.0);
    assert!(stats.read_bytes >= bytes && stats.elapsed_seconds > 0.0, "{stats:?}");
    assert!(stats.scan_cpu_seconds > 0.0 && stats.most_workers >= 2);
}

#[test]
fn excluded_paths_stay_out() {
    let source = large_source();
    let exclude_paths = vec![source.path().join("03"), source.path().join("large"), "/elsewhere".into()];
    let run = run(EngineOptions { exclude_paths, ..options(source.path()) });
    assert_eq!(run.members.len(), 1 + 29 * 21);
    assert!(!run.paths().iter().any(|path| path.starts_with("03") || path == "large"));
}

#[test]
fn many_workers_share_one_large_file() {
    let source = tree();
    std::fs::write(source.path().join("f"), noise((90 << 20) + 3, 4)).unwrap();
    for workers in [1, 3, 8] {
        let run = run(EngineOptions { workers, buffer_bytes: 40 << 20, ..options(source.path()) });
        assert!(run.data("f") == noise((90 << 20) + 3, 4));
    }
}
