//! Bad requests: each a clear error.

use crate::db::Role;
use crate::web::errors::LARGEST_BODY;
use crate::web::testing::{Site, call, request};
use serde_json::json;

#[actix_web::test]
async fn bad_bodies_say_what_is_wrong_and_where() {
    let site = Site::new();
    let app = site.app().await;
    let send = |body: String| site.request(Role::Admin, "POST", "/api/v1/users").set_payload(body);
    let syntax = call(&app, send("{\"username\": \"x\",\n  oops}".into())).await;
    assert_eq!((syntax.status, &syntax.json["code"]), (400, &"bad_json".into()), "{syntax:?}");
    assert_eq!(syntax.json["details"]["line"], 2);
    assert!(syntax.json["error"].as_str().unwrap().contains("line 2 column"), "{syntax:?}");

    let missing = call(&app, send("{\"username\": \"x\"}".into())).await;
    assert!(missing.json["error"].as_str().unwrap().contains("missing field `password`"), "{missing:?}");
    let word = call(&app, send(json!({"username": "x", "password": "long enough", "role": "king"}).to_string())).await;
    assert_eq!(word.status, 400);
    assert!(word.json["error"].as_str().unwrap().contains("king"), "{word:?}");
    let empty = call(&app, send(String::new())).await;
    assert_eq!((empty.status, &empty.json["error"]), (400, &"the body is empty: expected JSON".into()));

    let large = call(&app, send(format!("{{\"username\": \"{}\"}}", "x".repeat(LARGEST_BODY)))).await;
    assert_eq!((large.status, &large.json["code"]), (413, &"body_too_large".into()), "{large:?}");

    let extra = json!({"username": "extra", "password": "long enough", "role": "readonly", "unknown": 1});
    assert_eq!(call(&app, send(extra.to_string())).await.status, 201, "unknown fields are ignored");
    for name in ["", " x", "a\nb", &"x".repeat(65)] {
        let body = json!({"username": name, "password": "long enough", "role": "readonly"});
        assert_eq!(call(&app, send(body.to_string())).await.status, 400, "{name:?}");
    }
}

#[actix_web::test]
async fn paths_and_methods_that_are_not_there() {
    let site = Site::new();
    let app = site.app().await;
    for path in ["/api", "/api/v1", "/api/v2/users", "/api/v1/nothing", "/api/v1/users/1/2/3"] {
        let answer = call(&app, request("GET", path)).await;
        assert_eq!((answer.status, &answer.json["code"]), (404, &"no_such_path".into()), "{path}: {answer:?}");
    }
    let method = call(&app, site.request(Role::Admin, "PATCH", "/api/v1/users")).await;
    assert_eq!((method.status, &method.json["code"]), (405, &"method_not_allowed".into()), "{method:?}");
    assert_eq!(method.headers.get("allow").unwrap(), "GET, POST");
    let id = call(&app, site.request(Role::Admin, "GET", "/api/v1/users/seven")).await;
    assert_eq!((id.status, &id.json["code"]), (400, &"bad_path".into()), "{id:?}");
    let query = call(&app, site.request(Role::Admin, "GET", "/api/v1/logs/audit?limit=many")).await;
    assert_eq!((query.status, &query.json["code"]), (400, &"bad_query".into()), "{query:?}");
}

#[actix_web::test]
async fn collection_roots_answer_with_and_without_a_slash() {
    let site = Site::new();
    let app = site.app().await;
    for path in ["/api/v1/users", "/api/v1/users/", "/api/v1/users/?x=1"] {
        let answer = call(&app, site.request(Role::Admin, "GET", path)).await;
        assert_eq!(answer.json.as_array().map(Vec::len), Some(3), "{path}: {answer:?}");
    }
}
