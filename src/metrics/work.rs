//! Jobs, executions, requests for tapes, what needs a person, and messages to people.

use super::families::*;
use super::page::Page;
use crate::Result;
use crate::attention::{self, Topic};
use crate::db::{
    Conn, ExecutionStatus, OutboxStatus, TapeChangeReason, executions, figures, jobs, notification_channels,
};
use crate::media::wear::Limits;
use chrono::NaiveDateTime;
use std::collections::{HashMap, HashSet};

/// How a run can end.
const ENDS: [ExecutionStatus; 3] = [ExecutionStatus::Completed, ExecutionStatus::Failed, ExecutionStatus::Cancelled];

/// What is done, as of `now`. `limits`: from where on a tape is worn.
pub fn collect(conn: &mut Conn, page: &mut Page, limits: Limits, now: NaiveDateTime) -> Result<()> {
    let overdue = attention(conn, page, limits, now)?;
    jobs(conn, page, &overdue)?;
    for row in figures::executions(conn)? {
        let labels = [row.kind.as_str(), row.status.as_str()];
        page.put(&EXECUTIONS, &labels, row.executions as f64);
        if ENDS.contains(&row.status) {
            page.put_time(&EXECUTION_END, &labels, row.last_end);
        }
    }
    page.put(&QUEUE_AGE, &[], age(figures::oldest_pending(conn)?, now));
    changes(conn, page, now)?;
    messages(conn, page, now)
}

/// Seconds since then; 0 if there is no such moment, or if it lies ahead.
fn age(since: Option<NaiveDateTime>, now: NaiveDateTime) -> f64 {
    since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0))
}

/// Counts what needs a person; the jobs without a recent copy.
fn attention(conn: &mut Conn, page: &mut Page, limits: Limits, now: NaiveDateTime) -> Result<HashSet<i32>> {
    let mut overdue = HashSet::new();
    for item in attention::list(conn, limits, now)? {
        let word = |value: serde_json::Result<serde_json::Value>| {
            value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let (topic, severity) = (word(serde_json::to_value(item.topic)), word(serde_json::to_value(item.severity)));
        page.add(&ATTENTION, &[&topic, &severity], 1.0);
        overdue.extend(item.job_id.filter(|_| item.topic == Topic::NoRecentCopy));
    }
    Ok(overdue)
}

fn jobs(conn: &mut Conn, page: &mut Page, overdue: &HashSet<i32>) -> Result<()> {
    let lasts: HashMap<i32, _> = figures::job_lasts(conn)?.into_iter().map(|lasts| (lasts.job_id, lasts)).collect();
    let runs: Vec<i32> = lasts.values().filter_map(|lasts| lasts.last_run).collect();
    let runs: HashMap<i32, _> =
        executions::these(conn, &runs)?.into_iter().map(|row| (row.execution.id, row.execution)).collect();
    for row in jobs::list(conn)? {
        let (job, id) = (&row.job, row.job.id.to_string());
        let labels = [id.as_str(), job.name.as_str()];
        let scheduled = if job.enabled && !job.schedule_cron.is_empty() { "yes" } else { "no" };
        page.put(&JOB_INFO, &[labels[0], labels[1], &row.source_name, &row.pool_name, scheduled], 1);
        page.put_time(&JOB_NEXT, &labels, job.next_run_at.filter(|_| job.enabled));
        page.put(&JOB_OVERDUE, &labels, if overdue.contains(&job.id) { 1 } else { 0 });
        let Some(last) = lasts.get(&job.id) else { continue };
        page.put_time(&JOB_SUCCESS, &labels, last.success);
        let Some(run) = last.last_run.and_then(|id| runs.get(&id)) else { continue };
        page.put_one_of(&JOB_OUTCOME, &labels, &ENDS.map(ExecutionStatus::as_str), run.status.as_str());
        page.put_time(&JOB_END, &labels, run.end_time);
        if let (Some(start), Some(end)) = (run.start_time, run.end_time) {
            page.put(&JOB_DURATION, &labels, age(Some(start), end));
        }
        page.put(&JOB_FILES, &labels, run.files_processed as f64);
        page.put(&JOB_BYTES, &labels, run.bytes_processed as f64);
        page.put(&JOB_WARNINGS, &labels, run.warning_count as f64);
    }
    Ok(())
}

fn changes(conn: &mut Conn, page: &mut Page, now: NaiveDateTime) -> Result<()> {
    TapeChangeReason::ALL.iter().for_each(|reason| page.put(&CHANGES, &[reason.as_str()], 0));
    let open = figures::changes(conn)?;
    for row in &open {
        page.put(&CHANGES, &[row.reason.as_str()], row.changes as f64);
    }
    page.put(&CHANGES_AGE, &[], age(open.iter().map(|row| row.oldest).min(), now));
    Ok(())
}

fn messages(conn: &mut Conn, page: &mut Page, now: NaiveDateTime) -> Result<()> {
    let states = [OutboxStatus::Held, OutboxStatus::Queued, OutboxStatus::Sending, OutboxStatus::Failed];
    let messages = figures::messages(conn)?;
    for channel in notification_channels::list(conn)? {
        let id = channel.id.to_string();
        let labels = [id.as_str(), channel.name.as_str(), channel.kind.as_str()];
        for status in states {
            page.put(&OUTBOX, &[labels[0], labels[1], labels[2], status.as_str()], 0);
        }
        let mut oldest = None;
        for row in messages.iter().filter(|row| row.channel_id == channel.id) {
            page.put(&OUTBOX, &[labels[0], labels[1], labels[2], row.status.as_str()], row.messages as f64);
            if matches!(row.status, OutboxStatus::Queued | OutboxStatus::Sending) {
                oldest = Some(oldest.map_or(row.oldest, |other: NaiveDateTime| other.min(row.oldest)));
            }
        }
        page.put(&OUTBOX_AGE, &labels, age(oldest, now));
        page.put(&CHANNEL_FAILURES, &labels, channel.failures);
        page.put_time(&CHANNEL_SENT, &labels, channel.last_sent_at);
    }
    Ok(())
}
