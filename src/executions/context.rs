//! What a running execution has in its hands.

use super::{Control, Lease, Log, Progress, Request, Stop, Taken, Wanted};
use crate::actors::catalog::CatalogActor;
use crate::actors::drive::loading::LoadMedium;
use crate::actors::drive::tasks::FirstBlock;
use crate::actors::drive::{DriveTask, Drives};
use crate::actors::library::Libraries;
use crate::config::Config;
use crate::db::executions::ExecutionChanges;
use crate::db::{self, DbPool};
use crate::events::Bus;
use crate::keys::KeyStore;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What all executions share. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// Settings.
    pub config: Arc<Config>,
    /// Database.
    pub db: DbPool,
    /// Events.
    pub bus: Bus,
    /// Drives, and who uses them.
    pub drives: Drives,
    /// Libraries.
    pub libraries: Libraries,
    /// The catalog's writer.
    pub catalog: actix::Addr<CatalogActor>,
    /// Encryption keys.
    pub keys: Arc<KeyStore>,
}

/// One running execution, on its worker thread.
pub struct Context {
    /// Its row.
    pub id: i32,
    /// What was asked.
    pub request: Request,
    /// Shared services.
    pub services: Services,
    /// Live counters.
    pub progress: Arc<Progress>,
    /// Stop and pause.
    pub control: Arc<Control>,
    /// Its log.
    pub lines: Log,
    /// Drives that failed in this run.
    pub failed_drives: FailedDrives,
    /// What lines in the server's log belong to; the run's further threads enter it, too.
    pub span: tracing::Span,
}

/// Drives with a hardware error: a run takes another one if it can have one.
#[derive(Debug, Default)]
pub struct FailedDrives(Mutex<BTreeSet<i32>>);

impl FailedDrives {
    /// This one has failed; `false` if that was known.
    pub fn add(&self, drive: i32) -> bool {
        self.lock().insert(drive)
    }

    /// Whether this one has.
    pub fn contains(&self, drive: i32) -> bool {
        self.lock().contains(&drive)
    }

    /// Whether any has.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Context {
    /// A database connection.
    pub fn conn(&self) -> Result<db::PooledConn> {
        Ok(self.services.db.get()?)
    }

    /// Says what is being done now: shown at once, stored, logged.
    pub fn phase(&self, phase: &str, message: impl Into<String>) -> Result<()> {
        let message = message.into();
        self.phase_unlogged(phase, &message)?;
        self.log(&message);
        Ok(())
    }

    /// The same without a line in the log: what it says is in the log already, in other words.
    pub fn phase_unlogged(&self, phase: &str, message: &str) -> Result<()> {
        self.progress.set_phase(phase, message);
        db::executions::set_phase(&mut *self.conn()?, self.id, phase, message)?;
        self.publish();
        Ok(())
    }

    /// Shows the counters to those who watch.
    pub fn publish(&self) {
        self.services.bus.transient("execution", serde_json::json!(self.progress.view(self.id)));
    }

    /// Adds a line to the log.
    pub fn log(&self, message: &str) {
        self.lines.info(message);
    }

    /// Records a warning about a file: the run goes on, and its report names the file.
    pub fn warn(&self, path: Option<&str>, message: &str) {
        self.lines.warn(path, message);
    }

    /// Records a decision in words: "why this tape".
    pub fn why(&self, reasons: &[String]) -> Result<()> {
        for reason in reasons {
            self.log(reason);
        }
        db::executions::add_why(&mut *self.conn()?, self.id, reasons)
    }

    /// An error if the execution has to stop; waits while it is paused.
    pub fn check(&self) -> Result<()> {
        if self.control.is_paused() {
            self.control.wait_while_paused();
        }
        match self.control.stopped() {
            None => Ok(()),
            Some(why) => Err(stopped(why)),
        }
    }

    /// Takes a drive (and a tape) as soon as `choose` finds them free. While it waits, the reason is shown.
    pub fn take<T>(&self, mut choose: impl FnMut(&Taken) -> Result<Wanted<T>>) -> Result<(Lease, T)> {
        let mut shown = String::new();
        loop {
            self.check()?;
            match self.services.drives.reservations.try_take(self.id, &mut choose)? {
                Ok(taken) => return Ok(taken),
                Err(reason) => {
                    if reason != shown {
                        self.phase("waiting", format!("Waiting: {reason}."))?;
                        shown = reason;
                    }
                    self.services.drives.reservations.wait_for_change(Duration::from_millis(500));
                }
            }
        }
    }

    /// Takes the given drive, waiting for it.
    pub fn take_drive(&self, drive: i32, tape: Option<i32>) -> Result<Lease> {
        let name = db::drives::find(&mut *self.conn()?, drive)?.name().to_string();
        let (lease, ()) = self.take(|taken| {
            Ok(match (taken.drives.get(&drive), tape.and_then(|tape| taken.tapes.get(&tape))) {
                (Some(other), _) => Wanted::Wait(format!("drive {name} is used by execution {other}")),
                (_, Some(other)) => Wanted::Wait(format!("the tape is used by execution {other}")),
                (None, None) => Wanted::Take { drive, tape, choice: () },
            })
        })?;
        self.note_lease(&lease)?;
        Ok(lease)
    }

    /// Records which drive and tape the execution uses.
    pub fn note_lease(&self, lease: &Lease) -> Result<()> {
        let changes = ExecutionChanges {
            drive_id: Some(Some(lease.drive())),
            tape_id: lease.tape().map(Some),
            ..ExecutionChanges::default()
        };
        db::executions::update(&mut *self.conn()?, self.id, &changes)
    }

    /// Threads the cartridge in the leased drive and reads its label; what takes long is shown.
    pub fn load(&self, lease: &Lease) -> Result<FirstBlock> {
        let (id, bus, progress) = (self.id, self.services.bus.clone(), self.progress.clone());
        let told = move |words: &str| {
            progress.set_phase("loading", words);
            bus.transient("execution", serde_json::json!(progress.view(id)));
        };
        let found = self.perform(lease, LoadMedium { told: Some(Box::new(told)) })?;
        super::label::heal(self, lease, &found)?;
        Ok(found)
    }

    /// Runs a task on the leased drive.
    pub fn perform<T: DriveTask>(&self, lease: &Lease, task: T) -> Result<T::Output> {
        self.span.in_scope(|| self.services.drives.perform(lease, task))
    }
}

/// The error of an execution that was told to stop.
pub fn stopped(why: Stop) -> Error {
    match why {
        Stop::Cancelled => Error::new(ErrorKind::Conflict, "cancelled", "cancelled"),
        Stop::Shutdown => Error::new(
            ErrorKind::Unavailable,
            "shutdown",
            "the server was shut down while this was running; run it again",
        ),
    }
}
