//! The whole server with a third party's library: found, added with its drives, its cartridges moved.

use crate::harness::Lab;
use crate::server::Server;
use serde_json::{Value, json};

#[test]
fn a_library_is_found_added_with_its_drives_and_used() {
    let Some(lab) = Lab::tgt() else { return };
    lab.and(&["--barcodes", "LAB001L6,LAB002L6"]).inside("service::finds_adds_and_uses_a_library");
}

fn slot<'a>(slots: &'a Value, barcode: &str) -> &'a Value {
    let row = slots.as_array().unwrap().iter().find(|row| row["barcode"] == barcode);
    row.unwrap_or_else(|| panic!("{barcode}: {slots}"))
}

#[test]
#[ignore = "runs inside the lab"]
fn finds_adds_and_uses_a_library() {
    let server = Server::bare();
    let api = &server.api;
    let found = api.get("/api/v1/libraries/scan").ok();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    let library = &found[0];
    assert_eq!(
        (&library["model"], &library["library_id"], &library["problem"]),
        (&json!("L700"), &Value::Null, &Value::Null)
    );
    assert_eq!(library["drives"].as_array().map(Vec::len), Some(2), "{library}");
    let drives = api.get("/api/v1/drives/scan").ok();
    for (drive, number) in drives.as_array().unwrap().iter().zip(1..) {
        assert_eq!(drive["known"], false, "{drive}");
        assert_eq!((&drive["library_serial"], &drive["library_drive_number"]), (&json!("LABCHG0001"), &json!(number)));
        assert_eq!((&drive["generation"], &drive["firmware"]), (&json!(6), &json!("0001")));
    }

    // One confirmation.
    let body = json!({"name": "Rack", "device_path": library["device_path"], "with_drives": true});
    let added = api.post("/api/v1/libraries", body.clone()).ok();
    assert_eq!(
        (&added["num_storage"], &added["num_drives"], &added["num_import_export"]),
        (&json!(8), &json!(2), &json!(1))
    );
    let bays: Vec<i64> =
        added["drives"].as_array().unwrap().iter().filter_map(|drive| drive["library_drive_number"].as_i64()).collect();
    assert_eq!(bays, [1, 2], "{added}");
    api.post("/api/v1/libraries", body).fails(409, "already_exists");
    let sch = std::env::var("TAPELAB_SCH").unwrap();
    // The same library by its other node.
    api.post("/api/v1/libraries", json!({"name": "Again", "device_path": sch})).fails(409, "already_exists");
    assert_eq!(api.get("/api/v1/libraries/scan").ok()[0]["library_id"], added["id"]);
    let drives = api.get("/api/v1/drives/scan").ok();
    assert!(drives.as_array().unwrap().iter().all(|drive| drive["known"] == true), "{drives}");

    // Out by the mail slot and in again.
    let slots = api.get("/api/v1/libraries/1/slots").ok();
    let home = slot(&slots, "LAB002L6")["slot_number"].as_i64().unwrap();
    let is_mail = |row: &&Value| row["slot_type"] == "import_export";
    let mail = slots.as_array().unwrap().iter().find(is_mail).unwrap()["slot_number"].as_i64().unwrap();
    for (from, to) in [(home, mail), (mail, home)] {
        let started = api.post("/api/v1/libraries/1/transfer", json!({"source_slot": from, "dest_slot": to})).ok();
        api.complete(started);
        let slots = api.get("/api/v1/libraries/1/slots").ok();
        assert_eq!(slot(&slots, "LAB002L6")["slot_number"], to);
    }
    api.post("/api/v1/libraries/1/inventory", json!({})).ok();
}
