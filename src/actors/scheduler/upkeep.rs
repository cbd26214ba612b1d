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
