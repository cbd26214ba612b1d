//! Labelling many tapes.

use super::label::no_other_work;
use crate::actors::jobs::{Active, Command, Control};
use crate::app::App;
use crate::auth::Identity;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::{ExecutionStatus, FormatType, Page, drives, libraries, pools};
use crate::executions::{BatchLabelRequest, Request};
use crate::web::fields::{self, invalid};
use crate::web::query;
use crate::web::responses::Status;
use crate::web::work::{Started, Unsaid, WaitQuery, Work};
use crate::{Error, Result};
use actix_web::{HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use tape_format::Label;
use utoipa::ToSchema;

/// Which tapes get which names.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(default)]
pub struct BatchLabelBody {
    /// The drive that a person feeds, or that the robot is to use.
    pub drive_id: Option<i32>,
    /// The library whose blank cartridges are labelled by its robot.
    pub library_id: Option<i32>,
    /// The labels are the bar codes (with a library).
    pub barcodes: bool,
    /// Beginning of each label. Required unless `barcodes`.
    pub prefix: String,
    /// First number; 1 unless said otherwise.
    pub start_number: Option<u32>,
    /// How many, 1 to 1000; with a library 0 or none: all that are blank.
    pub count: Option<u32>,
    /// Digits of the number, 1 to 6; 3 unless said otherwise.
    pub digits: Option<u32>,
    /// The pool they join.
    pub pool_id: Option<i32>,
    /// `raw`.
    #[schema(value_type = Option<FormatType>)]
    pub format_type: Option<String>,
}

impl BatchLabelBody {
    fn check(self) -> Result<BatchLabelRequest> {
        if self.drive_id.is_none() && self.library_id.is_none() {
            return Err(invalid("drive_id", "drive_id or library_id is required"));
        }
        if self.barcodes && self.library_id.is_none() {
            return Err(invalid("barcodes", "labels from bar codes need a library (library_id)"));
        }
        if !self.barcodes && self.prefix.trim().is_empty() {
            return Err(invalid("prefix", "prefix is required"));
        }
        if let Some(FormatType::Ltfs) = fields::optional_word("format_type", self.format_type.as_deref())? {
            return Err(invalid("format_type", "LTFS volumes are not made by this server; format_type must be raw"));
        }
        let digits = self.digits.unwrap_or(3);
        if !(1..=6).contains(&digits) {
            return Err(invalid("digits", "digits must be between 1 and 6"));
        }
        let count = self.count.unwrap_or(0);
        let least = if self.library_id.is_some() { 0 } else { 1 };
        if !(least..=1000).contains(&count) {
            return Err(invalid("count", format!("count must be between {least} and 1000")));
        }
        let start_number = self.start_number.unwrap_or(1);
        let last = u64::from(start_number) + u64::from(count.max(1)) - 1;
        if last >= 10u64.pow(digits) {
            return Err(invalid("digits", format!("the last number, {last}, has more than {digits} digits")));
        }
        let sample = format!("{}{last:0width$}", self.prefix, width = digits as usize);
        Label::validate_name(&sample).map_err(|error| invalid("prefix", error.to_string()))?;
        Ok(BatchLabelRequest {
            drive_id: self.drive_id,
            library_id: self.library_id,
            barcodes: self.barcodes,
            prefix: self.prefix,
            start_number,
            count,
            digits,
            pool_id: self.pool_id,
        })
    }
}

/// Labels many tapes: those that a person puts one after the other into a drive, or the blank ones of a library.
#[utoipa::path(operation_id = "batch_label", tag = "tapes", params(WaitQuery),
    request_body = BatchLabelBody, responses((status = 202, body = Started), (status = 400), (status = 409)))]
#[post("/tapes/batch-label")]
pub async fn batch_label(
    app: web::Data<App>,
    caller: Identity,
    wait: web::Query<WaitQuery>,
    body: web::Json<BatchLabelBody>,
) -> Result<HttpResponse> {
    start_batch(&app, &caller, *wait, body.into_inner()).await
}

/// Checks and submits a batch.
pub async fn start_batch(
    app: &web::Data<App>,
    caller: &Identity,
    wait: WaitQuery,
    body: BatchLabelBody,
) -> Result<HttpResponse> {
    let request = body.check()?;
    let request = query(&app.services.db, move |conn| {
        if let Some(drive) = request.drive_id {
            fields::existing("drive_id", drives::find(conn, drive))?;
        }
        if let Some(library) = request.library_id {
            fields::existing("library_id", libraries::find(conn, library))?;
        }
        if let Some(pool) = request.pool_id {
            fields::existing("pool_id", pools::find(conn, pool))?;
        }
        no_other_work(conn, None, request.drive_id)?;
        Ok(request)
    })
    .await?;
    let work = Work::new(Request::BatchLabel(request), "Batch label", "Batch label operation started");
    work.answer(app, caller, wait, Unsaid::Start).await
}

/// How far the newest batch is.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct BatchStatus {
    /// Its execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<i32>,
    /// Whether it is at work.
    running: bool,
    /// Tapes done, well or badly.
    progress: i64,
    /// Tapes to do.
    total: i64,
    /// The number of the tape at work, from 1.
    current: i64,
    /// Its label.
    current_label: String,
    /// One sentence.
    message: String,
    /// Tapes labelled.
    completed: i64,
    /// Tapes that could not be.
    failed: i64,
    /// `waiting`, `loading`, `writing`, `complete`, `failed` …
    phase: String,
}

/// How far the newest batch is.
#[utoipa::path(operation_id = "batch_label_status", tag = "tapes",
    responses((status = 200, body = BatchStatus)))]
#[get("/tapes/batch-label/status")]
pub async fn status(app: web::Data<App>) -> Result<web::Json<BatchStatus>> {
    let Some(newest) = newest(&app, None).await? else { return Ok(web::Json(BatchStatus::default())) };
    let mut row = newest;
    let views = app.jobs.send(Active).await?;
    let live = views.into_iter().find(|view| view.execution_id == row.id);
    if let Some(live) = &live {
        row.files_processed = i64::try_from(live.file_count).unwrap_or(i64::MAX);
        row.files_total = i64::try_from(live.total_files).unwrap_or(i64::MAX);
        row.warning_count = i64::try_from(live.warning_count).unwrap_or(i64::MAX);
        row.phase.clone_from(&live.phase);
        row.message.clone_from(&live.message);
    }
    let running = executions::ACTIVE.contains(&row.status);
    let progress = row.files_processed + row.warning_count;
    let phase = super::status::phase(row.status, &row.phase);
    Ok(web::Json(BatchStatus {
        execution_id: Some(row.id),
        running,
        progress,
        total: row.files_total,
        current: if running { (progress + 1).min(row.files_total) } else { progress },
        current_label: live.map(|live| live.current_path).unwrap_or_default(),
        message: row.error_message.unwrap_or(row.message),
        completed: row.files_processed,
        failed: row.warning_count,
        phase,
    }))
}

async fn newest(app: &web::Data<App>, statuses: Option<Vec<ExecutionStatus>>) -> Result<Option<executions::Execution>> {
    query(&app.services.db, move |conn| {
        let filter = ExecutionFilter { kind: Some("batch_label".into()), statuses, ..ExecutionFilter::default() };
        Ok(executions::list(conn, &filter, Page::first(1))?.pop().map(|row| row.execution))
    })
    .await
}

/// Ends the batch at work after the tape it is at.
#[utoipa::path(operation_id = "cancel_batch_label", tag = "tapes",
    responses((status = 200, body = Status), (status = 400)))]
#[post("/tapes/batch-label/cancel")]
pub async fn cancel(app: web::Data<App>) -> Result<web::Json<Status>> {
    let open = newest(&app, Some(executions::ACTIVE.to_vec())).await?;
    let open = open.ok_or_else(|| Error::bad_request("no batch label operation is running"))?;
    app.jobs.send(Control { execution_id: open.id, command: Command::Cancel }).await??;
    Ok(web::Json(Status::new("cancelling")))
}
