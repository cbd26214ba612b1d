//! Who reads the page of metrics, and when a server says that it is not ready.

use crate::db::Role;
use crate::web::Exit;
use crate::web::server::app;
use crate::web::testing::{Called, Site, call, request};
use actix_web::test::{self, TestRequest};
use actix_web::web::Data;
use diesel::connection::SimpleConnection;

/// Where the page is open to 198.51.100.0/24, behind a proxy in 10.0.0.0/8.
async fn open(site: &Site) -> impl Called<Body = impl actix_web::body::MessageBody + 'static + use<>> + use<> {
    let mut config = site.services.config.get_ref().clone();
    config.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    config.metrics.networks = vec!["198.51.100.0/24".parse().unwrap()];
    let mut services = site.services.clone();
    services.config = Data::new(config);
    test::init_service(app(services, |_| {})).await
}

fn from(peer: &str, headers: &[(&'static str, &str)]) -> TestRequest {
    let asked = request("GET", "/metrics").peer_addr(format!("{peer}:4711").parse().unwrap());
    headers.iter().fold(asked, |asked, (name, value)| asked.insert_header((*name, *value)))
}

#[actix_web::test]
async fn the_page_is_open_to_named_networks_and_to_nobody_who_only_says_so() {
    let site = Site::new();
    let app = open(&site).await;
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(&str, Headers, u16); 8] = [
        ("198.51.100.7", &[], 200),
        ("203.0.113.9", &[], 401),
        ("10.1.1.1", &[], 401),
        ("10.1.1.1", &[("x-forwarded-for", "198.51.100.7")], 200),
        ("10.1.1.1", &[("x-forwarded-for", "198.51.100.7, 203.0.113.9")], 401),
        ("203.0.113.9", &[("x-forwarded-for", "198.51.100.7")], 401),
        ("198.51.100.7", &[("x-forwarded-for", "198.51.100.8")], 401),
        ("198.51.100.7", &[("forwarded", "for=198.51.100.8")], 401),
    ];
    for (peer, headers, expected) in cases {
        assert_eq!(call(&app, from(peer, headers)).await.status, expected, "{peer} {headers:?}");
    }
    let elsewhere = request("GET", "/api/v1/tapes").peer_addr("198.51.100.7:4711".parse().unwrap());
    assert_eq!(call(&app, elsewhere).await.status, 401);
}

#[actix_web::test]
async fn every_role_reads_the_page_and_a_key_may_be_a_bearer() {
    let site = Site::new();
    let app = site.app().await;
    assert_eq!(call(&app, request("GET", "/metrics")).await.status, 401);
    for role in Role::ALL {
        let answer = call(&app, site.request(*role, "GET", "/metrics")).await;
        assert_eq!(answer.status, 200, "{role}");
        assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
    }
    let (_, key) = site.api_key(Role::Readonly, None);
    let bearer = |path, key: &str| request("GET", path).insert_header(("authorization", format!("Bearer {key}")));
    assert_eq!(call(&app, bearer("/metrics", &key)).await.status, 200);
    assert_eq!(call(&app, bearer("/api/v1/users", &key)).await.status, 403);
    let wrong = call(&app, bearer("/metrics", "tbk_0")).await;
    assert_eq!((wrong.status, wrong.json["code"].as_str()), (401, Some("invalid_api_key")));
    assert_eq!(call(&app, request("POST", "/metrics")).await.status, 405);
    // whoever asks for what is not there makes no series
    for path in ["/api/v1/nothing/1", "/api/v1/nothing/2", "/etc/passwd", "/favicon.ico"] {
        call(&app, request("GET", path)).await;
    }
    let text = call(&app, bearer("/metrics", &key)).await.text;
    let routes: Vec<&str> = text.lines().filter(|line| line.starts_with("tapebackarr_http_requests_total")).collect();
    assert!(routes.iter().all(|line| !line.contains("nothing") && !line.contains("passwd")), "{routes:#?}");
    assert!(routes.iter().any(|line| line.contains(r#"route="none",status="4xx"} 2"#)), "{routes:#?}");
}

#[actix_web::test]
async fn a_server_that_cannot_work_is_not_ready_and_says_why() {
    let site = Site::new();
    let app = site.app().await;
    let ready = || request("GET", "/health/ready");
    let answer = call(&app, ready()).await;
    assert_eq!((answer.status, answer.json["status"].as_str()), (200, Some("ready")), "{answer:?}");
    let migrations = |sql: &str| site.db.conn().batch_execute(sql).unwrap();
    migrations("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')");
    let newer = call(&app, ready()).await;
    assert_eq!((newer.status, newer.json["status"].as_str()), (503, Some("not_ready")), "{newer:?}");
    assert_eq!(newer.json["checks"][1]["error"], "the tables are those of a newer program");
    assert_eq!(call(&app, request("GET", "/health/live")).await.status, 200);
    migrations("DELETE FROM __diesel_schema_migrations WHERE version > '9'");
    site.services.lifecycle.request(Exit::Stop);
    let stopping = call(&app, ready()).await;
    assert_eq!((stopping.status, &stopping.json["checks"][0]["error"]), (503, &"the server is stopping".into()));
}
