//! Telegram messages, against a Bot API server of the test's own.

use super::receiver::{Receiver, Reply, Request};
use super::{BASE, channel, happen, message};
use crate::server::Server;
use serde_json::{Value, json};

const TOKEN: &str = "123456:AAH-s3cr3t_t0ken";

fn sent(id: i32, chat: i64) -> Value {
    json!({"message_id": id, "date": 1_700_000_000, "chat": {"id": chat, "type": "private", "first_name": "Ann"}, "text": "x"})
}

/// Answers as Telegram does.
fn answer(request: &Request) -> Reply {
    let path = request.path.to_ascii_lowercase();
    if !request.path.starts_with(&format!("/bot{TOKEN}/")) {
        return Reply::Answer(401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#.into());
    }
    match path.rsplit('/').next() {
        Some("sendmessage") => Reply::Answer(200, json!({"ok": true, "result": sent(7, 42)}).to_string()),
        _ => Reply::Answer(404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#.into()),
    }
}

#[test]
fn a_message_is_sent_as_html_and_waits_when_telegram_says_so() {
    let server = Server::bare();
    let mut first = true;
    let api = Receiver::start(move |request| {
        match std::mem::take(&mut first) {
        true => Reply::Answer(
            429,
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}"#
                .into(),
        ),
        false => answer(request),
    }
    });
    channel(&server, "telegram", json!({"bot_token": TOKEN, "chat_id": "42", "api_url": api.url}), &["other"]);
    happen(&server, "<db & web>");
    api.next();
    let body = api.next().json();
    assert_eq!((&body["chat_id"], &body["parse_mode"]), (&json!(42), &json!("HTML")));
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("<b>Source Created</b>") && text.contains("&lt;db &amp; web&gt;"), "{text}");
    let row = message(&server, "sent");
    assert_eq!((&row["attempts"], &row["answer"]), (&json!(2), &json!("message 7 in chat 42")));
}

#[test]
fn the_token_is_in_no_answer_and_no_row() {
    let server = Server::bare();
    let id = channel(
        &server,
        "telegram",
        json!({"bot_token": TOKEN, "chat_id": "42", "api_url": "http://127.0.0.1:9"}),
        &["other"],
    );
    let said = server.api.post(&format!("{BASE}/channels/{id}/test"), json!({})).fails(422, "not_delivered");
    assert!(said.contains("cannot be reached"), "{said}");
    happen(&server, "one");
    let row = super::until("a failure", || {
        let row = server.api.get(&format!("{BASE}/channels/{id}")).ok();
        row["last_error"].is_string().then_some(row)
    });
    let outbox = server.api.get(&format!("{BASE}/outbox")).ok();
    for text in [said, row.to_string(), outbox.to_string()] {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

#[test]
fn the_test_of_the_go_program_works() {
    let server = Server::bare();
    let path = "/api/v1/settings/telegram/test";
    server.api.post(path, json!({})).fails(400, "telegram_not_configured");
    let api = Receiver::start(answer);
    channel(&server, "telegram", json!({"bot_token": TOKEN, "chat_id": "42", "api_url": api.url}), &["backup_failed"]);
    let answer = server.api.post(path, json!({})).ok();
    assert_eq!(answer, json!({"status": "Test message sent successfully"}));
    assert!(api.next().json()["text"].as_str().unwrap().contains("Test Notification"));
    api.answers(|_| {
        Reply::Answer(400, r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#.into())
    });
    let said = server.api.post(path, json!({})).fails(500, "not_delivered");
    assert!(said.to_lowercase().contains("chat not found"), "{said}");
}
