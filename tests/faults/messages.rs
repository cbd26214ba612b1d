//! Somebody who wants to be told of everything that happens.

use crate::house::House;
use crate::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};

const BASE: &str = "/api/v1/notifications";

/// Takes the messages of one server.
pub struct Messages {
    receiver: Receiver,
}

impl Messages {
    /// Lets the server send everything.
    pub fn subscribe(house: &House) -> Messages {
        let receiver = Receiver::start(|_| Reply::ok());
        let body = json!({"name": "all", "kind": "webhook", "config": {"url": receiver.url}});
        let channel = house.api.post(&format!("{BASE}/channels"), body).ok()["id"].clone();
        let rule = json!({"name": "all", "channel_ids": [channel], "topics": []});
        house.api.post(&format!("{BASE}/rules"), rule).ok();
        Messages { receiver }
    }

    /// Waits until nothing is left to be sent; `None` if the server died.
    pub fn sent(&self, house: &mut House) -> Option<()> {
        let since = Instant::now();
        loop {
            if !house.lives() {
                return None;
            }
            let left = outbox(house, "held,queued,sending")?;
            if left.is_empty() {
                return Some(());
            }
            assert!(since.elapsed() < Duration::from_secs(60), "messages are not sent: {left:?}");
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// Everything has come, whatever happened in between: a message that counts as sent was taken, and none was given up.
    pub fn arrived(&self, house: &mut House, what: &str) {
        self.sent(house).unwrap_or_else(|| panic!("{what}: the server died without a fault"));
        let came: HashSet<String> =
            self.receiver.taken().iter().map(|it| it.header("x-tapebackarr-delivery").into()).collect();
        let sent = outbox(house, "sent").unwrap();
        assert!(!sent.is_empty(), "{what}: a run is told");
        for message in &sent {
            let uid = message["uid"].as_str().unwrap();
            assert!(came.contains(uid), "{what}: never sent: {message}");
        }
        let failed = outbox(house, "failed").unwrap();
        assert!(failed.is_empty(), "{what}: given up: {failed:?}");
    }
}

fn outbox(house: &mut House, status: &str) -> Option<Vec<Value>> {
    let answer = house.ask("GET", &format!("{BASE}/outbox?status={status}&limit=500"), None)?;
    Some(answer["messages"].as_array().unwrap().clone())
}
