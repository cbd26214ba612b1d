//! Copies that are cut off: cancelled by a person, or killed with the server; with two drives and with one.

use crate::copying::{copy, export, restored, server, set};
use crate::files;
use crate::server::Server;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A server with a compressed set on tape 1 whose copy takes some seconds.
fn with_a_set(drives: u32) -> (Server, PathBuf) {
    let mut server = server(drives, 256);
    let source = server.folder("s");
    for number in 0..15u64 {
        std::fs::write(source.join(format!("f{number:02}")), files::noise(number, 4 << 20)).unwrap();
    }
    let options = json!({"compression": "gzip", "compression_level": 1});
    let job = server.api.job("j", server.api.source("s", &source), 1, options);
    server.api.run_job(job, json!({"tape_id": 1}));
    assert!(server.stop().success());
    server.slow_drives(20);
    server.restart();
    (server, source)
}

/// Begins to copy the set, and waits until some of it is under way.
fn begin(server: &Server) -> Value {
    let started = server.api.post("/api/v1/backup-sets/1/copy", json!({"pool_id": 4})).ok();
    let id = started["execution_id"].clone();
    let far = |row: &Value, field: &str| row[field].as_i64().unwrap_or(0) > 8 << 20;
    server.api.wait_for(&format!("/api/v1/executions/{id}"), |row| {
        assert!(row["end_time"].is_null(), "too fast to be cut off: {row}");
        far(row, "bytes_processed") || far(row, "bytes_written")
    });
    id
}

/// Nothing counts of what was cut off, nothing is left of it, and the next copy is right.
fn again(server: &Server, source: &std::path::Path, status: &[&str]) {
    let sets = server.api.get("/api/v1/backup-sets?limit=100").ok();
    for set in sets.as_array().unwrap().iter().filter(|set| set["id"] != 1) {
        assert!(status.contains(&set["status"].as_str().unwrap()), "{set}");
    }
    assert_eq!(std::fs::read_dir(server.dir.path().join("data/spool")).unwrap().count(), 0);
    assert_eq!(server.api.get("/api/v1/jobs/active").ok(), json!([]));
    let row = copy(server, "/api/v1/backup-sets/1/copy");
    let made = set(server, &row["result"]["copied"][0]["copy_set_id"]);
    let original = set(server, &json!(1));
    for field in ["checksum", "file_count", "total_bytes", "compression_type"] {
        assert_eq!(made[field], original[field], "{field}");
    }
    let verified = server.api.post(&format!("/api/v1/backup-sets/{}/verify", made["id"]), json!({})).ok();
    server.api.complete(verified);
    export(server, &[1]);
    let (to, _) = restored(server, 1, "r");
    files::assert_equal(source, &to);
}

#[test]
fn a_copy_is_cancelled() {
    for drives in [2, 1] {
        let (server, source) = with_a_set(drives);
        let id = begin(&server);
        server.api.post(&format!("/api/v1/executions/{id}/cancel"), json!({})).ok();
        let row = server.api.wait(&id);
        assert_eq!((&row["status"], &row["error_code"]), (&json!("cancelled"), &json!("cancelled")), "{row}");
        again(&server, &source, &["cancelled", "failed"]);
    }
}

#[test]
fn a_copy_is_killed_with_the_server() {
    for drives in [2, 1] {
        let (mut server, source) = with_a_set(drives);
        let id = begin(&server);
        server.kill_and_restart();
        let row = server.api.get(&format!("/api/v1/executions/{id}")).ok();
        assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("interrupted")), "{row}");
        again(&server, &source, &["failed"]);
    }
}
