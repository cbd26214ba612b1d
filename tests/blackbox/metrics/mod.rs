//! `/metrics` as Prometheus asks for it, readiness, and the ids in the log.

mod exposition;

use crate::files;
use crate::hands::Hands;
use crate::server::Server;
use exposition::Metrics;
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn ask(server: &Server, path: &str) -> RequestBuilder {
    let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    client.get(format!("{}{path}", server.api.base))
}

/// An API key that may only read.
fn key(server: &Server) -> String {
    let made = server.api.post("/api/v1/api-keys", json!({"name": "prometheus", "role": "readonly"})).ok();
    made["key"].as_str().unwrap().into()
}

#[track_caller]
fn page(answer: Response) -> Metrics {
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    Metrics::read(&answer.text().unwrap())
}

#[track_caller]
fn scrape(server: &Server, key: &str) -> Metrics {
    page(ask(server, "/metrics").bearer_auth(key).send().unwrap())
}

#[test]
fn a_run_is_seen_before_while_and_after_it_streams() {
    let mut server = Server::ready();
    let source = server.folder("s");
    // content counts file by file
    for number in 0..9 {
        std::fs::write(source.join(format!("file{number}")), files::noise(number, 10 << 20)).unwrap();
    }
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let idle = server.api.job("idle", server.api.source("t", &server.folder("t")), 1, json!({}));
    // nobody could type this, but a database that was taken over may hold it
    let hostile = "nightly \"}\" \\ 1\ntapebackarr_up 1 {#";
    {
        use diesel::prelude::*;
        let conn = &mut server.database();
        let renamed = diesel::sql_query("UPDATE backup_jobs SET name = ? WHERE id = ?");
        let renamed = renamed.bind::<diesel::sql_types::Text, _>(hostile);
        renamed.bind::<diesel::sql_types::Integer, _>(i32::try_from(idle).unwrap()).execute(conn).unwrap();
    }
    let key = key(&server);
    assert!(server.stop().success());
    server.slow_drives(10);
    server.restart();

    let before = scrape(&server, &key);
    assert_eq!(before.sum("tapebackarr_section_up", &[]), 4.0, "{:?}", before.samples["tapebackarr_section_up"]);
    assert_eq!(before.one("tapebackarr_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    assert_eq!(before.sum("tapebackarr_drive_state", &[("state", "busy")]), 0.0);
    assert_eq!(before.sum("tapebackarr_drive_state", &[]), 2.0, "each drive is in one state");
    assert_eq!(before.sum("tapebackarr_tapes", &[("pool", "DAILY")]), 8.0);
    assert_eq!(before.sum("tapebackarr_stream_tape_bytes_total", &[("drive", "D0")]), 0.0);
    assert_eq!(before.one("tapebackarr_job_info", &[("job_name", hostile), ("scheduled", "no")]), 1.0);
    assert!(!before.samples.contains_key("tapebackarr_job_last_run_outcome"), "no job has run");
    assert!(before.one("tapebackarr_executions", &[("kind", "batch_label"), ("status", "completed")]) >= 1.0);

    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let until = Instant::now() + Duration::from_secs(60);
    let during = loop {
        let now = scrape(&server, &key);
        if now.sum("tapebackarr_stream_speed_bytes_per_second", &[]) > 1e5 {
            break now;
        }
        let run = || server.api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
        assert!(Instant::now() < until, "it never streams: {}", run());
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(during.sum("tapebackarr_drive_state", &[("state", "busy")]), 1.0);
    assert_eq!(during.sum("tapebackarr_executions_in_phase", &[]), 1.0);
    assert_eq!(during.one("tapebackarr_executions", &[("kind", "backup"), ("status", "running")]), 1.0);
    assert!(during.sum("tapebackarr_stream_buffer_ratio", &[]) <= 1.0);
    assert!(during.sum("tapebackarr_stream_working_seconds_total", &[]) > 0.0);
    let run = server.api.complete(started);

    let after = scrape(&server, &key);
    let moved = |metrics: &Metrics| metrics.sum("tapebackarr_stream_content_bytes_total", &[]);
    assert_eq!(moved(&after), f64::from(90 << 20), "all of it, once");
    assert!(after.sum("tapebackarr_stream_tape_bytes_total", &[]) >= f64::from(90 << 20));
    assert_eq!(after.sum("tapebackarr_stream_speed_bytes_per_second", &[]), 0.0);
    let of_job = [("job_name", "j")];
    assert_eq!(after.one("tapebackarr_job_last_run_outcome", &[("job_name", "j"), ("outcome", "completed")]), 1.0);
    assert_eq!(after.one("tapebackarr_job_last_run_bytes", &of_job), f64::from(90 << 20));
    assert_eq!(after.one("tapebackarr_job_last_run_files", &of_job), run["files_processed"].as_f64().unwrap());
    let ago = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
        - after.one("tapebackarr_job_last_success_timestamp_seconds", &of_job);
    assert!((0.0..60.0).contains(&ago), "{ago}");
    assert!(after.sum("tapebackarr_pool_used_bytes", &[("pool", "DAILY")]) >= f64::from(90 << 20));
    let route = [("route", "/api/v1/jobs/{id}/run"), ("method", "POST"), ("status", "2xx")];
    assert_eq!(after.one("tapebackarr_http_requests_total", &route), 1.0);
    assert!(after.one("tapebackarr_http_requests_total", &[("route", "/metrics"), ("status", "2xx")]) >= 2.0);
    // what grows never shrinks
    for (name, samples) in &during.samples {
        for (labels, value) in samples.iter().filter(|_| name.ends_with("_total")) {
            let labels: Vec<_> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert!(after.one(name, &labels) >= *value, "{name} {labels:?}");
        }
    }
}

#[test]
fn a_tape_that_is_waited_for_is_seen() {
    let hands = Hands::new(1, &["H00001L9", "H00002L9"], 40);
    let api = &hands.server.api;
    let source = hands.server.folder("s");
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    hands.insert("H00001L9", 0);
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    hands.next_request(&started, &Value::Null).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let key = key(&hands.server);
    let waiting = scrape(&hands.server, &key);
    assert_eq!(waiting.one("tapebackarr_tape_changes_open", &[("reason", "tape_full")]), 1.0);
    assert!(waiting.one("tapebackarr_tape_changes_oldest_age_seconds", &[]) >= 1.0);
    assert_eq!(waiting.one("tapebackarr_executions_in_phase", &[("phase", "waiting")]), 1.0);
    assert_eq!(waiting.one("tapebackarr_attention_items", &[("topic", "tape_change")]), 1.0);
    assert!(waiting.sum("tapebackarr_stream_waiting_seconds_total", &[]) > 0.3);
    hands.eject(1);
    hands.change("H00002L9", 0);
    api.complete(started);
    let done = scrape(&hands.server, &key);
    assert_eq!(done.sum("tapebackarr_tape_changes_open", &[]), 0.0);
    assert_eq!(done.one("tapebackarr_tape_changes_oldest_age_seconds", &[]), 0.0);
}

#[test]
fn only_who_may_read_is_told() {
    let server = Server::bare();
    let status = |request: RequestBuilder| request.send().unwrap().status().as_u16();
    assert_eq!(status(ask(&server, "/metrics")), 401);
    assert_eq!(status(ask(&server, "/metrics").bearer_auth("garbage")), 401);
    assert_eq!(status(ask(&server, "/metrics").bearer_auth(format!("tbk_{}", "0".repeat(64)))), 401);
    let key = key(&server);
    assert_eq!(status(ask(&server, "/metrics").query(&[("token", &key)])), 401, "no secret in an address");
    assert_eq!(status(ask(&server, "/metrics").bearer_auth(&key)), 200);
    assert_eq!(status(ask(&server, "/metrics").header("x-api-key", &key)), 200);
    assert_eq!(status(ask(&server, "/metrics").bearer_auth(&server.api.token)), 200);
    assert_eq!(server.api.post("/metrics", json!({})).status, 405);
    let text = ask(&server, "/metrics").bearer_auth(&key).send().unwrap().text().unwrap();
    for secret in [key.as_str(), &key[4..20], server.api.token.as_str(), crate::server::PASSWORD] {
        assert!(!text.contains(secret), "{secret}");
    }
    let told = Metrics::read(&text);
    assert!(told.sum("tapebackarr_http_requests_total", &[("route", "/metrics"), ("status", "4xx")]) >= 4.0);
    for _ in 0..3 {
        let body = json!({"username": "admin", "password": "wrong"});
        assert_eq!(server.api.post("/api/v1/auth/login", body).status, 401);
    }
    assert_eq!(server.api.get("/api/v1/nothing/17/here").status, 404);
    let told = scrape(&server, &key);
    assert_eq!(told.one("tapebackarr_logins_failed_total", &[]), 3.0);
    assert_eq!(told.one("tapebackarr_http_requests_total", &[("route", "none"), ("method", "GET")]), 1.0);
}

#[test]
fn networks_that_are_named_need_no_login_for_this_page_alone() {
    let server =
        Server::with_settings(&[("SERVER__REQUESTS_PER_SECOND", "0"), ("METRICS__NETWORKS", "127.0.0.1,10.0.0.0/8")]);
    page(ask(&server, "/metrics").send().unwrap());
    let status = |request: RequestBuilder| request.send().unwrap().status().as_u16();
    let through = ask(&server, "/metrics").header("x-forwarded-for", "10.0.0.1");
    assert_eq!(status(through), 401, "somebody whom we do not know speaks for others");
    assert_eq!(status(ask(&server, "/api/v1/tapes")), 401);
    assert_eq!(status(ask(&server, "/api/v1/dashboard")), 401);
}

#[test]
fn the_server_says_whether_it_can_work_and_whose_lines_are_whose() {
    let settings = [("SERVER__REQUESTS_PER_SECOND", "0"), ("LOGGING__FORMAT", "json"), ("LOGGING__LEVEL", "info")];
    let server = Server::with_settings(&settings);
    let ready = server.api.get("/health/ready").ok();
    let checks: Vec<_> = ready["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    assert_eq!(checks, ["running", "database", "queue", "scheduler", "catalog"], "{ready}");
    assert_eq!(server.api.get("/health/live").ok(), json!({"status": "ok"}));

    let id = |request: RequestBuilder| request.send().unwrap().headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(id(ask(&server, "/api/v1/health").header("x-request-id", "proxy-1.a_B")), "proxy-1.a_B");
    for odd in ["", "a b", "x\"y", &"z".repeat(65)] {
        let made = id(ask(&server, "/api/v1/health").header("x-request-id", odd));
        assert!(made.len() == 32 && made.chars().all(|c| c.is_ascii_hexdigit()), "{odd} {made}");
    }
    assert_ne!(id(ask(&server, "/")), id(ask(&server, "/api/v1/nothing")));

    let client = Client::new();
    let asked = client.post(format!("{}/api/v1/maintenance/run", server.api.base)).bearer_auth(&server.api.token);
    let started: Value = asked.header("x-request-id", "mine").json(&json!({})).send().unwrap().json().unwrap();
    let number = started["execution_id"].clone();
    server.api.wait(&number);
    std::thread::sleep(Duration::from_millis(300));
    let lines: Vec<Value> = server.said().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_request = |line: &&Value| line["span"]["request_id"] == "mine" && line["fields"]["execution"] == number;
    assert!(lines.iter().any(|line| of_request(&line)), "{lines:#?}");
    let of_run: Vec<_> = lines.iter().filter(|line| line["span"]["execution"] == number).collect();
    assert!(of_run.len() >= 2, "it begins and ends: {lines:#?}");
    assert!(of_run.iter().all(|line| line["span"]["kind"] == "maintenance"), "{of_run:?}");
}
