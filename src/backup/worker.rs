//! The workers: each takes a unit and the next place in the ring, reads, hashes, compresses, and delivers.
//!
//! There are as many active workers as cores, and more while they are seen waiting for disks or servers.

use super::hooks::Hooks;
use super::owners::Owners;
use super::place::Place;
use super::small::OpenDirectory;
use super::stats::{Clocks, Counters, lock, thread_cpu};
use super::unit::Unit;
use super::warning::Reporter;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tape_format::Member;
use tape_format::codec::{Codec, Encoder};
use tape_format::ring::{Ring, Ticket};

/// What all workers of a run share.
pub struct Shared {
    /// Where frames go.
    pub ring: Ring,
    /// How they are compressed.
    pub codec: Codec,
    /// Where warnings go.
    pub reporter: Arc<Reporter>,
    /// Where time is counted.
    pub clocks: Arc<Clocks>,
    /// Where files are counted.
    pub counters: Arc<Counters>,
    /// What tests do.
    pub hooks: Hooks,
    /// Units in order. Unit and ticket are taken under this one lock, so that their orders agree.
    /// `None`: the run is given up.
    pub feed: Mutex<Option<Receiver<Unit>>>,
    /// The planner has handed over everything, to the end of the set.
    pub planned: AtomicBool,
    /// Buffers for what is to be compressed; the one that was used last first, for it may be in the cache still.
    pub scratch: Mutex<Vec<Vec<u8>>>,
    /// How many workers are active.
    pub gate: Gate,
}

/// How often a worker that waits for the walk looks whether the run has ended: the walk may hang.
const LOOK: Duration = Duration::from_millis(100);

/// Lets a varying number of workers through.
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
    base: usize,
    most: usize,
}

struct GateState {
    /// Share of the time spent waiting for devices, smoothed over what all workers told last.
    blocked: f64,
    limit: usize,
    highest: usize,
    closed: bool,
}

impl Gate {
    /// At least `base`, at most `most` workers.
    pub fn new(base: usize, most: usize) -> Gate {
        let state = GateState { blocked: 0.0, limit: base, highest: base, closed: false };
        Gate { state: Mutex::new(state), changed: Condvar::new(), base, most: most.max(base) }
    }

    /// Waits until the worker `index` may be active; false when all is done.
    fn pass(&self, index: usize) -> bool {
        let mut state = lock(&self.state);
        while index >= state.limit && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        !state.closed
    }

    /// Nobody needs to work any more.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Lets one more through while most of the time goes into waiting for devices, one less when hardly any does.
    fn adapt(&self, share_blocked: f64) {
        let mut state = lock(&self.state);
        state.blocked += (share_blocked - state.blocked) / 4.0;
        if state.blocked > 0.5 && state.limit < self.most {
            state.limit += 1;
            state.highest = state.highest.max(state.limit);
            drop(state);
            self.changed.notify_all();
        } else if state.blocked < 0.2 && state.limit > self.base {
            state.limit -= 1;
        }
    }

    /// Most workers that were let through at once.
    pub fn highest(&self) -> usize {
        lock(&self.state).highest
    }
}

/// Time of one unit, by the clock on the wall.
#[derive(Default)]
pub struct Times {
    /// Opening and reading.
    pub read: Duration,
    /// Hashing.
    pub hash: Duration,
    /// Compressing.
    pub compress: Duration,
    /// Waiting for other workers.
    pub waited: Duration,
    /// Bytes that were read.
    pub bytes: u64,
    /// Small files that were met.
    files: u32,
}

/// Files smaller than this are timed now and then only: looking at the clock takes longer than is worth it.
const ALWAYS_TIMED: u64 = 64 << 10;
/// One in so many of them.
const TIMED: u32 = 8;

/// A stopwatch for the stages of one file.
pub struct Lap {
    begin: Option<Instant>,
    /// The file stands for so many.
    weight: u32,
}

impl Lap {
    /// Adds the time since the last lap.
    pub fn ends(&mut self, sum: &mut Duration) {
        if let Some(begin) = &mut self.begin {
            let now = Instant::now();
            *sum += (now - *begin) * self.weight;
            *begin = now;
        }
    }

    /// Forgets the time since the last lap.
    pub fn skips(&mut self) {
        self.ends(&mut Duration::default());
    }
}

impl Times {
    /// A stopwatch for a file of this size.
    pub fn lap(&mut self, size: u64) -> Lap {
        if size >= ALWAYS_TIMED {
            return Lap { begin: Some(Instant::now()), weight: 1 };
        }
        self.files = self.files.wrapping_add(1);
        Lap { begin: (self.files % TIMED == 1).then(Instant::now), weight: TIMED }
    }

    /// Adds to the clocks of the run: the processor time of the unit goes to its stages by the time that each took, the
    /// rest of its time was spent waiting for devices.
    fn count(&self, spent: Spent, clocks: &Clocks) {
        let blocked = spent.blocked(self.waited).unwrap_or_default();
        let busy = spent.elapsed.saturating_sub(self.waited + blocked).as_secs_f64();
        let share = |time: Duration| spent.cpu.mul_f64((time.as_secs_f64() / busy.max(1e-9)).min(1.0));
        let (read, hash, compress) = (share(self.read.saturating_sub(blocked)), share(self.hash), share(self.compress));
        clocks.read_cpu.add(read);
        clocks.hash_cpu.add(hash);
        clocks.compress_cpu.add(compress);
        clocks.tar_cpu.add(spent.cpu.saturating_sub(read + hash + compress));
        clocks.read_wait.add(blocked);
        Counters::add(&clocks.read_bytes, self.bytes);
    }
}

/// One thread's state.
pub struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) times: Times,
    pub(super) place: Arc<Place>,
    pub(super) header: Vec<u8>,
    pub(super) directory: OpenDirectory,
    owners: Owners,
    encoder: Option<Encoder>,
    meter: Meter,
    /// Until when the gate has heard of this thread, and how long it had waited for others in this unit by then.
    heard: (Moment, Duration),
}

impl Worker {
    /// The work of thread `index`.
    pub fn run(shared: Arc<Shared>, index: usize) {
        let meter = Meter::new();
        let heard = (meter.now(), Duration::ZERO);
        let place = shared.counters.places.join();
        let mut worker = Worker {
            shared,
            times: Times::default(),
            place,
            header: Vec::new(),
            directory: OpenDirectory::default(),
            owners: Owners::default(),
            encoder: None,
            meter,
            heard,
        };
        while worker.shared.gate.pass(index) {
            let Some((unit, ticket)) = worker.next() else { break };
            let before = worker.meter.now();
            worker.heard = (before, Duration::ZERO);
            worker.work(unit, ticket);
            let now = worker.tell();
            let times = std::mem::take(&mut worker.times);
            times.count(now.since(&before), &worker.shared.clocks);
        }
        worker.shared.gate.close();
    }

    /// Tells the gate what share of the time since it last heard went into waiting for devices.
    pub(super) fn tell(&mut self) -> Moment {
        let now = self.meter.now();
        let (before, waited) = self.heard;
        if let Some(share) = now.since(&before).share_blocked(self.times.waited.saturating_sub(waited)) {
            self.shared.gate.adapt(share);
        }
        self.heard = (now, self.times.waited);
        now
    }

    /// The next unit with its place; `None` when there is none, or the run was stopped.
    fn next(&self) -> Option<(Unit, Ticket)> {
        let feed = lock(&self.shared.feed);
        let begin = Instant::now();
        let units = feed.as_ref()?;
        let unit = loop {
            match units.recv_timeout(LOOK) {
                Ok(unit) => break Some(unit),
                Err(RecvTimeoutError::Timeout) if self.shared.ring.is_stopped() => return None,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        let Some(unit) = unit else {
            if self.shared.planned.load(Ordering::Acquire) {
                self.shared.ring.finish();
            } else {
                // The first reason stays, so this is heard only if the planner had none to give.
                self.shared.ring.fail("the walk through the source ended early; please report this with the log");
            }
            return None;
        };
        self.shared.clocks.unit_wait.add_since(begin);
        let begin = Instant::now();
        let ticket = self.shared.ring.ticket()?;
        self.shared.clocks.ring_wait.add_since(begin);
        Some((unit, ticket))
    }

    fn work(&mut self, unit: Unit, ticket: Ticket) {
        let outcome = match unit {
            Unit::Batch(batch) => {
                if let Some(item) = batch.items.first() {
                    *lock(&self.shared.counters.current) = item.entry.path();
                }
                let batch = Arc::new(batch);
                self.place.at_batch(&batch);
                self.batch(&batch, ticket)
            }
            Unit::Chunk(file, number) => {
                *lock(&self.shared.counters.current) = file.path().to_vec();
                self.place.at_large(&file);
                self.chunk(&file, number, ticket)
            }
        };
        self.place.rests();
        if let Err(error) = outcome {
            self.shared.ring.fail(error.to_string());
        }
    }

    /// The member with the names of its owners.
    pub(super) fn named(&mut self, mut member: Member) -> Member {
        member.user = self.owners.user(member.uid);
        member.group = self.owners.group(member.gid);
        member
    }

    pub(super) fn compresses(&self) -> bool {
        self.shared.codec != Codec::None
    }

    /// A buffer for what is to be compressed.
    pub(super) fn take_scratch(&mut self) -> Vec<u8> {
        lock(&self.shared.scratch).pop().unwrap_or_default()
    }

    /// Keeps it for the next frame.
    pub(super) fn give_scratch(&mut self, scratch: Vec<u8>) {
        lock(&self.shared.scratch).push(scratch);
    }

    /// Compresses a frame into `data`; false if that failed, which fails the set.
    pub(super) fn compress(&mut self, raw: &[u8], data: &mut Vec<u8>) -> bool {
        data.clear();
        let begin = Instant::now();
        let outcome = match &mut self.encoder {
            Some(encoder) => encoder.encode(raw, data),
            None => Encoder::new(self.shared.codec).and_then(|encoder| self.encoder.insert(encoder).encode(raw, data)),
        };
        self.times.compress += begin.elapsed();
        outcome.map_err(|error| self.shared.ring.fail(error.to_string())).is_ok()
    }
}

/// Tells how long a thread neither ran nor waited for a processor: that is, waited for a device.
struct Meter(Option<std::fs::File>);

/// A moment in the life of a thread.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    at: Instant,
    cpu: Duration,
    /// How long the thread could have run and had no processor, if the kernel counts that.
    queued: Option<Duration>,
}

/// What a thread has spent between two moments.
#[derive(Clone, Copy)]
struct Spent {
    elapsed: Duration,
    cpu: Duration,
    queued: Option<Duration>,
}

impl Meter {
    fn new() -> Meter {
        Meter(std::fs::File::open("/proc/thread-self/schedstat").ok())
    }

    fn now(&self) -> Moment {
        let mut text = [0; 96];
        let queued = self.0.as_ref().and_then(|file| {
            let length = file.read_at(&mut text, 0).ok()?;
            let text = std::str::from_utf8(text.get(..length)?).ok()?;
            // The first number, the time it ran, is exact only when the thread was switched; the clock always is.
            text.split_ascii_whitespace().nth(1)?.parse().ok()
        });
        Moment { at: Instant::now(), cpu: thread_cpu(), queued: queued.map(Duration::from_nanos) }
    }
}

impl Moment {
    fn since(&self, before: &Moment) -> Spent {
        let queued = self.queued.zip(before.queued).map(|(now, before)| now.saturating_sub(before));
        Spent { elapsed: self.at - before.at, cpu: self.cpu.saturating_sub(before.cpu), queued }
    }
}

impl Spent {
    /// Waiting for devices, apart from `waited` for others; `None` where the kernel does not tell.
    fn blocked(&self, waited: Duration) -> Option<Duration> {
        Some(self.elapsed.saturating_sub(waited + self.cpu + self.queued?))
    }

    /// The share of the time that was spent waiting for devices, apart from `waited` for others.
    fn share_blocked(&self, waited: Duration) -> Option<f64> {
        let elapsed = self.elapsed.saturating_sub(waited);
        let blocked = self.blocked(waited)?;
        (elapsed > Duration::from_micros(100)).then(|| blocked.as_secs_f64() / elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_workers_bring_more_and_busy_ones_fewer() {
        let gate = Gate::new(2, 4);
        gate.adapt(0.9);
        assert_eq!(lock(&gate.state).limit, 2, "one word says little");
        for _ in 0..9 {
            gate.adapt(0.9);
        }
        let limit = || lock(&gate.state).limit;
        assert_eq!((limit(), gate.highest()), (4, 4));
        gate.adapt(0.3);
        assert_eq!(limit(), 4);
        for _ in 0..20 {
            gate.adapt(0.1);
        }
        assert_eq!((limit(), gate.highest()), (2, 4));
        gate.close();
        assert!(!gate.pass(9));
    }

    #[test]
    fn sleeping_is_seen_and_working_is_not() {
        let meter = Meter::new();
        if meter.now().queued.is_none() {
            return;
        }
        let before = meter.now();
        std::thread::sleep(Duration::from_millis(30));
        let slept = meter.now().since(&before).blocked(Duration::ZERO).unwrap();
        assert!(slept > Duration::from_millis(25), "{slept:?}");
        let before = meter.now();
        let mut sum = 0u64;
        while meter.now().since(&before).cpu < Duration::from_millis(30) {
            sum = std::hint::black_box(sum + 1);
        }
        let spent = meter.now().since(&before);
        assert!(spent.blocked(Duration::ZERO).unwrap() < spent.elapsed / 2, "{sum}");
    }
}
