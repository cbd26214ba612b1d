//! A rebuild that is killed, drives that cannot read on, and cartridges that are not what they say.

use super::rows;
use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tape_drive::fault::{Condition, Fault, FaultPlan, Repeat, When};

fn start(server: &Server, body: Value) -> Value {
    server.api.post("/api/v1/catalog/rebuild", body).ok()
}

fn rebuild(server: &Server, body: Value) -> Value {
    server.api.wait(&start(server, body)["execution_id"])
}

fn image(server: &Server, barcode: &str) -> PathBuf {
    server.library_dir().join(format!("cartridges/{barcode}.tap"))
}

fn set(server: &Server, uuid: &str) -> Value {
    let sets = server.api.get("/api/v1/backup-sets?limit=100").ok();
    sets.as_array().unwrap().iter().find(|set| set["uuid"] == uuid).cloned().unwrap_or_else(|| panic!("{uuid}: {sets}"))
}

#[track_caller]
fn comes_back(server: &Server, uuid: &str, source: &Path) {
    let to = server.dir.path().join(format!("r-{uuid}-{}", std::process::id()));
    server.api.restore(json!({"backup_set_id": set(server, uuid)["id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(source, &to);
    std::fs::remove_dir_all(to).unwrap();
}

/// A run of a job of its own on a tape; its folder, and the name of its set.
fn run_on(server: &Server, tape: i32, name: &str, count: u64) -> (PathBuf, String) {
    let source = server.folder(name);
    for number in 0..count {
        let folder = source.join(format!("d{:02}", number % 20));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{number}")), files::noise(number, 300)).unwrap();
    }
    files::whole_seconds(&source);
    let job = server.api.job(name, server.api.source(name, &source), 1, json!({}));
    let run = server.api.run_job(job, json!({"tape_id": tape}));
    (source, run["result"]["uuid"].as_str().unwrap().to_string())
}

/// Killed while it reads contents into the catalog, and between two tapes: what is there then is as it should be or not there
/// at all, and the next rebuild makes it whole.
#[test]
fn a_rebuild_is_killed_again_and_again_and_begun_anew() {
    let mut server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 128 });
    let mut sets = Vec::new();
    for (tape, count) in [(1, 300), (2, 6000), (3, 2000)] {
        sets.push(run_on(&server, tape, &format!("job{tape}"), count));
    }
    let before = rows::all(&server);
    server.set_speed(400, 150);
    server.lose_everything_but_tapes();
    let mut interrupted = 0;
    for (tape, after_ms) in [(2, 60), (2, 250), (2, 400), (3, 60), (3, 300)] {
        let started = start(&server, json!({"library_id": 1}));
        let log = format!("/api/v1/executions/{}/logs", started["execution_id"]);
        let reached = format!("Tape {tape} of");
        server.api.wait_for(&log, |lines| lines.to_string().contains(&reached));
        std::thread::sleep(std::time::Duration::from_millis(after_ms));
        server.kill_and_restart();
        let row = server.api.wait(&started["execution_id"]);
        if row["status"] != "completed" {
            assert_eq!(row["error_code"], "interrupted", "{row}");
            interrupted += 1;
        }
        // nothing that is half there says that it is whole
        for (source, uuid) in &sets {
            let listed = server.api.get("/api/v1/backup-sets?limit=100").ok();
            let found = listed.as_array().unwrap().iter().find(|set| set["uuid"] == uuid.as_str()).cloned();
            if found.is_some_and(|set| set["status"] == "completed") {
                comes_back(&server, uuid, source);
            }
        }
    }
    assert!(interrupted >= 2, "the test is to kill it while it is at work");
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    rows::assert_same(&before, &rows::all(&server));
    for (source, uuid) in &sets {
        comes_back(&server, uuid, source);
    }
}

/// A block that no drive can read any more: contents of one set are taken from its data, everything else is taken in, and what is
/// wrong is said.
#[test]
fn a_tape_that_cannot_be_read_somewhere_gives_everything_else() {
    let mut server = Server::with_library(Library { drives: 1, slots: 3, capacity_mb: 128 });
    let first = run_on(&server, 1, "first", 200);
    let second = run_on(&server, 1, "second", 200);
    let third = run_on(&server, 1, "third", 200);
    let other = run_on(&server, 2, "other", 20);
    let detail = server.api.get(&format!("/api/v1/backup-sets/{}", set(&server, &second.1)["id"])).ok();
    let (toc, data) = (detail["parts"][0]["toc_block"].clone(), detail["parts"][0]["first_block"].clone());
    let before = rows::all(&server);
    server.lose_everything_but_tapes();
    let unreadable = |server: &mut Server, blocks: &[&Value]| {
        assert!(server.stop().success());
        let fault = |block: &&Value| Fault {
            when: When::At { block: block.as_u64().unwrap() },
            condition: Condition::MediumError,
            repeat: Repeat::Always,
        };
        let plan = FaultPlan { seed: None, faults: blocks.iter().map(fault).collect() };
        std::fs::write(server.library_dir().join("drive0.faults"), serde_json::to_vec(&plan).unwrap()).unwrap();
        server.restart();
    };

    // its contents, and its data: nothing of it can be had
    unreadable(&mut server, &[&toc, &data]);
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["error_code"], "rebuild_incomplete", "{row}");
    let said = row["result"]["problems"].to_string();
    assert!(said.contains(&second.1) || said.contains("tape file 3"), "{said}");
    for (source, uuid) in [&first, &third, &other] {
        comes_back(&server, uuid, source);
    }
    let listed = server.api.get("/api/v1/backup-sets?limit=100").ok();
    let lost = listed.as_array().unwrap().iter().find(|set| set["uuid"] == second.1.as_str());
    assert!(lost.is_none_or(|set| set["status"] == "incomplete"), "{listed}");

    // only its contents: they are made from its data
    unreadable(&mut server, &[&toc]);
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["result"]["parts"]["salvaged"], 1, "{row}");
    comes_back(&server, &second.1, &second.0);

    // a drive that can read it: nothing is lost
    std::fs::remove_file(server.library_dir().join("drive0.faults")).unwrap();
    server.lose_everything_but_tapes();
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    let after = rows::all(&server);
    for table in ["sets", "parts", "catalog", "snapshots"] {
        assert_eq!(before[table], after[table], "{table}");
    }
}

/// Two cartridges with the label of one tape, written on since by two servers: what the first holds is taken in, the second is
/// refused and named, and the tape is not written before a person has looked.
#[test]
fn a_second_cartridge_with_the_same_label_is_refused() {
    let mut server = Server::with_library(Library { drives: 1, slots: 3, capacity_mb: 128 });
    let (_, common) = run_on(&server, 1, "common", 20);
    let data = server.dir.path().join("data");
    let aside = server.dir.path().join("aside");
    assert!(server.stop().success());
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    copy(&data, &aside);
    server.restart();
    let (_, here) = run_on(&server, 1, "here", 20);
    assert!(server.stop().success());
    let written_here = server.dir.path().join("here.tap");
    std::fs::copy(image(&server, "A00001L9"), &written_here).unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&aside, &data).unwrap();
    server.restart();
    let (_, there) = run_on(&server, 1, "there", 20);
    assert!(server.stop().success());
    std::fs::copy(&written_here, image(&server, "A00002L9")).unwrap();
    server.restart();
    server.api.get("/api/v1/tapes").ok();
    server.lose_everything_but_tapes();

    // side by side in one library
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["error_code"], "rebuild_incomplete", "{row}");
    let said = row["result"]["problems"].to_string();
    assert!(said.contains("cartridge A00002L9 carries the label of tape 'A00001L9'"), "{said}");
    let listed = server.api.get("/api/v1/backup-sets?limit=100").ok().to_string();
    assert!(listed.contains(&common) && listed.contains(&there) && !listed.contains(&here), "{listed}");
    let before = rows::all(&server);

    // another day, alone
    let dir = server.library_dir();
    server.cli(&["virtual", "move", dir.to_str().unwrap(), "A00001L9", "--to", "shelf"]);
    server.api.post("/api/v1/libraries/1/inventory?wait=true", json!({})).ok();
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["error_code"], "rebuild_incomplete", "{row}");
    let said = row["result"]["problems"].to_string();
    assert!(said.contains("two cartridges carry the label") && said.contains(&here) && said.contains(&there), "{said}");
    let after = rows::all(&server);
    for table in ["sets", "parts", "catalog", "snapshots"] {
        assert_eq!(before[table], after[table], "{table}");
    }
    let tapes = server.api.get("/api/v1/tapes").ok();
    let tape = tapes.as_array().unwrap().iter().find(|tape| tape["label"] == "A00001L9").unwrap();
    assert!(tape["hold_reason"].as_str().unwrap_or_default().contains("two cartridges"), "{tape}");
}

/// The contents of an encrypted set are destroyed: with its key they are made from its data, without it the set is named, and the
/// key may come later.
#[test]
fn an_encrypted_set_without_contents_comes_back_with_its_key() {
    let mut server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 128 });
    let key = server.api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let source = server.folder("s");
    files::fill(&source);
    // what is taken from data has no fractions of seconds
    files::whole_seconds(&source);
    let options = json!({"encryption_key_id": key["key"]["id"], "compression": "zstd"});
    let job = server.api.job("secret", server.api.source("s", &source), 1, options);
    let run = server.api.run_job(job, json!({"tape_id": 1}));
    let uuid = run["result"]["uuid"].as_str().unwrap().to_string();
    let (plain_source, plain) = run_on(&server, 1, "plain", 20);
    server.lose_everything_but_tapes();
    assert!(server.stop().success());
    let path = image(&server, "A00001L9");
    let mut bytes = std::fs::read(&path).unwrap();
    let head = b"{\"magic\":\"TAPEBACKARR_TOC\",\"version\":2,\"sealed\"";
    let at = bytes.windows(head.len()).position(|window| window == head).expect("a sealed table of contents");
    bytes[at..at + 6000].fill(0);
    std::fs::write(&path, bytes).unwrap();
    server.restart();

    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["error_code"], "rebuild_incomplete", "{row}");
    let said = row["result"]["problems"].to_string();
    assert!(said.contains(&uuid) && said.contains("key"), "{said}");
    comes_back(&server, &plain, &plain_source);

    let import = json!({"name": "k1", "key_base64": key["key_base64"], "description": ""});
    server.api.post("/api/v1/encryption-keys/import", import).ok();
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["result"]["parts"]["salvaged"], 1, "{row}");
    let found = set(&server, &uuid);
    let to = server.dir.path().join("secret");
    server.api.restore(json!({
        "backup_set_id": found["id"], "only_this_set": true, "dest_path": to.to_str().unwrap(),
    }));
    files::assert_equal(&source, &to);
}
