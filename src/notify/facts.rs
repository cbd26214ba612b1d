//! What a notice says beside its event: names in place of ids, and the page to look at.

use super::notice::Notice;
use crate::Result;
use crate::db::{Conn, drives, executions, jobs, pools, tape_changes, tapes};
use serde_json::Value;

/// Fills in names. What is gone, or was never there, stays out.
pub fn add(conn: &mut Conn, notice: &mut Notice, public_url: &str) -> Result<()> {
    let id = |field: &str| number(&notice.details, field);
    let (execution, tape_change) = (id("execution_id"), id("tape_change_id"));
    let (mut job, mut tape, mut drive, mut pool) = (id("job_id"), id("tape_id"), id("drive_id"), id("pool_id"));

    if let Some(row) = execution.and_then(|id| executions::find(conn, id).ok()) {
        job = job.or(row.job_id);
        tape = tape.or(row.tape_id);
        drive = drive.or(row.drive_id);
    }
    if let Some(row) = tape_change.and_then(|id| tape_changes::find(conn, id).ok()) {
        tape = tape.or(row.tape_id);
        drive = drive.or(row.drive_id);
        pool = pool.or(row.pool_id);
    }
    if let Some(row) = job.and_then(|id| jobs::find(conn, id).ok()) {
        pool = pool.or(Some(row.pool_id));
        notice.job_id = Some(row.id);
        notice.job = Some(row.name);
    }
    if let Some(row) = tape.and_then(|id| tapes::find(conn, id).ok()) {
        pool = pool.or(row.pool_id);
        notice.tape = Some(row.label);
    }
    if let Some(row) = drive.and_then(|id| drives::find(conn, id).ok()) {
        notice.drive = Some(row.name().to_owned());
    }
    if let Some(row) = pool.and_then(|id| pools::find(conn, id).ok()) {
        notice.pool_id = Some(row.id);
        notice.pool = Some(row.name);
    }
    let page = match (execution, tape, drive, job) {
        (Some(id), ..) => format!("/executions/{id}"),
        (None, Some(id), ..) => format!("/tapes/{id}"),
        (None, None, Some(id), _) => format!("/drives/{id}"),
        (None, None, None, Some(id)) => format!("/jobs/{id}"),
        _ => "/".into(),
    };
    let base = public_url.trim_end_matches('/');
    notice.link = (!base.is_empty()).then(|| format!("{base}{page}"));
    Ok(())
}

fn number(details: &Value, field: &str) -> Option<i32> {
    details.get(field)?.as_i64().and_then(|id| i32::try_from(id).ok())
}
