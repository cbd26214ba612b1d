//! The login of a browser: a cookie that no script can read, and that only our own pages can use.
//!
//! A cookie goes along with every request to its server, also with those that a page from elsewhere makes. So it counts only
//! when the browser says that the request comes from our own pages (`Sec-Fetch-Site`, or `Origin` where an old browser or an
//! unencrypted connection has only that), and for a change only with the header [`SENT_BY_US`], which a page from elsewhere
//! cannot send. `SameSite=Strict` keeps honest browsers from sending it at all.

use crate::config::Config;
use crate::web::address::is_secure;
use crate::{Error, ErrorKind, Result};
use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The header that our pages send with every change.
pub const SENT_BY_US: &str = "x-requested-with";
/// Where the cookie is sent.
const PATH: &str = "/api";

/// Two servers on one machine share its cookies: each has a name of its own.
pub fn name(config: &Config) -> String {
    format!("tapebackarr_{}", config.server.port)
}

/// `Set-Cookie` that keeps `token` for so many seconds; 0 deletes it.
pub fn set(request: &HttpRequest, config: &Config, token: &str, seconds: u64) -> (HeaderName, String) {
    let secure = if is_secure(request) { "; Secure" } else { "" };
    let name = name(config);
    let cookie = format!("{name}={token}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    (header::SET_COOKIE, cookie)
}

/// `Set-Cookie` of a cookie that no script can read, and that also comes along when another site leads here; 0 seconds delete it.
pub fn lax(name: &str, value: &str, path: &str, seconds: u64, secure: bool) -> (HeaderName, String) {
    let secure = if secure { "; Secure" } else { "" };
    (header::SET_COOKIE, format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"))
}

/// The value of a cookie, if there is one of this name.
pub fn value(request: &HttpRequest, name: &str) -> Option<String> {
    let cookies = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// The token in the cookie, if there is one.
///
/// # Errors
/// 403 `cross_site`: the request does not come from our own pages.
pub fn token(request: &HttpRequest, config: &Config) -> Result<Option<String>> {
    let Some(token) = value(request, &name(config)) else { return Ok(None) };
    let authority = request.uri().authority().map(|authority| authority.as_str());
    match is_ours(request.method(), request.headers(), authority, is_secure(request)) {
        true => Ok(Some(token)),
        false => Err(cross_site()),
    }
}

/// `secure`: it came by TLS. Then a page that came without it is another one: anybody on the way could have written it.
fn is_ours(method: &Method, headers: &HeaderMap, authority: Option<&str>, secure: bool) -> bool {
    let text = |name: &str| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let host = text("host").or(authority);
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let site = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin" || (reads && site == "none"),
        (None, Some(origin)) => {
            let parts = origin.split_once("://").filter(|(scheme, _)| *scheme == "https" || !secure);
            // HTTP/2 has the host in its address
            parts.is_some_and(|(_, authority)| Some(authority) == host)
        }
        (None, None) => true,
    };
    site && (reads || text(SENT_BY_US).is_some_and(|by| !by.is_empty()))
}

fn cross_site() -> Error {
    let message = format!(
        "the login of a browser counts only for requests of our own pages, and for changes with the header {SENT_BY_US}; \
         programs send Authorization: Bearer or X-API-Key"
    );
    Error::new(ErrorKind::Forbidden, "cross_site", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(method: Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("tapes.example:8080"));
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_ours(&method, &headers, None, false)
    }

    #[test]
    fn over_tls_a_page_without_it_is_not_ours() {
        let asked = |origin: &'static str, secure| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            is_ours(&Method::GET, &headers, Some("tapes.example"), secure)
        };
        assert!(asked("https://tapes.example", true) && asked("http://tapes.example", false));
        assert!(!asked("http://tapes.example", true), "anybody on the way could have written that page");
        assert!(!asked("https://evil.example", true));
    }

    #[test]
    fn only_our_own_pages_may_use_the_cookie() {
        let by_us = (SENT_BY_US, "tapebackarr");
        assert!(ours(Method::GET, &[]));
        assert!(ours(Method::GET, &[("sec-fetch-site", "same-origin")]));
        assert!(ours(Method::GET, &[("sec-fetch-site", "none")]), "a download from the address bar");
        assert!(ours(Method::POST, &[("sec-fetch-site", "same-origin"), by_us]));
        assert!(ours(Method::POST, &[("origin", "http://tapes.example:8080"), by_us]));
        for site in ["cross-site", "same-site", "garbage"] {
            assert!(!ours(Method::GET, &[("sec-fetch-site", site)]), "{site}");
            assert!(!ours(Method::POST, &[("sec-fetch-site", site), by_us]), "{site}");
        }
        for origin in ["https://evil.example", "null", "http://tapes.example", "http://tapes.example:8080.evil.example"]
        {
            assert!(!ours(Method::GET, &[("origin", origin)]), "{origin}");
            assert!(!ours(Method::POST, &[("origin", origin), by_us]), "{origin}");
        }
        assert!(!ours(Method::POST, &[("sec-fetch-site", "none"), by_us]));
        assert!(!ours(Method::POST, &[("sec-fetch-site", "same-origin")]), "a form cannot send the header");
        assert!(!ours(Method::DELETE, &[]));
    }
}
