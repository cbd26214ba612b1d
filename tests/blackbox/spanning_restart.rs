//! The server stops while a person is asked for a tape: orderly, and by kill -9.

use crate::files;
use crate::hands::Hands;
use crate::server::Server;
use serde_json::{Value, json};
use std::path::PathBuf;

const ENDS: [fn(&mut Server); 2] = [Server::kill, |server| assert!(server.stop().success())];

/// One drive, two tapes on the shelf, and a job that fills the first and asks for the second.
fn asking() -> (Hands, PathBuf, Value, Value) {
    let hands = Hands::new(1, &["H00001L9", "H00002L9"], 40);
    let source = hands.server.folder("s");
    std::fs::write(source.join("first"), files::noise(1, 1 << 20)).unwrap();
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    let job = hands.server.api.job("j", hands.server.api.source("s", &source), 1, json!({}));
    hands.insert("H00001L9", 0);
    let started = hands.server.api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    let request = hands.server.api.tape_change(&started);
    assert_eq!((&request["reason"], &request["current_tape_label"]), (&json!("tape_full"), &json!("H00001L9")));
    (hands, source, started, request)
}

/// How often the execution has said that it waits for this tape.
fn said(hands: &Hands, started: &Value, request: &Value) -> usize {
    let log = hands.server.api.get(&format!("/api/v1/executions/{}/logs", started["execution_id"])).ok().to_string();
    log.matches(request["message"].as_str().unwrap()).count()
}

/// The execution has come back, and asks again: it is the same request, as old as it was.
fn asks_again(hands: &Hands, started: &Value, request: &Value) {
    let api = &hands.server.api;
    let log = format!("/api/v1/executions/{}/logs", started["execution_id"]);
    api.wait_for(&log, |_| said(hands, started, request) == 2);
    let row = api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
    assert_eq!((&row["status"], &row["phase"]), (&json!("running"), &json!("waiting")), "{row}");
    let open = api.get("/api/v1/tape-changes?status=open").ok();
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    for field in ["id", "requested_at", "reason", "current_tape_id", "tape_id", "drive_id", "message"] {
        assert_eq!(open[0][field], request[field], "{open}\n{request}");
    }
    assert_eq!(open[0]["status"], "pending");
}

/// The set is complete on both tapes, and what is restored from them is what was saved.
fn ends_well(hands: &Hands, source: &std::path::Path, started: &Value, request: &Value) {
    let api = &hands.server.api;
    let row = api.wait(&started["execution_id"]);
    assert_eq!((&row["status"], &row["result"]["resumed"]), (&json!("completed"), &json!(true)), "{row}");
    let request = api.get(&format!("/api/v1/tape-changes/{}", request["id"])).ok();
    assert_eq!(
        (&request["status"], &request["new_tape_label"]),
        (&json!("completed"), &json!("H00002L9")),
        "{request}"
    );
    let set = api.get(&format!("/api/v1/backup-sets/{}", row["result"]["backup_set_id"])).ok();
    let tapes: Vec<_> = set["parts"].as_array().unwrap().iter().map(|part| part["tape_label"].clone()).collect();
    assert_eq!(tapes, ["H00001L9", "H00002L9"], "{set}");
    let to = hands.server.dir.path().join("r");
    let restoring = api.post("/api/v1/restore/run", json!({"backup_set_id": set["id"], "dest_path": to})).ok();
    let mut last = Value::Null;
    while let Some(request) = hands.next_request(&restoring, &last) {
        hands.change(request["tape_label"].as_str().unwrap(), 0);
        last = request["id"].clone();
    }
    api.complete(restoring);
    files::assert_equal(source, &to);
}

#[test]
fn a_request_survives_the_restart_and_is_answered() {
    for end in ENDS {
        let (mut hands, source, started, request) = asking();
        end(&mut hands.server);
        hands.server.restart();
        asks_again(&hands, &started, &request);
        hands.change("H00002L9", 0);
        let answer = format!("/api/v1/tape-changes/{}/complete", request["id"]);
        let said = hands.server.api.post(&answer, json!({"tape_id": 2}));
        // it may have been noticed before it was said
        assert!(said.status == 200 || said.body["code"] == "tape_change_state", "{said:?}");
        ends_well(&hands, &source, &started, &request);
    }
}

#[test]
fn a_tape_that_is_inserted_while_the_server_is_down_is_the_answer() {
    for end in ENDS {
        let (mut hands, source, started, request) = asking();
        end(&mut hands.server);
        hands.change("H00002L9", 0);
        hands.server.restart();
        ends_well(&hands, &source, &started, &request);
    }
}

#[test]
fn a_request_that_survived_a_restart_is_cancelled() {
    for end in ENDS {
        let (mut hands, _, started, request) = asking();
        end(&mut hands.server);
        hands.server.restart();
        asks_again(&hands, &started, &request);
        let api = &hands.server.api;
        api.post(&format!("/api/v1/tape-changes/{}/cancel", request["id"]), json!({})).ok();
        let row = api.wait(&started["execution_id"]);
        assert_eq!((&row["status"], &row["error_code"]), (&json!("cancelled"), &json!("cancelled")), "{row}");
        let set = api.get(&format!("/api/v1/backup-sets/{}", row["backup_set_id"])).ok();
        assert_eq!((&set["status"], &set["spanning"]["status"]), (&json!("cancelled"), &json!("failed")), "{set}");
        assert_eq!(api.get("/api/v1/tape-changes?status=open").ok(), json!([]));
    }
}

/// For how long somebody is waited for is the time in which the server waited: neither that in which it was down, nor what a
/// clock says that jumped.
#[test]
fn a_request_that_is_old_by_the_clock_is_still_waited_for() {
    let (mut hands, source, started, request) = asking();
    let make_old = |hands: &Hands| {
        use diesel::prelude::*;
        use tapebackarr::db::schema::tape_change_requests::dsl::*;
        let old = tapebackarr::db::now() - chrono::TimeDelta::days(90);
        let row = diesel::update(tape_change_requests).set(requested_at.eq(old));
        assert_eq!(row.execute(&mut hands.server.database()), Ok(1));
    };
    let waits = |hands: &Hands| {
        // longer than it takes to look once more
        std::thread::sleep(std::time::Duration::from_secs(2));
        let row = hands.server.api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
        assert_eq!((&row["status"], &row["tape_change"]["id"]), (&json!("running"), &request["id"]), "{row}");
    };
    make_old(&hands);
    waits(&hands);
    hands.server.kill_and_restart();
    hands.server.api.tape_change(&started);
    waits(&hands);
    hands.change("H00002L9", 0);
    ends_well(&hands, &source, &started, &request);
}

/// A restore is not begun again by itself: nobody is to bring a tape for it.
#[test]
fn the_request_of_a_restore_ends_with_it() {
    for end in ENDS {
        let (mut hands, _, started, request) = asking();
        hands.change("H00002L9", 0);
        let set = hands.server.api.complete(started)["result"]["backup_set_id"].clone();
        let to = hands.server.dir.path().join("r");
        let body = json!({"backup_set_id": set, "dest_path": to});
        let restoring = hands.server.api.post("/api/v1/restore/run", body).ok();
        let asked = hands.server.api.tape_change(&restoring);
        assert_ne!(asked["id"], request["id"]);
        end(&mut hands.server);
        hands.server.restart();
        let api = &hands.server.api;
        let row = api.get(&format!("/api/v1/executions/{}", restoring["execution_id"])).ok();
        assert_eq!(row["status"], "failed", "{row}");
        assert!(["interrupted", "shutdown"].contains(&row["error_code"].as_str().unwrap()), "{row}");
        assert!(row["tape_change"].is_null(), "{row}");
        let asked = api.get(&format!("/api/v1/tape-changes/{}", asked["id"])).ok();
        assert_eq!((&asked["status"], &asked["resolved_by"]), (&json!("cancelled"), &json!("the execution has ended")));
        assert_eq!(api.get("/api/v1/tape-changes?status=open").ok(), json!([]));
    }
}
