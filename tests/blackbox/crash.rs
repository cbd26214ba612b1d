//! kill -9 in the middle: nothing committed is lost, the drive and the tape are usable, the next run is right.

use crate::files;
use crate::server::Server;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn killed_in_the_middle_of_a_set_and_started_again() {
    let mut server = Server::ready();
    let source = server.folder("s");
    std::fs::write(source.join("first"), b"committed before the crash").unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"compression": "gzip"}));
    let before = server.api.run_job(job, json!({}));
    for number in 0..6 {
        std::fs::write(source.join(format!("f{number}")), files::noise(number, 16 << 20)).unwrap();
    }
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let id = started["execution_id"].clone();
    let since = Instant::now();
    loop {
        let row = server.api.get(&format!("/api/v1/executions/{id}")).ok();
        if row["phase"] == "streaming" && row["bytes_processed"].as_i64().unwrap_or(0) > 0 {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{row}");
        assert_ne!(row["status"], "completed", "too fast to be killed: {row}");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.kill_and_restart();
    let api = &server.api;

    let row = api.get(&format!("/api/v1/executions/{id}")).ok();
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("interrupted")), "{row}");
    let sets = api.get("/api/v1/backup-sets").ok();
    let status: Vec<&str> = sets.as_array().unwrap().iter().filter_map(|set| set["status"].as_str()).collect();
    assert_eq!(status, ["failed", "completed"]);

    let to = server.dir.path().join("old");
    api.restore(json!({"backup_set_id": before["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    assert_eq!(std::fs::read(to.join("first")).unwrap(), b"committed before the crash");

    let after = api.run_job(job, json!({}));
    let to = server.dir.path().join("new");
    api.restore(json!({"backup_set_id": after["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
    let verified =
        api.post(&format!("/api/v1/backup-sets/{}/verify", before["result"]["backup_set_id"]), json!({})).ok();
    api.complete(verified);
}

#[test]
fn a_shutdown_ends_at_a_safe_place() {
    let mut server = Server::ready();
    let source = server.folder("s");
    for number in 0..6 {
        std::fs::write(source.join(format!("f{number}")), files::noise(number, 16 << 20)).unwrap();
    }
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"compression": "gzip"}));
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    std::thread::sleep(Duration::from_millis(700));
    assert!(server.stop().success());
    server.restart();
    let row = server.api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("shutdown")), "{row}");
    let again = server.api.run_job(job, json!({}));
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": again["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}

/// Makes the database forget what the last set left in it, as if the crash had come right after the tape's commit.
fn forget_last_set(server: &Server, set: i64) {
    use diesel::connection::SimpleConnection;
    let mut conn = tapebackarr::db::open_one(server.dir.path().join("data/tapebackarr.db")).unwrap();
    conn.batch_execute(&format!(
        "PRAGMA foreign_keys = OFF;
         UPDATE tapes SET writing_set = (SELECT uuid FROM backup_sets WHERE id = {set}),
             end_file = end_file - 2, end_block = (SELECT first_block FROM backup_set_parts WHERE backup_set_id = {set})
             WHERE id = (SELECT tape_id FROM backup_sets WHERE id = {set});
         DELETE FROM backup_set_parts WHERE backup_set_id = {set};
         DELETE FROM catalog_versions WHERE set_id = {set};
         UPDATE backup_sets SET status = 'running', file_count = 0 WHERE id = {set};"
    ))
    .unwrap();
}

#[test]
fn a_set_that_the_tape_has_and_the_database_missed_is_adopted() {
    let mut server = Server::ready();
    let source = server.folder("s");
    files::fill(&source);
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let options = json!({"backup_type": "incremental", "compression": "zstd", "encryption_key_id": key["key"]["id"]});
    let job = server.api.job("j", server.api.source("s", &source), 1, options);
    server.api.run_job(job, json!({}));
    std::fs::write(source.join("late"), b"written to tape just before the crash").unwrap();
    std::fs::remove_file(source.join("docs/file100.txt")).unwrap();
    let lost = server.api.run_job(job, json!({}))["result"]["backup_set_id"].as_i64().unwrap();
    server.kill();
    forget_last_set(&server, lost);
    server.restart();
    assert_eq!(server.api.get(&format!("/api/v1/backup-sets/{lost}")).ok()["status"], "failed");

    std::fs::write(source.join("later"), b"after the crash").unwrap();
    let next = server.api.run_job(job, json!({}));
    let adopted = server.api.get(&format!("/api/v1/backup-sets/{lost}")).ok();
    assert_eq!(adopted["status"], "completed", "{adopted}\n{next}");
    for set in [json!(lost), next["result"]["backup_set_id"].clone()] {
        let verified = server.api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
        server.api.complete(verified);
    }
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": lost, "dest_path": to.to_str().unwrap()}));
    assert!(to.join("late").exists() && !to.join("docs/file100.txt").exists() && !to.join("later").exists());
    let to = server.dir.path().join("newest");
    server.api.restore(json!({"backup_set_id": next["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}

#[test]
fn a_tape_that_is_longer_than_an_older_database_knows_is_not_written() {
    let mut server = Server::ready();
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let first = server.api.run_job(job, json!({}));
    assert!(server.stop().success());
    let database = server.dir.path().join("data/tapebackarr.db");
    std::fs::copy(&database, server.dir.path().join("old.db")).unwrap();
    server.restart();
    server.api.run_job(job, json!({"tape_id": first["tape_id"]}));
    assert!(server.stop().success());
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
    }
    std::fs::copy(server.dir.path().join("old.db"), &database).unwrap();
    server.restart();
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": first["tape_id"]})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("tape_end_mismatch")), "{row}");
    // the tape is on hold; the job goes on with another one
    let next = server.api.run_job(job, json!({}));
    assert_ne!(next["tape_id"], first["tape_id"], "{next}");
}
