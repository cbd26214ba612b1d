//! Reminders: while work waits for a person, whoever was told is told again.

use super::limits::Limits;
use super::notice::{Notice, Purpose};
use super::{route, topics::Trouble};
use crate::Result;
use crate::db::notification_problems::{self as problems, Problem};
use crate::db::{Conn, TapeChangeStatus, notification_rules, tape_changes, time, write_transaction};
use chrono::{NaiveDateTime, TimeDelta};

/// Puts the reminders that are due at `now` into the outbox, and forgets what waits no more. How many reminders.
pub fn due(conn: &mut Conn, limits: &Limits, now: NaiveDateTime) -> Result<usize> {
    let open: Vec<Problem> =
        problems::list(conn)?.into_iter().filter(|problem| Trouble::waits(&problem.problem)).collect();
    let mut count = 0;
    for problem in open {
        count += write_transaction(conn, |conn| one(conn, &problem, limits, now))?;
    }
    Ok(count)
}

fn one(conn: &mut Conn, problem: &Problem, limits: &Limits, now: NaiveDateTime) -> Result<usize> {
    if !still_waits(conn, &problem.problem)? {
        problems::close(conn, &problem.problem)?;
        return Ok(0);
    }
    let rule = notification_rules::find(conn, problem.rule_id)?;
    let every = TimeDelta::minutes(i64::from(rule.rule.reminder_minutes));
    if !rule.rule.enabled || every <= TimeDelta::zero() || problem.told_at + every > now {
        return Ok(0);
    }
    let told: Notice = serde_json::from_str(&problem.notice)?;
    let notice = Notice {
        purpose: Purpose::Reminder,
        since: Some(time::to_rfc3339(&problem.opened_at)),
        time: time::to_rfc3339(&now),
        ..told
    };
    route::reminder(conn, &rule, &notice, limits)?;
    problems::reminded(conn, problem.rule_id, &problem.problem)?;
    Ok(1)
}

/// A request for a tape that was answered or cancelled waits for nobody, whether or not an event said so.
fn still_waits(conn: &mut Conn, problem: &str) -> Result<bool> {
    let Some(id) = problem.strip_prefix("tape_change:").and_then(|id| id.parse().ok()) else { return Ok(true) };
    match tape_changes::find(conn, id) {
        Ok(row) => Ok(matches!(row.status, TapeChangeStatus::Pending | TapeChangeStatus::Acknowledged)),
        Err(error) if error.code == "not_found" => Ok(false),
        Err(error) => Err(error),
    }
}
