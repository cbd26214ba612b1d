//! Who asks too often, too slowly or too much, and who comes with what is not theirs: what each gets.

use crate::server::{PASSWORD, Server};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.api.base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// What comes until the server closes the connection.
fn answer(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_flood_is_refused_and_others_are_served() {
    let server = Server::with_settings(&[
        ("SERVER__REQUESTS_PER_SECOND", "5"),
        // so that there is another address
        ("SERVER__TRUSTED_PROXIES", "127.0.0.1"),
    ]);
    let key = server.api.post("/api/v1/api-keys", json!({"name": "monitor", "role": "readonly"})).ok();
    let client = reqwest::blocking::Client::new();
    let flooding = AtomicBool::new(true);
    let begun = Instant::now();
    let (counts, slowest) = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut counts = BTreeMap::<u16, u32>::new();
                    let mut waits = Vec::new();
                    while flooding.load(Ordering::Relaxed) {
                        let answer = client.get(format!("{}/api/v1/auth/setup", server.api.base)).send().unwrap();
                        *counts.entry(answer.status().as_u16()).or_default() += 1;
                        if answer.status() == 429 {
                            waits.push(answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap());
                        }
                    }
                    (counts, waits)
                })
            })
            .collect();
        // somebody at another address, while it goes on
        let end = Instant::now() + Duration::from_secs(3);
        let mut slowest = Duration::ZERO;
        while Instant::now() < end {
            let asked = Instant::now();
            let ask = client.get(format!("{}/api/v1/pools", server.api.base)).header("x-forwarded-for", "192.0.2.50");
            let got = ask.header("x-api-key", key["key"].as_str().unwrap()).send().unwrap();
            assert_eq!(got.status(), 200);
            slowest = slowest.max(asked.elapsed());
            std::thread::sleep(Duration::from_millis(250));
        }
        flooding.store(false, Ordering::Relaxed);
        let mut counts = BTreeMap::<u16, u32>::new();
        for (some, waits) in floods.into_iter().map(|flood| flood.join().unwrap()) {
            some.into_iter().for_each(|(status, count)| *counts.entry(status).or_default() += count);
            assert!(waits.iter().all(|wait| (1..=2).contains(wait)), "{waits:?}");
        }
        (counts, slowest)
    });
    println!("flood of 3 s: {counts:?}; the slowest answer to somebody else took {slowest:?}");
    let served = counts[&200];
    assert!(counts.keys().all(|status| [200, 429].contains(status)), "{counts:?}");
    // 5 seconds' worth at once, and what the time since then is worth
    let most = 25.0 + 5.0 * begun.elapsed().as_secs_f64() + 1.0;
    assert!(served > 10 && f64::from(served) <= most && counts[&429] > served, "{counts:?}");
}

#[test]
fn slow_clients_and_huge_bodies_are_let_go() {
    let server = Server::with_settings(&[("SERVER__CLIENT_TIMEOUT_SECONDS", "2")]);
    let begun = Instant::now();
    let slow: Vec<TcpStream> = (0..50)
        .map(|number| {
            let mut stream = connect(&server);
            let head = match number % 2 {
                // a head that never ends
                0 => "GET /api/v1/health HTTP/1.1\r\nhost: x\r\n".to_owned(),
                // a body that never comes
                _ => "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{".to_owned(),
            };
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    server.api.get("/api/v1/pools").ok();
    for (number, stream) in slow.into_iter().enumerate() {
        let got = answer(stream);
        assert!(got.starts_with("HTTP/1.1 408"), "{number}: {got:?}");
        assert!(number % 2 == 0 || got.contains("body_too_slow"), "{number}: {got:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());

    // says that it is huge, and is huge without saying so
    let mut stream = connect(&server);
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let got = answer(stream);
    assert!(got.starts_with("HTTP/1.1 413") && got.contains("body_too_large"), "{got:?}");
    let body = format!("{{\"username\": \"{}\"}}", "x".repeat(3 << 20));
    let chunked = reqwest::blocking::Body::new(std::io::Cursor::new(body));
    let path = format!("{}/api/v1/auth/login", server.api.base);
    match reqwest::blocking::Client::new().post(path).body(chunked).send() {
        Ok(answer) => assert_eq!(answer.status(), 413),
        Err(error) => assert!(error.is_request() || error.is_body(), "the connection was closed: {error:?}"),
    }
    server.api.get("/api/v1/pools").ok();
}

#[test]
fn guesses_forgeries_and_old_roles_get_nothing() {
    let server = Server::with_settings(&[("AUTH__LOCKOUT_SECONDS", "8")]);
    let guess = |number: u32| {
        let body = json!({"username": "admin", "password": format!("wrong password {number}")});
        server.api.post("/api/v1/auth/login", body).status
    };
    let statuses: Vec<u16> = (0..10).map(guess).collect();
    println!("ten wrong passwords: {statuses:?}");
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429, 429, 429]);

    let user = json!({"username": "anna", "password": PASSWORD, "role": "operator"});
    let id = server.api.post("/api/v1/users", user).ok()["id"].clone();
    let mut anna = server.api.clone();
    // the address is locked as well for a moment
    let begun = Instant::now();
    let login = loop {
        let answer = server.api.post("/api/v1/auth/login", json!({"username": "anna", "password": PASSWORD}));
        if answer.status != 429 {
            break answer.ok();
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(200));
    };
    anna.token = login["token"].as_str().unwrap().to_owned();
    anna.get("/api/v1/settings").ok();
    let token = anna.token.clone();
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for forged in
        [format!("{unsigned}.{claims}."), format!("{head}.{claims}x.{signature}"), format!("{head}.{claims}.AAAA")]
    {
        anna.token = forged;
        anna.get("/api/v1/settings").fails(401, "invalid_token");
    }
    anna.token = token;
    let role = json!({"role": "readonly"});
    server.api.send("PUT", &format!("/api/v1/users/{id}/role"), Some(&role)).ok();
    anna.get("/api/v1/settings").fails(401, "invalid_token");
    let told = server.cli_as_admin(&["audit", "list", "--outcome", "denied"]);
    assert!(told.contains("login") && told.contains("127.0.0.1"), "{told}");
    let verified = server.cli_as_admin(&["audit", "verify"]);
    assert!(verified.contains("are as they were written"), "{verified}");
}
