//! Encryption on the network: whether there is any, and whether the certificate is good and will be for a while.

use super::{Config, Report, sentence};
use crate::tls::keeper::FEW_DAYS;
use crate::tls::{Certificate, Files, peer};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// How long the running server is asked for its certificate.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at it.
pub fn look(report: &mut Report, config: &Config) {
    let Some(files) = Files::of(config) else { return without(report, config) };
    let name = files.certificate.display().to_string();
    if files.ours && !files.certificate.exists() {
        return report.ok("tls", name, "The server makes a certificate at its next start.");
    }
    let mode = std::fs::metadata(&files.key).map(|about| about.permissions().mode() & 0o777);
    if let Ok(mode) = mode
        && mode & 0o007 != 0
    {
        let key = files.key.display().to_string();
        let about = format!("Everybody on this machine may read the key of the certificate (mode {mode:03o}).");
        report.warn("tls", key.clone(), about, format!("chmod o= {key}"));
    }
    let certificate = match Certificate::read(&files) {
        Ok(certificate) => certificate,
        Err(error) => {
            let mend = "Correct it where it is set (server.tls_certificate, server.tls_key), or put other files there.";
            return report.fail("tls", name, sentence(&error.message), mend);
        }
    };
    let facts = certificate.facts();
    let who = if facts.self_signed { "made by itself".to_owned() } else { format!("of {}", facts.issuer) };
    let about = format!(
        "The certificate for {} ({who}) is good until {} UTC. SHA-256: {}",
        facts.names.join(", "),
        facts.not_after,
        facts.fingerprint
    );
    if facts.days_left() < FEW_DAYS {
        let mend = match files.ours {
            true => format!(
                "rm {name}; restart the server, which makes another; tell the new fingerprint to those who use it."
            ),
            false => {
                "Renew it, and put certificate and key where they were: the server takes them by itself.".to_owned()
            }
        };
        let left = facts.days_left();
        report.warn("tls", name.clone(), format!("It expires in {left} days. {about}"), mend);
    } else {
        report.ok("tls", name.clone(), about);
    }
    let address = super::server::address(config);
    if let Ok(shown) = peer::certificate(&address.ip().to_string(), address.port(), PATIENCE)
        && !peer::is(&shown, &facts.fingerprint)
    {
        let mend = "Look again in half a minute; then: journalctl -u tapebackarr, or restart the server.";
        report.warn(
            "tls",
            address.to_string(),
            "The running server shows another certificate than this file has.",
            mend,
        );
    }
}

fn without(report: &mut Report, config: &Config) {
    let address = config.server.listen.to_string();
    if config.server.is_open() {
        let mend = "Write server.tls = \"on\"; or put a proxy with TLS before it and name it in server.trusted_proxies; or \
                    server.listen = \"127.0.0.1\". docs/installation.md tells how.";
        let about =
            "The server speaks HTTP to others than this machine: whoever can listen on the network can read passwords.";
        return report.warn("tls", address, about, mend);
    }
    let about = match config.server.trusted_proxies.is_empty() {
        true => "The server speaks HTTP, with this machine only.",
        false => "The server speaks HTTP with a proxy, which is trusted to speak TLS with others.",
    };
    report.ok("tls", address, about);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::doctor::Verdict;
    use crate::tls::self_signed;
    use serde_json::{Value, json};

    fn looked(folder: &std::path::Path, more: &[(&'static str, Value)]) -> Report {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut flags = vec![("data_dir", json!(folder)), ("server.port", json!(port))];
        flags.extend(more.iter().cloned());
        let config = Sources::with(flags).unwrap().resolve(&Default::default()).unwrap();
        let mut report = Report::default();
        look(&mut report, &config);
        report
    }

    #[test]
    fn passwords_on_the_network_and_certificates_that_end_are_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(looked(folder.path(), &[]).worst(), Verdict::Warning);
        assert_eq!(looked(folder.path(), &[("server.listen", json!("127.0.0.1"))]).worst(), Verdict::Ok);
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let tls = [
            ("server.tls", json!("on")),
            ("server.tls_certificate", json!(certificate)),
            ("server.tls_key", json!(key)),
        ];
        for (days, verdict, words) in [
            (3650, Verdict::Ok, "good until"),
            (5, Verdict::Warning, "expires in 4 days"),
            (0, Verdict::Failure, "expired"),
        ] {
            let (made, private) = self_signed::make(&["tapes.example".into()], days).unwrap();
            std::fs::write(&certificate, made.to_pem().unwrap()).unwrap();
            crate::keys::secret_file::write(&key, &private.private_key_to_pem_pkcs8().unwrap()).unwrap();
            let report = looked(folder.path(), &tls);
            assert_eq!(report.worst(), verdict, "{report:?}");
            assert!(report.findings[0].about.contains(words), "{report:?}");
        }
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(looked(folder.path(), &tls).findings[0].mend.as_deref().unwrap().starts_with("chmod o="));
    }
}
