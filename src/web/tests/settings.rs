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
async fn what_was_changed_is_explained_and_can_be_forgotten() {
    let site = Site::new();
    let app = site.app().await;
    let put = |body| site.request(Role::Admin, "PUT", PATH).set_json(body);
    assert_eq!(call(&app, put(json!({"auth.token_hours": 48}))).await.status, 200);
    let explained = call(&app, site.request(Role::Operator, "GET", "/api/v1/settings/explained")).await;
    let hours = |explained: &serde_json::Value| {
        explained.as_array().unwrap().iter().find(|setting| setting["key"] == "auth.token_hours").unwrap().clone()
    };
    let found = hours(&explained.json);
    assert_eq!((&found["value"], &found["default"], &found["origin"]), (&json!(48), &json!(24), &json!("interface")));
    assert_eq!((&found["kind"], &found["least"], &found["most"]), (&json!("whole"), &json!(1), &json!(24 * 366)));

    let answer = call(&app, put(json!({"auth.token_hours": null}))).await;
    assert_eq!((answer.status, &answer.json["changed"]), (200, &json!(["auth.token_hours"])), "{answer:?}");
    let explained = call(&app, site.request(Role::Operator, "GET", "/api/v1/settings/explained")).await;
    assert_eq!((&hours(&explained.json)["value"], &hours(&explained.json)["origin"]), (&json!(24), &json!("default")));
    let wrong = call(&app, put(json!({"auth.token_hours": 0}))).await;
    assert_eq!((wrong.status, &wrong.json["details"]["field"]), (400, &json!("auth.token_hours")));
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
