//! TLS, served by the server itself: the certificate that it shows, where that comes from, and taking a new one while it runs.
//!
//! * [`certificate`] reads a certificate and its key, and refuses what could not be served;
//! * [`self_signed`] makes one where nobody gives one;
//! * [`keeper`] holds the one in use and looks whether its files change;
//! * [`peer`] asks a server for the certificate that it shows, for whoever compares.

pub mod certificate;
pub mod keeper;
pub mod peer;
pub mod self_signed;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Facts};
pub use keeper::Keeper;

use crate::config::{Config, Tls};
use crate::{Error, ErrorKind};
use std::path::PathBuf;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, with those between it and the authority behind it: PEM.
    pub certificate: PathBuf,
    /// Its private key: PEM, not encrypted.
    pub key: PathBuf,
    /// Whether the server makes them when they are not there.
    pub ours: bool,
}

impl Files {
    /// Those of this server; none if it does not speak TLS.
    pub fn of(config: &Config) -> Option<Files> {
        let server = &config.server;
        if server.tls == Tls::Off {
            return None;
        }
        if server.tls_certificate.as_os_str().is_empty() {
            let (certificate, key) = (config.data_dir.join("tls.crt"), config.data_dir.join("tls.key"));
            return Some(Files { certificate, key, ours: true });
        }
        Some(Files { certificate: server.tls_certificate.clone(), key: server.tls_key.clone(), ours: false })
    }
}

/// A certificate that cannot be served: 500 `bad_certificate`, in words that say what to do.
fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, "bad_certificate", message)
}
