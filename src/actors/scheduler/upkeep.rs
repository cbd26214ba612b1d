//! When maintenance is due: by its schedule, and once soon after a start if a run was missed.

use super::Scheduler;
use crate::Result;
use crate::actors::jobs::Submit;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::{Conn, Page};
use crate::executions::{MaintenanceRequest, Request};
use crate::schedule::Schedule;
use chrono::{DateTime, Utc};

/// How many past runs are looked at to find the last one of the schedule.
const LOOKED_AT: i64 = 50;

/// What the clock knows of maintenance.
pub struct Clock {
    schedule: Option<Schedule>,
    /// When it is due; none before the first look.
    next: Option<DateTime<Utc>>,
}

impl Clock {
    /// For this schedule.
    pub fn new(schedule: Option<Schedule>) -> Clock {
        Clock { schedule, next: None }
    }
}

impl Scheduler {
    /// Starts maintenance if it is due.
    pub(super) fn tick_upkeep(&mut self, now: DateTime<Utc>) -> Result<()> {
        let Some(schedule) = &self.upkeep.schedule else { return Ok(()) };
        let mut conn = self.db.get()?;
        let due = match self.upkeep.next {
            Some(next) => Some(next),
            // what was missed while the server was off lies in the past, and is due at once
            None => schedule.next_after(last_run(&mut conn)?.unwrap_or(now)),
        };
        if due.is_none_or(|due| due > now) {
            self.upkeep.next = due;
            return Ok(());
        }
        self.upkeep.next = schedule.next_after(now);
        let filter = ExecutionFilter {
            kind: Some("maintenance".into()),
            statuses: Some(executions::ACTIVE.to_vec()),
            ..ExecutionFilter::default()
        };
        if !executions::list(&mut conn, &filter, Page::first(1))?.is_empty() {
            tracing::warn!("maintenance was due, but the last one has not ended");
            return Ok(());
        }
        self.jobs.do_send(Submit {
            request: Request::Maintenance(MaintenanceRequest::default()),
            title: "Maintenance (scheduled)".into(),
            user_id: None,
        });
        Ok(())
    }
}

/// When all of the daily maintenance was last asked for.
fn last_run(conn: &mut Conn) -> Result<Option<DateTime<Utc>>> {
    let filter = ExecutionFilter { kind: Some("maintenance".into()), ..ExecutionFilter::default() };
    let whole = |request: &str| {
        serde_json::from_str::<MaintenanceRequest>(request).is_ok_and(|request| request.chores.is_empty())
    };
    let rows = executions::list(conn, &filter, Page::first(LOOKED_AT))?;
    Ok(rows.into_iter().find(|row| whole(&row.execution.request)).map(|row| row.execution.created_at.and_utc()))
}
