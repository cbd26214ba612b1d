//! The certificate that the server makes itself where nobody gives one: it keeps secrets from whoever listens, and people can
//! compare its fingerprint; nobody vouches for it.

use super::{Certificate, Files};
use crate::config::Config;
use crate::keys::secret_file;
use crate::{Error, Result};
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Name};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use zeroize::Zeroizing;

/// It is good for ten years: whoever has compared its fingerprint should not have to do it again every year.
const DAYS: u32 = 3650;

/// Makes certificate and key if they are ours and there is no certificate.
///
/// # Errors
/// They cannot be written.
pub fn ensure(files: &Files, config: &Config) -> Result<()> {
    if !files.ours || files.certificate.exists() {
        return Ok(());
    }
    let failed = |error: ErrorStack| Error::internal(format!("cannot make a certificate: {error}"));
    let (certificate, key) = make(&names(config), DAYS).map_err(failed)?;
    // The key first: without its certificate it is nothing that anybody has seen, and both are made anew.
    secret_file::write(&files.key, &Zeroizing::new(key.private_key_to_pem_pkcs8().map_err(failed)?))?;
    secret_file::write(&files.certificate, &certificate.to_pem().map_err(failed)?)?;
    let fingerprint = Certificate::read(files)?.facts().fingerprint.clone();
    tracing::info!("made a certificate for TLS: {}, SHA-256 {fingerprint}", files.certificate.display());
    Ok(())
}

/// How this machine may be called, the first name first.
fn names(config: &Config) -> Vec<String> {
    let hostname = hostname::get().ok().and_then(|name| name.into_string().ok());
    let listen = Some(config.server.listen).filter(|ip| !ip.is_unspecified());
    let addresses = [Some(Ipv4Addr::LOCALHOST.into()), Some(Ipv6Addr::LOCALHOST.into()), listen];
    let addresses = addresses.into_iter().flatten().chain(outward()).map(|ip| ip.to_string());
    let mut seen = BTreeSet::new();
    let all = config.server.tls_names.iter().cloned().chain(hostname).chain(["localhost".to_owned()]).chain(addresses);
    all.filter(|name| is_name(name) && seen.insert(name.to_lowercase())).collect()
}

/// Whether it can stand in a certificate: a host name, or an address.
pub fn is_name(text: &str) -> bool {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.parse::<IpAddr>().is_ok() || (host.len() <= 253 && host.split('.').all(label))
}

/// The addresses under which this machine speaks to others. Nothing is sent: the kernel only chooses a way. To list the
/// interfaces would need a socket that the unit of systemd does not allow.
fn outward() -> Vec<IpAddr> {
    // addresses that documentation is written with (RFC 5737, RFC 3849): nobody is there
    let ways = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let local = |(from, to): (&str, &str)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
    };
    ways.into_iter().filter_map(local).collect()
}

/// A certificate for `names`, good from yesterday (clocks differ) for so many days, and its key: ECDSA with P-256.
pub(crate) fn make(names: &[String], days: u32) -> Result<(X509, PKey<Private>), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut name = X509Name::builder()?;
    // a common name has 64 characters at most (X.520); what counts are the alternative names
    let common: String = names.first().map_or("tapebackarr", String::as_str).chars().take(64).collect();
    name.append_entry_by_nid(Nid::COMMONNAME, &common)?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(159, MsbOption::MAYBE_ZERO, false)?;

    let now = chrono::Utc::now().timestamp();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(&*Asn1Time::from_unix(now - 86_400)?)?;
    builder.set_not_after(&*Asn1Time::from_unix(now + i64::from(days) * 86_400)?)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    let context = builder.x509v3_context(None, None);
    let mut alternative = SubjectAlternativeName::new();
    for name in names {
        match name.parse::<IpAddr>() {
            Ok(_) => alternative.ip(name),
            Err(_) => alternative.dns(name),
        };
    }
    let (alternative, identifier) = (alternative.build(&context)?, SubjectKeyIdentifier::new().build(&context)?);
    builder.append_extension(alternative)?;
    builder.append_extension(identifier)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build(), key))
}
