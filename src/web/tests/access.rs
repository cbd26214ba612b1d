//! Every route × every role × every kind of broken credential.

use crate::auth::permissions::{Access, ROUTES, Route};
use crate::db::{Role, api_keys, now, users};
use crate::web::routes;
use crate::web::testing::{Answer, Site, call, request};
use actix_web::test::TestRequest;
use chrono::TimeDelta;
use std::collections::BTreeSet;

/// Routes beside the API.
const BESIDE: &[&str] = &["/health", "/health/live", "/health/ready", "/metrics"];

/// Routes of the table that nobody has registered yet. Whoever registers one takes it out here.
const NOT_YET: &[&str] = &["/api/v1/ltfs", "/api/v1/proxmox"];

fn is_registered(route: &Route) -> bool {
    routes::all().list().iter().any(|(method, pattern)| method == route.method && pattern == route.pattern)
}

#[test]
fn the_table_and_the_registered_routes_are_the_same() {
    let registered: BTreeSet<(String, String)> = routes::all().list().iter().cloned().collect();
    let table: BTreeSet<(String, String)> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.pattern.to_owned())).collect();
    let unlisted: Vec<_> = registered.difference(&table).collect();
    assert!(unlisted.is_empty(), "registered, but not in the permission table: {unlisted:?}");
    let missing: Vec<_> = table
        .difference(&registered)
        .filter(|(_, pattern)| {
            !BESIDE.contains(&pattern.as_str()) && !NOT_YET.iter().any(|prefix| pattern.starts_with(prefix))
        })
        .collect();
    assert!(missing.is_empty(), "in the permission table, but not registered: {missing:?}");
    let done: Vec<_> = NOT_YET
        .iter()
        .filter(|prefix| ROUTES.iter().filter(|route| route.pattern.starts_with(**prefix)).all(is_registered))
        .collect();
    assert!(done.is_empty(), "all of these are registered now, take them out of NOT_YET: {done:?}");
}

#[test]
fn operation_ids_are_unique() {
    let api = serde_json::to_value(crate::web::openapi()).unwrap();
    let mut ids = BTreeSet::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{method} {path}: {id} is there twice");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            assert!(operation["security"].is_array(), "{method} {path} does not say who may use it");
        }
    }
    assert_eq!(api["openapi"], "3.1.0");
}

#[test]
fn no_two_types_share_a_name_in_the_description() {
    let (_, schemas) = crate::web::routes::all().describe();
    let mut seen = std::collections::BTreeMap::new();
    for (name, schema) in schemas {
        let schema = serde_json::to_value(schema).unwrap();
        let known = seen.entry(name.clone()).or_insert_with(|| schema.clone());
        assert_eq!(*known, schema, "two types are called {name}: rename one");
    }
}

#[test]
fn words_are_described_as_they_are_sent() {
    let api = serde_json::to_value(crate::web::openapi()).unwrap();
    let words = |name: &str| api["components"]["schemas"][name]["enum"].clone();
    assert_eq!(words("Role"), serde_json::json!(["admin", "operator", "readonly"]));
    assert_eq!(words("AllocationPolicy"), serde_json::json!(["continue", "always-new"]));
}

/// A path that fits the pattern, with an object that does not exist.
fn path_of(route: &Route) -> String {
    let parts = route.pattern.split('/').map(|part| if part.starts_with('{') { "999999" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn garbage(request: TestRequest, route: &Route) -> TestRequest {
    if route.method == "GET" { request } else { request.set_payload("{\"nothing\": [") }
}

/// The credentials that get nobody in, each with the words of the contract.
fn broken(site: &Site) -> Vec<(&'static str, &'static str, String, &'static str)> {
    let conn = &mut *site.db.conn();
    let gone = site.user("gone", Role::Admin);
    let token_of_gone = site.token("gone");
    users::delete(conn, gone.id).unwrap();
    let demoted = site.user("demoted", Role::Admin);
    let token_of_demoted = site.token("demoted");
    users::set_role(conn, demoted.id, Role::Readonly).unwrap();
    let admin = users::find_by_name(conn, "admin").unwrap().unwrap();
    let expired = site.services.auth.tokens.issue_expired(&admin);
    let (revoked_id, revoked) = site.api_key(Role::Admin, None);
    api_keys::delete(conn, revoked_id).unwrap();
    let (_, over) = site.api_key(Role::Admin, Some(now() - TimeDelta::minutes(1)));
    let (_, real) = site.api_key(Role::Admin, None);
    let forged = format!("{}{}", &real[..20], "0".repeat(real.len() - 20));
    let elsewhere = Site::new().token("admin");
    let unsigned = {
        let claims = elsewhere.split('.').nth(1).unwrap();
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.")
    };
    vec![
        ("garbage token", "authorization", "Bearer garbage".into(), "invalid token"),
        ("other scheme", "authorization", "Basic YWRtaW46YWRtaW4=".into(), "invalid token"),
        ("expired token", "authorization", format!("Bearer {expired}"), "token expired"),
        ("token of a deleted user", "authorization", format!("Bearer {token_of_gone}"), "invalid token"),
        ("token from before a new role", "authorization", format!("Bearer {token_of_demoted}"), "invalid token"),
        ("token of another server", "authorization", format!("Bearer {elsewhere}"), "invalid token"),
        ("unsigned token", "authorization", format!("Bearer {unsigned}"), "invalid token"),
        ("forged API key", "x-api-key", forged, "invalid API key"),
        ("revoked API key", "x-api-key", revoked, "invalid API key"),
        ("expired API key", "x-api-key", over, "API key expired"),
        ("no API key at all", "x-api-key", "tbk_".into(), "invalid API key"),
    ]
}

#[actix_web::test]
async fn every_route_refuses_whoever_may_not() {
    let site = Site::new();
    let app = site.app().await;
    let broken = broken(&site);
    let mut asked = 0;
    for route in ROUTES.iter().filter(|route| route.access != Access::Public) {
        let path = path_of(route);
        let what = format!("{} {path}", route.method);
        let plain = || garbage(request(route.method, &path), route);

        let answer = call(&app, plain()).await;
        assert_eq!((answer.status, &answer.json["error"]), (401, &"missing authorization".into()), "{what}");
        for (name, header, value, words) in &broken {
            let answer = call(&app, plain().insert_header((*header, value.as_str()))).await;
            assert_eq!((answer.status, &answer.json["error"]), (401, &(*words).into()), "{what} with {name}");
            asked += 1;
        }
        for role in Role::ALL {
            let may = route.access.allows(Some(*role));
            let login = garbage(site.request(*role, route.method, &path), route);
            let (id, key) = site.api_key(*role, None);
            let program = plain().insert_header(("x-api-key", key));
            for (kind, asking) in [("login", login), ("API key", program)] {
                let answer = if is_stream(route) && may { continue } else { call(&app, asking).await };
                assert_eq!(refused(&answer), !may, "{what} as {role} with {kind}: {answer:?}");
                assert_ne!(answer.status, 401, "{what} as {role} with {kind}");
                asked += 1;
            }
            api_keys::delete(&mut site.db.conn(), id).unwrap();
        }
    }
    assert!(asked > 500, "only {asked} requests were made");
}

fn refused(answer: &Answer) -> bool {
    let refused = answer.status == 403;
    assert!(!refused || answer.json["code"] == "forbidden", "{answer:?}");
    refused
}

/// It never ends, so it has tests of its own.
fn is_stream(route: &Route) -> bool {
    route.pattern == "/api/v1/events/stream"
}

#[actix_web::test]
async fn no_spelling_of_a_path_slips_past() {
    let site = Site::new();
    let app = site.app().await;
    let key = "/api/v1/encryption-keys/keysheet";
    let spellings = [
        "/api/v1/encryption-keys/%6beysheet",
        "/api/v1/encryption%2Dkeys/keysheet",
        "/api/v1/encryption-keys/keysheet/",
        "/api/v1/encryption-keys//keysheet",
        "/api/v1//encryption-keys/keysheet",
        "/api/v1/docs/../encryption-keys/keysheet",
        "/api/v1/docs/%2e%2e/encryption-keys/keysheet",
        "/api/v1/encryption-keys/keysheet;x",
        "/API/V1/encryption-keys/keysheet",
        "/api/v1/users/%2e%2e/encryption-keys/keysheet",
    ];
    for path in std::iter::once(key).chain(spellings) {
        for role in [Role::Readonly, Role::Operator] {
            let answer = call(&app, site.request(role, "GET", path)).await;
            assert!(matches!(answer.status, 403..=405), "{path}: {answer:?}");
            assert!(!answer.text.contains("key_base64"), "{path}");
        }
    }
    assert_eq!(call(&app, site.request(Role::Admin, "GET", key)).await.status, 200);
}
