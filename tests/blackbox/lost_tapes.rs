//! A tape that is lost for good: said once, and nothing asks for it any more; found again, and all is as before.

use crate::copying::{copy, server};
use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::path::Path;

/// Takes a tape out of the library, where nobody finds it any more.
fn vanish(server: &Server, tape: i32) {
    use tape_drive::virt::{Place, library};
    let dir = server.library_dir();
    for drive in 1..=server.api.get("/api/v1/drives").ok().as_array().unwrap().len() {
        server.api.post(&format!("/api/v1/drives/{drive}/eject?wait=true"), json!({}));
    }
    library::put(&dir, &format!("A0000{tape}L9"), Place::Shelf).unwrap();
    server.api.post("/api/v1/libraries/1/inventory", json!({})).ok();
    server.api.wait_for(&format!("/api/v1/tapes/{tape}"), |tape| tape["place"] == "shelf");
}

fn lose(server: &Server, tape: i32) -> Value {
    let body = json!({"reason": "water damage", "force": true});
    server.api.post(&format!("/api/v1/tapes/{tape}/lost"), body).ok()
}

fn set(server: &Server, id: &Value) -> Value {
    server.api.get(&format!("/api/v1/backup-sets/{id}")).ok()
}

/// Restores, and fails if anybody is asked for a tape.
fn restore(server: &Server, set: &Value, to: &Path) -> Value {
    let started = server.api.post("/api/v1/restore/run", json!({"backup_set_id": set, "dest_path": to})).ok();
    let row = server.api.wait_for(&format!("/api/v1/executions/{}", started["execution_id"]), |row| {
        assert!(row["tape_change"].is_null(), "nobody can bring that tape: {row}");
        row["end_time"].is_string()
    });
    assert_eq!(server.api.get("/api/v1/tape-changes?status=open").ok(), json!([]));
    row
}

fn plan(server: &Server, set: &Value) -> Value {
    server.api.post("/api/v1/restore/plan", json!({"backup_set_id": set})).ok()
}

#[test]
fn what_is_on_a_lost_tape_is_said_and_not_asked_for() {
    let server = Server::with_library(Library { drives: 1, slots: 6, capacity_mb: 64 });
    let source = server.folder("s");
    for name in ["a", "m", "z"] {
        std::fs::write(source.join(name), files::noise(1, 30_000)).unwrap();
    }
    std::fs::write(source.join("b huge"), files::noise(8, 80 << 20)).unwrap();
    std::fs::write(source.join("n huge"), files::noise(9, 70 << 20)).unwrap();
    let options = json!({"backup_type": "incremental"});
    let job = server.api.job("photos", server.api.source("s", &source), 1, options);
    let full = server.api.run_job(job, json!({"tape_id": 1}))["result"]["backup_set_id"].clone();
    assert_eq!(set(&server, &full)["tapes"].as_array().unwrap().len(), 3, "it takes three tapes");
    std::fs::write(source.join("new"), b"new").unwrap();
    let increment = server.api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
    assert_eq!(set(&server, &increment)["parent_set_id"], full);

    // it is in the library: a slip of the mouse must not give it up
    server.api.post("/api/v1/tapes/2/lost", json!({})).fails(409, "tape_present");
    vanish(&server, 2);
    let said = server.api.post("/api/v1/tapes/2/lost", json!({"reason": "water damage"})).ok();
    assert_eq!(
        said,
        json!({"status": "lost", "lost_sets": [full, increment], "from_copies": [], "full_next": ["photos"]})
    );
    server.api.post("/api/v1/tapes/2/lost", json!({})).fails(409, "tape_lost");
    let tape = server.api.get("/api/v1/tapes/2").ok();
    assert!(tape["lost_at"].is_string() && tape["lost_reason"] == "water damage", "{tape}");
    let listed = |lost| server.api.get(&format!("/api/v1/tapes?lost={lost}")).ok();
    let only = listed(true);
    assert_eq!((only.as_array().map(Vec::len), &only[0]["label"]), (Some(1), &json!("A00002L9")), "{only}");
    assert!(!listed(false).to_string().contains("A00002L9"));
    for id in [&full, &increment] {
        let row = set(&server, id);
        assert_eq!((&row["lost"], &row["status"]), (&json!(true), &json!("completed")), "{row}");
    }
    assert_eq!(set(&server, &full)["lost_tapes"], json!(["A00002L9"]));
    for (path, body) in [
        ("verify", json!({})),
        ("copy", json!({"pool_id": 4})),
        ("export", json!({})),
        ("format", json!({"confirm": true})),
    ] {
        server.api.post(&format!("/api/v1/tapes/2/{path}"), body).fails(409, "tape_lost");
    }

    // who, what and why is known later
    let audit = server.api.get("/api/v1/logs/audit?limit=20").ok();
    let line = audit.as_array().unwrap().iter().find(|line| line.to_string().contains("water damage"));
    assert!(line.is_some_and(|line| line.to_string().contains("A00002L9")), "{audit}");
    let events = server.api.get("/api/v1/events?limit=20").ok().to_string();
    assert!(events.contains("Tape Lost") && events.contains("2 backup sets cannot be restored"), "{events}");

    // the plan names it and asks only for the others
    let view = plan(&server, &increment);
    assert_eq!(view["lost_tapes"], json!(["A00002L9"]), "{view}");
    assert!(view["message"].as_str().unwrap().contains("A00002L9 is lost"), "{view}");
    let needed: Vec<&Value> =
        view["required_tapes"].as_array().unwrap().iter().map(|it| &it["tape"]["label"]).collect();
    assert!(!needed.is_empty() && !needed.contains(&&json!("A00002L9")), "{view}");
    let broken = view["broken"].to_string();
    for path in ["\"b huge\"", "\"n huge\"", "\"m\""] {
        assert!(broken.contains(path), "{path}: {broken}");
    }
    assert!(broken.contains("water damage") && !broken.contains("\"new\""), "{broken}");

    // the restore brings the rest, and is no success
    let to = server.dir.path().join("r");
    let row = restore(&server, &increment, &to);
    assert_eq!((&row["status"], &row["error_code"]), (&json!("failed"), &json!("restore_incomplete")), "{row}");
    for path in ["a", "z", "new"] {
        assert_eq!(std::fs::read(to.join(path)).unwrap(), std::fs::read(source.join(path)).unwrap(), "{path}");
    }
    for path in ["b huge", "m", "n huge"] {
        assert!(!to.join(path).exists(), "{path}");
        assert!(row["result"]["errors"].to_string().contains(path), "{row}");
    }

    // what is on the other tapes of the set can still be verified
    let row = server.api.complete(server.api.post("/api/v1/tapes/1/verify", json!({})).ok());
    assert_eq!(row["status"], "completed", "{row}");

    // nothing builds on it any more
    let next = server.api.run_job(job, json!({}));
    let row = set(&server, &next["result"]["backup_set_id"]);
    assert_eq!((&row["backup_type"], &row["lost"]), (&json!("full"), &json!(false)), "{row}");
    assert!(next["why"].to_string().contains("lost tape"), "{next}");

    // and all is as before when it is found
    server.api.post("/api/v1/tapes/2/found", json!({})).ok();
    server.api.post("/api/v1/tapes/2/found", json!({})).fails(409, "tape_not_lost");
    assert_eq!(set(&server, &increment)["lost"], false);
    let view = plan(&server, &increment);
    assert_eq!((&view["lost_tapes"], &view["broken"]), (&json!([]), &json!([])), "{view}");
    tape_drive::virt::library::put(&server.library_dir(), "A00002L9", tape_drive::virt::Place::AnySlot).unwrap();
    server.api.post("/api/v1/libraries/1/inventory", json!({})).ok();
    server.api.wait_for("/api/v1/tapes/2", |tape| tape["place"] == "slot");
    let to = server.dir.path().join("whole");
    let row = restore(&server, &increment, &to);
    assert_eq!(row["status"], "completed", "{row}");
    files::assert_equal(&source, &to);
}

/// With a copy on another tape nothing is lost: it is read instead, increments go on, and one tape fewer holds it.
#[test]
fn a_copy_takes_the_place_of_a_lost_tape() {
    let server = server(2, 256);
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    let full = server.api.run_job(job, json!({"tape_id": 1}))["result"]["backup_set_id"].clone();
    copy(&server, &format!("/api/v1/backup-sets/{full}/copy"));
    let coverage = |files: &str| {
        let counted = |answer: &Value| answer["counting"] == false && answer["sources"][0]["stale"] == false;
        let answer = server.api.wait_for("/api/v1/coverage", counted);
        answer["total"][files]["files"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    };
    assert!(coverage("more") > 0 && coverage("one") == 0);

    let said = lose(&server, 1);
    assert_eq!((&said["lost_sets"], &said["full_next"]), (&json!([]), &json!([])), "{said}");
    assert_eq!(said["from_copies"], json!([full]), "{said}");
    let row = set(&server, &full);
    assert_eq!((&row["lost"], &row["lost_tapes"]), (&json!(false), &json!(["A00001L9"])), "{row}");
    assert!(coverage("more") == 0 && coverage("one") > 0, "one tape fewer holds it");
    let view = plan(&server, &full);
    assert!(view["why"].to_string().contains("is lost") && view["broken"] == json!([]), "{view}");
    let to = server.dir.path().join("r");
    assert_eq!(restore(&server, &full, &to)["status"], "completed");
    files::assert_equal(&source, &to);

    std::fs::write(source.join("late"), b"late").unwrap();
    let next = server.api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
    assert_eq!(set(&server, &next)["parent_set_id"], full, "the copy is as good a base");

    // the copy is lost too
    let tape = server.api.get("/api/v1/tapes").ok();
    let copied = tape.as_array().unwrap().iter().find(|tape| tape["pool_id"] == 4 && tape["used_bytes"] != 0).unwrap();
    let said = lose(&server, copied["id"].as_i64().unwrap() as i32);
    assert!(said["lost_sets"].as_array().unwrap().contains(&next), "{said}");
    let answer = server.api.get(&format!("/api/v1/tapes/{}", copied["id"])).ok();
    assert!(answer["lost_at"].is_string(), "{answer}");
}

/// Another tape is taken instead, and a pool of lost tapes has none to write to.
#[test]
fn nothing_is_written_to_a_lost_tape() {
    let server = Server::with_library(Library { drives: 1, slots: 2, capacity_mb: 64 });
    let source = server.folder("s");
    files::fill(&source);
    let job = server.api.job("j", server.api.source("s", &source), 1, json!({}));
    lose(&server, 1);
    let row = server.api.run_job(job, json!({}));
    assert_eq!(row["tape_id"], 2, "{row}");
    lose(&server, 2);
    let attention = server.api.get("/api/v1/dashboard/attention").ok().to_string();
    assert!(attention.contains("was lost and is there"), "{attention}");
    let refused = server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).fails(400, "bad_request");
    assert!(refused.contains("lost since"), "{refused}");
}
