//! What is written down.

use crate::db::audit::{self, AuditEntry, AuditFilter};
use crate::db::{AuditOutcome, Page, Role};
use crate::web::testing::{PASSWORD, Site, call, request};
use serde_json::json;

fn lines(site: &Site) -> Vec<AuditEntry> {
    let mut lines = audit::list(&mut site.db.conn(), &AuditFilter::default(), Page::first(1000)).unwrap();
    lines.reverse();
    lines
}

fn short(line: &AuditEntry) -> (String, String, String, AuditOutcome) {
    (line.username.clone(), line.action.clone(), line.resource_type.clone(), line.outcome)
}

fn entry(who: &str, action: &str, what: &str, outcome: AuditOutcome) -> (String, String, String, AuditOutcome) {
    (who.into(), action.into(), what.into(), outcome)
}

#[actix_web::test]
async fn changes_failures_denials_and_logins_are_written_down() {
    let site = Site::new();
    let app = site.app().await;
    let body = json!({"username": "new", "password": "a new password", "role": "operator"});
    assert_eq!(call(&app, site.request(Role::Admin, "POST", "/api/v1/users").set_json(&body)).await.status, 201);
    assert_eq!(call(&app, site.request(Role::Admin, "POST", "/api/v1/users").set_json(&body)).await.status, 409);
    assert_eq!(call(&app, site.request(Role::Operator, "GET", "/api/v1/users")).await.status, 403);
    let wrong = json!({"username": "admin", "password": "wrong"});
    assert_eq!(call(&app, request("POST", "/api/v1/auth/login").set_json(&wrong)).await.status, 401);
    let right = json!({"username": "admin", "password": PASSWORD});
    assert_eq!(call(&app, request("POST", "/api/v1/auth/login").set_json(&right)).await.status, 200);
    let (_, key) = site.api_key(Role::Admin, None);
    let delete = request("DELETE", "/api/v1/users/999").insert_header(("x-api-key", key));
    assert_eq!(call(&app, delete).await.status, 404);
    assert_eq!(call(&app, site.request(Role::Admin, "GET", "/api/v1/encryption-keys/keysheet")).await.status, 200);
    assert_eq!(call(&app, site.request(Role::Readonly, "GET", "/api/v1/docs")).await.status, 200);

    let lines = lines(&site);
    let found: Vec<_> = lines.iter().map(short).collect();
    let expected = [
        entry("admin", "create", "user", AuditOutcome::Ok),
        entry("admin", "create", "user", AuditOutcome::Failed),
        entry("operator", "read", "user", AuditOutcome::Denied),
        entry("admin", "login", "auth", AuditOutcome::Denied),
        entry("admin", "login", "auth", AuditOutcome::Ok),
        entry("api-key admin program", "delete", "user", AuditOutcome::Failed),
        entry("admin", "read-keysheet", "encryption-key", AuditOutcome::Ok),
    ];
    assert_eq!(found, expected);
    assert_eq!(lines[0].resource_id, Some(4));
    assert_eq!(lines[5].resource_id, Some(999));
    assert!(lines.iter().all(|line| line.ip_address.as_deref() == Some("192.0.2.7")));
    assert!(lines[1].details.as_deref().is_some_and(|text| text.contains("already_exists")), "{:?}", lines[1]);
}

#[actix_web::test]
async fn no_secret_is_written_down() {
    let site = Site::new();
    let app = site.app().await;
    let secrets = ["my-new-password", "0123456789abcdef0123456789abcdef", "wrong-guess", "five words on a yellow slip"];
    let bodies = [
        ("POST", "/api/v1/users", json!({"username": "x", "password": secrets[0], "role": "admin"})),
        ("PUT", "/api/v1/users/1/password", json!({"password": secrets[0]})),
        ("PUT", "/api/v1/settings", json!({"auth": {"jwt_secret": secrets[1]}})),
        ("POST", "/api/v1/auth/login", json!({"username": "x", "password": secrets[2]})),
        ("POST", "/api/v1/encryption-keys/import", json!({"name": "x", "key_base64": secrets[1]})),
        ("POST", "/api/v1/encryption-keys", json!({"name": "y"})),
        ("PUT", "/api/v1/pools/1/passphrase", json!({"passphrase": secrets[3]})),
        ("POST", "/api/v1/encryption-keys/unlock", json!({"passphrase": secrets[3]})),
        ("POST", "/api/v1/api-keys", json!({"name": "z"})),
    ];
    let mut secrets: Vec<String> = secrets.into_iter().map(str::to_owned).collect();
    for (method, path, body) in bodies {
        let answer = call(&app, site.request(Role::Admin, method, path).set_json(&body)).await;
        for field in ["key", "key_base64"] {
            secrets.extend(answer.json[field].as_str().map(str::to_owned));
        }
    }
    assert!(secrets.len() >= 6, "{secrets:?}");
    let written = serde_json::to_string(&lines(&site)).unwrap();
    for secret in secrets {
        assert!(!written.contains(&secret), "{secret} in {written}");
    }
}

#[actix_web::test]
async fn the_log_can_be_read_and_exported() {
    let site = Site::new();
    let app = site.app().await;
    for _ in 0..3 {
        call(&app, site.request(Role::Admin, "DELETE", "/api/v1/users/999")).await;
    }
    let page = call(&app, site.request(Role::Operator, "GET", "/api/v1/logs/audit/?limit=2&action=delete")).await;
    assert_eq!(page.json.as_array().map(Vec::len), Some(2), "{page:?}");
    assert_eq!(page.json[0]["ip_address"], "192.0.2.7");
    assert_eq!(page.headers.get("x-total-count").unwrap(), "3");
    let future = call(&app, site.request(Role::Operator, "GET", "/api/v1/logs/audit?start=2099-01-01")).await;
    assert_eq!((future.headers.get("x-total-count").unwrap(), &future.json), (&"0".parse().unwrap(), &json!([])));
    let export = call(&app, site.request(Role::Operator, "GET", "/api/v1/logs/export?start=2020-01-01")).await;
    assert_eq!(export.json.as_array().map(Vec::len), Some(3), "{export:?}");
    assert!(export.headers.get("content-disposition").unwrap().to_str().unwrap().contains("audit_logs.json"));
    let path = "/api/v1/logs/export?format=csv&action=delete&outcome=failed";
    let table = call(&app, site.request(Role::Operator, "GET", path)).await;
    let lines: Vec<&str> = table.text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "time,user,action,object,object id,outcome,address,details,line,hash"));
    assert!(lines[1].contains(",admin,delete,user,999,failed,192.0.2.7,"), "{}", lines[1]);
    let wrong = call(&app, site.request(Role::Operator, "GET", "/api/v1/logs/export?start=yesterday")).await;
    assert_eq!((wrong.status, wrong.json["error"].as_str().unwrap().contains("yesterday")), (400, true));
}

#[actix_web::test]
async fn the_chain_is_verified_and_compared_with_what_was_noted() {
    let site = Site::new();
    let app = site.app().await;
    for _ in 0..3 {
        call(&app, site.request(Role::Admin, "DELETE", "/api/v1/users/999")).await;
    }
    let verify = async |noted: &str| {
        let path = format!("/api/v1/logs/audit/verify{noted}");
        call(&app, site.request(Role::Operator, "GET", &path)).await
    };
    let sound = verify("").await.json;
    assert_eq!((&sound["ok"], &sound["lines"], &sound["last_id"]), (&json!(true), &json!(3), &json!(3)), "{sound}");
    let noted = format!("?noted=3:{}", sound["last_hash"].as_str().unwrap());
    assert_eq!(verify(&noted).await.json["ok"], true);
    assert_eq!(verify("?noted=3").await.status, 400);
    let sql = "UPDATE audit_logs SET username = 'somebody else' WHERE id = 2";
    diesel::connection::SimpleConnection::batch_execute(&mut *site.db.conn(), sql).unwrap();
    let tampered = verify(&noted).await.json;
    assert_eq!((&tampered["ok"], &tampered["problems"][0]["id"]), (&json!(false), &json!(2)), "{tampered}");
    assert_eq!(call(&app, site.request(Role::Readonly, "GET", "/api/v1/logs/audit/verify")).await.status, 403);
}
