//! The log of an execution: lines and warnings, stored by whoever noticed something.

use super::Progress;
use crate::Result;
use crate::db::execution_logs::{self, NewLogLine};
use crate::db::{DbPool, LogLevel};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// Warnings stored by name for one execution; more are only counted.
const MAX_WARNINGS: u64 = 10_000;
/// Warnings that may wait to be stored.
const WAITING: usize = 1000;

/// Writes the log of one execution. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    execution: i32,
    db: DbPool,
    progress: Arc<Progress>,
}

impl Log {
    /// The log of an execution.
    pub fn new(execution: i32, db: DbPool, progress: Arc<Progress>) -> Log {
        Log { execution, db, progress }
    }

    /// Adds a line.
    pub fn info(&self, message: &str) {
        self.store(vec![NewLogLine::new(self.execution, LogLevel::Info, message)]);
    }

    /// Counts a warning; the line to be stored for it, if it is not one too many.
    fn warning(&self, path: Option<&str>, message: &str) -> Option<NewLogLine> {
        let count = self.progress.warnings.fetch_add(1, Ordering::Relaxed);
        let line = |path: Option<&str>, message: &str| NewLogLine {
            path: path.map(Into::into),
            ..NewLogLine::new(self.execution, LogLevel::Warning, message)
        };
        match count.cmp(&MAX_WARNINGS) {
            std::cmp::Ordering::Less => Some(line(path, message)),
            std::cmp::Ordering::Equal => {
                Some(line(None, "there are more warnings; from here on they are only counted"))
            }
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Counts and stores a warning.
    pub fn warn(&self, path: Option<&str>, message: &str) {
        self.store(self.warning(path, message).into_iter().collect());
    }

    fn store(&self, lines: Vec<NewLogLine>) {
        if lines.is_empty() {
            return;
        }
        let stored: Result<()> =
            self.db.get().map_err(Into::into).and_then(|mut conn| execution_logs::append(&mut conn, &lines));
        if let Err(error) = stored {
            for line in lines {
                tracing::warn!(execution = self.execution, %error, message = line.message, "a log line was not stored");
            }
        }
    }
}

/// Takes warnings from threads that must not wait for the disk, and stores them in batches.
pub struct WarningWriter {
    thread: JoinHandle<()>,
}

/// The quick end of a [`WarningWriter`].
#[derive(Clone)]
pub struct Warnings {
    log: Log,
    lines: Sender<NewLogLine>,
}

impl Warnings {
    /// Counts a warning and hands it over.
    pub fn add(&self, path: &str, message: &str) {
        if let Some(line) = self.log.warning(Some(path), message) {
            let _ = self.lines.send(line);
        }
    }
}

impl WarningWriter {
    /// Starts it. It ends when all [`Warnings`] are gone.
    pub fn start(log: &Log) -> Result<(Warnings, WarningWriter)> {
        let (lines, waiting): (_, Receiver<NewLogLine>) = bounded(WAITING);
        let writer = log.clone();
        let thread = std::thread::Builder::new().name(format!("log-{}", log.execution)).spawn(move || {
            while let Ok(first) = waiting.recv() {
                let mut batch = vec![first];
                batch.extend(waiting.try_iter().take(WAITING));
                writer.store(batch);
            }
        })?;
        Ok((Warnings { log: log.clone(), lines }, WarningWriter { thread }))
    }

    /// Waits until all is stored.
    pub fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the writer of warnings ended in a program error");
        }
    }
}
