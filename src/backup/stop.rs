//! The two ways to end a run early: the operator cancels it, or nobody wants its frames any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once, seen by all who hold it.
#[derive(Debug, Clone)]
pub struct Stop {
    cancelled: Arc<AtomicBool>,
    given_up: Arc<AtomicBool>,
}

impl Stop {
    /// Follows the operator's flag.
    pub fn new(cancelled: Arc<AtomicBool>) -> Stop {
        Stop { cancelled, given_up: Arc::default() }
    }

    /// Gives the run up.
    pub fn stop(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// Whether to end.
    pub fn is_set(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.given_up.load(Ordering::Relaxed)
    }
}
