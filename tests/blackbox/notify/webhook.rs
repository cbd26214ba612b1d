//! Webhooks, ntfy and Gotify: what is sent, the signature, and what is never shown.

use super::receiver::{Receiver, Reply};
use super::{BASE, channel, happen, message, signature};
use crate::server::Server;
use serde_json::json;
use std::time::Duration;

#[test]
fn a_webhook_is_signed_and_tells_what_happened() {
    let server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    let config = json!({"url": format!("{}/hook/s3cr3t-path", receiver.url), "secret": "hmac key",
        "headers": {"Authorization": "Bearer t0ken"}});
    let id = channel(&server, "webhook", config, &[]);
    happen(&server, "photos");

    let request = receiver.next();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook/s3cr3t-path"));
    assert_eq!(request.header("authorization"), "Bearer t0ken");
    let body = request.json();
    let notice = &body["notification"];
    assert_eq!((&notice["topic"], &notice["title"]), (&json!("other"), &json!("Source Created")));
    assert!(notice["message"].as_str().unwrap().contains("photos"), "{body}");
    assert_eq!(notice["link"], "https://tapes.example/");

    assert_eq!(request.header("x-tapebackarr-signature"), signature(&request, b"hmac key"));

    let sent = message(&server, "sent");
    assert_eq!(sent["uid"], request.header("x-tapebackarr-delivery"));
    assert_eq!(sent["uid"], body["id"]);

    // nothing secret is shown, and what was shown, sent back, changes nothing
    let path = format!("{BASE}/channels/{id}");
    let shown = server.api.get(&path).ok();
    let text = shown.to_string();
    assert!(!text.contains("s3cr3t") && !text.contains("hmac key") && !text.contains("t0ken"), "{text}");
    server.api.send("PUT", &path, Some(&json!({"config": shown["config"]}))).ok();
    let answer = server.api.post(&format!("{path}/test"), json!({})).ok();
    assert_eq!((&answer["status"], &answer["answer"]), (&json!("sent"), &json!("200 OK")));
    let test = receiver.next();
    assert_eq!((test.path.as_str(), test.header("authorization")), ("/hook/s3cr3t-path", "Bearer t0ken"));
    assert_eq!(test.json()["notification"]["purpose"], "test");

    let database = std::fs::read(server.dir.path().join("data/tapebackarr.db")).unwrap();
    let wal = std::fs::read(server.dir.path().join("data/tapebackarr.db-wal")).unwrap_or_default();
    for bytes in [database, wal] {
        assert!(!bytes.windows(6).any(|window| window == b"s3cr3t"), "secrets are sealed on disk");
    }
}

#[test]
fn the_answer_of_a_server_that_refuses_is_told_without_the_secret() {
    let server = Server::bare();
    let receiver = Receiver::start(|_| Reply::Answer(403, r#"{"error":"you /T0KEN/ may not"}"#.into()));
    let url = format!("{}/T0KEN", receiver.url);
    let body = json!({"kind": "webhook", "config": {"url": url}});
    let said = server.api.post(&format!("{BASE}/channels/try"), body).fails(422, "not_delivered");
    assert!(said.contains("403") && said.contains("may not"), "{said}");
    let gone = json!({"kind": "webhook", "config": {"url": "http://127.0.0.1:9/T0KEN"}});
    let said = server.api.post(&format!("{BASE}/channels/try"), gone).fails(422, "not_delivered");
    assert!(!said.contains("T0KEN") && said.to_lowercase().contains("connect"), "{said}");
}

/// A channel is no way to read what others serve: no redirection is followed, and no page is shown.
#[test]
fn a_channel_reads_no_pages_and_goes_nowhere_else() {
    let server = Server::bare();
    let inner = Receiver::start(|_| Reply::ok());
    let target = inner.url.clone();
    for status in [200, 301, 302, 307, 308, 404, 500] {
        let to = target.clone();
        let outer =
            Receiver::start(move |_| Reply::Redirect(status, to.clone(), "SecretAccessKey of the machine".into()));
        let body = json!({"kind": "webhook", "config": {"url": outer.url}});
        let said = server.api.post(&format!("{BASE}/channels/try"), body);
        outer.next();
        assert!(!said.body.to_string().contains("SecretAccessKey"), "{}", said.body);
        assert_eq!(said.status == 200, status == 200, "{status}: {}", said.body);
    }
    inner.nothing_for(Duration::from_millis(300));
    for (kind, field) in
        [("webhook", "url"), ("ntfy", "server"), ("gotify", "server"), ("telegram", "api_url"), ("email", "host")]
    {
        let address = if kind == "email" { "169.254.169.254" } else { "http://169.254.169.254/latest/meta-data/" };
        let mut config = match kind {
            "ntfy" => json!({"topic": "t"}),
            "gotify" => json!({"token": "t"}),
            "telegram" => json!({"bot_token": "1:t", "chat_id": "1"}),
            "email" => json!({"from": "a@b.example", "to": ["a@b.example"]}),
            _ => json!({}),
        };
        config[field] = json!(address);
        let body = json!({"name": kind, "kind": kind, "config": config});
        let said = server.api.post(&format!("{BASE}/channels"), body).fails(400, "bad_channel");
        assert!(said.contains("link-local"), "{kind}: {said}");
    }
}

#[test]
fn a_template_of_ones_own_makes_the_body_and_is_tried_first() {
    let server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    channel(&server, "webhook", json!({"url": receiver.url}), &[]);
    let path = format!("{BASE}/templates/webhook/other");
    let refused = server.api.send("PUT", &path, Some(&json!({"body": "{\"text\": {{ title }"})));
    assert!(refused.fails(400, "bad_template").contains("line 1"));
    let words = json!({"body": "{\"text\": {{ title ~ \": \" ~ message }}}"});
    server.api.send("PUT", &path, Some(&words)).ok();
    happen(&server, "a \"quoted\" name");
    let text = receiver.next().json()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Source Created: ") && text.contains("a \"quoted\" name"), "{text}");

    let preview = json!({"kind": "telegram", "topic": "tape_required", "purpose": "reminder"});
    let preview = server.api.post(&format!("{BASE}/templates/preview"), preview).ok();
    let body = preview["body"].as_str().unwrap();
    assert!(body.contains("<b>Reminder: Tape Required</b>") && body.contains("&lt;db &amp; web&gt;"), "{body}");
}

#[test]
fn ntfy_and_gotify_get_what_they_understand() {
    let server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    let ntfy = json!({"server": receiver.url, "topic": "tapes", "token": "tk_1"});
    channel(&server, "ntfy", ntfy, &[]);
    happen(&server, "photos");
    let request = receiver.next();
    assert_eq!((request.path.as_str(), request.header("authorization")), ("/", "Bearer tk_1"));
    let body = request.json();
    assert_eq!(
        (&body["topic"], &body["title"], &body["priority"]),
        (&json!("tapes"), &json!("Source Created"), &json!(3))
    );
    assert!(body["message"].as_str().unwrap().contains("photos"));
    assert_eq!(body["click"], "https://tapes.example/");

    let gotify = json!({"kind": "gotify", "config": {"server": receiver.url, "token": "app"}});
    server.api.post(&format!("{BASE}/channels/try"), gotify).ok();
    let request = receiver.next();
    assert_eq!((request.path.as_str(), request.header("x-gotify-key")), ("/message", "app"));
    assert_eq!(request.json()["title"], "Test Notification");
}
