//! Deletes what is over, by the settings.

use crate::Result;
use crate::clock;
use crate::db::upkeep::{Old, prune_step};
use crate::executions::Context;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Rest between two steps, so that others get at the write lock.
const REST: Duration = Duration::from_millis(5);

/// Deletes all that is older than the settings say.
pub fn run(context: &Context) -> Result<Value> {
    let settings = &context.services.config.maintenance;
    let kinds = [
        ("executions", Old::Executions, settings.executions_days),
        ("logs", Old::Logs, settings.logs_days),
        ("events", Old::Events, settings.events_days),
        ("audit", Old::Audit, settings.audit_days),
        ("alerts", Old::Alerts, settings.events_days),
    ];
    context.phase("pruning", "Deleting what is over.")?;
    let mut report = Map::new();
    let now = clock::for_expiry(&mut *context.conn()?)?;
    for (name, what, days) in kinds {
        let Some(before) = TimeDelta::try_days(i64::from(days)).and_then(|age| now.checked_sub_signed(age)) else {
            continue;
        };
        if days == 0 {
            continue;
        }
        let mut gone = 0;
        loop {
            context.check()?;
            match prune_step(&mut *context.conn()?, what, before)? {
                0 => break,
                step => gone += step,
            }
            std::thread::sleep(REST);
        }
        if gone > 0 {
            context.log(&format!("{name}: {gone} rows that are older than {days} days are deleted."));
        }
        report.insert(name.into(), json!(gone));
    }
    Ok(Value::Object(report))
}
