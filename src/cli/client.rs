//! The REST client: requests with credentials, and answers or errors in words.

use super::exit::{CliError, CliResult, Exit};
use super::session::Credentials;
use super::trust::{self, Trust};
use reqwest::blocking::{RequestBuilder, Response};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// Slow answers are waited for this long; long work answers at once with an execution.
const TIMEOUT: Duration = Duration::from_secs(330);

/// What the server says of something that was shown and is not right, or not all; of the session it says nothing.
const PROOFS: &[&str] = &["wrong_password", "totp_required", "totp_wrong"];

/// A server, and who we are there.
pub struct Client {
    http: reqwest::blocking::Client,
    base: String,
    credentials: Option<Credentials>,
}

impl Client {
    /// A client for the server at `base` (`http://host:port`), if its certificate is one that `trust` believes.
    pub fn new(base: &str, trust: &Trust, credentials: Option<Credentials>) -> CliResult<Self> {
        let base = base.trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&base).ok();
        let known = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = known else {
            return Err(CliError::usage(format!("\"{base}\" is not the address of a server"))
                .advise("write it as http://HOST:PORT or https://HOST"));
        };
        let builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("tapebackarr/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIMEOUT);
        let http = trust
            .apply(builder, &url)?
            .build()
            .map_err(|error| CliError::failed(format!("cannot prepare the HTTP client: {error}")))?;
        Ok(Client { http, base, credentials })
    }

    /// The same server as somebody else.
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Client { credentials: Some(credentials), ..self }
    }

    /// The server's address without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET /api/v1/{path}`.
    pub fn get(&self, path: &str) -> CliResult<Value> {
        self.get_with(path, &[])
    }

    /// `GET` with query parameters; those without a value are left out.
    pub fn get_with(&self, path: &str, query: &[(&str, Option<String>)]) -> CliResult<Value> {
        let query: Vec<_> = query.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
        self.answer(self.request(Method::GET, path).query(&query))
    }

    /// `POST` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> CliResult<Value> {
        self.answer(self.request(Method::POST, path).json(body))
    }

    /// `POST` of a file, however large.
    pub fn upload(&self, path: &str, query: &[(&str, Option<String>)], file: std::fs::File) -> CliResult<Value> {
        let query: Vec<_> = query.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
        let request = self.request(Method::POST, path).query(&query).timeout(Duration::from_secs(86_400));
        self.answer(request.header("Content-Type", "application/octet-stream").body(file))
    }

    /// `PUT` with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> CliResult<Value> {
        self.answer(self.request(Method::PUT, path).json(body))
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> CliResult<Value> {
        self.answer(self.request(Method::DELETE, path))
    }

    /// `GET` of something that is not JSON.
    pub fn text(&self, path: &str) -> CliResult<String> {
        self.text_with(path, &[])
    }

    /// The same with query parameters; those without a value are left out.
    pub fn text_with(&self, path: &str, query: &[(&str, Option<String>)]) -> CliResult<String> {
        let query: Vec<_> = query.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
        let response = self.send(self.request(Method::GET, path).query(&query))?;
        response.text().map_err(|error| self.transport_error(&error))
    }

    /// `GET` of something that is no text.
    pub fn bytes(&self, path: &str) -> CliResult<Vec<u8>> {
        let response = self.send(self.request(Method::GET, path))?;
        response.bytes().map(Vec::from).map_err(|error| self.transport_error(&error))
    }

    /// `GET` of a stream without an end, resumed behind the event `last_id`.
    pub fn stream(&self, path: &str, last_id: Option<&str>) -> CliResult<Response> {
        let mut request = self.request(Method::GET, path).timeout(Duration::from_secs(86_400 * 365));
        request = request.header("Accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        self.send(request)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v1/{path}", self.base));
        match &self.credentials {
            Some(Credentials::ApiKey(key)) => request.header("X-API-Key", key),
            Some(Credentials::Token(token)) => request.bearer_auth(token),
            None => request,
        }
    }

    fn answer(&self, request: RequestBuilder) -> CliResult<Value> {
        let response = self.send(request)?;
        let text = response.text().map_err(|error| self.transport_error(&error))?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|_| {
            CliError::failed(format!("{} answered with something that is not JSON", self.base))
                .advise("is this a TapeBackarr server?")
        })
    }

    fn send(&self, request: RequestBuilder) -> CliResult<Response> {
        let response = request.send().map_err(|error| self.transport_error(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(self.refusal(status, &response.text().unwrap_or_default()))
    }

    fn transport_error(&self, error: &reqwest::Error) -> CliError {
        let base = &self.base;
        if error.is_timeout() {
            return CliError::new(Exit::Unreachable, format!("{base} did not answer in time"));
        }
        let cause = std::iter::successors(std::error::Error::source(error), |cause| cause.source()).last();
        let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
        if cause.contains("certificate verify failed") {
            let refused =
                CliError::new(Exit::Unreachable, format!("the certificate of {base} is not trusted: {cause}"));
            return match trust::advice(base) {
                Some(advice) => refused.advise(advice),
                None => refused,
            };
        }
        CliError::new(Exit::Unreachable, format!("no TapeBackarr server answers at {base}: {cause}"))
            .advise("start one with `tapebackarr serve`, or name another with --server or TAPEBACKARR_SERVER")
    }

    fn refusal(&self, status: StatusCode, body: &str) -> CliError {
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let message = match answer.get("error").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => format!("{} answered {status}", self.base),
        };
        let code = answer.get("code").and_then(Value::as_str).map(str::to_owned);
        let error = match status {
            // a wrong password or code is said in the message: the session is good
            StatusCode::UNAUTHORIZED if code.as_deref().is_some_and(|code| PROOFS.contains(&code)) => {
                CliError::new(Exit::Denied, message)
            }
            StatusCode::UNAUTHORIZED => CliError::new(Exit::Denied, message).advise(match self.credentials {
                None => "log in with `tapebackarr login`, or put an API key into TAPEBACKARR_API_KEY",
                Some(Credentials::Token(_)) => "the session has ended; log in again with `tapebackarr login`",
                Some(Credentials::ApiKey(_)) => {
                    "the API key is wrong, expired or deleted; an administrator can make a new one"
                }
            }),
            StatusCode::FORBIDDEN => CliError::new(Exit::Denied, message),
            StatusCode::NOT_FOUND => CliError::new(Exit::NotFound, message),
            _ => CliError::failed(message),
        };
        CliError { code, ..error }
    }
}
