//! Behind a proxy: who is believed, and that everything uses the true address.

use crate::config::ProxyHeader;
use crate::db::audit::{self, AuditFilter};
use crate::db::paging::Page;
use crate::web::server::app;
use crate::web::testing::{Called, PASSWORD, Site, call, request};
use actix_web::body::MessageBody;
use actix_web::test::{self, TestRequest};
use actix_web::web::Data;
use serde_json::{Value, json};

/// The application behind proxies in 10.0.0.0/8.
async fn behind(site: &Site, header: ProxyHeader) -> impl Called<Body = impl MessageBody + 'static + use<>> + use<> {
    let mut config = site.services.config.get_ref().clone();
    config.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    config.server.proxy_header = header;
    let mut services = site.services.clone();
    services.config = Data::new(config);
    test::init_service(app(services, |_| {})).await
}

fn login(peer: &str, password: &str, headers: &[(&'static str, &str)]) -> TestRequest {
    let body = json!({"username": "admin", "password": password, "cookie": true});
    let asked = request("POST", "/api/v1/auth/login").peer_addr(format!("{peer}:4711").parse().unwrap()).set_json(body);
    headers.iter().fold(asked, |asked, (name, value)| asked.insert_header((*name, *value)))
}

/// From where the last line of the audit log says that it came.
fn written(site: &Site) -> Option<String> {
    audit::list(&mut site.db.conn(), &AuditFilter::default(), Page::first(1)).unwrap().remove(0).ip_address
}

#[actix_web::test]
async fn audit_and_sessions_have_the_true_address_whatever_a_client_writes() {
    let site = Site::new();
    let app = behind(&site, ProxyHeader::XForwardedFor).await;
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(&str, Headers, &str); 7] = [
        ("10.1.1.1", &[("x-forwarded-for", "198.51.100.4")], "198.51.100.4"),
        ("10.1.1.1", &[("x-forwarded-for", "127.0.0.1, 198.51.100.4, 10.2.2.2")], "198.51.100.4"),
        ("10.1.1.1", &[("forwarded", "for=127.0.0.1"), ("x-forwarded-for", "198.51.100.5")], "198.51.100.5"),
        ("10.1.1.1", &[("forwarded", "for=127.0.0.1")], "10.1.1.1"),
        ("10.1.1.1", &[("x-real-ip", "127.0.0.1")], "10.1.1.1"),
        ("203.0.113.9", &[("x-forwarded-for", "127.0.0.1")], "203.0.113.9"),
        ("203.0.113.9", &[("forwarded", "for=127.0.0.1;proto=https")], "203.0.113.9"),
    ];
    for (peer, headers, expected) in cases {
        let answer = call(&app, login(peer, PASSWORD, headers)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(written(&site).as_deref(), Some(expected), "{peer} {headers:?}");
        let list = site.request(crate::db::Role::Admin, "GET", "/api/v1/auth/sessions");
        let sessions = call(&app, list).await.json;
        let seen = sessions.as_array().unwrap().iter().any(|row| row["ip_address"] == expected);
        assert!(seen, "{expected}: {sessions}");
    }
}

#[actix_web::test]
async fn the_standard_header_counts_where_it_is_chosen_and_then_alone() {
    let site = Site::new();
    let app = behind(&site, ProxyHeader::Forwarded).await;
    let headers: &[(&'static str, &str)] = &[
        ("forwarded", "for=6.6.6.6, for=198.51.100.4;proto=https"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
    ];
    let answer = call(&app, login("10.1.1.1", PASSWORD, headers)).await;
    assert_eq!(written(&site).as_deref(), Some("198.51.100.4"));
    assert!(answer.headers.get("set-cookie").unwrap().to_str().unwrap().contains("; Secure"), "{answer:?}");
    call(&app, login("10.1.1.1", PASSWORD, &[("x-forwarded-for", "127.0.0.1")])).await;
    assert_eq!(written(&site).as_deref(), Some("10.1.1.1"));
}

#[actix_web::test]
async fn guessing_is_slowed_down_for_the_client_and_not_for_the_proxy() {
    let site = Site::new();
    let app = behind(&site, ProxyHeader::XForwardedFor).await;
    for n in 0..6 {
        // each guess claims to come from elsewhere; the proxy says the truth behind that
        let claimed = format!("192.0.2.{n}, 198.51.100.4");
        let mut guess = login("10.1.1.1", "wrong", &[("x-forwarded-for", &claimed)]);
        guess = guess.set_json(json!({"username": format!("user {n}"), "password": "wrong"}));
        let expected = if n < 5 { 401 } else { 429 };
        assert_eq!(call(&app, guess).await.status, expected, "{n}");
    }
    let other = login("10.1.1.1", PASSWORD, &[("x-forwarded-for", "198.51.100.5")]);
    assert_eq!(call(&app, other).await.status, 200, "others behind the same proxy are not held up");
}

#[actix_web::test]
async fn behind_a_proxy_with_tls_a_page_without_it_is_not_ours() {
    let site = Site::new();
    let app = behind(&site, ProxyHeader::XForwardedFor).await;
    let forwarded: &[(&'static str, &str)] = &[("x-forwarded-for", "198.51.100.4"), ("x-forwarded-proto", "https")];
    let answer = call(&app, login("10.1.1.1", PASSWORD, forwarded)).await;
    let cookie = answer.headers.get("set-cookie").unwrap().to_str().unwrap().to_owned();
    let pair = cookie.split(';').next().unwrap().to_owned();
    let me = |origin: &str| {
        let asked = request("GET", "/api/v1/auth/me").peer_addr("10.1.1.1:1".parse().unwrap());
        let asked = asked.insert_header(("cookie", pair.as_str())).insert_header(("host", "tapes.example"));
        forwarded.iter().fold(asked.insert_header(("origin", origin)), |asked, header| asked.insert_header(*header))
    };
    assert_eq!(call(&app, me("https://tapes.example")).await.status, 200);
    let plain = call(&app, me("http://tapes.example")).await;
    assert_eq!((plain.status, &plain.json["code"]), (403, &Value::from("cross_site")));
}
