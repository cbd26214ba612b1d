//! Labels of tapes, when the server is killed after the tape has one and before the database knows.

use crate::breakpoints::Breakpoint;
use crate::house::{House, Kind, Variant};
use crate::judge;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tape_drive::virt::library;
use tape_drive::virt::{CartridgeSpec, Place};

/// Between the tape and the database.
const PLACE: &str = "before a transaction: src/executions/label.rs";
const NEW: &str = "N00001L9";

/// The library has a blank tape in the place of another.
fn house() -> House {
    let house = House::new(Variant::two_drives(Kind::Plain));
    library::put(&house.library(), "F00009L9", Place::Shelf).unwrap();
    let spec = CartridgeSpec { capacity_bytes: 20 << 20, early_warning_bytes: 1 << 20, ..CartridgeSpec::new(NEW) };
    library::add_cartridge(&house.library(), &spec, Place::AnySlot).unwrap();
    house
}

/// Does it once to see where it passes, and once in another house where the server is killed there; that house, started
/// again, and when it was killed.
fn killed(work: impl Fn(&mut House)) -> (House, DateTime<Utc>) {
    let mut house = house();
    house.keep_trace();
    assert!(house.start());
    work(&mut house);
    let places: Vec<String> = house.trace().into_iter().filter(|line| line.starts_with(PLACE)).collect();
    assert_eq!(places.len(), 1, "one label is written");
    let at = Breakpoint { place: places.into_iter().next().unwrap(), nth: 1 };

    let mut house = self::house();
    house.arm(&at);
    assert!(house.start());
    work(&mut house);
    assert!(house.disarm().is_some(), "it is killed");
    house.kill();
    // the time of the label is what counts, not the time at which it is stored
    let killed = chrono::Utc::now();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(house.start());
    (house, killed)
}

/// The database tells the time that the label tells, as it does when it is rebuilt from the tapes.
fn was_labelled_before(tape: &Value, killed: DateTime<Utc>) {
    let time: DateTime<Utc> = tape["labeled_at"].as_str().unwrap().parse().unwrap();
    assert!(time <= killed, "labelled at {time}, killed at {killed}");
}

fn tape(house: &House, label: &str) -> Value {
    house.tape(label).unwrap_or_else(|| panic!("no tape {label}"))
}

/// A job writes on it, and it comes back.
fn is_usable(house: &mut House, tape: &Value) {
    let result = house.api.run_job(2, json!({"backup_type": "full", "tape_id": tape["id"]}));
    let set = result["result"]["backup_set_id"].clone();
    assert_eq!(house.api.get(&format!("/api/v1/backup-sets/{set}")).ok()["tape_id"], tape["id"]);
    judge::restored(house, &set, "committed", "on the tape whose label was healed");
    assert!(house.stop());
    judge::on_tape(house, "on the tape whose label was healed");
}

#[test]
fn a_blank_tape_got_its_label_and_nobody_knew() {
    let label = |house: &mut House| {
        house.api.post("/api/v1/libraries/1/inventory?wait=true", json!({})).ok();
        let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
        house.done("/api/v1/tapes/batch-label", body);
    };
    let (mut house, killed) = killed(label);
    assert_eq!(tape(&house, NEW)["labeled_at"], Value::Null);
    let id = tape(&house, NEW)["id"].clone();
    house.api.post("/api/v1/libraries/1/inventory?wait=true", json!({})).ok();
    let row = house.done(&format!("/api/v1/tapes/{id}/label"), json!({}));
    let row = row.unwrap();
    assert_eq!(row["status"], "completed", "{row}");
    let tape = tape(&house, NEW);
    was_labelled_before(&tape, killed);
    is_usable(&mut house, &tape);
}

#[test]
fn a_tape_was_formatted_and_nobody_knew() {
    const OLD: &str = "F00005L9";
    let format = |house: &mut House| {
        let id = tape(house, OLD)["id"].clone();
        house.api.post("/api/v1/libraries/1/inventory?wait=true", json!({})).ok();
        let slots = house.api.get("/api/v1/libraries/1/slots").ok();
        let number = |key: &str, value: &str| {
            let slot = slots.as_array().unwrap().iter().find(|slot| slot[key] == value);
            slot.unwrap_or_else(|| panic!("{slots}"))["slot_number"].clone()
        };
        let (slot, drive) = (number("barcode", OLD), number("slot_type", "drive"));
        house.api.post("/api/v1/libraries/1/load?wait=true", json!({"slot_number": slot, "drive_number": drive})).ok();
        house.done(&format!("/api/v1/tapes/{id}/format"), json!({"confirm": true, "drive_id": 1}));
    };
    let (mut house, killed) = killed(format);
    let before = tape(&house, OLD);
    is_usable(&mut house, &before);
    assert!(house.start());
    let after = tape(&house, OLD);
    assert_ne!(before["uuid"], after["uuid"], "it is known by its new label");
    was_labelled_before(&after, killed);
}
