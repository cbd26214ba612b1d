//! The server is killed at the very places that matter: before a message goes out, and between the other side's taking it
//! and the note of that.

use super::mail::MailServer;
use super::receiver::{Receiver, Reply};
use super::{BASE, channel, happen, until};
use crate::server::Server;
use serde_json::{Value, json};

const BEFORE: &str = "before a message is sent";
const AFTER: &str = "after a message was sent";

/// Something happens that kills the server, perhaps before it answers.
fn happen_and_die(server: &Server, name: &str) {
    let body = json!({"name": name, "source_type": "local", "path": "/tmp"});
    let _ = server.api.try_send("POST", "/api/v1/sources", Some(&body));
}

/// Rows of the outbox once there are so many and all are sent, the oldest first.
fn drained(server: &Server, count: usize) -> Vec<Value> {
    until("everything to be sent", || {
        let answer = server.api.get(&format!("{BASE}/outbox?limit=100")).ok();
        let mut rows = answer["messages"].as_array().unwrap().clone();
        rows.reverse();
        (rows.len() == count && rows.iter().all(|row| row["status"] == "sent")).then_some(rows)
    })
}

fn delivery(request: &super::receiver::Request) -> String {
    request.header("x-tapebackarr-delivery").to_owned()
}

#[test]
fn killed_before_it_goes_out_it_comes_once_and_nothing_behind_it_is_lost() {
    let mut server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    channel(&server, "webhook", json!({"url": receiver.url}), &["other"]);
    server.kill_at(BEFORE);
    happen_and_die(&server, "one");
    server.killed(BEFORE);
    assert!(receiver.rest().is_empty(), "nothing went out");
    server.restart();
    happen(&server, "two");
    let rows = drained(&server, 2);
    let (first, second) = (receiver.next(), receiver.next());
    assert!(first.json()["notification"]["message"].as_str().unwrap().contains("one"));
    assert!(second.json()["notification"]["message"].as_str().unwrap().contains("two"));
    let ids: Vec<&str> = rows.iter().map(|row| row["uid"].as_str().unwrap()).collect();
    assert_eq!(ids, [delivery(&first), delivery(&second)]);
    assert!(receiver.rest().is_empty(), "once");
}

#[test]
fn killed_between_the_taking_and_the_note_a_webhook_comes_again_under_its_id() {
    let mut server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    channel(&server, "webhook", json!({"url": receiver.url}), &["other"]);
    server.kill_at(AFTER);
    happen_and_die(&server, "one");
    server.killed(AFTER);
    let first = receiver.next();
    server.restart();
    happen(&server, "two");
    let rows = drained(&server, 2);
    let (again, second) = (receiver.next(), receiver.next());
    assert_eq!(delivery(&again), delivery(&first));
    assert_eq!((&again.body, &first.json()["id"]), (&first.body, &json!(delivery(&first))));
    assert_ne!(delivery(&second), delivery(&first));
    assert_eq!(rows[0]["attempts"], 2);
    assert!(receiver.rest().is_empty());
}

#[test]
fn killed_between_the_taking_and_the_note_a_mail_comes_again_under_its_message_id() {
    let mut server = Server::bare();
    let mail = MailServer::start(&server, "starttls");
    channel(&server, "email", mail.config("starttls"), &["other"]);
    server.kill_at(AFTER);
    happen_and_die(&server, "one");
    server.killed(AFTER);
    let first = mail.next();
    server.restart();
    let again = mail.next();
    let rows = drained(&server, 1);
    let id = format!("Message-ID: <{}@example.org>", rows[0]["uid"].as_str().unwrap());
    for mail in [&first, &again] {
        assert!(mail["content"].as_str().unwrap().contains(&id), "{mail}");
    }
    server.kill_and_restart();
    happen(&server, "two");
    let second = mail.next();
    assert!(!second["content"].as_str().unwrap().contains(&id), "what was noted does not come again: {second}");
    drained(&server, 2);
    assert!(mail.rest().is_empty());
}

#[test]
fn an_end_that_the_server_did_not_come_to_tell_of_is_told_at_the_next_start() {
    let mut server = Server::ready();
    let receiver = Receiver::start(|_| Reply::ok());
    channel(&server, "webhook", json!({"url": receiver.url}), &["backup_completed"]);
    let source = server.folder("s");
    std::fs::write(source.join("a"), "a").unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let run = server.api.run_job(job, json!({}));
    receiver.next();
    drained(&server, 1);
    // as if it had been killed between the row of the run and the event
    server.kill();
    {
        use diesel::prelude::*;
        let conn = &mut server.database();
        let sql = "DELETE FROM events WHERE title = 'Backup Completed'";
        assert_eq!(diesel::sql_query(sql).execute(conn).unwrap(), 1);
    }
    server.restart();
    let told = receiver.next().json()["notification"].clone();
    assert_eq!((&told["details"]["execution_id"], &told["job"]), (&run["id"], &json!("j")), "{told}");
    drained(&server, 2);
    server.kill_and_restart();
    happen(&server, "later");
    let titled =
        |events: &Value, title: &str| events.as_array().unwrap().iter().filter(|event| event["title"] == title).count();
    let events = server.api.wait_for("/api/v1/events?limit=100", |events| titled(events, "Source Created") == 2);
    assert_eq!(titled(&events, "Backup Completed"), 1, "{events}");
}
