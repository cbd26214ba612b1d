//! Carries catalog rows from the drive's thread to the Catalog actor, in batches, without letting either wait long.

use crate::actors::catalog::{CatalogActor, Insert, InsertDeleted};
use crate::executions::Progress;
use crate::{Error, Result};
use actix::Addr;
use crossbeam_channel::{Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tape_format::MemberRecord;

/// Rows in one batch: large enough for one transaction to be cheap, small enough to be no pause.
const BATCH: usize = 10_000;
/// Batches that may wait.
const WAITING: usize = 4;

enum Rows {
    Members {
        part: i32,
        rows: Vec<(MemberRecord, u64)>,
    },
    Deleted(Vec<Vec<u8>>),
    /// Everything before this is stored.
    Barrier(Sender<()>),
}

/// The sending side; lives on the drive's thread.
pub struct Feed {
    rows: Vec<(MemberRecord, u64)>,
    gone: Vec<Vec<u8>>,
    part: i32,
    batches: Sender<Rows>,
    failed: Arc<AtomicBool>,
    progress: Arc<Progress>,
}

/// The receiving side: a thread that sends to the actor.
pub struct Feeder {
    thread: JoinHandle<Result<()>>,
}

/// Starts the feeder of a set.
pub fn start(catalog: Addr<CatalogActor>, set_id: i32, progress: Arc<Progress>) -> Result<(Feed, Feeder)> {
    let (batches, waiting) = bounded::<Rows>(WAITING);
    let failed = Arc::new(AtomicBool::new(false));
    let flag = failed.clone();
    let counted = progress.clone();
    let thread = std::thread::Builder::new().name(format!("feed-{set_id}")).spawn(move || {
        let work = || -> Result<()> {
            for batch in &waiting {
                match batch {
                    Rows::Members { part, rows } => {
                        counted.tape.storing(rows.len(), || {
                            futures_executor::block_on(catalog.send(Insert { set_id, part, rows }))?
                        })?;
                    }
                    Rows::Barrier(passed) => {
                        let _ = passed.send(());
                    }
                    Rows::Deleted(paths) => {
                        futures_executor::block_on(catalog.send(InsertDeleted { set_id, paths }))??;
                    }
                }
            }
            Ok(())
        };
        let result = work();
        if result.is_err() {
            flag.store(true, Ordering::SeqCst);
            // let the sender go on until it notices
            for _ in waiting {}
        }
        result
    })?;
    Ok((
        Feed { rows: Vec::with_capacity(BATCH), gone: Vec::new(), part: 1, batches, failed, progress },
        Feeder { thread },
    ))
}

impl Feed {
    /// Members that begin in block `block` of part `part`.
    pub fn members(&mut self, part: i32, records: Vec<MemberRecord>, block: u64) {
        if part != self.part {
            self.flush();
            self.part = part;
        }
        self.rows.extend(records.into_iter().map(|record| (record, block)));
        if self.rows.len() >= BATCH {
            self.flush();
        }
    }

    /// One member of part `part` that begins in block `block`.
    pub fn member(&mut self, part: i32, record: MemberRecord, block: u64) {
        if part != self.part || self.rows.len() >= BATCH {
            self.flush();
            self.part = part;
        }
        self.rows.push((record, block));
    }

    /// One path that is gone.
    pub fn gone(&mut self, path: Vec<u8>) {
        self.gone.push(path);
        if self.gone.len() >= BATCH {
            self.flush();
        }
    }

    /// Waits until everything that was sent is stored.
    ///
    /// # Errors
    /// If the catalog has refused something.
    pub fn settle(&mut self) -> Result<()> {
        self.flush();
        let (passed, stored) = bounded(1);
        let _ = self.batches.send(Rows::Barrier(passed));
        // a feeder that has failed drops the barrier without answering
        match stored.recv() {
            Ok(()) if !self.failed() => Ok(()),
            _ => Err(Error::internal("the catalog could not be written")),
        }
    }

    /// Whether the catalog refused something: the run cannot be completed any more.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    fn flush(&mut self) {
        if !self.rows.is_empty() {
            let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(BATCH));
            self.progress.tape.feed_wait.time(|| {
                let _ = self.batches.send(Rows::Members { part: self.part, rows });
            });
        }
        if !self.gone.is_empty() {
            let _ = self.batches.send(Rows::Deleted(std::mem::take(&mut self.gone)));
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Feeder {
    /// Waits until everything sent has been stored. The [`Feed`] must be gone.
    pub fn finish(self) -> Result<()> {
        self.thread.join().unwrap_or_else(|_| Err(Error::internal("the catalog feeder ended in a program error")))
    }
}
