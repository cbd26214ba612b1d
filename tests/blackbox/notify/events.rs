//! What happens in the house, and that it is told: beginnings, drives, worn tapes, guessed passwords; reminders, digests and
//! quiet hours.

use super::receiver::{Receiver, Reply};
use super::{BASE, channel, happen, until};
use crate::files;
use crate::hands::Hands;
use crate::server::{Library, PASSWORD, Server};
use serde_json::{Value, json};
use tape_drive::Operation;
use tape_drive::fault::{Condition, FaultPlan};
use tape_scsi::TapeAlert;

/// A webhook, and a rule with these fields that sends to it.
fn hook(server: &Server, receiver: &Receiver, fields: Value) -> i64 {
    let number = server.api.get(&format!("{BASE}/channels")).ok().as_array().unwrap().len();
    let body = json!({"name": format!("hook {number}"), "kind": "webhook", "config": {"url": receiver.url}});
    let id = server.api.post(&format!("{BASE}/channels"), body).ok()["id"].as_i64().unwrap();
    let mut rule = json!({"name": format!("rule {number}"), "channel_ids": [id]});
    rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    server.api.post(&format!("{BASE}/rules"), rule).ok();
    id
}

/// The next that is told.
fn next(receiver: &Receiver) -> Value {
    receiver.next().json()["notification"].clone()
}

/// Changes rows of the server's database: a test does not wait for hours.
fn change(server: &Server, sql: &str) -> usize {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    let conn = &mut server.database();
    conn.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
    diesel::sql_query(sql).execute(conn).unwrap()
}

fn held(server: &Server, count: usize) {
    until("the messages to be held", || {
        let answer = server.api.get(&format!("{BASE}/outbox?status=held")).ok();
        (answer["messages"].as_array().unwrap().len() == count).then_some(())
    });
}

/// The time until which messages are held is over.
fn let_go(server: &Server, count: usize) {
    let sql = "UPDATE notification_outbox SET next_attempt_at = '2020-01-01 00:00:00' WHERE status = 'held'";
    assert_eq!(change(server, sql), count);
}

#[test]
fn whoever_is_waited_for_is_reminded_until_it_is_done() {
    let hands = Hands::new(1, &["H00001L9"], 40);
    let server = &hands.server;
    let receiver = Receiver::start(|_| Reply::ok());
    hook(server, &receiver, json!({"topics": ["tape_required"], "reminder_minutes": 60}));
    let source = server.folder("s");
    std::fs::write(source.join("a"), "a").unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let told = next(&receiver);
    assert_eq!((&told["topic"], &told["purpose"]), (&json!("tape_required"), &json!("news")), "{told}");

    let later = "UPDATE notification_open SET told_at = '2020-01-01 00:00:00', opened_at = '2020-01-01 00:00:00'";
    assert_eq!(change(server, later), 1);
    let reminder = next(&receiver);
    assert_eq!(
        (&reminder["topic"], &reminder["purpose"], &reminder["message"]),
        (&json!("tape_required"), &json!("reminder"), &told["message"])
    );
    assert!(reminder["since"].as_str().unwrap().starts_with("2020-01-01T00:00:00"), "{reminder}");
    assert_eq!(reminder["thread"], told["thread"]);

    hands.insert("H00001L9", 0);
    let over = next(&receiver);
    assert_eq!((&over["topic"], &over["purpose"]), (&json!("tape_change_done"), &json!("recovery")), "{over}");
    server.api.complete(started);
    assert_eq!(change(server, later), 0, "nothing is left that anybody could be reminded of");
}

#[test]
fn beginnings_and_ends_are_told_in_order_and_with_names() {
    let server = Server::ready();
    let receiver = Receiver::start(|_| Reply::ok());
    let topics = json!(["backup_started", "backup_completed", "restore_started", "restore_completed"]);
    hook(&server, &receiver, json!({"topics": topics}));
    let source = server.folder("s");
    std::fs::write(source.join("a"), "a").unwrap();
    let job = server.api.job("nightly", server.api.source("s", &source), 1, json!({}));
    let run = server.api.run_job(job, json!({}));
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to}));
    for topic in topics.as_array().unwrap() {
        let told = next(&receiver);
        assert_eq!(&told["topic"], topic, "{told}");
        if topic.as_str().unwrap().starts_with("backup") {
            assert_eq!((&told["job"], &told["pool"]), (&json!("nightly"), &json!("DAILY")), "{told}");
        }
    }
}

#[test]
fn a_drive_that_fails_is_told_and_so_is_that_it_works_again() {
    let hands = Hands::new(1, &[], 40);
    let server = &hands.server;
    let receiver = Receiver::start(|_| Reply::ok());
    hook(server, &receiver, json!({"topics": ["drive_error"]}));
    let away = server.dir.path().join("away");
    std::fs::rename(server.library_dir(), &away).unwrap();
    let told = next(&receiver);
    assert_eq!(
        (&told["topic"], &told["severity"], &told["drive"]),
        (&json!("drive_error"), &json!("error"), &json!("D0")),
        "{told}"
    );
    std::fs::rename(&away, server.library_dir()).unwrap();
    let over = next(&receiver);
    assert_eq!((&over["topic"], &over["purpose"]), (&json!("drive_recovered"), &json!("recovery")), "{over}");
    assert_eq!(over["thread"], told["thread"]);
}

#[test]
fn a_tape_that_its_drive_calls_old_is_told_and_stays_on_the_list_of_what_needs_a_person() {
    let mut server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let receiver = Receiver::start(|_| Reply::ok());
    hook(&server, &receiver, json!({"topics": ["media_wear"]}));
    let source = server.folder("s");
    std::fs::write(source.join("f"), files::noise(1, 3 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    assert!(server.stop().success());
    let plan = FaultPlan::nth_of(3, Operation::Write, Condition::Alert(TapeAlert::MEDIA_LIFE));
    std::fs::write(server.library_dir().join("drive0.faults"), serde_json::to_vec(&plan).unwrap()).unwrap();
    server.restart();
    server.api.run_job(job, json!({}));
    let told = next(&receiver);
    assert_eq!((&told["topic"], &told["details"]["flag"]), (&json!("media_wear"), &json!(7)), "{told}");
    let label = told["tape"].as_str().unwrap();
    let attention = server.api.get("/api/v1/dashboard/attention").ok();
    let worn = attention.as_array().unwrap().iter().find(|item| item["topic"] == "worn_tape");
    let worn = worn.unwrap_or_else(|| panic!("{attention}"));
    assert!(worn["title"].as_str().unwrap().contains(label), "{worn}");
}

#[test]
fn somebody_who_guesses_passwords_is_told_of_without_the_password() {
    let server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    channel(&server, "webhook", json!({"url": receiver.url}), &["login_locked"]);
    let mut stranger = server.api.clone();
    stranger.token.clear();
    for _ in 0..7 {
        let body = json!({"username": "root\n", "password": format!("not {PASSWORD}")});
        stranger.post("/api/v1/auth/login", body);
    }
    let told = next(&receiver);
    assert_eq!((&told["topic"], &told["severity"]), (&json!("login_locked"), &json!("warning")), "{told}");
    assert!(told["message"].as_str().unwrap().contains("\"root\" from 127.0.0.1"), "{told}");
    assert!(!told.to_string().contains(PASSWORD), "{told}");
}

#[test]
fn a_digest_is_one_message_and_survives_the_death_of_the_server() {
    let mut server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    hook(&server, &receiver, json!({"topics": ["other"], "digest_cron": "0 8 * * *"}));
    for name in ["one", "two", "three"] {
        happen(&server, name);
    }
    held(&server, 3);
    server.kill_and_restart();
    let_go(&server, 3);
    let digest = next(&receiver);
    assert_eq!((&digest["purpose"], &digest["title"]), (&json!("digest"), &json!("Digest: 3 events")), "{digest}");
    let messages: Vec<&str> =
        digest["items"].as_array().unwrap().iter().map(|item| item["message"].as_str().unwrap()).collect();
    for (message, name) in messages.iter().zip(["one", "two", "three"]) {
        assert!(message.contains(name), "{messages:?}");
    }
    until("the digest to be marked", || {
        let answer = server.api.get(&format!("{BASE}/outbox")).ok();
        let rows = answer["messages"].as_array().unwrap();
        let mut states: Vec<&str> = rows.iter().map(|row| row["status"].as_str().unwrap()).collect();
        states.sort_unstable();
        (states == ["merged", "merged", "merged", "sent"]).then_some(())
    });
    server.kill_and_restart();
    happen(&server, "four");
    held(&server, 1);
    assert!(receiver.rest().is_empty(), "once");
}

#[test]
fn in_quiet_hours_only_errors_come() {
    let server = Server::ready();
    let receiver = Receiver::start(|_| Reply::ok());
    let clock = |hours: i64| (chrono::Utc::now() + chrono::TimeDelta::hours(hours)).format("%H:%M").to_string();
    let quiet = json!({
        "topics": ["other", "backup_failed"], "quiet_from": clock(-1), "quiet_until": clock(2), "time_zone": "UTC",
    });
    let source = server.folder("s");
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    std::fs::remove_dir(&source).unwrap();
    hook(&server, &receiver, quiet);
    happen(&server, "at night");
    held(&server, 1);
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    assert_eq!(server.api.wait(&started["execution_id"])["status"], "failed");
    assert_eq!(next(&receiver)["topic"], "backup_failed");
    let_go(&server, 1);
    let told = next(&receiver);
    assert_eq!(told["topic"], "other", "{told}");
}
