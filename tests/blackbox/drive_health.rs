//! What drives warn of: a tape that is not to be used any more is not; figures of tapes are kept over time.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use tape_drive::Operation;
use tape_drive::fault::{Condition, FaultPlan};
use tape_scsi::TapeAlert;

fn tape(server: &Server, id: &Value) -> Value {
    server.api.get(&format!("/api/v1/tapes/{id}")).ok()
}

#[test]
fn a_tape_that_its_drive_warns_of_is_not_written_again_until_a_person_says_so() {
    let mut server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let source = server.folder("s");
    std::fs::write(source.join("f"), files::noise(1, 3 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    assert!(server.stop().success());
    let plan = FaultPlan::nth_of(3, Operation::Write, Condition::Alert(TapeAlert::MEDIA));
    let file = server.library_dir().join("drive0.faults");
    std::fs::write(&file, serde_json::to_vec(&plan).unwrap()).unwrap();
    server.restart();
    let api = &server.api;

    let run = api.run_job(job, json!({}));
    let first = api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok()["tape_id"].clone();
    let held = tape(&server, &first);
    let reason = held["hold_reason"].as_str().unwrap_or_else(|| panic!("{held}"));
    assert!(reason.contains("TapeAlert 4") && reason.contains("Copy everything"), "{reason}");
    let events = api.get("/api/v1/events?limit=100").ok().to_string();
    assert_eq!(events.matches("Tape On Hold").count(), 1, "{events}");
    let alerts = api.get("/api/v1/drives/1/alerts").ok();
    assert_eq!((&alerts[0]["severity"], &alerts[0]["resolved"]), (&json!("critical"), &json!(false)), "{alerts}");
    let figures = api.get(&format!("/api/v1/tapes/{first}/health")).ok();
    assert_eq!(figures[0]["tape_alert_flags"], "4", "{figures}");

    // A person who takes it back is not overruled while the flag is raised.
    server.cli_as_admin(&["tape", "edit", held["label"].as_str().unwrap(), "--hold", ""]);
    let again = api.run_job(job, json!({}));
    let set = api.get(&format!("/api/v1/backup-sets/{}", again["result"]["backup_set_id"])).ok();
    assert_eq!((&set["tape_id"], &tape(&server, &first)["hold_reason"]), (&first, &Value::Null));

    // Held once more by hand, another tape is taken; without the tape the flag is gone, and the alert is over.
    api.send("PUT", &format!("/api/v1/tapes/{first}"), Some(&json!({"hold_reason": "looks worn"}))).ok();
    let third = api.run_job(job, json!({}));
    let set = api.get(&format!("/api/v1/backup-sets/{}", third["result"]["backup_set_id"])).ok();
    assert_ne!(set["tape_id"], first);
    let alerts = api.get("/api/v1/drives/1/alerts").ok();
    assert_eq!((alerts.as_array().unwrap().len(), &alerts[0]["resolved"]), (1, &json!(true)), "{alerts}");
    assert_eq!(tape(&server, &set["tape_id"])["hold_reason"], Value::Null);
}

#[test]
fn figures_of_a_tape_are_kept_for_each_time_in_a_drive() {
    let server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let api = &server.api;
    let source = server.folder("s");
    std::fs::write(source.join("f"), files::noise(1, 8 << 20)).unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let run = api.run_job(job, json!({}));
    let set = api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    let id = &set["tape_id"];
    api.complete(api.post("/api/v1/drives/1/eject?wait=false", json!({})).ok());
    api.run_job(job, json!({"tape_id": id}));
    api.complete(api.post("/api/v1/drives/1/eject?wait=false", json!({})).ok());
    let rows = api.get(&format!("/api/v1/tapes/{id}/health")).ok();
    let rows = rows.as_array().unwrap();
    assert!(rows.len() >= 3, "labelled, and written twice: {rows:#?}");
    let written: Vec<i64> = rows.iter().map(|row| row["bytes_written"].as_i64().unwrap()).collect();
    assert!(written.is_sorted_by(|later, earlier| later > earlier), "newest first, and they grow: {rows:#?}");
    assert!(rows.iter().all(|row| row["drive_id"] == 1 && row["drive_serial"].as_str().unwrap().ends_with("D0")));
    let label = set["tape_label"].as_str().unwrap();
    assert!(server.cli_as_admin(&["tape", "health", label]).contains("D0"));
    assert_eq!(api.get("/api/v1/tapes/99/health").status, 404);
}

/// How often an event with this title was told.
fn told(server: &Server, title: &str) -> usize {
    let events = server.api.get("/api/v1/events?limit=200").ok();
    events.as_array().unwrap().iter().filter(|event| event["title"] == title).count()
}

#[test]
fn what_is_wrong_with_a_tape_is_no_error_of_the_drive() {
    let mut server = Server::with_library(Library { drives: 1, slots: 1, capacity_mb: 64 });
    let label = |server: &Server| {
        let started = server.api.post("/api/v1/drives/1/format-tape", json!({"confirm": true})).ok();
        server.api.wait(&started["execution_id"])
    };
    server
        .api
        .complete(server.api.post("/api/v1/libraries/1/load", json!({"slot_number": 1024, "drive_number": 256})).ok());
    let source = server.folder("s");
    std::fs::write(source.join("f"), files::noise(1, 1 << 20)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    server.api.run_job(job, json!({}));
    // The tape holds what is kept, and is not blank.
    assert_eq!(label(&server)["error_code"], "tape_in_use");
    server.api.complete(server.api.post("/api/v1/drives/1/eject?wait=false", json!({})).ok());
    server.api.post("/api/v1/drives/1/rewind", json!({})).fails(409, "no_tape");
    let state = server.api.get("/api/v1/drives/1/status").ok();
    assert_eq!((&state["error"], &state["online"]), (&json!(""), &json!(true)), "{state}");
    assert_eq!(server.api.get("/api/v1/drives").ok()[0]["status"], "ready");
    assert_eq!(told(&server, "Drive Error"), 0);

    // A fault of the drive itself is told, once, and that it is over.
    assert!(server.stop().success());
    let plan = FaultPlan::nth_of(1, Operation::Load, Condition::HardwareError);
    std::fs::write(server.library_dir().join("drive0.faults"), serde_json::to_vec(&plan).unwrap()).unwrap();
    server.restart();
    let load = |server: &Server| {
        let started = server.api.post("/api/v1/drives/1/load-tape?wait=false", json!({})).ok();
        server.api.wait(&started["execution_id"])["error_code"].clone()
    };
    assert_eq!(load(&server), "hardware_error");
    assert_eq!(server.api.get("/api/v1/drives/1/status").ok()["online"], false);
    assert_eq!(load(&server), "no_tape", "it was ejected, and the drive says so");
    assert_eq!(server.api.get("/api/v1/drives/1/status").ok()["online"], true);
    assert_eq!((told(&server, "Drive Error"), told(&server, "Drive Recovered")), (1, 1));
}

#[test]
fn compression_and_power_cycles_come_from_the_drive_to_the_person() {
    let mut server = Server::with_library(Library { drives: 1, slots: 1, capacity_mb: 64 });
    let source = server.folder("s");
    // Half of each block is the same again.
    let mut content = files::noise(1, 8 << 20);
    for half in content.chunks_mut(4096).step_by(2) {
        half.fill(7);
    }
    std::fs::write(source.join("f"), content).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"compression": "lto"}));
    server.api.run_job(job, json!({}));
    server.api.complete(server.api.post("/api/v1/drives/1/eject?wait=false", json!({})).ok());
    assert!(server.stop().success());
    tape_drive::virt::library::power_cut(&server.library_dir(), 0).unwrap();
    let file = server.library_dir().join("library.json");
    let mut state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    state["drives"][0]["health"]["rewrites"] = json!(41);
    std::fs::write(&file, serde_json::to_vec(&state).unwrap()).unwrap();
    server.restart();
    server.api.run_job(job, json!({}));
    let told = server.api.get("/api/v1/drives/1/statistics").ok();
    let percent = told["write_compression_pct"].as_f64().unwrap();
    assert!((180.0..=210.0).contains(&percent), "{told}");
    assert_eq!(told["lifetime_power_cycles"], 2, "new, and a power cut: {told}");
    let printed = server.cli_as_admin(&["drive", "stats", "1"]);
    let line = |words: &str| printed.lines().find(|line| line.starts_with(words)).unwrap_or_default().to_owned();
    assert!(line("Compression of what was written").ends_with(&format!("{percent:.1}")), "{printed}");
    assert!(line("Times switched on").ends_with(" 2"), "{printed}");

    // Of the tape: for each time in the drive, what was written again and what will fit.
    let rows = server.api.get("/api/v1/tapes/1/health").ok();
    assert_eq!(rows[0]["rewrites"], 41, "{rows}");
    let ratio = rows[0]["write_compression_ratio"].as_f64().unwrap_or_else(|| panic!("{rows}"));
    assert!((ratio * 100.0 - percent).abs() < 1.0, "{rows}");
    let native = rows[0]["capacity_bytes"].as_f64().unwrap();
    let fits = rows[0]["effective_capacity_bytes"].as_f64().unwrap_or_else(|| panic!("{rows}"));
    assert!((1.7..=2.1).contains(&(fits / native)), "{rows}");
    assert!(server.cli_as_admin(&["tape", "health", "1"]).contains("EFFECTIVE"));
}
