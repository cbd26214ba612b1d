//! When upkeep is due (maintenance, scrub, drills): by its schedule, and once soon after a start if a run was missed.

use super::Scheduler;
use crate::Result;
use crate::actors::jobs::Submit;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::{Conn, Page};
use crate::executions::Request;
use crate::schedule::Schedule;
use chrono::{DateTime, Utc};

/// How many past runs are looked at to find the last one of the schedule.
const LOOKED_AT: i64 = 50;

/// One kind of upkeep, and what the clock knows of it.
pub struct Upkeep {
    schedule: Schedule,
    name: &'static str,
    request: Request,
    /// When it is due; none before the first look.
    next: Option<DateTime<Utc>>,
}

impl Upkeep {
    /// `request` by this schedule; `name` for people.
    pub fn new(schedule: Schedule, name: &'static str, request: Request) -> Upkeep {
        Upkeep { schedule, name, request, next: None }
    }

    /// Whether it is to be started now.
    fn is_due(&mut self, conn: &mut Conn, now: DateTime<Utc>) -> Result<bool> {
        let due = match self.next {
            Some(next) => Some(next),
            // what was missed while the server was off lies in the past, and is due at once
            None => self.schedule.next_after(self.last_run(conn)?.unwrap_or(now)),
        };
        if due.is_none_or(|due| due > now) {
            self.next = due;
            return Ok(false);
        }
        self.next = self.schedule.next_after(now);
        let filter = ExecutionFilter {
            kind: Some(self.request.kind().into()),
            statuses: Some(executions::ACTIVE.to_vec()),
            ..ExecutionFilter::default()
        };
        let open = !executions::list(conn, &filter, Page::first(1))?.is_empty();
        if open {
            tracing::warn!("{} was due, but the last one has not ended", self.name);
        }
        Ok(!open)
    }

    /// When the same was last asked for.
    fn last_run(&self, conn: &mut Conn) -> Result<Option<DateTime<Utc>>> {
        let filter = ExecutionFilter { kind: Some(self.request.kind().into()), ..ExecutionFilter::default() };
        let same =
            |request: &str| serde_json::from_str::<Request>(request).is_ok_and(|request| request == self.request);
        let rows = executions::list(conn, &filter, Page::first(LOOKED_AT))?;
        Ok(rows.into_iter().find(|row| same(&row.execution.request)).map(|row| row.execution.created_at.and_utc()))
    }
}

impl Scheduler {
    /// Starts what is due.
    pub(super) fn tick_upkeep(&mut self, now: DateTime<Utc>) -> Result<()> {
        let mut conn = self.db.get()?;
        for upkeep in &mut self.upkeep {
            if upkeep.is_due(&mut conn, now)? {
                self.jobs.do_send(Submit {
                    request: upkeep.request.clone(),
                    title: format!("{} (scheduled)", upkeep.name),
                    user_id: None,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::executions::{Execution, NewExecution};
    use crate::db::schema::job_executions;
    use crate::db::{ExecutionStatus, testing};
    use crate::executions::{Chore, MaintenanceRequest};
    use diesel::prelude::*;

    /// Every night at three.
    fn nightly() -> Upkeep {
        let schedule = Schedule::parse("0 3 * * *", "UTC").expect("schedule");
        Upkeep::new(schedule, "Maintenance", Request::Maintenance(MaintenanceRequest::default()))
    }

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-{time}:00Z").parse().expect("time")
    }

    /// Somebody asked for it at this time.
    fn asked(conn: &mut Conn, request: &MaintenanceRequest, time: DateTime<Utc>) -> Execution {
        let request = Request::Maintenance(request.clone());
        let new = NewExecution {
            kind: request.kind().into(),
            request: serde_json::to_string(&request).expect("json"),
            ..NewExecution::default()
        };
        let row = executions::insert(conn, &new).expect("insert");
        diesel::update(job_executions::table.find(row.id))
            .set((
                job_executions::created_at.eq(time.naive_utc()),
                job_executions::status.eq(ExecutionStatus::Completed),
            ))
            .execute(conn)
            .expect("update");
        row
    }

    #[test]
    fn it_is_due_once_each_time() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let mut upkeep = nightly();
        let mut due = |time: &str| upkeep.is_due(conn, at(time)).expect("sound");
        assert!(!due("03-01T12:00"), "what was never asked for was not missed");
        assert!(!due("03-02T02:59"));
        assert!(due("03-02T03:00"));
        assert!(!due("03-02T03:01"));
        // the clock has made a leap, and back: two nights are one run
        assert!(due("03-04T09:00"));
        assert!(!due("03-03T03:00"));
        assert!(!due("03-05T02:59"));
        assert!(due("03-05T03:00"));
    }

    #[test]
    fn what_was_missed_while_the_server_was_off_is_made_up_once() {
        let db = testing::database();
        let conn = &mut *db.conn();
        asked(conn, &MaintenanceRequest::default(), at("03-01T03:00"));
        // a person's own wish is not the nightly run
        asked(conn, &MaintenanceRequest { chores: vec![Chore::Vacuum] }, at("03-04T10:00"));
        let mut upkeep = nightly();
        assert!(upkeep.is_due(conn, at("03-04T11:00")).expect("missed"));
        assert!(!upkeep.is_due(conn, at("03-04T11:01")).expect("made up"));
        assert!(upkeep.is_due(conn, at("03-05T03:00")).expect("as always"));
        // one that was made is not made up
        asked(conn, &MaintenanceRequest::default(), at("03-05T03:00"));
        assert!(!nightly().is_due(conn, at("03-05T04:00")).expect("made"));
    }

    #[test]
    fn it_never_overlaps_itself() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let row = asked(conn, &MaintenanceRequest::default(), at("03-01T03:00"));
        let status = |conn: &mut Conn, status: ExecutionStatus| {
            let row = diesel::update(job_executions::table.find(row.id)).set(job_executions::status.eq(status));
            row.execute(conn).expect("update");
        };
        let mut upkeep = nightly();
        status(conn, ExecutionStatus::Running);
        assert!(!upkeep.is_due(conn, at("03-02T03:00")).expect("still at work"));
        status(conn, ExecutionStatus::Completed);
        assert!(!upkeep.is_due(conn, at("03-02T04:00")).expect("left out"));
        assert!(upkeep.is_due(conn, at("03-03T03:00")).expect("the next"));
    }
}
