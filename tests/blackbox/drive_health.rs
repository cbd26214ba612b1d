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
