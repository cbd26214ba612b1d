//! Two jobs at the same time on two drives; a job that never overlaps itself.

use crate::files;
use crate::server::Server;
use serde_json::json;

#[test]
fn two_jobs_run_on_two_drives_at_the_same_time() {
    let server = Server::ready();
    let api = &server.api;
    let mut runs = Vec::new();
    for name in ["one", "two"] {
        let source = server.folder(name);
        std::fs::write(source.join("big"), files::noise(name.len() as u64, 60 << 20)).unwrap();
        // gzip takes long enough for the other to begin
        let job = api.job(name, api.source(name, &source), 1, json!({"compression": "gzip"}));
        runs.push((source, job));
    }
    let runs: Vec<_> = runs
        .into_iter()
        .map(|(source, job)| (source, api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok()))
        .collect();
    let rows: Vec<_> = runs.iter().map(|(_, started)| api.complete(started.clone())).collect();
    assert_ne!(rows[0]["drive_id"], rows[1]["drive_id"], "each had a drive of its own");
    assert_ne!(rows[0]["tape_id"], rows[1]["tape_id"]);
    let time = |row: &serde_json::Value, what: &str| row[what].as_str().unwrap().to_string();
    assert!(time(&rows[1], "start_time") < time(&rows[0], "end_time"), "they overlapped: {rows:#?}");
    for ((source, _), row) in runs.iter().zip(&rows) {
        let to = server.dir.path().join(format!("r{}", row["id"]));
        api.restore(json!({"backup_set_id": row["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
        files::assert_equal(source, &to);
    }
}

#[test]
fn a_job_that_runs_is_not_started_again_and_can_be_cancelled() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("s");
    for number in 0..6 {
        std::fs::write(source.join(format!("f{number}")), files::noise(number, 24 << 20)).unwrap();
    }
    let job = api.job("j", api.source("s", &source), 1, json!({"compression": "gzip"}));
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).fails(409, "already_running");
    std::thread::sleep(std::time::Duration::from_millis(700));
    api.post(&format!("/api/v1/jobs/{job}/cancel"), json!({})).ok();
    let row = api.wait(&started["execution_id"]);
    assert_eq!(row["status"], "cancelled", "{row}");
    // the tape can be appended to, and the next run is right
    std::fs::write(source.join("f0"), b"small now").unwrap();
    for number in 1..6 {
        std::fs::remove_file(source.join(format!("f{number}"))).unwrap();
    }
    let row = api.run_job(job, json!({}));
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": row["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}
