//! From where a request comes, if proxies are to be believed.

use crate::config::Config;
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;

/// The address of the client: of the connection, or, if that is a proxy we trust, the last address in
/// `X-Forwarded-For` that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

/// Whether the connection is one of a proxy that we trust.
pub fn is_from_trusted_proxy(request: &HttpRequest) -> bool {
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    let config = request.app_data::<Data<Config>>();
    peer.zip(config).is_some_and(|(peer, config)| config.server.trusted_proxies.contains(&peer))
}

impl ClientAddress {
    /// Of this request.
    pub fn of(request: &HttpRequest) -> ClientAddress {
        let peer = request.peer_addr().map(|address| address.ip().to_canonical());
        let trusted = request.app_data::<Data<Config>>().map(|config| config.server.trusted_proxies.as_slice());
        let forwarded = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
        ClientAddress(behind_proxies(peer, trusted.unwrap_or_default(), forwarded))
    }
}

fn behind_proxies<'h>(
    peer: Option<IpAddr>,
    trusted: &[IpAddr],
    forwarded: impl Iterator<Item = &'h str>,
) -> Option<IpAddr> {
    let trusts = |address: &IpAddr| trusted.contains(address);
    let mut nearest = peer?;
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        if !trusts(&nearest) {
            break;
        }
        match hop.parse::<IpAddr>() {
            Ok(address) => nearest = address.to_canonical(),
            Err(_) => break,
        }
    }
    Some(nearest)
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

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxy = [ip("10.0.0.1"), ip("10.0.0.2")];
        let seen = |peer, header: &'static str| behind_proxies(Some(ip(peer)), &proxy, [header].into_iter());
        assert_eq!(seen("192.0.2.9", "1.1.1.1"), Some(ip("192.0.2.9")));
        assert_eq!(seen("10.0.0.1", "1.1.1.1"), Some(ip("1.1.1.1")));
        assert_eq!(seen("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2"), Some(ip("1.1.1.1")));
        assert_eq!(seen("10.0.0.1", "6.6.6.6, garbage"), Some(ip("10.0.0.1")));
        assert_eq!(behind_proxies(None, &proxy, std::iter::empty()), None);
    }
}
