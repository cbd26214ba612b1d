//! A disk that is full under the database and under what is restored.

use crate::house::{House, Kind, Variant};
use crate::judge;
use serde_json::json;

#[test]
fn a_full_disk_under_the_database_fails_the_run_and_nothing_else() {
    let mut house = House::new(Variant::two_drives(Kind::Plain));
    // so many rows that the database grows
    for number in 0..20_000 {
        let dir = house.source.join(format!("many/{:03}", number / 100));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{number}")), b"").unwrap();
    }
    house.limit_database(Some(200));
    assert!(house.start());
    house.run();
    let row = house.ended().expect("the server lives");
    assert_eq!(row["status"], "failed", "{row}");
    assert!(row["error_message"].as_str().unwrap().len() > 10, "{row}");
    house.stop();
    house.limit_database(None);
    assert!(house.start());
    judge::holds(&mut house, "a full disk under the database");
}

#[test]
fn a_full_disk_under_a_restore_is_told_file_by_file() {
    let mut house = House::new(Variant::two_drives(Kind::Plain));
    assert!(house.start());
    let done = house.api.run_job(1, json!({}));
    house.stop();
    house.limit_files(Some(30 << 20));
    assert!(house.start());
    let to = house.folder.path().join("r");
    let body = json!({"backup_set_id": done["result"]["backup_set_id"], "dest_path": to.to_str().unwrap()});
    let started = house.api.post("/api/v1/restore/run", body).ok();
    let row = house.api.wait(&started["execution_id"]);
    assert_ne!(row["status"], "completed", "{row}");
    let log = house.api.get(&format!("/api/v1/executions/{}/logs?limit=1000", row["id"])).ok();
    assert!(log.to_string().contains("large"), "{log}");
    assert!(!to.join("large").exists(), "nothing half-done stays");
    assert_eq!(std::fs::read(to.join("dir/07")).unwrap(), std::fs::read(house.source.join("dir/07")).unwrap());
}
