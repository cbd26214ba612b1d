//! The server itself: whether it answers where it should, or somebody else does.

use super::{Config, Report};
use crate::config::Tls;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Looks who answers.
pub fn look(report: &mut Report, config: &Config) {
    let address = address(config);
    let name = address.to_string();
    if config.server.port == 0 {
        return report.ok("server", name, "The system chooses the port: it is not looked for.");
    }
    match health(address, config.server.tls) {
        Ok(true) => report.ok("server", name, "It runs."),
        Ok(false) => {
            let mend =
                format!("Find out who it is (ss -ltnp 'sport = :{}'), or choose another server.port.", address.port());
            report.fail("server", name, "Somebody else answers at this address.", mend);
        }
        Err(error) => {
            let mend = "systemctl start tapebackarr; journalctl -u tapebackarr says why it ended.";
            report.warn("server", name, format!("It does not run: {error}."), mend);
        }
    }
}

/// Where the server is reached from this machine.
pub fn address(config: &Config) -> SocketAddr {
    let ip = match config.server.listen {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, config.server.port)
}

/// Whether a TapeBackarr answers. No secret is sent, so any certificate will do; [`super::tls`] compares it.
fn health(address: SocketAddr, tls: Tls) -> Result<bool, String> {
    let words = |error: reqwest::Error| crate::notify::channel::http::chain(&error.without_url());
    let (scheme, any) = if tls == Tls::On { ("https", true) } else { ("http", false) };
    let builder = reqwest::blocking::Client::builder().no_proxy().danger_accept_invalid_certs(any);
    let client = builder.timeout(Duration::from_secs(10)).build().map_err(words)?;
    match client.get(format!("{scheme}://{address}/api/v1/health")).send() {
        Ok(answer) => {
            let body: serde_json::Value = answer.json().unwrap_or_default();
            Ok(body.get("status").is_some())
        }
        Err(error) if error.is_connect() => Err(words(error)),
        // something took the connection and does not speak as we do
        Err(_) => Ok(false),
    }
}
