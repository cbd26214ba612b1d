//! The bot, against a Bot API server of the test's own: pairing, rights, commands, buttons, restarts.

use super::receiver::Reply;
use super::world::{ANN, EVE, GROUP, World, answer, bot, button, pair, text};
use super::{BASE, until};
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn only_who_is_paired_is_obeyed_and_a_code_works_once() {
    let server = Server::bare();
    let world = World::start();
    let channel = bot(&server, &world);
    assert!(text(&world.ask(EVE, "/status")).contains("Nobody knows you"), "a stranger");
    let code = server.api.post(&format!("{BASE}/telegram/codes"), json!({"channel_id": channel})).ok();
    let code = code["code"].as_str().unwrap();
    assert!(text(&world.ask(ANN, &format!("/pair {}", code.to_lowercase()))).contains("admin"));
    assert!(text(&world.ask(EVE, &format!("/pair {code}"))).contains("was used"), "once");
    assert!(text(&world.ask(ANN, "/status")).contains("Nothing is running"));
    assert!(text(&world.ask(EVE, "/status")).contains("Nobody knows you"), "the same chat, another person");

    // who goes on guessing is not even answered
    for _ in 0..2 {
        world.ask(EVE, "/pair ABCDEFGHJK");
    }
    world.write_at(EVE, "/pair ABCDEFGHJK", chrono::Utc::now().timestamp());
    world.silent(ANN);
    let lines = server.api.get("/api/v1/logs/audit?limit=100").ok();
    assert!(lines.as_array().unwrap().iter().any(|line| line["action"] == "telegram-pair"), "{lines}");

    let chats = server.api.get(&format!("{BASE}/telegram/chats")).ok();
    assert_eq!((&chats[0]["username"], &chats[0]["sender_id"]), (&json!("admin"), &json!(ANN)));
    let path = format!("{BASE}/telegram/chats/{}", chats[0]["id"]);
    server.api.send("DELETE", &path, None).ok();
    assert!(text(&world.ask(ANN, "/status")).contains("Nobody knows you"));
}

#[test]
fn operators_work_from_the_chat_and_the_permission_table_holds() {
    let server = Server::with_library(Library { slots: 12, ..Library::default() });
    let folder = server.folder("photos");
    std::fs::write(folder.join("a"), "a").unwrap();
    let source = server.api.post("/api/v1/sources", json!({"name": "s", "source_type": "local", "path": folder})).ok();
    let job = json!({"name": "nightly <&>", "source_id": source["id"], "pool_id": 1, "backup_type": "full"});
    server.api.post("/api/v1/jobs", job).ok();
    let world = World::start();
    let channel = bot(&server, &world);
    pair(&server, &world, channel, ANN, "operator");

    assert!(text(&world.ask(ANN, "/jobs")).contains("<b>nightly &lt;&amp;&gt;</b>"));
    let said = world.ask(ANN, "/run NIGHTLY <&>");
    assert!(text(&said).contains("Started <b>nightly &lt;&amp;&gt;</b>"), "{said}");
    let runs = server.api.get("/api/v1/executions?kind=backup").ok();
    let id = runs[0]["id"].clone();
    server.api.complete(json!({"execution_id": id}));
    assert!(text(&world.ask(ANN, "/runs")).contains("✅"));
    let lines = server.api.get("/api/v1/logs/audit?limit=50").ok();
    let ran = |line: &Value| line["action"] == "run" && line["username"] == format!("operator{ANN}");
    assert!(lines.as_array().unwrap().iter().any(ran), "{lines}");

    assert!(text(&world.ask(ANN, "/run other")).contains("there is no job"));
    assert!(text(&world.ask(ANN, "/nonsense")).contains("no command"));
    assert!(text(&world.ask(ANN, "/drives")).contains("D0"));
    let library = world.ask(ANN, "/library");
    let more = button(&library, "more");
    let next = world.press(ANN, &more);
    assert!(text(&next).contains("(2/"), "{next}");

    // asked again, only of the one who was asked, and once
    let tapes = server.api.get("/api/v1/tapes").ok();
    let drives = server.api.get("/api/v1/drives").ok();
    let loaded = drives.as_array().unwrap().iter().find(|drive| drive["current_tape"].is_string()).unwrap();
    let said = world.ask(ANN, &format!("/unload {}", loaded["display_name"].as_str().unwrap()));
    assert!(text(&said).contains("really?"), "{said}");
    pair(&server, &world, channel, EVE, "operator");
    let yes = button(&said, "Yes");
    assert!(text(&world.press(EVE, &yes)).contains("somebody else was asked"));
    assert!(text(&world.press(ANN, &yes)).contains("✅"));
    assert!(text(&world.press(ANN, &yes)).contains("too long ago, or answered"));
    until("the tape to be back", || {
        let row = server.api.get(&format!("/api/v1/drives/{}", loaded["id"])).ok();
        row["current_tape"].is_null().then_some(())
    });
    let label = tapes[0]["label"].as_str().unwrap();
    let said = world.ask(ANN, &format!("/load {label} D0"));
    assert!(text(&said).contains("Loading"), "{said}");

    // what a user may not do any more, they may not do here
    let users = server.api.get("/api/v1/users").ok();
    let ann = users.as_array().unwrap().iter().find(|user| user["username"] == format!("operator{ANN}")).unwrap();
    let path = format!("/api/v1/users/{}/role", ann["id"]);
    server.api.send("PUT", &path, Some(&json!({"role": "readonly"}))).ok();
    let said = world.ask(ANN, "/run nightly <&>");
    assert!(text(&said).contains("operator access required"), "{said}");
}

#[test]
fn nothing_runs_twice_or_late_and_the_bot_comes_back() {
    let mut server = Server::ready();
    let folder = server.folder("s");
    std::fs::write(folder.join("a"), "a").unwrap();
    let source = server.api.post("/api/v1/sources", json!({"name": "s", "source_type": "local", "path": folder})).ok();
    server.api.post("/api/v1/jobs", json!({"name": "n", "source_id": source["id"], "pool_id": 1})).ok();
    let world = World::start();
    let channel = bot(&server, &world);
    pair(&server, &world, channel, ANN, "operator");
    world.write_at(ANN, "/run n", chrono::Utc::now().timestamp() - 3600);
    assert!(text(&world.next("a late command")).contains("too late"));
    assert_eq!(server.api.get("/api/v1/executions?kind=backup").ok(), json!([]));

    world.ask(ANN, "/run n");
    // killed before Telegram was told that the command was seen: it still has it
    server.kill();
    let again = json!({"update_id": *world.updates.lock().unwrap(), "message": {"message_id": 1, "text": "/run n",
        "date": chrono::Utc::now().timestamp(), "chat": {"id": GROUP, "type": "group", "title": "Tapes"},
        "from": {"id": ANN, "is_bot": false, "first_name": "Ann"}}});
    world.news.lock().unwrap().push_front(again);
    server.restart();
    server.log_in();
    world.silent(ANN);
    let runs = server.api.get("/api/v1/executions?kind=backup").ok();
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");

    // the network is gone for a while
    let (news, said) = (world.news.clone(), world.said.clone());
    let refused = Arc::new(AtomicU32::new(0));
    let count = refused.clone();
    world.api.answers(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Reply::Answer(502, "bad gateway".into())
    });
    until("two attempts", || (refused.load(Ordering::SeqCst) >= 2).then_some(()));
    world.api.answers(move |request| answer(request, &news, &said));
    assert!(text(&world.ask(ANN, "/jobs")).contains("<b>n</b>"));
}
