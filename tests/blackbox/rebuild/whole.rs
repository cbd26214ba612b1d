//! Tapes that are as they should be.

use super::house::House;
use super::rows;
use crate::files;
use crate::server::Server;
use serde_json::{Value, json};

fn outcomes(row: &Value) -> &Value {
    &row["result"]["parts"]
}

#[test]
fn everything_comes_back_from_the_tapes_alone() {
    let mut house = House::build();
    let before = rows::all(&house.server);
    assert!(before["catalog"].len() > 300 && before["parts"].len() >= 8, "the comparison is worth something");
    assert_eq!(before["database copies"].len(), 1);
    house.server.lose_everything_but_tapes();
    house.import_key();
    assert!(rows::all(&house.server)["sets"].is_empty());

    // a dry run changes nothing
    let dry = house.rebuild(json!({"library_id": 1, "dry_run": true}));
    assert_eq!(dry["status"], "completed", "{dry}");
    let new = outcomes(&dry)["new"].as_u64().unwrap();
    assert!(new >= 8, "{dry}");
    assert!(rows::all(&house.server)["tapes"].is_empty() && rows::all(&house.server)["sets"].is_empty());

    let row = house.rebuild(json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    let after = rows::all(&house.server);
    rows::assert_same(&before, &after);

    // again: nothing changes
    let again = house.rebuild(json!({"library_id": 1}));
    assert_eq!(again["status"], "completed", "{again}");
    assert_eq!(outcomes(&again)["known"].as_u64().unwrap(), new, "{again}");
    rows::assert_same(&after, &rows::all(&house.server));

    for (uuid, state) in &house.states {
        house.restore_equals(uuid, state);
    }
    house.restore_equals(&house.encrypted, &house.secret);
    house.restore_equals(&house.spanned, &house.large);
    let found = house.server.api.get("/api/v1/catalog/search?q=new2").ok();
    assert!(found.to_string().contains("docs/new2"), "{found}");

    // the next incremental sends what changed since, and nothing else
    std::fs::write(house.main.join("docs/after"), b"after the loss").unwrap();
    std::fs::remove_file(house.main.join("docs/file050.txt")).unwrap();
    let job = house.complete_job("main", &house.main);
    let run = house.server.api.run_job(job, json!({}));
    assert_eq!((&run["result"]["files"], &run["result"]["deleted"]), (&json!(1), &json!(1)), "{run}");
    let to = house.server.dir.path().join("next");
    let body = json!({"backup_set_id": run["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()});
    house.server.api.restore(body);
    files::assert_equal(&house.main, &to);
}

#[test]
fn tapes_in_any_order_and_one_by_one() {
    let mut house = House::build();
    let before = rows::all(&house.server);
    house.server.lose_everything_but_tapes();
    house.import_key();
    for drive in [1, 2] {
        // an empty one says so
        house.server.api.post(&format!("/api/v1/drives/{drive}/eject?wait=true"), json!({}));
    }
    let slots = house.server.api.get("/api/v1/libraries/1/slots").ok();
    let full: Vec<i64> = slots
        .as_array()
        .unwrap()
        .iter()
        .filter(|slot| slot["slot_type"] == "storage" && slot["is_empty"] == false)
        .filter_map(|slot| slot["slot_number"].as_i64())
        .collect();
    let bay =
        slots.as_array().unwrap().iter().find(|slot| slot["slot_type"] == "drive").unwrap()["slot_number"].clone();
    // the last tapes first: parts without their beginning, increments without their parents
    let mut seen_incomplete = false;
    for slot in full.iter().rev() {
        let body = json!({"slot_number": slot, "drive_number": bay});
        let loaded = house.server.api.post("/api/v1/libraries/1/load?wait=true", body);
        loaded.ok();
        let row = house.rebuild(json!({"drive_id": 1}));
        assert_eq!(row["status"], "completed", "{row}");
        let sets = house.server.api.get("/api/v1/backup-sets?status=incomplete").ok();
        if let Some(set) = sets.as_array().unwrap().iter().find(|set| set["uuid"] == house.spanned.as_str()) {
            seen_incomplete = true;
            let reason = set["incomplete_reason"].as_str().unwrap();
            assert!(reason.starts_with("part ") && reason.contains("rebuild the catalog"), "{reason}");
        }
        let unload = json!({"slot_number": slot, "drive_number": bay});
        house.server.api.post("/api/v1/libraries/1/unload?wait=true", unload).ok();
    }
    assert!(seen_incomplete);
    rows::assert_same(&before, &rows::all(&house.server));
    house.restore_equals(&house.spanned, &house.large);
    house.restore_equals(&house.states[2].0, &house.states[2].1);
}

#[test]
fn without_the_key_sets_are_known_but_locked_and_open_with_it() {
    let mut house = House::build();
    let before = rows::all(&house.server);
    house.server.lose_everything_but_tapes();
    let row = house.rebuild(json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    assert_eq!(outcomes(&row)["locked"], json!(3), "two sets and the copy of the database: {row}");
    let set = house.set(&house.encrypted);
    assert_eq!((&set["status"], &set["encrypted"]), (&json!("incomplete"), &json!(true)), "{set}");
    assert!(set["incomplete_reason"].as_str().unwrap().contains("import it from its key sheet"), "{set}");
    let body = json!({"backup_set_id": set["id"], "dest_path": "/nowhere/at/all"});
    house.server.api.post("/api/v1/restore/run", body).fails(409, "set_state");
    house.restore_equals(&house.states[2].0, &house.states[2].1);

    house.import_key();
    let row = house.rebuild(json!({"library_id": 1}));
    assert_eq!(row["status"], "completed", "{row}");
    rows::assert_same(&before, &rows::all(&house.server));
    house.restore_equals(&house.encrypted, &house.secret);
}

#[test]
fn an_older_database_and_newer_tapes_come_together() {
    let mut server = Server::ready();
    let source = server.folder("s");
    files::fill(&source);
    let incremental = json!({"backup_type": "incremental"});
    let job = server.api.job("j", server.api.source("s", &source), 1, incremental);
    let first = server.api.run_job(job, json!({}));
    assert!(server.stop().success());
    let database = server.dir.path().join("data/tapebackarr.db");
    std::fs::copy(&database, server.dir.path().join("old.db")).unwrap();
    server.restart();
    std::fs::write(source.join("newer"), b"only on tape").unwrap();
    let second = server.api.run_job(job, json!({"tape_id": first["tape_id"]}));
    let before = rows::all(&server);
    assert!(server.stop().success());
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", database.display()));
    }
    std::fs::copy(server.dir.path().join("old.db"), &database).unwrap();
    server.restart();
    // the tape is longer than the database says
    let started = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({"tape_id": first["tape_id"]})).ok();
    let row = server.api.wait(&started["execution_id"]);
    assert_eq!(row["error_code"], "tape_end_mismatch", "{row}");
    let tape = format!("/api/v1/tapes/{}", first["tape_id"]);
    assert!(server.api.get(&tape).ok()["hold_reason"].is_string());

    let started = server.api.post("/api/v1/catalog/rebuild", json!({"tape_ids": [first["tape_id"]]})).ok();
    let row = server.api.complete(started);
    assert_eq!(row["result"]["parts"], json!({"added": 1, "known": 1}), "{row}");
    assert!(server.api.get(&tape).ok()["hold_reason"].is_null());
    let jobs = server.api.get("/api/v1/jobs").ok();
    assert_eq!((jobs.as_array().unwrap().len(), &jobs[0]["id"], &jobs[0]["enabled"]), (1, &json!(job), &json!(true)));
    rows::assert_same(&before, &rows::all(&server));

    // appended where the tape really ends, and built on the set that was missing
    std::fs::write(source.join("newest"), b"behind all").unwrap();
    let third = server.api.run_job(job, json!({"tape_id": first["tape_id"]}));
    assert_eq!(third["result"]["files"], 1, "{third}");
    for (run, has_newest) in [(&second, false), (&third, true)] {
        let uuid = run["result"]["uuid"].as_str().unwrap();
        let sets = server.api.get("/api/v1/backup-sets").ok();
        let set = sets.as_array().unwrap().iter().find(|set| set["uuid"] == uuid).unwrap()["id"].clone();
        let to = server.dir.path().join(format!("r{set}"));
        server.api.restore(json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()}));
        assert!(to.join("newer").exists());
        assert_eq!(to.join("newest").exists(), has_newest);
    }
}
