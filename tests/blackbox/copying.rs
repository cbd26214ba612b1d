//! Copies of sets on tapes of another pool: whole, restored from when the original is away or damaged, and enough to
//! rebuild the catalog from.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A server with tapes 1 and 2 in pool 1, and the others in pool 4.
pub fn server(drives: u32, capacity_mb: u64) -> Server {
    let server = Server::with_library(Library { drives, slots: 6, capacity_mb });
    for tape in 3..=6 {
        server.api.send("PUT", &format!("/api/v1/tapes/{tape}"), Some(&json!({"pool_id": 4}))).ok();
    }
    server
}

#[track_caller]
pub fn copy(server: &Server, path: &str) -> Value {
    let started = server.api.post(path, json!({"pool_id": 4})).ok();
    server.api.complete(started)
}

pub fn set(server: &Server, id: &Value) -> Value {
    server.api.get(&format!("/api/v1/backup-sets/{id}")).ok()
}

/// Tape 1 (and 2) leave the house.
pub fn export(server: &Server, tapes: &[i32]) {
    for tape in tapes {
        server.api.post(&format!("/api/v1/tapes/{tape}/export"), json!({"offsite_location": "bank"})).ok();
    }
}

#[track_caller]
pub fn restored(server: &Server, set: i64, name: &str) -> (PathBuf, Value) {
    let to = server.dir.path().join(name);
    let row = server.api.restore(json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()}));
    (to, row)
}

fn image(server: &Server, tape: i32) -> PathBuf {
    server.library_dir().join(format!("cartridges/A0000{tape}L9.tap"))
}

/// Flips one byte of a content on a cartridge.
fn flip(image: &Path, content: &[u8]) {
    let mut bytes = std::fs::read(image).unwrap();
    let at = bytes.windows(64).position(|window| window == &content[4096..4160]).expect("the content is on the tape");
    bytes[at] ^= 1;
    std::fs::write(image, bytes).unwrap();
}

#[test]
fn a_tape_with_a_chain_is_copied_and_takes_the_place_of_the_original() {
    let mut server = server(2, 256);
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job(
        "j",
        server.api.source("s", &source),
        1,
        json!({"backup_type": "incremental", "compression": "zstd"}),
    );
    server.api.run_job(job, json!({"tape_id": 1}));
    std::fs::write(source.join("new"), files::noise(77, 300_000)).unwrap();
    std::fs::remove_file(source.join("docs/file007.txt")).unwrap();
    server.api.run_job(job, json!({"tape_id": 1}));

    server.api.post("/api/v1/tapes/1/copy", json!({"pool_id": 1})).fails(409, "same_pool");
    let row = copy(&server, "/api/v1/tapes/1/copy");
    assert_eq!(row["result"]["copied"].as_array().unwrap().len(), 2, "{row}");
    assert!(row["why"].to_string().contains("Two drives are free"), "{row}");
    let again = copy(&server, "/api/v1/tapes/1/copy");
    assert_eq!(again["result"]["skipped"].as_array().unwrap().len(), 2, "{again}");

    // the copies are what the originals are
    for (original, copy) in [(1, 3), (2, 4)] {
        let (original, copy) = (set(&server, &json!(original)), set(&server, &json!(copy)));
        for field in
            ["job_id", "backup_type", "file_count", "total_bytes", "deleted_count", "checksum", "parent_set_id"]
        {
            assert_eq!(original[field], copy[field], "{field}");
        }
        for field in ["start_time", "end_time"] {
            assert_eq!(original[field], copy[field], "{field}");
        }
        assert_eq!((&copy["copy_of"], &copy["status"]), (&original["uuid"], &json!("completed")));
        let verified = server.api.post(&format!("/api/v1/backup-sets/{}/verify", copy["id"]), json!({})).ok();
        server.api.complete(verified);
    }
    // the next increment builds on the original
    std::fs::write(source.join("newer"), b"newer").unwrap();
    let third = server.api.run_job(job, json!({"tape_id": 1}));
    assert_eq!(third["result"]["parent_set_id"], 2, "{third}");
    copy(&server, "/api/v1/backup-sets/5/copy");

    export(&server, &[1]);
    let (to, row) = restored(&server, 5, "r1");
    files::assert_equal(&source, &to);
    assert!(row["why"].to_string().contains("exported"), "{row}");

    // nothing is left but the copies
    server.lose_everything_but_tapes();
    std::fs::remove_file(image(&server, 1)).unwrap();
    let _ = std::fs::remove_file(image(&server, 1).with_extension("idx"));
    server.kill_and_restart();
    server.api.post("/api/v1/libraries/1/inventory", json!({})).ok();
    let started = server.api.post("/api/v1/catalog/rebuild", json!({"library_id": 1})).ok();
    server.api.wait(&started["execution_id"]);
    let sets = server.api.get("/api/v1/backup-sets?limit=100").ok();
    let sets = sets.as_array().unwrap();
    assert_eq!(sets.len(), 3, "{sets:#?}");
    assert!(sets.iter().all(|set| set["status"] == "completed" && set["copy_of"].is_string()), "{sets:#?}");
    let newest = sets.iter().map(|set| set["start_time"].as_str().unwrap()).max().unwrap();
    let newest = sets.iter().find(|set| set["start_time"] == newest).unwrap();
    let (to, _) = restored(&server, newest["id"].as_i64().unwrap(), "r2");
    assert_eq!(std::fs::read(to.join("new")).unwrap(), files::noise(77, 300_000));
    assert!(to.join("newer").exists() && !to.join("docs/file007.txt").exists());
}

#[test]
fn with_one_drive_an_encrypted_set_over_several_tapes_goes_through_the_disk() {
    let server = server(1, 64);
    let source = server.folder("s");
    files::fill(&source);
    std::fs::write(source.join("huge"), files::noise(9, 60 << 20)).unwrap();
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k"})).ok();
    let key = key["id"].as_i64().or_else(|| key["key"]["id"].as_i64()).expect("a key");
    let job = server.api.job(
        "j",
        server.api.source("s", &source),
        1,
        json!({"encryption_enabled": true, "encryption_key_id": key}),
    );
    assert_eq!(server.api.run_job(job, json!({}))["result"]["parts"], 2);
    let row = copy(&server, "/api/v1/backup-sets/1/copy");
    assert!(row["why"].to_string().contains("Only one drive"), "{row}");
    assert_eq!(std::fs::read_dir(server.dir.path().join("data/spool")).unwrap().count(), 0);
    export(&server, &[1, 2]);
    let (to, _) = restored(&server, 1, "r");
    files::assert_equal(&source, &to);
}

#[test]
fn a_damaged_file_comes_from_the_copy_and_a_damaged_set_is_not_copied() {
    let mut server = server(2, 256);
    let source = server.folder("s");
    files::fill(&source);
    std::fs::write(source.join("new"), files::noise(77, 300_000)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    server.api.run_job(job, json!({"tape_id": 1}));
    copy(&server, "/api/v1/backup-sets/1/copy");
    let second = server.api.run_job(job, json!({"tape_id": 2}));
    assert_eq!(second["result"]["backup_set_id"], 3, "{second}");
    server.kill();
    for tape in [1, 2] {
        flip(&image(&server, tape), &files::noise(77, 300_000));
    }
    server.restart();
    let (to, row) = restored(&server, 1, "r");
    files::assert_equal(&source, &to);
    assert!(row["why"].to_string().contains("1 entries could not be read"), "{row}");

    let started = server.api.post("/api/v1/backup-sets/3/copy", json!({"pool_id": 4})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("verify_failed")), "{row}");
    assert!(row["error_message"].as_str().unwrap().contains("new: "), "{row}");
    let left = set(&server, &json!(4));
    assert_eq!((&left["status"], &left["parts"]), (&json!("failed"), &json!([])), "{left}");
    // the tape it was on takes the next one
    let third = server.api.run_job(job, json!({"tape_id": 2}));
    let id = &third["result"]["backup_set_id"];
    copy(&server, &format!("/api/v1/backup-sets/{id}/copy"));
}
