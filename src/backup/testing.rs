//! What the tests of this room share: trees on disk, baselines in memory, runs that collect everything.

use super::diff::{Baseline, BaselineEntry, Change, Diff, Inodes};
use super::engine::{EngineOptions, EngineReport, start};
use super::filter::{Case, Filter, FilterSpec};
use super::stats::{Clocks, Counters};
use super::stop::Stop;
use super::walk::{Mounts, Walk, WalkOptions};
use super::warning::{Reporter, WarningKind, WarningSummary};
use crate::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tape_format::codec::Decoder;
use tape_format::frame::MAX_FRAME;
use tape_format::{Continuation, FrameSource, MemberKind, MemberRecord};

/// A directory on the file system of the source tree, which unlike some temporary ones keeps holes and attributes.
pub fn tree() -> tempfile::TempDir {
    tempfile::Builder::new().prefix(".test-").tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap()
}

/// A filter with these patterns.
pub fn filter(include: &[&str], exclude: &[&str]) -> Filter {
    let strings = |list: &[&str]| list.iter().map(|pattern| pattern.to_string()).collect();
    Filter::new(&FilterSpec { include: strings(include), exclude: strings(exclude), case: Case::Sensitive }).unwrap()
}

/// A walk, and where its warnings go.
pub fn walk(root: &Path, filter: Filter, mounts: Mounts, scan_threads: usize) -> (Walk, Arc<Reporter>) {
    let reporter = Arc::new(Reporter::new(None));
    let options = WalkOptions {
        filter: Arc::new(filter),
        mounts,
        scan_threads,
        reporter: reporter.clone(),
        clocks: Arc::new(Clocks::default()),
        counters: Arc::new(Counters::default()),
        stop: Stop::new(Arc::default()),
    };
    (Walk::new(root, options).unwrap(), reporter)
}

/// Waits until a change made now has another time than the ones made so far.
pub fn tick() {
    std::thread::sleep(Duration::from_millis(30));
}

/// A path as text, for comparing.
pub fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// A baseline in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory(pub BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, BaselineEntry>>);

impl Memory {
    /// The state after a set with these members and deleted paths.
    pub fn apply(&mut self, members: &[MemberRecord], deleted: &[Vec<u8>]) {
        for path in deleted {
            let (dir, name) = split(path);
            self.0.get_mut(dir).and_then(|entries| entries.remove(name)).expect("deleted paths were known");
        }
        for member in members {
            let (dir, name) = split(&member.path);
            let entry = BaselineEntry {
                name: name.to_vec(),
                kind: member.kind.clone(),
                size: member.size,
                mtime_ns: member.mtime_ns,
                ctime_ns: member.ctime_ns,
                inode: member.inode,
                mode: member.mode,
                uid: member.uid,
                gid: member.gid,
            };
            self.0.entry(dir.to_vec()).or_default().insert(name.to_vec(), entry);
        }
    }

    /// Every path in it.
    pub fn paths(&self) -> Vec<Vec<u8>> {
        let join = |dir: &Vec<u8>, name: &Vec<u8>| {
            if dir.is_empty() { name.clone() } else { [dir.as_slice(), b"/", name].concat() }
        };
        let mut all: Vec<_> =
            self.0.iter().flat_map(|(dir, entries)| entries.keys().map(move |name| join(dir, name))).collect();
        all.sort();
        all
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

impl Baseline for Memory {
    fn children(&mut self, dir: &[u8]) -> Result<Vec<BaselineEntry>> {
        Ok(self.0.get(dir).map(|entries| entries.values().cloned().collect()).unwrap_or_default())
    }
}

/// What a diff finds: paths to send, and deleted ones.
pub fn changes(root: &Path, filter: Filter, baseline: Option<Memory>) -> (Vec<String>, Vec<String>) {
    let (walk, _) = walk(root, filter, Mounts::Cross, 2);
    let baseline = baseline.map(|memory| Box::new(memory) as Box<dyn Baseline>);
    let mut diff = Diff::new(walk, baseline, Inodes::Compare);
    let (mut sent, mut deleted) = (Vec::new(), Vec::new());
    while let Some(change) = diff.next_change().unwrap() {
        match change {
            Change::Send { entry, .. } => sent.push(text(&entry.path())),
            Change::Deleted(path) => deleted.push(text(&path)),
        }
    }
    diff.finish();
    (sent, deleted)
}

/// Everything that came out of a run.
pub struct Run {
    /// The whole tar stream, decompressed.
    pub tar: Vec<u8>,
    /// All records, in order.
    pub members: Vec<MemberRecord>,
    /// Paths recorded as deleted.
    pub deleted: Vec<Vec<u8>>,
    /// What the engine says.
    pub report: EngineReport,
    /// Tar offsets at which frames begin.
    pub frames: Vec<u64>,
}

impl Run {
    /// The record of a path.
    pub fn member(&self, path: &str) -> &MemberRecord {
        let found = self.members.iter().find(|member| member.path == path.as_bytes());
        found.unwrap_or_else(|| panic!("{path} is not in the set: {:?}", self.paths()))
    }

    /// All paths, as text.
    pub fn paths(&self) -> Vec<String> {
        self.members.iter().map(|member| text(&member.path)).collect()
    }

    /// Kinds and paths of the warnings.
    pub fn warnings(&self) -> Vec<(WarningKind, String)> {
        warned(&self.report.warnings)
    }

    /// The tar data of a member that is an ordinary file.
    pub fn data(&self, path: &str) -> &[u8] {
        let member = self.member(path);
        let end = (member.tar_offset + member.tar_length) as usize;
        let padded = member.size.next_multiple_of(512) as usize;
        &self.tar[end - padded..end - padded + member.size as usize]
    }
}

/// Kinds and paths of warnings.
pub fn warned(summary: &WarningSummary) -> Vec<(WarningKind, String)> {
    summary.first.iter().map(|warning| (warning.kind, text(&warning.path))).collect()
}

/// Small rings and few threads by default, so that everything has to wait for everything.
pub fn options(root: impl Into<PathBuf>) -> EngineOptions {
    EngineOptions { buffer_bytes: 32 << 20, workers: 2, scan_threads: 2, ..EngineOptions::new(root) }
}

/// Runs to the end and checks what holds for every run.
pub fn run(options: EngineOptions) -> Run {
    let codec = options.codec;
    let engine = start(options).unwrap();
    let mut frames = engine.frames();
    let mut decoder = Decoder::new(codec).unwrap();
    let mut run_tar = Vec::new();
    let (mut members, mut starts): (Vec<MemberRecord>, _) = (Vec::new(), Vec::new());
    while let Some(mut frame) = frames.next_frame().unwrap() {
        assert_eq!(frame.tar_offset, run_tar.len() as u64);
        assert!(frame.tar_length > 0 && frame.tar_length % 512 == 0 && frame.tar_length <= MAX_FRAME as u64);
        starts.push((frame.tar_offset, frame.continues.take()));
        let mut raw = Vec::new();
        decoder.decode(&frame.data, frame.tar_length as usize, &mut raw).unwrap();
        run_tar.append(&mut raw);
        assert_eq!(run_tar.len() as u64, frame.tar_offset + frame.tar_length);
        members.append(&mut frame.members);
        frames.recycle(frame);
    }
    let report = engine.finish().unwrap();
    assert!(report.complete);
    assert_eq!((report.members, report.tar_bytes), (members.len() as u64, run_tar.len() as u64));
    assert_eq!(report.bytes, members.iter().map(|member| member.size).sum::<u64>());
    check_stream(&run_tar, &members);
    starts.iter().for_each(|(start, continues)| check_start(*start, continues.as_ref(), &members));
    let mut report = report;
    let deleted = report.deleted.by_ref().map(|path| path.unwrap()).collect();
    Run { tar: run_tar, members, deleted, report, frames: starts.into_iter().map(|(start, _)| start).collect() }
}

/// A frame begins at a member, or says which member's data it goes on with.
fn check_start(start: u64, continues: Option<&Continuation>, members: &[MemberRecord]) {
    let inside =
        members.iter().find(|member| member.tar_offset < start && start < member.tar_offset + member.tar_length);
    match (inside, continues) {
        (None, None) => {}
        (Some(record), Some(continues)) => {
            assert_eq!(record.path, continues.member.path);
            let data_size = tape_format::tar::data_size(&continues.member);
            assert_eq!(continues.data_size, data_size);
            let data_begin = record.tar_offset + record.tar_length - data_size.next_multiple_of(512);
            assert_eq!(start, data_begin + continues.data_offset, "never inside header records");
        }
        _ => panic!("the frame at {start} is inside {inside:?} and says {continues:?}"),
    }
}

/// The records say where everything is, and the hashes are those of the contents, read back by our own reader.
fn check_stream(tar: &[u8], members: &[MemberRecord]) {
    assert!(tar.ends_with(&tape_format::tar::EOF));
    let mut next = 0;
    for record in members {
        assert_eq!(record.tar_offset, next, "{}", text(&record.path));
        next += record.tar_length;
        let mut reader = tape_format::tar::Reader::new(&tar[record.tar_offset as usize..]);
        let member = reader.next_member().unwrap().unwrap();
        assert_eq!((&member.path, &member.kind, member.size), (&record.path, &record.kind, record.size));
        assert_eq!(member.link, record.link);
        assert_eq!((member.mode, member.uid, member.gid), (record.mode, record.uid, record.gid));
        assert_eq!(member.mtime_ns / 1_000_000_000, record.mtime_ns / 1_000_000_000);
        assert_eq!(record.sha256.is_some(), record.kind == MemberKind::File);
        if let Some(sha256) = record.sha256 {
            let mut content = vec![0; member.size as usize];
            reader
                .read_extents(&member, &mut |offset, bytes| {
                    content[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
            assert_eq!(openssl::sha::sha256(&content), sha256, "{}", text(&record.path));
        }
    }
    assert_eq!(next + 1024, tar.len() as u64);
}
