//! Pages, documentation, headers, health.

use crate::db::Role;
use crate::web::testing::{Site, call, request};
use serde_json::json;

#[actix_web::test]
async fn without_a_user_interface_a_small_page_says_so() {
    let site = Site::new();
    let app = site.app().await;
    let page = call(&app, request("GET", "/")).await;
    assert!(page.status == 200 && page.text.contains("/api/docs/"), "{page:?}");
    let policy = page.headers.get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.headers.get("x-content-type-options").unwrap(), "nosniff");
    assert_eq!(call(&app, request("GET", "/tapes")).await.status, 404);
    assert_eq!(call(&app, request("POST", "/")).await.status, 404);
}

#[actix_web::test]
async fn with_a_user_interface_every_page_is_its_start_page() {
    let site = Site::new();
    let folder = &site.services.config.server.static_dir;
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("index.html"), "<p>start</p>").unwrap();
    std::fs::write(folder.join("app.js"), "run()").unwrap();
    std::fs::write(site.folder.path().join("secret"), "secret").unwrap();
    let app = site.app().await;
    assert_eq!(call(&app, request("GET", "/app.js")).await.text, "run()");
    for path in ["/", "/tapes", "/tapes/7"] {
        assert_eq!(call(&app, request("GET", path)).await.text, "<p>start</p>", "{path}");
    }
    for path in ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/.hidden"] {
        assert!(!call(&app, request("GET", path)).await.text.contains("secret"), "{path}");
    }
    assert_eq!(call(&app, request("GET", "/api/v1/nothing")).await.status, 404);
}

#[actix_web::test]
async fn built_files_come_compressed_and_last() {
    let site = Site::new();
    let folder = &site.services.config.server.static_dir;
    let built = folder.join("_app/immutable");
    std::fs::create_dir_all(&built).unwrap();
    std::fs::write(folder.join("index.html"), "<p>start</p>").unwrap();
    std::fs::write(built.join("a.js"), "plain()").unwrap();
    std::fs::write(built.join("a.js.br"), "as compressed").unwrap();
    let app = site.app().await;
    let wanted = request("GET", "/_app/immutable/a.js").insert_header(("accept-encoding", "br, gzip"));
    let packed = call(&app, wanted).await;
    assert_eq!((packed.status, packed.text.as_str()), (200, "as compressed"));
    assert_eq!(packed.headers.get("content-encoding").unwrap(), "br");
    assert_eq!(packed.headers.get("cache-control").unwrap(), "public, max-age=31536000, immutable");
    let plain = call(&app, request("GET", "/_app/immutable/a.js").insert_header(("accept-encoding", "identity"))).await;
    assert_eq!(plain.text, "plain()");
    let page = call(&app, request("GET", "/tapes")).await;
    assert_eq!(page.headers.get("cache-control").unwrap(), "no-cache");
    let gone = call(&app, request("GET", "/_app/immutable/of-another-version.js")).await;
    assert_eq!(gone.status, 404, "a page in the place of a script would be run as one");
    assert_ne!(gone.headers.get("cache-control").unwrap(), "public, max-age=31536000, immutable");
}

#[actix_web::test]
async fn the_api_describes_itself_without_the_network() {
    let site = Site::new();
    let app = site.app().await;
    let api = call(&app, request("GET", "/api/v1/openapi.json")).await;
    assert_eq!(api.json["openapi"], "3.1.0");
    assert!(api.json["paths"]["/api/v1/users/{id}/role"]["put"]["requestBody"].is_object());
    assert!(api.json["components"]["schemas"]["CreateUser"].is_object());
    assert_eq!(call(&app, request("GET", "/api/docs")).await.status, 303);
    let viewer = call(&app, request("GET", "/api/docs/")).await;
    assert!(viewer.status == 200 && !viewer.text.contains("//unpkg") && !viewer.text.contains("cdn"), "{viewer:?}");
    let start = call(&app, request("GET", "/api/docs/swagger-initializer.js")).await;
    assert!(start.text.contains("/api/v1/openapi.json"), "{}", start.text);
}

#[actix_web::test]
async fn health_needs_no_login() {
    let site = Site::new();
    let app = site.app().await;
    assert_eq!(call(&app, request("GET", "/health")).await.json, json!({"status": "ok"}));
    let health = call(&app, request("GET", "/api/v1/health")).await;
    assert_eq!((health.status, &health.json["status"]), (200, &"ok".into()), "{health:?}");
    assert_eq!(health.json["components"]["database"], json!({"status": "ok", "users": 3}));
    assert_eq!(health.json["components"]["tape"]["drives"], 0);
}

#[actix_web::test]
async fn documents_are_found_by_their_names_only() {
    let site = Site::new();
    let app = site.app().await;
    let folder = &site.services.config.docs.dir;
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("usage.md"), "# Use").unwrap();
    std::fs::write(folder.join("secret.md"), "no").unwrap();
    let list = call(&app, site.request(Role::Readonly, "GET", "/api/v1/docs")).await;
    assert_eq!(list.json.as_array().map(Vec::len), Some(1), "{list:?}");
    let usage = call(&app, site.request(Role::Readonly, "GET", "/api/v1/docs/usage")).await;
    assert_eq!(usage.json, json!({"id": "usage", "title": "usage.md", "content": "# Use"}));
    for id in ["secret", "manual-recovery", "..%2Fmaster", "usage.md"] {
        let answer = call(&app, site.request(Role::Readonly, "GET", &format!("/api/v1/docs/{id}"))).await;
        assert_eq!((answer.status, &answer.json["error"]), (404, &"documentation not found".into()), "{id}");
    }
}
