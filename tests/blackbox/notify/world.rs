//! Telegram as a bot sees it: a Bot API server of the tests' own, and the people who write to the bot.

use super::receiver::{Receiver, Reply, Request};
use super::{BASE, until};
use crate::server::{PASSWORD, Server};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const TOKEN: &str = "987654:bot-t0ken";
pub const ANN: i64 = 11;
pub const EVE: i64 = 66;
pub const GROUP: i64 = -100;

/// What the world of Telegram looks like from a bot: news that wait, and what the bot said.
pub struct World {
    pub api: Receiver,
    pub news: Arc<Mutex<VecDeque<Value>>>,
    pub said: Arc<Mutex<VecDeque<Value>>>,
    pub updates: Arc<Mutex<i64>>,
}

impl World {
    pub fn start() -> World {
        let (news, said) = (Arc::<Mutex<VecDeque<Value>>>::default(), Arc::<Mutex<VecDeque<Value>>>::default());
        let (given, heard) = (news.clone(), said.clone());
        let api = Receiver::start(move |request| answer(request, &given, &heard));
        World { api, news, said, updates: Arc::new(Mutex::new(100)) }
    }

    pub fn push(&self, mut update: Value) {
        let mut id = self.updates.lock().unwrap();
        *id += 1;
        update["update_id"] = json!(*id);
        self.news.lock().unwrap().push_back(update);
    }

    pub fn write_at(&self, person: i64, text: &str, date: i64) {
        let from = json!({"id": person, "is_bot": false, "first_name": format!("Person <{person}>")});
        let chat = json!({"id": GROUP, "type": "group", "title": "Tapes"});
        self.push(json!({"message": {"message_id": 1, "date": date, "chat": chat, "from": from, "text": text}}));
    }

    /// Somebody writes, and the bot answers.
    pub fn ask(&self, person: i64, text: &str) -> Value {
        self.write(person, text);
        self.next(text)
    }

    pub fn write(&self, person: i64, text: &str) {
        self.write_at(person, text, chrono::Utc::now().timestamp());
    }

    /// Somebody presses a button, and the bot answers.
    pub fn press(&self, person: i64, data: &str) -> Value {
        self.push_button(person, data);
        self.next(data)
    }

    pub fn push_button(&self, person: i64, data: &str) {
        let from = json!({"id": person, "is_bot": false, "first_name": "P"});
        let message = json!({"message_id": 5, "date": 1_700_000_000, "text": "x",
            "chat": {"id": GROUP, "type": "group", "title": "Tapes"}});
        self.push(json!({"callback_query": {"id": "q", "from": from, "message": message, "chat_instance": "c", "data": data}}));
    }

    pub fn next(&self, what: &str) -> Value {
        until(&format!("an answer to {what}"), || self.said.lock().unwrap().pop_front())
    }

    /// What the bot said or says with one of these words in it; the rest is left for others.
    pub fn hear(&self, words: &[&str]) -> Value {
        until(&format!("a message with {words:?}"), || {
            let mut said = self.said.lock().unwrap();
            let at = said.iter().position(|said| words.iter().any(|words| text(said).contains(words)))?;
            said.remove(at)
        })
    }

    /// The bot has said nothing to what was written before: the next that it says is what this person asks for now.
    pub fn silent(&self, person: i64) {
        assert!(text(&self.ask(person, "/help")).contains("/status"));
    }
}

/// Answers as Telegram does.
pub fn answer(request: &Request, news: &Mutex<VecDeque<Value>>, said: &Mutex<VecDeque<Value>>) -> Reply {
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

pub fn text(said: &Value) -> &str {
    said["text"].as_str().unwrap()
}

/// What pressing the button with these words sends.
pub fn button(said: &Value, words: &str) -> String {
    let rows = said["reply_markup"]["inline_keyboard"].as_array().unwrap();
    let all = rows.iter().flat_map(|row| row.as_array().unwrap());
    let found = all.clone().find(|button| button["text"].as_str().unwrap().contains(words));
    found.unwrap_or_else(|| panic!("{words} in {said}"))["callback_data"].as_str().unwrap().to_owned()
}

pub fn bot(server: &Server, world: &World) -> i64 {
    let config = json!({"bot_token": TOKEN, "chat_id": GROUP.to_string(), "api_url": world.api.url, "commands": true});
    let body = json!({"name": "bot", "kind": "telegram", "config": config});
    server.api.post(&format!("{BASE}/channels"), body).ok()["id"].as_i64().unwrap()
}

/// Pairs a person with a new user of this role.
pub fn pair(server: &Server, world: &World, channel: i64, person: i64, role: &str) {
    let user = json!({"username": format!("{role}{person}"), "password": PASSWORD, "role": role});
    server.api.post("/api/v1/users", user.clone()).ok();
    let mut theirs = server.api.clone();
    theirs.token.clear();
    theirs.token = theirs.post("/api/v1/auth/login", user).ok()["token"].as_str().unwrap().into();
    let code = theirs.post(&format!("{BASE}/telegram/codes"), json!({"channel_id": channel})).ok();
    let said = world.ask(person, &format!("/pair {}", code["code"].as_str().unwrap()));
    assert!(text(&said).contains(&format!("{role}{person}")), "{said}");
}
