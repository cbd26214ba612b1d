//! Looks after the database file.

use super::damaged;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::upkeep::{self, Check};
use crate::db::{self, Conn, ExecutionStatus, Page};
use crate::events::{Category, Event};
use crate::executions::Context;
use crate::{Error, Result};
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Free space is given back only if it is at least this much …
const WORTHWHILE_BYTES: i64 = 16 << 20;
/// … and at least this part of the file (one in so many); the next rows want room too.
const WORTHWHILE_PART: i64 = 10;
/// Rest between two steps, so that others get at the write lock.
const REST: Duration = Duration::from_millis(5);
/// How many maintenance runs are looked at to find the last check.
const LOOKED_AT: i64 = 200;

/// Gives free space back if that is worthwhile, and brings statistics up to date.
pub fn optimize(context: &Context) -> Result<Value> {
    context.phase("optimizing", "Looking after the database.")?;
    let before = upkeep::size(&mut *context.conn()?)?;
    let worthwhile = before.free_bytes >= WORTHWHILE_BYTES && before.free_bytes >= before.size_bytes / WORTHWHILE_PART;
    if worthwhile && before.shrinks_in_steps {
        while upkeep::shrink_step(&mut *context.conn()?)? {
            context.check()?;
            std::thread::sleep(REST);
        }
    }
    upkeep::optimize(&mut *context.conn()?)?;
    let after = upkeep::size(&mut *context.conn()?)?;
    let given_back = before.size_bytes.saturating_sub(after.size_bytes).max(0);
    if given_back > 0 {
        context.log(&format!("The database gave {given_back} bytes back to the file system."));
    } else if worthwhile && !before.shrinks_in_steps {
        context.log(&format!(
            "{} bytes of the database hold nothing. New rows use them; `maintenance run vacuum` gives them back.",
            before.free_bytes
        ));
    }
    Ok(json!({"size_bytes": after.size_bytes, "free_bytes": after.free_bytes, "given_back_bytes": given_back}))
}

/// Writes the database anew.
pub fn vacuum(context: &Context) -> Result<Value> {
    let others = executions::active(&mut *context.conn()?)?;
    if let Some(other) = others.iter().find(|row| row.execution.id != context.id) {
        let message = format!(
            "execution {} is {}: nobody can write while the database is written anew; wait until nothing is at work",
            other.execution.id, other.execution.status
        );
        return Err(Error::conflict("in_use", message));
    }
    context.phase("vacuuming", "Writing the database anew.")?;
    let before = upkeep::size(&mut *context.conn()?)?;
    upkeep::vacuum(&mut *context.conn()?)?;
    let after = upkeep::size(&mut *context.conn()?)?;
    context.log(&format!("The database had {} bytes and has {}.", before.size_bytes, after.size_bytes));
    Ok(json!({"size_bytes": after.size_bytes, "given_back_bytes": (before.size_bytes - after.size_bytes).max(0)}))
}

/// Checks the database. What is wrong is an event and an error; the details of that error are the report.
pub fn check(context: &Context, how: Check) -> Result<Value> {
    let kind = match how {
        Check::Quick => "quick_check",
        Check::Full => "integrity_check",
    };
    context.phase("checking", "Checking the database.")?;
    let begun = Instant::now();
    let problems = upkeep::check(&mut *context.conn()?, how)?;
    let report = json!({
        "kind": kind, "ok": problems.is_empty(), "problems": problems, "at": db::time::to_rfc3339(&db::now()),
        "seconds": begun.elapsed().as_secs_f64(),
    });
    if problems.is_empty() {
        context.log("The database is sound.");
        return Ok(report);
    }
    let error = damaged(&problems);
    context.services.bus.publish(
        Event::error(Category::System, "Database Damaged", &error.message)
            .details(json!({"execution_id": context.id, "kind": kind, "problems": problems})),
    );
    Err(error.with_details(report))
}

/// The last check of the database that any maintenance made, with the execution that made it.
pub fn last_check(conn: &mut Conn) -> Result<Option<(i32, Value)>> {
    let filter = ExecutionFilter {
        kind: Some("maintenance".into()),
        statuses: Some(vec![ExecutionStatus::Completed, ExecutionStatus::Failed]),
        ..ExecutionFilter::default()
    };
    let found = executions::list(conn, &filter, Page::first(LOOKED_AT))?.into_iter().find_map(|row| {
        let result: Value = serde_json::from_str(row.execution.result.as_deref()?).ok()?;
        Some((row.execution.id, result.get("check").filter(|check| check.get("ok").is_some())?.clone()))
    });
    Ok(found)
}

/// Whether the daily maintenance is to check the database.
pub fn check_is_due(context: &Context) -> Result<bool> {
    let days = context.services.config.maintenance.check_days;
    if days == 0 {
        return Ok(false);
    }
    let last = last_check(&mut *context.conn()?)?.and_then(|(_, check)| time_of(&check));
    // a few hours of tolerance, so that a check that took a while does not move the next one by a day
    let age = TimeDelta::try_days(i64::from(days)).unwrap_or(TimeDelta::MAX) - TimeDelta::hours(6);
    Ok(last.is_none_or(|last| db::now() - last >= age))
}

fn time_of(check: &Value) -> Option<NaiveDateTime> {
    let text = check.get("at")?.as_str()?;
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.naive_utc())
}
