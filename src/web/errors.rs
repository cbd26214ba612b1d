//! Failures as HTTP answers: `{"error": "message", "code": "…", "details": {…}}`, and the same for what the framework
//! refuses (bodies, paths, queries).

use crate::{Error, ErrorKind};
use actix_web::error::{JsonPayloadError, PathError, PayloadError, QueryPayloadError};
use actix_web::http::{StatusCode, header};
use actix_web::web::{JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};

/// The largest JSON body, in bytes. Uploads have a limit of their own.
pub const LARGEST_BODY: usize = 1 << 20;

/// What every failure looks like.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// For people: what failed, on which object, what to do.
    pub error: String,
    /// For programs; stable.
    pub code: String,
    /// Ids, values found and expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self.kind {
            ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
            ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Timeout => StatusCode::REQUEST_TIMEOUT,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Locked => StatusCode::LOCKED,
            ErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if self.kind == ErrorKind::Internal {
            tracing::error!(code = self.code, "{}", self.message);
        }
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.details.as_ref().and_then(|details| details["retry_after_seconds"].as_u64()) {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if matches!(self.kind, ErrorKind::Timeout | ErrorKind::TooLarge) {
            // what is left of the body is not waited for
            response.force_close();
        }
        response.json(ErrorBody { error: self.message.clone(), code: self.code.into(), details: self.details.clone() })
    }
}

/// Limits of bodies, and words for what cannot be read.
pub fn configure_extractors(config: &mut ServiceConfig) {
    config
        .app_data(
            JsonConfig::default()
                .limit(LARGEST_BODY)
                .content_type_required(false)
                .content_type(|_| true)
                .error_handler(|error, _| bad_json(error).into()),
        )
        .app_data(PayloadConfig::new(LARGEST_BODY))
        .app_data(PathConfig::default().error_handler(|error, request| bad_path(&error, request).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| bad_query(&error).into()));
}

fn bad_json(error: JsonPayloadError) -> Error {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => Error::new(
            ErrorKind::TooLarge,
            "body_too_large",
            format!("the body is too large: at most {LARGEST_BODY} bytes"),
        ),
        // serde_json's message ends with "at line L column C".
        JsonPayloadError::Deserialize(reason) => {
            let place = json!({"line": reason.line(), "column": reason.column()});
            let message = match reason.classify() {
                serde_json::error::Category::Eof if reason.column() == 0 => "the body is empty: expected JSON".into(),
                _ => format!("invalid request body: {reason}"),
            };
            Error::new(ErrorKind::BadRequest, "bad_json", message).with_details(place)
        }
        JsonPayloadError::Payload(PayloadError::Io(late)) if late.kind() == std::io::ErrorKind::TimedOut => Error::new(
            ErrorKind::Timeout,
            "body_too_slow",
            "the body did not come in time (server.client_timeout_seconds)",
        ),
        other => Error::new(ErrorKind::BadRequest, "bad_body", format!("the body cannot be read: {other}")),
    }
}

fn bad_path(error: &PathError, request: &HttpRequest) -> Error {
    Error::new(
        ErrorKind::BadRequest,
        "bad_path",
        format!("{}: a part of the path is not what it should be: {error}", request.path()),
    )
}

fn bad_query(error: &QueryPayloadError) -> Error {
    Error::new(ErrorKind::BadRequest, "bad_query", format!("the query after '?' is not what it should be: {error}"))
}

/// JSON 404 for what nobody registered.
pub async fn no_such_path(request: HttpRequest) -> crate::Result<HttpResponse> {
    Err(nothing_at(request.path()))
}

pub(super) fn nothing_at(path: &str) -> Error {
    Error::new(ErrorKind::NotFound, "no_such_path", format!("there is nothing at {path}"))
}
