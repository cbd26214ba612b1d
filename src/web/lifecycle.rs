//! Being asked to stop or to start again: by a signal, by the API.

use chrono::NaiveDateTime;
use std::sync::Arc;
use tokio::sync::watch;

/// Why the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Stop.
    Stop,
    /// End in order, to be started again by whoever supervises the process.
    Restart,
}

/// A wish to end, and those who wait for it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    wish: Arc<watch::Sender<Option<Exit>>>,
    since: NaiveDateTime,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle { wish: Arc::new(watch::Sender::new(None)), since: crate::db::now() }
    }
}

impl Lifecycle {
    /// Ask the server to end. The first to ask says why.
    pub fn request(&self, exit: Exit) {
        self.wish.send_if_modified(|now| {
            let first = now.is_none();
            now.get_or_insert(exit);
            first
        });
    }

    /// When the program was started, UTC.
    pub fn since(&self) -> NaiveDateTime {
        self.since
    }

    /// Whether it was asked to end.
    pub fn requested(&self) -> Option<Exit> {
        *self.wish.borrow()
    }

    /// Wait until it is asked to end.
    pub async fn wait(&self) -> Exit {
        let mut changes = self.wish.subscribe();
        match changes.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Stop),
            // The sender is in `self`, so it is there.
            Err(_) => Exit::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_wish_counts_and_all_hear_of_it() {
        let lifecycle = Lifecycle::default();
        let waiting = tokio::spawn({
            let lifecycle = lifecycle.clone();
            async move { lifecycle.wait().await }
        });
        assert_eq!(lifecycle.requested(), None);
        lifecycle.request(Exit::Restart);
        lifecycle.request(Exit::Stop);
        assert_eq!(waiting.await.unwrap(), Exit::Restart);
        assert_eq!(lifecycle.wait().await, Exit::Restart);
    }
}
