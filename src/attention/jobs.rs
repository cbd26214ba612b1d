//! Jobs whose last run failed, that have no recent good copy, or whose runs were left out.

use super::runs::failure;
use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::jobs::Job;
use crate::db::{Conn, ExecutionStatus, Page, events, jobs, sets};
use crate::executions::command_line::quoted;
use crate::schedule::Schedule;
use chrono::{Duration, NaiveDateTime};

/// So many times a job may be due without a good copy before somebody should look.
const MOST_MISSED: usize = 2;
/// A run that was due may still be at work for so long.
const GRACE: Duration = Duration::hours(1);
/// Events about runs that were left out, of so long.
const REMEMBERED: Duration = Duration::days(7);

/// What the jobs need.
pub fn look(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let mut all = Vec::new();
    let left_out = events::titled(conn, &["Run Missed", "Run Skipped"], now - REMEMBERED)?;
    for listed in jobs::list(conn)? {
        let job = listed.job;
        if !job.enabled {
            continue;
        }
        if let Some(item) = failed(conn, &job)? {
            all.push(item);
            continue;
        }
        let good = sets::newest_good(conn, job.id)?;
        if !executions::has_open(conn, job.id)?
            && let Some(item) = stale(&job, good, now)
        {
            all.push(item);
            continue;
        }
        let of_job = |event: &&events::Event| event.detail("job_id") == Some(job.id);
        if let Some(event) = left_out.iter().rev().find(of_job)
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

/// The last run that has ended, if it failed.
fn failed(conn: &mut Conn, job: &Job) -> Result<Option<Attention>> {
    let ended = [ExecutionStatus::Completed, ExecutionStatus::Failed];
    let filter = ExecutionFilter {
        job_id: Some(job.id),
        kind: Some("backup".into()),
        statuses: Some(ended.to_vec()),
        ..Default::default()
    };
    let last = executions::list(conn, &filter, Page::first(1))?.pop();
    Ok(last.filter(|row| row.execution.status == ExecutionStatus::Failed).map(|row| failure(&row)))
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
