//! Notifications: from an event of the real server to real receivers.

mod bot;
mod certificate;
#[cfg(feature = "breakpoints")]
mod crash;
mod events;
mod mail;
mod outbox;
mod proxy;
pub mod receiver;
mod shown;
mod telegram;
mod webhook;
mod world;

use crate::server::Server;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use receiver::Request;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const BASE: &str = "/api/v1/notifications";

/// A channel, and a rule that sends to it whatever `topics` say (none: everything).
fn channel(server: &Server, kind: &str, config: Value, topics: &[&str]) -> i64 {
    let name = format!("{kind} {}", server.api.get(&format!("{BASE}/channels")).ok().as_array().unwrap().len());
    let body = json!({"name": name, "kind": kind, "config": config});
    let id = server.api.post(&format!("{BASE}/channels"), body).ok()["id"].as_i64().unwrap();
    let rule = json!({"name": name, "channel_ids": [id], "topics": topics});
    server.api.post(&format!("{BASE}/rules"), rule).ok();
    id
}

/// Makes something happen: a source is created, topic `other`.
fn happen(server: &Server, name: &str) {
    let body = json!({"name": name, "source_type": "local", "path": "/tmp"});
    server.api.post("/api/v1/sources", body).ok();
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{what} has not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The newest message of the outbox in this state.
fn message(server: &Server, status: &str) -> Value {
    until(&format!("a message that is {status}"), || {
        let answer = server.api.get(&format!("{BASE}/outbox?status={status}")).ok();
        answer["messages"].as_array().unwrap().first().cloned()
    })
}

/// What a receiver that knows the key calculates as the signature of a request.
fn signature(request: &Request, key: &[u8]) -> String {
    let key = PKey::hmac(key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    signer.update(request.header("x-tapebackarr-timestamp").as_bytes()).unwrap();
    signer.update(b".").unwrap();
    signer.update(&request.body).unwrap();
    format!("sha256={}", hex::encode(signer.sign_to_vec().unwrap()))
}
