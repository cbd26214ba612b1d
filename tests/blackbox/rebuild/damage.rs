//! Tapes that are not as they should be: what can be had is taken in, what cannot is named, nothing half-done stays.

use super::rows;
use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn rebuild(server: &Server, body: Value) -> Value {
    let started = server.api.post("/api/v1/catalog/rebuild", body).ok();
    server.api.wait(&started["execution_id"])
}

fn image(server: &Server, barcode: &str) -> PathBuf {
    server.library_dir().join(format!("cartridges/{barcode}.tap"))
}

/// Overwrites the `nth` occurrence of `from` in the image of a cartridge.
#[track_caller]
fn patch(path: &Path, from: &[u8], nth: usize, to: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let found: Vec<usize> =
        bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).map(|(at, _)| at).collect();
    bytes[found[nth]..found[nth] + to.len()].copy_from_slice(to);
    std::fs::write(path, bytes).unwrap();
}

fn problems(row: &Value) -> String {
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("rebuild_incomplete")), "{row}");
    row["result"]["problems"].to_string()
}

/// A chain of three sets on one tape: full, incremental, incremental.
fn chain() -> (Server, PathBuf, Vec<String>) {
    let server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 256 });
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    let mut uuids = Vec::new();
    for round in 0..3 {
        std::fs::write(source.join(format!("new{round}")), format!("round {round}")).unwrap();
        let run = server.api.run_job(job, json!({"tape_id": 1}));
        uuids.push(run["result"]["uuid"].as_str().unwrap().to_string());
    }
    (server, source, uuids)
}

fn set(server: &Server, uuid: &str) -> Value {
    let sets = server.api.get("/api/v1/backup-sets?limit=100").ok();
    sets.as_array().unwrap().iter().find(|set| set["uuid"] == uuid).cloned().unwrap_or_else(|| panic!("{uuid}: {sets}"))
}

const TOC: &[u8] = b"{\"magic\":\"TAPEBACKARR_TOC\"";

#[test]
fn a_full_set_whose_contents_are_gone_is_taken_from_its_data() {
    let (mut server, source, uuids) = chain();
    let before = rows::all(&server);
    server.lose_everything_but_tapes();
    patch(&image(&server, "A00001L9"), TOC, 0, &[0; 40]);
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    assert_eq!(row["result"]["parts"], json!({"added": 2, "salvaged": 1}), "{row}");
    let full = set(&server, &uuids[0]);
    assert_eq!((&full["status"], &full["backup_type"]), (&json!("completed"), &json!("full")), "{full}");
    // but for change times, inodes, fractions of seconds and blocks, each row is as it was
    let after = rows::all(&server);
    let known = |rows: &[String]| -> Vec<String> {
        let columns = |row: &String| {
            let columns: Vec<&str> = row.split(" | ").collect();
            let mtime: i64 = columns[10].parse().unwrap();
            let left_out = |at: &usize| ![10, 11, 12, 17].contains(at);
            let kept: Vec<&str> = (0..columns.len()).filter(left_out).map(|at| columns[at]).collect();
            format!("{} {}", mtime.div_euclid(1_000_000_000), kept.join(" | "))
        };
        rows.iter().filter(|row| row.contains(&uuids[0])).map(columns).collect()
    };
    assert!(known(&before["catalog"]).len() > 200);
    assert_eq!(known(&before["catalog"]), known(&after["catalog"]));
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": set(&server, &uuids[2])["id"], "dest_path": to.to_str().unwrap()}));
    assert_eq!(
        std::fs::read(to.join("docs/deep/deeper/big.bin")).unwrap(),
        std::fs::read(source.join("docs/deep/deeper/big.bin")).unwrap()
    );
    assert!(to.join("new0").exists() && to.join("new2").exists());
    // again: the database has it now, and the damage is told
    let again = rebuild(&server, json!({"library_id": 1}));
    assert!(problems(&again).contains("the database has its list of files"), "{again}");
    rows::assert_same(&after, &rows::all(&server));
}

#[test]
fn an_increment_whose_contents_are_damaged_can_be_restored_as_far_as_it_goes() {
    let (mut server, _, uuids) = chain();
    server.lose_everything_but_tapes();
    // behind the head, in the list of files of the last set
    patch(&image(&server, "A00001L9"), b"\"path\":\"new2\"", 0, b"\"path\":\xff\xff\xff\xff\xff\xff");
    let row = rebuild(&server, json!({"library_id": 1}));
    assert!(problems(&row).contains(&uuids[2]), "{row}");
    assert_eq!(row["result"]["parts"], json!({"added": 2, "salvaged": 1}), "{row}");
    let last = set(&server, &uuids[2]);
    assert_eq!((&last["status"], &last["job_name"]), (&json!("incomplete"), &json!("j")), "{last}");
    assert!(last["incomplete_reason"].as_str().unwrap().contains("only_this_set"), "{last}");
    let to = server.dir.path().join("r");
    let body = json!({"backup_set_id": last["id"], "only_this_set": true, "dest_path": to.to_str().unwrap()});
    server.api.restore(body);
    assert_eq!(std::fs::read(to.join("new2")).unwrap(), b"round 2");
    // the two before it are whole
    let to = server.dir.path().join("r1");
    server.api.restore(json!({"backup_set_id": set(&server, &uuids[1])["id"], "dest_path": to.to_str().unwrap()}));
    assert!(to.join("new1").exists() && to.join("docs/file001.txt").exists());
}

#[test]
fn nothing_is_taken_from_a_tape_whose_label_and_contents_disagree() {
    let (mut server, _, _) = chain();
    server.lose_everything_but_tapes();
    let path = image(&server, "A00001L9");
    let label = server.dump("A00001L9", 0);
    let label = std::str::from_utf8(&label).unwrap();
    let uuid = label.split('|').nth(2).unwrap();
    patch(&path, uuid.as_bytes(), 0, b"00000000-aaaa-4bbb-8ccc-000000000001");
    let row = rebuild(&server, json!({"library_id": 1}));
    let said = problems(&row);
    assert!(said.contains(uuid) && said.contains("00000000-aaaa-4bbb-8ccc-000000000001"), "{said}");
    let rows = rows::all(&server);
    assert!(rows["sets"].is_empty() && rows["catalog"].is_empty() && rows["parts"].is_empty(), "{rows:#?}");
    let jobs = server.api.get("/api/v1/jobs").ok();
    assert_eq!(jobs, json!([]), "no stand-in for a job without sets");
    // and nothing is written behind what is not known
    let tapes = server.api.get("/api/v1/tapes").ok();
    let tape = tapes.as_array().unwrap().iter().find(|tape| tape["label"] == "A00001L9").unwrap();
    assert_eq!(tape["status"], "full", "{tape}");
}

#[test]
fn two_tapes_of_one_name_are_told_apart() {
    let (mut server, _, uuids) = chain();
    server.lose_everything_but_tapes();
    patch(&image(&server, "A00002L9"), b"|A00002L9|", 0, b"|A00001L9|");
    let row = rebuild(&server, json!({"library_id": 1}));
    assert!(problems(&row).contains("two tapes call themselves 'A00001L9'"), "{row}");
    assert_eq!(set(&server, &uuids[2])["status"], "completed");
    assert_eq!(server.api.get("/api/v1/tapes").ok().as_array().unwrap().len(), 1);

    // the same on the command line: every part has a line, and what is wrong is said
    let key = server.api.post("/api/v1/api-keys", json!({"name": "cli", "role": "operator"})).ok();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tapebackarr"))
            .args(["catalog", "rebuild", "--server", &server.api.base])
            .args(arguments)
            .env("TAPEBACKARR_API_KEY", key["key"].as_str().unwrap())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, err) = run(&["--library", "lib1"]);
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(out.lines().filter(|line| line.starts_with("A00001L9  known")).count(), 3, "{out}");
    assert!(err.contains("two tapes call themselves"), "{err}");
    let (code, out, err) = run(&["--tape", "A00001L9", "--dry-run", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let row: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&row["result"]["dry_run"], &row["result"]["parts"]), (&json!(true), &json!({"known": 3})), "{row}");
    let (code, _, err) = run(&[]);
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn one_tape_of_a_set_over_two_gives_what_it_has() {
    let mut server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let source = server.folder("s");
    std::fs::write(source.join("a"), b"on the first").unwrap();
    std::fs::write(source.join("b"), files::noise(9, 80 << 20)).unwrap();
    std::fs::write(source.join("c"), b"on the second").unwrap();
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    let run = server.api.run_job(job, json!({}));
    assert_eq!(run["result"]["parts"], 2, "{run}");
    let uuid = run["result"]["uuid"].as_str().unwrap();
    let before = rows::all(&server);
    let detail = server.api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
    let second = detail["parts"][1]["tape_label"].as_str().unwrap().to_string();
    let first = detail["parts"][0]["tape_label"].as_str().unwrap().to_string();
    server.lose_everything_but_tapes();

    for (label, has, lacks, missing) in [(&second, "c", "a", "part 1 of 2"), (&first, "a", "c", "part 2")] {
        // the other one is out of the library
        let other = if *label == second { &first } else { &second };
        let (there, away) = (image(&server, other), server.dir.path().join("away.tap"));
        let fresh = uuid != set_or(&server, uuid);
        if !fresh {
            let id = set(&server, uuid)["id"].clone();
            assert_eq!(server.api.send("DELETE", &format!("/api/v1/backup-sets/{id}"), None).status, 200);
        }
        server.stop();
        std::fs::rename(&there, &away).unwrap();
        server.restart();
        server.log_in();
        let row = rebuild(&server, json!({"library_id": 1}));
        let found = set(&server, uuid);
        assert_eq!(found["status"], "incomplete", "{row}");
        assert!(found["incomplete_reason"].as_str().unwrap().starts_with(missing), "{found}");
        let listed = server.api.get(&format!("/api/v1/backup-sets/{}/files", found["id"])).ok().to_string();
        assert!(listed.contains(&format!("\"file_path\":\"{has}\"")), "{listed}");
        assert!(!listed.contains(&format!("\"file_path\":\"{lacks}\"")), "{listed}");
        let to = server.dir.path().join(format!("r-{has}"));
        server.api.restore(json!({
            "backup_set_id": found["id"], "only_this_set": true, "file_paths": [has], "dest_path": to.to_str().unwrap(),
        }));
        assert!(std::fs::read_to_string(to.join(has)).unwrap().starts_with("on the "));
        if has == "c" {
            // its beginning is on the other tape: named, not half restored
            let to = server.dir.path().join("r-all");
            let body = json!({"backup_set_id": found["id"], "only_this_set": true, "dest_path": to.to_str().unwrap()});
            let started = server.api.post("/api/v1/restore/run", body).ok();
            let row = server.api.wait(&started["execution_id"]);
            assert_eq!(row["status"], "failed", "{row}");
            assert!(row["result"].to_string().contains("part 1 of 2"), "{row}");
            assert!(to.join("c").exists() && !to.join("b").exists());
        }
        server.stop();
        std::fs::rename(&away, &there).unwrap();
        server.restart();
        server.log_in();
    }
    let row = rebuild(&server, json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    assert_eq!(row["result"]["parts"], json!({"added": 1, "known": 1}), "{row}");
    rows::assert_same(&before, &rows::all(&server));
    let to = server.dir.path().join("r");
    server.api.restore(json!({"backup_set_id": set(&server, uuid)["id"], "dest_path": to.to_str().unwrap()}));
    files::assert_equal(&source, &to);
}

/// The uuid, if the database has that set; else nothing.
fn set_or(server: &Server, uuid: &str) -> String {
    let sets = server.api.get("/api/v1/backup-sets?limit=100").ok();
    let found = sets.as_array().unwrap().iter().any(|set| set["uuid"] == uuid);
    if found { uuid.to_string() } else { String::new() }
}
