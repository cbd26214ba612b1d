//! From where a request comes, and whether it came encrypted, as far as proxies are to be believed.
//!
//! Whoever asks can write any header. So what a header says counts only if the connection is one of a proxy that we trust,
//! and of a list only as far as each further hop was told by one that we trust: the first that is not is the client. Of the
//! two kinds of headers only the configured one is read: a proxy passes on what it does not know.

use crate::config::{Config, ProxyHeader};
use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use ipnet::IpNet;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};

/// Headers in which proxies say for whom they ask.
const FORWARDING: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// The address of the client: of the connection, or, if that is a proxy we trust, the last address it tells that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// Of this request.
    pub fn of(request: &HttpRequest) -> ClientAddress {
        ClientAddress(client(request).map(|client| client.address))
    }

    /// The address, unless somebody speaks for others whom we do not trust: a proxy that nobody told us of would lend its own
    /// address to the whole world.
    pub fn undoubted(request: &HttpRequest) -> Option<IpAddr> {
        let address = client(request)?.address;
        let peer = request.peer_addr()?.ip().to_canonical();
        let speaks = FORWARDING.iter().any(|name| request.headers().contains_key(*name));
        let trusted =
            request.app_data::<Data<Config>>().is_some_and(|config| trusts(&config.server.trusted_proxies, peer));
        (trusted || !speaks).then_some(address)
    }
}

/// Whether the client speaks TLS, with us or with a proxy that we trust.
pub fn is_secure(request: &HttpRequest) -> bool {
    client(request).and_then(|client| client.secure).unwrap_or_else(|| request.app_config().secure())
}

/// What is known of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Client {
    address: IpAddr,
    /// Whether a proxy said that they speak TLS with it; none: nobody said anything.
    secure: Option<bool>,
}

fn client(request: &HttpRequest) -> Option<Client> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let unasked = Client { address: peer, secure: None };
    let Some(config) = request.app_data::<Data<Config>>() else { return Some(unasked) };
    let trusted = &config.server.trusted_proxies;
    if !trusts(trusted, peer) {
        return Some(unasked);
    }
    let hops = match config.server.proxy_header {
        ProxyHeader::XForwardedFor => x_forwarded(request.headers()),
        ProxyHeader::Forwarded => forwarded(request.headers()),
    };
    Some(behind_proxies(peer, trusted, &hops))
}

fn trusts(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// What one proxy says of who asked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hop {
    /// None: it does not say, or not in a way that can be understood.
    address: Option<IpAddr>,
    secure: Option<bool>,
}

/// Goes from the proxy next to us outwards, as long as those who speak are trusted.
fn behind_proxies(peer: IpAddr, trusted: &[IpNet], hops: &[Hop]) -> Client {
    let mut client = Client { address: peer, secure: None };
    for hop in hops.iter().rev() {
        if !trusts(trusted, client.address) {
            break;
        }
        client.secure = hop.secure.or(client.secure);
        match hop.address {
            Some(address) => client.address = address,
            None => break,
        }
    }
    client
}

/// `X-Forwarded-For` has a list of addresses, `X-Forwarded-Proto` the scheme that the last proxy was asked with.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let last = items(headers, "x-forwarded-proto").pop();
    let secure = last.map(|scheme| scheme.eq_ignore_ascii_case("https"));
    let mut hops: Vec<Hop> = items(headers, "x-forwarded-for")
        .into_iter()
        .map(|text| Hop { address: address(text), secure: None })
        .collect();
    match hops.last_mut() {
        Some(nearest) => nearest.secure = secure,
        None => hops.push(Hop { address: None, secure }),
    }
    hops
}

fn items<'h>(headers: &'h HeaderMap, name: &'static str) -> Vec<&'h str> {
    let values = headers.get_all(name).map(|value| value.to_str().unwrap_or("?"));
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// `Forwarded: for="[2001:db8::1]:4711";proto=https, for=10.0.0.2` (RFC 7239). Quotes do not protect a comma: no address and no
/// scheme has one, and a quotation mark that a client left open would swallow what the proxy wrote behind it.
fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let hop = |element: &str| {
        let mut hop = Hop { address: None, secure: None };
        for pair in element.split(';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("for") {
                hop.address = address(value);
            } else if name.trim().eq_ignore_ascii_case("proto") {
                hop.secure = Some(value.eq_ignore_ascii_case("https"));
            }
        }
        hop
    };
    items(headers, "forwarded").into_iter().map(hop).collect()
}

/// An address, with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    address.map(|address| address.to_canonical())
}

impl FromRequest for ClientAddress {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn trusted() -> Vec<IpNet> {
        vec!["10.0.0.0/24".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()]
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let seen = |peer, list: &str| {
            behind_proxies(ip(peer), &trusted(), &x_forwarded(&headers(&[("x-forwarded-for", list)]))).address
        };
        assert_eq!(seen("192.0.2.9", "1.1.1.1"), ip("192.0.2.9"));
        assert_eq!(seen("10.0.0.1", "1.1.1.1"), ip("1.1.1.1"));
        assert_eq!(
            seen("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2"),
            ip("1.1.1.1"),
            "what the client wrote itself is older"
        );
        assert_eq!(seen("10.0.0.1", "6.6.6.6, 10.0.1.2"), ip("10.0.1.2"), "the next network is not trusted");
        assert_eq!(seen("10.0.0.1", "6.6.6.6, garbage"), ip("10.0.0.1"));
        assert_eq!(seen("10.0.0.1", "1.1.1.1:4711"), ip("1.1.1.1"));
        assert_eq!(seen("10.0.0.1", "[2001:db8::5]:80"), ip("2001:db8::5"));
        assert_eq!(seen("10.0.0.1", "::ffff:1.2.3.4"), ip("1.2.3.4"));
        assert_eq!(seen("10.0.0.1", ""), ip("10.0.0.1"));
        assert_eq!(seen("10.0.0.1", "10.0.0.7"), ip("10.0.0.7"), "a proxy that asks itself");
    }

    #[test]
    fn several_headers_are_one_list() {
        let hops = x_forwarded(&headers(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "1.1.1.1, 10.0.0.2"),
            ("x-forwarded-proto", "http, https"),
        ]));
        let client = behind_proxies(ip("10.0.0.1"), &trusted(), &hops);
        assert_eq!(client, Client { address: ip("1.1.1.1"), secure: Some(true) });
        let only_scheme =
            behind_proxies(ip("10.0.0.1"), &trusted(), &x_forwarded(&headers(&[("x-forwarded-proto", "HTTPS")])));
        assert_eq!(only_scheme, Client { address: ip("10.0.0.1"), secure: Some(true) });
    }

    #[test]
    fn the_standard_header_is_read_too() {
        let seen =
            |value: &str| behind_proxies(ip("10.0.0.1"), &trusted(), &forwarded(&headers(&[("forwarded", value)])));
        assert_eq!(seen("for=1.1.1.1;proto=https"), Client { address: ip("1.1.1.1"), secure: Some(true) });
        assert_eq!(seen("For=\"[2001:db8:cafe::17]:4711\"").address, ip("2001:db8:cafe::17"));
        assert_eq!(
            seen("for=6.6.6.6;proto=http, for=1.1.1.1;proto=https;by=10.0.0.2, for=10.0.0.2;proto=http"),
            Client { address: ip("1.1.1.1"), secure: Some(true) },
            "the scheme that counts is that of the client"
        );
        assert_eq!(
            seen("for=6.6.6.6;proto=https, for=1.1.1.1;proto=http"),
            Client { address: ip("1.1.1.1"), secure: Some(false) },
            "what the client says of itself is not believed"
        );
        for hidden in ["for=unknown", "for=_hidden", "proto=http", "", "for=6.6.6.6, for=\"_a,b\""] {
            assert_eq!(seen(hidden).address, ip("10.0.0.1"), "{hidden}");
        }
        assert_eq!(seen("for=\"a,b;c\\\",d\", for=1.1.1.1").address, ip("1.1.1.1"));
    }

    proptest! {
        #[test]
        fn whatever_stands_there_the_client_is_whom_a_trusted_proxy_named(text in "[ -~]{0,80}") {
            let line = format!("{text}, for=198.51.100.4;proto=https");
            let seen = behind_proxies(ip("10.0.0.1"), &trusted(), &forwarded(&headers(&[("forwarded", &line)])));
            prop_assert_eq!(seen, Client { address: ip("198.51.100.4"), secure: Some(true) });
            let hops = x_forwarded(&headers(&[("x-forwarded-for", &text), ("x-forwarded-for", "198.51.100.4")]));
            prop_assert_eq!(behind_proxies(ip("10.0.0.1"), &trusted(), &hops).address, ip("198.51.100.4"));
        }
    }
}
