//! Tapes and pools: their lives as far as no backup is needed.

use crate::house::House;
use serde_json::json;

#[test]
fn a_library_is_labelled_and_shows_what_it_has() {
    let house = House::with_tapes(&["A00001L9", "A00002L9"]);
    let tapes = house.get("/tapes").is(200);
    let first = &tapes[0];
    assert_eq!(
        (&first["label"], &first["barcode"], &first["lto_type"]),
        (&json!("A00001L9"), &json!("A00001L9"), &json!("LTO-9"))
    );
    assert_eq!((&first["status"], &first["pool_name"]), (&json!("blank"), &json!("DAILY")));
    assert!(first["labeled_at"].as_str().unwrap().ends_with('Z'), "{first}");
    assert_eq!(house.get("/tapes?q=2L9").is(200).as_array().unwrap().len(), 1);
    assert_eq!(house.get("/tapes?status=full,expired").is(200), json!([]));
    house.get("/tapes?status=lost").about("status");
    assert_eq!(house.get("/tapes?lost=true").is(200), json!([]));
    house.get("/tapes?lost=perhaps").is(400);

    let tape = house.get(&format!("/tapes/{}", first["id"])).is(200);
    assert_eq!((&tape["place"], &tape["library_id"]), (&json!("slot"), &json!(1)), "{tape}");
    let slots = house.get("/libraries/1/slots").is(200);
    let full = slots.as_array().unwrap().iter().find(|slot| slot["barcode"] == "A00001L9").unwrap();
    assert_eq!(full["tape_label"], json!("A00001L9"));
    let status = house.get("/tapes/batch-label/status").is(200);
    assert_eq!(
        (&status["running"], &status["completed"], &status["phase"]),
        (&json!(false), &json!(2), &json!("complete"))
    );
    house.post("/tapes/batch-label/cancel", json!({})).fails(400, "bad_request");
    assert_eq!(house.get(&format!("/tapes/{}/contents", first["id"])).is(200)["parts"], json!([]));
    house.post(&format!("/tapes/{}/verify", first["id"]), json!({})).fails(409, "nothing_to_verify");
    // the second time there is nothing left to label
    let again = house.post("/tapes/batch-label?wait=true", json!({"library_id": 1, "barcodes": true})).is(200);
    assert_eq!(again["completed"], json!(0), "{again}");
}

#[test]
fn what_a_tape_must_have_is_said_field_by_field() {
    let house = House::new();
    house.post("/tapes", json!({})).about("label");
    house.post("/tapes", json!({"label": "a|b"})).about("label");
    house.post("/tapes", json!({"label": "A1", "pool_id": 99})).about("pool_id");
    house.post("/tapes", json!({"label": "A1", "barcode": "ä"})).about("barcode");
    house.post("/tapes", json!({"label": "A1", "lto_type": "LTO-99"})).about("lto_type");
    house.post("/tapes", json!({"label": "A1", "format_type": "ltfs"})).about("format_type");
    let message = house.post("/tapes", json!({"label": "A1", "write_label": true, "drive_id": 5})).about("drive_id");
    assert_eq!(message, "drive not found or not enabled");
    house.send("POST", "/tapes", Some("{\"label\":".into())).fails(400, "bad_json");
    assert_eq!(house.get("/tapes").is(200), json!([]));

    let made = house.post("/tapes", json!({"label": "A1", "barcode": "A00001L8"})).is(201);
    assert_eq!(made["uuid"].as_str().unwrap().len(), 36);
    let tape = house.get(&format!("/tapes/{}", made["id"])).is(200);
    assert_eq!((&tape["lto_type"], &tape["capacity_bytes"]), (&json!("LTO-8"), &json!(12_000_000_000_000u64)));
    house.post("/tapes", json!({"label": "A1"})).fails(409, "already_exists");
    house.post("/tapes", json!({"label": "A2", "barcode": "A00001L8"})).fails(409, "already_exists");
    assert_eq!(house.get("/tapes/lto-types").is(200)["LTO-9"], json!(18_000_000_000_000u64));
    house.get("/tapes/77").fails(404, "not_found");
    house.delete("/tapes/77").fails(404, "not_found");
    house.put("/tapes/77", json!({"label": "x"})).fails(404, "not_found");
}

#[test]
fn a_tape_goes_its_way_and_no_other() {
    let house = House::with_tapes(&["A00001L9", "A00002L9"]);
    let put = |body| house.put("/tapes/1", body);
    put(json!({})).fails(400, "bad_request");
    let message = put(json!({"label": "other"})).fails(409, "already_labelled");
    assert!(message.contains("A00001L9"), "{message}");
    house.post("/tapes/1/export", json!({})).fails(409, "tape_transition");
    put(json!({"status": "active"})).is(200);
    put(json!({"status": "blank"})).fails(409, "tape_transition");
    put(json!({"pool_id": 2})).fails(409, "tape_in_use");
    put(json!({"status": "sleeping"})).about("status");
    put(json!({"barcode": ""})).is(200);
    assert_eq!(house.get("/tapes/1").is(200)["barcode"], json!(null));
    house.delete("/tapes/1").fails(409, "tape_in_use");

    assert_eq!(
        house.post("/tapes/1/export", json!({"offsite_location": "Safe 2"})).is(200)["status"],
        json!("exported")
    );
    let tape = house.get("/tapes/1").is(200);
    assert_eq!((&tape["offsite_location"], &tape["status"]), (&json!("Safe 2"), &json!("exported")));
    put(json!({"status": "full"})).fails(409, "tape_transition");
    house.post("/tapes/1/label", json!({"force": true})).fails(409, "tape_in_use");
    house.post("/tapes/1/format", json!({"confirm": true})).fails(409, "tape_in_use");
    assert_eq!(house.post("/tapes/1/import", json!({})).is(200), json!({"status": "imported", "new_status": "full"}));
    house.post("/tapes/1/import", json!({})).fails(409, "tape_transition");

    let done = house.post("/tapes/batch-update", json!({"tape_ids": [1, 2, 77], "pool_id": 2})).is(200);
    assert_eq!((&done["updated"], &done["skipped"]), (&json!(1), &json!(2)), "{done}");
    assert_eq!(house.get("/tapes/2").is(200)["pool_id"], json!(2));
    house.post("/tapes/batch-update", json!({"tape_ids": []})).about("tape_ids");
}

#[test]
fn a_label_is_written_once_and_read_back() {
    let house = House::with_library(&["A00001L9", "A00002L9"]);
    let made = house.post("/tapes", json!({"label": "T1", "barcode": "A00001L9", "pool_id": 1})).is(201);
    house.post("/libraries/1/inventory", json!({})).is(200);
    let path = format!("/tapes/{}", made["id"]);
    let started = house.post(&format!("{path}/label"), json!({})).is(202);
    assert_eq!(started["status"], json!("started"));
    let row = house.ended(&started);
    assert_eq!(
        (&row["status"], &row["kind"], &row["result"]["label"]),
        (&json!("completed"), &json!("label"), &json!("T1")),
        "{row}"
    );
    let logs = house.get(&format!("/executions/{}/logs", row["id"])).is(200);
    assert!(!logs.as_array().unwrap().is_empty());
    assert_eq!(house.get(&format!("/executions/{}/logs?level=error", row["id"])).is(200), json!([]));
    let status = house.get("/tapes/operation/status").is(200);
    assert_eq!(
        (&status["op_type"], &status["phase"], &status["label"]),
        (&json!("label"), &json!("complete"), &json!("T1"))
    );
    assert_eq!(status["tape_id"], made["id"]);

    let read = house.get(&format!("{path}/read-label")).is(200);
    assert_eq!(
        (&read["labeled"], &read["matches"], &read["uuid"]),
        (&json!(true), &json!(true), &made["uuid"]),
        "{read}"
    );
    house.post(&format!("{path}/label"), json!({})).fails(409, "already_labelled");
    // made known and labelled in one request: both or neither
    let both = |label: &str, drive: i32| {
        let body = json!({"label": label, "pool_id": 1, "write_label": true, "drive_id": drive});
        house.post("/tapes?wait=true", body)
    };
    let refused = both("T2", read["drive_id"].as_i64().unwrap() as i32).fails(409, "already_labelled");
    assert!(refused.contains("'T1'"), "{refused}");
    both("T2", 2).fails(409, "no_tape");
    assert_eq!(house.get("/tapes?q=T2").is(200), json!([]));
    house.post(&format!("{path}/format"), json!({})).about("confirm");
    let message = house.post(&format!("{path}/format?wait=true"), json!({"confirm": true, "drive_id": 2})).status;
    assert!(message >= 400, "drive 2 is empty");
    let formatted = house.post(&format!("{path}/format?wait=true"), json!({"confirm": true})).is(200);
    assert_eq!(formatted["label"], json!("T1"));
    let now = house.get(&path).is(200);
    assert_eq!(now["status"], json!("blank"));
    assert_ne!(now["uuid"], made["uuid"], "a formatted tape is a new one");
}

#[test]
fn pools_are_made_changed_and_deleted_when_nobody_uses_them() {
    let house = House::new();
    house.post("/pools", json!({})).about("name");
    house.post("/pools", json!({"name": "X", "allocation_policy": "best"})).about("allocation_policy");
    house.post("/pools", json!({"name": "X", "retention_days": -1})).about("retention_days");
    let id = house.post("/pools/", json!({"name": "X"})).is(201)["id"].clone();
    house.post("/pools", json!({"name": "X"})).fails(409, "already_exists");
    let pool = house.get(&format!("/pools/{id}")).is(200);
    assert_eq!(
        (&pool["allow_reuse"], &pool["allocation_policy"], &pool["tape_count"]),
        (&json!(true), &json!("continue"), &json!(0))
    );
    house.put(&format!("/pools/{id}"), json!({"retention_days": 9, "description": "d"})).is(200);
    assert_eq!(house.get(&format!("/pools/{id}")).is(200)["retention_days"], json!(9));
    house.put(&format!("/pools/{id}"), json!({})).fails(400, "bad_request");
    house.post("/tapes", json!({"label": "A1", "pool_id": id})).is(201);
    house.delete(&format!("/pools/{id}")).fails(409, "in_use");
    house.delete("/tapes/1").is(200);
    house.delete(&format!("/pools/{id}")).is(200);
    house.get(&format!("/pools/{id}")).fails(404, "not_found");
}
