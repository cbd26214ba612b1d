//! The drive encrypts: nothing of the content is on the tape, everything comes back, and no block is in the clear when the
//! drive loses its key while a part is written.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tape_drive::Operation;
use tape_drive::fault::{Condition, FaultPlan};

const SEED: u64 = 4242;

fn server() -> Server {
    Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 256 })
}

fn image(server: &Server) -> PathBuf {
    server.library_dir().join("cartridges/A00001L9.tap")
}

fn new_key(server: &Server) -> (i64, String) {
    let made = server.api.post("/api/v1/encryption-keys", json!({"name": "K1"})).ok();
    (made["key"]["id"].as_i64().unwrap(), made["key_base64"].as_str().unwrap().to_owned())
}

/// A folder with a file that is recognised wherever it is stored as it is.
fn source(server: &Server) -> PathBuf {
    let source = server.folder("s");
    files::fill(&source);
    std::fs::write(source.join("noise"), files::noise(SEED, 3 << 20)).unwrap();
    source
}

/// Whether the content, or the name, of the file can be found on the tape.
fn is_readable(image: &Path) -> bool {
    let bytes = std::fs::read(image).unwrap();
    let noise = files::noise(SEED, 3 << 20);
    let finder = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    [100_000, 2 << 20].iter().any(|&at| finder(&noise[at..at + 32])) || finder(b"\"noise\"")
}

fn encryption(server: &Server) -> Value {
    server.api.get("/api/v1/drives/1/hardware-encryption").ok()
}

fn restored(server: &Server, source: &Path, set: i64, name: &str) {
    let to = server.folder(name);
    let row = server.api.restore(json!({"backup_set_id": set, "dest_path": to}));
    assert_eq!(row["status"], "completed", "{row}");
    files::assert_equal(source, &to);
}

#[test]
fn a_job_that_lets_the_drive_encrypt() {
    let mut server = server();
    let (key, base64) = new_key(&server);
    let source = source(&server);
    let id = server.api.source("s", &source);
    let job = server.api.job("secret", id, 1, json!({"backup_type": "incremental", "hw_encryption_key_id": key}));
    server.api.run_job(job, json!({"tape_id": 1}));
    assert!(!is_readable(&image(&server)));
    let set = server.api.get("/api/v1/backup-sets/1").ok();
    assert_eq!((&set["hw_encrypted"], &set["hw_encryption_key_id"]), (&json!(true), &json!(key)), "{set}");
    let state = encryption(&server);
    assert_eq!((&state["supported"], &state["enabled"], &state["mode"]), (&json!(true), &json!(false), &json!("off")));
    restored(&server, &source, 1, "out1");

    // The same tape goes on: encrypted, and then in the clear by a job that does not encrypt.
    std::fs::write(source.join("new"), files::noise(7, 200_000)).unwrap();
    server.api.run_job(job, json!({"tape_id": 1}));
    assert!(!is_readable(&image(&server)));
    let started = server.api.post("/api/v1/scrub", json!({"tapes": 0})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!(row["status"], "completed", "{row}");
    let plain = server.api.job("plain", id, 1, json!({"backup_type": "full"}));
    server.api.run_job(plain, json!({"tape_id": 1}));
    assert!(is_readable(&image(&server)), "a job that does not encrypt leaves no key behind");
    restored(&server, &source, 2, "out2");
    server.api.send("DELETE", &format!("/api/v1/encryption-keys/{key}"), None).fails(409, "in_use");

    // The tapes and the key are enough.
    server.lose_everything_but_tapes();
    let rebuild = |server: &Server| {
        let started = server.api.post("/api/v1/catalog/rebuild", json!({"library_id": 1})).ok();
        server.api.wait(&started["execution_id"])
    };
    let row = rebuild(&server);
    assert_eq!(row["status"], "failed", "without the key: {row}");
    server.api.post("/api/v1/encryption-keys/import", json!({"name": "K", "key_base64": base64})).ok();
    let row = rebuild(&server);
    assert_eq!(row["status"], "completed", "{row}");
    let sets = server.api.get("/api/v1/backup-sets?limit=100").ok();
    let all = sets.as_array().unwrap();
    let last = all.iter().find(|set| set["backup_type"] == "incremental").unwrap_or_else(|| panic!("{sets}"));
    restored(&server, &source, last["id"].as_i64().unwrap(), "out3");
}

/// The drive is reset in the middle of a part: it has no key then, and the blocks behind must not be written without.
#[test]
fn a_reset_while_the_drive_encrypts_puts_nothing_in_the_clear() {
    for (operation, number) in [(Operation::Write, 2), (Operation::Write, 9), (Operation::WriteFilemarks, 1)] {
        let mut server = server();
        let (key, _) = new_key(&server);
        let source = source(&server);
        let job = server.api.job("secret", server.api.source("s", &source), 1, json!({"hw_encryption_key_id": key}));
        server.stop();
        let plan = FaultPlan::nth_of(number, operation, Condition::Reset);
        let file = server.library_dir().join("drive0.faults");
        std::fs::write(&file, serde_json::to_vec(&plan).unwrap()).unwrap();
        server.restart();
        let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": 1})).ok();
        server.api.wait(&started["execution_id"]);
        assert!(!is_readable(&image(&server)), "{operation:?} {number}");
        std::fs::remove_file(&file).unwrap();
        server.kill_and_restart();
        let row = server.api.run_job(job, json!({"tape_id": 2}));
        assert_eq!(row["status"], "completed", "{row}");
        let set = row["result"]["backup_set_id"].as_i64().or(row["backup_set_id"].as_i64()).unwrap();
        restored(&server, &source, set, &format!("out-{number}"));
    }
}

#[test]
fn a_key_that_a_person_gives_the_drive() {
    let server = server();
    let (key, _) = new_key(&server);
    let source = source(&server);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let slots = server.api.get("/api/v1/libraries/1/slots").ok();
    let number = |field: &str, value: &str| {
        let slot = slots.as_array().unwrap().iter().find(|slot| slot[field] == value);
        slot.unwrap_or_else(|| panic!("{slots}"))["slot_number"].clone()
    };
    let body = json!({"slot_number": number("barcode", "A00001L9"), "drive_number": number("slot_type", "drive")});
    let started = server.api.post("/api/v1/libraries/1/load", body).ok();
    if started["execution_id"].is_i64() {
        server.api.wait(&started["execution_id"]);
    }
    server.api.wait_for("/api/v1/drives/1/status", |state| state["ready"] == true);
    let path = "/api/v1/drives/1/hardware-encryption";
    server.api.post(path, json!({"encryption_key_id": 77})).fails(400, "bad_request");
    let answer = server.api.post(path, json!({"encryption_key_id": key})).ok();
    assert_eq!((&answer["drive_id"], &answer["encryption_key_id"]), (&json!(1), &json!(key)), "{answer}");
    let state = encryption(&server);
    assert_eq!((&state["enabled"], &state["mode"]), (&json!(true), &json!("mixed")), "{state}");
    assert_eq!((&state["encryption_key_id"], &state["algorithm"]), (&json!(key), &json!("AES-256-GCM")), "{state}");
    server.api.run_job(job, json!({"tape_id": 1}));
    assert!(!is_readable(&image(&server)));
    let set = server.api.get("/api/v1/backup-sets/1").ok();
    assert_eq!((&set["hw_encrypted"], &set["hw_encryption_key_id"]), (&json!(true), &json!(key)), "{set}");
    server.api.send("DELETE", &format!("/api/v1/encryption-keys/{key}"), None).fails(409, "in_use");
    restored(&server, &source, 1, "out");
    let answer = server.api.send("DELETE", path, None).ok();
    assert!(answer["message"].is_string(), "{answer}");
    assert_eq!(encryption(&server)["enabled"], false);
    server.api.run_job(job, json!({"tape_id": 1}));
    assert!(is_readable(&image(&server)));
    assert_eq!(server.api.get("/api/v1/backup-sets/2").ok()["hw_encrypted"], false);
}
