//! The real server on a real port.

use crate::web::testing::{Site, request};
use crate::web::{Exit, Server};
use serde_json::Value;
use std::time::{Duration, Instant};

#[actix_web::test]
async fn it_serves_and_ends_in_order_with_streams_and_idle_connections_open() {
    let site = Site::new();
    let server = Server::bind(site.services.clone(), |_| {}).unwrap();
    let base = format!("http://{}", server.addresses()[0]);
    let running = actix_web::rt::spawn(server.run());

    // A client that keeps its connection, and one that listens.
    let client = reqwest::Client::new();
    let health: Value = client.get(format!("{base}/api/v1/health")).send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
    let stream = format!("{base}/api/v1/events/stream?token={}", site.token("readonly"));
    let mut stream = client.get(stream).send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some_and(|bytes| bytes.starts_with(b"retry")));

    let restart = client.post(format!("{base}/api/v1/settings/restart")).bearer_auth(site.token("admin"));
    assert_eq!(restart.send().await.unwrap().status(), 200);
    let asked = Instant::now();
    while let Ok(Some(_)) = stream.chunk().await {}
    assert_eq!(running.await.unwrap().unwrap(), Exit::Restart);
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(reqwest::get(format!("{base}/health")).await.is_err());
}

#[actix_web::test]
async fn a_signal_counts_from_the_moment_that_the_port_is_taken() {
    use rustix::process::{Signal, getpid, kill_process};
    let site = Site::new();
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::bind(site.services.clone(), |_| {}).unwrap();
        // Nobody waits for it yet.
        kill_process(getpid(), signal).unwrap();
        assert_eq!(server.run().await.unwrap(), Exit::Stop);
    }
}

#[actix_web::test]
async fn a_port_that_is_taken_is_named() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut config = site.services.config.get_ref().clone();
    config.server.port = address.port();
    let mut services = site.services.clone();
    services.config = actix_web::web::Data::new(config);
    let error = Server::bind(services, |_| {}).err().unwrap();
    assert_eq!(error.code, "cannot_listen");
    assert!(error.message.contains(&address.to_string()), "{error}");
}

#[actix_web::test]
async fn pages_from_elsewhere_are_let_in_only_if_they_are_named() {
    let site = Site::new();
    let preflight = || {
        request("OPTIONS", "/api/v1/users")
            .insert_header(("origin", "https://example.org"))
            .insert_header(("access-control-request-method", "GET"))
    };
    let closed = crate::web::testing::call(&site.app().await, preflight()).await;
    assert!(!closed.headers.contains_key("access-control-allow-origin"), "{closed:?}");

    let mut config = site.services.config.get_ref().clone();
    config.server.cors_origins = vec!["https://example.org".into()];
    let mut services = site.services.clone();
    services.config = actix_web::web::Data::new(config);
    let app = actix_web::test::init_service(crate::web::server::app(services, |_| {})).await;
    let open = crate::web::testing::call(&app, preflight()).await;
    assert_eq!(open.headers.get("access-control-allow-origin").unwrap(), "https://example.org");
    let other = preflight().insert_header(("origin", "https://evil.example"));
    let refused = crate::web::testing::call(&app, other).await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"), "{refused:?}");
}
