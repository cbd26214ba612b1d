//! The certificate that a server shows, whoever vouches for it: to compare it, and to trust it alone.

use super::certificate::fingerprint;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Asks the server at `host:port` for its certificate. Nothing else is sent.
///
/// # Errors
/// In words: nobody answers, or not with TLS.
pub fn certificate(host: &str, port: u16, patience: Duration) -> Result<X509, String> {
    let place = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut last = format!("{host} has no address");
    for address in place {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => return shown(host, stream, patience),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

fn shown(host: &str, stream: TcpStream, patience: Duration) -> Result<X509, String> {
    stream.set_read_timeout(Some(patience)).map_err(|error| error.to_string())?;
    stream.set_write_timeout(Some(patience)).map_err(|error| error.to_string())?;
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(|error| error.to_string())?;
    // it is looked at, not believed
    builder.set_verify(SslVerifyMode::NONE);
    let connector = builder.build().configure().map_err(|error| error.to_string())?.verify_hostname(false);
    let stream = connector.connect(host, stream).map_err(|_| "it does not speak TLS".to_owned())?;
    stream.ssl().peer_certificate().ok_or_else(|| "it shows no certificate".to_owned())
}

/// Whether `certificate` has the fingerprint that a person typed: with or without colons, upper or lower case.
pub fn is(certificate: &X509, typed: &str) -> bool {
    fingerprint(certificate).is_ok_and(|real| digits(&real).is_some_and(|real| digits(typed) == Some(real)))
}

/// The 64 hexadecimal digits of a SHA-256, however they are written.
pub fn digits(typed: &str) -> Option<String> {
    let text = typed.trim().to_lowercase();
    let text = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("sha-256 ")).unwrap_or(&text);
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
    (digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit())).then_some(digits)
}
