//! Which of several drives is used: one that has failed is left alone, and the robot moves a tape to the one that is wanted.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use tape_drive::Operation;
use tape_drive::fault::{Condition, Fault, FaultPlan, Repeat, When};

/// From its write command 300 on a drive fails at every write.
fn broken() -> FaultPlan {
    let when = When::CommandOf { number: 300, operation: Operation::Write };
    FaultPlan { seed: None, faults: vec![Fault { when, condition: Condition::HardwareError, repeat: Repeat::Always }] }
}

/// A job of more than 300 blocks, run once, and the drive that it ran in, from now on broken.
fn with_a_broken_drive(drives: u32) -> (Server, i64, i64) {
    let mut server = Server::with_library(Library { drives, slots: 8, capacity_mb: 512 });
    let source = server.folder("s");
    std::fs::write(source.join("small"), b"small").unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let drive = server.api.run_job(job, json!({}))["drive_id"].as_i64().unwrap();
    std::fs::write(source.join("large"), files::noise(77, 120 << 20)).unwrap();
    assert!(server.stop().success());
    let file = server.library_dir().join(format!("drive{}.faults", drive - 1));
    std::fs::write(file, serde_json::to_vec(&broken()).unwrap()).unwrap();
    server.restart();
    (server, job, drive)
}

fn text(row: &Value, field: &str) -> String {
    row[field].to_string()
}

#[test]
fn a_run_leaves_a_drive_that_failed_and_saves_what_it_wrote_there() {
    let (server, job, drive) = with_a_broken_drive(2);
    let api = &server.api;
    let run = api.run_job(job, json!({}));
    assert_ne!(run["drive_id"], drive, "{run}");
    let why = text(&run, "why");
    assert!(why.contains(&format!("Drive D{} has a hardware error", drive - 1)), "{why}");
    assert_eq!(why.matches("has a hardware error").count(), 1, "{why}");
    let set = api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    let parts = set["parts"].as_array().unwrap();
    assert!(parts.len() >= 2 && parts[0]["tar_end"].as_i64().unwrap() >= 32 << 20, "up to the last checkpoint: {set}");
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
    files::assert_equal(&server.dir.path().join("s"), &to);
    assert_eq!(api.get("/api/v1/tape-changes").ok(), json!([]), "no hands were needed");
}

#[test]
fn a_run_that_has_no_other_drive_names_the_one_that_failed() {
    let (server, job, _) = with_a_broken_drive(1);
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("hardware_error")), "{row}");
    assert!(text(&row, "error_message").contains("drive D0, which may be broken"), "{row}");
}

#[test]
fn a_restore_in_a_named_drive_gets_the_tape_out_of_another_one() {
    let server = Server::ready();
    let api = &server.api;
    let source = server.folder("s");
    files::fill(&source);
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let run = api.run_job(job, json!({}));
    let other = 3 - run["drive_id"].as_i64().unwrap();
    let to = server.dir.path().join("r");
    let row = api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to, "drive_id": other}));
    assert_eq!(row["drive_id"], other, "{row}");
    files::assert_equal(&source, &to);
    assert_eq!(api.get("/api/v1/tape-changes").ok(), json!([]), "no hands were needed");
}

/// A drive that is still threading when it is asked, and then says that its tape is new.
#[test]
fn a_tape_that_takes_its_time_to_load_is_waited_for() {
    let server = Server::bare();
    server.create_library(&Library { drives: 1, slots: 3, capacity_mb: 64 });
    server.set_speed(400, 300);
    server.add_library();
    let api = &server.api;
    let labels = api.post("/api/v1/tapes/batch-label", json!({"library_id": 1, "barcodes": true, "pool_id": 1})).ok();
    let row = api.complete(labels);
    assert_eq!(row["result"]["completed"], 3, "{row}");
    let source = server.folder("s");
    files::fill(&source);
    let run = api.run_job(api.job("j", api.source("s", &source), 1, json!({})), json!({}));
    assert_eq!(run["status"], "completed", "{run}");
}
