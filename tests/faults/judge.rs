//! What must hold after whatever went wrong.

use crate::files;
use crate::house::{House, PROGRAM};
use serde_json::{Value, json};
use std::process::Command;

/// Fails the test unless nothing that was ever promised is lost, everything that was interrupted can be brought to an end, and the
/// machine is usable. The server must be up, and no more faults ahead.
pub fn holds(house: &mut House, what: &str) {
    let row = finished(house, what);
    let set = row["result"]["backup_set_id"].clone();
    restored(house, &set, "source", what);
    // what was committed before is as it was
    restored(house, &json!(1), "committed", what);
    usable(house, what);
    assert!(house.stop(), "{what}: an orderly end");
    on_tape(house, what);
}

/// The interrupted run, brought to an end: by itself, or as a person would, with a retry.
fn finished(house: &mut House, what: &str) -> Value {
    let mut tried = Vec::new();
    for _ in 0..4 {
        let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died without a fault"));
        if row["status"] == "completed" {
            return row;
        }
        let message = row["error_message"].as_str().unwrap_or_default();
        assert!(message.len() > 10 && row["error_code"].is_string(), "{what}: a failure says what is wrong: {row}");
        assert_ne!(row["error_code"], "internal", "{what}: not a fault that is known: {row}");
        tried.push(message.to_string());
        release(house);
        house.ask("POST", "/api/v1/jobs/1/retry", Some(json!({})));
    }
    panic!("{what}: it never completes: {tried:?}");
}

/// What a person does with tapes that are on hold and drives in error: look, and go on.
fn release(house: &mut House) {
    for drive in 1..3 {
        let _ = house.api.post(&format!("/api/v1/drives/{drive}/rewind"), json!({}));
    }
}

/// A set comes back as its source is.
pub fn restored(house: &mut House, set: &Value, folder: &str, what: &str) {
    let to = house.folder.path().join(format!("restored-{set}"));
    let started =
        house.api.post("/api/v1/restore/run", json!({"backup_set_id": set, "dest_path": to.to_str().unwrap()})).ok();
    let row = house.api.wait(&started["execution_id"]);
    assert_eq!(row["status"], "completed", "{what}: restore of set {set}: {row}");
    files::assert_equal(&house.folder.path().join(folder), &to);
    std::fs::remove_dir_all(&to).unwrap();
}

/// Nothing hangs, no drive is taken, the next run is right.
fn usable(house: &mut House, what: &str) {
    let active = house.api.get("/api/v1/jobs/active").ok();
    assert_eq!(active, json!([]), "{what}");
    let sets = house.api.get("/api/v1/backup-sets?limit=50").ok();
    for set in sets.as_array().unwrap() {
        assert!(!matches!(set["status"].as_str(), Some("running" | "pending")), "{what}: {set}");
    }
    let before = house.api.run_job(2, json!({"backup_type": "full"}));
    restored(house, &before["result"]["backup_set_id"], "committed", what);
}

/// The tapes alone have every set and every copy of the database that the database says is complete (I3), with all of its
/// parts. The server must be down.
pub fn on_tape(house: &House, what: &str) {
    use diesel::prelude::*;
    let mut conn = tapebackarr::db::open_one(house.folder.path().join("data/tapebackarr.db")).unwrap();
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        uuid: String,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        parts: i64,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT s.uuid, count(*) AS parts FROM backup_sets s JOIN backup_set_parts p ON p.backup_set_id = s.id \
         WHERE s.status = 'completed' GROUP BY s.id \
         UNION ALL SELECT set_uuid, 1 FROM database_backups WHERE status = 'completed'",
    )
    .load(&mut conn)
    .unwrap();
    assert!(!rows.is_empty(), "{what}");
    let mut command = Command::new(PROGRAM);
    command.args(["recover", "--list", "--json", "--quick", "--non-interactive", "--key-file"]);
    command.arg(house.folder.path().join("key")).args(house.cartridges());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let listed: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{what}: recover --list: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    for row in rows {
        assert_eq!(
            parts_of(&listed, &row.uuid),
            (1..=row.parts).map(|number| (number, number == row.parts)).collect::<Vec<_>>(),
            "{what}: set {}: its parts, and which of them is the last: {listed}",
            row.uuid
        );
    }
}

/// Numbers of the parts of a set in what `recover --list --json` says, in order, and whether the set ends with them.
fn parts_of(listed: &Value, uuid: &str) -> Vec<(i64, bool)> {
    let sets = listed["sets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let parts = sets.iter().find(|set| set["uuid"] == uuid).and_then(|set| set["parts"].as_array());
    let mut parts: Vec<_> = parts
        .into_iter()
        .flatten()
        .map(|part| (part["number"].as_i64().unwrap_or(0), part["last"].as_bool().unwrap_or(false)))
        .collect();
    parts.sort_unstable();
    parts
}
