//! Long work over HTTP: put into the queue, answered at once with an execution, or awaited with `?wait=true`.

mod codes;

use crate::actors::jobs::Wait;
use crate::app::App;
use crate::auth::Identity;
use crate::db::ExecutionStatus;
use crate::db::executions::Execution;
use crate::executions::Request;
use crate::{Error, ErrorKind, Result};
use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

/// Whether to answer when the work is done instead of at once.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// `true`: answer when it is done, with its result or its error. `false`: answer 202 with an execution.
    pub wait: Option<bool>,
}

/// What a route does when a request does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// Answers at once: the work may take hours.
    Start,
    /// Answers when it is done: the work is short, and its result is what is asked for.
    Await,
}

/// The answer to a request that started long work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Started {
    /// `started`
    pub status: String,
    /// The execution to follow.
    pub execution_id: i32,
    /// One sentence.
    pub message: String,
}

/// Work that is to be submitted.
pub struct Work {
    /// What.
    pub request: Request,
    /// For people: "Label of tape A00001".
    pub title: String,
    /// Said to who asked, when it starts.
    pub message: String,
    /// Further fields of the answer, beside `status`, `execution_id` and `message`.
    pub fields: Value,
}

impl Work {
    /// Work without further fields.
    pub fn new(request: Request, title: impl Into<String>, message: impl Into<String>) -> Work {
        Work { request, title: title.into(), message: message.into(), fields: Value::Null }
    }

    /// The same with further fields in the answer.
    pub fn with(mut self, fields: Value) -> Work {
        self.fields = fields;
        self
    }

    /// Submits it and answers as the request wants.
    pub async fn answer(self, app: &App, caller: &Identity, query: WaitQuery, unsaid: Unsaid) -> Result<HttpResponse> {
        let id = app.submit(self.request, self.title, caller.user_id()).await?;
        if query.wait.unwrap_or(unsaid == Unsaid::Await) {
            return Ok(HttpResponse::Ok().json(merged(self.fields, finished(app, id).await?)));
        }
        let started = json!({"status": "started", "execution_id": id, "message": self.message});
        Ok(HttpResponse::Accepted().json(merged(started, self.fields)))
    }
}

/// Waits for an execution and gives its result with `execution_id`, or its error.
pub async fn finished(app: &App, id: i32) -> Result<Value> {
    let row = app.jobs.send(Wait(id)).await??;
    if row.status != ExecutionStatus::Completed {
        return Err(failure(&row));
    }
    let result = row.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    Ok(merged(json!({"execution_id": id}), result))
}

/// The fields of `more` laid over those of `base`.
pub fn merged(base: Value, more: Value) -> Value {
    let mut fields = match base {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Value::Object(fields)
}

/// The error that an execution ended with, with the status that it would have had as an answer.
fn failure(row: &Execution) -> Error {
    let stored = row.error_code.as_deref().unwrap_or_default();
    let (code, kind) = codes::find(stored).unwrap_or(match row.status {
        ExecutionStatus::Cancelled => ("cancelled", ErrorKind::Conflict),
        _ => ("execution_failed", ErrorKind::Internal),
    });
    let message = match (&row.error_message, row.status) {
        (Some(message), _) => message.clone(),
        (None, ExecutionStatus::Cancelled) => format!("{} was cancelled", row.title),
        (None, _) => format!("{} failed", row.title),
    };
    // the row keeps the details of an error where the result of a success would be
    let details = row.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    Error::new(kind, code, message).with_details(merged(details, json!({"execution_id": row.id, "error_code": stored})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_fields_win() {
        assert_eq!(merged(json!({"a": 1, "b": 1}), json!({"b": 2})), json!({"a": 1, "b": 2}));
        assert_eq!(merged(Value::Null, json!({"b": 2})), json!({"b": 2}));
        assert_eq!(merged(json!({"a": 1}), json!("text")), json!({"a": 1}));
    }
}
