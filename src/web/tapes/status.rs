//! How far the newest label or format is.

use crate::Result;
use crate::app::App;
use crate::db::executions::{self, Execution, ExecutionFilter};
use crate::db::{ExecutionStatus, Page, now, tapes};
use crate::web::query;
use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// How far the newest label or format is.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct OperationStatus {
    /// Its execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<i32>,
    /// Whether it is at work.
    running: bool,
    /// `label`, `format` or empty.
    op_type: String,
    /// `checking`, `writing`, `erasing`, `ejecting` … and in the end `complete` or `failed`.
    phase: String,
    /// One sentence.
    message: String,
    /// The drive.
    drive_id: i32,
    /// The tape.
    tape_id: i32,
    /// Its label.
    label: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<DateTime<Utc>>,
    /// How long it took, or has taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_seconds: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How far the newest label or format is; it stays after its end.
#[utoipa::path(operation_id = "tape_operation_status", tag = "tapes",
    responses((status = 200, body = OperationStatus)))]
#[get("/tapes/operation/status")]
pub async fn operation_status(app: web::Data<App>) -> Result<web::Json<OperationStatus>> {
    let status = query(&app.services.db, |conn| {
        let mut newest: Option<executions::ExecutionListed> = None;
        for kind in ["label", "format"] {
            let filter = ExecutionFilter { kind: Some(kind.into()), ..ExecutionFilter::default() };
            let row = executions::list(conn, &filter, Page::first(1))?.pop();
            if row.as_ref().map(|row| row.execution.id) > newest.as_ref().map(|row| row.execution.id) {
                newest = row;
            }
        }
        let Some(newest) = newest else { return Ok(OperationStatus::default()) };
        let asked: serde_json::Value = serde_json::from_str(&newest.execution.request).unwrap_or_default();
        let asked_id = |field: &str| asked.get(field).and_then(serde_json::Value::as_i64).unwrap_or(0) as i32;
        let mut status = of_row(&newest.execution);
        status.tape_id = newest.execution.tape_id.unwrap_or_else(|| asked_id("tape_id"));
        status.drive_id = newest.execution.drive_id.unwrap_or_else(|| asked_id("drive_id"));
        status.label = match tapes::find(conn, status.tape_id) {
            Ok(tape) => tape.label,
            Err(_) => newest.tape_label.unwrap_or_default(),
        };
        Ok(status)
    });
    status.await.map(web::Json)
}

fn of_row(row: &Execution) -> OperationStatus {
    let result: serde_json::Value =
        row.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let done = result.get("message").and_then(serde_json::Value::as_str).map(str::to_owned);
    OperationStatus {
        execution_id: Some(row.id),
        running: executions::ACTIVE.contains(&row.status),
        op_type: row.kind.clone(),
        phase: phase(row.status, &row.phase),
        message: done.or_else(|| row.error_message.clone()).unwrap_or_else(|| row.message.clone()),
        started: row.start_time.map(|time| time.and_utc()),
        elapsed_seconds: row.start_time.map(|start| (row.end_time.unwrap_or_else(now) - start).num_seconds()),
        error: row.error_message.clone(),
        ..OperationStatus::default()
    }
}

/// The phase in the words of the contract: what it does, and in the end how it ended.
pub fn phase(status: ExecutionStatus, phase: &str) -> String {
    match status {
        ExecutionStatus::Completed => "complete".into(),
        ExecutionStatus::Failed | ExecutionStatus::Cancelled => status.as_str().into(),
        ExecutionStatus::Pending => "waiting".into(),
        ExecutionStatus::Running | ExecutionStatus::Paused => phase.into(),
    }
}
