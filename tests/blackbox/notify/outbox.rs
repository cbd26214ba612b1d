//! The outbox: failures, other channels, crashes.

use super::receiver::{Receiver, Reply};
use super::{BASE, channel, happen, message, until};
use crate::server::Server;
use serde_json::json;
use std::time::{Duration, Instant};

fn hook(receiver: &Receiver) -> serde_json::Value {
    json!({"url": receiver.url})
}

#[test]
fn a_channel_that_fails_is_tried_again_and_holds_up_no_other() {
    let server = Server::bare();
    let hanging = Receiver::start(|_| Reply::Silence);
    let healthy = Receiver::start(|_| Reply::ok());
    let failing = Receiver::start(|_| Reply::Answer(500, "no".into()));
    let ids = [&hanging, &healthy, &failing].map(|receiver| channel(&server, "webhook", hook(receiver), &["other"]));

    let begun = Instant::now();
    happen(&server, "one");
    hanging.next();
    healthy.next();
    assert!(begun.elapsed() < Duration::from_secs(20), "the one that hangs holds nobody up");
    let first = failing.next();
    failing.answers(|_| Reply::ok());
    let second = failing.next();
    let delivery = |request: &super::receiver::Request| request.header("x-tapebackarr-delivery").to_owned();
    assert_eq!(delivery(&first), delivery(&second), "a repetition can be told");

    let row = until("the second attempt to be acknowledged", || {
        let answer = server.api.get(&format!("{BASE}/outbox?status=sent&channel_id={}", ids[2])).ok();
        answer["messages"].as_array().unwrap().first().cloned()
    });
    assert_eq!(row["attempts"], 2);
    let healthy_row = server.api.get(&format!("{BASE}/channels/{}", ids[1])).ok();
    assert_eq!((&healthy_row["waiting"], &healthy_row["failures"]), (&json!(0), &json!(0)));
}

#[test]
fn what_was_acknowledged_is_never_sent_again_and_what_was_not_is() {
    let mut server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    let id = channel(&server, "webhook", hook(&receiver), &["other"]);
    happen(&server, "one");
    receiver.next();
    message(&server, "sent");
    server.kill_and_restart();
    receiver.nothing_for(Duration::from_secs(3));

    // killed between the request and the answer
    receiver.answers(|_| Reply::Silence);
    happen(&server, "two");
    let cut = receiver.next();
    server.kill();
    receiver.answers(|_| Reply::ok());
    server.restart();
    let again = receiver.next();
    assert_eq!(again.header("x-tapebackarr-delivery"), cut.header("x-tapebackarr-delivery"));
    until("the repetition to be acknowledged", || {
        let answer = server.api.get(&format!("{BASE}/outbox?status=sent&channel_id={id}")).ok();
        (answer["messages"].as_array().unwrap().len() == 2).then_some(())
    });
    server.kill_and_restart();
    receiver.nothing_for(Duration::from_secs(3));
}

#[test]
fn what_is_queued_survives_a_kill_and_a_dead_receiver() {
    let mut server = Server::bare();
    let receiver = Receiver::start(|_| Reply::Answer(503, String::new()));
    channel(&server, "webhook", hook(&receiver), &["other"]);
    for name in ["one", "two", "three"] {
        happen(&server, name);
    }
    receiver.next();
    server.kill();
    receiver.answers(|_| Reply::ok());
    server.restart();
    let mut names: Vec<String> = Vec::new();
    until("all three", || {
        let text = receiver.next().json()["notification"]["message"].as_str().unwrap().to_owned();
        names.push(text);
        ["one", "two", "three"].iter().all(|name| names.iter().any(|text| text.contains(name))).then_some(())
    });
}

#[test]
fn a_message_that_is_refused_is_given_up_and_told_elsewhere_once() {
    let server = Server::bare();
    let refusing = Receiver::start(|_| Reply::Answer(400, r#"{"error":"this is not for me"}"#.into()));
    let telling = Receiver::start(|_| Reply::ok());
    let dead = channel(&server, "webhook", hook(&refusing), &["other", "notification_failed"]);
    channel(&server, "webhook", hook(&telling), &["notification_failed", "notification_recovered"]);
    happen(&server, "one");
    let notice = telling.next().json()["notification"].clone();
    assert_eq!((&notice["topic"], &notice["details"]["channel_id"]), (&json!("notification_failed"), &json!(dead)));
    assert!(notice["message"].as_str().unwrap().contains("this is not for me"), "{notice}");
    happen(&server, "two");
    refusing.next();
    refusing.next();
    telling.nothing_for(Duration::from_secs(2));

    let failed = message(&server, "failed");
    assert!(failed["last_error"].as_str().unwrap().contains("400"), "{failed}");
    refusing.answers(|_| Reply::ok());
    server.api.post(&format!("{BASE}/outbox/{}/retry", failed["id"]), json!({})).ok();
    refusing.next();
    assert_eq!(telling.next().json()["notification"]["topic"], "notification_recovered");
    let sent = message(&server, "sent");
    server.api.post(&format!("{BASE}/outbox/{}/discard", sent["id"]), json!({})).fails(409, "wrong_state");
    let other = server.api.get(&format!("{BASE}/outbox?status=failed")).ok()["messages"][0]["id"].clone();
    let row = server.api.post(&format!("{BASE}/outbox/{other}/discard"), json!({})).ok();
    assert_eq!(row["status"], "discarded");
}

#[test]
fn operators_see_and_retry_but_only_administrators_change() {
    let server = Server::bare();
    let id = channel(&server, "webhook", json!({"url": "http://127.0.0.1:9/x"}), &["other"]);
    let key = |role: &str| {
        let body = json!({"name": role, "role": role});
        server.api.post("/api/v1/api-keys", body).ok()["key"].as_str().unwrap().to_owned()
    };
    let (operator, readonly) = (key("operator"), key("readonly"));
    let ask = |key: &str, method: &str, path: &str| {
        server.api.send_raw(key, method, &format!("{BASE}{path}"), "application/json", b"{}".to_vec()).status
    };
    let one = format!("/channels/{id}");
    for path in ["/channels", one.as_str(), "/rules", "/templates", "/outbox"] {
        assert_eq!((ask(&operator, "GET", path), ask(&readonly, "GET", path)), (200, 403), "{path}");
    }
    assert_eq!(ask(&readonly, "GET", "/topics"), 200);
    for (method, path) in [("PUT", one.as_str()), ("DELETE", one.as_str()), ("POST", "/channels"), ("POST", "/rules")] {
        assert_eq!(ask(&operator, method, path), 403, "{method} {path}");
    }
    let lines = server.api.get("/api/v1/logs/audit?limit=50").ok();
    let denied = |line: &serde_json::Value| line["outcome"] == "denied" && line["resource_type"] == "notification";
    assert!(lines.as_array().unwrap().iter().any(denied), "{lines}");
}

#[test]
fn the_command_line_does_all_of_it() {
    let server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    let cli = |args: &[&str]| server.cli_as_admin(args);
    let url = format!("url={}/x", receiver.url);
    cli(&["notify", "channels", "create", "webhook", "hooks", "--set", &url]);
    assert!(cli(&["notify", "channels", "list"]).contains("hooks"));
    assert!(!cli(&["notify", "channels", "show", "hooks"]).contains("/x"), "masked");
    assert!(cli(&["notify", "test", "hooks"]).contains("200"));
    receiver.next();
    cli(&[
        "notify",
        "rules",
        "create",
        "all",
        "--channel",
        "hooks",
        "--topic",
        "other",
        "--quiet",
        "22:00-07:00",
        "--errors-break-quiet",
        "no",
        "--remind-minutes",
        "30",
    ]);
    let rules: serde_json::Value = serde_json::from_str(&cli(&["notify", "rules", "list", "--json"])).unwrap();
    assert_eq!((&rules[0]["quiet_from"], &rules[0]["reminder_minutes"]), (&json!("22:00"), &json!(30)));
    cli(&["notify", "rules", "edit", "all", "--quiet", "off"]);
    happen(&server, "photos");
    receiver.next();
    message(&server, "sent");
    assert!(cli(&["notify", "outbox", "list"]).contains("Source Created"));
    assert!(cli(&["notify", "topics"]).contains("tape_required"));
    assert!(cli(&["notify", "templates", "show", "email"]).contains("{{ message }}"));
    assert!(cli(&["notify", "templates", "preview", "ntfy", "--topic", "tape_full"]).contains("Tape Full"));
    cli(&["notify", "rules", "delete", "all", "--yes"]);
    cli(&["notify", "channels", "delete", "hooks", "--yes"]);
}
