//! The bot, against a Bot API server of the test's own: pairing, rights, commands, buttons, restarts.

use super::receiver::{Receiver, Reply, Request};
use super::{BASE, until};
use crate::server::{PASSWORD, Server};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TOKEN: &str = "987654:bot-t0ken";
const ANN: i64 = 11;
const EVE: i64 = 66;
const GROUP: i64 = -100;

/// What the world of Telegram looks like from a bot: news that wait, and what the bot said.
struct World {
    api: Receiver,
    news: Arc<Mutex<VecDeque<Value>>>,
    said: Arc<Mutex<VecDeque<Value>>>,
    updates: Arc<Mutex<i64>>,
}

impl World {
    fn start() -> World {
        let (news, said) = (Arc::<Mutex<VecDeque<Value>>>::default(), Arc::<Mutex<VecDeque<Value>>>::default());
        let (given, heard) = (news.clone(), said.clone());
        let api = Receiver::start(move |request| answer(request, &given, &heard));
        World { api, news, said, updates: Arc::new(Mutex::new(100)) }
    }

    fn push(&self, mut update: Value) {
        let mut id = self.updates.lock().unwrap();
        *id += 1;
        update["update_id"] = json!(*id);
        self.news.lock().unwrap().push_back(update);
    }

    fn write_at(&self, person: i64, text: &str, date: i64) {
        let from = json!({"id": person, "is_bot": false, "first_name": format!("Person <{person}>")});
        let chat = json!({"id": GROUP, "type": "group", "title": "Tapes"});
        self.push(json!({"message": {"message_id": 1, "date": date, "chat": chat, "from": from, "text": text}}));
    }

    /// Somebody writes, and the bot answers.
    fn ask(&self, person: i64, text: &str) -> Value {
        self.write_at(person, text, chrono::Utc::now().timestamp());
        self.next(text)
    }

    fn press(&self, person: i64, data: &str) -> Value {
        let from = json!({"id": person, "is_bot": false, "first_name": "P"});
        let message = json!({"message_id": 5, "date": 1_700_000_000, "text": "x",
            "chat": {"id": GROUP, "type": "group", "title": "Tapes"}});
        self.push(json!({"callback_query": {"id": "q", "from": from, "message": message, "chat_instance": "c", "data": data}}));
        self.next(data)
    }

    fn next(&self, what: &str) -> Value {
        until(&format!("an answer to {what}"), || self.said.lock().unwrap().pop_front())
    }

    fn silent(&self) {
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(*self.said.lock().unwrap(), VecDeque::new());
    }
}

fn answer(request: &Request, news: &Mutex<VecDeque<Value>>, said: &Mutex<VecDeque<Value>>) -> Reply {
    let ok = |result: Value| Reply::Answer(200, json!({"ok": true, "result": result}).to_string());
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let method = request.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    match method.as_str() {
        "getupdates" => {
            let mut news = news.lock().unwrap();
            // what the bot has confirmed is forgotten
            let offset = body["offset"].as_i64().unwrap_or(0);
            news.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
            let waiting: Vec<Value> = news.iter().cloned().collect();
            if waiting.is_empty() {
                std::thread::sleep(Duration::from_millis(50));
            }
            ok(json!(waiting))
        }
        "sendmessage" | "editmessagetext" => {
            said.lock().unwrap().push_back(body.clone());
            ok(json!({"message_id": 9, "date": 1_700_000_000, "text": "x",
                "chat": {"id": GROUP, "type": "group", "title": "Tapes"}}))
        }
        _ => ok(json!(true)),
    }
}

fn text(said: &Value) -> &str {
    said["text"].as_str().unwrap()
}

/// What pressing the button with these words sends.
fn button(said: &Value, words: &str) -> String {
    let rows = said["reply_markup"]["inline_keyboard"].as_array().unwrap();
    let all = rows.iter().flat_map(|row| row.as_array().unwrap());
    let found = all.clone().find(|button| button["text"].as_str().unwrap().contains(words));
    found.unwrap_or_else(|| panic!("{words} in {said}"))["callback_data"].as_str().unwrap().to_owned()
}

fn bot(server: &Server, world: &World) -> i64 {
    let config = json!({"bot_token": TOKEN, "chat_id": GROUP.to_string(), "api_url": world.api.url, "commands": true});
    let body = json!({"name": "bot", "kind": "telegram", "config": config});
    server.api.post(&format!("{BASE}/channels"), body).ok()["id"].as_i64().unwrap()
}

/// Pairs a person with a new user of this role.
fn pair(server: &Server, world: &World, channel: i64, person: i64, role: &str) {
    let user = json!({"username": format!("{role}{person}"), "password": PASSWORD, "role": role});
    server.api.post("/api/v1/users", user.clone()).ok();
    let mut theirs = server.api.clone();
    theirs.token.clear();
    theirs.token = theirs.post("/api/v1/auth/login", user).ok()["token"].as_str().unwrap().into();
    let code = theirs.post(&format!("{BASE}/telegram/codes"), json!({"channel_id": channel})).ok();
    let said = world.ask(person, &format!("/pair {}", code["code"].as_str().unwrap()));
    assert!(text(&said).contains(&format!("{role}{person}")), "{said}");
}

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
    world.silent();
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
    let server = Server::ready();
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
    let mut server = Server::bare();
    let source = server.api.post("/api/v1/sources", json!({"name": "s", "source_type": "local", "path": "/tmp"})).ok();
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
    world.silent();
    assert!(text(&world.ask(ANN, "/help")).contains("/status"), "it answers after the restart");
    let runs = server.api.get("/api/v1/executions?kind=backup").ok();
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");

    // the network is gone for a while
    let (news, said) = (world.news.clone(), world.said.clone());
    world.api.answers(|_| Reply::Answer(502, "bad gateway".into()));
    std::thread::sleep(Duration::from_secs(2));
    world.api.answers(move |request| answer(request, &news, &said));
    assert!(text(&world.ask(ANN, "/jobs")).contains("<b>n</b>"));
}
