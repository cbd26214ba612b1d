//! The Jobs actor.
//!
//! *Owns*: the executions: the queue in the database, one worker thread per running execution, and their controls.
//! *Accepts*: [`Submit`], [`Control`], [`Active`], [`LookAtWork`], [`Wait`], [`Shutdown`].
//! *Emits*: `execution` messages to those who watch, events when work starts, ends, fails.
//! *Invariants*: an execution's row exists before its thread does (none is lost); a row is claimed once (none runs twice);
//! a job never overlaps itself.
//! *On failure*: a worker that panics fails its execution with the reason; its leases are given back as its stack unwinds.

mod announce;
mod control;
mod ends;
mod moved;
mod throughput;

use super::supervised;
use crate::db;
use crate::db::executions::{Execution, ExecutionChanges, NewExecution};
use crate::events::{Category, Event};
use crate::executions::throughput::Pace;
use crate::executions::{
    Context as Work, Control as Handle, FailedDrives, Log, Progress, ProgressView, Recorder, Request, Services, Stop,
    after_a_shutdown, database_backup, run,
};
use crate::{Error, ErrorKind, Result};
use actix::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

pub use announce::untold;
pub use control::{Command, Control};
pub use moved::{AtWork, LookAtWork, Moved};
pub use throughput::ThroughputOf;

/// Executions that run at the same time; more wait in the queue.
const MAX_RUNNING: usize = 32;
/// How often progress is shown to those who watch.
const SHOW: Duration = Duration::from_millis(500);
/// How often progress is stored.
const STORE: Duration = Duration::from_secs(5);

struct Running {
    progress: Arc<Progress>,
    control: Arc<Handle>,
    job_id: Option<i32>,
    recorder: Recorder,
    counted: moved::Counted,
}

impl Running {
    /// Whether it goes on or stands.
    fn pace(&self, view: &ProgressView) -> Pace {
        if view.phase == "waiting" || self.control.is_paused() { Pace::Waits } else { Pace::Works }
    }

    /// Adds what has moved since the last look.
    fn count(&mut self, moved: &mut BTreeMap<String, moved::Moved>, view: &ProgressView) {
        let (reading, pace) = (self.progress.reading(), self.pace(view));
        moved::count(moved, &mut self.counted, (view, reading), pace);
    }
}

/// The queue and its workers.
pub struct Jobs {
    services: Services,
    running: BTreeMap<i32, Running>,
    waiters: HashMap<i32, watch::Sender<bool>>,
    ends: ends::Ends,
    /// By device path.
    moved: BTreeMap<String, moved::Moved>,
    closing: bool,
}

impl Jobs {
    /// Starts the actor on the current arbiter; work that was pending when the server stopped is taken up again.
    pub fn start(services: Services) -> Addr<Jobs> {
        let ends = ends::Ends::new(&services);
        let (running, waiters, moved) = (BTreeMap::new(), HashMap::new(), BTreeMap::new());
        Jobs { services, running, waiters, ends, moved, closing: false }.start()
    }

    fn start_pending(&mut self, context: &mut Context<Self>) {
        while self.running.len() < MAX_RUNNING && !self.closing {
            let next = self.services.db.get().map_err(Error::from).and_then(|mut conn| {
                let busy: Vec<i32> = self.running.values().filter_map(|running| running.job_id).collect();
                db::executions::claim_next(&mut conn, &busy)
            });
            match next {
                Ok(Some(row)) => self.launch(row, context),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "the queue of executions could not be read");
                    if error.code == "disk_full" {
                        self.end_pending(&error);
                    }
                    break;
                }
            }
        }
    }

    fn supervised_start(&mut self, context: &mut Context<Self>) {
        // a failure is in the log, and the next message tries again
        let _ = supervised("starting work", || {
            self.start_pending(context);
            Ok(())
        });
    }

    fn launch(&mut self, row: Execution, context: &mut Context<Self>) {
        let id = row.id;
        let request: Request = match serde_json::from_str(&row.request) {
            Ok(request) => request,
            Err(error) => {
                self.finish(id, Err(Error::internal(format!("the stored request cannot be read: {error}"))));
                return;
            }
        };
        announce::began(&self.services, &row);
        let (progress, control) = (Arc::new(Progress::default()), Arc::new(Handle::default()));
        let running = Running {
            progress: progress.clone(),
            control: control.clone(),
            job_id: row.job_id,
            recorder: throughput::recorder(&self.services.db, id),
            counted: moved::Counted::default(),
        };
        self.running.insert(id, running);
        let lines = Log::new(id, self.services.db.clone(), progress.clone());
        let services = self.services.clone();
        // an error, so that no level of the log leaves it out of lines that are there
        let span = tracing::error_span!("execution", execution = id, kind = row.kind, job = row.job_id);
        let failed_drives = FailedDrives::default();
        let work = Work { id, request, services, progress, control, lines, failed_drives, span: span.clone() };
        let me = context.address();
        let spawned = std::thread::Builder::new().name(format!("execution-{id}")).spawn(move || {
            let _entered = span.enter();
            tracing::info!("{} begins", row.title);
            let result = catch_unwind(AssertUnwindSafe(|| run::run(&work)))
                .unwrap_or_else(|panic| Err(Error::internal(format!("a program error: {}", panic_text(&*panic)))));
            announce::log(&row.title, &result);
            work.publish();
            me.do_send(Ended { id, result });
        });
        if let Err(error) = spawned {
            self.finish(id, Err(Error::internal(format!("no thread for the execution: {error}"))));
        }
    }

    fn finish(&mut self, id: i32, result: Result<serde_json::Value>) {
        let mut running = self.running.remove(&id);
        if let Some(running) = &mut running {
            throughput::end(&self.services, id, running);
            running.count(&mut self.moved, &running.progress.view(id));
        }
        if result.as_ref().is_err_and(|error| error.code == "shutdown") && self.goes_on_after_restart(id) {
            return self.tell_waiters(id);
        }
        let counted = running.as_ref().map(|running| counters(&running.progress.view(id))).unwrap_or_default();
        self.ended(id, counted, &result);
        self.tell_waiters(id);
    }

    /// Puts into the queue what a run asks for at its end.
    fn follow(&self, row: &Execution) {
        let queued = database_backup::after(&self.services, row).and_then(|next| {
            let Some((request, title)) = next else { return Ok(()) };
            let new = NewExecution {
                kind: request.kind().into(),
                title,
                request: serde_json::to_string(&request)?,
                ..NewExecution::default()
            };
            db::executions::insert(&mut *self.services.db.get()?, &new).map(drop)
        });
        if let Err(error) = queued {
            let message = format!("The database is not copied to tape after {}: {}", row.title, error.message);
            self.services.bus.publish(
                Event::error(Category::System, "Database Backup Failed", message)
                    .details(serde_json::json!({"execution_id": row.id})),
            );
        }
    }

    fn tell_waiters(&mut self, id: i32) {
        if let Some(waiter) = self.waiters.remove(&id) {
            let _ = waiter.send(true);
        }
    }

    /// Puts an execution that a shutdown ended back into the queue, if it can go on.
    fn goes_on_after_restart(&self, id: i32) -> bool {
        let requeued = self.services.db.get().map_err(Error::from).and_then(|mut conn| {
            let row = db::executions::find(&mut conn, id)?;
            match after_a_shutdown(&row)? {
                Some((request, state)) => db::executions::requeue(&mut conn, id, &request, &state).map(|_| true),
                None => Ok(false),
            }
        });
        requeued.unwrap_or_else(|error| {
            tracing::error!(execution = id, %error, "a run that was interrupted could not be kept for the next start");
            false
        })
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

fn counters(view: &ProgressView) -> ExecutionChanges {
    ExecutionChanges {
        files_total: Some(view.total_files as i64),
        bytes_total: Some(view.total_bytes as i64),
        files_processed: Some(view.file_count as i64),
        bytes_processed: Some(view.bytes_processed as i64),
        warning_count: Some(view.warning_count as i64),
        ..ExecutionChanges::default()
    }
}

impl Actor for Jobs {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.supervised_start(context);
        context.run_interval(SHOW, |jobs, _| {
            for (id, running) in &mut jobs.running {
                let view = running.progress.view(*id);
                throughput::record(&jobs.services.bus, running, &view);
                running.count(&mut jobs.moved, &view);
                jobs.services.bus.transient("execution", serde_json::json!(view));
            }
        });
        context.run_interval(STORE, |jobs, context| {
            jobs.store_ends();
            jobs.supervised_start(context);
            let Ok(mut conn) = jobs.services.db.get() else { return };
            for (id, running) in &mut jobs.running {
                let stored = db::executions::update(&mut conn, *id, &counters(&running.progress.view(*id)))
                    .and_then(|()| throughput::store(&mut conn, *id, &mut running.recorder));
                if let Err(error) = stored {
                    tracing::warn!(execution = id, %error, "progress could not be stored");
                }
            }
        });
    }
}

impl Supervised for Jobs {}

#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    id: i32,
    result: Result<serde_json::Value>,
}

impl Handler<Ended> for Jobs {
    type Result = ();

    fn handle(&mut self, message: Ended, context: &mut Self::Context) {
        let Ended { id, result } = message;
        let _ = supervised("ending an execution", || {
            self.finish(id, result);
            Ok(())
        });
        self.supervised_start(context);
    }
}

/// Puts work into the queue. The answer comes when its row is on disk.
#[derive(Message)]
#[rtype(result = "Result<i32>")]
pub struct Submit {
    /// What.
    pub request: Request,
    /// For people: "Backup of job X".
    pub title: String,
    /// Who asked; none: the clock.
    pub user_id: Option<i32>,
}

impl Handler<Submit> for Jobs {
    type Result = Result<i32>;

    fn handle(&mut self, message: Submit, context: &mut Self::Context) -> Self::Result {
        supervised("the queue", || self.submit(message, context))
    }
}

impl Jobs {
    fn submit(&mut self, message: Submit, context: &mut Context<Self>) -> Result<i32> {
        if self.closing {
            return Err(Error::new(ErrorKind::Unavailable, "shutting_down", "the server is shutting down"));
        }
        let job_id = match &message.request {
            Request::Backup(backup) => Some(backup.job_id),
            _ => None,
        };
        run::has_room(&self.services.config, &message.request)?;
        let mut conn = self.services.db.get()?;
        if let Some(job) = job_id
            && db::executions::has_open(&mut conn, job)?
        {
            return Err(Error::conflict(
                "job_running",
                format!("job {job} has a run that has not ended; it never overlaps itself"),
            ));
        }
        let new = NewExecution {
            kind: message.request.kind().into(),
            title: message.title,
            job_id,
            request: serde_json::to_string(&message.request)?,
            user_id: message.user_id,
            ..Default::default()
        };
        let row = db::executions::insert(&mut conn, &new)?;
        drop(conn);
        self.start_pending(context);
        Ok(row.id)
    }
}

/// Figures of everything that runs, with the jobs they belong to.
#[derive(Message)]
#[rtype(result = "Vec<ProgressView>")]
pub struct Active;

impl Handler<Active> for Jobs {
    type Result = MessageResult<Active>;

    fn handle(&mut self, _: Active, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.running.iter().map(|(id, running)| running.progress.view(*id)).collect())
    }
}

/// Answers when an execution has ended, with its row.
#[derive(Message)]
#[rtype(result = "Result<Execution>")]
pub struct Wait(pub i32);

impl Handler<Wait> for Jobs {
    type Result = ResponseFuture<Result<Execution>>;

    fn handle(&mut self, message: Wait, _: &mut Self::Context) -> Self::Result {
        let id = message.0;
        let services = self.services.clone();
        let row = services.db.get().map_err(Error::from).and_then(|mut conn| db::executions::find(&mut conn, id));
        let open = matches!(&row, Ok(row) if row.end_time.is_none());
        let ended = open.then(|| self.waiters.entry(id).or_insert_with(|| watch::channel(false).0).subscribe());
        Box::pin(async move {
            if let Some(mut ended) = ended {
                let _ = ended.changed().await;
                let mut conn = services.db.get()?;
                return db::executions::find(&mut conn, id);
            }
            row
        })
    }
}

/// Takes no more work, asks everything to stop at the next safe place, and answers when all has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Shutdown;

impl Handler<Shutdown> for Jobs {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Shutdown, _: &mut Self::Context) -> Self::Result {
        self.closing = true;
        let mut ends = Vec::new();
        for (id, running) in &self.running {
            running.control.stop(Stop::Shutdown);
            ends.push(self.waiters.entry(*id).or_insert_with(|| watch::channel(false).0).subscribe());
        }
        Box::pin(
            async move {
                for mut end in ends {
                    let _ = end.changed().await;
                }
            }
            .into_actor(self),
        )
    }
}
