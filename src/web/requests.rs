//! Around every request: it gets an id, its lines in the log carry that, and it is counted.

use crate::auth::permissions::{Answer, find};
use crate::metrics::Http;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::time::Instant;
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// A longer id of somebody else is not taken.
const LONGEST: usize = 64;

/// The middleware, around all others.
pub async fn watch<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let begin = Instant::now();
    let id = id_of(request.headers());
    let (method, route) = (word(request.method()), route(&request));
    let http = request.app_data::<Data<Http>>().cloned();
    let in_flight = http.as_ref().map(|http| http.asked());
    // an error, so that no level of the log leaves it out of lines that are there
    let span = tracing::error_span!("request", request_id = %id, method, route);
    let answer = next.call(request).instrument(span.clone()).await;
    drop(in_flight);
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    let took = begin.elapsed();
    if let Some(http) = http {
        http.answered(method, route, status.as_u16(), took);
    }
    span.in_scope(|| tracing::debug!(status = status.as_u16(), milliseconds = took.as_millis(), "answered"));
    let mut response = answer?;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, id);
    }
    Ok(response)
}

/// The id that a proxy or the client gave the request, if it can stand in a log; otherwise a new one.
fn id_of(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=LONGEST).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(|| uuid::Uuid::new_v4().simple().to_string(), str::to_owned)
}

/// The pattern of the route: `/api/v1/tapes/{id}`; `ui` for what is no route of ours, `none` for what could be one and is not.
fn route(request: &ServiceRequest) -> &'static str {
    let path = request.match_info().as_str();
    let path = path.strip_suffix('/').unwrap_or(path);
    match find(request.method().as_str(), path) {
        Answer::Route(route) => route.pattern,
        Answer::Nothing if !path.starts_with("/api/") => "ui",
        Answer::Nothing | Answer::OtherMethods(_) => "none",
    }
}

fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
