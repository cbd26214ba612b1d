//! Logging in, and being slowed down.

use crate::db::audit::{self, AuditFilter};
use crate::web::testing::{Answer, PASSWORD, Site, call, request};
use actix_web::test::TestRequest;
use serde_json::json;

fn login(name: &str, password: &str) -> TestRequest {
    request("POST", "/api/v1/auth/login").set_json(json!({"username": name, "password": password}))
}

#[actix_web::test]
async fn a_login_opens_the_door() {
    let site = Site::new();
    let app = site.app().await;
    let answer = call(&app, login("ADMIN", PASSWORD)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["user"], json!({"id": 1, "username": "admin", "role": "admin"}));
    let token = answer.json["token"].as_str().unwrap();
    let users = request("GET", "/api/v1/users").insert_header(("authorization", format!("Bearer {token}")));
    assert_eq!(call(&app, users).await.status, 200);
    assert_eq!(answer.headers.get("cache-control").unwrap(), "no-store");
}

#[actix_web::test]
async fn wrong_names_and_wrong_passwords_look_the_same() {
    let site = Site::new();
    let app = site.app().await;
    let without_code = |answer: Answer| (answer.status, answer.json);
    let expected = (401, json!({"error": "invalid credentials", "code": "invalid_credentials"}));
    assert_eq!(without_code(call(&app, login("admin", "wrong")).await), expected);
    assert_eq!(without_code(call(&app, login("nobody", "wrong")).await), expected);
    assert_eq!(without_code(call(&app, login("admin' OR 1=1 --", "wrong")).await), expected);
}

#[actix_web::test]
async fn a_flood_of_guesses_is_stopped() {
    let site = Site::new();
    let app = site.app().await;
    let guesses = (0..40).map(|n| call(&app, login("admin", &format!("guess {n}"))));
    let answers = futures_util::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status == 401).count();
    let stopped: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((tried, stopped.len()), (5, 35));
    for answer in stopped {
        assert_eq!(answer.json["code"], "too_many_attempts");
        let wait: u64 = answer.headers.get("retry-after").unwrap().to_str().unwrap().parse().unwrap();
        assert!((1..=3).contains(&wait), "{wait}");
    }
    let garbage = request("POST", "/api/v1/auth/login").set_payload("{");
    assert_eq!(call(&app, garbage).await.status, 400);
    let lines = audit::count(&mut site.db.conn(), &AuditFilter::default()).unwrap();
    assert_eq!(lines, 5, "who floods the door must not fill the log");
    assert_eq!(call(&app, login("admin", PASSWORD)).await.status, 429, "the right password waits too");
    let elsewhere = login("operator", PASSWORD).peer_addr("192.0.2.8:1".parse().unwrap());
    assert_eq!(call(&app, elsewhere).await.status, 200, "others are not held up");
}
