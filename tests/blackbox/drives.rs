//! Which of several drives is used: one that has failed is left alone, and the robot moves a tape to the one that is wanted.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use tape_drive::Operation;
use tape_drive::fault::{Condition, Fault, FaultPlan, Repeat, When};
use tape_drive::lto::Generation;
use tape_drive::virt::library::{self, Place, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec};

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

/// Somebody put it there, or a run was cut off behind the robot.
#[test]
fn a_tape_that_lies_in_a_drive_is_not_passed_over_when_a_library_is_labelled() {
    let server = Server::bare();
    server.create_library(&Library { drives: 2, slots: 3, capacity_mb: 64 });
    server.add_library();
    let slots = server.api.get("/api/v1/libraries/1/slots").ok();
    let number = |kind: &str, full: bool| {
        let slot = |slot: &&Value| slot["slot_type"] == kind && slot["is_empty"] != full;
        slots.as_array().unwrap().iter().find(slot).unwrap()["slot_number"].clone()
    };
    let body = json!({"slot_number": number("storage", true), "drive_number": number("drive", false)});
    server.api.post("/api/v1/libraries/1/load?wait=true", body).ok();
    let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
    let row = server.api.complete(server.api.post("/api/v1/tapes/batch-label", body).ok());
    assert_eq!((&row["result"]["completed"], &row["result"]["skipped"]), (&json!(3), &json!([])), "{row}");
}

#[test]
fn where_no_slot_is_empty_the_robot_exchanges_the_tapes() {
    let server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let api = &server.api;
    let source = server.folder("s");
    std::fs::write(source.join("f"), b"something").unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    api.run_job(job, json!({"tape_id": 1}));
    // Somebody puts another cartridge into the slot of the tape that is in the drive.
    let dir = server.library_dir();
    library::add_cartridge(&dir, &CartridgeSpec::new("OTHER1L9"), Place::AnySlot).unwrap();
    let run = api.run_job(job, json!({"tape_id": 2}));
    let log = api.get(&format!("/api/v1/executions/{}/logs", run["id"])).ok();
    assert!(log.to_string().contains("exchanges the tape in the drive for tape"), "{log}");
    let state = library::read(&dir).unwrap();
    let slots: Vec<_> = state.slots.iter().filter_map(|slot| slot.cartridge.as_deref()).collect();
    assert_eq!((slots.len(), state.drives[0].cartridge.as_deref()), (2, Some("A00002L9")), "{slots:?}");
    assert!(slots.contains(&"A00001L9") && slots.contains(&"OTHER1L9"), "{slots:?}");
}

#[test]
fn a_tape_of_a_generation_that_the_drive_only_reads_is_refused_before_anything_is_written() {
    let server = Server::bare();
    let api = &server.api;
    let dir = server.library_dir();
    let spec =
        LibrarySpec { generation: Generation::new(7).unwrap(), settings: Settings::volatile(), ..Default::default() };
    library::create(&dir, &spec).unwrap();
    for barcode in ["OLD001L5", "ODD001L4"] {
        library::add_cartridge(&dir, &CartridgeSpec::new(barcode).with_capacity(64 << 20), Place::AnySlot).unwrap();
    }
    server.add_library();
    let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
    let row = api.wait(&api.post("/api/v1/tapes/batch-label", body).ok()["execution_id"]);
    let words = row["error_message"].as_str().unwrap_or_else(|| panic!("{row}"));
    let reads = "the tape is LTO-5, which this drive reads but cannot write";
    assert!(words.contains(reads) && words.contains("writes LTO-6, LTO-7, and reads LTO-5"), "{words}");
    assert!(words.contains("cannot be used in this drive"), "the other one is too old to be read: {words}");
}

#[test]
fn how_long_a_drive_gets_a_tape_ready_is_told() {
    let mut server = Server::with_library(Library { drives: 1, slots: 1, capacity_mb: 64 });
    assert!(server.stop().success());
    server.set_speed(400, 4000);
    server.restart();
    let slots = server.api.get("/api/v1/libraries/1/slots").ok();
    let slot = |kind: &str| {
        slots.as_array().unwrap().iter().find(|slot| slot["slot_type"] == kind).unwrap()["slot_number"].clone()
    };
    let body = json!({"slot_number": slot("storage"), "drive_number": slot("drive")});
    let started = server.api.post("/api/v1/libraries/1/load", body).ok();
    let state = server.api.wait_for("/api/v1/drives/1/status", |state| state["loading_seconds"].as_i64() >= Some(1));
    assert!(state["loading_percent"].is_i64(), "{state}");
    server.api.complete(started);
    let state = server.api.get("/api/v1/drives/1/status").ok();
    assert_eq!((&state["loading_seconds"], &state["loading_percent"]), (&Value::Null, &Value::Null), "{state}");
}

/// A new LTO-9 tape, which a drive measures for hours when it is first loaded, and never again.
#[test]
fn a_new_tape_of_generation_9_is_measured_once_and_how_far_that_is_is_told() {
    let mut server = Server::bare();
    let dir = server.library_dir();
    let measuring = |first_load_ms| Settings { first_load_ms, ..Settings::volatile() };
    library::create(&dir, &LibrarySpec { settings: measuring(3000), ..Default::default() }).unwrap();
    library::add_cartridge(&dir, &CartridgeSpec::new("NEW001L9").with_capacity(64 << 20), Place::AnySlot).unwrap();
    server.add_library();
    let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
    let labelling = server.api.post("/api/v1/tapes/batch-label", body).ok();
    let state = server.api.wait_for("/api/v1/drives/1/status", |state| state["loading_percent"].as_i64() >= Some(1));
    assert!(state["loading_seconds"].is_i64(), "{state}");
    server.api.complete(labelling);

    let slots = server.api.get("/api/v1/libraries/1/slots").ok();
    let loaded = |slot: &&Value| slot["slot_type"] == "drive" && slot["is_empty"] == false;
    if let Some(bay) = slots.as_array().unwrap().iter().find(loaded) {
        let body = json!({"drive_number": bay["slot_number"]});
        server.api.post("/api/v1/libraries/1/unload?wait=true", body).ok();
    }

    // It is loaded again, and measured again it would take longer than anybody waits here.
    assert!(server.stop().success());
    library::set_settings(&dir, measuring(3_600_000)).unwrap();
    server.restart();
    let source = server.folder("source");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    server.api.run_job(job, json!({}));
}
