//! Where the time of a run went, and how far it is.

use super::place::Places;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Locks a mutex whose data stays valid whatever the holder did.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A sum of nanoseconds that several threads add to.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// Adds the time since `start`.
    pub fn add_since(&self, start: Instant) {
        self.add(start.elapsed());
    }

    /// Adds a duration.
    pub fn add(&self, duration: Duration) {
        self.0.fetch_add(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Runs `work` and adds the time it took.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add_since(start);
        result
    }

    /// The sum so far.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Sets the sum, where one thread knows it.
    pub fn set(&self, duration: Duration) {
        self.0.store(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    fn seconds(&self) -> f64 {
        self.total().as_secs_f64()
    }
}

/// Processor time of the calling thread so far.
pub fn thread_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.max(0) as u64, now.tv_nsec.clamp(0, 999_999_999) as u32)
}

/// The clocks of one run.
#[derive(Debug)]
pub struct Clocks {
    /// When it began.
    pub begin: Instant,
    /// Processor time of walking, comparing and cutting into units, all threads.
    pub scan_cpu: Clock,
    /// Waiting of the walk for a listing that is not there yet.
    pub scan_wait: Clock,
    /// Processor time of opening, reading and closing.
    pub read_cpu: Clock,
    /// Workers waiting for the devices that they read from.
    pub read_wait: Clock,
    /// Processor time of SHA-256.
    pub hash_cpu: Clock,
    /// Processor time of compression.
    pub compress_cpu: Clock,
    /// Processor time of everything else that the workers do: headers, records, order.
    pub tar_cpu: Clock,
    /// Time in which a worker was free and had nothing to do.
    pub unit_wait: Clock,
    /// Time in which the next worker waited for room in the ring.
    pub ring_wait: Clock,
    /// Bytes that were read.
    pub read_bytes: AtomicU64,
}

impl Default for Clocks {
    fn default() -> Self {
        Clocks {
            begin: Instant::now(),
            scan_cpu: Clock::default(),
            scan_wait: Clock::default(),
            read_cpu: Clock::default(),
            read_wait: Clock::default(),
            hash_cpu: Clock::default(),
            compress_cpu: Clock::default(),
            tar_cpu: Clock::default(),
            unit_wait: Clock::default(),
            ring_wait: Clock::default(),
            read_bytes: AtomicU64::new(0),
        }
    }
}

/// Where the time went, in seconds, summed over all threads of a stage unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StageStats {
    /// Time since the run began, by the clock on the wall.
    pub elapsed_seconds: f64,
    /// Processor time of walking and comparing.
    pub scan_cpu_seconds: f64,
    /// The walk waiting for a directory that is still being listed.
    pub scan_wait_seconds: f64,
    /// Processor time of opening and reading files.
    pub read_cpu_seconds: f64,
    /// Workers waiting for the devices that they read from.
    pub read_wait_seconds: f64,
    /// Processor time of SHA-256.
    pub hash_cpu_seconds: f64,
    /// Processor time of compression.
    pub compress_cpu_seconds: f64,
    /// Processor time of everything else that the workers do.
    pub tar_cpu_seconds: f64,
    /// Time in which a worker was free and there was nothing to do: the walk is the slower side. By the clock on the wall.
    pub unit_wait_seconds: f64,
    /// Time in which nothing could be read because the ring was full: the tape is the slower side. By the clock on the
    /// wall.
    pub ring_wait_seconds: f64,
    /// The tape waiting for frames: the source is the slower side.
    pub starved_seconds: f64,
    /// Times the writer paused until the ring had filled again.
    pub pauses: u64,
    /// Most workers that were active at once.
    pub most_workers: u64,
    /// Bytes read from files.
    pub read_bytes: u64,
}

impl Clocks {
    /// The sums so far.
    pub fn stages(&self) -> StageStats {
        StageStats {
            elapsed_seconds: self.begin.elapsed().as_secs_f64(),
            scan_cpu_seconds: self.scan_cpu.seconds(),
            scan_wait_seconds: self.scan_wait.seconds(),
            read_cpu_seconds: self.read_cpu.seconds(),
            read_wait_seconds: self.read_wait.seconds(),
            hash_cpu_seconds: self.hash_cpu.seconds(),
            compress_cpu_seconds: self.compress_cpu.seconds(),
            tar_cpu_seconds: self.tar_cpu.seconds(),
            unit_wait_seconds: self.unit_wait.seconds(),
            ring_wait_seconds: self.ring_wait.seconds(),
            read_bytes: self.read_bytes.load(Ordering::Relaxed),
            ..StageStats::default()
        }
    }
}

/// Counters that the threads of a run keep; cheap to read at any time.
#[derive(Debug, Default)]
pub struct Counters {
    /// Files and other entries the walk has met.
    pub scanned_files: AtomicU64,
    /// Apparent bytes of the regular files among them.
    pub scanned_bytes: AtomicU64,
    /// Members that are to be sent.
    pub selected_files: AtomicU64,
    /// Apparent bytes of the regular files among them.
    pub selected_bytes: AtomicU64,
    /// Members whose last byte the tape side has drawn.
    pub sent_files: AtomicU64,
    /// Apparent bytes of the regular files among them.
    pub sent_bytes: AtomicU64,
    /// Paths recorded as deleted.
    pub deleted: AtomicU64,
    /// 1 when the walk has come to its end.
    pub walk_done: AtomicU64,
    /// What is being read.
    pub current: Mutex<Vec<u8>>,
    /// Where each thread is.
    pub places: Places,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Entries the walk has met.
    pub scanned_files: u64,
    /// Apparent bytes of the regular files among them.
    pub scanned_bytes: u64,
    /// Members to send, as far as the walk has come.
    pub selected_files: u64,
    /// Apparent bytes of the regular files among them.
    pub selected_bytes: u64,
    /// The walk is complete: `selected_*` are totals.
    pub walk_done: bool,
    /// Members drawn by the tape side.
    pub sent_files: u64,
    /// Apparent bytes of the regular files among them.
    pub sent_bytes: u64,
    /// Paths found deleted since the parent set.
    pub deleted: u64,
    /// What is being read, as text.
    pub current_path: String,
    /// Share of the ring that is filled, in percent.
    pub ring_percent: u8,
}

impl Counters {
    /// A picture of now.
    pub fn progress(&self) -> Progress {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            scanned_files: get(&self.scanned_files),
            scanned_bytes: get(&self.scanned_bytes),
            selected_files: get(&self.selected_files),
            selected_bytes: get(&self.selected_bytes),
            walk_done: get(&self.walk_done) != 0,
            sent_files: get(&self.sent_files),
            sent_bytes: get(&self.sent_bytes),
            deleted: get(&self.deleted),
            current_path: tape_format::path_text::to_text(&lock(&self.current)).into_owned(),
            ring_percent: 0,
        }
    }

    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }
}
