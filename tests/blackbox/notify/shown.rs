//! The whole of it: a backup that needs a second tape, told by mail, Telegram and webhook, answered from a chat, over two
//! deaths of the server. Nothing is lost, and nothing comes twice.

use super::mail::MailServer;
use super::receiver::{Receiver, Reply, Request};
use super::world::{ANN, World, bot, button, pair, text};
use super::{BASE, channel, signature, until};
use crate::files;
use crate::hands::Hands;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TOPICS: [&str; 5] = ["backup_started", "tape_required", "wrong_tape", "tape_change_done", "backup_completed"];

fn topic(request: &Request) -> String {
    request.json()["notification"]["topic"].as_str().unwrap().to_owned()
}

/// Waits until the outbox has nothing left to send, and returns how often each topic was sent to this channel.
fn sent(hands: &Hands, channel: i64) -> BTreeMap<String, usize> {
    let path = |status: &str| format!("{BASE}/outbox?status={status}&channel_id={channel}&limit=200");
    hands.server.api.wait_for(&path("queued,sending,held"), |answer| answer["messages"] == json!([]));
    let mut counts = BTreeMap::new();
    for row in hands.server.api.get(&path("sent")).ok()["messages"].as_array().unwrap() {
        *counts.entry(row["topic"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

fn header<'m>(mail: &'m Value, name: &str) -> &'m str {
    let lines = mail["content"].as_str().unwrap().lines();
    lines.filter_map(|line| line.split_once(": ")).find(|line| line.0 == name).map_or("", |line| line.1)
}

#[test]
fn a_backup_over_two_tapes_is_told_and_answered_over_the_deaths_of_the_server() {
    let mut hands = Hands::new(1, &["H00001L9", "H00002L9"], 40);
    let source = hands.server.folder("s");
    std::fs::write(source.join("first"), files::noise(1, 1 << 20)).unwrap();
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    hands.server.api.job("nightly", hands.server.api.source("s", &source), 1, json!({}));
    hands.insert("H00001L9", 0);

    let mail = MailServer::start(&hands.server, "starttls");
    let mails = channel(&hands.server, "email", mail.config("starttls"), &["backup_started", "backup_completed"]);
    let receiver = Receiver::start(|_| Reply::ok());
    let hook = channel(&hands.server, "webhook", json!({"url": receiver.url, "secret": "hmac key"}), &TOPICS);
    let world = World::start();
    let chat = bot(&hands.server, &world);
    let rule = json!({"name": "to the operators", "channel_ids": [chat], "topics": ["tape_required", "wrong_tape"]});
    hands.server.api.post(&format!("{BASE}/rules"), rule).ok();
    pair(&hands.server, &world, chat, ANN, "operator");

    // begun from the chat, told by mail
    assert!(text(&world.ask(ANN, "/run nightly")).contains("Started"));
    let run = hands.server.api.get("/api/v1/executions?kind=backup").ok()[0]["id"].clone();
    let started = json!({"execution_id": run});
    let begin = mail.next();
    assert_eq!((&begin["tls"], &begin["login"]), (&json!(true), &json!("tapes")));
    assert!(header(&begin, "Subject").contains("Backup Started"), "{begin}");

    // the first tape is full: the chat is asked, and whoever says that it is done before it is gets told so
    let request = hands.server.api.tape_change(&started);
    assert_eq!(request["reason"], "tape_full");
    let asked = world.hear(&["Tape Required"]);
    assert!(text(&asked).contains("H00002L9"), "{asked}");
    world.push_button(ANN, &button(&asked, "The tape is in"));
    world.hear(&["looks for the tape"]);
    let wrong = world.hear(&["said to be done"]);
    assert!(text(&wrong).contains("H00002L9"), "{wrong}");
    let lines = hands.server.api.get("/api/v1/logs/audit?limit=50").ok();
    let acked = |line: &Value| {
        let what = (&line["action"], &line["resource_type"], &line["outcome"]);
        line["username"] == format!("operator{ANN}")
            && what == (&json!("complete"), &json!("tape-change"), &json!("ok"))
    };
    assert!(lines.as_array().unwrap().iter().any(acked), "{lines}");
    let before = [mails, hook, chat].map(|channel| sent(&hands, channel));

    // the first death, while it waits: nothing that was sent comes again, and the request is the same
    hands.server.kill();
    hands.server.restart();
    hands.server.api.wait_for(&format!("/api/v1/executions/{run}"), |row| row["phase"] == "waiting");
    world.write(ANN, "/ack");
    let open = world.hear(&["Tapes that are waited for"]);
    assert!(text(&open).contains("H00002L9"), "{open}");
    assert_eq!(button(&open, "it is in"), format!("ack:{}", request["id"]));
    assert_eq!([mails, hook, chat].map(|channel| sent(&hands, channel)), before);

    // now it is in; the tape may be seen before the button is
    hands.change("H00002L9", 0);
    world.push_button(ANN, &button(&open, "it is in"));
    world.hear(&["looks for the tape", "⛔"]);
    hands.server.api.complete(started);

    // the second death, at once: what was on its way may come again, and can be told by its id
    hands.server.kill();
    hands.server.restart();
    for (channel, topics) in [(mails, &["backup_started", "backup_completed"][..]), (hook, &TOPICS)] {
        let wanted: BTreeMap<_, _> = topics.iter().map(|topic| ((*topic).to_owned(), 1)).collect();
        // what the server could not say of the end before it died comes into the outbox while it already answers again
        let counts = until("the last message", || {
            let counts = sent(&hands, channel);
            (counts.len() >= wanted.len()).then_some(counts)
        });
        assert_eq!(counts, wanted);
    }

    let end = until("the mail of the end", || {
        mail.rest().into_iter().find(|mail| header(mail, "Subject").contains("Backup Completed"))
    });
    assert_ne!(header(&end, "Message-ID"), header(&begin, "Message-ID"));
    for again in mail.rest() {
        assert_eq!(header(&again, "Message-ID"), header(&end, "Message-ID"), "only what was cut off comes again");
    }
    let requests = receiver.rest();
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in &requests {
        assert_eq!(request.header("x-tapebackarr-signature"), signature(request, b"hmac key"));
        let known = ids.entry(topic(request)).or_default();
        let id = request.header("x-tapebackarr-delivery").to_owned();
        if !known.contains(&id) {
            known.push(id);
        }
    }
    assert_eq!(ids.keys().map(String::as_str).collect::<Vec<_>>(), {
        let mut topics = TOPICS.to_vec();
        topics.sort_unstable();
        topics
    });
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");

    // and the data is there
    let row = hands.server.api.get(&format!("/api/v1/executions/{run}")).ok();
    let to = hands.server.dir.path().join("r");
    let body = json!({"backup_set_id": row["result"]["backup_set_id"], "dest_path": to});
    let restoring = hands.server.api.post("/api/v1/restore/run", body).ok();
    let mut last = Value::Null;
    while let Some(request) = hands.next_request(&restoring, &last) {
        hands.change(request["tape_label"].as_str().unwrap(), 0);
        last = request["id"].clone();
    }
    hands.server.api.complete(restoring);
    files::assert_equal(&source, &to);
}
