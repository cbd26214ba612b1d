//! The first administrator.

use crate::web::testing::{PASSWORD, Site, call, request};
use serde_json::json;

#[actix_web::test]
async fn the_set_up_token_works_once() {
    let site = Site::empty();
    let app = site.app().await;
    let needed = || request("GET", "/api/v1/auth/setup");
    assert_eq!(call(&app, needed()).await.json, json!({"needed": true}));
    let set_up = |token: &str, name: &str| {
        let body = json!({"token": token, "username": name, "password": PASSWORD});
        request("POST", "/api/v1/auth/setup").set_json(body)
    };
    assert_eq!(call(&app, set_up("", "eve")).await.status, 401, "before there is a token");

    let void = site.services.auth.setup.begin(&mut site.db.conn()).unwrap().unwrap();
    let token = site.services.auth.setup.begin(&mut site.db.conn()).unwrap().unwrap();
    let kept = std::fs::read_to_string(site.folder.path().join("setup.token")).unwrap();
    assert!(token.len() == 64 && kept != token, "only a hash is kept");
    for wrong in ["x", &void, &kept] {
        let answer = call(&app, set_up(wrong, "eve")).await;
        assert_eq!((answer.status, &answer.json["code"]), (401, &"bad_setup_token".into()), "{wrong:?}");
    }
    let mut flood = Vec::new();
    for _ in 0..10 {
        let guess = set_up("x", "eve").peer_addr("192.0.2.66:1".parse().unwrap());
        flood.push(call(&app, guess).await.status);
    }
    assert_eq!(flood, [401, 401, 401, 401, 401, 429, 429, 429, 429, 429]);
    let short = json!({"token": token, "username": "ann", "password": "short"});
    assert_eq!(call(&app, request("POST", "/api/v1/auth/setup").set_json(short)).await.status, 400);

    let racing = (0..8).map(|n| call(&app, set_up(&token, &format!("admin{n}"))));
    let answers = futures_util::future::join_all(racing).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    let made = answers.iter().find(|answer| answer.status == 201).unwrap();
    assert_eq!(made.json["user"]["role"], "admin");
    let login = made.json["token"].as_str().unwrap();
    let users = request("GET", "/api/v1/users").insert_header(("authorization", format!("Bearer {login}")));
    assert_eq!(call(&app, users).await.json.as_array().map(Vec::len), Some(1));

    let late = call(&app, set_up(&token, "eve")).await;
    assert_eq!((late.status, &late.json["code"]), (409, &"already_set_up".into()));
    assert_eq!(call(&app, needed()).await.json, json!({"needed": false}));
    assert_eq!(site.services.auth.setup.begin(&mut site.db.conn()).unwrap(), None);
    assert!(!site.folder.path().join("setup.token").exists());
}
