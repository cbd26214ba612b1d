//! What the channels that speak HTTP share.

use super::{Again, Failure, Receipt, invalid};
use crate::Result;
use reqwest::{Certificate, Client, ClientBuilder, Proxy, RequestBuilder, StatusCode, Url, header};
use std::time::Duration;

/// Longest answer that is kept, in characters.
const KEPT: usize = 300;
/// Longest answer that is read, in bytes.
const READ: usize = 16 << 10;
/// Longest that a server may make us wait.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);

/// An address of the web.
///
/// # Errors
/// 400 with the name of the field.
pub fn url(field: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text.trim()).map_err(|error| invalid(format!("{field} is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid(format!("{field} must begin with https:// or http://")));
    }
    Ok(url)
}

/// Through which proxy `builder` goes; empty: that of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
/// `NO_PROXY`).
pub fn through(builder: ClientBuilder, proxy: &str) -> Result<ClientBuilder> {
    if proxy.trim().is_empty() {
        return Ok(builder);
    }
    // reqwest repeats the address in its error, and with it a password
    let proxy = Proxy::all(url("proxy", proxy)?).map_err(|_| invalid("proxy is no address of a proxy"))?;
    Ok(builder.proxy(proxy))
}

/// A client that follows no redirection (whatever it carries was meant for one place), believes `ca` beside the
/// authorities of the system, and goes [`through`] a proxy.
pub fn client(ca: &str, proxy: &str) -> Result<Client> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(15))
        .timeout(Duration::from_secs(45))
        .user_agent(concat!("TapeBackarr/", env!("CARGO_PKG_VERSION")));
    if !ca.trim().is_empty() {
        let certificates = Certificate::from_pem_bundle(ca.as_bytes())
            .map_err(|error| invalid(format!("ca_certificate is no certificate in PEM: {error}")))?;
        builder = certificates.into_iter().fold(builder, ClientBuilder::add_root_certificate);
    }
    through(builder, proxy)?.build().map_err(|error| invalid(format!("the HTTP client cannot be made: {error}")))
}

/// Whether the server of an address answers: it is asked for the head of its first page, whatever that is.
pub async fn reach(address: &str, ca: &str, proxy: &str) -> Result<String, String> {
    let wrong = |error: crate::Error| error.message;
    let url = url("url", address).map_err(wrong)?.join("/").map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let answer = client(ca, proxy).map_err(wrong)?.head(url).send().await;
    match answer.map_err(|error| chain(&error.without_url()))?.status() {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err("the proxy wants another login".into()),
        _ => Ok(format!("{host} answers")),
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: RequestBuilder) -> Result<Receipt, Failure> {
    // the address may hold a secret
    let failed = |error: reqwest::Error| Failure::later(chain(&error.without_url()));
    let mut answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    let wait = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    while body.len() < READ {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // it was taken or not by then
            Err(_) => break,
        }
    }
    let body: String = String::from_utf8_lossy(&body).trim().chars().filter(|c| !c.is_control()).take(KEPT).collect();
    let message = if body.is_empty() { status.to_string() } else { format!("{status}: {body}") };
    if status.is_success() {
        return Ok(message);
    }
    Err(Failure { message, again: again(status, wait) })
}

fn again(status: StatusCode, wait: Option<u64>) -> Again {
    match (status, wait) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(seconds)) => {
            Again::After(Duration::from_secs(seconds).min(LONGEST_WAIT))
        }
        // only these are about the message; all others may be put right by somebody
        (
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _,
        ) => Again::Never,
        _ => Again::Later,
    }
}

/// An error with its causes, which say more than itself.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_message_is_given_up() {
        assert_eq!(again(StatusCode::BAD_REQUEST, None), Again::Never);
        for status in [StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY, StatusCode::FOUND] {
            assert_eq!(again(status, None), Again::Later, "{status}");
        }
        assert_eq!(again(StatusCode::TOO_MANY_REQUESTS, Some(30)), Again::After(Duration::from_secs(30)));
        assert_eq!(again(StatusCode::TOO_MANY_REQUESTS, Some(u64::MAX)), Again::After(LONGEST_WAIT));
    }
}
