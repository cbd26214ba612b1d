//! Jobs whose last run failed, that have no recent good copy, or whose runs were left out.

use super::runs::failure;
use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::events::{self, Event};
use crate::db::executions::{self, ExecutionListed};
use crate::db::jobs::Job;
use crate::db::{Conn, job_runs, jobs};
use crate::executions::command_line::quoted;
use crate::schedule::Schedule;
use chrono::{Duration, NaiveDateTime};
use std::collections::HashMap;

/// So many times a job may be due without a good copy before somebody should look.
const MOST_MISSED: usize = 2;
/// A run that was due may still be at work for so long.
const GRACE: Duration = Duration::hours(1);
/// Events about runs that were left out, of so long.
const REMEMBERED: Duration = Duration::days(7);

/// What the jobs need.
pub fn look(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let mut all = Vec::new();
    let failed = failed(conn)?;
    let good = job_runs::newest_good(conn)?;
    let at_work = job_runs::at_work(conn)?;
    let left_out = left_out(conn, now)?;
    for listed in jobs::list(conn)? {
        let job = listed.job;
        if !job.enabled {
            continue;
        }
        if let Some(row) = failed.get(&job.id) {
            all.push(failure(row));
            continue;
        }
        let good = good.get(&job.id).copied();
        if !at_work.contains(&job.id)
            && let Some(item) = stale(&job, good, now)
        {
            all.push(item);
            continue;
        }
        if let Some(event) = left_out.get(&job.id)
            && good.is_none_or(|good| good < event.created_at)
        {
            let title = format!("A run of {} was left out", job.name);
            let mut item = Attention::new(Topic::MissedRun, Urgency::Warning, job.id, title, &event.message)
                .since(event.created_at)
                .at(format!("/jobs/{}", job.id), "Look")
                .command(run(&job));
            item.job_id = Some(job.id);
            all.push(item);
        }
    }
    Ok(all)
}

fn run(job: &Job) -> String {
    format!("tapebackarr run {}", quoted(&job.name).unwrap_or_else(|| job.id.to_string()))
}

/// The last run of each enabled job that has ended, if it failed.
fn failed(conn: &mut Conn) -> Result<HashMap<i32, ExecutionListed>> {
    let ids = job_runs::failed(conn)?;
    let rows = executions::these(conn, &ids)?;
    Ok(rows.into_iter().filter_map(|row| Some((row.execution.job_id?, row))).collect())
}

/// The last event that a run was left out, by job.
fn left_out(conn: &mut Conn, now: NaiveDateTime) -> Result<HashMap<i32, Event>> {
    let oldest_first = events::titled(conn, &["Run Missed", "Run Skipped"], now - REMEMBERED)?;
    Ok(oldest_first.into_iter().filter_map(|event| Some((event.detail("job_id")?, event))).collect())
}

/// Whether the schedule was due too often since the last good copy, the job's creation, or the last change of its schedule.
fn stale(job: &Job, good: Option<NaiveDateTime>, now: NaiveDateTime) -> Option<Attention> {
    let schedule = Schedule::parse(&job.schedule_cron, &job.time_zone).ok()?;
    let from = good.unwrap_or(job.created_at).max(job.created_at);
    let due = schedule.runs_after(from.and_utc()).nth(MOST_MISSED - 1)?;
    if due.naive_utc() + GRACE > now {
        return None;
    }
    let (title, about) = match good {
        Some(_) => (
            format!("{} has no recent good copy", job.name),
            format!(
                "It runs {}, but has been due at least {MOST_MISSED} times since its last complete backup.",
                schedule.explain()
            ),
        ),
        None => (
            format!("{} has no good copy at all", job.name),
            format!("It runs {}, but no run has completed yet.", schedule.explain()),
        ),
    };
    let mut item = Attention::new(Topic::NoRecentCopy, Urgency::Warning, job.id, title, about)
        .since(good.or(Some(job.created_at)))
        .at(format!("/jobs/{}", job.id), "Look")
        .command(run(job));
    item.job_id = Some(job.id);
    Some(item)
}
