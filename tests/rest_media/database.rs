//! The server's own database: to tape and back, down and up.

use crate::house::House;
use serde_json::json;

#[test]
fn the_database_goes_to_tape_and_comes_back() {
    let house = House::with_tapes(&["A00001L9"]);
    house.post("/database-backup/backup", json!({})).about("tape_id");
    house.post("/database-backup/backup", json!({"tape_id": 9})).about("tape_id");
    house.post("/database-backup/backup", json!({"tape_id": 1})).fails(409, "no_key");
    assert_eq!(house.get("/database-backup").is(200), json!([]));
    house.post("/encryption-keys", json!({"name": "K1"})).is(201);
    let started = house.post("/database-backup/backup", json!({"tape_id": 1})).is(202);
    assert_eq!(house.ended(&started)["status"], json!("completed"));
    let copies = house.get("/database-backup").is(200);
    assert_eq!(
        (&copies[0]["id"], &copies[0]["status"], &copies[0]["tape_label"]),
        (&started["id"], &json!("completed"), &json!("A00001L9")),
        "{copies}"
    );

    let dest = house.folder.path().join("copy.db");
    house.post("/database-backup/restore", json!({})).about("backup_id");
    house.post("/database-backup/restore", json!({"backup_id": 9})).fails(404, "not_found");
    house.post("/database-backup/restore", json!({"backup_id": 1, "dest_path": "copy.db"})).about("dest_path");
    let back = house.post("/database-backup/restore?wait=true", json!({"backup_id": 1, "dest_path": dest})).is(200);
    assert_eq!(back["status"], json!("restored"));
    assert_eq!(json!(std::fs::metadata(&dest).unwrap().len()), copies[0]["file_size"]);
    house.post("/database-backup/restore", json!({"backup_id": 1, "dest_path": dest})).fails(409, "already_exists");
}

#[test]
fn a_downloaded_database_can_be_uploaded_and_counts_from_the_next_start() {
    let mut house = House::new();
    house.post("/pools", json!({"name": "BEFORE"})).is(201);
    let copy = house.get("/database-backup/download");
    assert_eq!((copy.status, copy.bytes.get(..15)), (200, Some(b"SQLite format 3".as_slice())));
    house.post("/pools", json!({"name": "AFTER"})).is(201);
    house.upload("/database-backup/upload", "file", copy.bytes.clone()).about("database");
    house.upload("/database-backup/upload", "database", b"no database".to_vec()).fails(400, "bad_request");
    house
        .upload("/database-backup/upload", "database", copy.bytes[..copy.bytes.len() / 2].to_vec())
        .fails(400, "bad_request");
    let answer = house.upload("/database-backup/upload", "database", copy.bytes).is(200);
    assert_eq!((&answer["status"], &answer["restart_required"]), (&json!("restored"), &json!(true)));
    let names = |house: &House| house.get("/pools").is(200).to_string();
    assert!(names(&house).contains("AFTER"), "the one in use stays until the restart");
    house.stop();
    house.start();
    assert!(names(&house).contains("BEFORE") && !names(&house).contains("AFTER"));
    let kept = std::fs::read_dir(house.folder.path().join("data")).unwrap().flatten();
    assert!(kept.into_iter().any(|entry| entry.file_name().to_string_lossy().contains(".before-")));
}

#[test]
fn only_administrators_touch_the_database() {
    let mut house = House::new();
    house.become_role("operator");
    house.get("/database-backup/download").fails(403, "forbidden");
    house.upload("/database-backup/upload", "database", Vec::new()).fails(403, "forbidden");
    house.become_role("readonly");
    house.post("/pools", json!({"name": "X"})).fails(403, "forbidden");
    house.get("/pools").is(200);
}
