//! Drives that ask for a cleaning cartridge are cleaned between two parts, and never keep a run from its end.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use tape_drive::virt::CartridgeSpec;
use tape_drive::virt::library::{self, Place};

const CLEANER: &str = "CLNU01L9";

/// One drive, five tapes, and in the sixth slot a cleaning cartridge; the drive takes some seconds for a tape.
fn server(cleanings_left: Option<u16>) -> (Server, Value) {
    let mut server = Server::with_library(Library { drives: 1, slots: 6, capacity_mb: 40 });
    let dir = server.library_dir();
    let last = server.api.get("/api/v1/tapes/6").ok()["label"].as_str().unwrap().to_string();
    server.cli(&["virtual", "move", dir.to_str().unwrap(), &last, "--to", "shelf"]);
    if let Some(left) = cleanings_left {
        library::add_cartridge(&dir, &CartridgeSpec::new(CLEANER), Place::AnySlot).unwrap();
        change(&server, |cartridge| cartridge["cleanings_left"] = json!(left));
    }
    let source = server.folder("s");
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    std::fs::write(source.join("later"), files::noise(3, 100_000)).unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    assert!(server.stop().success());
    server.slow_drives(20);
    server.restart();
    (server, json!(job))
}

fn cartridge(server: &Server) -> Value {
    let file = server.library_dir().join(format!("cartridges/{CLEANER}.json"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn change(server: &Server, change: impl Fn(&mut Value)) {
    let mut value = cartridge(server);
    change(&mut value);
    let file = server.library_dir().join(format!("cartridges/{CLEANER}.json"));
    std::fs::write(file, value.to_string()).unwrap();
}

/// Runs the job; the drive asks for cleaning in the middle of the first part. Returns the run's log.
fn run_on_a_dirty_drive(server: &Server, job: &Value) -> Vec<String> {
    let api = &server.api;
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let row = format!("/api/v1/executions/{}", started["execution_id"]);
    api.wait_for(&row, |row| row["phase"] == "streaming" && row["bytes_written"].as_i64().unwrap_or(0) > 4 << 20);
    library::request_cleaning(&server.library_dir(), 0).unwrap();
    let run = api.complete(started);
    let set = api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    assert_eq!(set["parts"].as_array().map(Vec::len), Some(2), "the part that was being written is not cut: {set}");
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": set["id"], "dest_path": to}));
    files::assert_equal(&server.dir.path().join("s"), &to);
    let log = api.get(&format!("{row}/logs?limit=1000")).ok();
    log.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_string()).collect()
}

fn place(log: &[String], words: &str) -> usize {
    log.iter().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {log:#?}"))
}

fn alerts(server: &Server) -> Vec<Value> {
    let alerts = server.api.get("/api/v1/drives/1/alerts").ok();
    let open = |alert: &&Value| alert["category"] == "cleaning" && alert["resolved"] == false;
    alerts.as_array().unwrap().iter().filter(open).cloned().collect()
}

#[test]
fn a_drive_that_asks_while_it_writes_is_cleaned_before_the_next_tape() {
    let (server, job) = server(Some(2));
    let log = run_on_a_dirty_drive(&server, &job);
    let order = ["(part 1)", "is full", "asks for a cleaning cartridge", "Cleaning drive D0 with CLNU01L9", "(part 2)"];
    let places: Vec<usize> = order.iter().map(|words| place(&log, words)).collect();
    assert!(places.is_sorted(), "{places:?} {log:#?}");
    assert_eq!(cartridge(&server)["cleanings_left"], 1);
    let state = library::read(&server.library_dir()).unwrap();
    assert!(!state.drives[0].health.cleaning_required);
    assert!(state.slots.iter().any(|slot| slot.cartridge.as_deref() == Some(CLEANER)), "it is back in its slot");
    let statistics = server.api.get("/api/v1/drives/1/statistics").ok();
    assert!(statistics["last_cleaned_at"].is_string() && statistics["cleaning_required"] == false, "{statistics}");
    assert!(server.api.get("/api/v1/events?limit=100").ok().to_string().contains("Drive Cleaned"));

    // once more, right away: more cleaning would not help
    library::request_cleaning(&server.library_dir(), 0).unwrap();
    server.api.run_job(job.as_i64().unwrap(), json!({}));
    assert_eq!(cartridge(&server)["cleanings_left"], 1);
    let alerts = alerts(&server);
    assert!(alerts[0]["message"].as_str().unwrap().contains("asks again"), "{alerts:?}");
}

#[test]
fn without_a_cleaning_cartridge_a_person_is_told_once_and_the_run_goes_on() {
    for (left, why) in [(None, "has no cleaning cartridge"), (Some(0), "used up (CLNU01L9)")] {
        let (server, job) = server(left);
        let log = run_on_a_dirty_drive(&server, &job);
        assert!(place(&log, why) < place(&log, "(part 2)"), "{log:#?}");
        let alerts = alerts(&server);
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert!(alerts[0]["message"].as_str().unwrap().contains(why), "{alerts:?}");
        assert_eq!(server.api.get("/api/v1/drives/1/statistics").ok()["last_cleaned_at"], Value::Null);
        let events = server.api.get("/api/v1/events?limit=100").ok().to_string();
        assert_eq!(events.matches("Cleaning Needed").count(), 1, "{events}");
    }
}
