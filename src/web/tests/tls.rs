//! TLS served directly: on a real port, with real connections.

use crate::config::Sources;
use crate::events::Post;
use crate::tls::{Files, Keeper, peer, self_signed};
use crate::web::Server;
use crate::web::testing::{PASSWORD, Site};
use actix_web::web::Data;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::{X509, X509Name};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server with TLS, and what it serves it with.
struct House {
    site: Site,
    keeper: Arc<Keeper>,
    files: Files,
    address: SocketAddr,
    base: String,
}

impl House {
    /// Runs until the test ends.
    fn open(more: &[(&'static str, Value)], files: impl FnOnce(&Path) -> Option<Files>) -> House {
        let site = Site::new();
        let mut flags = vec![
            ("data_dir", json!(site.folder.path())),
            ("server.port", json!(0)),
            ("server.listen", json!("127.0.0.1")),
            ("server.tls", json!("on")),
            ("server.requests_per_second", json!(0)),
        ];
        let given = files(site.folder.path());
        if let Some(files) = &given {
            flags.push(("server.tls_certificate", json!(files.certificate)));
            flags.push(("server.tls_key", json!(files.key)));
        }
        flags.extend(more.iter().cloned());
        let config = Sources::with(flags).unwrap().resolve(&Default::default()).unwrap();
        let files = Files::of(&config).unwrap();
        let keeper = Keeper::open(&config, site.services.bus.get_ref().clone()).unwrap().unwrap();
        let mut services = site.services.clone();
        services.config = Data::new(config);
        services.tls = Some(Data::from(keeper.clone()));
        let server = Server::bind(services, |_| {}).unwrap();
        let address = server.addresses()[0];
        actix_web::rt::spawn(server.run());
        House { site, keeper, files, address, base: format!("https://localhost:{}", address.port()) }
    }

    /// A client that trusts the certificate that is in this file, and nothing else.
    fn client(&self, trusted: &Path) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(&std::fs::read(trusted).unwrap()).unwrap();
        let builder = reqwest::Client::builder().no_proxy().tls_built_in_root_certs(false).add_root_certificate(root);
        builder.resolve("localhost", self.address).build().unwrap()
    }

    /// The fingerprint that new connections see.
    async fn shown(&self) -> String {
        let port = self.address.port();
        let asked = tokio::task::spawn_blocking(move || peer::certificate("127.0.0.1", port, Duration::from_secs(30)));
        crate::tls::certificate::fingerprint(&asked.await.unwrap().unwrap()).unwrap()
    }
}

fn write(files: &Files, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let (certificate, key) = self_signed::make(&names, 30).unwrap();
    std::fs::write(&files.certificate, certificate.to_pem().unwrap()).unwrap();
    std::fs::write(&files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    crate::tls::certificate::fingerprint(&certificate).unwrap()
}

fn in_folder(folder: &Path) -> Files {
    Files { certificate: folder.join("given.pem"), key: folder.join("given.key"), ours: false }
}

#[actix_web::test]
async fn a_browser_is_served_by_tls_with_the_certificate_that_was_made() {
    let house = House::open(&[("server.hsts_days", json!(365))], |_| None);
    let client = house.client(&house.files.certificate);
    let body = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    let answer = client.post(format!("{}/api/v1/auth/login", house.base)).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
    assert!(cookie.contains("; Secure"), "{cookie}");
    assert!(!answer.headers().contains_key("strict-transport-security"), "nobody vouches for this certificate");

    let about = client.get(format!("{}/api/v1/about", house.base)).bearer_auth(house.site.token("readonly"));
    let about: Value = about.send().await.unwrap().json().await.unwrap();
    let facts = &about["certificate"];
    assert_eq!((&facts["fingerprint"], &facts["self_signed"]), (&json!(house.shown().await), &json!(true)), "{about}");

    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    let refused = stranger.get(format!("https://{}/health", house.address)).send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("certificate verify failed"), "{refused:?}");
    let plain = stranger.get(format!("http://{}/health", house.address)).send().await;
    assert!(plain.is_err(), "nothing is answered without TLS: {plain:?}");
}

#[actix_web::test]
async fn old_versions_are_refused_and_http_2_is_offered_also_after_a_change() {
    let house = House::open(&[], |_| None);
    let port = house.address.port();
    let connect = move |most: SslVersion| {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_verify(SslVerifyMode::NONE);
        builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        builder.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
        builder.set_max_proto_version(Some(most)).unwrap();
        builder.set_alpn_protos(b"\x02h2\x08http/1.1").unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let stream = builder.build().connect("localhost", stream).ok()?;
        Some((stream.ssl().version_str(), stream.ssl().selected_alpn_protocol().map(<[u8]>::to_vec)))
    };
    let tried = move || [SslVersion::TLS1, SslVersion::TLS1_1, SslVersion::TLS1_2, SslVersion::TLS1_3].map(connect);
    let h2 = Some(b"h2".to_vec());
    let expected = [None, None, Some(("TLSv1.2", h2.clone())), Some(("TLSv1.3", h2))];
    assert_eq!(tokio::task::spawn_blocking(tried).await.unwrap(), expected);
    house.keeper.reload();
    assert_eq!(tokio::task::spawn_blocking(tried).await.unwrap(), expected);
}

#[actix_web::test]
async fn a_new_certificate_is_taken_while_connections_stay_and_a_bad_one_is_not() {
    let house = House::open(&[], |folder| {
        let files = in_folder(folder);
        write(&files, &["localhost"]);
        Some(files)
    });
    let first = house.shown().await;
    let old = house.client(&house.files.certificate);
    let health = format!("{}/api/v1/health", house.base);
    assert_eq!(old.get(&health).send().await.unwrap().status(), 200);

    // nothing has changed: nothing happens
    house.keeper.look();
    house.keeper.look();
    assert_eq!(house.shown().await, first);

    // the certificate is there and its key is not yet: it is waited for
    let (certificate, key) = self_signed::make(&["localhost".into()], 30).unwrap();
    std::fs::write(&house.files.certificate, certificate.to_pem().unwrap()).unwrap();
    house.keeper.look();
    std::fs::write(&house.files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    house.keeper.look();
    assert_eq!(house.shown().await, first, "it may still be being written");
    house.keeper.look();
    let second = house.shown().await;
    assert_eq!(second, crate::tls::certificate::fingerprint(&certificate).unwrap());
    assert_eq!(old.get(&health).send().await.unwrap().status(), 200, "a connection that is open stays as it is");
    assert_eq!(house.client(&house.files.certificate).get(&health).send().await.unwrap().status(), 200);

    // half of a pair, and later garbage: the one in use stays
    let (other, _) = self_signed::make(&["localhost".into()], 30).unwrap();
    for bad in [other.to_pem().unwrap(), b"garbage".to_vec()] {
        std::fs::write(&house.files.certificate, bad).unwrap();
        house.keeper.look();
        house.keeper.look();
        assert_eq!(house.shown().await, second);
    }
    assert_eq!(house.keeper.facts().fingerprint, second);
    let inbox = house.site.inbox.as_ref().unwrap();
    for title in ["Certificate Changed", "Certificate Refused", "Certificate Refused"] {
        let Some(Post::Event(event)) = inbox.next() else { panic!("nobody was told: {title}") };
        assert_eq!(event.title, title, "{event:?}");
        assert!(event.message.contains("certificate"), "{event:?}");
    }
}

#[actix_web::test]
async fn sighup_reads_the_certificate_anew_and_ends_nothing() {
    let house = House::open(&[], |folder| {
        let files = in_folder(folder);
        write(&files, &["localhost"]);
        Some(files)
    });
    let new = write(&house.files, &["localhost"]);
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
    let since = Instant::now();
    while house.shown().await != new {
        assert!(since.elapsed() < Duration::from_secs(60), "SIGHUP was not heard");
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A certificate for localhost that an authority vouches for, in `files`; the authority is in the third file.
fn vouched(folder: &Path) -> (Files, std::path::PathBuf) {
    let files = in_folder(folder);
    let (template, key) = self_signed::make(&["localhost".into()], 30).unwrap();
    let (_, authority_key) = self_signed::make(&["x".into()], 30).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "An authority").unwrap();
    let name = name.build();
    let build = |issued: Option<&X509>| {
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(template.serial_number()).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
        match issued {
            Some(leaf) => {
                builder.set_subject_name(leaf.subject_name()).unwrap();
                builder.set_pubkey(&leaf.public_key().unwrap()).unwrap();
                let mut alternative = openssl::x509::extension::SubjectAlternativeName::new();
                let extension = alternative.dns("localhost").build(&builder.x509v3_context(None, None)).unwrap();
                builder.append_extension(extension).unwrap();
            }
            None => {
                builder.set_subject_name(&name).unwrap();
                builder.set_pubkey(&authority_key).unwrap();
                let extension = openssl::x509::extension::BasicConstraints::new().critical().ca().build().unwrap();
                builder.append_extension(extension).unwrap();
            }
        }
        builder.sign(&authority_key, MessageDigest::sha256()).unwrap();
        builder.build()
    };
    std::fs::write(&files.certificate, build(Some(&template)).to_pem().unwrap()).unwrap();
    std::fs::write(&files.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let authority = folder.join("authority.pem");
    std::fs::write(&authority, build(None).to_pem().unwrap()).unwrap();
    (files, authority)
}

#[actix_web::test]
async fn browsers_are_told_to_use_tls_only_where_that_is_wanted_and_somebody_vouches() {
    for (days, expected) in [(0, None), (30, Some("max-age=2592000"))] {
        let house = House::open(&[("server.hsts_days", json!(days))], |folder| Some(vouched(folder).0));
        let client = house.client(&house.files.certificate.with_file_name("authority.pem"));
        for path in ["/api/v1/health", "/api/v1/nothing", "/"] {
            let answer = client.get(format!("{}{path}", house.base)).send().await.unwrap();
            let told = answer.headers().get("strict-transport-security").map(|value| value.to_str().unwrap());
            assert_eq!(told, expected, "{path}");
        }
        assert_eq!(house.keeper.facts().issuer, "An authority");
        assert!(!house.keeper.facts().self_signed);
    }
}
