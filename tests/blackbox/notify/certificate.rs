//! A certificate for `localhost`, signed by an authority of the test's own.

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};
use std::path::{Path, PathBuf};

/// Files of a server, and the authority that a client has to believe.
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub authority: String,
}

impl Certificate {
    pub fn new(folder: &Path) -> Certificate {
        let authority_key = key();
        let mut authority = builder("Authority of a test", "Authority of a test", &authority_key);
        authority.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        authority.sign(&authority_key, MessageDigest::sha256()).unwrap();
        let authority = authority.build();

        let server_key = key();
        let mut server = builder("localhost", "Authority of a test", &server_key);
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .build(&server.x509v3_context(Some(&authority), None))
            .unwrap();
        server.append_extension(names).unwrap();
        server.sign(&authority_key, MessageDigest::sha256()).unwrap();

        let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
        std::fs::write(&certificate, server.build().to_pem().unwrap()).unwrap();
        std::fs::write(&key, server_key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        Certificate { certificate, key, authority: String::from_utf8(authority.to_pem().unwrap()).unwrap() }
    }
}

fn key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn builder(subject: &str, issuer: &str, key: &PKey<Private>) -> X509Builder {
    let name = |text: &str| {
        let mut name = X509Name::builder().unwrap();
        name.append_entry_by_text("CN", text).unwrap();
        name.build()
    };
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(
            &openssl::bn::BigNum::from_u32(1 + u32::from(subject == "localhost")).unwrap().to_asn1_integer().unwrap(),
        )
        .unwrap();
    builder.set_subject_name(&name(subject)).unwrap();
    builder.set_issuer_name(&name(issuer)).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
}
