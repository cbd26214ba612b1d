//! Sets over several tapes of which one cannot be read any more: all that is on the others comes back, and what does not is
//! named, by restores, plans, retention, rebuilds and `recover`.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const TAPES: [&str; 3] = ["A00001L9", "A00002L9", "A00003L9"];
/// What needs tape 2.
const MIDDLE: [&str; 4] = ["b huge", "m/0", "m/1", "n huge"];
/// What does not.
const OUTER: [&str; 4] = ["a/0", "a/1", "z/0", "z/1"];

/// A set of three parts: `a` on tape 1, `b huge` on 1 and 2, `m` on tape 2, `n huge` on 2 and 3, `z` on tape 3.
fn spanned() -> (Server, PathBuf, Value) {
    let server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 64 });
    let source = server.folder("s");
    for folder in ["a", "m", "z"] {
        std::fs::create_dir(source.join(folder)).unwrap();
        for number in 0..2u64 {
            std::fs::write(source.join(format!("{folder}/{number}")), files::noise(number, 30_000)).unwrap();
        }
    }
    std::fs::write(source.join("b huge"), files::noise(8, 80 << 20)).unwrap();
    std::fs::write(source.join("n huge"), files::noise(9, 70 << 20)).unwrap();
    files::whole_seconds(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    let run = server.api.run_job(job, json!({"tape_id": 1}));
    let set = server.api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    let labels: Vec<&str> =
        set["parts"].as_array().unwrap().iter().map(|part| part["tape_label"].as_str().unwrap()).collect();
    assert_eq!(labels, TAPES, "{set}");
    (server, source, set)
}

fn image(server: &Server, tape: &str) -> PathBuf {
    server.library_dir().join(format!("cartridges/{tape}.tap"))
}

/// Restores; the execution, and where to.
fn restore(server: &Server, name: &str, mut body: Value) -> (Value, PathBuf) {
    let to = server.dir.path().join(name);
    body["dest_path"] = json!(to);
    let started = server.api.post("/api/v1/restore/run", body).ok();
    // nobody brings the tape that is gone
    loop {
        let row = server.api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
        if row["end_time"].is_string() {
            return (row, to);
        }
        if let Some(request) = row["tape_change"]["id"].as_i64() {
            server.api.post(&format!("/api/v1/tape-changes/{request}/cancel"), json!({}));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Everything but what needs tape 2 is there, and what needs it is named and not there.
#[track_caller]
fn assert_outer_only(row: &Value, source: &Path, to: &Path) {
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("restore_incomplete")), "{row}");
    let errors = row["result"]["errors"].to_string();
    for path in MIDDLE {
        assert!(errors.contains(path), "{path} is not named: {errors}");
        assert!(!to.join(path).exists(), "{path} is there, and cannot be whole");
    }
    for path in OUTER {
        assert!(!errors.contains(&format!("\"{path}")), "{path}: {errors}");
        assert_eq!(std::fs::read(to.join(path)).unwrap(), std::fs::read(source.join(path)).unwrap(), "{path}");
    }
}

/// What `recover` makes of images of tapes 1 and 3.
fn assert_recovered(server: &Server, source: &Path, name: &str) {
    let to = server.dir.path().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_tapebackarr"))
        .args(["recover", "--non-interactive"])
        .args([image(server, TAPES[0]), image(server, TAPES[2])])
        .arg("--to")
        .arg(&to)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "not everything came back: {told}");
    assert!(told.contains("part 2"), "{told}");
    for path in OUTER {
        assert_eq!(std::fs::read(to.join(path)).unwrap(), std::fs::read(source.join(path)).unwrap(), "{path}");
    }
    for path in MIDDLE {
        assert!(!to.join(path).exists(), "{path}");
    }
}

#[test]
fn a_middle_tape_that_was_erased_elsewhere_costs_what_was_on_it() {
    let (mut server, source, set) = spanned();
    let id = &set["id"];
    // not by this server: the set is kept
    let started = server.api.post("/api/v1/tapes/3/format", json!({"drive_id": 1, "confirm": true})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!(row["error_code"], "tape_in_use", "{row}");
    let preview = server.api.get("/api/v1/retention/preview?tape_id=2").ok();
    let why = preview["tapes"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains(&format!("set {id}")) && why.contains("kept"), "{preview}");

    assert!(server.stop().success());
    std::fs::write(image(&server, TAPES[1]), b"").unwrap();
    server.restart();
    let (row, to) = restore(&server, "erased", json!({"backup_set_id": id}));
    assert_outer_only(&row, &source, &to);
    let row = server.api.wait(&server.api.post("/api/v1/tapes/2/verify", json!({})).ok()["execution_id"]);
    assert_eq!(row["error_code"], "verify_failed", "{row}");
    let row =
        server.api.wait(&server.api.post(&format!("/api/v1/backup-sets/{id}/verify"), json!({})).ok()["execution_id"]);
    assert_eq!(row["error_code"], "verify_failed", "{row}");
    let detail = server.api.get(&format!("/api/v1/backup-sets/{id}")).ok();
    assert!(detail["verified_at"].is_null(), "{detail}");
    assert_recovered(&server, &source, "recovered");

    // and the tapes alone say the same
    server.lose_everything_but_tapes();
    let row =
        server.api.wait(&server.api.post("/api/v1/catalog/rebuild", json!({"library_id": 1})).ok()["execution_id"]);
    assert_eq!(row["status"], "completed", "{row}");
    let found = server.api.get("/api/v1/backup-sets").ok()[0].clone();
    assert_eq!((&found["uuid"], &found["status"]), (&set["uuid"], &json!("incomplete")), "{found}");
    assert!(found["incomplete_reason"].as_str().unwrap().starts_with("part 2 of 3"), "{found}");
    let wanted = json!({"backup_set_id": found["id"], "only_this_set": true});
    let plan = server.api.post("/api/v1/restore/plan", wanted.clone()).ok();
    let broken = plan["broken"].to_string();
    assert!(broken.contains("n huge") && !broken.contains("a/0") && !broken.contains("z/0"), "{plan}");
    let labels: Vec<&Value> =
        plan["required_tapes"].as_array().unwrap().iter().map(|needed| &needed["tape"]["label"]).collect();
    assert_eq!(labels, [TAPES[0], TAPES[2]], "{plan}");
    let (row, to) = restore(&server, "rebuilt", wanted);
    for path in OUTER {
        assert_eq!(std::fs::read(to.join(path)).unwrap(), std::fs::read(source.join(path)).unwrap(), "{path}");
    }
    assert_eq!(row["status"], "failed", "it names what is missing: {row}");
    let preview = server.api.get("/api/v1/retention/preview").ok().to_string();
    assert!(preview.contains("parts of it are missing"), "{preview}");
}

#[test]
fn a_middle_tape_that_is_lost_costs_what_was_on_it() {
    let (mut server, source, set) = spanned();
    assert!(server.stop().success());
    std::fs::remove_file(image(&server, TAPES[1])).unwrap();
    server.restart();
    server.api.post("/api/v1/libraries/1/inventory?wait=true", json!({}));
    let (row, to) = restore(&server, "lost", json!({"backup_set_id": set["id"]}));
    assert_outer_only(&row, &source, &to);
    assert_recovered(&server, &source, "recovered");
}

#[test]
fn damage_on_a_middle_tape_costs_the_file_that_it_touches() {
    let (mut server, source, set) = spanned();
    assert!(server.stop().success());
    let path = image(&server, TAPES[1]);
    let mut bytes = std::fs::read(&path).unwrap();
    let content = &files::noise(9, 70 << 20)[10 << 20..(10 << 20) + 64];
    let at = bytes.windows(64).position(|window| window == content).expect("it is on this tape");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    server.restart();
    let (row, to) = restore(&server, "damaged", json!({"backup_set_id": set["id"]}));
    assert_eq!(row["error_code"], "restore_incomplete", "{row}");
    let errors = row["result"]["errors"].as_array().unwrap().clone();
    assert!(errors.len() == 1 && errors[0].to_string().contains("n huge"), "{row}");
    assert!(!to.join("n huge").exists());
    for path in OUTER.iter().chain(&MIDDLE[..3]) {
        assert_eq!(std::fs::read(to.join(path)).unwrap(), std::fs::read(source.join(path)).unwrap(), "{path}");
    }
}

/// The set has expired, and one of its tapes was written anew: the catalog says nothing of it any more, and what the other tapes
/// still hold can be had from them.
#[test]
fn a_middle_tape_that_was_reused_leaves_the_others_to_recover() {
    let (mut server, source, set) = spanned();
    server.api.send("DELETE", &format!("/api/v1/backup-sets/{}", set["id"]), None).ok();
    server.api.send("PUT", "/api/v1/tapes/2", Some(&json!({"status": "expired"}))).ok();
    let other = server.folder("other");
    std::fs::write(other.join("x"), files::noise(3, 100_000)).unwrap();
    files::whole_seconds(&other);
    let job = server.api.job("other", server.api.source("other", &other), 1, json!({}));
    let run = server.api.run_job(job, json!({"tape_id": 2}));
    assert_eq!(run["tape_id"], 2, "{run}");
    assert!(!server.api.get("/api/v1/backup-sets?limit=100").ok().to_string().contains(set["uuid"].as_str().unwrap()));
    assert_recovered(&server, &source, "recovered");
    server.lose_everything_but_tapes();
    let row =
        server.api.wait(&server.api.post("/api/v1/catalog/rebuild", json!({"library_id": 1})).ok()["execution_id"]);
    assert_eq!(row["status"], "completed", "{row}");
    let sets = server.api.get("/api/v1/backup-sets?limit=100").ok();
    let found = sets.as_array().unwrap().iter().find(|found| found["uuid"] == set["uuid"]).unwrap();
    assert_eq!(found["status"], "incomplete", "{sets}");
    let (_, to) = restore(&server, "rest", json!({"backup_set_id": found["id"], "only_this_set": true}));
    for path in OUTER {
        assert_eq!(std::fs::read(to.join(path)).unwrap(), std::fs::read(source.join(path)).unwrap(), "{path}");
    }
    let whole = sets.as_array().unwrap().iter().find(|found| found["uuid"] == run["result"]["uuid"]).unwrap();
    let (row, to) = restore(&server, "other-r", json!({"backup_set_id": whole["id"]}));
    assert_eq!(row["status"], "completed", "{row}");
    files::assert_equal(&other, &to);
}
