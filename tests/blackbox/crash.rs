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
