//! What the channels that speak HTTP share.
//!
//! Where they may go: anywhere on the network of whoever runs the server, also to this machine, for that is where many have their
//! receivers. Not to link-local addresses, where clouds answer whoever asks with the secrets of the machine; no redirection is
//! followed; and of an answer only its status and what it says of an error is kept, so that no channel is a way to read pages.

use super::{Again, Failure, Receipt, invalid};
use crate::Result;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, RequestBuilder, StatusCode, Url, header};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Longest reason that is kept, in characters.
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
    // a name is looked at when it is resolved
    match url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse().ok()) {
        Some(address) if is_refused(address) => Err(invalid(format!("{field}: {}", refusal(address)))),
        _ => Ok(url),
    }
}

/// The address at which the metadata of Amazon's machines answer by IPv6 (EC2 user guide, "Instance metadata").
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether nothing is sent to an address: link-local ones (RFC 3927, RFC 4291), and those of a cloud's metadata.
pub fn is_refused(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address == METADATA_V6,
    }
}

/// Why not.
pub fn refusal(address: IpAddr) -> String {
    format!("{address} is a link-local address or one of a cloud's metadata service: no message is sent there")
}

/// Resolves names as the system does, without the addresses that are refused.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let refused = found.iter().map(SocketAddr::ip).find(|address| is_refused(*address));
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| !is_refused(address.ip())).collect();
            match refused {
                Some(address) if allowed.is_empty() => Err(refusal(address).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Which ways `builder` takes: to no address that is refused ([`is_refused`]), and through this proxy; empty: that of the
/// environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
pub fn by_ways_allowed(builder: ClientBuilder, proxy: &str) -> Result<ClientBuilder> {
    let builder = builder.dns_resolver(Arc::new(Resolver));
    if proxy.trim().is_empty() {
        return Ok(builder);
    }
    // reqwest repeats the address in its error, and with it a password
    let proxy = Proxy::all(url("proxy", proxy)?).map_err(|_| invalid("proxy is no address of a proxy"))?;
    Ok(builder.proxy(proxy))
}

/// A client that follows no redirection (whatever it carries was meant for one place), believes `ca` beside the
/// authorities of the system, and goes [`by_ways_allowed`].
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
    by_ways_allowed(builder, proxy)?
        .build()
        .map_err(|error| invalid(format!("the HTTP client cannot be made: {error}")))
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
    if status.is_success() {
        return Ok(status.to_string());
    }
    let message = reason(&body).map_or(status.to_string(), |reason| format!("{status}: {reason}"));
    Err(Failure { message, again: again(status, wait) })
}

/// What an answer says of an error, if it does so as the services do for which there are channels.
fn reason(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let said = ["error", "errorDescription", "message", "description"].map(|field| answer.get(field)?.as_str());
    let said: Vec<&str> = said.into_iter().flatten().collect();
    let said: String = said.join(": ").trim().chars().filter(|c| !c.is_control()).take(KEPT).collect();
    Some(said).filter(|said| !said.is_empty())
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
    fn metadata_is_asked_of_nobody_however_it_is_written() {
        for address in [
            "http://169.254.169.254/latest/meta-data/",
            "http://2852039166/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.1/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]:80/",
            "http://[fd00:ec2::254]/latest/",
        ] {
            let error = url("url", address).unwrap_err();
            assert!(error.message.contains("link-local"), "{address}: {error}");
        }
        for address in
            ["http://127.0.0.1:8080/x", "http://[::1]/", "https://10.0.0.7/", "http://192.168.1.5", "https://a.b"]
        {
            url("url", address).unwrap();
        }
    }

    #[test]
    fn a_name_that_leads_there_is_not_followed() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // what the system makes of a name that is a number, without asking a server of names
        let error = runtime.block_on(Resolver.resolve(name("169.254.169.254"))).err().unwrap();
        assert!(error.to_string().contains("link-local"), "{error}");
        assert!(runtime.block_on(Resolver.resolve(name("localhost"))).unwrap().next().is_some());
    }

    #[test]
    fn only_reasons_are_kept_of_an_answer() {
        assert_eq!(
            reason(br#"{"error":"Unauthorized","errorCode":401,"errorDescription":"no token"}"#).unwrap(),
            "Unauthorized: no token"
        );
        assert_eq!(reason(b"root:x:0:0:root:/root:/bin/bash"), None);
        assert_eq!(reason(br#"{"AccessKeyId":"AKIA","SecretAccessKey":"x"}"#), None);
        assert_eq!(reason(br#"["error"]"#), None);
        assert_eq!(reason(format!("{{\"error\":\"{}\"}}", "x".repeat(9000)).as_bytes()).unwrap().len(), KEPT);
    }

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
