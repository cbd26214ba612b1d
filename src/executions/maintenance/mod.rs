//! Maintenance: what has expired is marked, what is over is deleted, the database is looked after. It holds no drive, and
//! writes in small steps, so that it can run beside everything else.

mod audit;
mod database;
mod forewarn;
mod keys;
mod prune;
mod retention;

pub use database::last_check;

use super::{Context, MaintenanceRequest};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// One thing that maintenance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Chore {
    /// Mark what no rule keeps, and the tapes on which everything has expired.
    Retention,
    /// Replace encryption keys that rotate by themselves and are due.
    RotateKeys,
    /// Tell of what nears its end: worn tapes, tapes and sets that expire, encryption keys, API keys.
    Forewarn,
    /// Delete old executions, logs, events and lines of the audit log.
    Prune,
    /// Give free space back and bring statistics up to date.
    Optimize,
    /// Check that nobody changed the audit log.
    AuditCheck,
    /// Check the structure of the database.
    QuickCheck,
    /// Check all of the database.
    IntegrityCheck,
    /// Write the whole database anew. Nothing else may be at work.
    Vacuum,
}

impl Chore {
    fn name(self) -> &'static str {
        match self {
            Chore::Retention => "retention",
            Chore::RotateKeys => "keys",
            Chore::Forewarn => "forewarn",
            Chore::Prune => "prune",
            Chore::Optimize => "optimize",
            Chore::AuditCheck => "audit",
            Chore::QuickCheck | Chore::IntegrityCheck => "check",
            Chore::Vacuum => "vacuum",
        }
    }
}

/// What is done when nothing is named: every day's work.
fn daily(context: &Context) -> Result<Vec<Chore>> {
    // the audit log is looked at before retention deletes some of it
    let mut chores =
        vec![Chore::Retention, Chore::RotateKeys, Chore::Forewarn, Chore::AuditCheck, Chore::Prune, Chore::Optimize];
    if database::check_is_due(context)? {
        chores.push(Chore::QuickCheck);
    }
    Ok(chores)
}

/// Does what is asked for. One chore that fails does not keep the others from being done.
pub fn run(context: &Context, request: &MaintenanceRequest) -> Result<Value> {
    let chores = match request.chores.is_empty() {
        true => daily(context)?,
        false => request.chores.clone(),
    };
    let mut report = Map::new();
    let mut failed: Option<Error> = None;
    for chore in chores {
        context.check()?;
        let done = match chore {
            Chore::Retention => retention::run(context),
            Chore::RotateKeys => keys::rotate(context),
            Chore::Forewarn => forewarn::run(context),
            Chore::Prune => prune::run(context),
            Chore::Optimize => database::optimize(context),
            Chore::AuditCheck => audit::check(context),
            Chore::QuickCheck => database::check(context, crate::db::upkeep::Check::Quick),
            Chore::IntegrityCheck => database::check(context, crate::db::upkeep::Check::Full),
            Chore::Vacuum => database::vacuum(context),
        };
        match done {
            Ok(value) => drop(report.insert(chore.name().into(), value)),
            Err(error) => {
                context.warn(None, &format!("{}: {error}", chore.name()));
                report.insert(
                    chore.name().into(),
                    error.details.clone().unwrap_or_else(|| json!({"error": error.message})),
                );
                failed = failed.or(Some(error));
            }
        }
    }
    // what was found is in the report; that something is wrong is an error
    match failed {
        Some(error) => Err(error.with_details(Value::Object(report))),
        None => Ok(Value::Object(report)),
    }
}

/// The error of a database that did not pass.
fn damaged(problems: &[String]) -> Error {
    let message = format!(
        "the database is damaged ({}{}): stop the server, keep a copy of the file, and restore the newest database backup",
        problems.iter().take(3).cloned().collect::<Vec<_>>().join("; "),
        if problems.len() > 3 { "; …" } else { "" }
    );
    Error::new(ErrorKind::Internal, "database_damaged", message)
}
