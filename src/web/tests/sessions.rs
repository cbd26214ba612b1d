//! Logins as sessions: the cookie of a browser, lists, ends.

use crate::db::{Role, now, sessions, users};
use crate::web::testing::{Answer, PASSWORD, Site, call, request};
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

fn log_in(name: &str) -> TestRequest {
    let body = json!({"username": name, "password": PASSWORD, "cookie": true});
    request("POST", "/api/v1/auth/login").insert_header(("user-agent", "Firefox\u{9}on a test")).set_json(body)
}

/// `name=token` of the cookie that an answer sets, and all that it says about it.
fn cookie(answer: &Answer) -> (String, String) {
    let text = answer.headers.get("set-cookie").unwrap().to_str().unwrap().to_owned();
    (text.split(';').next().unwrap().to_owned(), text)
}

fn with(cookie: &str, method: &str, path: &str) -> TestRequest {
    request(method, path).insert_header(("cookie", format!("other=1; {cookie}; theme=dark")))
}

#[actix_web::test]
async fn a_browser_has_its_login_in_a_cookie_that_no_script_reads() {
    let site = Site::new();
    let app = site.app().await;
    let answer = call(&app, log_in("admin")).await;
    assert_eq!((answer.status, &answer.json["token"]), (200, &Value::Null), "{answer:?}");
    let (pair, all) = cookie(&answer);
    for attribute in ["Path=/api", "HttpOnly", "SameSite=Strict", "Max-Age=86400"] {
        assert!(all.contains(attribute), "{all}");
    }
    assert!(!all.contains("Secure"), "{all}");
    let me = call(&app, with(&pair, "GET", "/api/v1/auth/me")).await;
    assert_eq!((me.status, &me.json["username"]), (200, &json!("admin")));
    let path = "/api/v1/notifications/channels";
    let channel = json!({"name": "phone", "kind": "ntfy", "config": {"topic": "t"}});
    let run = |by: Option<&str>| {
        let asked = with(&pair, "POST", path).set_json(channel.clone());
        by.map_or_else(|| with(&pair, "POST", path), |by| asked.insert_header(("x-requested-with", by)))
    };
    let forged = call(&app, run(None)).await;
    assert_eq!((forged.status, &forged.json["code"]), (403, &json!("cross_site")), "{forged:?}");
    assert_eq!(call(&app, run(Some("tapebackarr"))).await.status, 201);
    for header in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let stolen = call(&app, with(&pair, "GET", "/api/v1/auth/me").insert_header(header)).await;
        assert_eq!((stolen.status, &stolen.json["code"]), (403, &json!("cross_site")), "{header:?}");
    }
    let logout = with(&pair, "POST", "/api/v1/auth/logout").insert_header(("x-requested-with", "tapebackarr"));
    let out = call(&app, logout).await;
    assert!(out.status == 200 && cookie(&out).1.contains("Max-Age=0"), "{out:?}");
    assert_eq!(
        call(&app, with(&pair, "GET", "/api/v1/auth/me")).await.status,
        401,
        "the cookie alone is worth nothing"
    );
}

#[actix_web::test]
async fn behind_a_trusted_proxy_with_tls_the_cookie_is_secure() {
    let site = Site::new();
    let mut config = site.services.config.get_ref().clone();
    config.server.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    let mut services = site.services.clone();
    services.config = actix_web::web::Data::new(config);
    let trusting = actix_web::test::init_service(crate::web::server::app(services, |_| {})).await;
    let asked = || log_in("admin").insert_header(("x-forwarded-proto", "https"));
    assert!(cookie(&call(&trusting, asked()).await).1.contains("; Secure"));
    let app = site.app().await;
    assert!(!cookie(&call(&app, asked()).await).1.contains("; Secure"), "nobody else is believed");
}

#[actix_web::test]
async fn logins_are_listed_and_ended_one_by_one() {
    let site = Site::new();
    let app = site.app().await;
    let here = cookie(&call(&app, log_in("operator")).await).0;
    let there = cookie(&call(&app, log_in("operator")).await).0;
    let list = call(&app, with(&here, "GET", "/api/v1/auth/sessions")).await;
    let current: Vec<bool> = list.json.as_array().unwrap().iter().map(|row| row["current"] == true).collect();
    assert_eq!((current.len(), current.iter().filter(|current| **current).count()), (2, 1), "{list:?}");
    assert_eq!(
        (&list.json[0]["client"], &list.json[0]["ip_address"]),
        (&json!("Firefoxon a test"), &json!("192.0.2.7"))
    );
    let other = list.json.as_array().unwrap().iter().find(|row| row["current"] == false).unwrap();
    let path = format!("/api/v1/auth/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(call(&app, site.request(Role::Admin, "DELETE", &path)).await.status, 404, "it is not theirs");
    let end = with(&here, "DELETE", &path).insert_header(("x-requested-with", "tapebackarr"));
    assert_eq!(call(&app, end).await.status, 200);
    assert_eq!(call(&app, with(&there, "GET", "/api/v1/auth/me")).await.status, 401);
    assert_eq!(call(&app, with(&here, "GET", "/api/v1/auth/me")).await.status, 200);

    let id = users::find_by_name(&mut site.db.conn(), "operator").unwrap().unwrap().id;
    let path = format!("/api/v1/users/{id}/sessions");
    let seen = call(&app, site.request(Role::Admin, "GET", &path)).await;
    assert_eq!(seen.json.as_array().map(Vec::len), Some(1), "{seen:?}");
    assert_eq!(call(&app, site.request(Role::Operator, "GET", &path)).await.status, 403);
    assert_eq!(call(&app, site.request(Role::Admin, "DELETE", &path)).await.status, 200);
    assert_eq!(call(&app, with(&here, "GET", "/api/v1/auth/me")).await.status, 401);
}

#[actix_web::test]
async fn a_login_ends_by_silence_and_by_its_own_time() {
    let site = Site::new();
    let app = site.app().await;
    let me =
        |token: &str| request("GET", "/api/v1/auth/me").insert_header(("authorization", format!("Bearer {token}")));
    for (column, age) in [("last_used_at", TimeDelta::minutes(721)), ("expires_at", TimeDelta::zero())] {
        let token = site.token("operator");
        assert_eq!(call(&app, me(&token)).await.status, 200);
        let time = (now() - age).format("%Y-%m-%d %H:%M:%S");
        let sql = format!("UPDATE sessions SET {column} = '{time}'");
        site.db.conn().batch_execute(&sql).unwrap();
        let answer = call(&app, me(&token)).await;
        assert_eq!((answer.status, &answer.json["code"]), (401, &json!("token_expired")), "{column}");
        site.db.conn().batch_execute("DELETE FROM sessions").unwrap();
    }
    let token = site.token("operator");
    site.db.conn().batch_execute("UPDATE sessions SET last_used_at = datetime('now', '-700 minutes')").unwrap();
    assert_eq!(call(&app, me(&token)).await.status, 200);
    let id = users::find_by_name(&mut site.db.conn(), "operator").unwrap().unwrap().id;
    let used = sessions::of_user(&mut site.db.conn(), id, None).unwrap().remove(0).last_used_at;
    assert!(now() - used < TimeDelta::minutes(1), "its use was noted");
}
