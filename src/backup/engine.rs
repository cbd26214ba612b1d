//! The threads of a run, put together: a planner, workers, and the ring that the tape side draws from.
//!
//! Threads: the caller's; `plan` (walk, diff, cutting), `scan-N` (listing ahead), `work-N` (reading, hashing,
//! compressing). A worker takes a unit, its number and its buffer at once, so the oldest units always have buffers and
//! the ring cannot lock up. No single file ever fails the set.

use super::diff::{Baseline, Diff, Inodes};
use super::directory::ROOT_NAME;
use super::filter::Filter;
use super::hooks::Hooks;
use super::place::unless_stopped;
use super::planner::{Planned, Planner};
use super::resume::Resume;
use super::spool::{PathSpool, Paths};
use super::stats::{Clocks, Counters, Progress, StageStats, lock};
use super::stop::Stop;
use super::walk::{Mounts, Walk, WalkOptions};
use super::warning::{Reporter, WarningKind, WarningSink, WarningSummary};
use super::worker::{Gate, Shared, Worker};
use crate::{Error, Result};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tape_format::codec::Codec;
use tape_format::part::DeletedPaths;
use tape_format::ring::{Ring, RingOptions, RingReader};
use tape_format::{FormatError, Frame, FrameSource};

/// Units between planner and workers: enough to never wait, few enough to hold little memory.
const UNITS_AHEAD: usize = 24;

/// How long a run that has to end waits for threads that read. One that hangs in a file system that does not answer is left
/// behind then: it cannot be ended, holds nothing but its own memory, and ends by itself when it gets its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked whether they have ended.
const LOOK: Duration = Duration::from_millis(5);

/// How a source is sent.
pub struct EngineOptions {
    /// The source's root.
    pub root: PathBuf,
    /// What of it is sent.
    pub filter: Filter,
    /// Whether mounted file systems below belong to it.
    pub mounts: Mounts,
    /// Whether inode numbers tell files apart there.
    pub inodes: Inodes,
    /// The state as of the parent set, for an incremental; `None`: everything is sent.
    pub baseline: Option<Box<dyn Baseline>>,
    /// How frames are compressed.
    pub codec: Codec,
    /// Memory for frames in bytes.
    pub buffer_bytes: usize,
    /// The tape side starts when the buffer is filled to this share, in percent.
    pub start_percent: u8,
    /// It pauses when less than this share is filled, in percent.
    pub pause_percent: u8,
    /// Workers; 0: one per core.
    pub workers: usize,
    /// Workers while they wait for disks or servers; 0: chosen.
    pub most_workers: usize,
    /// Threads that list directories ahead of the walk.
    pub scan_threads: usize,
    /// Absolute paths that are left out whatever the filter says (the server's own data).
    pub exclude_paths: Vec<PathBuf>,
    /// Ends the run when set.
    pub cancel: Arc<AtomicBool>,
    /// Hears of every warning at once.
    pub warnings: Option<WarningSink>,
    /// What tests do to files.
    pub hooks: Hooks,
    /// Where a set goes on that was interrupted.
    pub resume: Option<Resume>,
}

impl EngineOptions {
    /// Everything below `root`, uncompressed, through a buffer of 256 MiB.
    pub fn new(root: impl Into<PathBuf>) -> EngineOptions {
        EngineOptions {
            root: root.into(),
            filter: Filter::everything(),
            mounts: Mounts::Cross,
            inodes: Inodes::Compare,
            baseline: None,
            codec: Codec::None,
            buffer_bytes: 256 << 20,
            start_percent: 90,
            pause_percent: 10,
            workers: 0,
            most_workers: 0,
            scan_threads: 4,
            exclude_paths: Vec::new(),
            cancel: Arc::new(AtomicBool::new(false)),
            warnings: None,
            hooks: Hooks::default(),
            resume: None,
        }
    }
}

const SILENT: &str = "reading it has not returned, and the run did not wait for it any longer: its disk or server does not answer. \
     Look at the mount and at the system log";

/// A run in progress; dropping it stops it.
pub struct Engine {
    shared: Arc<Shared>,
    totals: Arc<Mutex<Totals>>,
    outcome: Arc<Mutex<Option<PathSpool>>>,
    threads: Vec<JoinHandle<()>>,
    stop: Stop,
}

/// What the tape side has drawn.
#[derive(Default)]
struct Totals {
    members: u64,
    bytes: u64,
}

/// What a run has sent and noticed.
pub struct EngineReport {
    /// The tape side has drawn the set to its end. If not, the run failed, was cancelled, or was given up.
    pub complete: bool,
    /// Members in the frames that were drawn.
    pub members: u64,
    /// Apparent bytes of the regular files among them.
    pub bytes: u64,
    /// Length of the tar stream that was drawn.
    pub tar_bytes: u64,
    /// Paths that are gone since the parent set; all of them only if the run is complete.
    pub deleted: Paths,
    /// What was noticed.
    pub warnings: WarningSummary,
    /// Where the time went.
    pub stats: StageStats,
}

/// The frames of a run, in order, for the one who writes them.
pub struct Frames {
    reader: RingReader,
    counters: Arc<Counters>,
    totals: Arc<Mutex<Totals>>,
}

/// Sees how far a run is.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
}

impl Watch {
    /// How far the run is.
    pub fn progress(&self) -> Progress {
        let ring_percent = self.shared.ring.stats().filled_percent;
        Progress { ring_percent, ..self.shared.counters.progress() }
    }

    /// What has been read for at least so long without an answer, each time once.
    pub fn silent(&self, at_least: Duration) -> Vec<Vec<u8>> {
        self.shared.counters.places.silent(at_least)
    }

    /// Where the time went so far.
    pub fn stats(&self) -> StageStats {
        let ring = self.shared.ring.stats();
        StageStats {
            starved_seconds: ring.starved.as_secs_f64(),
            pauses: ring.pauses,
            most_workers: self.shared.gate.highest() as u64,
            ..self.shared.clocks.stages()
        }
    }
}

/// The paths that are gone since the parent set: complete once the last frame has been drawn.
#[derive(Clone)]
pub struct Gone {
    outcome: Arc<Mutex<Option<PathSpool>>>,
}

impl DeletedPaths for Gone {
    fn for_each(&self, visit: &mut dyn FnMut(&[u8]) -> tape_format::Result<()>) -> tape_format::Result<()> {
        match lock(&self.outcome).as_mut() {
            Some(paths) => paths.for_each(visit),
            None => Err(FormatError::Source("the walk has not ended, but the tape side has".into())),
        }
    }
}

/// Begins to read a source. An error here means that nothing was begun.
pub fn start(options: EngineOptions) -> Result<Engine> {
    let cores = std::thread::available_parallelism().map_or(2, |count| count.get());
    let base = if options.workers == 0 { cores } else { options.workers };
    let most = match (options.most_workers, options.codec) {
        (0, Codec::None) => 16,
        // Each has a frame of its own in memory besides the ring.
        (0, _) => 8,
        (most, _) => most,
    };
    let reporter = Arc::new(Reporter::new(options.warnings));
    let clocks = Arc::new(Clocks::default());
    let counters = Arc::new(Counters::default());
    let filter = Arc::new(options.filter.skip(&options.root, &options.exclude_paths));
    let stop = Stop::new(options.cancel.clone());
    let walk_options = WalkOptions {
        filter,
        mounts: options.mounts,
        scan_threads: options.scan_threads,
        reporter: reporter.clone(),
        clocks: clocks.clone(),
        counters: counters.clone(),
        stop: stop.clone(),
    };
    let root = options.root.clone();
    let walk = unless_stopped(&options.cancel, move || Walk::new(&root, walk_options))?;
    let Some(walk) = walk else {
        reporter.report(WarningKind::Silent, ROOT_NAME, SILENT);
        reporter.close();
        return Err(Error::from(FormatError::Source("the run was stopped before the source had answered".into())));
    };
    let walk = walk?;
    let ring = Ring::new(RingOptions {
        bytes: options.buffer_bytes,
        start_percent: options.start_percent,
        pause_percent: options.pause_percent,
        cancel: options.cancel.clone(),
        tar_start: options.resume.as_ref().map_or(0, |resume| resume.tar_start),
    });
    let (units, feed) = crossbeam_channel::bounded(UNITS_AHEAD);
    let shared = Arc::new(Shared {
        ring,
        codec: options.codec,
        reporter: reporter.clone(),
        clocks,
        counters: counters.clone(),
        hooks: options.hooks.clone(),
        feed: Mutex::new(Some(feed)),
        planned: AtomicBool::new(false),
        scratch: Mutex::default(),
        gate: Gate::new(base, most),
    });
    let mut engine = Engine {
        shared: shared.clone(),
        totals: Arc::default(),
        outcome: Arc::default(),
        threads: Vec::new(),
        stop: stop.clone(),
    };
    let diff = Diff::new(walk, options.baseline, options.inodes);
    let planner =
        Planner { diff, units, reporter, counters, hooks: options.hooks, resume: options.resume, root: options.root };
    let outcome = engine.outcome.clone();
    let planning = shared.clone();
    engine.spawn("plan".to_string(), move || plan(planner, &planning, &outcome, &stop))?;
    for index in 0..most.max(base) {
        let shared = shared.clone();
        engine.spawn(format!("work-{index}"), move || Worker::run(shared, index))?;
    }
    Ok(engine)
}

/// The planner's thread. What it leaves behind must be there before the last unit can be taken.
fn plan(planner: Planner, shared: &Shared, outcome: &Mutex<Option<PathSpool>>, stop: &Stop) {
    // Kept until the outcome is known, so that nobody takes the end of the units for the end of the set.
    let units = planner.units.clone();
    match planner.run(stop) {
        Ok(Planned::Complete(deleted)) => {
            *lock(outcome) = Some(deleted);
            shared.planned.store(true, Ordering::Release);
        }
        Ok(Planned::Stopped(deleted)) => {
            *lock(outcome) = Some(deleted);
            shared.ring.fail("the run was stopped before it was complete");
        }
        Err(error) => shared.ring.fail(error.message),
    }
    drop(units);
}

impl Engine {
    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let span = tracing::Span::current();
        let thread = std::thread::Builder::new().name(name).spawn(move || span.in_scope(work));
        self.threads.push(thread.map_err(|error| Error::from(error).context("start a thread of the backup"))?);
        Ok(())
    }

    /// The frames, for the tape side. Only one may draw at a time; another may go on where one has stopped.
    pub fn frames(&self) -> Frames {
        Frames {
            reader: self.shared.ring.reader(),
            counters: self.shared.counters.clone(),
            totals: self.totals.clone(),
        }
    }

    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.watch().progress()
    }

    /// For those who want to see how far the run is, on any thread.
    pub fn watch(&self) -> Watch {
        Watch { shared: self.shared.clone() }
    }

    /// The paths that are gone since the parent set, for the table of contents.
    pub fn gone(&self) -> Gone {
        Gone { outcome: self.outcome.clone() }
    }

    /// Where the time went so far.
    pub fn stats(&self) -> StageStats {
        self.watch().stats()
    }

    /// Ends the run: stops it if the set was not drawn to its end, waits for the threads, and reports.
    pub fn finish(mut self) -> Result<EngineReport> {
        let complete = self.shared.ring.is_drained();
        self.end();
        let deleted = lock(&self.outcome).take().unwrap_or_default().finish()?;
        let (members, bytes) = {
            let totals = lock(&self.totals);
            (totals.members, totals.bytes)
        };
        Ok(EngineReport {
            complete,
            members,
            bytes,
            tar_bytes: self.shared.ring.stats().drawn_tar_bytes,
            deleted,
            warnings: self.shared.reporter.summary(),
            stats: self.stats(),
        })
    }

    fn end(&mut self) {
        if !self.shared.ring.is_drained() {
            self.stop.stop();
            self.shared.ring.abandon();
        }
        self.shared.gate.close();
        // The planner may wait for a worker to take a unit, and nobody will.
        lock(&self.shared.feed).take();
        if !self.shared.ring.is_drained() && !self.have_ended() {
            for path in self.shared.counters.places.paths() {
                self.shared.reporter.report(WarningKind::Silent, &path, SILENT);
            }
            self.shared.reporter.close();
            self.threads.retain(JoinHandle::is_finished);
        }
        for thread in self.threads.drain(..) {
            // A panic has failed the ring, which is how it was told.
            let _ = thread.join();
        }
    }

    /// Whether all threads have ended after some time.
    fn have_ended(&self) -> bool {
        let begin = Instant::now();
        while !self.threads.iter().all(JoinHandle::is_finished) {
            if begin.elapsed() >= PATIENCE {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

impl FrameSource for Frames {
    fn next_frame(&mut self) -> tape_format::Result<Option<Frame>> {
        let frame = self.reader.next_frame()?;
        if let Some(frame) = &frame {
            let members = frame.members.len() as u64;
            let bytes = frame.members.iter().map(|member| member.size).sum();
            Counters::add(&self.counters.sent_files, members);
            Counters::add(&self.counters.sent_bytes, bytes);
            let mut totals = lock(&self.totals);
            totals.members += members;
            totals.bytes += bytes;
        }
        Ok(frame)
    }

    fn recycle(&mut self, frame: Frame) {
        self.reader.recycle(frame);
    }
}

#[cfg(test)]
#[path = "engine_tests/mod.rs"]
mod tests;
