//! Requests for tapes that are not simply fulfilled: cancelled, or overtaken by the library.

use crate::files;
use crate::hands::Hands;
use crate::server::{Library, Server};
use serde_json::json;
use tape_drive::fault::{Condition, Fault, FaultPlan, Repeat, When};

#[test]
fn a_backup_whose_request_is_cancelled_ends_behind_its_last_part() {
    let hands = Hands::new(1, &["H00001L9", "H00002L9"], 40);
    let api = &hands.server.api;
    let source = hands.server.folder("s");
    std::fs::write(source.join("first"), files::noise(1, 1 << 20)).unwrap();
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    hands.insert("H00001L9", 0);
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let request = api.tape_change(&started);
    api.post(&format!("/api/v1/tape-changes/{}/cancel", request["id"]), json!({})).ok();
    let row = api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("cancelled"), &json!("cancelled")), "{row}");
    let request = api.get(&format!("/api/v1/tape-changes/{}", request["id"])).ok();
    assert_eq!((&request["status"], &request["resolved_by"]), (&json!("cancelled"), &json!("admin")));
    assert!(row["tape_change"].is_null());
    let set = api.get(&format!("/api/v1/backup-sets/{}", row["backup_set_id"])).ok();
    assert_eq!((&set["status"], &set["spanning"]["status"]), (&json!("cancelled"), &json!("failed")), "{set}");
    assert_eq!(set["spanning"]["members"].as_array().unwrap().len(), 1);
    let audit = api.get("/api/v1/logs/audit?limit=20").ok().to_string();
    assert!(audit.contains("tape-change"), "{audit}");

    // the tape that was filled is whole; the other takes the next run, which needs only that
    std::fs::remove_file(source.join("huge")).unwrap();
    hands.change("H00002L9", 0);
    let run = api.run_job(job, json!({}));
    assert_eq!(run["tape_id"], 2, "{run}");
    let to = hands.server.dir.path().join("r");
    api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to}));
    files::assert_equal(&source, &to);
}

#[test]
fn a_restore_goes_on_without_a_tape_that_is_not_available_and_names_what_is_missing() {
    let hands = Hands::new(1, &["H00001L9", "H00002L9"], 64);
    let api = &hands.server.api;
    let source = hands.server.folder("s");
    let job = api.job("j", api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    for (number, tape) in ["H00001L9", "H00002L9"].into_iter().enumerate() {
        std::fs::write(source.join(format!("f{number}")), files::noise(number as u64, 300_000)).unwrap();
        hands.change(tape, 0);
        api.run_job(job, json!({"tape_id": number + 1}));
        hands.eject(1);
    }
    let to = hands.server.dir.path().join("r");
    let started = api.post("/api/v1/restore/run", json!({"job_id": job, "dest_path": to})).ok();
    // the cartridge that lies in the drive's mouth was drawn in and read first
    let request = api.tape_change(&started);
    assert_eq!(request["tape_label"], "H00001L9", "{request}");
    assert!(to.join("f1").exists());
    api.post(&format!("/api/v1/tape-changes/{}/complete", request["id"]), json!({"tape_id": 2}))
        .fails(409, "tape_not_suitable");
    api.post(&format!("/api/v1/tape-changes/{}/cancel", request["id"]), json!({})).ok();
    let row = api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("restore_incomplete")), "{row}");
    let errors = row["result"]["errors"].to_string();
    assert!(errors.contains("f0") && errors.contains("not available") && !errors.contains("f1"), "{errors}");
    assert!(std::fs::read(to.join("f1")).unwrap() == files::noise(1, 300_000));
}

#[test]
fn a_tape_that_comes_into_the_library_is_taken_from_there() {
    let server = Server::with_library(Library { drives: 1, slots: 3, capacity_mb: 40 });
    let api = &server.api;
    let source = server.folder("s");
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    let label = |id: i32| api.get(&format!("/api/v1/tapes/{id}")).ok()["label"].as_str().unwrap().to_string();
    let dir = server.library_dir();
    let put = |tape: &str, to: &str| drop(server.cli(&["virtual", "move", dir.to_str().unwrap(), tape, "--to", to]));
    for id in [2, 3] {
        put(&label(id), "shelf");
    }
    api.post("/api/v1/libraries/1/inventory?wait=true", json!({})).ok();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let request = api.tape_change(&started);
    let message = request["message"].as_str().unwrap();
    assert!(message.contains("into library lib1 or drive D0"), "{message}");
    put(&label(3), "slot:2");
    api.post("/api/v1/libraries/1/inventory?wait=true", json!({})).ok();
    let run = api.complete(started);
    let detail = api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    assert_eq!(detail["parts"][1]["tape_id"], 3, "{detail}");
    assert_eq!(api.get(&format!("/api/v1/tape-changes/{}", request["id"])).ok()["new_tape_id"], 3);
}

/// Tapes that end long before they should, where the table of contents does not fit behind the last checkpoint any more: what
/// was flushed counts up to an earlier one, and the set goes on with the next tape.
#[test]
fn tapes_that_end_too_early_for_their_tables_of_contents_take_what_fits() {
    // so many blocks of 256 KiB: with its table of contents not even what is before the first checkpoint fits
    let block = 100;
    for encrypted in [false, true] {
        let mut server = Server::ready();
        let source = server.folder("s");
        for folder in 0..20 {
            let folder_path = source.join(format!("a folder with a long name, number {folder:02}"));
            std::fs::create_dir(&folder_path).unwrap();
            for number in 0..1000u64 {
                std::fs::write(folder_path.join(format!("file {number:04}")), files::noise(number, 1000)).unwrap();
            }
        }
        let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
        let options = if encrypted { json!({"encryption_key_id": key["key"]["id"]}) } else { json!({}) };
        let job = server.api.job("j", server.api.source("s", &source), 1, options);
        assert!(server.stop().success());
        let fault = Fault { when: When::From { block }, condition: Condition::VolumeOverflow, repeat: Repeat::Always };
        let plan = FaultPlan { seed: None, faults: vec![fault] };
        for drive in 0..2 {
            let file = server.library_dir().join(format!("drive{drive}.faults"));
            std::fs::write(file, serde_json::to_vec(&plan).unwrap()).unwrap();
        }
        server.restart();
        let row = server.api.run_job(job, json!({}));
        let set = server.api.get(&format!("/api/v1/backup-sets/{}", row["result"]["backup_set_id"])).ok();
        let parts = set["parts"].as_array().unwrap();
        assert!(parts.len() >= 3, "encrypted: {encrypted}: {set}");
        assert!(
            parts.iter().all(|part| part["end_block"].as_u64().unwrap() <= block + 1),
            "encrypted: {encrypted}: {set}"
        );
        let verified = server.api.post(&format!("/api/v1/backup-sets/{}/verify", set["id"]), json!({})).ok();
        server.api.complete(verified);
        let to = server.dir.path().join("r");
        server.api.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
        files::assert_equal(&source, &to);
    }
}
