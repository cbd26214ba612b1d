//! What a source's patterns select, without reading any file.

use super::filter::Filter;
use super::scan::MemberKindCode;
use super::stats::{Clocks, Counters};
use super::stop::Stop;
use super::walk::{Mounts, Step, Walk, WalkOptions};
use super::warning::{Reporter, WarningSummary};
use crate::Result;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Most paths that a preview lists.
pub const MAX_LISTED: usize = 1000;

/// One selected entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewEntry {
    /// Path in the source, as text.
    pub path: String,
    /// Word of its kind.
    pub kind: &'static str,
    /// Apparent size in bytes.
    pub size: u64,
}

/// What would be sent.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// Selected regular files.
    pub files: u64,
    /// Selected directories; those that are only needed above something selected are not counted.
    pub directories: u64,
    /// Links, FIFOs and devices.
    pub others: u64,
    /// Apparent bytes of the files.
    pub bytes: u64,
    /// The first of them.
    pub first: Vec<PreviewEntry>,
    /// What could not be read.
    pub warnings: WarningSummary,
    /// The walk came to its end; otherwise it was cancelled, or ended after `most` entries.
    pub complete: bool,
}

/// Walks `root` as a backup would and counts what `filter` selects, up to `most` entries.
pub fn preview(root: &Path, filter: Filter, mounts: Mounts, most: u64, cancel: Arc<AtomicBool>) -> Result<Preview> {
    let reporter = Arc::new(Reporter::new(None));
    let stop = Stop::new(cancel);
    let mut walk = Walk::new(
        root,
        WalkOptions {
            filter: Arc::new(filter),
            mounts,
            scan_threads: 2,
            reporter: reporter.clone(),
            clocks: Arc::new(Clocks::default()),
            counters: Arc::new(Counters::default()),
            stop: stop.clone(),
        },
    )?;
    let mut preview = Preview::default();
    let mut seen = 0;
    while seen < most {
        let Some(step) = walk.step()? else {
            preview.complete = !stop.is_set();
            break;
        };
        let entry = match step {
            Step::Leaf(entry) | Step::Enter { entry, selected: true, .. } => entry,
            Step::Enter { .. } | Step::Leave | Step::Unknown { .. } => continue,
        };
        seen += 1;
        let Some(kind) = entry.stat.kind else { continue };
        match kind {
            MemberKindCode::File => preview.files += 1,
            MemberKindCode::Directory => preview.directories += 1,
            _ => preview.others += 1,
        }
        preview.bytes += entry.stat.size;
        if preview.first.len() < MAX_LISTED {
            let path = tape_format::path_text::to_text(&entry.path()).into_owned();
            preview.first.push(PreviewEntry { path, kind: kind.member_kind().as_str(), size: entry.stat.size });
        }
    }
    walk.finish();
    preview.warnings = reporter.summary();
    Ok(preview)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::filter::FilterSpec;

    #[test]
    fn counts_what_is_selected() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("a/cache")).unwrap();
        std::fs::write(at("a/x.txt"), b"12345").unwrap();
        std::fs::write(at("a/cache/y.txt"), b"1").unwrap();
        std::fs::write(at("a/z.bin"), b"1").unwrap();
        std::os::unix::fs::symlink("x.txt", at("a/link.txt")).unwrap();
        let run = |include: &[&str], most| {
            let include = include.iter().map(|s| s.to_string()).collect();
            let spec = FilterSpec { include, exclude: vec!["cache/".into()], ..FilterSpec::default() };
            preview(dir.path(), Filter::new(&spec).unwrap(), Mounts::Stay, most, Arc::default()).unwrap()
        };
        let all = run(&["*.txt"], 100);
        assert_eq!((all.files, all.directories, all.others, all.bytes), (1, 0, 1, 5));
        let paths: Vec<_> = all.first.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a/link.txt", "a/x.txt"]);
        assert!(all.complete);
        let all = run(&[], 100);
        assert_eq!((all.files, all.directories, all.bytes), (2, 2, 6));
        assert!(!run(&[], 2).complete);
    }
}
