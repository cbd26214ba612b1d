//! Encryption keys over REST.

use crate::db::Role;
use crate::web::testing::{Site, call};
use serde_json::json;

#[actix_web::test]
async fn keys_are_made_imported_printed_and_deleted() {
    let site = Site::new();
    let app = site.app().await;
    let post = |path: &str| site.request(Role::Admin, "POST", path);
    let made = call(&app, post("/api/v1/encryption-keys").set_json(json!({"name": "K1", "description": "d"}))).await;
    assert_eq!(made.status, 201, "{made:?}");
    let secret = made.json["key_base64"].as_str().unwrap().to_owned();
    assert_eq!((secret.len(), &made.json["key"]["algorithm"]), (44, &"aes-256-gcm".into()));
    assert!(made.json["message"].as_str().unwrap().starts_with("IMPORTANT"));

    let short = json!({"name": "K2", "key_base64": "AQID"});
    let answer = call(&app, post("/api/v1/encryption-keys/import").set_json(&short)).await;
    assert_eq!((answer.status, &answer.json["error"]), (400, &"key must be 32 bytes (256 bits), got 3 bytes".into()));
    let same = json!({"name": "K2", "key_base64": secret});
    assert_eq!(call(&app, post("/api/v1/encryption-keys/import").set_json(&same)).await.status, 409);
    let other = json!({"name": "K2", "key_base64": "A".repeat(43) + "="});
    assert_eq!(call(&app, post("/api/v1/encryption-keys/import").set_json(&other)).await.status, 201);

    let list = call(&app, site.request(Role::Readonly, "GET", "/api/v1/encryption-keys")).await;
    assert_eq!(list.json["keys"].as_array().map(Vec::len), Some(2));
    assert!(!list.text.contains(&secret) && !list.text.contains("key_data"), "{list:?}");
    assert_eq!(list.json["keys"][0]["uses"]["sets"], 0);
    let uses = format!("/api/v1/encryption-keys/{}/uses", made.json["key"]["id"]);
    let uses = call(&app, site.request(Role::Readonly, "GET", &uses)).await;
    assert_eq!((&uses.json["key"]["name"], &uses.json["jobs"]), (&json!("K1"), &json!([])), "{uses:?}");
    assert!(!uses.text.contains(&secret) && !uses.text.contains("key_data"), "{uses:?}");
    let sheet = call(&app, site.request(Role::Admin, "GET", "/api/v1/encryption-keys/keysheet")).await;
    assert_eq!(sheet.json["keys"][0]["key_base64"], secret);
    let text = call(&app, site.request(Role::Admin, "GET", "/api/v1/encryption-keys/keysheet/text")).await;
    assert!(text.text.contains(&secret) && text.text.contains("K2"), "{}", text.text);

    let path = format!("/api/v1/encryption-keys/{}", made.json["key"]["id"]);
    assert_eq!(call(&app, site.request(Role::Operator, "PUT", &path).set_json(json!({}))).await.status, 403);
    let put = |body| site.request(Role::Admin, "PUT", &path).set_json(body);
    let changed = call(&app, put(json!({"expires_at": "2099-12-31", "rotate_after_days": 365}))).await;
    assert_eq!(
        (&changed.json["expires_at"], &changed.json["rotate_after_days"], &changed.json["description"]),
        (&json!("2100-01-01T00:00:00Z"), &json!(365), &json!("d")),
        "{changed:?}"
    );
    let cleared = call(&app, put(json!({"expires_at": null, "description": ""}))).await;
    assert_eq!(
        (&cleared.json["expires_at"], &cleared.json["rotate_after_days"], &cleared.json["description"]),
        (&json!(null), &json!(365), &json!(null)),
        "{cleared:?}"
    );
    for wrong in [json!({"expires_at": "soon"}), json!({"rotate_after_days": 0})] {
        assert_eq!(call(&app, put(wrong)).await.status, 400);
    }
    let gone = json!({"name": "K9", "expires_at": "2001-01-01"});
    let refused = call(&app, post("/api/v1/encryption-keys").set_json(&gone)).await;
    assert_eq!((refused.status, &refused.json["details"]["field"]), (400, &json!("expires_at")), "{refused:?}");

    let rotate = format!("{path}/rotate");
    assert_eq!(call(&app, site.request(Role::Operator, "POST", &rotate).set_json(json!({}))).await.status, 403);
    let rotated = call(&app, post(&rotate).set_json(json!({}))).await;
    assert_eq!(
        (rotated.status, &rotated.json["key"]["name"], &rotated.json["replaced"]["successor_id"]),
        (201, &json!("K1-2"), &rotated.json["key"]["id"]),
        "{rotated:?}"
    );
    assert!(rotated.json["key"]["sheet_at"].is_null(), "it is on no sheet yet: {rotated:?}");
    assert!(rotated.json["replaced"]["sheet_at"].is_string(), "{rotated:?}");
    let again = call(&app, post(&rotate).set_json(json!({}))).await;
    assert_eq!((again.status, &again.json["code"]), (409, &json!("key_retired")), "{again:?}");
    assert_eq!(call(&app, site.request(Role::Admin, "DELETE", &path)).await.status, 200);
    assert_eq!(call(&app, site.request(Role::Admin, "DELETE", &path)).await.status, 404);
}
