//! Certificates that are good, and each way in which one is not.

use super::{Certificate, Files, peer, self_signed};
use crate::config::{Config, Sources};
use openssl::pkey::PKey;
use openssl::symm::Cipher;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn config(folder: &Path, more: &[(&'static str, Value)]) -> Config {
    let mut flags = vec![("data_dir", json!(folder)), ("server.tls", json!("on"))];
    flags.extend(more.iter().cloned());
    Sources::with(flags).unwrap().resolve(&Default::default()).unwrap()
}

/// Two files with a certificate for these names, and its key.
fn files(folder: &Path, days: u32) -> Files {
    let files = Files { certificate: folder.join("c.pem"), key: folder.join("k.pem"), ours: false };
    let (certificate, key) = self_signed::make(&["tapes.example".into()], days).unwrap();
    std::fs::write(&files.certificate, certificate.to_pem().unwrap()).unwrap();
    std::fs::write(&files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    files
}

#[test]
fn a_certificate_is_made_once_for_every_name_of_the_machine_with_a_key_that_only_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let names = json!(["tapes.example.org", "192.0.2.7", "TAPES.example.org"]);
    let config = config(folder.path(), &[("server.tls_names", names), ("server.listen", json!("127.0.0.3"))]);
    let files = Files::of(&config).unwrap();
    self_signed::ensure(&files, &config).unwrap();
    let mode = std::fs::metadata(folder.path().join("tls.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let first = Certificate::read(&files).unwrap().facts().clone();
    assert!(first.self_signed && first.days_left() > 3600, "{first:?}");
    assert_eq!(first.subject, "tapes.example.org");
    for name in ["tapes.example.org", "192.0.2.7", "localhost", "127.0.0.1", "::1", "127.0.0.3"] {
        assert_eq!(first.names.iter().filter(|known| *known == name).count(), 1, "{name}: {first:?}");
    }
    assert!(first.names.iter().all(|name| name != "0.0.0.0" && !name.is_empty()), "{first:?}");
    self_signed::ensure(&files, &config).unwrap();
    assert_eq!(Certificate::read(&files).unwrap().facts().fingerprint, first.fingerprint, "it stays");

    // the key was lost: nothing that people have compared is replaced in silence
    std::fs::remove_file(&files.key).unwrap();
    self_signed::ensure(&files, &config).unwrap();
    assert!(Certificate::read(&files).err().unwrap().message.contains("tls.key cannot be read"));
}

#[test]
fn what_could_not_be_served_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |files: &Files| {
        let error = Certificate::read(files).err().unwrap();
        assert_eq!(error.code, "bad_certificate");
        error.message
    };
    let good = files(folder.path(), 30);
    assert_eq!(Certificate::read(&good).unwrap().facts().days_left(), 29);

    let other = tempfile::tempdir().unwrap();
    let mixed = Files { key: files(other.path(), 30).key, ..good.clone() };
    assert!(refused(&mixed).contains("does not belong to the certificate"));
    assert!(refused(&files(other.path(), 0)).contains("expired at"));
    assert!(refused(&Files { ours: true, ..files(other.path(), 0) }).contains("delete it"));
    assert!(
        refused(&Files { certificate: "/nowhere/c.pem".into(), ..good.clone() })
            .contains("/nowhere/c.pem cannot be read")
    );
    assert!(refused(&Files { key: "/nowhere/k.pem".into(), ..good.clone() }).contains("/nowhere/k.pem cannot be read"));
    assert!(refused(&Files { certificate: good.key.clone(), ..good.clone() }).contains("holds no certificate"));
    assert!(refused(&Files { key: good.certificate.clone(), ..good.clone() }).contains("holds no private key"));

    let key = PKey::private_key_from_pem(&std::fs::read(&good.key).unwrap()).unwrap();
    let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret").unwrap();
    std::fs::write(folder.path().join("locked.pem"), locked).unwrap();
    assert!(refused(&Files { key: folder.path().join("locked.pem"), ..good }).contains("without a password"));
}

#[test]
fn names_that_fit_into_a_certificate() {
    for good in ["tapes", "tapes.example.org", "*.example.org", "192.0.2.7", "2001:db8::1", "nas_2"] {
        assert!(self_signed::is_name(good), "{good}");
    }
    for bad in
        ["", "a b", "https://tapes", "tapes:8080", "-a", "a-", "a..b", "a/b", "DNS:x,IP:1.2.3.4", &"a".repeat(64)]
    {
        assert!(!self_signed::is_name(bad), "{bad}");
    }
}

#[test]
fn a_fingerprint_is_known_however_it_is_written() {
    let digits = "ab".repeat(32);
    let pairs = vec!["AB"; 32].join(":");
    for typed in [digits.clone(), pairs.clone(), format!("SHA256:{digits}"), format!(" {pairs}\n")] {
        assert_eq!(peer::digits(&typed), Some(digits.clone()), "{typed}");
    }
    for other in ["", "ab", &"xy".repeat(32), &"ab".repeat(33)] {
        assert_eq!(peer::digits(other), None, "{other}");
    }
    let (certificate, _) = self_signed::make(&["a".into()], 1).unwrap();
    let real = super::certificate::fingerprint(&certificate).unwrap();
    assert!(peer::is(&certificate, &real) && peer::is(&certificate, &real.to_lowercase().replace(':', "")));
    assert!(!peer::is(&certificate, &digits) && !peer::is(&certificate, "") && !peer::is(&certificate, "?"));
}

#[test]
fn addresses_of_this_machine_are_addresses() {
    let (certificate, _) = self_signed::make(&["::1".into(), "10.1.2.3".into()], 1).unwrap();
    let names = super::Facts::of(&certificate).unwrap().names;
    assert!(names.iter().all(|name| name.parse::<IpAddr>().is_ok()) && names.len() == 2, "{names:?}");
}
