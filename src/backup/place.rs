//! Where each thread of a run is, so that one that hangs in a file system that does not answer can be named.
//!
//! A read from an NFS server that is gone, or from a disk that is dying, may never return, and a thread that waits for it cannot
//! be ended. So nobody waits for such a thread for ever: a run that has to end leaves it behind and says where it was.

use super::directory::ROOT_NAME;
use super::large::LargeFile;
use super::stats::lock;
use super::unit::Batch;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a thread reads.
enum Reading {
    Nothing,
    Path(Vec<u8>),
    Batch(Arc<Batch>),
    Large(Arc<LargeFile>),
}

/// Where one thread is. It says so itself; others look.
pub struct Place {
    reading: Mutex<Reading>,
    /// Which member of the batch.
    item: AtomicUsize,
    /// Grows with every step.
    steps: AtomicU64,
}

impl Default for Place {
    fn default() -> Self {
        Place { reading: Mutex::new(Reading::Nothing), item: AtomicUsize::new(0), steps: AtomicU64::new(0) }
    }
}

impl Place {
    /// It asks for something of this path.
    pub fn at_path(&self, path: &[u8]) {
        let path = if path.is_empty() { ROOT_NAME } else { path };
        self.set(Reading::Path(path.to_vec()));
    }

    /// It begins a batch.
    pub fn at_batch(&self, batch: &Arc<Batch>) {
        self.set(Reading::Batch(batch.clone()));
    }

    /// It begins a piece of a large file.
    pub fn at_large(&self, file: &Arc<LargeFile>) {
        self.set(Reading::Large(file.clone()));
    }

    /// It is at this member of its batch.
    pub fn at_item(&self, item: usize) {
        self.item.store(item, Ordering::Relaxed);
        self.step();
    }

    /// It got an answer.
    pub fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// It asks nobody for anything.
    pub fn rests(&self) {
        self.set(Reading::Nothing);
    }

    fn set(&self, reading: Reading) {
        self.item.store(0, Ordering::Relaxed);
        *lock(&self.reading) = reading;
        self.step();
    }

    /// The path it reads.
    fn path(&self) -> Option<Vec<u8>> {
        match &*lock(&self.reading) {
            Reading::Nothing => None,
            Reading::Path(path) => Some(path.clone()),
            Reading::Batch(batch) => Some(batch.items.get(self.item.load(Ordering::Relaxed))?.entry.path()),
            Reading::Large(file) => Some(file.path().to_vec()),
        }
    }
}

/// The places of all threads of a run.
#[derive(Default)]
pub struct Places(Mutex<Vec<Watched>>);

struct Watched {
    place: Arc<Place>,
    /// Its steps when it was last looked at, and since when they are so many.
    seen: (u64, Instant),
    told: bool,
}

impl Places {
    /// A place for one more thread.
    pub fn join(&self) -> Arc<Place> {
        let place = Arc::new(Place::default());
        lock(&self.0).push(Watched { place: place.clone(), seen: (0, Instant::now()), told: false });
        place
    }

    /// What is being read now.
    pub fn paths(&self) -> Vec<Vec<u8>> {
        let mut paths: Vec<_> = lock(&self.0).iter().filter_map(|watched| watched.place.path()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// What has been read for at least so long without any answer, each time once. To be asked now and then.
    pub fn silent(&self, at_least: Duration) -> Vec<Vec<u8>> {
        let mut silent = Vec::new();
        for watched in lock(&self.0).iter_mut() {
            let steps = watched.place.steps.load(Ordering::Relaxed);
            if steps != watched.seen.0 {
                (watched.seen, watched.told) = ((steps, Instant::now()), false);
            } else if !watched.told
                && watched.seen.1.elapsed() >= at_least
                && let Some(path) = watched.place.path()
            {
                watched.told = true;
                silent.push(path);
            }
        }
        silent.sort_unstable();
        silent.dedup();
        silent
    }
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.paths()).finish()
    }
}

/// How often somebody who waits looks whether it has to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Does work that may never return on a thread of its own. `None`: it was told to stop first; then the thread is left behind.
///
/// # Errors
/// If there is no thread to be had.
pub fn unless_stopped<T: Send + 'static>(
    stop: &AtomicBool,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<Option<T>> {
    let (done, wait) = crossbeam_channel::bounded(1);
    let thread = std::thread::Builder::new().name("source".into()).spawn(move || {
        let _ = done.send(work());
    })?;
    loop {
        match wait.recv_timeout(LOOK) {
            Ok(answer) => return Ok(Some(answer)),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => return Ok(None),
            Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
            Err(crossbeam_channel::RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => return Ok(None),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_without_an_answer_is_named_once() {
        let places = Places::default();
        let (hangs, works, rests) = (places.join(), places.join(), places.join());
        hangs.at_path(b"dir/hangs");
        works.at_path(b"dir/works");
        rests.at_path(b"dir/rests");
        rests.rests();
        assert_eq!(places.paths(), [b"dir/hangs".to_vec(), b"dir/works".to_vec()]);
        assert!(places.silent(Duration::ZERO).is_empty(), "all of them are new");
        works.step();
        assert_eq!(places.silent(Duration::ZERO), [b"dir/hangs".to_vec()]);
        works.step();
        assert!(places.silent(Duration::ZERO).is_empty(), "it was told");
        hangs.step();
        works.step();
        assert!(places.silent(Duration::ZERO).is_empty(), "it goes on");
        works.step();
        assert_eq!(places.silent(Duration::ZERO), [b"dir/hangs".to_vec()], "it hangs again");
        assert!(places.silent(Duration::from_secs(3600)).is_empty());
    }

    #[test]
    fn nobody_waits_for_what_never_returns() {
        let stop = Arc::new(AtomicBool::new(false));
        assert_eq!(unless_stopped(&stop, || 7).unwrap(), Some(7));
        let (_kept, never) = crossbeam_channel::bounded::<()>(0);
        let stopper = stop.clone();
        std::thread::spawn(move || stopper.store(true, Ordering::Relaxed));
        assert_eq!(unless_stopped(&stop, move || never.recv()).unwrap(), None);
    }

    #[test]
    #[should_panic(expected = "told to")]
    fn a_panic_is_passed_on() {
        let _ = unless_stopped(&AtomicBool::new(false), || panic!("told to"));
    }
}
