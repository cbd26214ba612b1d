//! The Drive actor.
//!
//! *Owns*: one device handle, on a thread of its own ([`DeviceThread`]).
//! *Accepts*: [`Perform`] with a typed [`DriveTask`] (load, unload, read a label, write a part, read ranges …) from the
//! execution that holds the drive; [`Snapshot`] from anybody; [`Refresh`] from the clock.
//! *Emits*: `drive` messages to those who watch, events when a tape appears, changes or is unknown, and rows in
//! `tape_drives`, `drive_statistics`, `drive_alerts`, `tape_health`.
//! *Invariants*: while the drive is reserved nobody else moves the tape: the status of a busy drive is the last known one.
//! *On failure*: an error of a task is the answer to that task; a panic costs the device handle, never the actor.

pub mod health;
pub mod loading;
pub mod observe;
mod registry;
pub mod tasks;

pub use registry::Drives;
pub use tasks::{DriveTask, Unit};

use super::device_thread::DeviceThread;
use crate::Result;
use crate::executions::Reservations;
use actix::prelude::*;
use serde::Serialize;
use tape_drive::{DriveStatus, EncryptionState, Medium, TapeDrive};

/// What is known of a drive without touching it.
#[derive(Debug, Clone, Serialize, Default)]
pub struct DriveSnapshot {
    /// The drive's row.
    pub drive_id: i32,
    /// Device path.
    pub device_path: String,
    /// Readiness, as last seen.
    pub status: Option<DriveStatus>,
    /// The medium, as last seen.
    pub medium: Option<Medium>,
    /// Its label, if it has one of ours.
    pub label: Option<LabelSeen>,
    /// What is at the beginning of the tape instead of a label of ours.
    pub unlabelled: Option<Unlabelled>,
    /// For how long the drive has been getting the tape ready; none: it is not.
    pub loading_seconds: Option<u64>,
    /// Why the drive does not work; cleared when it does. What is wrong with a tape, or with what was asked for, is not here.
    pub error: Option<String>,
    /// The execution that uses the drive.
    pub execution_id: Option<i32>,
    /// Logical object number, as last seen.
    pub block: Option<u64>,
    /// File number, as last seen.
    pub file: Option<u64>,
    /// At the beginning of the tape.
    pub beginning: bool,
    /// The key with which everything is encrypted that is written to the tape in it, if a person said so.
    pub standing_key_id: Option<i32>,
    /// How it encrypts, as last seen; none if it cannot.
    pub encryption: Option<EncryptionState>,
    /// Whether the tape in the drive has been looked at since it was put in.
    pub examined: bool,
}

impl DriveSnapshot {
    /// What it is doing in one word: `busy`, `error`, `online` or `offline`.
    pub fn state(&self) -> &'static str {
        match self {
            busy if busy.execution_id.is_some() => "busy",
            broken if broken.error.is_some() => "error",
            known if known.status.is_some() => "online",
            _ => "offline",
        }
    }
}

/// A tape without a label of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlabelled {
    /// Nothing is recorded on it.
    Blank,
    /// It is somebody else's; what was found.
    Foreign(String),
}

/// A label that was read from a tape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelSeen {
    /// Name of the tape.
    pub label: String,
    /// Its uuid.
    pub uuid: String,
    /// Its pool's name when it was labelled.
    pub pool: String,
    /// When, Unix seconds.
    pub timestamp: i64,
    /// Fingerprint of the key it was prepared for, if any.
    pub key_fingerprint: String,
    /// Compression it was prepared for.
    pub compression: String,
}

impl From<tape_format::Label> for LabelSeen {
    fn from(label: tape_format::Label) -> Self {
        LabelSeen {
            label: label.label,
            uuid: label.uuid.to_string(),
            pool: label.pool,
            timestamp: label.timestamp,
            key_fingerprint: label.key_fingerprint,
            compression: label.compression,
        }
    }
}

/// One drive.
pub struct DriveActor {
    id: i32,
    thread: DeviceThread<dyn TapeDrive>,
    unit: Unit,
    reservations: Reservations,
}

impl DriveActor {
    /// Starts the actor of a drive.
    pub fn start(unit: Unit, reservations: Reservations) -> std::io::Result<Addr<DriveActor>> {
        let (id, path) = (unit.id, unit.device_path.clone());
        let thread = DeviceThread::start(&format!("drive-{id}"), move || tape_drive::open_drive(&path))?;
        Ok(DriveActor { id, thread, unit, reservations }.start())
    }
}

impl Actor for DriveActor {
    type Context = Context<Self>;
}

impl Supervised for DriveActor {}

/// Runs a task on the drive's thread. Only for the execution that holds the drive, whose span goes with it: lines in the log
/// from that thread belong to the execution.
pub struct Perform<T: DriveTask>(pub T, pub tracing::Span);

impl<T: DriveTask> Message for Perform<T> {
    type Result = Result<T::Output>;
}

impl<T: DriveTask> Handler<Perform<T>> for DriveActor {
    type Result = ResponseFuture<Result<T::Output>>;

    fn handle(&mut self, message: Perform<T>, _: &mut Self::Context) -> Self::Result {
        let unit = self.unit.clone();
        let Perform(task, span) = message;
        Box::pin(self.thread.run(move |slot| span.in_scope(|| tasks::perform(task, slot, &unit))))
    }
}

/// What is known of the drive now. Never waits for the device.
#[derive(Message)]
#[rtype(result = "DriveSnapshot")]
pub struct Snapshot;

impl Handler<Snapshot> for DriveActor {
    type Result = MessageResult<Snapshot>;

    fn handle(&mut self, _: Snapshot, _: &mut Self::Context) -> Self::Result {
        let mut snapshot = self.unit.snapshot();
        snapshot.execution_id = self.reservations.holder_of_drive(self.id);
        MessageResult(snapshot)
    }
}

/// Looks at the drive if nobody uses it: is there a tape, and which.
#[derive(Message)]
#[rtype(result = "Result<DriveSnapshot>")]
pub struct Refresh;

impl Handler<Refresh> for DriveActor {
    type Result = ResponseFuture<Result<DriveSnapshot>>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        self.unless_used(|| tasks::Look)
    }
}

/// The same without reading the drive's counters: for somebody who waits for a tape and asks every moment.
#[derive(Message)]
#[rtype(result = "Result<DriveSnapshot>")]
pub struct Peek;

impl Handler<Peek> for DriveActor {
    type Result = ResponseFuture<Result<DriveSnapshot>>;

    fn handle(&mut self, _: Peek, _: &mut Self::Context) -> Self::Result {
        self.unless_used(|| tasks::Notice)
    }
}

impl DriveActor {
    /// Runs a task for nobody in particular, unless the drive belongs to an execution.
    fn unless_used<T: DriveTask<Output = ()>>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> ResponseFuture<Result<DriveSnapshot>> {
        let unit = self.unit.clone();
        let (id, reservations) = (self.id, self.reservations.clone());
        if let Some(holder) = reservations.holder_of_drive(id) {
            let mut snapshot = unit.snapshot();
            snapshot.execution_id = Some(holder);
            return Box::pin(std::future::ready(Ok(snapshot)));
        }
        Box::pin(self.thread.run(move |slot| {
            // it may have been taken while this waited in the queue
            if reservations.holder_of_drive(id).is_none() {
                tasks::perform(task(), slot, &unit)?;
            }
            Ok(unit.snapshot())
        }))
    }
}
