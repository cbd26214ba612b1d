//! Settings over REST.

use crate::config::MASK;
use crate::db::{Role, settings};
use crate::web::Exit;
use crate::web::testing::{Site, call};
use serde_json::json;

const PATH: &str = "/api/v1/settings";

#[actix_web::test]
async fn a_partial_change_changes_only_what_it_names() {
    let site = Site::new();
    let app = site.app().await;
    let before = call(&app, site.request(Role::Operator, "GET", PATH)).await.json;
    let change = json!({"tape": {"buffer_size_mb": 1024}, "auth": {"jwt_secret": MASK, "token_hours": 12}});
    let answer = call(&app, site.request(Role::Admin, "PUT", PATH).set_json(&change)).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &"configuration saved".into()), "{answer:?}");
    assert_eq!(answer.json["changed"], json!(["auth.token_hours", "tape.buffer_size_mb"]));

    let mut expected = before;
    expected["tape"]["buffer_size_mb"] = json!(1024);
    expected["auth"]["token_hours"] = json!(12);
    let after = call(&app, site.request(Role::Operator, "GET", PATH)).await.json;
    assert_eq!(after, expected);

    // What was shown, sent back: nothing changes.
    let answer = call(&app, site.request(Role::Admin, "PUT", PATH).set_json(&after)).await;
    assert_eq!((answer.status, &answer.json["changed"]), (200, &json!([])), "{answer:?}");
    let stored = settings::list(&mut site.db.conn()).unwrap();
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["auth.token_hours", "tape.buffer_size_mb"]);
}

#[actix_web::test]
async fn a_wrong_change_changes_nothing_and_names_the_key() {
    let site = Site::new();
    let app = site.app().await;
    let bodies = [
        (json!({"tape": {"buffer_size_mb": 64, "bufer": 1}}), "tape.bufer"),
        (json!({"tape": {"buffer_size_mb": 64}, "server": {"port": "x"}}), "server.port"),
        (json!({"tape": {"buffer_size_mb": 64, "start_percent": 5}}), "tape.refill_percent"),
        (json!({"data_dir": "/elsewhere"}), "data_dir"),
        (json!([1]), "object"),
    ];
    for (body, named) in bodies {
        let answer = call(&app, site.request(Role::Admin, "PUT", PATH).set_json(&body)).await;
        assert_eq!((answer.status, &answer.json["code"]), (400, &"bad_setting".into()), "{body}");
        assert!(answer.json["error"].as_str().unwrap().contains(named), "{answer:?}");
    }
    assert!(settings::list(&mut site.db.conn()).unwrap().is_empty());
}

#[actix_web::test]
async fn a_restart_is_asked_for_and_telegram_is_not_there() {
    let site = Site::new();
    let app = site.app().await;
    let answer = call(&app, site.request(Role::Admin, "POST", "/api/v1/settings/restart")).await;
    assert_eq!((answer.status, &answer.json["status"]), (200, &"restarting".into()));
    assert_eq!(site.services.lifecycle.requested(), Some(Exit::Restart));
    let telegram = call(&app, site.request(Role::Admin, "POST", "/api/v1/settings/telegram/test")).await;
    assert_eq!((telegram.status, &telegram.json["code"]), (400, &"telegram_not_configured".into()));
}
