//! Runs that wait for a person, and work besides backups that failed.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::executions::{self, ExecutionFilter, ExecutionListed};
use crate::db::tape_changes::{self, OPEN, TapeChangeFilter};
use crate::db::{Conn, ExecutionStatus, Page, job_runs};
use chrono::{Duration, NaiveDateTime};
use std::cmp::Reverse;

/// A failure of something that no schedule repeats is shown for so long.
const SHOWN: Duration = Duration::days(7);

/// Requests for tapes, and paused runs.
pub fn waiting(conn: &mut Conn) -> Result<Vec<Attention>> {
    let open = TapeChangeFilter { statuses: Some(OPEN.to_vec()), execution_id: None };
    let mut all = Vec::new();
    for row in tape_changes::list(conn, &open, Page::first(100))? {
        let change = &row.change;
        let about = match &change.notice {
            Some(notice) => notice.clone(),
            None => row.execution_title.clone(),
        };
        let mut item = Attention::new(Topic::TapeChange, Urgency::Waiting, change.id, &change.message, about)
            .since(change.requested_at)
            .at(format!("/runs/{}", change.job_execution_id), "Answer")
            .command(format!("tapebackarr tape-changes complete {}", change.id));
        item.tape_change_id = Some(change.id);
        item.execution_id = Some(change.job_execution_id);
        (item.tape_id, item.pool_id, item.drive_id) = (change.tape_id, change.pool_id, change.drive_id);
        all.push(item);
    }
    let paused = ExecutionFilter { statuses: Some(vec![ExecutionStatus::Paused]), ..Default::default() };
    for row in executions::list(conn, &paused, Page::first(100))? {
        let run = &row.execution;
        let mut item = Attention::new(
            Topic::PausedRun,
            Urgency::Waiting,
            run.id,
            format!("{} is paused", run.title),
            &run.message,
        )
        .since(run.updated_at)
        .at(format!("/runs/{}", run.id), "Look")
        .command(format!("tapebackarr executions resume {}", run.id));
        item.execution_id = Some(run.id);
        item.job_id = run.job_id;
        all.push(item);
    }
    Ok(all)
}

/// Work that failed and was not done again with success since. Backups are the business of their jobs; what a person
/// does with a drive or a library fails before their eyes.
pub fn failed(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let last = job_runs::last_work(conn, now - SHOWN)?;
    let mut rows = executions::these(conn, &last)?;
    rows.retain(|row| row.execution.status == ExecutionStatus::Failed);
    rows.sort_by_key(|row| Reverse(row.execution.id));
    Ok(rows.iter().map(failure).collect())
}

/// The failure of a run.
pub(super) fn failure(row: &ExecutionListed) -> Attention {
    let run = &row.execution;
    let title = match &row.job_name {
        Some(job) => format!("{job} failed"),
        None => format!("{} failed", run.title),
    };
    let about = run.error_message.clone().unwrap_or_else(|| "Its log says why.".into());
    let mut item = Attention::new(Topic::FailedRun, Urgency::Critical, run.id, title, about)
        .since(run.end_time)
        .at(format!("/runs/{}", run.id), "See why")
        .command(format!("tapebackarr executions show {}", run.id));
    item.execution_id = Some(run.id);
    (item.job_id, item.drive_id, item.tape_id) = (run.job_id, run.drive_id, run.tape_id);
    item
}
