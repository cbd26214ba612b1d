//! Asking the provider: no redirection is followed, and neither time nor an answer is without end.

use crate::config::Oidc;
use crate::notify::channel::http::{by_ways_allowed, chain};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long an answer may take, with all of its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the provider may take to be reached.
const REACHED: Duration = Duration::from_secs(5);
/// Longest answer, in bytes. The longest in use are lists of keys with their certificates, some tens of kilobytes.
const LONGEST: usize = 512 << 10;

/// A client for one login, and the secret that goes with it. Both are read anew each time: what is mended counts at once.
pub struct Http {
    /// Follows no redirection, and waits for nothing without end.
    pub client: Client,
    /// What the provider gave us to prove who we are; none: it gave nothing.
    pub secret: Option<Zeroizing<String>>,
}

impl Http {
    /// Reads what is configured.
    ///
    /// # Errors
    /// A file that cannot be read, in words.
    pub async fn open(settings: &Oidc) -> Result<Http, String> {
        let settings = settings.clone();
        let read = tokio::task::spawn_blocking(move || {
            let secret = secret(&settings)?;
            Ok(Http { client: client(&settings)?, secret })
        });
        read.await.map_err(|_| "the server is stopping".to_owned())?
    }
}

/// The secret, as configured.
fn secret(settings: &Oidc) -> Result<Option<Zeroizing<String>>, String> {
    let path = &settings.client_secret_file;
    if path.as_os_str().is_empty() {
        let secret = Some(settings.client_secret.clone()).filter(|secret| !secret.is_empty());
        return Ok(secret.map(Zeroizing::new));
    }
    let wrong = |why: &dyn std::fmt::Display| format!("oidc.client_secret_file = {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| wrong(&error))?;
    let secret = text.trim();
    match secret.is_empty() {
        true => Err(wrong(&"the file is empty")),
        false => Ok(Some(Zeroizing::new(secret.to_owned()))),
    }
}

fn client(settings: &Oidc) -> Result<Client, String> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(REACHED)
        .timeout(PATIENCE)
        // logins are rare, and each has a client of its own
        .pool_max_idle_per_host(0)
        .user_agent(concat!("TapeBackarr/", env!("CARGO_PKG_VERSION")));
    let path = &settings.ca_certificate;
    if !path.as_os_str().is_empty() {
        let wrong = |why: &dyn std::fmt::Display| format!("oidc.ca_certificate = {}: {why}", path.display());
        let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
        builder = certificates.into_iter().fold(builder, |builder, one| builder.add_root_certificate(one));
    }
    let builder = by_ways_allowed(builder, "").map_err(|error| error.message)?;
    builder.build().map_err(|error| format!("the HTTP client cannot be made: {}", chain(&error)))
}

/// The status and the body of an answer.
///
/// # Errors
/// What went wrong, in words; neither address nor body are in them.
async fn read(request: RequestBuilder) -> Result<(StatusCode, Zeroizing<Vec<u8>>), String> {
    let failed = |error: reqwest::Error| chain(&error.without_url());
    let mut answer = request.header("accept", "application/json").send().await.map_err(failed)?;
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(format!("its answer is longer than {} KiB", LONGEST >> 10));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((answer.status(), body))
}

/// The document that is there.
///
/// # Errors
/// As [`read`], and anything but 200 with JSON that fits.
pub async fn document<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, String> {
    let (status, body) = read(request).await?;
    if status.is_redirection() {
        return Err(format!(
            "it answers {status}, and leads elsewhere; that is not followed: write the address it means"
        ));
    }
    if status != StatusCode::OK {
        return Err(format!("it answers {status}"));
    }
    parse(&body)
}

/// What a request for tokens is answered: they, or the provider's name for what is wrong (RFC 6749, section 5.2).
pub async fn tokens<T: DeserializeOwned>(request: RequestBuilder) -> Result<Result<T, String>, String> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    let (status, body) = read(request).await?;
    match status {
        StatusCode::OK => parse(&body).map(Ok),
        _ => match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) if status.is_client_error() => Ok(Err(super::plain(&refusal.error))),
            _ => Err(format!("it answers {status}")),
        },
    }
}

/// The error does not repeat what stands there.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        format!("its answer is not what it should be (line {}, column {})", error.line(), error.column())
    })
}
