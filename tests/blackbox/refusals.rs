//! What a server must refuse to do with a write-once tape, for virtual tapes and for those in the tape lab.

use crate::server::Server;
use serde_json::{Value, json};

pub fn put(server: &Server, path: &str, body: Value) -> crate::api::Answer {
    server.api.send("PUT", &format!("/api/v1/{path}"), Some(&body))
}

/// All that must not happen to a write-once tape with data on it, asked of a server for each; `image` is what is on it.
pub fn cannot_be_lost(server: &Server, tape: &Value, image: &dyn Fn() -> Vec<u8>) {
    let api = &server.api;
    let (id, name) = (&tape["id"], tape["label"].as_str().unwrap());
    let before = image();
    let refused = |started: Value| {
        let row = api.wait(&started["execution_id"]);
        assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("write_once")), "{row}");
        let words = row["error_message"].as_str().unwrap();
        assert!(words.contains(name) && words.contains("write-once") && words.contains("retire it"), "{words}");
    };
    refused(api.post(&format!("/api/v1/tapes/{id}/label"), json!({"label": name, "force": true})).ok());
    refused(api.post(&format!("/api/v1/tapes/{id}/format"), json!({"confirm": true})).ok());
    refused(api.post("/api/v1/drives/1/format-tape", json!({"confirm": true})).ok());
    put(server, &format!("tapes/{id}"), json!({"status": "expired"})).fails(409, "write_once");

    // Even with nothing on it that is kept.
    for set in api.get("/api/v1/backup-sets?limit=100").ok().as_array().unwrap() {
        assert!(api.send("DELETE", &format!("/api/v1/backup-sets/{}", set["id"]), None).status < 300);
    }
    api.complete(api.post("/api/v1/retention/run", json!({})).ok());
    assert_eq!(api.get(&format!("/api/v1/tapes/{id}")).ok()["status"], "active", "it is not expired");
    refused(api.post(&format!("/api/v1/tapes/{id}/format"), json!({"confirm": true})).ok());
    assert!(image() == before, "what is on the tape has changed");
}
