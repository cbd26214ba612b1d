//! When logins and keys die, and where they may be shown.

use crate::db::{Role, api_keys, users};
use crate::web::testing::{PASSWORD, Site, call, request};
use serde_json::json;

fn me(token: &str) -> actix_web::test::TestRequest {
    request("GET", "/api/v1/auth/me").insert_header(("authorization", format!("Bearer {token}")))
}

#[actix_web::test]
async fn a_login_dies_with_password_role_user_and_logout() {
    let site = Site::new();
    let app = site.app().await;
    let id = site.user("ann", Role::Operator).id;

    let token = site.token("ann");
    let body = json!({"old_password": PASSWORD, "new_password": "another password"});
    let change = request("POST", "/api/v1/auth/change-password").set_json(&body);
    assert_eq!(call(&app, me(&token)).await.status, 200);
    let answer = call(&app, change.insert_header(("authorization", format!("Bearer {token}")))).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &"password changed".into()), "{answer:?}");
    assert_eq!(call(&app, me(&token)).await.status, 401, "after a new password");

    let token = site.token("ann");
    let role =
        site.request(Role::Admin, "PUT", &format!("/api/v1/users/{id}/role")).set_json(json!({"role": "readonly"}));
    assert_eq!(call(&app, role).await.status, 200);
    assert_eq!(call(&app, me(&token)).await.status, 401, "after a new role");

    let token = site.token("ann");
    let reset = site
        .request(Role::Admin, "PUT", &format!("/api/v1/users/{id}/password"))
        .set_json(json!({"password": "given by the administrator"}));
    assert_eq!(call(&app, reset).await.status, 200);
    assert_eq!(call(&app, me(&token)).await.status, 401, "after a reset");

    let token = site.token("ann");
    let logout = request("POST", "/api/v1/auth/logout").insert_header(("authorization", format!("Bearer {token}")));
    assert_eq!(call(&app, logout).await.status, 200);
    assert_eq!(call(&app, me(&token)).await.status, 401, "after logging out");

    let token = site.token("ann");
    let answer = call(&app, site.request(Role::Admin, "DELETE", &format!("/api/v1/users/{id}"))).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &"deleted".into()));
    assert_eq!(call(&app, me(&token)).await.status, 401, "after the user was deleted");
    let again = site.user("ann", Role::Admin);
    assert_ne!(again.id, id, "ids are not used again");
    assert_eq!(call(&app, me(&token)).await.status, 401, "after another user of that name was made");
}

#[actix_web::test]
async fn the_last_administrator_stays() {
    let site = Site::new();
    let app = site.app().await;
    let id = users::find_by_name(&mut site.db.conn(), "admin").unwrap().unwrap().id;
    let delete = call(&app, site.request(Role::Admin, "DELETE", &format!("/api/v1/users/{id}"))).await;
    assert_eq!((delete.status, &delete.json["code"]), (409, &"last_admin".into()));
}

#[actix_web::test]
async fn api_keys_are_shown_once_and_die_at_once() {
    let site = Site::new();
    let app = site.app().await;
    let make = site.request(Role::Admin, "POST", "/api/v1/api-keys/");
    let made = call(&app, make.set_json(json!({"name": "k", "role": "operator", "expires_in_days": 30}))).await;
    assert_eq!(made.status, 201, "{made:?}");
    let key = made.json["key"].as_str().unwrap().to_owned();
    assert!(key.len() == 68 && key.starts_with("tbk_"), "{key}");
    assert_eq!(made.json["api_key"]["key_prefix"], key[..12]);
    assert!(made.json["api_key"]["last_used_at"].is_null() && made.json["api_key"]["expires_at"].is_string());

    let me = || request("GET", "/api/v1/auth/me").insert_header(("x-api-key", key.as_str()));
    let who = call(&app, me()).await;
    assert_eq!(
        (&who.json["username"], &who.json["role"], &who.json["kind"]),
        (&"k".into(), &"operator".into(), &"api-key".into())
    );
    let list = call(&app, site.request(Role::Admin, "GET", "/api/v1/api-keys")).await;
    assert!(list.json[0]["last_used_at"].is_string() && !list.text.contains(&key[12..]), "{list:?}");
    let used = list.json[0]["last_used_at"].clone();
    call(&app, me()).await;
    let list = call(&app, site.request(Role::Admin, "GET", "/api/v1/api-keys")).await;
    assert_eq!(list.json[0]["last_used_at"], used, "noted at most once a minute");

    let id = made.json["api_key"]["id"].as_i64().unwrap();
    assert_eq!(call(&app, site.request(Role::Admin, "DELETE", &format!("/api/v1/api-keys/{id}"))).await.status, 200);
    assert_eq!(call(&app, me()).await.status, 401);
    for days in [0, -1, i64::MAX] {
        let body = json!({"name": "k", "expires_in_days": days});
        assert_eq!(call(&app, site.request(Role::Admin, "POST", "/api/v1/api-keys").set_json(body)).await.status, 400);
    }
}

#[actix_web::test]
async fn keys_of_the_old_program_are_understood() {
    let site = Site::new();
    let app = site.app().await;
    let key = format!("tbk_{}", "ab".repeat(32));
    let new = api_keys::NewApiKey {
        name: "old".into(),
        key_hash: bcrypt::hash(&key, 4).unwrap(),
        key_prefix: key[..12].into(),
        role: Role::Readonly,
        expires_at: None,
    };
    api_keys::insert(&mut site.db.conn(), &new).unwrap();
    let me = |key: &str| request("GET", "/api/v1/auth/me").insert_header(("x-api-key", key.to_owned()));
    assert_eq!(call(&app, me(&key)).await.status, 200);
    assert_eq!(call(&app, me(&key.replace("abab", "abac"))).await.status, 401);
}

#[actix_web::test]
async fn a_token_in_the_address_opens_streams_and_downloads_only() {
    let site = Site::new();
    let app = site.app().await;
    let token = site.token("admin");
    let ask = |path: &str| request("GET", &format!("{path}?token={token}"));
    assert_eq!(call(&app, ask("/api/v1/users")).await.status, 401);
    assert_eq!(call(&app, ask("/api/v1/logs/export")).await.status, 200);
    assert_eq!(call(&app, ask("/api/v1/encryption-keys/keysheet/text")).await.status, 200);
    let wrong = call(&app, request("GET", "/api/v1/logs/export?token=x")).await;
    assert_eq!((wrong.status, &wrong.json["error"]), (401, &"invalid token".into()));
}
