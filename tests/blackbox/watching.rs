//! A run that is watched on the stream of events while it is paused, goes on, and asks for a tape.

use crate::api::Api;
use crate::files;
use crate::hands::Hands;
use crate::server::Server;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What the stream of events says, from now on.
struct Stream {
    news: Receiver<(String, Value)>,
    heard: Vec<(String, Value)>,
}

impl Stream {
    fn open(api: &Api) -> Stream {
        let http = reqwest::blocking::Client::builder().timeout(None).build().unwrap();
        let answer = http.get(format!("{}/api/v1/events/stream", api.base)).bearer_auth(&api.token).send().unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        let mut lines = BufReader::new(answer).lines();
        // it hears everything from here on
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line == ": connected"));
        let (sender, news) = channel();
        std::thread::spawn(move || {
            let mut name = String::from("message");
            for line in lines.map_while(Result::ok) {
                if let Some(text) = line.strip_prefix("event: ") {
                    name = text.to_owned();
                } else if let Some(text) = line.strip_prefix("data: ") {
                    let data = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
                    if sender.send((name.clone(), data)).is_err() {
                        return;
                    }
                } else if line.is_empty() {
                    name = "message".into();
                }
            }
        });
        Stream { news, heard: Vec::new() }
    }

    /// Waits for news of this name that are as they should be, unless they have come already.
    #[track_caller]
    fn wait_for(&mut self, name: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        let mut looked_at = 0;
        loop {
            for (found, data) in self.heard.iter().skip(looked_at) {
                if found == name && condition(data) {
                    return data.clone();
                }
            }
            looked_at = self.heard.len();
            match self.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(news) => self.heard.push(news),
                Err(error) => {
                    let last = self.heard.iter().rev().find(|(found, _)| found == name);
                    panic!("the stream never says so of {name} ({error}); last it said {last:?}");
                }
            }
        }
    }
}

fn stage<'a>(figures: &'a Value, name: &str) -> &'a Value {
    let stages = figures["stages"]["stages"].as_array().unwrap_or_else(|| panic!("{figures}"));
    stages.iter().find(|stage| stage["stage"] == name).unwrap_or_else(|| panic!("{figures}"))
}

#[test]
fn a_run_is_paused_waits_and_goes_on_in_the_same_process() {
    let mut server = Server::ready();
    let source = server.folder("s");
    std::fs::write(source.join("large"), files::noise(7, 90 << 20)).unwrap();
    std::fs::write(source.join("z"), files::noise(8, 1 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    assert!(server.stop().success());
    server.slow_drives(30);
    server.restart();
    let api = &server.api;
    let mut stream = Stream::open(api);
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let id = started["execution_id"].clone();
    let of_run = |data: &Value| data["execution_id"] == id;
    let seen = stream.wait_for("execution", |data| {
        of_run(data) && data["phase"] == "streaming" && data["bytes_written"].as_u64() > Some(8 << 20)
    });
    // the figures of the stages are of this very moment
    assert!(stage(&seen, "drive")["bytes"].as_u64() > Some(0), "{seen}");
    assert!(stage(&seen, "read")["bytes"].as_u64() > Some(0), "{seen}");
    assert_eq!(seen["tape_label"], "A00001L9", "{seen}");

    api.post(&format!("/api/v1/jobs/{job}/pause"), json!({})).ok();
    let row = format!("/api/v1/executions/{id}");
    api.wait_for(&row, |row| row["status"] == "paused");
    let written = || api.get("/api/v1/jobs/active").ok()[0]["bytes_written"].as_u64();
    // what was on its way arrives
    let mut before = written();
    let settled = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(700));
        let now = written();
        if now == before {
            break;
        }
        assert!(settled.elapsed() < Duration::from_secs(30), "it never stands still");
        before = now;
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(written(), before, "nothing is written while it is paused");
    assert!(before.is_some_and(|bytes| bytes < 90 << 20), "{before:?}");
    assert_eq!(api.get(&row).ok()["status"], "paused");
    api.post(&format!("/api/v1/jobs/{job}/resume"), json!({})).ok();
    api.wait_for(&row, |row| row["status"] != "paused");
    stream.wait_for("execution", |data| of_run(data) && data["bytes_written"].as_u64() > before);
    let run = api.complete(started);
    assert_eq!((&run["result"]["resumed"], &run["result"]["parts"]), (&json!(false), &json!(1)), "{run}");
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to}));
    files::assert_equal(&source, &to);
}

#[test]
fn the_stream_tells_of_a_tape_that_is_wanted_until_it_is_there() {
    let hands = Hands::new(1, &["H00001L9", "H00002L9"], 40);
    let api = &hands.server.api;
    let source = hands.server.folder("s");
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    hands.insert("H00001L9", 0);
    let mut stream = Stream::open(api);
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let id = &started["execution_id"];
    let asked = stream.wait_for("tape_change", |data| data["execution_id"] == *id);
    assert_eq!((&asked["status"], &asked["reason"]), (&json!("pending"), &json!("tape_full")), "{asked}");
    assert_eq!((&asked["current_tape_id"], &asked["tape_id"]), (&json!(1), &json!(2)), "{asked}");
    let required = stream.wait_for("message", |data| data["title"] == "Tape Required");
    assert_eq!(required["details"]["tape_change_id"], asked["id"], "{required}");
    // a wrong one is told, too
    hands.change("H00001L9", 0);
    let wrong = stream.wait_for("tape_change", |data| data["notice"].is_string());
    assert_eq!((&wrong["id"], &wrong["status"]), (&asked["id"], &json!("pending")), "{wrong}");
    hands.eject(1);
    hands.change("H00002L9", 0);
    let done = stream.wait_for("tape_change", |data| data["status"] == "completed");
    assert_eq!((&done["id"], &done["new_tape_id"]), (&asked["id"], &json!(2)), "{done}");
    let last = stream.wait_for("execution", |data| data["execution_id"] == *id && data["tape_label"] == "H00002L9");
    assert!(stage(&last, "tar")["bytes"].as_u64() > Some(0), "{last}");
    api.complete(started);
}
