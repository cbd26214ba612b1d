//! The Scheduler actor.
//!
//! *Owns*: the clock: which job is due next, upkeep (maintenance, scrub, drills), and the look at idle drives.
//! *Accepts*: [`JobsChanged`]; ticks of its own.
//! *Emits*: [`Submit`] to Jobs; `next_run_at` in the jobs' rows.
//! *Invariants*: a job that is still running is not started again: that run is reported as missed; the time of a run is
//! stored before it is submitted, so a crash between the two can lose no more than one start and never doubles one.
//! A clock that is set wrong, and right again, neither repeats a run nor puts one off for longer than it was wrong.
//! *On failure*: a schedule that cannot be read is an event, and the job waits for a person.

mod set_back;
mod upkeep;

pub use upkeep::Upkeep;

use super::supervised;
use crate::actors::drive::Drives;
use crate::actors::jobs::{Jobs, Submit};
use crate::clock;
use crate::db::jobs::Job;
use crate::db::{self, DbPool};
use crate::events::{Bus, Category, Event};
use crate::executions::{BackupRequest, Request};
use crate::schedule::{self, Due, Missed, Schedule};
use crate::{Error, Result};
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use set_back::SetBack;
use std::time::{Duration, Instant};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// Runs are looked for behind this moment before a planned one.
const JUST_BEFORE: TimeDelta = TimeDelta::seconds(1);
/// How often idle drives are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// The clock.
pub struct Scheduler {
    db: DbPool,
    bus: Bus,
    jobs: Addr<Jobs>,
    drives: Drives,
    upkeep: Vec<Upkeep>,
    set_back: SetBack,
    /// Whether people were told that the clock is not believed.
    doubted: bool,
}

impl Scheduler {
    /// Starts the actor on the current arbiter. `upkeep`: what is done by the clock besides the jobs.
    pub fn start(db: DbPool, bus: Bus, jobs: Addr<Jobs>, drives: Drives, upkeep: Vec<Upkeep>) -> Addr<Scheduler> {
        Scheduler { db, bus, jobs, drives, upkeep, set_back: SetBack::default(), doubted: false }.start()
    }

    fn plan(&self, now: DateTime<Utc>) -> Result<()> {
        let mut conn = self.db.get()?;
        for job in db::jobs::scheduled(&mut conn)? {
            let next = match schedule_of(&job) {
                Ok(schedule) => schedule.next_after(set_back::looked_until(&job, now)),
                Err(error) => {
                    self.bus.publish(
                        Event::error(Category::Job, "Schedule Invalid", format!("Job {}: {error}", job.name))
                            .details(serde_json::json!({"job_id": job.id})),
                    );
                    None
                }
            };
            // a time that has already passed stays until the tick has dealt with it
            if job.next_run_at.is_none_or(|at| at.and_utc() > now) {
                db::jobs::set_next_run(&mut conn, job.id, next.map(|at| at.naive_utc()))?;
            }
        }
        Ok(())
    }

    fn tick(&self, now: DateTime<Utc>) -> Result<()> {
        let mut conn = self.db.get()?;
        for job in db::jobs::due(&mut conn, now.naive_utc())? {
            let planned = job.next_run_at.map_or(now, |at| at.and_utc());
            let schedule = schedule_of(&job);
            let next = schedule.as_ref().ok().and_then(|schedule| schedule.next_after(now));
            db::jobs::set_next_run(&mut conn, job.id, next.map(|at| at.naive_utc()))?;
            let Ok(schedule) = schedule else { continue };
            // the planned run itself has not been looked at
            let looked_until = set_back::planned_until(&job, planned).unwrap_or(planned - JUST_BEFORE);
            let due = schedule::due(&schedule, looked_until, now, job.missed_runs);
            let details = serde_json::json!({"job_id": job.id, "due": planned});
            let how = match due {
                Due::Nothing => continue,
                Due::Skipped(missed) => {
                    self.warn("Run Missed", format!("Job {}: {}; skipped.", job.name, told(&missed)), details);
                    continue;
                }
                Due::CatchUp(missed) => told(&missed),
                Due::Now(_) => "scheduled".to_owned(),
            };
            if db::executions::has_open(&mut conn, job.id)? {
                let message = format!("Job {} was due at {planned}, but its previous run has not ended.", job.name);
                self.warn("Run Skipped", message, details);
                continue;
            }
            let request = BackupRequest { job_id: job.id, ..BackupRequest::default() };
            let asked = self.jobs.send(Submit {
                request: Request::Backup(request),
                title: format!("Backup of job {} ({how})", job.name),
                user_id: None,
            });
            let bus = self.bus.clone();
            actix::spawn(async move {
                let Err(error) = asked.await.map_err(Error::from).flatten() else { return };
                let message = format!("Job {} was due at {planned} and could not be started: {error}", job.name);
                bus.publish(Event::error(Category::Job, "Run Skipped", message).details(details));
            });
        }
        Ok(())
    }

    /// Looks whether the clock is believed where data is let go, and tells people once if it is not.
    fn look_at_clock(&mut self) -> Result<()> {
        let doubt = clock::look(&mut *self.db.get()?, db::now(), clock::synchronised())?;
        if let Some(doubt) = doubt.filter(|_| !self.doubted) {
            let message = format!(
                "The clock says {}; the server last saw the time go by on {}, and nothing keeps the clock right. Nothing \
                 more expires until it is set right, or an administrator says that it is right.",
                doubt.shown.format("%Y-%m-%d %H:%M UTC"),
                doubt.believed.format("%Y-%m-%d %H:%M UTC")
            );
            self.bus.publish(Event::error(Category::System, "Clock Not Believed", message));
        }
        self.doubted = doubt.is_some();
        Ok(())
    }

    fn warn(&self, title: &str, message: String, details: serde_json::Value) {
        self.bus.publish(Event::warning(Category::Job, title, message).details(details));
    }
}

/// `missed 3 runs since 2026-11-20 01:30 UTC while the server was not running`
fn told(missed: &Missed) -> String {
    let runs = if missed.count == 1 { "a run".to_owned() } else { format!("{} runs", missed.count) };
    format!("missed {runs} since {} while the server was not running", missed.first.format("%Y-%m-%d %H:%M UTC"))
}

fn schedule_of(job: &Job) -> Result<Schedule> {
    Schedule::parse(&job.schedule_cron, &job.time_zone).map_err(|error| Error::bad_request(error.to_string()))
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.notify(JobsChanged);
        context.run_interval(TICK, |scheduler, _| {
            let now = Utc::now();
            if let Err(error) = supervised("the clock", || scheduler.tick(now)) {
                tracing::error!(%error, "the schedule could not be worked off");
            }
            if scheduler.set_back.has_stayed(now, Instant::now()) {
                tracing::warn!("the clock was set back: the next runs are planned anew");
                if let Err(error) = supervised("the clock", || scheduler.plan(now)) {
                    tracing::error!(%error, "the schedule could not be planned");
                }
            }
            if let Err(error) = supervised("the clock of upkeep", || scheduler.tick_upkeep(Utc::now())) {
                tracing::error!(%error, "upkeep could not be started");
            }
        });
        context.run_interval(LOOK, |scheduler, context| {
            if let Err(error) = supervised("the look at the clock", || scheduler.look_at_clock()) {
                tracing::error!(%error, "nobody knows whether the clock is to be believed");
            }
            let drives = scheduler.drives.clone();
            context.spawn(
                async move {
                    for id in drives.ids() {
                        if let Err(error) = drives.refresh(id).await {
                            tracing::debug!(drive = id, %error, "a drive could not be looked at");
                        }
                    }
                }
                .into_actor(scheduler),
            );
        });
    }
}

impl Supervised for Scheduler {}

/// Jobs or their schedules changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct JobsChanged;

impl Handler<JobsChanged> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: JobsChanged, _: &mut Self::Context) {
        if let Err(error) = supervised("the clock", || self.plan(Utc::now())) {
            tracing::error!(%error, "the schedule could not be planned");
        }
    }
}
