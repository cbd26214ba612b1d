//! `drive test` and `drive speed` on a drive of files, and what the server tells of a drive's health.

use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use tape_drive::virt::library::{self, Settings};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place};
use tape_drive::{FilemarkSync, open_drive};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");

/// A drive that stands alone, with a blank tape of 64 MiB.
fn drive() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let spec = LibrarySpec { slots: 0, mail_slots: 0, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(dir.path(), &spec).unwrap();
    let cartridge = CartridgeSpec::new("TB0001L9").with_capacity(64 << 20);
    library::add_cartridge(dir.path(), &cartridge, Place::Drive(0)).unwrap();
    let device = format!("virtual:{}#drive0", dir.path().display());
    (dir, device)
}

fn run(args: &[&str]) -> (Output, Value) {
    let output = Command::new(PROGRAM).args(args).arg("--json").output().unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, answer)
}

fn verdicts(answer: &Value, verdict: &str) -> Vec<String> {
    let checks = answer["checks"].as_array().unwrap();
    let found = checks.iter().filter(|check| check["verdict"] == verdict);
    found.map(|check| check["check"].as_str().unwrap().to_owned()).collect()
}

fn image(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join("cartridges/TB0001L9.tap")).unwrap()
}

#[test]
fn a_good_drive_passes_every_check() {
    let (dir, device) = drive();
    let (output, answer) = run(&["drive", "test", &device]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&answer["passed"], verdicts(&answer, "failed")), (&json!(true), vec![]), "{answer}");
    assert!(image(dir.path()).is_empty(), "nothing is written unless it is said");

    let (output, answer) = run(&["drive", "test", &device, "--destructive", "--fill"]);
    assert!(output.status.success(), "{answer} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(verdicts(&answer, "skipped"), Vec::<String>::new(), "{answer}");
    assert!(verdicts(&answer, "passed").len() >= 22, "{answer}");
    assert!(image(dir.path()).is_empty(), "the tape is left blank");
}

#[test]
fn a_bad_drive_fails_the_check_that_it_fails() {
    use tape_drive::Operation;
    use tape_drive::fault::{Condition, FaultPlan};
    let (dir, device) = drive();
    let plan = FaultPlan::nth_of(3, Operation::Write, Condition::MediumError);
    std::fs::write(dir.path().join("drive0.faults"), serde_json::to_vec(&plan).unwrap()).unwrap();
    let (output, answer) = run(&["drive", "test", &device, "--destructive"]);
    assert_eq!(output.status.code(), Some(1), "{answer}");
    assert!(verdicts(&answer, "failed").contains(&"blocks and filemarks come back".to_owned()), "{answer}");
    assert_eq!(answer["passed"], false);
}

#[test]
fn a_tape_that_may_be_wanted_is_not_overwritten() {
    let (dir, device) = drive();
    let mut open = open_drive(&device).unwrap();
    while open.status().is_err() {}
    for _ in 0..3 {
        open.write_block(b"data of somebody").unwrap();
    }
    open.write_filemarks(1, FilemarkSync::Flush).unwrap();
    let (output, _) = run(&["drive", "test", &device]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use"), "an open drive is not touched");
    drop(open);
    let before = image(dir.path());
    for command in [["drive", "test", &device, "--destructive"], ["drive", "speed", &device, "--size=1MiB"]] {
        let (output, _) = run(&command);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("data on the tape") && said.contains("--force"), "{said}");
        assert_eq!(image(dir.path()), before);
    }
    let (output, answer) = run(&["drive", "speed", &device, "--size", "8MiB", "--block-size", "256KiB", "--force"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&answer["compared"], &answer["read"]["bytes"]), (&json!(true), &json!(8 << 20)), "{answer}");
    assert!(answer["write"]["block_ms"].as_array().unwrap().iter().all(Value::is_number), "{answer}");
}

#[test]
fn an_alert_is_raised_and_the_label_is_in_the_cartridge_memory() {
    let server = Server::with_library(Library { drives: 1, slots: 1, capacity_mb: 64 });
    let cartridge = library::cartridge(&server.library_dir(), "A00001L9").unwrap();
    let label = cartridge.attributes.iter().find(|attribute| attribute.id == 0x0803).and_then(|label| label.as_str());
    assert_eq!(label, Some("A00001L9"), "{:?}", cartridge.attributes);
    let name = cartridge.attributes.iter().find(|attribute| attribute.id == 0x0801).and_then(|name| name.as_str());
    assert_eq!(name, Some("TapeBackarr"));

    library::request_cleaning(&server.library_dir(), 0).unwrap();
    let alerts = server.api.wait_for("/api/v1/drives/1/alerts", |alerts| {
        // asking for the encryption asks the drive
        server.api.get("/api/v1/drives/1/hardware-encryption").ok();
        !alerts.as_array().unwrap().is_empty()
    });
    assert_eq!((&alerts[0]["severity"], &alerts[0]["resolved"]), (&json!("critical"), &json!(false)), "{alerts}");
    assert_eq!(server.api.get("/api/v1/drives/1/statistics").ok()["cleaning_required"], true);
}

#[test]
fn a_drive_of_the_server_is_tested_by_the_server_and_so_is_its_robot() {
    let server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 512 });
    let api = &server.api;
    let dir = server.library_dir();
    let load = |barcode: &str| {
        api.post("/api/v1/libraries/1/inventory", json!({})).ok();
        let slots = api.get("/api/v1/libraries/1/slots").ok();
        let number = |field: &str, value: &str| {
            let slot = slots.as_array().unwrap().iter().find(|slot| slot[field] == value);
            slot.unwrap_or_else(|| panic!("{slots}"))["slot_number"].clone()
        };
        let body = json!({"slot_number": number("barcode", barcode), "drive_number": number("slot_type", "drive")});
        api.complete(api.post("/api/v1/libraries/1/load", body).ok());
    };
    load("A00001L9");
    let printed = server.cli_as_admin(&["drive", "test", "D0", "--json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["passed"], true, "{report}");
    let robot = "the robot takes the tape out and back".to_owned();
    assert!(verdicts(&report, "passed").contains(&robot), "{report}");
    assert_eq!(api.get("/api/v1/drives/1/status").ok()["label"], "A00001L9", "it is where it was");

    // What has a label is not overwritten, even if nothing else is on it.
    let before = std::fs::read(dir.join("cartridges/A00001L9.tap")).unwrap();
    let started = api.post("/api/v1/drives/1/test", json!({"destructive": true})).ok();
    let row = api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("tape_not_blank")), "{row}");
    assert_eq!(std::fs::read(dir.join("cartridges/A00001L9.tap")).unwrap(), before);
    api.post("/api/v1/drives/1/test", json!({"fill": true})).fails(400, "bad_request");

    library::put(&dir, "A00002L9", Place::Shelf).unwrap();
    library::add_cartridge(&dir, &CartridgeSpec::new("BLANK1L9").with_capacity(512 << 20), Place::AnySlot).unwrap();
    load("BLANK1L9");
    let row = api.complete(api.post("/api/v1/drives/1/test", json!({"destructive": true})).ok());
    assert_eq!(row["result"]["passed"], true, "{row}");
    for check in ["encryption", "every block can be located", robot.as_str()] {
        assert!(verdicts(&row["result"], "passed").contains(&check.to_owned()), "{row}");
    }
}
