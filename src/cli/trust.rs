//! Which certificate of a server is believed: one that the machine trusts, one of a named authority, or one that somebody has
//! compared. There is no way to believe any.

use super::exit::{CliError, CliResult, Doing, Exit};
use crate::tls::{Facts, peer};
use reqwest::blocking::ClientBuilder;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How long the server is asked for its certificate.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is believed beside what the machine trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// A file with the certificates of authorities (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// SHA-256 of the one certificate that is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Trust {
    /// As given on the command line; the path is made whole, so that it can be kept.
    pub fn given(ca: Option<&PathBuf>, fingerprint: Option<&String>) -> CliResult<Option<Trust>> {
        match (ca, fingerprint) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(CliError::usage("--ca and --fingerprint are two ways to trust a server: give one"))
            }
            (Some(ca), None) => {
                let ca = std::path::absolute(ca).doing(format_args!("cannot read {}", ca.display()))?;
                Ok(Some(Trust { ca: Some(ca), fingerprint: None }))
            }
            (None, Some(typed)) => {
                let digits = peer::digits(typed).ok_or_else(|| {
                    CliError::usage(format!("\"{typed}\" is not the fingerprint of a certificate"))
                        .advise("it is its SHA-256: 64 hexadecimal digits, with or without colons")
                })?;
                Ok(Some(Trust { ca: None, fingerprint: Some(digits) }))
            }
        }
    }

    /// Prepares a client that believes this.
    pub fn apply(&self, mut builder: ClientBuilder, url: &reqwest::Url) -> CliResult<ClientBuilder> {
        if let Some(ca) = &self.ca {
            let name = ca.display();
            let pem = std::fs::read(ca).doing(format_args!("cannot read the certificates of authorities in {name}"))?;
            let found = reqwest::Certificate::from_pem_bundle(&pem)
                .doing(format_args!("cannot understand the certificates of authorities in {name}"))?;
            if found.is_empty() {
                return Err(CliError::usage(format!("{name} holds no certificate (PEM)")));
            }
            builder = found.into_iter().fold(builder, ClientBuilder::add_root_certificate);
        }
        match &self.fingerprint {
            Some(fingerprint) => pin(builder, url, fingerprint),
            None => Ok(builder),
        }
    }
}

/// A client that believes the certificate with this fingerprint and no other. It is asked for first, then made the only one that is
/// trusted: whoever answers afterwards has to prove that its key is theirs.
fn pin(builder: ClientBuilder, url: &reqwest::Url, fingerprint: &str) -> CliResult<ClientBuilder> {
    if url.scheme() != "https" {
        return Err(CliError::usage(format!("{url} is reached without TLS, so there is no certificate to compare"))
            .advise("write the address with https://"));
    }
    let certificate = shown(url).map_err(|why| {
        CliError::new(Exit::Unreachable, format!("no TapeBackarr server answers at {url}: {why}"))
            .advise("start one with `tapebackarr serve`, or name another with --server or TAPEBACKARR_SERVER")
    })?;
    let facts = Facts::of(&certificate).doing("cannot understand the certificate of the server")?;
    if !peer::is(&certificate, fingerprint) {
        let message = format!("{url} shows another certificate than the one that you trust: {}", facts.fingerprint);
        return Err(CliError::new(Exit::Denied, message).advise(
            "compare it with what `tapebackarr doctor` says on the server; if they differ, somebody is in between. If the server \
             has a new one, log in again with --fingerprint",
        ));
    }
    if !facts.self_signed {
        let message =
            format!("the certificate of {url} is vouched for by {}: a fingerprint cannot stand for that", facts.issuer);
        return Err(CliError::usage(message).advise("name that authority: --ca FILE"));
    }
    let der = certificate.to_der().doing("cannot understand the certificate of the server")?;
    let only = reqwest::Certificate::from_der(&der).doing("cannot understand the certificate of the server")?;
    // the certificate itself was compared: it does not matter for which names it was made
    Ok(builder
        .no_proxy()
        .tls_built_in_root_certs(false)
        .add_root_certificate(only)
        .danger_accept_invalid_hostnames(true))
}

fn shown(url: &reqwest::Url) -> Result<openssl::x509::X509, String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    peer::certificate(host, url.port_or_known_default().unwrap_or(443), PATIENCE)
}

/// What to do about a certificate that nobody vouches for.
pub fn advice(base: &str) -> Option<String> {
    let url = reqwest::Url::parse(base).ok()?;
    let certificate = shown(&url).ok()?;
    let facts = Facts::of(&certificate).ok()?;
    let fingerprint = &facts.fingerprint;
    Some(match facts.self_signed {
        true => format!(
            "it shows the fingerprint {fingerprint}. If `tapebackarr doctor` says the same on the server, trust it: \
             tapebackarr login --server {base} --fingerprint {fingerprint}"
        ),
        false => format!(
            "it is vouched for by {}, for the names {}: use one of these names, and --ca FILE for an authority that this \
             machine does not know",
            facts.issuer,
            facts.names.join(", ")
        ),
    })
}
