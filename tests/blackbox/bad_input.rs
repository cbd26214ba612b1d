//! What people get wrong: each a clear error, nothing lost, nothing half-done left.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use tape_drive::virt::cartridge::WriteProtection;

/// The error of a run that was accepted and failed.
#[track_caller]
fn failed(server: &Server, started: Value, code: &str) -> String {
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!((row["status"].as_str(), row["error_code"].as_str()), (Some("failed"), Some(code)), "{row}");
    row["error_message"].as_str().unwrap().to_string()
}

#[test]
fn wrong_definitions_are_refused_by_name() {
    let server = Server::ready();
    let api = &server.api;
    let good = server.folder("good");
    files::fill(&good);
    let missing = json!({"name": "m", "source_type": "local", "path": "/does/not/exist"});
    assert!(api.post("/api/v1/sources", missing).ok_or_400().contains("/does/not/exist"));
    let glob = json!({"name": "g", "source_type": "local", "path": good, "exclude_patterns": ["ok", "bad[z-a]"]});
    assert!(api.post("/api/v1/sources", glob).ok_or_400().contains("bad[z-a]"));
    let source = api.source("good", &good);
    let cron = json!({"name": "c", "source_id": source, "pool_id": 1, "backup_type": "full",
        "schedule_cron": "61 2 * * *", "compression": "none"});
    assert!(api.post("/api/v1/jobs", cron).ok_or_400().contains("61"));
    let unknown = json!({"name": "u", "source_id": 4711, "pool_id": 1, "backup_type": "full", "compression": "none"});
    assert!(matches!(api.post("/api/v1/jobs", unknown).status, 400 | 404));
    assert_eq!(api.post("/api/v1/jobs", json!({"name": 7})).status, 400);
    assert_eq!(api.get("/api/v1/jobs/4711").status, 404);
    assert_eq!(api.get("/api/v1/jobs/abc").status, 400);
    let huge = "x".repeat(3 << 20);
    assert_eq!(api.post("/api/v1/sources", json!({"name": huge})).status, 413);
    assert!(api.get("/api/v1/jobs").ok().as_array().unwrap().is_empty(), "nothing half-done was left");
}

impl crate::api::Answer {
    #[track_caller]
    fn ok_or_400(self) -> String {
        assert_eq!(self.status, 400, "{}", self.body);
        self.body["error"].as_str().unwrap().to_string()
    }
}

#[test]
fn a_share_that_is_not_mounted_is_never_an_empty_backup() {
    let server = Server::ready();
    let api = &server.api;
    let point = server.folder("mountpoint");
    let body = json!({"name": "share", "source_type": "nfs", "path": point, "allow_missing": true});
    let source = api.post("/api/v1/sources", body);
    if source.status == 400 {
        assert!(source.body["error"].as_str().unwrap().contains("mount"), "{}", source.body);
        return;
    }
    let job = api.job("j", source.ok()["id"].as_i64().unwrap(), 1, json!({}));
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let message = failed(&server, started, "source_not_mounted");
    assert!(message.contains("mount"), "{message}");
    assert!(api.get("/api/v1/backup-sets").ok().as_array().unwrap().is_empty());
}

#[test]
fn a_pool_without_tapes_and_full_tapes_say_so() {
    let server = Server::with_library(Library { drives: 1, slots: 1, capacity_mb: 32 });
    let api = &server.api;
    let source = server.folder("s");
    std::fs::write(source.join("big"), files::noise(1, 60 << 20)).unwrap();
    let source = api.source("s", &source);
    let nowhere = api.job("empty pool", source, 2, json!({}));
    let started = api.post(&format!("/api/v1/jobs/{nowhere}/run"), json!({}));
    match started.status {
        202 => drop(failed(&server, started.body, "no_tape")),
        _ => assert!(started.body["error"].as_str().unwrap().contains("no suitable tape"), "{}", started.body),
    }
    let job = api.job("too big", source, 1, json!({}));
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let request = api.tape_change(&started);
    assert_eq!((&request["reason"], &request["current_tape_id"]), (&json!("tape_full"), &json!(1)), "{request}");
    let why = api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok()["why"].to_string();
    assert!(why.contains("filled by this run"), "{why}");
    api.post(&format!("/api/v1/tape-changes/{}/cancel", request["id"]), json!({})).ok();
    assert_eq!(api.wait(&started["execution_id"])["status"], "cancelled");
    let tape = api.get("/api/v1/tapes/1").ok();
    assert_eq!(tape["status"], "full");
    let sets = api.get("/api/v1/backup-sets").ok();
    assert_eq!(sets[0]["status"], "cancelled");
}

#[test]
fn tapes_that_are_not_what_they_seem_are_not_written() {
    let mut server = Server::bare();
    let library = Library { drives: 1, slots: 3, capacity_mb: 64 };
    server.create_library(&library);
    server.add_library();
    let dir = server.library_dir();
    let source = server.folder("s");
    files::fill(&source);

    // a foreign tape: somebody's archive without a label of ours
    let api = server.api.clone();
    let slots = api.get("/api/v1/libraries/1/slots").ok();
    let storage: Vec<&Value> = slots.as_array().unwrap().iter().filter(|slot| slot["slot_type"] == "storage").collect();
    let codes: Vec<String> = storage.iter().map(|slot| slot["barcode"].as_str().unwrap().to_string()).collect();
    server.kill();
    write_foreign(&dir.join(format!("cartridges/{}.tap", codes[0])));
    server.restart();
    let api = server.api.clone();

    // an unlabelled tape in the pool is no candidate
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    for code in &codes {
        api.post("/api/v1/tapes", json!({"label": code, "barcode": code, "pool_id": 1, "write_label": false})).ok();
    }
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({}));
    match started.status {
        202 => assert!(failed(&server, started.body, "no_tape").contains("not labelled")),
        _ => assert!(started.body["error"].as_str().unwrap().contains("no suitable tape"), "{}", started.body),
    }

    // labelling refuses what would destroy data
    let started = api.post("/api/v1/tapes/1/label", json!({"label": codes[0], "force": false})).ok();
    failed(&server, started, "tape_not_blank");
    let started = api.post("/api/v1/tapes/2/label", json!({"label": codes[1]})).ok();
    api.complete(started);
    let started = api.post("/api/v1/tapes/2/label", json!({"label": "OTHER"}));
    match started.status {
        202 => drop(failed(&server, started.body, "already_labelled")),
        status => assert_eq!(status, 409, "{}", started.body),
    }
    let run = api.run_job(job, json!({}));
    assert_eq!(run["tape_id"], 2, "{run}");
    // a tape with sets that count is not formatted
    let drive = run["drive_id"].clone();
    let started = api.post(&format!("/api/v1/drives/{drive}/format-tape"), json!({"confirm": true})).ok();
    failed(&server, started, "tape_in_use");
    assert_eq!(api.post("/api/v1/tapes/2/format", json!({"drive_id": drive})).status, 400, "needs confirm");

    // write protection is found before the job writes
    let started = api.post("/api/v1/tapes/3/label", json!({"label": codes[2]})).ok();
    let row = api.complete(started);
    api.post(&format!("/api/v1/drives/{}/eject?wait=true", row["drive_id"]), json!({})).ok();
    server.kill();
    tape_drive::virt::library::set_write_protection(&dir, &codes[2], WriteProtection::On).unwrap();
    server.restart();
    let api = server.api.clone();
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": 3})).ok();
    let message = failed(&server, started, "write_protected");
    assert!(message.contains("tab"), "{message}");
    let to = server.dir.path().join("r");
    api.restore(json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}

/// A record of 10240 bytes and a filemark, as `tar` would have left them.
pub fn write_foreign(image: &std::path::Path) {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&10240u32.to_le_bytes());
    bytes.extend_from_slice(&files::noise(5, 10240));
    bytes.extend_from_slice(&10240u32.to_le_bytes());
    bytes.extend_from_slice(&0u32.to_le_bytes());
    std::fs::write(image, bytes).unwrap();
}

#[test]
fn a_cartridge_that_carries_the_label_of_another_tape_is_not_written() {
    let mut server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let first = server.api.run_job(job, json!({"tape_id": 1}));
    let barcode = |id: i32| {
        let tape = server.api.get(&format!("/api/v1/tapes/{id}")).ok();
        tape["barcode"].as_str().unwrap().to_string()
    };
    let (one, two) = (barcode(1), barcode(2));
    server.kill();
    // somebody stuck the wrong bar code on: cartridge 2 is a twin of tape 1
    for (extension, needed) in [("tap", true), ("idx", false)] {
        let from = server.library_dir().join(format!("cartridges/{one}.{extension}"));
        let to = server.library_dir().join(format!("cartridges/{two}.{extension}"));
        let copied = std::fs::copy(from, to);
        assert!(copied.is_ok() || !needed, "{copied:?}");
    }
    let before = std::fs::read(server.library_dir().join(format!("cartridges/{two}.tap"))).unwrap();
    server.restart();
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": 2})).ok();
    let message = failed(&server, started, "wrong_tape");
    assert!(message.contains(&two) && message.contains(&one), "it names both: {message}");
    let after = std::fs::read(server.library_dir().join(format!("cartridges/{two}.tap"))).unwrap();
    assert!(before == after, "nothing was written to it");
    let set = &first["result"]["backup_set_id"];
    let verified = server.api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok();
    server.api.complete(verified);
}

#[test]
fn who_wants_a_busy_drive_waits_and_is_told_for_whom() {
    let server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 512 });
    let api = &server.api;
    let source = server.folder("s");
    std::fs::write(source.join("big"), files::noise(3, 80 << 20)).unwrap();
    let job = api.job("j", api.source("s", &source), 1, json!({"compression": "gzip"}));
    let run = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let since = std::time::Instant::now();
    while api.get(&format!("/api/v1/executions/{}", run["execution_id"])).ok()["phase"] != "streaming" {
        assert!(since.elapsed().as_secs() < 60);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let eject = api.post("/api/v1/drives/1/eject?wait=false", json!({})).ok();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let waiting = api.get(&format!("/api/v1/executions/{}", eject["execution_id"])).ok();
    assert_eq!(waiting["phase"], "waiting", "{waiting}");
    let message = waiting["message"].as_str().unwrap();
    assert!(message.contains(&format!("execution {}", run["execution_id"])), "{message}");
    api.complete(run);
    api.complete(eject);
    assert!(api.get("/api/v1/drives").ok()[0]["current_tape"].is_null(), "ejected afterwards");
}
