//! Drives and libraries: always the one that was named.

use crate::house::House;
use serde_json::{Value, json};

fn slots(house: &House, kind: &str) -> Vec<Value> {
    let slots = house.get("/libraries/1/slots").is(200);
    slots.as_array().unwrap().iter().filter(|slot| slot["slot_type"] == kind).cloned().collect()
}

#[test]
fn a_library_is_found_opened_and_read() {
    let house = House::with_library(&["A00001L9"]);
    let found = house.get("/libraries/scan").is(200);
    assert_eq!((&found[0]["type"], &found[0]["library_id"]), (&json!("medium_changer"), &json!(1)), "{found}");
    let library = house.get("/libraries/1").is(200);
    assert_eq!((&library["num_drives"], &library["num_import_export"]), (&json!(2), &json!(1)), "{library}");
    assert!(!library["serial_number"].as_str().unwrap().is_empty());
    let drives = house.get("/drives/scan").is(200);
    assert_eq!((drives.as_array().unwrap().len(), &drives[0]["known"]), (2, &json!(true)));
    let drive = house.get("/drives/1").is(200);
    assert_eq!(
        (&drive["library_id"], &drive["status"], &drive["loaded"]),
        (&json!(1), &json!("ready"), &json!(false)),
        "{drive}"
    );
    let bays = slots(&house, "drive");
    assert_eq!(
        (&bays[0]["drive_id"], &bays[0]["slot_number"]),
        (&json!(1), &drive["library_drive_number"]),
        "{bays:?}"
    );
    let inventory = house.post("/libraries/1/inventory", json!({})).is(200);
    assert_eq!(
        (&inventory["num_storage"], &inventory["num_drives"], &inventory["num_ie"]),
        (&json!(8), &json!(2), &json!(1))
    );

    house.post("/drives", json!({"device_path": house.device("drive0")})).fails(409, "already_exists");
    house.post("/drives", json!({"device_path": house.device("drive9")})).about("device_path");
    house.post("/drives", json!({"device_path": "/dev/null"})).about("device_path");
    house.post("/libraries", json!({"name": "x", "device_path": "virtual:/nowhere#changer"})).about("device_path");
    house.post("/libraries", json!({"device_path": house.device("changer")})).about("name");
    house.post("/libraries", json!({"name": "x", "device_path": house.device("changer")})).fails(409, "already_exists");
    house.put("/libraries/1", json!({"name": "big"})).is(200);
    assert_eq!(house.get("/libraries").is(200)[0]["name"], json!("big"));
    house.delete("/libraries/1").is(200);
    assert_eq!(house.get("/drives/1").is(200)["library_id"], json!(null));
    house.post("/libraries/1/inventory", json!({})).fails(404, "not_found");
}

#[test]
fn the_robot_and_the_drives_do_what_they_are_told() {
    let house = House::with_tapes(&["A00001L9", "A00002L9"]);
    let full = slots(&house, "storage").into_iter().find(|slot| slot["barcode"] == "A00001L9").unwrap();
    let bays = slots(&house, "drive");
    let body = json!({"slot_number": full["slot_number"], "drive_number": bays[1]["slot_number"]});
    let started = house.post("/libraries/1/load", body).is(202);
    assert_eq!(house.ended(&started)["status"], json!("completed"));
    // it is in the second drive, and the first knows nothing of it
    assert_eq!(house.get("/drives/2/status").is(200)["ready"], json!(true));
    assert_eq!(house.get("/drives/1/status").is(200)["ready"], json!(false));
    let detected = house.get("/drives/2/detect-tape").is(200);
    assert_eq!(
        (&detected["loaded"], &detected["lto_type"], &detected["density"]),
        (&json!(true), &json!("LTO-9"), &json!("0x60")),
        "{detected}"
    );
    assert_eq!(house.get("/drives/1/detect-tape").is(200)["loaded"], json!(false));
    assert_eq!(house.get("/drives").is(200)[1]["current_tape"], json!("A00001L9"));
    let free = slots(&house, "storage").into_iter().find(|slot| slot["barcode"] == "").unwrap();
    let body = json!({"slot_number": free["slot_number"], "drive_number": bays[0]["slot_number"]});
    house.post("/libraries/1/load?wait=true", body).fails(409, "slot_empty");

    let inspected = house.get("/drives/2/inspect-tape").is(200);
    assert_eq!((&inspected["status"], &inspected["label"]), (&json!("complete"), &json!("A00001L9")), "{inspected}");
    assert_eq!(house.get("/drives/1/inspect-tape").is(200)["status"], json!("no_tape"));
    let scan = house.get("/drives/2/scan-for-db-backup").is(200);
    assert_eq!((&scan["db_backups_found"], &scan["tape_label"]), (&json!(false), &json!("A00001L9")), "{scan}");
    assert_eq!(house.post("/drives/2/rewind", json!({})).is(200)["status"], json!("rewound"));
    house.post("/drives/1/rewind", json!({})).fails(409, "no_tape");
    assert_eq!(house.post("/drives/2/retension?wait=true", json!({})).is(200)["status"], json!("retensioned"));
    assert_eq!(house.post("/drives/2/eject", json!({})).is(200)["status"], json!("ejected"));
    assert_eq!(house.get("/drives/2/status").is(200)["ready"], json!(false));
    assert!(slots(&house, "storage").iter().any(|slot| slot["barcode"] == "A00001L9"), "the robot put it back");

    let free = slots(&house, "storage").into_iter().find(|slot| slot["is_empty"] == true).unwrap();
    let moved = json!({"source_slot": full["slot_number"], "dest_slot": free["slot_number"]});
    house.post("/libraries/1/transfer?wait=true", moved.clone()).is(200);
    house.post("/libraries/1/transfer?wait=true", moved).fails(409, "element_state");
    house.post("/libraries/1/transfer", json!({"source_slot": 1})).about("dest_slot");
    house.post("/libraries/1/load", json!({"slot_number": 70000, "drive_number": 1})).about("slot_number");
    house
        .post("/libraries/1/unload?wait=true", json!({"drive_number": bays[0]["slot_number"]}))
        .fails(409, "drive_empty");
}

#[test]
fn a_library_is_added_with_all_drives_in_it() {
    let house = House::with_library(&[]);
    house.delete("/drives/1").is(200);
    house.delete("/libraries/1").is(200);
    // One drive is known already: it stays as it is, and gets its bay.
    let body = json!({"name": "rack", "device_path": house.device("changer"), "with_drives": true});
    let added = house.post("/libraries", body).is(201);
    let library = added["id"].as_i64().unwrap();
    assert_eq!(added["drives"].as_array().map(Vec::len), Some(1), "{added}");
    assert_eq!(added["drives"][0]["device_path"], json!(house.device("drive0")));
    let drives = house.get("/drives").is(200);
    let bays: Vec<_> = drives.as_array().unwrap().iter().map(|drive| &drive["library_drive_number"]).collect();
    assert_eq!((bays.len(), bays[0] == bays[1]), (2, false), "{drives}");
    assert!(drives.as_array().unwrap().iter().all(|drive| drive["library_id"] == library), "{drives}");
    // Somebody knows better in which bay a drive sits.
    let id = drives[0]["id"].as_i64().unwrap();
    house.put(&format!("/drives/{id}"), json!({"library_id": 99, "library_drive_number": 1})).about("library_id");
    house.put(&format!("/drives/{id}"), json!({"library_id": null, "library_drive_number": null})).is(200);
    assert_eq!(house.get(&format!("/drives/{id}")).is(200)["library_id"], json!(null));
}

#[test]
fn drives_are_changed_disabled_and_forgotten() {
    let house = House::with_library(&[]);
    house.put("/drives/1", json!({"display_name": "left"})).is(200);
    assert_eq!(house.get("/drives/1").is(200)["display_name"], json!("left"));
    house.put("/drives/1", json!({})).fails(400, "bad_request");
    house.put("/drives/1", json!({"enabled": false})).is(200);
    house.post("/drives/1/rewind", json!({})).fails(409, "drive_disabled");
    assert_eq!(house.get("/drives/1/status").is(200)["online"], json!(false));
    house.put("/drives/1", json!({"enabled": true})).is(200);
    assert_eq!(house.post("/drives/1/select", json!({})).is(200)["status"], json!("selected"));
    house.post("/drives/1/format-tape", json!({})).about("confirm");
    assert_eq!(house.get("/drives/1/statistics").is(200)["drive_id"], json!(1));
    assert_eq!(house.get("/drives/1/alerts").is(200), json!([]));
    for path in ["/drives/9/status", "/drives/9/detect-tape", "/drives/9/statistics", "/drives/9/inspect-tape"] {
        house.get(path).fails(404, "not_found");
    }
    house.delete("/drives/1").is(200);
    house.get("/drives/1").fails(404, "not_found");
}
