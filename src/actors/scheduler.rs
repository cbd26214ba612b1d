//! The Scheduler actor.
//!
//! *Owns*: the clock: which job is due next, and the look at idle drives.
//! *Accepts*: [`JobsChanged`]; ticks of its own.
//! *Emits*: [`Submit`] to Jobs; `next_run_at` in the jobs' rows.
//! *Invariants*: a job that is still running is not started again: that run is reported as missed; the time of a run is
//! stored before it is submitted, so a crash between the two can lose no more than one start and never doubles one.
//! *On failure*: a schedule that cannot be read is an event, and the job waits for a person.

use crate::actors::drive::Drives;
use crate::actors::jobs::{Jobs, Submit};
use crate::db::jobs::Job;
use crate::db::{self, DbPool, MissedRuns};
use crate::events::{Bus, Category, Event};
use crate::executions::{BackupRequest, Request};
use crate::schedule::Schedule;
use crate::{Error, Result};
use actix::prelude::*;
use chrono::{DateTime, Utc};
use std::time::Duration;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often idle drives are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// A run that is later than this was missed, not merely late.
const LATE: i64 = 60;

/// The clock.
pub struct Scheduler {
    db: DbPool,
    bus: Bus,
    jobs: Addr<Jobs>,
    drives: Drives,
}

impl Scheduler {
    /// Starts the actor on the current arbiter.
    pub fn start(db: DbPool, bus: Bus, jobs: Addr<Jobs>, drives: Drives) -> Addr<Scheduler> {
        Scheduler { db, bus, jobs, drives }.start()
    }

    fn plan(&self, now: DateTime<Utc>) -> Result<()> {
        let mut conn = self.db.get()?;
        for job in db::jobs::scheduled(&mut conn)? {
            let next = match schedule_of(&job) {
                Ok(schedule) => schedule.next_after(now),
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
            let due = job.next_run_at.map_or(now, |at| at.and_utc());
            let next = schedule_of(&job).ok().and_then(|schedule| schedule.next_after(now));
            db::jobs::set_next_run(&mut conn, job.id, next.map(|at| at.naive_utc()))?;
            let details = serde_json::json!({"job_id": job.id, "due": due});
            if db::executions::has_open(&mut conn, job.id)? {
                self.bus.publish(
                    Event::warning(
                        Category::Job,
                        "Run Skipped",
                        format!("Job {} was due at {due}, but its previous run has not ended.", job.name),
                    )
                    .details(details),
                );
                continue;
            }
            let missed = (now - due).num_seconds() > LATE;
            if missed && job.missed_runs == MissedRuns::Skip {
                self.bus.publish(
                    Event::warning(
                        Category::Job,
                        "Run Missed",
                        format!("Job {} was due at {due} while the server was not running; it is skipped.", job.name),
                    )
                    .details(details),
                );
                continue;
            }
            let request = BackupRequest { job_id: job.id, tape_id: None, backup_type: None };
            self.jobs.do_send(Submit {
                request: Request::Backup(request),
                title: format!("Backup of job {} ({})", job.name, if missed { "missed run" } else { "scheduled" }),
                user_id: None,
            });
        }
        Ok(())
    }
}

fn schedule_of(job: &Job) -> Result<Schedule> {
    Schedule::parse(&job.schedule_cron, &job.time_zone).map_err(|error| Error::bad_request(error.to_string()))
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.notify(JobsChanged);
        context.run_interval(TICK, |scheduler, _| {
            if let Err(error) = scheduler.tick(Utc::now()) {
                tracing::error!(%error, "the schedule could not be worked off");
            }
        });
        context.run_interval(LOOK, |scheduler, context| {
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
        if let Err(error) = self.plan(Utc::now()) {
            tracing::error!(%error, "the schedule could not be planned");
        }
    }
}
