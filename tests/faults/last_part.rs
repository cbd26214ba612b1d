//! The server is killed between the last part of a set and the set: the tape has all of it, and so has the catalog.

use crate::breakpoints::Breakpoint;
use crate::house::{Hands, House, Kind, Variant};
use crate::judge;
use crate::kill::{self, Loss};
use crate::rehearsal;
use serde_json::json;

/// Behind what stores a part.
const PLACE: &str = "after a transaction: src/executions/backup/resume.rs";

/// Where that is in a run, and how often it is passed.
fn place(variant: Variant) -> Breakpoint {
    let rehearsal = rehearsal::of(variant);
    let mut places = rehearsal.places.iter().filter(|(place, _)| place.starts_with(PLACE));
    let (place, times) = places.next().expect("parts are stored");
    assert!(places.next().is_none() && *times >= 3, "{place}: {times}");
    Breakpoint { place: place.clone(), nth: *times }
}

#[test]
fn no_part_follows_the_last_one() {
    for kind in [Kind::Plain, Kind::Encrypted] {
        let variant = Variant { kind, hands: Hands::Library };
        assert!(kill::at(variant, &place(variant), Loss::Process));
    }
}

#[test]
fn what_is_gone_stays_gone() {
    let variant = Variant { kind: Kind::Plain, hands: Hands::Library };
    let at = Breakpoint { nth: 1, ..place(variant) };
    let mut house = House::new(variant);
    assert!(house.start());
    // the pool says how long sets are kept
    assert!(house.api.send("PUT", "/api/v1/jobs/1", Some(&json!({"retention_days": 0}))).status < 300);
    house.run();
    assert_eq!(house.ended().unwrap()["status"], "completed");
    assert!(house.stop());
    std::fs::remove_file(house.source.join("dir/07")).unwrap();
    std::fs::write(house.source.join("dir/new"), "new").unwrap();
    house.arm(&at);
    assert!(house.start());
    assert!(house.run_with(1, json!({"backup_type": "incremental"})).is_none() || house.ended().is_none());
    assert!(house.disarm().is_some());
    house.kill();
    assert!(house.start());
    let row = house.ended().unwrap();
    assert_eq!(row["status"], "completed", "{row}");
    assert_eq!(row["result"]["deleted"], 1, "{row}");
    let set = house.api.get(&format!("/api/v1/backup-sets/{}", row["result"]["backup_set_id"])).ok();
    assert!(set["expires_at"].is_string(), "{set}");
    judge::restored(&mut house, &row["result"]["backup_set_id"], "source", "the set that was cut off");
    assert!(house.stop());
    judge::on_tape(&house, "the set that was cut off");
}
