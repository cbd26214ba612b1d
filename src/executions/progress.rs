//! How far an execution is: counters that any thread may raise, and a view of them for people.

use super::pass::{Amounts, Pass};
use super::stages::{Stages, TapeClocks};
use super::throughput::Reading;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// Speed is the mean over this time.
const WINDOW: Duration = Duration::from_secs(60);

/// Copies figures that others keep into the counters, whenever somebody looks.
pub type Probe = Box<dyn Fn(&Progress) + Send>;

/// Live counters of one execution.
pub struct Progress {
    /// Files whose last byte was accepted by the drive, or that were restored or verified.
    pub files: AtomicU64,
    /// Content bytes of them.
    pub bytes: AtomicU64,
    /// Bytes on tape, after compression and encryption.
    pub tape_bytes: AtomicU64,
    /// Of `bytes`: those that were done before it went on after an interruption, and did not move now.
    pub bytes_before: AtomicU64,
    /// Of `tape_bytes`: the same.
    pub tape_bytes_before: AtomicU64,
    /// Files to do, as far as known.
    pub files_total: AtomicU64,
    /// Bytes to do, as far as known.
    pub bytes_total: AtomicU64,
    /// Whether the totals are final.
    pub totals_known: AtomicBool,
    /// Bytes that it will be if it is like the last of its kind; 0: nobody can tell.
    pub expected_bytes: AtomicU64,
    /// Files found by the walk.
    pub scanned_files: AtomicU64,
    /// Directories found by the walk.
    pub scanned_dirs: AtomicU64,
    /// Content bytes found by the walk.
    pub scanned_bytes: AtomicU64,
    /// Fill of the block ring in percent.
    pub buffer_percent: AtomicU64,
    /// Times the drive had to wait for data.
    pub starvations: AtomicU64,
    /// Warnings so far.
    pub warnings: AtomicU64,
    /// Where the time of the tape side goes, if this writes a set.
    pub tape: TapeClocks,
    started: Instant,
    samples: Mutex<VecDeque<(Instant, u64)>>,
    current: Mutex<Current>,
    probe: Mutex<Option<Probe>>,
    stages: Mutex<Option<Stages>>,
    pass: Mutex<Pass>,
}

#[derive(Debug, Default, Clone)]
struct Current {
    phase: String,
    message: String,
    path: String,
    tape: Option<TapeFill>,
    /// Of `tape_bytes`: those that went to the tapes before this one.
    elsewhere: u64,
    device: String,
}

/// The tape that is being written.
#[derive(Debug, Default, Clone, Serialize, ToSchema)]
pub struct TapeFill {
    /// Its label.
    pub label: String,
    /// Native capacity in bytes.
    pub capacity_bytes: u64,
    /// Bytes on it when it was taken.
    pub used_bytes: u64,
}

/// Progress in figures for people and programs; the field names are those of the Go program's `/jobs/active`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProgressView {
    /// The execution.
    pub execution_id: i32,
    /// What it does now: `scanning`, `positioning`, `waiting`, `streaming`, `cataloging`, `verifying` …
    pub phase: String,
    /// The same in words.
    pub message: String,
    /// The file it is at.
    pub current_path: String,
    /// Files done.
    pub file_count: u64,
    /// Files to do, 0 if unknown.
    pub total_files: u64,
    /// Content bytes done.
    pub bytes_processed: u64,
    /// Bytes to do, 0 if unknown.
    pub total_bytes: u64,
    /// While the bytes to do are unknown: what they will be if the source is like it was at the last full backup of the job,
    /// and no less than was found in it so far; 0 if nobody can tell.
    pub expected_bytes: u64,
    /// Bytes on tape.
    pub bytes_written: u64,
    /// Bytes per second over the last minute.
    pub write_speed: u64,
    /// Fill of the block ring in percent.
    pub buffer_percent: u64,
    /// Times the drive had to wait for data.
    pub starvations: u64,
    /// Files found so far.
    pub scan_files_found: u64,
    /// Directories found so far.
    pub scan_dirs_scanned: u64,
    /// Bytes found so far.
    pub scan_bytes_found: u64,
    /// Warnings so far.
    pub warning_count: u64,
    /// Where the time goes, stage by stage; none if this writes no set.
    pub stages: Option<Stages>,
    /// Label of the tape in use.
    pub tape_label: String,
    /// Its native capacity.
    pub tape_capacity_bytes: u64,
    /// Bytes on it.
    pub tape_used_bytes: u64,
    /// Device path of the drive in use.
    pub device_path: String,
    /// Seconds until all is done, if the totals are known or expected.
    pub estimated_seconds_remaining: Option<u64>,
    /// Seconds until the tape is full at this speed.
    pub tape_estimated_seconds_remaining: Option<u64>,
    /// Seconds since it began.
    pub elapsed_seconds: u64,
    /// When these figures were taken.
    pub updated_at: DateTime<Utc>,
}

impl Default for Progress {
    fn default() -> Self {
        Progress {
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            tape_bytes: AtomicU64::new(0),
            bytes_before: AtomicU64::new(0),
            tape_bytes_before: AtomicU64::new(0),
            files_total: AtomicU64::new(0),
            bytes_total: AtomicU64::new(0),
            totals_known: AtomicBool::new(false),
            expected_bytes: AtomicU64::new(0),
            scanned_files: AtomicU64::new(0),
            scanned_dirs: AtomicU64::new(0),
            scanned_bytes: AtomicU64::new(0),
            buffer_percent: AtomicU64::new(0),
            starvations: AtomicU64::new(0),
            warnings: AtomicU64::new(0),
            tape: TapeClocks::default(),
            stages: Mutex::new(None),
            started: Instant::now(),
            samples: Mutex::new(VecDeque::new()),
            current: Mutex::new(Current::default()),
            probe: Mutex::new(None),
            pass: Mutex::new(Pass::Only),
        }
    }
}

impl Progress {
    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn stages(&self) -> std::sync::MutexGuard<'_, Option<Stages>> {
        self.stages.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Where the time has gone so far.
    pub fn set_stages(&self, stages: Stages) {
        *self.stages() = Some(stages);
    }

    /// From now on `probe` is asked whenever somebody looks; `None`: nobody is.
    pub fn set_probe(&self, probe: Option<Probe>) {
        *self.probe.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = probe;
    }

    /// Says what is being done.
    pub fn set_phase(&self, phase: &str, message: &str) {
        let mut current = self.current();
        current.phase = phase.into();
        current.message = message.into();
    }

    /// Says which file it is at.
    pub fn set_path(&self, path: String) {
        self.current().path = path;
    }

    /// Says which tape in which device.
    pub fn set_tape(&self, tape: TapeFill, device: String) {
        let mut current = self.current();
        current.tape = Some(tape);
        current.elsewhere = self.tape_bytes.load(Ordering::Relaxed);
        current.device = device;
    }

    /// The phase and its message.
    pub fn phase(&self) -> (String, String) {
        let current = self.current();
        (current.phase.clone(), current.message.clone())
    }

    /// Says that it goes on behind what was done before.
    pub fn goes_on_behind(&self, bytes: u64, tape_bytes: u64) {
        self.bytes_before.store(bytes, Ordering::Relaxed);
        self.tape_bytes_before.store(tape_bytes, Ordering::Relaxed);
    }

    /// It goes through the same files once more: until [`Progress::second_pass_over`] only that is shown.
    pub fn second_pass(&self) {
        *self.pass() = Pass::second(self.counted());
    }

    /// The second pass has ended, well or not.
    pub fn second_pass_over(&self) {
        self.pass().over();
    }

    fn pass(&self) -> std::sync::MutexGuard<'_, Pass> {
        self.pass.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn counted(&self) -> Amounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Amounts {
            files: get(&self.files),
            bytes: get(&self.bytes),
            files_total: get(&self.files_total),
            bytes_total: get(&self.bytes_total),
        }
    }

    /// What has moved so far, as of the last [`Progress::view`].
    pub fn reading(&self) -> Reading {
        let moved = |all: &AtomicU64, before: &AtomicU64| {
            all.load(Ordering::Relaxed).saturating_sub(before.load(Ordering::Relaxed))
        };
        Reading {
            content_bytes: moved(&self.bytes, &self.bytes_before),
            tape_bytes: moved(&self.tape_bytes, &self.tape_bytes_before),
            buffer_percent: self.buffer_percent.load(Ordering::Relaxed),
            starved_seconds: self.stages().as_ref().map_or(0.0, |stages| stages.buffer_empty_seconds),
        }
    }

    /// Bytes per second of content over the last minute.
    fn speed(&self, bytes: u64) -> u64 {
        let now = Instant::now();
        let mut samples = self.samples.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if samples.back().is_none_or(|(at, _)| now.duration_since(*at) >= Duration::from_millis(400)) {
            samples.push_back((now, bytes));
        }
        while samples.len() > 2 && samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            samples.pop_front();
        }
        match samples.front() {
            Some((at, first)) if now > *at => {
                let seconds = now.duration_since(*at).as_secs_f64();
                (bytes.saturating_sub(*first) as f64 / seconds.max(0.001)) as u64
            }
            _ => 0,
        }
    }

    /// The figures now.
    pub fn view(&self, execution_id: i32) -> ProgressView {
        if let Some(probe) = &*self.probe.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            probe(self);
        }
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shown = self.pass().shown(self.counted());
        let speed = self.speed(self.reading().content_bytes);
        let current = self.current().clone();
        let tape = current.tape.unwrap_or_default();
        let tape_bytes = get(&self.tape_bytes);
        let elsewhere = current.elsewhere.max(get(&self.tape_bytes_before));
        let used = tape.used_bytes + tape_bytes.saturating_sub(elsewhere);
        let final_totals = self.totals_known.load(Ordering::Relaxed);
        let known = final_totals && shown.bytes_total > 0;
        let expected_bytes = match get(&self.expected_bytes) {
            expected if final_totals || expected < shown.bytes => 0,
            expected => expected.max(get(&self.scanned_bytes)),
        };
        let seconds = |left: u64| (speed > 0).then(|| left / speed);
        ProgressView {
            execution_id,
            phase: current.phase,
            message: current.message,
            current_path: current.path,
            file_count: shown.files,
            total_files: if final_totals { shown.files_total } else { 0 },
            bytes_processed: shown.bytes,
            total_bytes: if final_totals { shown.bytes_total } else { 0 },
            expected_bytes,
            bytes_written: tape_bytes,
            write_speed: speed,
            buffer_percent: get(&self.buffer_percent),
            starvations: get(&self.starvations),
            scan_files_found: get(&self.scanned_files),
            scan_dirs_scanned: get(&self.scanned_dirs),
            scan_bytes_found: get(&self.scanned_bytes),
            warning_count: get(&self.warnings),
            stages: self.stages().clone(),
            tape_label: tape.label,
            tape_capacity_bytes: tape.capacity_bytes,
            tape_used_bytes: used,
            device_path: current.device,
            estimated_seconds_remaining: match expected_bytes {
                _ if known => seconds(shown.bytes_total.saturating_sub(shown.bytes)),
                0 => None,
                expected => seconds(expected.saturating_sub(shown.bytes)),
            },
            tape_estimated_seconds_remaining: if tape.capacity_bytes > 0 {
                seconds(tape.capacity_bytes.saturating_sub(used))
            } else {
                None
            },
            elapsed_seconds: self.started.elapsed().as_secs(),
            updated_at: Utc::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_holds_what_went_to_it_and_not_what_went_to_the_tapes_before() {
        let progress = Progress::default();
        let fill = |label: &str, used_bytes| TapeFill { label: label.into(), capacity_bytes: 1000, used_bytes };
        progress.set_tape(fill("A", 100), String::new());
        progress.tape_bytes.store(900, Ordering::Relaxed);
        assert_eq!(progress.view(1).tape_used_bytes, 1000);
        progress.set_tape(fill("B", 50), String::new());
        progress.tape_bytes.store(1100, Ordering::Relaxed);
        assert_eq!(progress.view(1).tape_used_bytes, 250);
    }

    #[test]
    fn totals_are_told_once_they_are_known() {
        let progress = Progress::default();
        progress.bytes_total.store(500, Ordering::Relaxed);
        progress.files_total.store(5, Ordering::Relaxed);
        assert_eq!((progress.view(1).total_bytes, progress.view(1).total_files), (0, 0));
        progress.totals_known.store(true, Ordering::Relaxed);
        assert_eq!((progress.view(1).total_bytes, progress.view(1).total_files), (500, 5));
    }

    #[test]
    fn as_long_as_totals_are_unknown_those_of_the_last_full_backup_are_expected() {
        let progress = Progress::default();
        let moved = |bytes| progress.bytes.store(bytes, Ordering::Relaxed);
        let view = || {
            let view = progress.view(1);
            (view.expected_bytes, view.total_bytes, view.estimated_seconds_remaining.is_some())
        };
        view();
        std::thread::sleep(Duration::from_millis(2));
        moved(100);
        assert_eq!(view(), (0, 0, false), "the first backup of a job");
        progress.expected_bytes.store(1000, Ordering::Relaxed);
        assert_eq!(view(), (1000, 0, true));
        progress.scanned_bytes.store(1200, Ordering::Relaxed);
        assert_eq!(view(), (1200, 0, true), "it has grown");
        moved(1100);
        assert_eq!(view(), (0, 0, false), "it is not like the last one");
        progress.bytes_total.store(1500, Ordering::Relaxed);
        progress.totals_known.store(true, Ordering::Relaxed);
        assert_eq!(view(), (0, 1500, true));
    }

    #[test]
    fn what_is_read_back_by_the_run_that_wrote_it_is_not_counted_twice() {
        let progress = Progress::default();
        let add = |files, bytes| {
            progress.files.fetch_add(files, Ordering::Relaxed);
            progress.bytes.fetch_add(bytes, Ordering::Relaxed);
        };
        let expect = |files, bytes| {
            progress.files_total.fetch_add(files, Ordering::Relaxed);
            progress.bytes_total.fetch_add(bytes, Ordering::Relaxed);
        };
        let shown = || {
            let view = progress.view(1);
            (view.file_count, view.total_files, view.bytes_processed, view.total_bytes)
        };
        progress.totals_known.store(true, Ordering::Relaxed);
        expect(10, 1000);
        add(10, 1000);
        assert_eq!(shown(), (10, 10, 1000, 1000));
        progress.second_pass();
        expect(10, 1000);
        add(4, 400);
        assert_eq!(shown(), (4, 10, 400, 1000), "it reads back");
        assert_eq!(progress.reading().content_bytes, 1400, "what has moved has moved");
        progress.second_pass_over();
        assert_eq!(shown(), (10, 10, 1000, 1000), "what was written");
        let progress = Progress::default();
        progress.second_pass();
        progress.files.store(3, Ordering::Relaxed);
        progress.second_pass_over();
        assert_eq!(
            progress.view(1).file_count,
            3,
            "a run that went on with a set that was complete only reads it back"
        );
    }

    #[test]
    fn what_was_done_before_an_interruption_is_done_but_did_not_move_now() {
        let progress = Progress::default();
        progress.view(1);
        progress.goes_on_behind(1_000_000_000_000, 900_000_000_000);
        progress.bytes.store(1_000_000_000_000, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        let view = progress.view(1);
        assert_eq!((view.bytes_processed, view.write_speed), (1_000_000_000_000, 0));
        progress.tape_bytes.store(900_000_000_500, Ordering::Relaxed);
        assert_eq!((progress.reading().content_bytes, progress.reading().tape_bytes), (0, 500));
    }
}
