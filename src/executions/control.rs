//! How a running execution is told to stop or to wait.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Why an execution has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A person cancelled it.
    Cancelled,
    /// The server is shutting down.
    Shutdown,
}

const RUN: u8 = 0;
const CANCEL: u8 = 1;
const SHUTDOWN: u8 = 2;

/// Shared between an execution's threads and whoever may stop it.
#[derive(Debug, Default)]
pub struct Control {
    stop: AtomicU8,
    /// The same question for code that knows nothing of executions.
    stopping: Arc<AtomicBool>,
    paused: Mutex<bool>,
    changed: Condvar,
}

impl Control {
    /// Asks the execution to end at the next safe place.
    pub fn stop(&self, why: Stop) {
        let code = match why {
            Stop::Cancelled => CANCEL,
            Stop::Shutdown => SHUTDOWN,
        };
        // the first reason stays
        let _ = self.stop.compare_exchange(RUN, code, Ordering::SeqCst, Ordering::SeqCst);
        self.stopping.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }

    /// The reason to stop, if there is one.
    pub fn stopped(&self) -> Option<Stop> {
        match self.stop.load(Ordering::SeqCst) {
            RUN => None,
            CANCEL => Some(Stop::Cancelled),
            _ => Some(Stop::Shutdown),
        }
    }

    /// A flag that becomes true when the execution has to stop.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.stopping.clone()
    }

    /// Lets the execution wait at its next safe place.
    pub fn pause(&self) {
        *self.paused.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = true;
    }

    /// Lets it go on.
    pub fn resume(&self) {
        *self.paused.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = false;
        self.changed.notify_all();
    }

    /// Whether it was told to wait.
    pub fn is_paused(&self) -> bool {
        *self.paused.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits while paused; returns at once when the execution has to stop.
    pub fn wait_while_paused(&self) {
        let mut paused = self.paused.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while *paused && self.stopped().is_none() {
            let (guard, _) = self
                .changed
                .wait_timeout(paused, Duration::from_millis(500))
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            paused = guard;
        }
    }

    /// Sleeps, but not longer than until a stop is asked for.
    pub fn sleep(&self, time: Duration) {
        let guard = self.paused.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if self.stopped().is_none() {
            let _ = self.changed.wait_timeout(guard, time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_to_stop_stays() {
        let control = Control::default();
        assert_eq!(control.stopped(), None);
        control.stop(Stop::Shutdown);
        control.stop(Stop::Cancelled);
        assert_eq!(control.stopped(), Some(Stop::Shutdown));
        assert!(control.flag().load(Ordering::SeqCst));
    }

    #[test]
    fn a_paused_execution_that_must_stop_does_not_wait() {
        let control = Arc::new(Control::default());
        control.pause();
        let other = control.clone();
        let waiting = std::thread::spawn(move || other.wait_while_paused());
        control.stop(Stop::Cancelled);
        waiting.join().unwrap();
    }
}
