//! A few threads that do jobs ahead of the one that needs their results, so that a cold disk or a far server always
//! has several requests. A job that is needed before a thread came to it is done by the one who needs it, so nothing
//! ever waits for a queue.

use super::stats::{Clock, lock, thread_cpu};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

enum State<J, O> {
    Queued(J),
    Running,
    Done(O),
    /// Taken by the one who needs it, or lost in a panic.
    Gone,
}

struct Inner<J, O> {
    state: Mutex<State<J, O>>,
    changed: Condvar,
}

/// A job that was handed in.
pub struct Slot<J, O>(Arc<Inner<J, O>>);

struct Queue<J, O> {
    waiting: Vec<Arc<Inner<J, O>>>,
    closed: bool,
}

struct Shared<J, O> {
    run: Box<dyn Fn(J) -> O + Send + Sync>,
    queue: Mutex<Queue<J, O>>,
    arrived: Condvar,
    cpu: Clock,
}

/// The threads and their work; dropping it ends them.
pub struct Lookahead<J, O> {
    shared: Arc<Shared<J, O>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Send + 'static, O: Send + 'static> Lookahead<J, O> {
    /// Starts `threads` threads that `run` jobs; with none, every job is done when it is needed.
    pub fn new(threads: usize, run: impl Fn(J) -> O + Send + Sync + 'static) -> std::io::Result<Self> {
        let queue = Mutex::new(Queue { waiting: Vec::new(), closed: false });
        let shared = Arc::new(Shared { run: Box::new(run), queue, arrived: Condvar::new(), cpu: Clock::default() });
        let mut pool = Lookahead { shared, threads: Vec::new() };
        for number in 0..threads {
            let shared = pool.shared.clone();
            let work = move || shared.work();
            pool.threads.push(std::thread::Builder::new().name(format!("scan-{number}")).spawn(work)?);
        }
        Ok(pool)
    }

    /// Hands jobs in; the first of them is done first, and before all that were handed in earlier.
    pub fn submit(&self, jobs: Vec<J>) -> Vec<Slot<J, O>> {
        let slots: Vec<_> = jobs
            .into_iter()
            .map(|job| Slot(Arc::new(Inner { state: Mutex::new(State::Queued(job)), changed: Condvar::new() })))
            .collect();
        let mut queue = lock(&self.shared.queue);
        queue.waiting.extend(slots.iter().rev().map(|slot| slot.0.clone()));
        drop(queue);
        for _ in 0..slots.len().min(self.threads.len()) {
            self.shared.arrived.notify_one();
        }
        slots
    }

    /// The result of a job, waiting for it or doing it here; `None` if the thread that did it panicked.
    pub fn take(&self, slot: Slot<J, O>, waited: &Clock) -> Option<O> {
        let mut state = lock(&slot.0.state);
        loop {
            match std::mem::replace(&mut *state, State::Gone) {
                State::Done(result) => return Some(result),
                State::Gone => return None,
                State::Queued(job) => {
                    drop(state);
                    return Some((self.shared.run)(job));
                }
                State::Running => {
                    *state = State::Running;
                    let start = std::time::Instant::now();
                    state = slot.0.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
                    waited.add_since(start);
                }
            }
        }
    }

    /// The processor time that the threads have used.
    pub fn cpu(&self) -> std::time::Duration {
        self.shared.cpu.total()
    }

    /// Ends the threads and gives the processor time they used.
    pub fn finish(mut self) -> std::time::Duration {
        self.end();
        self.cpu()
    }
}

impl<J, O> Lookahead<J, O> {
    fn end(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.arrived.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of a job was told to the one who took it.
            let _ = thread.join();
        }
    }
}

impl<J, O> Drop for Lookahead<J, O> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<J, O> Shared<J, O> {
    fn work(&self) {
        let mut counted = std::time::Duration::ZERO;
        while let Some(slot) = self.next() {
            let mut state = lock(&slot.state);
            let job = match std::mem::replace(&mut *state, State::Running) {
                State::Queued(job) => job,
                other => {
                    *state = other;
                    continue;
                }
            };
            drop(state);
            let mut guard = Guard { slot: &slot, result: None };
            guard.result = Some((self.run)(job));
            drop(guard);
            let cpu = thread_cpu();
            self.cpu.add(cpu - counted);
            counted = cpu;
        }
    }

    fn next(&self) -> Option<Arc<Inner<J, O>>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closed {
                return None;
            }
            if let Some(slot) = queue.waiting.pop() {
                return Some(slot);
            }
            queue = self.arrived.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }
}

/// Sets the outcome also when the job panics, so that nobody waits for ever.
struct Guard<'a, J, O> {
    slot: &'a Inner<J, O>,
    result: Option<O>,
}

impl<J, O> Drop for Guard<'_, J, O> {
    fn drop(&mut self) {
        *lock(&self.slot.state) = self.result.take().map_or(State::Gone, State::Done);
        self.slot.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_whoever_did_the_job() {
        for threads in [0, 1, 4] {
            let pool = Lookahead::new(threads, |n: u64| n * 2).unwrap();
            let slots = pool.submit((0..100).collect());
            let clock = Clock::default();
            let results: Vec<_> = slots.into_iter().map(|slot| pool.take(slot, &clock).unwrap()).collect();
            assert_eq!(results, (0..100).map(|n| n * 2).collect::<Vec<_>>());
            pool.finish();
        }
    }

    #[test]
    fn a_job_in_work_is_waited_for_and_a_panic_is_told() {
        let (begun, has_begun) = crossbeam_channel::bounded(0);
        let pool = Lookahead::new(1, move |panics: bool| {
            begun.send(()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!panics, "told to");
            7
        })
        .unwrap();
        let clock = Clock::default();
        let slot = pool.submit(vec![false]).pop().unwrap();
        has_begun.recv().unwrap();
        assert_eq!(pool.take(slot, &clock), Some(7));
        let slot = pool.submit(vec![true]).pop().unwrap();
        has_begun.recv().unwrap();
        assert_eq!(pool.take(slot, &clock), None);
    }
}
