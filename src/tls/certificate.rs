//! Reading a certificate and its key, and what people want to know of it.

use super::{Files, bad};
use crate::Result;
use crate::db::time;
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{AlpnError, SslAcceptor, SslAcceptorBuilder, SslMethod, select_next_proto};
use openssl::x509::{X509, X509NameEntryRef, X509NameRef, X509Ref};
use serde::Serialize;
use std::net::IpAddr;
use std::path::Path;
use zeroize::Zeroizing;

/// What a server of HTTP speaks, the first choice first, as ALPN writes it (RFC 7301).
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// A certificate with its key, good to be served now.
pub struct Certificate {
    chain: Vec<X509>,
    key: PKey<Private>,
    facts: Facts,
}

/// What people want to know of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Facts {
    /// SHA-256 of the certificate, in pairs of hexadecimal digits with colons, as browsers show it.
    pub fingerprint: String,
    /// Whose it is.
    pub subject: String,
    /// Who vouches for it.
    pub issuer: String,
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// Whether nobody vouches for it but itself.
    pub self_signed: bool,
    /// Good from then on, UTC.
    #[serde(serialize_with = "time::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_before: NaiveDateTime,
    /// Good until then, UTC.
    #[serde(serialize_with = "time::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_after: NaiveDateTime,
}

impl Certificate {
    /// Reads and checks both files.
    ///
    /// # Errors
    /// `bad_certificate`: a file that is not there, not PEM, encrypted, or of another pair; a certificate that is not good now.
    pub fn read(files: &Files) -> Result<Certificate> {
        let (name, key_name) = (files.certificate.display(), files.key.display());
        let chain = X509::stack_from_pem(&bytes(&files.certificate)?).unwrap_or_default();
        let Some(leaf) = chain.first() else {
            return Err(bad(format!("{name} holds no certificate: it has to begin with -----BEGIN CERTIFICATE-----")));
        };
        let key = Zeroizing::new(bytes(&files.key)?);
        // without an answer to its question OpenSSL would ask for a password at the terminal
        let key = PKey::private_key_from_pem_callback(&key, |_| Ok(0)).map_err(|_| {
            let words = "holds no private key that can be read: it has to be PEM without a password \
                         (openssl pkey -in FILE -out NEW takes one away)";
            bad(format!("{key_name} {words}"))
        })?;
        let same = leaf.public_key().is_ok_and(|public| public.public_eq(&key));
        forget_errors();
        if !same {
            return Err(bad(format!(
                "the key {key_name} does not belong to the certificate {name}: name two files that were made together, the \
                 certificate of the server first in its file"
            )));
        }
        let facts = Facts::of(leaf).map_err(|error| bad(format!("{name} cannot be understood: {error}")))?;
        let certificate = Certificate { chain, key, facts };
        certificate.check_time(files)?;
        Ok(certificate)
    }

    fn check_time(&self, files: &Files) -> Result<()> {
        let (now, facts, name) = (crate::db::now(), &self.facts, files.certificate.display());
        if facts.not_after <= now {
            let mend = match files.ours {
                true => "delete it, and the server makes another at its next start",
                false => "renew it, and put certificate and key where they were",
            };
            return Err(bad(format!("the certificate {name} expired at {} UTC: {mend}", facts.not_after)));
        }
        if facts.not_before > now {
            return Err(bad(format!(
                "the certificate {name} is good only from {} UTC on: is the clock of this machine right?",
                facts.not_before
            )));
        }
        Ok(())
    }

    /// What people want to know of it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Serves it: TLS 1.2 and 1.3 with the ciphers of Mozilla's intermediate recommendation, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// What OpenSSL does not like, such as a key that is too short for its security level.
    pub fn acceptor(&self) -> Result<SslAcceptorBuilder> {
        let build = || -> Result<SslAcceptorBuilder, ErrorStack> {
            let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
            if let Some((leaf, between)) = self.chain.split_first() {
                builder.set_certificate(leaf)?;
                for one in between {
                    builder.add_extra_chain_cert(one.clone())?;
                }
            }
            builder.set_private_key(&self.key)?;
            builder.check_private_key()?;
            builder
                .set_alpn_select_callback(|_, offered| select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::NOACK));
            Ok(builder)
        };
        build().map_err(|error| bad(format!("this certificate cannot be served: {error}")))
    }
}

impl Facts {
    /// Of this certificate.
    pub fn of(certificate: &X509Ref) -> Result<Facts, ErrorStack> {
        let alternative = certificate.subject_alt_names();
        let names = alternative.iter().flatten().filter_map(|name| {
            let address = || name.ipaddress().and_then(address);
            name.dnsname().map(str::to_owned).or_else(|| address().map(|ip| ip.to_string()))
        });
        let self_signed = certificate.public_key().is_ok_and(|key| certificate.verify(&key).unwrap_or(false));
        forget_errors();
        Ok(Facts {
            fingerprint: fingerprint(certificate)?,
            subject: common_name(certificate.subject_name()),
            issuer: common_name(certificate.issuer_name()),
            names: names.collect(),
            self_signed,
            not_before: moment(certificate.not_before())?,
            not_after: moment(certificate.not_after())?,
        })
    }

    /// Whole days until it expires; below 0 if it has.
    pub fn days_left(&self) -> i64 {
        (self.not_after - crate::db::now()).num_days()
    }
}

/// A comparison that says no leaves errors on this thread, which the next connection on it would take for its own.
fn forget_errors() {
    drop(ErrorStack::get());
}

/// SHA-256 of a certificate as people compare it.
pub fn fingerprint(certificate: &X509Ref) -> Result<String, ErrorStack> {
    let digest = certificate.digest(MessageDigest::sha256())?;
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(pairs.join(":"))
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        bad(format!(
            "{} cannot be read: {error}; the user that the server runs as must be allowed to (server.tls_certificate, \
             server.tls_key)",
            path.display()
        ))
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

/// The common name, or all of it where there is none.
fn common_name(name: &X509NameRef) -> String {
    let text = |entry: &X509NameEntryRef| entry.data().to_string().ok();
    let common = name.entries_by_nid(Nid::COMMONNAME).next().and_then(text);
    common.unwrap_or_else(|| name.entries().filter_map(text).collect::<Vec<_>>().join(", "))
}

fn moment(time: &Asn1TimeRef) -> Result<NaiveDateTime, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let span = TimeDelta::days(since.days.into()) + TimeDelta::seconds(since.secs.into());
    Ok((DateTime::UNIX_EPOCH + span).naive_utc())
}
