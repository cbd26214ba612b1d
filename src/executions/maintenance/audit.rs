//! Looks whether somebody changed the audit log.

use crate::db::audit_chain::{self, AuditCheck};
use crate::events::{Category, Event};
use crate::executions::Context;
use crate::{Error, ErrorKind, Result};
use serde_json::{Value, json};

/// Verifies the chain of hashes. What is wrong is an event and an error; the details of that error are the report. The newest
/// hash is in the log of the execution, to be compared later.
pub fn check(context: &Context) -> Result<Value> {
    context.phase("checking", "Checking the audit log.")?;
    let check = audit_chain::verify(&mut *context.conn()?, None)?;
    let report = json!({
        "ok": check.ok, "lines": check.lines, "last_id": check.last_id, "last_hash": check.last_hash,
        "problem_count": check.problem_count, "problems": check.problems,
    });
    if check.ok {
        context.log(&format!(
            "The audit log is as it was written: {} lines, the newest is {}:{}.",
            check.lines, check.last_id, check.last_hash
        ));
        return Ok(report);
    }
    let error = tampered(&check);
    context.services.bus.publish(
        Event::error(Category::System, "Audit Log Changed", &error.message)
            .details(json!({"execution_id": context.id, "problems": check.problems})),
    );
    Err(error.with_details(report))
}

fn tampered(check: &AuditCheck) -> Error {
    let first = check.problems.first().map(|problem| problem.message.as_str()).unwrap_or_default();
    let message = format!(
        "the audit log is not what was written: {first}; {} in all. Keep a copy of the database file and find out who can \
         write to it; `tapebackarr audit verify` shows the places",
        check.problem_count
    );
    Error::new(ErrorKind::Internal, "audit_log_changed", message)
}
